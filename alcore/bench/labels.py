"""Labels of the pool and of a test set with their predictions. They are checked before the work starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Float64s, Kind, Reading
from alcore.sources.blocks import gather_rows, read_rows
from alcore.sources.reading import Source, open_source, refuse_events

Ints = npt.NDArray[np.int64]
MOST_BYTES = 1 << 30  # the largest pool for replay, as float32


@dataclass(frozen=True, eq=False)
class LabelledPredictions:
    """Predictions with their labels, checked and in memory. `labelled` returns it, and `replay` takes it.

    Attributes:
        probs: (N, C, T) probabilities.
        labels: (N,) classes, 0 … C − 1.
        tiny: the smallest positive number of the type that the predictions are stored in.
    """

    probs: Array
    labels: Ints
    tiny: float

    def likelihoods(self, rows: Ints) -> Array:
        """(n, T) the probability of the true labels under each draw. Zeros become ``tiny``: the type may have rounded them to 0."""
        return np.maximum(self.probs[rows, self.labels[rows]], self.tiny)

    # --- what replay asks of predictions of any kind ------------------------------------------------------------------

    @property
    def arrays(self) -> tuple[Array, ...]:
        """The arrays with an entry a row."""
        return self.probs, self.labels

    @property
    def kind(self) -> Kind:
        return "probs"

    @property
    def draws(self) -> int:
        return int(self.probs.shape[-1])

    def options(self, left: int) -> dict[str, Any]:
        """The options with which a heuristic reads the first ``left`` rows."""
        return {}

    def of_rows(self, rows: Ints) -> LabelledPredictions:
        """A copy of some rows, in the order named."""
        return replace(self, probs=self.probs[rows], labels=self.labels[rows])

    def of_draws(self, draws: Ints, left: int) -> LabelledPredictions:
        """The first ``left`` rows with some of the draws."""
        return replace(self, probs=np.ascontiguousarray(self.probs[:left, :, draws]), labels=self.labels[:left].copy())

    def log_likelihoods(self, rows: Ints) -> Float64s:
        """(n, T) the logarithm of `likelihoods`."""
        return np.log(self.likelihoods(rows), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class PoolAndTest:
    """The labelled pool and the labelled test set of a comparison. Parts that were not given are None.

    Attributes:
        pool_labels: (N,) labels of all rows of the pool.
        pool: the rows of the pool for replay. None if replay is left out.
        test: the test set.
        left_out: part of the comparison that is left out -> the reason.
    """

    pool_labels: Ints | None
    pool: LabelledPredictions | None
    test: LabelledPredictions | None
    left_out: dict[str, str]


def read_pool_and_test(
    source: Source, predictions: Any, labels: Any, test: Any, test_labels: Any, reading: Reading
) -> PoolAndTest:
    """Read and check what `alcore.bench.compare` takes beside the pool's predictions."""
    if why_no_labels(source) is not None:
        return PoolAndTest(None, None, None, {})
    pool_labels = (
        None
        if labels is None
        else door.as_labels(labels, source.rows or 0, source.joint_shape[0], "labels", source.kind)
    )
    if pool_labels is not None:
        refuse_one_class(pool_labels, "labels")
    if test_labels is not None and test is None:
        raise ValueError("test: expected predictions for test_labels, got none. Pass both, or neither.")
    if test is not None:
        check_same_cells(open_source(test, reading, "test"), source.cell_shape, "test")
    test_set = (
        None
        if test_labels is None
        else labelled(test, test_labels, kind=reading.kind, axes=reading.axes, name="test", labels_name="test_labels")
    )
    given = {"labels of the pool": pool_labels, "a test set": test, "labels of the test set": test_set}
    lacking = [name for name, value in given.items() if value is None]
    left_out = {}
    if test_set is None:
        left_out["calibration"] = f"it needs {' and '.join(lacking[-2:] if test is None else lacking[-1:])}"
    if lacking:
        left_out["replay"] = f"it needs {' and '.join(filter(None, (', '.join(lacking[:-1]), lacking[-1])))}"
    if pool_labels is None or test_set is None:
        return PoolAndTest(pool_labels, None, test_set, left_out)
    rows = _rows_in_memory(source)
    if rows is not None:
        left_out["replay of all rows"] = (
            f"only {len(rows):,} of {source.rows:,} rows, drawn at random, fit into {MOST_BYTES >> 20} MiB"
        )
        if _are_of_one_class(pool_labels[rows]):
            left_out["replay"] = f"the rows that fit into memory are all of class {pool_labels[rows[0]]}"
            return PoolAndTest(pool_labels, None, test_set, left_out)
    return PoolAndTest(
        pool_labels, labelled(predictions, labels, rows, kind=reading.kind, axes=reading.axes), test_set, left_out
    )


def why_no_labels(source: Source) -> str | None:
    """Why rows of these predictions have no single label and no joint information. None where they have."""
    if source.events:
        return "the predictions have event axes, so a row has no single label and no joint information"
    if door.has_too_many_labels(source.kind, source.cell_shape[0]):
        labels, most = source.cell_shape[0], door.MOST_LABELS
        return f"the predictions have {labels} labels, and more than {most} have too many label vectors to count"
    return None


