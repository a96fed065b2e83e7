"""What adapters refuse, in the same words for every framework. Each adapter brings its own remedies, see `Remedies`."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import NoReturn

PLAIN = "consistent=False, which gives every row noise of its own. Row-wise heuristics such as BALD need no more."
OWN = "Draw its numbers with functions of the framework: torch.rand, keras.random.uniform, jax.random.uniform."


class UnknownRowsError(ValueError):
    """It is not known which random numbers belong to which row, so rows cannot share them."""


@dataclass(frozen=True)
class Remedies:
    """The remedies of one adapter, as sentences that end its errors.

    Args:
        same_draws: what to do where all draws would be the same.
        mixed_rows: what to do where the prediction of a row depends on the rows beside it.
    """

    same_draws: str
    mixed_rows: str


def refuse_mixed_rows(name: str, remedies: Remedies) -> NoReturn:
    """Raise ValueError: the prediction of a row depends on the rows beside it."""
    raise ValueError(
        f"model: what {name} predicts for a row changes with the rows beside it, or with its place among them. So a row has no "
        f"prediction of its own. {remedies.mixed_rows}"
    )


def refuse_unknown_rows(name: str, layer: str, why: str) -> NoReturn:
    """Raise `UnknownRowsError`: it is not known which random numbers of a layer belong to which row."""
    raise UnknownRowsError(
        f"consistent: it is not known which of the random numbers of {_layer(name, layer)} belong to which row: {why}. "
        f"Pass {PLAIN}"
    )


def refuse_other_shapes(name: str, layer: str, shape: tuple[int, ...], before: tuple[int, ...] | None) -> NoReturn:
    """Raise `UnknownRowsError`: a layer draws numbers of another shape than it did ``before``, in the first block."""
    was = "and none in the first block" if before is None else f"and {before} for one row of the first block"
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers of shape {shape} for this block, {was}. So a draw would not be "
        f"one network. Pad the rows of all blocks to one length. Or pass {PLAIN}"
    )


def refuse_fewer_draws(name: str, layer: str, shape: tuple[int, ...]) -> NoReturn:
    """Raise `UnknownRowsError`: a layer draws numbers for the first block and none for this one."""
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers of shape {shape} for a row of the first block, and none for one "
        f"of this block. So a draw would not be one network. Pad the rows of all blocks to one length. Or pass {PLAIN}"
    )


def refuse_other_generator(name: str, layer: str, generator: str) -> NoReturn:
    """Raise `UnknownRowsError`: a layer draws numbers from a generator whose numbers rows cannot share."""
    raise UnknownRowsError(
        f"consistent: {_layer(name, layer)} draws random numbers from {generator}, as many as there are rows, so rows cannot share "
        f"them. {OWN} Or pass {PLAIN}"
    )


def refuse_unseeded(name: str) -> NoReturn:
    """Raise ValueError: the same seed gives other predictions."""
    raise ValueError(
        f"seed: {name} predicts something else when it runs again with the same seed. One of its layers has a random generator of "
        f"its own, which alcore cannot set. {OWN}"
    )


def refuse_kept_noise(name: str, layer: str) -> NoReturn:
    """Raise ValueError: a layer draws its numbers once and keeps them."""
    raise ValueError(
        f"draws: {_layer(name, layer)} keeps the random numbers of its first forward pass, so all draws would be the same. Let it "
        "draw new numbers in each pass. If one pass makes several draws, pass draws=1 and their axis, for example draw_axis=0."
    )


def refuse_same_draws(name: str, draws: int, remedies: Remedies) -> NoReturn:
    """Raise ValueError: the model draws no random numbers, so all draws would be the same."""
    raise ValueError(
        f"draws: {name} draws no random numbers when it predicts, so all {draws} draws would be the same. {remedies.same_draws}"
    )


def refuse_same_members(name: str, members: int, remedy: str) -> NoReturn:
    """Raise ValueError: all members are the same model."""
    raise ValueError(
        f"model: all {members} members are the same {name}. Their fitted parameters are equal, so they predict the same for every "
        f"row, and BALD is 0 everywhere. {remedy}"
    )


def refuse_twins(name: str, groups: list[list[int]], remedy: str) -> NoReturn:
    """Raise ValueError: the members of each group are the same model."""
    said = "; ".join(f"members {', '.join(map(str, one[:-1]))} and {one[-1]}" for one in groups)
    raise ValueError(
        f"model: {said} are the same {name}. Their fitted parameters are equal, so they predict the same for every row. Pass each "
        f"model once. To count one more than once, give its draw a larger weight in alcore's weights. {remedy}"
    )


def warn_of_same_members(members: int, rows: int, remedy: str) -> None:
    """Warn that all members predict the same for all rows."""
    warnings.warn(
        f"model: all {members} members predict exactly the same for all {rows} rows, so BALD is 0 for each row. They are the same "
        f"model, or do not differ on these rows. {remedy}",
        UserWarning,
        stacklevel=3,
    )


def refuse_missing(extra: str, error: ImportError) -> ImportError:
    """The error that an adapter raises where its framework is not installed."""
    return ImportError(
        f"alcore_{extra} needs its framework, which is not installed ({error}). Run: pip install 'alcore[{extra}]'"
    )


def _layer(name: str, layer: str) -> str:
    return f"layer {layer!r} of {name}" if layer else name


def refuse_ranges(why: str) -> NoReturn:
    """Raise ValueError: the draws of a range would be others than those of the same rows in one call. ``why``: a clause."""
    raise ValueError(
        f"rows: {why}, so the draws of ranges would not be the same networks. Leave rows out, and write one file: "
        "out='preds.zarr'."
    )
