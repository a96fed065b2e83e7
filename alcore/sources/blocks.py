"""Any source of predictions -> row blocks -> scores.

A block is cut from the source, its cells are laid out as (cells, C, T) in float32 or float64, and a kernel reads them.
What a row scores never depends on the block it came in, so any cutting and any number of threads give the same bits.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any, TypeAlias, TypeVar, cast

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, Float64s, Kind
from alcore.sources import files as store
from alcore.sources.progress import track
from alcore.sources.threads import get_threads, map_in_order

PER_THREAD = 4  # blocks of an array in memory for each thread: 12.8 ms at (50 000, 10, 100), 13.4 with 8
BLOCK_BYTES = 8 << 20  # read and handed to a thread at a time
LARGEST_CHUNKS = 4  # blocks: larger stored chunks are decompressed again for each block, rather than held whole
IN_FLIGHT_BYTES = 128 << 20  # in the hands of all threads together, so blocks shrink where there are many
CHUNK_BYTES = 1 << 20  # converted at a time where a block is not in the layout that kernels read

Result = TypeVar("Result")
Values = TypeVar("Values", bound=Array)

# cells (R, C, T), weights (T,) or None for equal ones, tolerance, scores out (R,), valid out (R,)
CellMeasure: TypeAlias = Callable[[Array, Float64s | None, float, Float64s, Bools], None]


# --- sources ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Source:
    """Predictions to be read once from the front: ``rows`` is None where only reading tells."""

    rows: int | None
    cell_shape: tuple[int, ...]  # (C, ..., T)
    blocks: Iterator[Array]
    step: int  # rows of a block at most
    dtype: np.dtype[Any]  # of the first block at least

    @property
    def events(self) -> tuple[int, ...]:
        return self.cell_shape[1:-1]

    @property
    def row_bytes(self) -> int:
        """Of a row as the kernels read it: float64 where it is that, else float32."""
        return max(4, self.dtype.itemsize) * int(np.prod(self.cell_shape, dtype=np.int64))


def open_source(predictions: Any, name: str = "probs", cost: int = 1) -> Source:
    """A source from an array, a memmap, a path, a lazy array (zarr, HDF5, dask), a tensor or an iterable of blocks.

    ``cost``: how many times the work of a row-wise measure each row is; its blocks are that many times smaller.
    """
    if isinstance(predictions, str | os.PathLike):
        predictions = store.open_predictions(predictions)
    if isinstance(predictions, np.ndarray) or hasattr(predictions, "__dlpack__"):
        return _array_source(door.as_array(predictions, name), name, cost)
    if isinstance(predictions, RowsAlone):
        door.refuse_no_predictions(name)
    if isinstance(predictions, Mapping):
        door.refuse_source(predictions, name)
    sliceable = hasattr(predictions, "__getitem__") or hasattr(predictions, "read_blocks")
    if sliceable and isinstance(getattr(predictions, "dtype", None), np.dtype) and hasattr(predictions, "shape"):
        return _lazy_source(predictions, name, cost)
    if hasattr(predictions, "__array__"):
        return _array_source(door.as_array(predictions, name), name, cost)
    if isinstance(predictions, Iterable) and not isinstance(predictions, bytes | bytearray):
        return _block_source(predictions, name, cost)
    door.refuse_source(predictions, name)


def _array_source(array: Array, name: str, cost: int) -> Source:
    door.check_axes(array.shape, name)
    held = _block_rows(array.shape[1:], array.dtype.itemsize, cost)
    # Nothing is read or held, so a few large blocks for each thread.
    step = min(max(-(-len(array) // (PER_THREAD * get_threads())), held // 8, 1), 4 * held)
    blocks = (array[start : start + step] for start in range(0, len(array), step))
    return Source(len(array), array.shape[1:], blocks, step, array.dtype)


def _lazy_source(lazy: Any, name: str, cost: int) -> Source:
    """Rows are read when their turn comes, in multiples of the stored chunks, which decompress whole."""
    shape = door.as_shape(lazy.shape, name)
    door.check_dtype(lazy.dtype, name)
    door.check_axes(shape, name)
    step = _block_rows(shape[1:], lazy.dtype.itemsize, cost)
    if hasattr(lazy, "read_blocks"):
        return Source(shape[0], shape[1:], lazy.read_blocks(step), step, lazy.dtype)
    chunk = _chunk_rows(lazy)
    whole_chunks = max(1, round(step / chunk)) * chunk
    step = min(whole_chunks, LARGEST_CHUNKS * step)
    blocks = (_read(lazy, start, min(start + step, shape[0]), name) for start in range(0, shape[0], step))
    return Source(shape[0], shape[1:], blocks, step, lazy.dtype)


def _read(lazy: Any, start: int, stop: int, name: str) -> Array:
    part = lazy[start:stop]
    block = door.as_array(
        part.compute() if hasattr(part, "compute") else part, name
    )  # dask's masks would be lost otherwise
    if len(block) > stop - start or block.shape[1:] != tuple(lazy.shape[1:]):
        expected = (stop - start, *lazy.shape[1:])
        raise ValueError(
            f"{name}: rows {start} to {stop}: expected shape {expected}, as its shape says, got {block.shape}."
        )
    return block


def _chunk_rows(lazy: Any) -> int:
    """Rows of a chunk: zarr and h5py say (rows, ...), dask ((rows, rows, ...), ...), contiguous HDF5 None; shards hold chunks."""
    chunks = getattr(lazy, "shards", None) or getattr(lazy, "chunks", None)
    if not chunks:
        return 1
    return int(max(chunks[0], default=1) if isinstance(chunks[0], tuple) else chunks[0]) or 1


def _block_source(iterable: Iterable[Any], name: str, cost: int) -> Source:
    """Blocks (n, C, ..., T) of any n. They are pulled in the caller's thread: frameworks keep state there."""
    parts = (_as_block(part, number, name) for number, part in enumerate(iterable))
    first = next(parts, None)
    if first is None:
        door.refuse_empty_stream(name)
    step = _block_rows(first.shape[1:], first.dtype.itemsize, cost)
    return Source(None, first.shape[1:], _cut(first, parts, step, name), step, first.dtype)


