"""A subset of the rows of predictions: all but some, without a copy of what lies in memory."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Axes, Reading
from alcore.sources.axes import RowBlocks, arranged, opened
from alcore.sources.names import RowNames, axes_of, names_of_rows
from alcore.sources.ragged import Ragged
from alcore.sources.reading import PLAIN, RowCount, can_reread, open_source

Rows = npt.NDArray[np.int64]

# Up to so many rows to drop, the rest is copied in slices. For ten million scores this takes a third of the time.
FEW = 1 << 10


def drop_rows(array: Array, rows: Rows) -> Array:
    """An array without some of its rows (different, ascending). Without rows to drop it is the array itself."""
    if not len(rows):
        return array
    if len(rows) > FEW:
        return np.delete(array, rows, axis=0)
    starts, stops = [0, *(rows + 1).tolist()], [*rows.tolist(), len(array)]
    return np.concatenate([array[start:stop] for start, stop in zip(starts, stops, strict=True)])


@dataclass(frozen=True, eq=False)
class RowSubset:
    """Rows 0 … N−1 without those that are dropped.

    Args:
        rows: N.
        dropped: the rows that the subset does not have, different, ascending.
    """

    rows: int
    dropped: Rows

    def __len__(self) -> int:
        return self.rows - len(self.dropped)

    def original(self, indices: Rows) -> Rows:
        """Row numbers among all rows, of row numbers among those of the subset."""
        before = self.dropped - np.arange(
            len(self.dropped)
        )  # how many rows of the subset stand before each dropped one
        return indices + np.searchsorted(before, indices, side="right")

    def take(self, array: Any) -> Any:
        """The subset's part of an array with an entry a row, or of one such array for each head."""
        if isinstance(array, Mapping):
            return {head: self.take(part) for head, part in array.items()}
        found = np.asarray(array)
        if len(found) != self.rows:
            door.refuse_unequal_rows("mask", self.rows, len(found), "ids")
        return drop_rows(found, self.dropped)

    def of(self, predictions: Any, reading: Reading = PLAIN) -> Any:
        """A source of the subset's rows, to be read with the same ``reading``. It can be read again where the predictions can.
        For None it is a row count."""
        if predictions is None:
            return RowCount(len(self))
        if isinstance(predictions, Mapping):
            return {head: self.of(part, reading) for head, part in predictions.items()}
        if isinstance(predictions, Ragged):
            return self._of_sets(predictions, reading)
        door.check_mask_of(predictions, reading.mask)
        predictions = opened(predictions, reading, "predictions")
        if isinstance(predictions, list | tuple):
            return RowBlocks(self._blocks(predictions, reading))
        if isinstance(predictions, Iterable) and not hasattr(predictions, "dtype"):
            return self._blocks(predictions, reading)
        source = open_source(predictions, reading)
        if source.rows != self.rows:
            door.refuse_unequal_rows("predictions", self.rows, source.rows or 0, "ids")
        if not len(self.dropped):
            return predictions
        return SubsetSource(self, predictions, reading, (len(self), *source.cell_shape), source.dtype)

    def _of_sets(self, ragged: Ragged, reading: Reading) -> Ragged:
        """Sets without those of the dropped rows: all cells but theirs."""
        if len(ragged) != self.rows:
            door.refuse_unequal_rows("predictions", self.rows, len(ragged), "ids")
        if not len(self.dropped):
            return ragged
        if can_reread(ragged.flat) and (source := open_source(ragged.flat, reading)).rows is not None:
            door.check_cells(ragged.offsets, source.rows, "predictions")
        sizes = drop_rows(np.diff(ragged.offsets), self.dropped)
        return Ragged(self.of_cells(ragged).of(ragged.flat, reading), np.concatenate([[0], np.cumsum(sizes)]))

    def of_cells(self, ragged: Ragged) -> RowSubset:
        """The cells of the subset's rows, among all cells."""
        dropped = np.zeros(self.rows, np.bool_)
        dropped[self.dropped] = True
        cells = np.flatnonzero(np.repeat(dropped, np.diff(ragged.offsets))).astype(np.int64)
        return RowSubset(int(ragged.offsets[-1]), cells)

    def _blocks(self, blocks: Iterable[Any], reading: Reading) -> Iterator[Any]:
        start = 0
        for part in blocks:
            pair = reading.kind == "mean" and isinstance(part, tuple)  # means and their variances
            block = door.as_array(part[0] if pair else part, "predictions")
            axes = axes_of(block, reading, "predictions")
            axis = 0 if axes is None else axes.rows
            kept = self._cut_along(block, axis, start)
            yield (kept, self._cut_variance(part[1], axes, start)) if pair else kept
            start += block.shape[axis]
        if start != self.rows:
            door.refuse_unequal_rows("predictions", self.rows, start, "ids")

    def _cut_along(self, block: Array, axis: int, start: int) -> Array:
        return np.moveaxis(self._cut(np.moveaxis(block, axis, 0), start), 0, axis)

    def _cut_variance(self, part: Any, axes: Axes | None, start: int) -> Array:
        block = door.as_array(part, "variance")
        if axes is None:
            return self._cut(block, start)
        return self._cut_along(block, (axes if block.ndim == len(axes.text) else axes.without_draws).rows, start)

    def cut_blocks(self, blocks: Iterable[Array], name: str) -> Iterator[Array]:
        """The subset's rows of blocks (n, ...) of all rows."""
        start = 0
        for block in blocks:
            yield self._cut(block, start)
            start += len(block)
        if start != self.rows:
            door.refuse_unequal_rows(name, self.rows, start, "ids")

    def _cut(self, block: Array, start: int) -> Array:
        first, last = np.searchsorted(self.dropped, [start, start + len(block)])
        return drop_rows(block, self.dropped[first:last] - start)


@dataclass(frozen=True, eq=False)
class SubsetSource:
    """A source of predictions that is read without some of its rows."""

    subset: RowSubset
    predictions: Any
    reading: Reading
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_arranged: ClassVar[bool] = True  # the axes that `reading` names were put in order

    @property
    def row_names(self) -> RowNames | None:
        """The names of all rows, those that were dropped among them: where they lie in another order, all are needed to say so."""
        return names_of_rows(self.predictions, self.reading)

    @property
    def arranged(self) -> Any:
        """All rows, those that were dropped among them, as (N, C, ..., T)."""
        return arranged(self.predictions, self.reading, "predictions")

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows; each call starts again at the first."""
        start = 0
        for block in open_source(self.predictions, self.reading).blocks:
            kept = self.subset._cut(block, start)
            start += len(block)
            yield from (kept[first : first + rows] for first in range(0, len(kept), rows))
