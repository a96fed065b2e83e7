"""Any source of predictions, opened: an array, a memmap, a path, a lazy array, a tensor or an iterable -> blocks of rows."""

from __future__ import annotations

import math
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any, TypeVar

import numpy as np

from alcore import door
from alcore.door import Array, Axes, Kind, Reading
from alcore.sources.axes import arranged, arranged_block, is_lazy, is_table, opened, original_axes
from alcore.sources.chunks import CutRows, row_blocks, step_of, warn_of_chunks
from alcore.sources.names import RowNames, axes_of, names_of_rows
from alcore.sources.ragged import Ragged
from alcore.sources.spread import Spread, spread
from alcore.sources.threads import at_once
from alcore.sources.unwritten import check_written

Result = TypeVar("Result")

PLAIN = Reading()  # probabilities (N, C, ..., T)


PER_THREAD = 4  # blocks of an array in memory for each thread: 12.8 ms at (50 000, 10, 100), 13.4 with 8


BLOCK_BYTES = 8 << 20  # read and handed to a thread at a time


IN_FLIGHT_BYTES = 128 << 20  # in the hands of all threads together, so blocks shrink where there are many


@dataclass(frozen=True)
class Source:
    """Predictions to be read once from the front. ``rows`` is None if only reading them shows how many there are."""

    rows: int | None
    cell_shape: tuple[int, ...]  # (C, ..., T)
    blocks: Iterator[Array]
    step: int  # rows of a block at most
    dtype: np.dtype[Any]  # of the first block at least
    kind: Kind = "probs"
    axes: Axes | None = None  # how they lie in the caller's array. None for (N, C, ..., T)
    files: tuple[tuple[int, str], ...] = ()  # the first row and the name of each file, where there are several
    names: Mapping[str, RowNames] = field(
        default_factory=dict
    )  # what the rows are called, by the name of the predictions
    variances: Iterator[Any] | None = (
        None  # of blocks that are pairs (means, variances): those of the blocks read so far
    )
    spread: Spread | None = None  # how the workers of a cluster read it, where there is one

    def saying_file(self, work: Callable[[Any], Result]) -> Callable[[Any], Result]:
        """``work`` on a block of rows. Its errors name the file of the block, where there are several."""
        if not self.files:
            return work

        def named(block: Any) -> Result:
            try:
                return work(block)
            except ValueError as error:
                first, file = max(one for one in self.files if one[0] <= block.start)
                raise ValueError(f"{error} Row {first} is row 0 of {file}.") from error

        return named

    @property
    def events(self) -> tuple[int, ...]:
        return self.cell_shape[1:-1]

    @property
    def joint_shape(self) -> tuple[int, ...]:
        """(C, ..., T) where C counts all that a label can be: the classes, yes and no, or all label vectors."""
        classes, *rest = self.cell_shape
        return (door.outcomes(self.kind, classes), *rest)

    @property
    def row_bytes(self) -> int:
        """Of a row as the kernels compare rows: float64 where it is that, else float32."""
        return max(4, self.dtype.itemsize) * math.prod(self.joint_shape)


def open_source(predictions: Any, reading: Reading = PLAIN, name: str = "probs", cost: int = 1) -> Source:
    """A source from an array, a memmap, a path, a lazy array (zarr, HDF5, dask), a tensor or an iterable of blocks.

    ``reading`` says how the axes lie. ``cost``: how many times the work of a row-wise measure each row takes. Blocks are that many
    times smaller.
    """
    if isinstance(predictions, RowCount):
        door.refuse_no_predictions(name)
    if isinstance(predictions, Ragged):
        door.refuse_sets(name)
    if isinstance(predictions, Mapping):
        door.refuse_source(predictions, name)
    given, variances = opened(predictions, reading, name), None
    if reading.kind == "mean":
        given, variances = split_pairs(given, name)
    found = arranged(given, reading, name)
    source = _source_of(found, reading, name, cost)
    check_written(found, reading, name)
    warn_of_chunks(found, block_rows(source.cell_shape, source.dtype.itemsize, cost), name, reading.kind)
    axes, files = original_axes(given, reading, name) or source.axes, getattr(found, "starts", ())
    names = names_of_rows(predictions, reading)
    named = {} if names is None else {name: names}
    workers = spread(found, name, math.prod(source.cell_shape) * source.dtype.itemsize, cost)
    return replace(source, kind=reading.kind, axes=axes, files=files, names=named, variances=variances, spread=workers)


def _source_of(found: Any, reading: Reading, name: str, cost: int) -> Source:
    """A source from predictions that lie as (N, C, ..., T), or from blocks that are arranged one by one."""
    if is_lazy(found) or hasattr(found, "__array__") or hasattr(found, "__dlpack__"):
        return array_or_lazy_source(found, reading.kind, name, cost)
    if isinstance(found, Iterable) and not isinstance(found, bytes | bytearray):
        return _block_source(found, reading, name, cost)
    door.refuse_source(found, name)


def array_or_lazy_source(found: Any, kind: Kind, name: str, cost: int = 1) -> Source:
    """A source from an array, in memory or not, that lies as (N, C, ..., T)."""
    if is_lazy(found):
        return _lazy_source(found, kind, name, cost)
    return _array_source(door.as_array(found, name), kind, name, cost)


