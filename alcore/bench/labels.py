"""Labels of the pool and of a test set, with the predictions they belong to, checked before any work."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Kind, Reading
from alcore.sources.blocks import gather_rows, read_rows
from alcore.sources.reading import Source, open_source, refuse_events

Ints = npt.NDArray[np.int64]
MOST_BYTES = 1 << 30  # of a pool that is replayed, as float32


@dataclass(frozen=True, eq=False)
class LabelledPredictions:
    """Predictions (N, C, T) and their labels (N,); ``tiny`` is the smallest positive number of the type they are stored in."""

    probs: Array
    labels: Ints
    tiny: float

    def likelihoods(self, rows: Ints) -> Array:
        """(n, T) each draw's probability of the true labels, never zero: a stored zero may only be too small for its type."""
        return np.maximum(self.probs[rows, self.labels[rows]], self.tiny)


@dataclass(frozen=True, eq=False)
class PoolAndTest:
    """The labelled pool and the labelled test set of a comparison, as far as they were given.

    Attributes:
        pool_labels: (N,) of all rows of the pool.
        pool: the rows of the pool that are replayed; None where replay is left out.
        test: the test set.
        left_out: part of the comparison -> what it lacks.
    """

    pool_labels: Ints | None
    pool: LabelledPredictions | None
    test: LabelledPredictions | None
    left_out: dict[str, str]


def read_pool_and_test(
    source: Source, predictions: Any, labels: Any, test: Any, test_labels: Any, kind: Kind
) -> PoolAndTest:
    """Read and check what `alcore.bench.compare` takes beside the pool's predictions."""
    if source.events:
        return PoolAndTest(None, None, None, {})
    pool_labels = None if labels is None else as_labels(labels, source.rows or 0, source.cell_shape[0], "labels")
    if pool_labels is not None:
        refuse_one_class(pool_labels, "labels")
    if test_labels is not None and test is None:
        raise ValueError("test: expected predictions for test_labels, got none. Pass both, or neither.")
    if test is not None:
        check_same_cells(open_source(test, "test"), source.cell_shape, "test")
    test_set = (
        None if test_labels is None else labelled(test, test_labels, kind=kind, name="test", labels_name="test_labels")
    )
    given = {"labels of the pool": pool_labels, "a test set": test, "its labels": test_set}
    lacking = [name for name, value in given.items() if value is None]
    left_out = {}
    if test_set is None:
        left_out["calibration"] = f"it takes {' and '.join(lacking[-2:] if test is None else lacking[-1:])}"
    if lacking:
        left_out["replay"] = f"it takes {', '.join(lacking)}"
    if pool_labels is None or test_set is None:
        return PoolAndTest(pool_labels, None, test_set, left_out)
    rows = _rows_in_memory(source)
    if rows is not None:
        left_out["replay of all rows"] = (
            f"{len(rows):,} of {source.rows:,} rows, drawn at random, are what fits into {MOST_BYTES >> 20} MiB"
        )
        if _are_of_one_class(pool_labels[rows]):
            left_out["replay"] = f"the rows that fit into memory are all of class {pool_labels[rows[0]]}"
            return PoolAndTest(pool_labels, None, test_set, left_out)
    return PoolAndTest(pool_labels, labelled(predictions, labels, rows, kind=kind), test_set, left_out)


def _rows_in_memory(source: Source) -> Ints | None:
    """As many rows of a pool, drawn at random, as fit into memory; None where all do."""
    count, most = source.rows or 0, max(1, MOST_BYTES // (4 * int(np.prod(source.cell_shape))))
    return np.sort(np.random.default_rng(0).permutation(count)[:most]) if count > most else None


def as_labels(labels: npt.ArrayLike, rows: int, classes: int, name: str) -> Ints:
    """(rows,) whole numbers from 0 to classes − 1."""
    array = door.as_classes(labels, name, remedy=f"Number them from 0 to {classes - 1}, as axis 1 is.")
    if array.shape != (rows,):
        raise ValueError(
            f"{name}: expected shape ({rows},), a label for each row of the predictions, got {array.shape}."
        )
    outside = (array < 0) | (array >= classes)
    if outside.any():
        row = int(outside.argmax())
        raise ValueError(
            f"{name}: expected classes from 0 to {classes - 1}, but {name}[{row}] is {array[row]}. Number them as axis 1 is."
        )
    return array.astype(np.int64)


def refuse_one_class(labels: Ints, name: str) -> None:
    """Refuse the labels of a pool where all are of one class; those of a test set can be predicted well or badly all the same."""
    if _are_of_one_class(labels):
        raise ValueError(
            f"{name}: all {len(labels)} are class {labels[0]}; there is nothing to learn. "
            "Pass a pool with rows of several classes, or compare heuristics without labels."
        )


def _are_of_one_class(labels: Ints) -> bool:
    return len(labels) > 1 and bool((labels == labels[0]).all())


def check_source(source: Source, name: str) -> None:
    """Refuse what has no rows, and what can be read only once."""
    if source.rows is None:
        raise TypeError(f"{name}: expected a source that can be read more than once, got an iterable. Save it first.")
    if source.rows == 0:
        raise ValueError(f"{name}: expected at least one row, got shape {(0, *source.cell_shape)}.")


def check_same_cells(source: Source, cells: tuple[int, ...], name: str) -> None:
    """Refuse predictions of other classes or by other draws than the pool's."""
    check_source(source, name)
    if source.cell_shape != cells:
        expected = ", ".join(map(str, cells))
        raise ValueError(
            f"{name}: expected shape (N, {expected}), the classes and draws of the pool, got "
            f"(N, {', '.join(map(str, source.cell_shape))}). Predict both with the same draws."
        )


def labelled(
    predictions: Any,
    labels: npt.ArrayLike,
    rows: Ints | None = None,
    *,
    kind: str = "probs",
    name: str = "probs",
    labels_name: str = "labels",
) -> LabelledPredictions:
    """Predictions (N, C, T) from any source, checked and in memory, with their labels (N,); of the ``rows`` named, else of all.

    Raises: TypeError for an iterable; ValueError for labels of another length or outside 0 … C − 1.

    >>> import alcore.bench, numpy
    >>> alcore.bench.labelled(numpy.full((2, 2, 5), 0.5), [0, 1]).probs.shape
    (2, 2, 5)
    """
    source = open_source(predictions, name)
    refuse_events(source, name)
    check_source(source, name)
    classes = as_labels(labels, source.rows or 0, source.cell_shape[0], labels_name)
    if rows is None:
        probs = read_rows(predictions, kind=door.as_kind(kind), name=name)
    else:
        probs, classes = gather_rows(source, rows, Reading(door.as_kind(kind)))[0], classes[rows]
    return LabelledPredictions(np.ascontiguousarray(probs), classes, smallest_positive(predictions, probs))


def smallest_positive(predictions: Any, probs: Array) -> float:
    """The smallest positive number of the type that predictions are stored in."""
    dtype = getattr(predictions, "dtype", None)
    stored = dtype if isinstance(dtype, np.dtype) and dtype.kind == "f" else probs.dtype
    return float(np.finfo(stored).smallest_subnormal)
