"""The variances of the noise of means: a number, an array, a file, blocks, or pairs of blocks -> the variances of each block of
means.

They are read in step with the means, so no more of them is held than of the means.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alcore import door
from alcore.door import Array, Axes, Reading
from alcore.sources.axes import arranged_by, opened, original_axes
from alcore.sources.chunks import CutRows, chunks_of
from alcore.sources.names import check_same_rows, is_labelled, names_along, names_of
from alcore.sources.ragged import Ragged, cells_of_variance
from alcore.sources.reading import Source, array_or_lazy_source
from alcore.sources.row_subset import RowSubset


class Variances:
    """The variances (n, D, ..., T), or (n, D, ..., 1) where all draws have the same, of block after block of means."""

    def __init__(self, blocks: Iterator[Array], source: Source, name: str) -> None:
        self._blocks, self._cell_shape, self._rows, self._name = blocks, source.cell_shape, source.rows, name
        self._held: Array | None = None
        self._taken = 0

    def take(self, rows: int) -> Array:
        """Those of the next ``rows`` rows."""
        if not rows:
            return np.ones((0, *self._cell_shape))
        parts, missing = [], rows
        while missing:
            if self._held is None or not len(self._held):
                self._held = next(self._blocks, None)
                if self._held is None:
                    expected = self._taken + rows if self._rows is None else self._rows
                    door.refuse_unequal_rows(self._name, expected, self._taken + rows - missing, "the array of means")
                self._check(self._held)
            parts.append(self._held[:missing])
            self._held = self._held[missing:]
            missing -= len(parts[-1])
        self._taken += rows
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def skip(self, rows: int) -> None:
        """Leave out those of the next ``rows`` rows, unread where the source allows it."""
        while rows:
            held = 0 if self._held is None else len(self._held)
            if not held and isinstance(self._blocks, CutRows) and 0 < self._blocks.following <= rows:
                left_out = self._blocks.skip()
                self._taken += left_out
            else:
                left_out = len(self.take(min(rows, held or 1)))
            rows -= left_out

    def check_end(self) -> None:
        """Refuse more variances than means."""
        rest = 0 if self._held is None else len(self._held)
        if not rest:
            rest = len(next((block for block in self._blocks if len(block)), ()))
        if rest:
            door.refuse_unequal_rows(self._name, self._taken, self._taken + rest, "the array of means")

    def _check(self, block: Array) -> None:
        own, expected = block.shape[1:], self._cell_shape
        if own[:-1] != expected[:-1] or own[-1] not in (1, expected[-1]):
            got = own[:-1] if own[-1] == 1 else own  # as it was given, without an axis of draws
            door.refuse_shape_of_variance((len(block), *got), expected, self._name)


class Constant(Variances):
    """The same variances for all rows."""

    def __init__(self, values: Array, events: int) -> None:
        self._values = values.reshape(1, len(values), *([1] * events), 1)

    def take(self, rows: int) -> Array:
        return np.broadcast_to(self._values, (rows, *self._values.shape[1:]))

    def skip(self, rows: int) -> None:
        """The next rows have them too."""

    def check_end(self) -> None:
        """All rows have them."""


def variances_of(reading: Reading, source: Source, name: str = "variance") -> Variances | None:
    """The variances that belong to the means of a source. None where there are none."""
    axes = source.axes or Axes.plain(len(source.cell_shape) + 1)
    if source.variances is not None:
        if reading.variance is not None:
            door.refuse_two_variances()
        return Variances((_arranged(block, axes, source, name) for block in source.variances), source, name)
    if reading.variance is None:
        return None
    given, subset = reading.variance, None
    if isinstance(given, PlacedVariance):
        given, subset, axes = given.variance, given.subset, given.axes or axes
    if isinstance(given, Ragged):
        door.refuse_sets_of_variance(name)
    if is_constant(given, axes):
        return Constant(door.as_constant_variance(given, source.cell_shape[0], name), len(source.events))
    blocks = _blocks(given, axes, source, reading, name)
    return Variances(blocks if subset is None else subset.cut_blocks(blocks, name), source, name)


def is_constant(variance: Any, axes: Axes | None) -> bool:
    """Whether it is a number, or one number for each output. Means without an axis of outputs have one number for each row
    instead.
    """
    shape = _shape_of(variance)
    if shape is None or len(shape) > 1:
        return False
    a_row_each = axes is not None and axes.classes is None and not axes.events
    return shape in ((), (1,)) or not a_row_each


def _shape_of(variance: Any) -> tuple[int, ...] | None:
    if isinstance(variance, float | int):
        return ()
    if isinstance(variance, list | tuple) and all(isinstance(one, float | int) for one in variance):
        return (len(variance),)
    return getattr(variance, "shape", None)


def _blocks(given: Any, axes: Axes, source: Source, reading: Reading, name: str) -> Iterator[Array]:
    found = opened(given, reading, name)
    if isinstance(found, list | tuple) and _shape_of(found) is not None:
        found = np.asarray(found, np.float64)
    if not (hasattr(found, "shape") and hasattr(found, "dtype")):
        if not isinstance(found, Iterable):
            door.refuse_source(found, name)
        return (_arranged(block, axes, source, name) for block in found)
    if is_labelled(found):
        found, own = _with_draws(found, reading, name)
        check_same_rows({**source.names, name: names_along(found, own.rows)})
    else:
        own = _axes_of(found, axes, source, name)
    return array_or_lazy_source(arranged_by(found, own, name), "mean", name).blocks


def _with_draws(labelled: Any, reading: Reading, name: str) -> tuple[Any, Axes]:
    """A labelled array with an axis of draws, and how its axes lie."""
    said = reading.axes if isinstance(reading.axes, Mapping) else None
    draws = ("draw",) if said is None else said["T"]
    known = {"draw", "sample", "T"} if said is None else set(draws if isinstance(draws, tuple | list) else (draws,))
    if not known & set(labelled.dims):
        labelled = labelled.expand_dims(list(known) if said else "draw")
    return labelled, door.axes_of_names(names_of(labelled) or (), said, name, classes_required=False)


def _arranged(block: Any, axes: Axes, source: Source, name: str) -> Array:
    array = door.as_array(block, name)
    return _axes_of(array, axes, source, name).arrange(array)


def _axes_of(found: Any, axes: Axes, source: Source, name: str) -> Axes:
    """How the axes of variances lie: as those of the means, with the draws or without."""
    shape = door.as_shape(found.shape, name)
    if len(shape) == len(axes.text):
        return axes
    if len(shape) == len(axes.without_draws.text):
        return axes.without_draws
    door.refuse_shape_of_variance(shape, source.cell_shape, name)


# --- variances that lie as other means do ------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class PlacedVariance:
    """Variances of means that were put in order, or of some of their rows.

    Args:
        variance: as the caller gave it.
        axes: how the caller's means lie. None for (N, D, ..., T).
        subset: the rows of the means, where some were left out.
    """

    variance: Any
    axes: Axes | None
    subset: RowSubset | None = None


def variance_of_subset(subset: RowSubset, predictions: Any, reading: Reading) -> Any:
    """The variances for the subset's rows of predictions."""
    given = reading.variance
    if given is None or not len(subset.dropped):
        return given
    if isinstance(predictions, Ragged):
        given, subset, predictions = (
            cells_of_variance(given, predictions),
            subset.of_cells(predictions),
            predictions.flat,
        )
    if isinstance(given, PlacedVariance):
        return replace(given, subset=subset)
    return PlacedVariance(given, original_axes(opened(predictions, reading, "probs"), reading, "probs"), subset)


# --- means and variances in one file ------------------------------------------------------------------------------------


def halves(both: Any) -> tuple[Any, Any]:
    """Means and variances of an array (N, 2·D, ..., T) that has the means first: views, or read where they are indexed."""
    outputs = both.shape[1] // 2
    if isinstance(both, np.ndarray):
        return both[:, :outputs], both[:, outputs:]
    return Outputs(both, 0, outputs), Outputs(both, outputs, 2 * outputs)


@dataclass(frozen=True)
class Outputs:
    """Some outputs of an array that is read a block of rows at a time."""

    source: Any
    start: int
    stop: int

    @property
    def shape(self) -> tuple[int, ...]:
        rows, _, *rest = self.source.shape
        return (rows, self.stop - self.start, *rest)

    @property
    def dtype(self) -> Any:
        return self.source.dtype

    @property
    def chunks(self) -> Any:
        chunks = chunks_of(self.source)
        return chunks[:1] if chunks else None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> Array:
        return np.asarray(self.source[rows])[:, self.start : self.stop]
