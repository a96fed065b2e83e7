"""What adapters refuse, in the same words whatever the framework. Each adapter says remedies that it has, see `Remedies`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NoReturn


class UnknownRowsError(ValueError):
    """It is not known which part of a noise belongs to which row."""


@dataclass(frozen=True)
class Remedies:
    """What an adapter offers, in its own words.

    Args:
        same_draws: where all draws would be the same.
        mixed_rows: where a row's prediction depends on the rows beside it.
    """

    same_draws: str
    mixed_rows: str


def refuse_mixed_rows(name: str, remedies: Remedies) -> NoReturn:
    raise ValueError(
        f"model: what {name} says of a row changes with the rows beside it, or with its place among them, so a row has no "
        f"prediction of its own. {remedies.mixed_rows}"
    )


def refuse_unknown_rows(name: str, layer: str, why: str) -> NoReturn:
    raise UnknownRowsError(
        f"consistent: it is not known which of the random numbers of {_layer(name, layer)} belong to which row: {why}. "
        "consistent=False gives every row noise of its own, which row-wise heuristics can do with."
    )


def refuse_other_shapes(name: str, layer: str, shape: tuple[int, ...], before: tuple[int, ...] | None) -> NoReturn:
    was = (
        "that it did not draw in the first block" if before is None else f"and in the first block {before} for one row"
    )
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers of shape {shape} for this block, {was}, so a draw would not be "
        "one network. Pad the rows of all batches to one length. consistent=False gives every row noise of its own, which row-wise "
        "heuristics can do with."
    )


def refuse_fewer_draws(name: str, layer: str, shape: tuple[int, ...]) -> NoReturn:
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers of shape {shape} for a row of the first block, and none for one "
        "of this block, so a draw would not be one network. Pad the rows of all batches to one length. consistent=False gives "
        "every row noise of its own, which row-wise heuristics can do with."
    )


def refuse_other_generator(name: str, layer: str, generator: str) -> NoReturn:
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers from {generator}, as many as there are rows, so rows cannot share "
        "them. Draw them with the framework's own functions, or pass consistent=False, which row-wise heuristics can do with."
    )


def refuse_unseeded(name: str) -> NoReturn:
    raise ValueError(
        f"seed: {name} says something else when it is run again with the same seed: a layer has a random generator of its own, "
        "which cannot be set. Draw its numbers with the framework's own functions."
    )


def refuse_kept_noise(name: str, layer: str) -> NoReturn:
    raise ValueError(
        f"draws: {_layer(name, layer)} keeps the random numbers of its first forward pass, so all draws would be the same. Let it "
        "draw them in each pass; or, where one pass makes several draws, pass draws=1 and draw_axis=."
    )


def refuse_same_draws(name: str, draws: int, remedies: Remedies) -> NoReturn:
    raise ValueError(
        f"draws: {name} draws no random numbers when it predicts, so all {draws} draws would be the same. {remedies.same_draws}"
    )


def refuse_same_members(name: str, members: int, remedy: str) -> NoReturn:
    raise ValueError(
        f"model: all {members} members are one and the same {name}: fitted to the same, they say the same of every row, and BALD "
        f"is 0 everywhere. {remedy}"
    )


def refuse_twins(name: str, groups: list[list[int]], remedy: str) -> NoReturn:
    said = "; ".join(f"members {', '.join(map(str, one[:-1]))} and {one[-1]}" for one in groups)
    raise ValueError(
        f"model: {said} are one and the same {name}: fitted to the same, they say the same of every row. Pass each once; alcore's "
        f"weights count a draw more than once. To get others: {remedy}"
    )


def warn_of_same_members(members: int, rows: int, remedy: str) -> None:
    warnings.warn(
        f"model: all {members} members said exactly the same of all {rows} rows, so BALD is 0 for each. They are one and the same "
        f"model, or do not differ on these rows. To get others: {remedy}",
        UserWarning,
        stacklevel=3,
    )


def refuse_missing(extra: str, error: ImportError) -> ImportError:
    """What an adapter raises where its framework is not installed."""
    return ImportError(f"alcore_{extra} needs its framework: pip install 'alcore[{extra}]' ({error}).")


def _layer(name: str, layer: str) -> str:
    return f"layer {layer!r} of {name}" if layer else name
