"""Blocks of rows -> scores, in one pass.

The pass cuts a block from the source, lays its cells out as (cells, C, T) in float32 or float64, and gives them to a kernel.
The score of a row never depends on its block, so any cutting and any number of threads give the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol, TypeAlias, TypeVar, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Axes, Bools, Float64s, Kind, Reading
from alcore.sources.axes import arranged, is_lazy, original_axes
from alcore.sources.cells import outcomes_of, probabilities_of, unwritable
from alcore.sources.chunks import with_starts
from alcore.sources.layouts import lay_out, lies_ready
from alcore.sources.progress import track
from alcore.sources.ragged import Sets
from alcore.sources.reading import PLAIN, Source, open_source, refuse_events
from alcore.sources.spaces import Space, spaces_of_thread
from alcore.sources.spread import map_on_workers
from alcore.sources.threads import map_in_order
from alcore.sources.variances import variances_of

# Laid out at a time where a block is not in the layout that kernels read. With 640 KiB two threads waited for each other between
# chunks: 5 to 30 % more, for each layout and type, and at times twice as much. 4 MiB were as fast (Zen 5).
CHUNK_BYTES = 2 << 20
# Rows beside each other share cache lines, so of these as many together, within so many bytes: (T, C, N) of 100 classes takes
# 67 ms, 80 with 16 rows.
ROWS_BESIDE, MOST_BESIDE = 32, 8 << 20

Result = TypeVar("Result")
Values = TypeVar("Values", bound=Array)

# cells (R, C, T), gone after the call; weights (T,) or None for equal ones, tolerance, scores out (R,), valid out (R,)
CellMeasure: TypeAlias = Callable[[Array, Float64s | None, float, Float64s, Bools], None]
# logits (R, C, T), scores out (R,), valid out (R,)
LogitKernel: TypeAlias = Callable[[Array, Float64s, Bools], None]


@runtime_checkable
class OfLogits(Protocol):
    """A measure that can also take logits as they are, without probabilities in between."""

    def of_logits(self, dtype: np.dtype[Any], weights: Float64s | None) -> LogitKernel | None:
        """What scores logits of classes in that type. None where probabilities are needed first."""


@dataclass(frozen=True)
class Block:
    """Consecutive rows of predictions, with the caller's options."""

    start: int
    array: Array  # (n, C, ..., T), as it came; of means (n, D, ..., T)
    kind: Kind
    weights: Float64s | None
    mask: Bools | None  # (n, ...), True where a cell is padding
    name: str
    axes: Axes | None = None  # how they lie in the caller's array. None for (N, C, ..., T)
    over_labels: str = "sum"  # how the scores of several labels become one
    variance: Array | None = None  # (n, D, ..., T) or (n, D, ..., 1), of means
    output_weights: Float64s | None = None  # (D,), of means
    sets: Sets | None = None  # the rows, where the first axis is the cells of all rows

    def __len__(self) -> int:
        return len(self.array)

    def score(self, measure: CellMeasure) -> Float64s:
        """The measure of every cell, (n, ...); NaN where an invalid cell is padding. For several labels it is that of `over`."""
        if door.family(self.kind) != "multilabel":
            return self._score(measure, joint=False)
        return self.over(self.score_labels(measure))

    def score_labels(self, measure: CellMeasure) -> Float64s:
        """The measure of each label, (n, L, ...). L is 1 for one yes or no."""
        return self._one_by_one()._score(measure, joint=False)

    def over(self, scores_nl: Float64s) -> Float64s:
        """The score of a row from those of its labels on axis 1."""
        return _OVER_LABELS[self.over_labels](scores_nl)

    def score_together(self, measure: CellMeasure) -> Float64s:
        """The measure of every cell, which gets what is said of all its labels at once: (cells, L, T)."""
        return self._score(measure, joint=False)

    def score_outcomes(self, measure: CellMeasure) -> Float64s:
        """The measure of every cell as a distribution over all that a label can be: C classes, yes or no, or 2^L vectors."""
        axis = self.axes.classes if self.axes else 1
        door.check_outcomes(self.kind, self.array.shape[1], self.name, axis=axis, events=self.array.ndim > 3)
        return self._score(measure, joint=True)

    def _one_by_one(self) -> Block:
        """Several labels as cells with one label each."""
        axes = self.axes or Axes.plain(self.array.ndim)
        places = () if axes.classes is None else (axes.classes,)
        labels = replace(axes, classes=None, events=(*places, *axes.events))
        size = self.array.shape[1]
        mask = None if self.mask is None else np.repeat(self.mask[:, None], size, axis=1)
        return replace(self, array=self.array[:, None], mask=mask, axes=labels)

    def _score(self, measure: CellMeasure, *, joint: bool) -> Float64s:
        n, classes, *events, draws = self.array.shape
        cells = int(np.prod(events, dtype=np.int64))
        array = self.array.reshape(n, classes, cells, draws)
        scores = np.empty((n, cells))
        cell_bytes = (door.outcomes(self.kind, classes) if joint else classes) * draws * max(4, array.dtype.itemsize)
        of_logits = self._of_logits(measure)
        with spaces_of_thread() as space:
            for place in self.places(cells, cell_bytes, self._is_ready(array, joint, of_logits)):
                chunk = array[place[0], :, place[1]].transpose(0, 2, 1, 3)
                scores[place], valid = self._score_chunk(chunk, measure, joint, of_logits, space)
                self._refuse_invalid(valid, place)
        return scores.reshape(n, *events)

    def places(self, cells: int, cell_bytes: int, ready: bool) -> Iterator[tuple[slice, slice]]:
        """Rows and cells to score at a time: all of them where the kernels read them as they lie, else as many as are laid out
        together.
        """
        row_step, cell_step = len(self) or 1, cells or 1
        if not ready:
            cell_step = min(cell_step, max(1, CHUNK_BYTES // cell_bytes))
            row_step = max(1, CHUNK_BYTES // (cell_bytes * cell_step))
            if self.array.strides[0] == self.array.itemsize:
                row_step = max(row_step, min(ROWS_BESIDE, MOST_BESIDE // (cell_bytes * cell_step)))
        for row in range(0, len(self), row_step):
            for cell in range(0, cells, cell_step):
                yield slice(row, row + row_step), slice(cell, cell + cell_step)

    def first_invalid(self, valid: Bools, place: tuple[slice, slice]) -> tuple[int, ...] | None:
        """The row and the place on the event axes of the first invalid cell that is not padding. None where there is none."""
        if valid.all():
            return None
        wrong = ~valid
        if self.mask is not None:
            wrong &= ~self.mask.reshape(len(self), -1)[place]
        if not wrong.any():
            return None
        i, j = map(int, np.argwhere(wrong)[0])
        events = self.array.shape[2:-1]
        at = np.unravel_index(place[1].start + j, events) if events else ()
        return (place[0].start + i, *map(int, at))

    def cells(self, out: Array | None = None) -> Array:
        """Rows as the kernels read them, checked: (n, C, T) probabilities, float32 or float64. C counts all that a label can be."""
        shape = (len(self), door.outcomes(self.kind, self.array.shape[1]), *self.array.shape[2:])
        found = np.empty(shape, _wide(self.array.dtype)) if out is None else out
        start = 0

        def keep(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
            nonlocal start
            _check_cells(cells, weights, tolerance, out, valid)
            found[start : start + len(cells)] = cells
            start += len(cells)

        self.score_outcomes(keep)
        return found

    def check(self) -> None:
        """Refuse rows that are not distributions over all that a label can be."""
        self.score_outcomes(_check_cells)

    def scored_cells(self, rows: npt.NDArray[np.int64]) -> Array:
        """Some rows as the kernels read them. The block must have been scored, and so checked, before."""
        array = self.array[rows]
        if array.ndim == 3 and self.kind == "probs":
            return lay_out(array[:, None])[:, 0]
        return Block(self.start, array, self.kind, None, None, self.name).cells()

    def label_cells(self) -> Array:
        """Rows checked label by label: the probabilities of yes (n, L, T), float32 or float64."""
        found: list[Array] = []

        def keep(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
            from alcore.kernels.bernoulli import mean

            yes_rt = cells.reshape(len(cells), -1)
            mean(yes_rt, door.as_shares(weights, yes_rt.shape[1]), tolerance, out, valid)
            found.append(np.minimum(yes_rt, 1))  # rounding may lead above 1

        self.score_labels(keep)
        empty = np.empty((0, self.array.shape[-1]), np.float32)
        return np.concatenate(found or [empty]).reshape(self.array.shape)

    def _of_logits(self, measure: CellMeasure) -> LogitKernel | None:
        """What scores the block's logits as they are."""
        if self.kind != "logits" or not isinstance(measure, OfLogits):
            return None
        return measure.of_logits(_wide(self.array.dtype), self.weights)

    def _is_ready(self, array: Array, joint: bool, of_logits: LogitKernel | None) -> bool:
        """Whether the kernels read the cells where they lie. Cells of one label may lie beside each other."""
        one_a_row = array.shape[2] == 1 or (array.shape[1] == 1 and array.flags.c_contiguous)
        kind = self.kind if joint or door.family(self.kind) == "classes" else _SAID_YES.get(self.kind, self.kind)
        return one_a_row and lies_ready(array, "probs" if of_logits else kind)

    def _score_chunk(
        self, chunk: Array, measure: CellMeasure, joint: bool, of_logits: LogitKernel | None, space: Space
    ) -> tuple[Float64s, Bools]:
        n, cells, classes, draws = chunk.shape
        probs_rct = lay_out(chunk, space).reshape(n * cells, classes, draws)
        scores, valid = np.empty(n * cells), np.empty(n * cells, np.bool_)
        if of_logits:
            of_logits(unwritable(probs_rct), scores, valid)
            return scores.reshape(n, cells), valid.reshape(n, cells)
        if door.is_logits(self.kind):
            probs_rct = probabilities_of(probs_rct, self.kind, space)
        if joint and door.family(self.kind) != "classes":
            probs_rct = outcomes_of(probs_rct)
        measure(unwritable(probs_rct), self.weights, door.tolerance(probs_rct.shape[1]), scores, valid)
        return scores.reshape(n, cells), valid.reshape(n, cells)

    def _refuse_invalid(self, valid: Bools, place: tuple[slice, slice]) -> None:
        """Refuse the first invalid cell that is not padding."""
        if (found := self.first_invalid(valid, place)) is None:
            return
        row, *events = found
        axes = self.axes or Axes.plain(self.array.ndim)
        cell: tuple[Any, ...] = (row, slice(None), *events)
        door.refuse_values(self.kind, self.array[cell], (self.start + row, *events), self.name, axes)


def _wide(dtype: np.dtype[Any]) -> np.dtype[Any]:
    return np.dtype(np.float64 if dtype.itemsize > 4 else np.float32)


def _check_cells(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
    from alcore.kernels.distributions import check

    check(cells, tolerance, valid)


_SAID_YES: dict[Kind, Kind] = {"binary": "probs", "multilabel": "probs"}  # read as they lie, without their other class

_OVER_LABELS: dict[str, Callable[[Float64s], Float64s]] = {
    "sum": lambda scores: np.asarray(scores.sum(axis=1)),
    "mean": lambda scores: np.asarray(scores.mean(axis=1)),
    "max": lambda scores: np.asarray(scores.max(axis=1)),
}


def score_blocks(
    predictions: Any, work: Callable[[Block], Values], reading: Reading, *, name: str = "probs", cost: int = 1
) -> Values:
    """One pass over a source: what ``work`` gives for each block, (n, ...), joined along the rows."""
    source = open_source(predictions, reading, name, cost)
    return join_rows(map_blocks(source, work, reading, name=name), source.rows, name)


def map_blocks(
    source: Source,
    work: Callable[..., Result],
    reading: Reading,
    *,
    name: str = "probs",
    tell: Callable[[int, int], Any] | None = None,
    only: npt.NDArray[np.int64] | None = None,
) -> Iterator[Result]:
    """What ``work`` gives for each block of a source, in order. If the source has no row, ``work`` gets one empty block.

    Threads of this process work, or the workers of a cluster where the source is spread. They get ``work`` as it is now. ``tell``
    gives what ``work`` gets beside a block: what is known of its rows, ``start`` to ``stop``, when it begins. ``only``: rows,
    ascending. Blocks without one of them are left out, unread where the source allows it.
    """
    draw_weights = door.as_weights(reading.weights, source.cell_shape[-1])
    variances = variances_of(reading, source, door.name_of_variance(name))
    outputs = door.as_output_weights(reading.output_weights, source.cell_shape[0]) if reading.kind == "mean" else None
    padding = door.as_mask(reading.mask, source.events, source.rows)
    plan = Block(
        0, np.empty(0), reading.kind, draw_weights, None, name, source.axes, reading.over_labels, None, outputs
    )
    if source.spread is not None:
        done = map_on_workers(source.spread, work, plan, padding, variances, tell, only)
        with closing(track(done, source.rows, "rows scored")) as results:
            yield from (result for _, result in results)
        return

    def blocks() -> Iterator[tuple[int, Block]]:
        stop = 0
        for start, array in with_starts(source.blocks, only):
            if variances is not None:
                variances.skip(start - stop)
            stop = start + len(array)
            if padding is not None and stop > len(padding):
                door.refuse_unequal_rows("mask", stop, len(padding), f"{name} (at least)")
            rows_mask = None if padding is None else padding[start:stop]
            noise = None if variances is None else variances.take(len(array))
            yield stop, replace(plan, start=start, array=array, mask=rows_mask, variance=noise)
        if only is not None and stop:
            return
        if variances is not None:
            variances.check_end()
        if source.rows is not None and stop != source.rows:
            door.refuse_unequal_rows(name, source.rows, stop, "its shape")
        if padding is not None and stop != len(padding):
            door.refuse_unequal_rows("mask", stop, len(padding), name)
        if stop == 0:
            empty = np.empty((0, *source.cell_shape), np.float32)
            noise = None if variances is None else np.ones_like(empty)
            yield 0, replace(plan, array=empty, mask=padding, variance=noise, axes=None, over_labels="sum")

    with closing(track(blocks(), source.rows, "rows scored")) as tracked:  # the bar is gone when an error arrives
        in_order = map if source.rows is not None and source.rows <= source.step else map_in_order
        yield from in_order(source.saying_file(_told(work, tell)), (block for _, block in tracked))


def _told(work: Callable[..., Result], tell: Callable[[int, int], Any] | None) -> Callable[[Block], Result]:
    """``work`` with what it is told when it begins."""
    return work if tell is None else lambda block: work(block, tell(block.start, block.start + len(block)))


def join_rows(parts: Iterator[Values], rows: int | None, name: str) -> Values:
    if rows is None:
        return cast(Values, np.concatenate(list(parts)))
    joined: Values | None = None
    start = 0
    for part in parts:
        if joined is None:
            try:
                joined = cast(Values, np.empty((rows, *part.shape[1:]), part.dtype))
            except (MemoryError, ValueError):
                door.refuse_too_many_rows(name, rows)
        joined[start : start + len(part)] = part
        start += len(part)
    assert joined is not None  # map_blocks has an empty block where there is no row
    return joined


def read_rows(predictions: Any, reading: Reading = PLAIN, *, name: str = "probs") -> Array:
    """A source without event axes in memory and checked: probabilities (N, C, T), float32 or float64."""
    source = open_source(predictions, reading, name)
    refuse_events(source, name)
    return _cells_of(source, reading, name)


def look_at_rows(predictions: Any, reading: Reading, *, name: str) -> Array:
    """The same for the time of a call, not to be written to. What the kernels can read where it lies is checked, not copied."""
    source = open_source(predictions, reading, name)
    refuse_events(source, name)
    ready = as_ready(predictions, reading, name)
    if ready is None:
        return unwritable(_cells_of(source, reading, name))
    for _ in map_blocks(source, Block.check, Reading(reading.kind), name=name):
        pass
    return unwritable(np.asarray(ready))


def _cells_of(source: Source, reading: Reading, name: str) -> Array:
    own, found = Reading(reading.kind), None
    if source.rows is not None and source.spread is None:
        with suppress(MemoryError, ValueError):  # a source may say more rows than memory holds: reading it shows
            found = np.empty((source.rows, *source.joint_shape), _wide(source.dtype))
    if found is None:
        return np.concatenate(list(map_blocks(source, Block.cells, own, name=name)))
    for _ in map_blocks(source, Block.cells, own, name=name, tell=lambda start, stop: found[start:stop]):
        pass
    return found


def gather_rows(
    source: Source, rows: npt.NDArray[np.int64], reading: Reading, *, many_labels: bool = False
) -> tuple[Array, int]:
    """The named rows that a source has, checked, in the order named, and the number of its rows. Other rows are not checked.

    With ``many_labels`` they are (L, T) for each row, see `Block.label_cells`.
    """
    own = Block.label_cells if many_labels else Block.cells

    def work(block: Block) -> tuple[int, npt.NDArray[np.int64], list[Array]]:
        places = np.flatnonzero((rows >= block.start) & (rows < block.start + len(block)))
        inside = [int(row) - block.start for row in rows[places]]
        # One by one, so that a row which is refused is called by its number.
        named = (replace(block, start=block.start + i, array=block.array[i : i + 1]) for i in inside)
        return len(block), places, [own(one) for one in named]

    count, found = 0, dict[int, Array]()
    for length, places, cells in map_blocks(source, work, reading):
        count += length
        found.update(zip(places.tolist(), cells, strict=True))
    empty = np.empty((0, *(source.cell_shape if many_labels else source.joint_shape)), np.float32)
    return np.concatenate([empty, *(found[place] for place in sorted(found))]), count


def as_ready(predictions: Any, reading: Reading, name: str = "probs") -> Array | None:
    """The array (N, C, T), if it lies in memory (or is mapped) as the kernels read it. None where it must be converted."""
    if reading.kind != "probs" or not (isinstance(predictions, np.ndarray) or hasattr(predictions, "__dlpack__")):
        return None
    array = arranged(predictions, reading, name)
    if is_lazy(array):
        return None
    array = door.as_array(array, name)
    door.check_axes(array.shape, name)
    if array.ndim > 3:
        door.refuse_event_axes(name, array.shape[1:], original_axes(predictions, reading, name))
    return array if lies_ready(array, reading.kind) else None
