"""Scores of cells -> scores of rows (N,): pixels, tokens or boxes to images or sentences, without the padding."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Bools, Float64s
from alcore.sources.threads import in_parts, unpin_thread

How: TypeAlias = str | Callable[[Float64s], float]
Numbers: TypeAlias = npt.NDArray[np.int64]

SAY_EMPTY = "say its score: empty=0.0"
IS_NAN = "has a score that is nan. NaN is not ranked. Replace it"
IS_INFINITE = "has an infinite score. Reduce by 'max', or call pairwise_kl with floor=1e-6"
ROWS_A_THREAD = 1 << 14  # under this a second thread takes longer to start than to help


def reduce(
    scores: npt.ArrayLike,
    how: How = "mean",
    *,
    q: float = 0.1,
    mask: npt.ArrayLike | None = None,
    ignore_index: int | None = None,
    offsets: npt.ArrayLike | None = None,
    empty: float | None = None,
) -> Float64s:
    """Reduce scores of cells to one score a row: the mean, the sum or the maximum of the row's cells, for example.

    Args:
        scores: (N, ...) scores of cells. With `offsets`: (M,) the scores of the cells of all rows, one row after another.
        how: "mean", "sum", "max", "top-mean", or a function of one row's scores without padding, (cells,) -> float.
            "top-mean" is the mean of the share `q` of largest scores, of at least one cell.
        q: the share of cells that "top-mean" takes, above 0 and at most 1.
        mask: (N, ...) bool, True where a cell is padding. The function ignores the score of that cell, which may be NaN. With
            `ignore_index`: (N, ...) labels.
        ignore_index: the label of cells that do not count, such as 255 or -100. `mask` then holds labels, whole numbers. A cell
            with this label is padding.
        offsets: (N + 1,) for rows of different size, such as the boxes of an image: row i has the cells
            ``scores[offsets[i]:offsets[i + 1]]``. The numbers ascend from 0 to M.
        empty: the score of a row without cells: of a set of size 0, or where the mask hides the whole row. With the default None
            such a row is refused.

    Returns:
        (N,) float64 in the unit of the scores. A mean or a maximum has the range of the scores. The cost is O(cells) time, or
            O(cells · log cells) for "top-mean".

    Raises:
        TypeError: `scores`, `mask` or `offsets` is not a plain array of numbers, booleans or whole numbers.
        ValueError: a row has no cell and `empty` is None, `ignore_index` has no `mask`, a score outside the padding is NaN, a score
            in a sum or a mean is infinite, `offsets` do not ascend from 0 to M, or an argument has a wrong value or shape.

    >>> import alcore, numpy
    >>> scores = numpy.array([[0.1, 0.3, 9.0], [0.2, 0.2, 0.2]])
    >>> padding = numpy.array([[False, False, True], [False, False, False]])
    >>> alcore.reduce(scores, "mean", mask=padding)
    array([0.2, 0.2])
    >>> labels = numpy.array([[7, 0, 255], [0, 0, 7]])
    >>> alcore.reduce(scores, "mean", mask=labels, ignore_index=255)
    array([0.2, 0.2])
    >>> alcore.reduce([0.5, 0.25, 0.5], "sum", offsets=[0, 2, 2, 3], empty=0)
    array([0.75, 0.  , 0.5 ])
    """
    array = door.as_cells(scores)
    check_how(how, q, empty)
    mask = door.padding_of(mask, ignore_index)
    if offsets is None:
        return reduce_cells(array, how, q, door.as_mask(mask, array.shape[1:], len(array)), empty=empty)
    if mask is not None:
        door.refuse_mask_of_sets()
    bounds = door.as_offsets(offsets)
    if array.ndim != 1:
        raise ValueError(
            f"scores: expected shape (M,), one score a cell, got {array.shape}. Reduce the event axes of each cell first: "
            "alcore.reduce(alcore.reduce(scores, 'mean'), 'sum', offsets=offsets)."
        )
    door.check_cells(bounds, len(array), "scores")
    return reduce_sets(array, bounds, how, q, empty)


def check_how(how: How, q: float, empty: float | None = None) -> None:
    """Refuse an unknown reduction."""
    if not callable(how) and (not isinstance(how, str) or how not in _REDUCTIONS):
        raise ValueError(
            f"how: expected a function or one of {', '.join(map(repr, _REDUCTIONS))}, got {door.shown(how)}."
        )
    door.as_share(q)
    door.as_optional_number(empty, "empty")


def reduce_cells(
    scores: Float64s, how: How, q: float, padding: Bools | None, first_row: int = 0, *, empty: float | None = None
) -> Float64s:
    """``reduce`` of checked arguments. ``first_row`` is the number of row 0, for refusals."""
    n = len(scores)
    cells = math.prod(scores.shape[1:])
    values, rows = scores.reshape(n, cells), np.arange(first_row, first_row + n)
    keep = np.ones((n, cells), np.bool_) if padding is None else np.ascontiguousarray(~padding.reshape(n, cells))
    filled = keep.any(axis=1)
    if not filled.all():
        if empty is None:
            what = f"has no cell outside the padding. Remove the row from scores and mask, or {SAY_EMPTY}"
            _refuse_where(~filled, rows, what)
        reduced = np.full(n, empty, np.float64)
        reduced[filled] = _reduce_rows(values[filled], keep[filled], rows[filled], how, q)
        return reduced
    return _reduce_rows(values, keep, rows, how, q)


def _reduce_rows(values: Float64s, keep: Bools, rows: Numbers, how: How, q: float) -> Float64s:
    """Rows (n, cells) that each have a cell to keep."""
    _refuse_where((np.isnan(values) & keep).any(axis=1), rows, IS_NAN)
    if callable(how):
        return _by_function([row[kept] for row, kept in zip(values, keep, strict=True)], rows, how)
    if how != "max":
        _refuse_where((np.isinf(values) & keep).any(axis=1), rows, IS_INFINITE)
    return _REDUCTIONS[how](values, keep, q)


def reduce_sets(
    scores: Float64s,
    offsets: npt.NDArray[np.int64],
    how: How,
    q: float,
    empty: float | None = None,
    first_row: int = 0,
) -> Float64s:
    """``reduce`` with checked offsets: one pass over the scores of cells (M,)."""
    n = len(offsets) - 1
    if empty is None:
        _refuse_where(offsets[1:] == offsets[:-1], first_row, f"has no cell. Remove the row, or {SAY_EMPTY}")
    if callable(how):
        filled = np.flatnonzero(offsets[1:] > offsets[:-1])
        parts = [scores[offsets[i] : offsets[i + 1]].copy() for i in filled]
        wrong = np.fromiter((np.isnan(part).any() for part in parts), np.bool_, len(parts))
        _refuse_where(wrong, first_row + filled, IS_NAN)
        reduced = np.full(n, np.nan if empty is None else empty, np.float64)
        reduced[filled] = _by_function(parts, first_row + filled, how)
        return reduced
    reduced = _by_kernel(scores, offsets, how, q, empty)
    for i in np.flatnonzero(~np.isfinite(reduced)):
        part = scores[offsets[i] : offsets[i + 1]]
        _refuse_where(np.isnan(part).any(keepdims=True), first_row + int(i), IS_NAN)
        if how != "max":
            _refuse_where(np.isinf(part).any(keepdims=True), first_row + int(i), IS_INFINITE)
    return reduced


def _by_kernel(scores: Float64s, offsets: npt.NDArray[np.int64], how: str, q: float, empty: float | None) -> Float64s:
    from alcore.kernels import reductions as kernels

    reduce_part = getattr(kernels, f"{how.replace('-', '_')}_sets")
    reduced, read_only = np.empty(len(offsets) - 1), scores.view()
    read_only.flags.writeable = False  # one compiled kernel for writable and read-only input
    bounds = offsets.view()
    bounds.flags.writeable = False
    value = np.nan if empty is None else float(empty)

    def work(start: int, stop: int) -> None:
        reduce_part(read_only, bounds[start : stop + 1], q, value, reduced[start:stop])

    in_parts(len(reduced), work, least=ROWS_A_THREAD)
    return reduced


def _by_function(parts: list[Float64s], rows: Numbers, how: Callable[[Float64s], float]) -> Float64s:
    unpin_thread()
    results = [how(part) for part in parts]
    try:
        reduced = np.array(results, np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"how: expected a function (cells,) -> float, got results {door.shown(results)}.") from error
    if reduced.shape != (len(parts),):
        raise ValueError(f"how: expected a function (cells,) -> float, got results of shape {reduced.shape[1:]}.")
    _refuse_where(np.isnan(reduced), rows, "is reduced to nan by the function given as how. Return a number")
    return reduced


def _refuse_where(wrong: Any, rows: Numbers | int, what: str) -> None:
    """``rows``: the numbers of the rows, or of the first."""
    if wrong.any():
        place = int(wrong.argmax())
        raise ValueError(f"scores: row {rows + place if isinstance(rows, int) else rows[place]} {what}.")


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
