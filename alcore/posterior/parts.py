"""Parts of the data by the same draws, as linear predictors: log-probabilities, logits, or means of numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from itertools import chain
from operator import itemgetter
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Axes, Bools, Float64s, Kind, Reading
from alcore.scores.gaussian import check_means
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.layouts import lay_out
from alcore.sources.reading import can_reread, open_source, refuse_events

Ints = npt.NDArray[np.int64]
Result = TypeVar("Result")


@dataclass(frozen=True, eq=False)
class Part:
    """Predictions (N, C, T) that can be read again, from any source."""

    name: str
    predictions: Any
    reading: Reading
    rows: int
    cell_shape: tuple[int, ...]
    tiny: float  # the smallest positive number of the type in which they are stored

    @classmethod
    def of(cls, name: str, predictions: Any, reading: Reading) -> Part:
        if not can_reread(predictions):
            door.refuse_single_reading(name, "Updated draws are read from it at each call", reading.kind, reading.axes)
        source = open_source(predictions, reading, name)
        if source.events:
            refuse_events(source, name)
        rows = sum(map(len, source.blocks)) if source.rows is None else source.rows
        stored = source.dtype if source.dtype.kind == "f" else np.dtype(np.float64)
        tiny = float(np.finfo(stored).smallest_subnormal)
        return cls(name, predictions, reading, rows, source.cell_shape, tiny)

    def check_same_cells(self, other: Part) -> None:
        """Refuse a part by other draws, or of other classes."""
        if self.cell_shape != other.cell_shape:
            door.refuse_other_part(self.name, self.cell_shape, other.name, other.cell_shape)

    def map(self, work: Callable[[Array, Array | None], Result], cost: int = 1) -> Iterator[Result]:
        """What ``work`` gives for successive rows, in order. It gets their linear predictors (n, K, T), float32 or float64, and of
        means the variances of their noise.
        """
        source, tiny = open_source(self.predictions, self.reading, self.name, cost), self.tiny
        yield from map_blocks(source, lambda block: work(*_read(block, tiny)), self.reading, name=self.name)

    def some(self, rows: Ints) -> tuple[Float64s, Float64s | None]:
        """Those of the rows that are named, in float64, with the mean variance of their noise (n, D). Other blocks are not read."""
        source, tiny = open_source(self.predictions, self.reading, self.name), self.tiny

        def work(block: Block) -> list[tuple[int, Array, Array | None]]:
            places = np.flatnonzero((rows >= block.start) & (rows < block.start + len(block)))
            return [(place, *_read(_row_of(block, int(rows[place]) - block.start), tiny)) for place in places.tolist()]

        blocks = map_blocks(source, work, self.reading, name=self.name, only=np.unique(rows))
        read = sorted(chain.from_iterable(blocks), key=itemgetter(0))
        numbers = np.array([one[0] for _, one, _ in read], np.float64).reshape(len(rows), *self.cell_shape)
        if self.reading.kind != "mean":
            return numbers, None
        return numbers, np.array([np.mean(noise, axis=-1)[0] for _, _, noise in read if noise is not None], np.float64)


def _read(block: Block, tiny: float) -> tuple[Array, Array | None]:
    if block.kind == "mean":
        check_means(block)
        return _laid_out(block.array), block.variance
    numbers = _laid_out(block.array)
    logits = door.is_logits(block.kind)
    valid = _are_logits(numbers, block.kind) if logits else _are_probabilities(numbers, block.kind)
    if not valid.all():
        row = int(valid.argmin())
        axes = block.axes or Axes.plain(block.array.ndim)
        door.refuse_values(block.kind, block.array[row], (block.start + row,), block.name, axes)
    return (_from_logits if logits else _from_probabilities)(numbers, block.kind, numbers.dtype.type(tiny)), None


def _row_of(block: Block, row: int) -> Block:
    noise = None if block.variance is None else block.variance[row : row + 1]
    return replace(block, start=block.start + row, array=block.array[row : row + 1], variance=noise)


def _laid_out(array: Array) -> Array:
    return lay_out(array[:, None])[:, 0]


def _are_probabilities(numbers_nct: Array, kind: Kind) -> Bools:
    from alcore.kernels.distributions import check

    if door.family(kind) == "classes":
        valid = np.empty(len(numbers_nct), np.bool_)
        check(numbers_nct, door.tolerance(numbers_nct.shape[1]), valid)
        return valid
    return np.asarray(((numbers_nct >= 0) & (numbers_nct <= 1 + door.tolerance(2))).all(axis=(1, 2)))


def _are_logits(numbers_nct: Array, kind: Kind) -> Bools:
    valid = ~np.isnan(numbers_nct).any(axis=(1, 2))
    if door.family(kind) == "classes":  # a draw needs a class that is possible
        valid &= np.isfinite(numbers_nct.max(axis=1)).all(axis=1)
    return np.asarray(valid)


def _from_probabilities(numbers_nct: Array, kind: Kind, tiny: Any) -> Array:
    """log p. Of a yes or no it is log p − log(1 − p)."""
    logs: Array = np.maximum(numbers_nct, tiny)
    np.log(logs, out=logs)
    if door.family(kind) == "classes":
        return logs
    other = np.maximum(1 - numbers_nct, tiny)
    return np.asarray(np.subtract(logs, np.log(other, out=other), out=logs))


def _from_logits(numbers_nct: Array, kind: Kind, tiny: Any) -> Array:
    """Logits less the largest one of a draw, at least log ``tiny``. Of a yes or no they are at most −log ``tiny`` from 0."""
    least = np.log(tiny)
    if door.family(kind) == "classes":
        return np.asarray(np.maximum(numbers_nct - numbers_nct.max(axis=1, keepdims=True), least))
    return np.asarray(np.clip(numbers_nct, least, -least))