def _rows_in_memory(source: Source) -> Ints | None:
    """Rows of the pool, drawn at random, that fit into memory. None if all fit."""
    count, most = source.rows or 0, max(1, MOST_BYTES // (4 * int(np.prod(source.joint_shape))))
    return np.sort(np.random.default_rng(0).permutation(count)[:most]) if count > most else None


def refuse_one_class(labels: Ints, name: str) -> None:
    """Refuse labels of a pool that are all of one class. A test set may have only one class."""
    if _are_of_one_class(labels):
        raise ValueError(
            f"{name}: expected several classes, but all {len(labels)} labels are class {labels[0]}, so there is nothing to learn. "
            "Pass a pool with rows of several classes, or compare heuristics without labels."
        )


def _are_of_one_class(labels: Ints) -> bool:
    return len(labels) > 1 and bool((labels == labels[0]).all())


def check_source(source: Source, name: str) -> None:
    """Refuse a source that has no rows, or that can be read only once."""
    if source.variances is not None:
        both = {"predictions": "variance"}.get(name, f"{name}_variance")
        raise TypeError(
            f"{name}: expected an array or a file of means, got blocks that are pairs (means, variances). Join them: blocks = "
            f"list({name}), then pass np.concatenate([means for means, _ in blocks]) and {both}=np.concatenate([noise for _, noise "
            "in blocks])."
        )
    if source.rows is None:
        axes = None if source.axes is None or source.axes.is_plain else source.axes.text
        more = door.options_of_saving(source.kind, axes)
        then = "" if axes is None else ", and pass that file without axes"
        raise TypeError(
            f"{name}: expected a source that can be read more than once, got an iterable. "
            f"Save it first: alcore.save_predictions('preds.zarr', blocks{more}){then}."
        )
    if source.rows == 0:
        raise ValueError(f"{name}: expected at least one row, got shape {(0, *source.cell_shape)}.")


def check_same_cells(source: Source, cells: tuple[int, ...], name: str) -> None:
    """Refuse predictions with other classes or draws than the pool's."""
    check_source(source, name)
    if source.cell_shape != cells:
        expected, what = ", ".join(map(str, cells)), "outputs" if source.kind == "mean" else "classes"
        raise ValueError(
            f"{name}: expected shape (N, {expected}), the {what} and draws of the pool, got "
            f"(N, {', '.join(map(str, source.cell_shape))}). Predict both with the same model and draws."
        )


def labelled(
    predictions: Any,
    labels: npt.ArrayLike,
    rows: Ints | None = None,
    *,
    kind: str = "probs",
    axes: str | Mapping[str, Any] | None = None,
    name: str = "probs",
    labels_name: str = "labels",
) -> LabelledPredictions:
    """Read predictions with their labels into memory and check them, as `replay` needs them.

    Args:
        predictions: (N, C, T) from any source that can be read more than once.
        labels: (N,) classes, whole numbers 0 … C − 1. For kind "multilabel" (N, L), 1 where a row has a label and 0 where not, or
            (N,) the numbers Σ_l y_l 2^l of the label vectors.
        rows: (n,) row numbers to read. All rows by default.
        kind: as in `alcore.entropy`.
        axes: the order of the axes of ``predictions``, such as "TNC". The default is (n, C, T).
        name: the name of ``predictions`` in error messages.
        labels_name: the name of ``labels`` in error messages.

    Returns:
        The predictions as ``probs`` (n, C, T), with ``labels`` (n,). For kind "multilabel" C counts the 2^L label vectors. Cost
            O(n·C·T) time and memory.

    Raises:
        TypeError: for an iterable of blocks, and labels that are not whole numbers.
        ValueError: for event axes, values that are not probabilities, and labels of another length or outside 0 … C − 1.

    >>> import alcore.bench, numpy
    >>> alcore.bench.labelled(numpy.full((2, 2, 5), 0.5), [0, 1]).probs.shape
    (2, 2, 5)
    """
    reading = Reading.of({"kind": kind, "axes": axes})
    source = open_source(predictions, reading, name)
    refuse_events(source, name)
    check_source(source, name)
    classes = door.as_labels(labels, source.rows or 0, source.joint_shape[0], labels_name, source.kind)
    if rows is None:
        probs = read_rows(predictions, reading, name=name)
    else:
        probs, classes = gather_rows(source, rows, Reading(reading.kind))[0], classes[rows]
    return LabelledPredictions(np.ascontiguousarray(probs), classes, smallest_positive(predictions, probs))


def smallest_positive(predictions: Any, probs: Array) -> float:
    """The smallest positive number of the type that predictions are stored in."""
    dtype = getattr(predictions, "dtype", None)
    stored = dtype if isinstance(dtype, np.dtype) and dtype.kind == "f" else probs.dtype
    return float(np.finfo(stored).smallest_subnormal)
