"""Sources that cannot be read, or that do not fit each other."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from alcore.door.arrays import AXES
from alcore.door.axes import Axes
from alcore.door.kinds import Kind, family
from alcore.door.wording import shown


def as_path(value: Any, name: str) -> Path:
    """The name of a file."""
    if not isinstance(value, str | os.PathLike):
        raise TypeError(f"{name}: expected the name of a file, got {shown(value)}.")
    return Path(value)


def refuse_source(value: Any, name: str) -> NoReturn:
    """Something that is neither an array, nor a file, nor an iterable of blocks."""
    got = "None" if value is None else type(value).__name__
    if isinstance(value, Mapping):
        names = ", ".join(repr(str(key)) for key in list(value)[:8])
        remedy = f"Pass one of them: {name}[{shown(next(iter(value), 'name'))}]."
        raise TypeError(f"{name}: expected one array {AXES}, got a {got} with members {names}. {remedy}")
    raise TypeError(
        f"{name}: expected an array {AXES}, a file's path or an iterable of such arrays, got {got}. "
        + ("Pass predictions of a model." if value is None else "Convert nested lists of numbers first: np.asarray(x).")
    )


def refuse_no_predictions(name: str) -> NoReturn:
    raise TypeError(
        f"{name}: expected predictions {AXES}, got None. Pass predictions. Only Precomputed(scores) chooses without them, and "
        "in a ledger Random() too."
    )


def refuse_block(name: str, number: int, got: str, expected: str) -> NoReturn:
    """A block of an iterable that does not continue the blocks before it."""
    raise ValueError(f"{name}: block {number}: expected {expected}, got {got}.")


def refuse_empty_stream(name: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected at least one block {AXES}, got an iterable without blocks. "
        "A generator can be read only once. Make a new one for each call."
    )


def refuse_event_axes(name: str, cell_shape: tuple[int, ...], axes: Axes | None = None) -> NoReturn:
    """``axes``: how they lie in the caller's array. None for (N, C, ..., T)."""
    rows = "J" if name == "targets" else "N"
    cells, then = f"np.moveaxis(np.asarray({name}), 1, -2)", ""
    if axes is not None and not axes.is_plain:
        classes = () if axes.classes is None else (axes.classes,)
        cells, then = (
            f"np.transpose(np.asarray({name}), {(axes.rows, *axes.events, *classes, *axes.draws)})",
            ", without axes=",
        )
    whole = (
        " To choose whole rows, reduce a score, Reduce(BALD(), 'mean'), or compare rows at some positions, "
        "BatchBALD(positions=16)."
    )
    raise ValueError(
        f"{name}: expected shape ({rows}, C, T), got ({rows}, {', '.join(map(str, cell_shape))}). Make a row of each pixel or "
        f"token: {cells}.reshape(-1, {cell_shape[0]}, {cell_shape[-1]}){then}." + ("" if name == "targets" else whole)
    )


def check_targets_have_no_events(targets: Any, axes: Axes) -> None:
    """Refuse targets that lie as the pool does, with its event axes."""
    shape = tuple(getattr(targets, "shape", ()))
    if not axes.events or len(shape) != len(axes.text):
        return
    places = [place for place in range(len(shape)) if place not in axes.events]
    order = [one for place in places for one in ((place, *axes.events) if place == axes.rows else (place,))]
    sizes = ", ".join("-1" if place == axes.rows else str(shape[place]) for place in places)
    raise ValueError(
        f"targets: expected one label a target, with the axes {axes.without_events!r}, got {axes.text!r} of shape {shape}. Make a "
        f"target of each pixel or token: np.transpose(np.asarray(targets), {tuple(order)}).reshape({sizes}). EPIG takes time for "
        "each target, so pass some of them, drawn at random."
    )


def refuse_rows_or_draws(name: str, count: int, shape: tuple[int, ...], axes: Axes, *, files: bool) -> NoReturn:
    """Several arrays of one shape whose axes name no draws: draws of the same rows and blocks of rows look alike."""
    what = "files" if files else "arrays"
    draws = f"np.stack({name}, axis=-1) with axes={axes.text + 'T'!r}"
    rows = f"one array, np.concatenate({name}, axis={axes.rows}), or a generator, iter({name})"
    if files:
        draws = f"alcore.concatenate_draws({name}, axes={axes.text!r}) without axes="
        rows = f"a generator of arrays, (alcore.open_predictions(one) for one in {name})"
    raise ValueError(
        f"{name}: expected {what} with an axis of draws, got {count} {what} of shape {shape}, and axes={axes.text!r} names no "
        f"draws. If they are the draws of the same rows, pass {draws}. If they are blocks of rows, pass {rows}."
    )


def refuse_memory(needed: int, memory: int, remedy: str) -> NoReturn:
    """``needed`` and ``memory`` in bytes."""
    expected, got = needed / 2**20, memory / 2**20
    raise ValueError(f"memory: expected at least {expected:,.1f} MiB, got {got:,.1f}. Pass memory={needed}{remedy}.")


def options_of_saving(kind: Kind, axes: Any) -> str:
    """The options that `save_predictions` needs for predictions of this kind, whose axes were said like this. None: not said."""
    named = "" if family(kind) == "classes" else f", kind={kind!r}"
    return named if axes is None else f"{named}, axes={axes!r}"


def refuse_single_reading(name: str, why: str, kind: Kind, axes: Any) -> NoReturn:
    """``kind`` and ``axes``: the options of the call."""
    more, then = options_of_saving(kind, axes), "" if axes is None else ", and read that file without axes"
    raise ValueError(
        f"{name}: expected predictions that can be read again, got an iterable that can be read only once. {why}. Save them first, "
        f"alcore.save_predictions('preds.zarr', {name}{more}){then}, or pass a list of blocks, list({name})."
    )


def refuse_other_cells(name: str, got: tuple[int, ...], expected: tuple[int, ...], what: str = "classes") -> NoReturn:
    raise ValueError(
        f"{name}: expected {expected[0]} {what} and {expected[1]} draws, as probs has, got {got[0]} and {got[1]}. "
        "Predict both with the same draws of the same model."
    )


def refuse_too_many_rows(name: str, rows: int) -> NoReturn:
    raise ValueError(
        f"{name}: expected rows whose scores fit into memory, got {rows} rows. Score them in parts: {name}[:1_000_000]."
    )


def refuse_unequal_rows(name: str, expected: int, got: int, of: str) -> NoReturn:
    raise ValueError(f"{name}: expected {expected} rows, as {of} has, got {got}. Pass the same rows in both.")
