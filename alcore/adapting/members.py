"""The members of an ensemble: all in memory, or loaded from files into one model, one after the other."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from alcore.adapting.ids import Before, Ids
from alcore.adapting.predictions import predict
from alcore.adapting.ranges import RowRange, save_range
from alcore.adapting.request import Request
from alcore.door import Array
from alcore.sources.files import open_predictions, whole_file
from alcore.sources.variances import halves
from alcore.sources.writing import beside_path, concatenate_draws


class Member(Protocol):
    """Runs members that are loaded one after the other. It begins each with its request, then takes a batch, a block and a draw."""

    def begin(self, request: Request) -> None: ...

    def __call__(self, batch: Any, block: int, draw: int) -> Array: ...


@dataclass(frozen=True)
class Checkpoints:
    """An ensemble on disk. Its weights are loaded into one model, one member at a time.

    Args:
        model: the model that the weights fit.
        paths: files of weights, one for each member.
    """

    model: Any
    paths: Sequence[str | os.PathLike[str]]


def as_members(model: Any, kinds: Any, said: str) -> list[Any]:
    """The members of an ensemble as a list. One model is a list of one.

    Raises:
        TypeError: for an empty list, and for a member that is none of ``kinds``. ``said`` names these kinds.
    """
    members = list(model) if isinstance(model, list | tuple) else [model]
    if not members or not all(isinstance(one, kinds) for one in members):
        raise TypeError(
            f"model: expected {said} or a list of several, got {type(model).__name__}. Pass one, or [first, second]."
        )
    return members


def predict_in_turn(
    members: Sequence[Callable[[], None]],
    batches: Callable[[], Iterable[Any]],
    run: Member,
    request: Request,
    *,
    rows: int | None,
    out: str | os.PathLike[str] | RowRange | None,
    mask: Callable[[Any], Any] | None = None,
    ids: Ids | None = None,
    progress: bool = True,
) -> Any:
    """Predict with members that do not fit into memory together. Each is loaded and predicts all rows, and ``out`` joins the draws.

    The predictions of each member stay in a file beside ``out`` until all are there. A run that was killed goes on with the member
    at which it stopped. With ``ids``, all members must have the same rows in the same order, so that their draws belong together.

    Raises:
        ValueError: for an iterator, for ``out=None``, for rows in another order, and as `predict`.
    """
    once = batches()
    if once is batches() and isinstance(once, Iterator):
        raise ValueError(
            "data: expected a list or a loader, got an iterator. An iterator gives its blocks once, but each checkpoint needs "
            "them. Pass list(data)."
        )
    if out is None:
        raise ValueError(
            "out: expected a file, got None. Checkpoints are loaded one at a time, and a file joins their draws: "
            f"out={'preds.zarr' if rows is None else 'preds.npy'!r}."
        )
    given: dict[str, Any] = {"rows": rows, "mask": mask, "ids": ids, "progress": progress}
    if isinstance(out, RowRange):
        return _range_in_turn(members, batches, run, request, out, given)
    target, files = Path(out), list[Path]()
    for place, load in enumerate(members):
        file = target.with_name(f"{target.stem}.member-{place}{target.suffix}")
        if not file.exists():
            load()
            own = replace(request, first=request.first + place * request.draws)
            run.begin(own)
            before = _rows_of(files[0], target) if files and ids is not None else None
            predict(batches(), [run], own, out=file, before=before, **given)
        files.append(file)
    for name in ("mask", "ids"):
        if given[name] is not None:
            _keep(beside_path(files[0], name), beside_path(target, name))
    joined = concatenate_draws(files, target, kind=request.kind)
    for file in files:
        for name in ("mask", "ids"):
            beside_path(file, name).unlink(missing_ok=True)
        shutil.rmtree(file) if file.is_dir() else file.unlink()
    return halves(joined) if request.variance else joined


def _range_in_turn(
    members: Sequence[Callable[[], None]],
    batches: Callable[[], Iterable[Any]],
    run: Member,
    request: Request,
    out: RowRange,
    given: dict[str, Any],
) -> Any:
    """A range of a store. The draws of all members are joined in a temporary file."""
    names = [name for name in ("mask", "ids") if given[name] is not None]
    saving = out.saving(request, {"checkpoints": len(members), **dict.fromkeys(names, True)})
    if saving.is_whole:
        return out.store
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "range.zarr"
        predict_in_turn(members, batches, run, request, out=file, **given)
        joined = open_predictions(file)
        beside = {name: np.load(beside_path(file, name), allow_pickle=False) for name in names}
        step = out.store.chunk
        parts = (slice(start, start + step) for start in range(0, joined.shape[0], step))
        made = ((np.asarray(joined[part]), {name: kept[part] for name, kept in beside.items()}) for part in parts)
        return save_range(saving, made, [run])


def _rows_of(first: Path, target: Path) -> Before:
    """The ids of the rows that the first member predicted."""
    mine = f"{target.stem}.member-*"
    _check_there(beside_path(first, "ids"))
    remedy = (
        "Pass data in a fixed order: a loader with shuffle=False, or list(loader) with out='preds.zarr'. To begin again, delete "
        f"{mine}."
    )
    return Before(np.load(beside_path(first, "ids"), allow_pickle=False), remedy)


def _keep(source: Path, target: Path) -> None:
    """Copy what is kept beside the rows. The copy is there before the predictions are."""
    _check_there(source)
    with whole_file(target) as file:
        file.write(source.read_bytes())


def _check_there(file: Path) -> None:
    if not file.exists():
        option, target = file.stem.rpartition(".")[2], file.name.partition(".member-")[0]
        raise ValueError(
            f"{file}: not there. The first run predicted its member without {option}=, and this run has it. Pass {option}=None, or "
            f"delete {target}.member-* to begin again."
        )


def predict_members(
    runs: Sequence[Any],
    batches: Callable[[], Iterable[Any]],
    request: Request,
    loads: Sequence[Callable[[], None]] | None,
    restore: Callable[[], None] | None = None,
    **given: Any,
) -> Any:
    """Predict with members in memory, or with members on disk.

    Args:
        runs: one for each member in memory, or one for all members on disk.
        batches: gives the blocks of the data, anew at each call.
        request: what is asked for.
        loads: for members on disk, one function each that writes its weights into the model. None for members in memory.
        restore: writes the model's own weights back.
        given: options of `predict`.

    Returns:
        What `predict` returns.
    """
    if loads is None:
        return predict(batches(), runs, request, **given)
    try:
        return predict_in_turn(loads, batches, runs[0], request, **given)
    finally:
        if restore is not None:
            restore()
