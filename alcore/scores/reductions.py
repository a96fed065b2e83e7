"""Scores of cells (N, ...) -> scores of rows (N,): pixels or tokens to images or sentences, without the padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Bools, Float64s
from alcore.sources.threads import unpin_thread

How: TypeAlias = str | Callable[[Float64s], float]


def reduce(scores: npt.ArrayLike, how: How = "mean", *, q: float = 0.1, mask: npt.ArrayLike | None = None) -> Float64s:
    """Reduce the event axes of scores to one score a row: the mean, the sum or the maximum of the row's cells, for example.

    Args:
        scores: (N, ...) scores of cells.
        how: "mean", "sum", "max", "top-mean", or a function of one row's scores without padding, (cells,) -> float.
            "top-mean" is the mean of the share `q` of largest scores, of at least one cell.
        q: the share of cells that "top-mean" takes, above 0 and at most 1.
        mask: (N, ...) bool, True where a cell is padding. The function ignores the score of that cell, which may be NaN.

    Returns:
        (N,) float64 in the unit of the scores. A mean or a maximum has the range of the scores. The cost is O(cells) time, or
            O(cells · log cells) for "top-mean".

    Raises:
        TypeError: `scores` or `mask` is not a plain array of numbers or booleans.
        ValueError: a row has no cell outside the padding, a score outside the padding is NaN, a score in a sum or a mean is
            infinite, or an argument has a wrong value or shape.

    >>> import alcore, numpy
    >>> scores = numpy.array([[0.1, 0.3, 9.0], [0.2, 0.2, 0.2]])
    >>> padding = numpy.array([[False, False, True], [False, False, False]])
    >>> alcore.reduce(scores, "mean", mask=padding)
    array([0.2, 0.2])
    """
    array = door.as_cells(scores)
    check_how(how, q)
    return reduce_cells(array, how, q, door.as_mask(mask, array.shape[1:], len(array)))


def check_how(how: How, q: float) -> None:
    """Refuse an unknown reduction."""
    if not callable(how) and (not isinstance(how, str) or how not in _REDUCTIONS):
        raise ValueError(
            f"how: expected a function or one of {', '.join(map(repr, _REDUCTIONS))}, got {door.shown(how)}."
        )
    door.as_share(q)


def reduce_cells(scores: Float64s, how: How, q: float, padding: Bools | None, first_row: int = 0) -> Float64s:
    """``reduce`` of checked arguments. ``first_row`` is the number of row 0, for refusals."""
    n = len(scores)
    cells = math.prod(scores.shape[1:])
    values = scores.reshape(n, cells)
    keep = np.ones((n, cells), np.bool_) if padding is None else np.ascontiguousarray(~padding.reshape(n, cells))
    _refuse_where(~keep.any(axis=1), first_row, "has no cell outside the padding. Remove the row from scores and mask")
    _refuse_where(
        (np.isnan(values) & keep).any(axis=1), first_row, "has a score that is nan. NaN is not ranked. Replace it"
    )
    if callable(how):
        unpin_thread()
        results = [how(row[kept]) for row, kept in zip(values, keep, strict=True)]
        try:
            reduced = np.array(results, np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"how: expected a function (cells,) -> float, got results {door.shown(results)}."
            ) from error
        if reduced.shape != (n,):
            raise ValueError(f"how: expected a function (cells,) -> float, got results of shape {reduced.shape[1:]}.")
        _refuse_where(np.isnan(reduced), first_row, "is reduced to nan by the function given as how. Return a number")
        return reduced
    if how != "max":
        infinite = (np.isinf(values) & keep).any(axis=1)
        _refuse_where(
            infinite, first_row, "has an infinite score. Reduce by 'max', or call pairwise_kl with floor=1e-6"
        )
    return _REDUCTIONS[how](values, keep, q)


def _refuse_where(wrong: Any, first_row: int, what: str) -> None:
    if wrong.any():
        raise ValueError(f"scores: row {first_row + int(wrong.argmax())} {what}.")


def _sum(values: Float64s, keep: Bools, q: float) -> Float64s:
    return np.asarray(np.where(keep, values, 0.0).sum(axis=1))


def _mean(values: Float64s, keep: Bools, q: float) -> Float64s:
    return np.asarray(_sum(values, keep, q) / keep.sum(axis=1))


def _max(values: Float64s, keep: Bools, q: float) -> Float64s:
    return np.asarray(np.where(keep, values, -np.inf).max(axis=1, initial=-np.inf))


def _top_mean(values: Float64s, keep: Bools, q: float) -> Float64s:
    counts = np.maximum(1, np.ceil(q * keep.sum(axis=1) - 1e-9))  # 0.1 * 30 cells are 3, whatever rounding says
    falling = -np.sort(-np.where(keep, values, -np.inf), axis=1)
    taken = np.arange(values.shape[1]) < counts[:, None]
    return np.asarray(np.where(taken, falling, 0.0).sum(axis=1) / counts)


_REDUCTIONS: dict[str, Callable[[Float64s, Bools, float], Float64s]] = {
    "mean": _mean,
    "sum": _sum,
    "max": _max,
    "top-mean": _top_mean,
}