def _as_block(part: Any, number: int, name: str) -> Array:
    where = f"{name}: block {number}"
    if not (hasattr(part, "__array__") or hasattr(part, "__dlpack__")):
        door.refuse_block(name, number, type(part).__name__, f"an array {door.AXES} (wrap nested lists in np.asarray)")
    block = door.as_array(part, where)
    door.check_axes(block.shape, where)
    return block


def _cut(first: Array, rest: Iterator[Array], step: int, name: str) -> Iterator[Array]:
    number, block = 0, first
    while True:
        if block.shape[1:] != first.shape[1:]:
            expected = f"shape (n, {', '.join(map(str, first.shape[1:]))}), as block 0 has"
            door.refuse_block(name, number, f"shape {block.shape}", expected)
        for start in range(0, len(block), step):
            yield block[start : start + step]
        following = next(rest, None)
        if following is None:
            return
        number, block = number + 1, following


def _block_rows(cell_shape: tuple[int, ...], itemsize: int, cost: int) -> int:
    row_bytes = int(np.prod(cell_shape, dtype=np.int64)) * itemsize
    budget = min(BLOCK_BYTES, IN_FLIGHT_BYTES // get_threads()) // cost
    return max(1, budget // max(1, row_bytes))


# --- blocks -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Block:
    """Consecutive rows of predictions with what the caller said about them."""

    start: int
    array: Array  # (n, C, ..., T), as it came
    kind: Kind
    weights: Float64s | None
    mask: Bools | None  # (n, ...), True where a cell is padding
    name: str

    def __len__(self) -> int:
        return len(self.array)

    def score(self, measure: CellMeasure) -> Float64s:
        """The measure of every cell, (n, ...); NaN where an invalid cell is padding."""
        n, classes, *events, draws = self.array.shape
        cells = int(np.prod(events, dtype=np.int64))
        array = self.array.reshape(n, classes, cells, draws)
        scores = np.empty((n, cells))
        cell_bytes = classes * draws * max(4, array.dtype.itemsize)
        row_step, cell_step = n or 1, cells or 1
        if not self._is_ready(array):
            cell_step = min(cell_step, max(1, CHUNK_BYTES // cell_bytes))
            row_step = max(1, CHUNK_BYTES // (cell_bytes * cell_step))
        for row in range(0, n, row_step):
            for cell in range(0, cells, cell_step):
                place = np.s_[row : row + row_step, cell : cell + cell_step]
                chunk = array[place[0], :, place[1]].transpose(0, 2, 1, 3)
                values, valid = self._score_chunk(chunk, measure)
                scores[place] = values
                if not valid.all():
                    self._refuse_invalid(valid, row, cell, events)
        return scores.reshape(n, *events)

    def cells(self) -> Array:
        """Rows as the kernels read them, checked: (n, C, T) probabilities, float32 or float64."""
        parts: list[Array] = []

        def keep(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
            from alcore.kernels.measures import check

            check(cells, tolerance, valid)
            parts.append(cells.copy())

        self.score(keep)
        return np.concatenate(parts) if parts else np.empty((0, *self.array.shape[1:]), np.float32)

    def scored_cells(self, rows: npt.NDArray[np.int64]) -> Array:
        """Some rows as the kernels read them, of a block that was scored, and thereby checked, before."""
        array = self.array[rows]
        if array.ndim == 3 and _lies_ready(array, self.kind):
            return array
        return Block(self.start, array, self.kind, None, None, self.name).cells()

    def _is_ready(self, array: Array) -> bool:
        return array.shape[2] == 1 and _lies_ready(array, self.kind)

    def _score_chunk(self, chunk: Array, measure: CellMeasure) -> tuple[Float64s, Bools]:
        n, cells, classes, draws = chunk.shape
        probs_rct = _lay_out(chunk).reshape(n * cells, classes, draws)
        scores, valid = np.empty(n * cells), np.empty(n * cells, np.bool_)
        if self.kind == "logits":
            from alcore.kernels.softmax import softmax

            logits_rct, probs_rct = probs_rct, np.empty_like(probs_rct)
            softmax(logits_rct, probs_rct, valid)
            probs_rct[~valid] = np.nan
        probs_rct = probs_rct.view()
        probs_rct.flags.writeable = False  # one compiled kernel for writable and read-only input
        measure(probs_rct, self.weights, door.tolerance(classes), scores, valid)
        return scores.reshape(n, cells), valid.reshape(n, cells)

    def _refuse_invalid(self, valid: Bools, row: int, first: int, events: list[int]) -> None:
        """Refuse the first invalid cell that is not padding."""
        wrong = ~valid
        if self.mask is not None:
            padding = self.mask.reshape(len(self), -1)
            wrong &= ~padding[row : row + valid.shape[0], first : first + valid.shape[1]]
        if not wrong.any():
            return
        i, j = map(int, np.argwhere(wrong)[0])
        place = tuple(int(e) for e in np.unravel_index(first + j, events)) if events else ()
        cell: tuple[Any, ...] = (row + i, slice(None), *place)
        refuse = door.refuse_logits if self.kind == "logits" else door.refuse_cell
        refuse(self.array[cell], (self.start + row + i, *place), self.name)


def _lies_ready(array: Array, kind: Kind) -> bool:
    """Whether the kernels can read an array where it lies."""
    plain = array.dtype.isnative and array.dtype.itemsize >= 4 and kind == "probs"
    return plain and array.flags.c_contiguous and array.flags.aligned


def _lay_out(chunk: Array) -> Array:
    """C-contiguous, aligned, in the machine's byte order, float32 or float64; a copy only where it has to be."""
    native = np.require(chunk, chunk.dtype.newbyteorder("="), ["C", "A"])
    if native.dtype.itemsize > 2:
        return native
    from alcore.kernels.widen import widen

    wide = np.empty(native.shape, np.float32)
    widen(native.reshape(-1).view(np.uint16), wide.reshape(-1))
    return wide


def score_blocks(
    predictions: Any,
    work: Callable[[Block], Values],
    *,
    kind: str = "probs",
    weights: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    name: str = "probs",
    cost: int = 1,
) -> Values:
    """One pass over a source: what ``work`` gives for each block, (n, ...), joined along the rows."""
    source = open_source(predictions, name, cost)
    return _join(map_blocks(source, work, kind=kind, weights=weights, mask=mask, name=name), source.rows)


def map_blocks(
    source: Source,
    work: Callable[[Block], Result],
    *,
    kind: str = "probs",
    weights: npt.ArrayLike | None = None,
    mask: npt.ArrayLike | None = None,
    name: str = "probs",
) -> Iterator[Result]:
    """What ``work`` gives for each block of a source, in order; for an empty block where there is no row."""
    said = door.as_kind(kind)
    draw_weights = door.as_weights(weights, source.cell_shape[-1])
    padding = door.as_mask(mask, source.events, source.rows)

    def blocks() -> Iterator[tuple[int, Block]]:
        start = 0
        for array in source.blocks:
            stop = start + len(array)
            if padding is not None and stop > len(padding):
                door.refuse_unequal_rows("mask", stop, len(padding), f"{name} (at least)")
            rows_mask = None if padding is None else padding[start:stop]
            yield stop, Block(start, array, said, draw_weights, rows_mask, name)
            start = stop
        if source.rows is not None and start != source.rows:
            door.refuse_unequal_rows(name, source.rows, start, "its shape")
        if padding is not None and start != len(padding):
            door.refuse_unequal_rows("mask", start, len(padding), name)
        if start == 0:
            empty = np.empty((0, *source.cell_shape), np.float32)
            yield 0, Block(0, empty, said, draw_weights, padding, name)

    with closing(track(blocks(), source.rows, "rows scored")) as tracked:  # the bar is gone when an error arrives
        in_order = map if source.rows is not None and source.rows <= source.step else map_in_order
        yield from in_order(work, (block for _, block in tracked))


def _join(parts: Iterator[Values], rows: int | None) -> Values:
    if rows is None:
        return cast(Values, np.concatenate(list(parts)))
    joined: Values | None = None
    start = 0
    for part in parts:
        if joined is None:
            joined = cast(Values, np.empty((rows, *part.shape[1:]), part.dtype))
        joined[start : start + len(part)] = part
        start += len(part)
    assert joined is not None  # map_blocks has an empty block where there is no row
    return joined


def read_rows(predictions: Any, *, kind: str = "probs", name: str = "probs") -> Array:
    """A source without event axes in memory and checked: probabilities (N, C, T), float32 or float64."""
    source = open_source(predictions, name)
    refuse_events(source, name)
    return np.concatenate(list(map_blocks(source, Block.cells, kind=kind, name=name)))


def gather_rows(
    source: Source, rows: npt.NDArray[np.int64], *, kind: str = "probs", weights: npt.ArrayLike | None = None
) -> tuple[Array, int]:
    """The named rows that a source has, checked, in the order named; and how many rows it has. Others are not looked at."""

    def work(block: Block) -> tuple[int, npt.NDArray[np.int64], list[Array]]:
        places = np.flatnonzero((rows >= block.start) & (rows < block.start + len(block)))
        inside = [int(row) - block.start for row in rows[places]]
        # One by one, so that a row which is refused is called by its number.
        named = (replace(block, start=block.start + i, array=block.array[i : i + 1]) for i in inside)
        return len(block), places, [one.cells() for one in named]

    count, found = 0, dict[int, Array]()
    for length, places, cells in map_blocks(source, work, kind=kind, weights=weights):
        count += length
        found.update(zip(places.tolist(), cells, strict=True))
    empty = np.empty((0, *source.cell_shape), np.float32)
    return np.concatenate([empty, *(found[place] for place in sorted(found))]), count


def refuse_events(source: Source, name: str = "probs") -> None:
    """Where rows are compared with each other they have one prediction each."""
    if source.events:
        door.refuse_event_axes(name, source.cell_shape)


def as_ready(predictions: Any, kind: Kind) -> Array | None:
    """The array (N, C, T) where it lies in memory (or mapped) as the kernels read it; None where it has to be converted."""
    if not (isinstance(predictions, np.ndarray) or hasattr(predictions, "__dlpack__")):
        return None
    array = door.as_array(predictions, "probs")
    door.check_axes(array.shape, "probs")
    if array.ndim > 3:
        door.refuse_event_axes("probs", array.shape[1:])
    return array if _lies_ready(array, kind) else None


def can_reread(predictions: Any) -> bool:
    """Whether a source gives the same rows a second time; of an iterable only a list or a tuple is trusted to."""
    whole = isinstance(predictions, list | tuple | str) or not isinstance(predictions, Iterable)
    return whole or hasattr(predictions, "dtype")


# --- the one bounded buffer -------------------------------------------------------------------------------------------


class Best:
    """The rows of largest bound among all that were offered, at most ``capacity``, and the largest bound that was let go.

    Of equal bounds the lowest row stays, so what is held does not depend on how the rows were cut into blocks.
    """

    def __init__(self, capacity: int, cell_shape: tuple[int, ...]) -> None:
        self._capacity, self._held = capacity, 0
        self._room = capacity + max(1, capacity // 8)  # so that the least are let go many at a time
        self.cells: Array = np.empty((0, *cell_shape), np.float32)
        self.bound, self.index = np.empty(self._room), np.empty(self._room, np.int64)
        self.least, self.let_go = -np.inf, -np.inf  # what is under ``least`` need not be offered

    def offer(self, cells: Array, bound: Float64s, index: npt.NDArray[np.int64]) -> None:
        if len(index) and not len(self.cells):
            self.cells = np.empty(
                (self._room, *cells.shape[1:]), cells.dtype
            )  # pages that are not written take no memory
        place = 0
        while place < len(index):
            count = min(self._room - self._held, len(index) - place)
            here, there = np.s_[self._held : self._held + count], np.s_[place : place + count]
            self.cells[here], self.bound[here], self.index[here] = cells[there], bound[there], index[there]
            self._held, place = self._held + count, place + count
            if self._held == self._room:
                self._let_go()

    def skip(self, bound: float) -> None:
        """Count as let go what was not offered."""
        self.let_go = max(self.let_go, bound)

    def close(self) -> None:
        """Let go of all but the best."""
        self._let_go()
        self.cells, self.bound = self.cells[: self._held], self.bound[: self._held]
        self.index = self.index[: self._held]

    def _let_go(self) -> None:
        if self._held <= self._capacity:
            return
        order = np.lexsort((self.index[: self._held], -self.bound[: self._held]))
        self.skip(float(self.bound[order[self._capacity]]))
        self.least = float(self.bound[order[self._capacity - 1]])
        stay = np.sort(order[: self._capacity])
        movers = stay[stay >= self._capacity]
        holes = np.setdiff1d(np.arange(self._capacity), stay, assume_unique=True)
        for held in (self.cells, self.bound, self.index):
            held[holes] = held[movers]
        self._held = self._capacity


@dataclass(frozen=True)
class RowsAlone:
    """A number of rows without predictions, which is all that some heuristics need."""

    rows: int


def count_rows(predictions: Any) -> int:
    """How many rows a source has; an iterable is read to its end."""
    if isinstance(predictions, RowsAlone):
        return predictions.rows
    source = open_source(predictions)
    return source.rows if source.rows is not None else sum(map(len, source.blocks))