def split_pairs(predictions: Any, name: str) -> tuple[Any, Iterator[Any] | None]:
    """An iterable of pairs (means, variances) as two iterators that are read in step. Anything else stays as it is."""
    if hasattr(predictions, "dtype") or not isinstance(predictions, Iterable) or is_lazy(predictions):
        return predictions, None
    parts = iter(predictions)
    first = next(parts, None)
    if first is None:
        return (), None
    every = chain([first], parts)
    if not isinstance(first, tuple):
        return every, None
    waiting: deque[Any] = deque()

    def means() -> Iterator[Any]:
        for number, pair in enumerate(every):
            if not isinstance(pair, tuple) or len(pair) != 2:
                door.refuse_block(name, number, type(pair).__name__, "a pair (means, variances), as block 0 is")
            waiting.append(pair[1])
            yield pair[0]

    def variances() -> Iterator[Any]:
        while waiting:  # those of the blocks of means that were read so far
            yield waiting.popleft()

    return means(), variances()


def _array_source(array: Array, kind: Kind, name: str, cost: int) -> Source:
    door.check_axes(array.shape, name, kind)
    held = block_rows(array.shape[1:], array.dtype.itemsize, cost)
    # Nothing is read or held, so a few large blocks for each thread.
    step = min(max(-(-len(array) // (PER_THREAD * at_once())), held // 8, 1), 4 * held)
    blocks = CutRows(len(array), step, lambda start, stop: array[start:stop])
    return Source(len(array), array.shape[1:], blocks, step, array.dtype)


def _lazy_source(lazy: Any, kind: Kind, name: str, cost: int) -> Source:
    """Rows are read when their turn comes, in multiples of the stored chunks, which decompress whole."""
    shape = door.as_shape(lazy.shape, name)
    door.check_dtype(lazy.dtype, name)
    door.check_axes(shape, name, kind)
    step = block_rows(shape[1:], lazy.dtype.itemsize, cost)
    if hasattr(lazy, "read_blocks"):
        return Source(shape[0], shape[1:], lazy.read_blocks(step), step, lazy.dtype)
    step = step_of(lazy, step)
    return Source(shape[0], shape[1:], row_blocks(lazy, step, name), step, lazy.dtype)


def _block_source(iterable: Iterable[Any], reading: Reading, name: str, cost: int) -> Source:
    """Blocks (n, C, ..., T) of any n. They are pulled in the caller's thread: frameworks keep state there."""
    given = iter(iterable)
    raw = next(given, None)
    if raw is None:
        door.refuse_empty_stream(name)
    parts = (_as_block(part, number, reading, name) for number, part in enumerate(chain([raw], given)))
    first = next(parts)
    step = block_rows(first.shape[1:], first.dtype.itemsize, cost)
    no_classes = not reading.has_classes and len(getattr(raw, "shape", ())) == 2 < first.ndim
    axes = axes_of(raw, reading, name) if no_classes else None
    return Source(None, first.shape[1:], _cut(first, parts, step, name), step, first.dtype, axes=axes)


def _as_block(part: Any, number: int, reading: Reading, name: str) -> Array:
    where = f"{name}: block {number}"
    if not (hasattr(part, "__array__") or hasattr(part, "__dlpack__")):
        got = f"{type(part).__name__}. Convert nested lists first: np.asarray(block)"
        if isinstance(part, str | os.PathLike):
            got = f"{type(part).__name__}. For several files pass a list of their paths: list({name})"
        door.refuse_block(name, number, got, f"an array {door.AXES}")
    block = arranged_block(door.as_array(part, where), reading, where)
    door.check_axes(block.shape, where, reading.kind)
    return block


def _cut(first: Array, rest: Iterator[Array], step: int, name: str) -> Iterator[Array]:
    number, block = 0, first
    while True:
        if block.shape[1:] != first.shape[1:]:
            expected = f"shape (n, {', '.join(map(str, first.shape[1:]))}), as block 0 has"
            got = f"shape {block.shape}. Predict every block with the same classes, event axes and draws"
            door.refuse_block(name, number, got, expected)
        for start in range(0, len(block), step):
            yield block[start : start + step]
        following = next(rest, None)
        if following is None:
            return
        number, block = number + 1, following


def block_rows(cell_shape: tuple[int, ...], itemsize: int, cost: int = 1) -> int:
    row_bytes = math.prod(cell_shape) * itemsize
    budget = min(BLOCK_BYTES, IN_FLIGHT_BYTES // at_once()) // cost
    return max(1, budget // max(1, row_bytes))


@dataclass(frozen=True)
class RowCount:
    """A number of rows without predictions, which is all that `Random` and `Precomputed` need."""

    rows: int


def count_rows(predictions: Any, reading: Reading = PLAIN) -> int:
    """How many rows a source has. An iterable is read to its end."""
    if isinstance(predictions, RowCount):
        return predictions.rows
    if isinstance(predictions, Ragged):
        return len(predictions)
    source = open_source(predictions, reading)
    return source.rows if source.rows is not None else sum(map(len, source.blocks))


def can_reread(predictions: Any) -> bool:
    """Whether a source gives the same rows a second time. Of iterables only a list or a tuple is known to."""
    if isinstance(predictions, Ragged):
        return can_reread(predictions.flat)
    if isinstance(predictions, Mapping):
        return all(map(can_reread, predictions.values()))
    whole = isinstance(predictions, list | tuple | str) or not isinstance(predictions, Iterable)
    return whole or hasattr(predictions, "dtype") or is_table(predictions)


def refuse_events(source: Source, name: str = "probs", *, many_labels: bool = False) -> None:
    """Refuse event axes where rows are compared with each other, since each row then needs one prediction.

    ``many_labels``: take more labels than a joint distribution can hold.
    """
    if source.events:
        door.refuse_event_axes(name, source.cell_shape, source.axes)
    if many_labels and door.has_too_many_labels(source.kind, source.cell_shape[0]):
        return
    door.check_outcomes(source.kind, source.cell_shape[0], name, axis=source.axes.classes if source.axes else 1)
