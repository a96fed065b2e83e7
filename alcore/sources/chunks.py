"""Stored chunks and blocks of rows: blocks of whole chunks where these are small, and what it costs where they are not."""

from __future__ import annotations

import itertools
import math
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import is_dataclass
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Axes, Kind
from alcore.sources.cluster import dask_array

Ints = npt.NDArray[np.int64]

LARGEST_CHUNKS = 4  # blocks: larger stored chunks are decompressed again for each block, rather than held whole
AS_STORED = ("original-", "from-zarr-", "array-", "rechunk-")  # layers of Dask that change no number
PIECE_BYTES = 64 << 20  # of chunks that are copied together, so that a page of the copy is written to a few times


class ChunkWarning(UserWarning):
    """The chunks of a file do not fit blocks of rows, so each is decompressed several times.

    zarr and HDF5 decompress a chunk whole, and alcore reads all classes and draws of some rows. Where a chunk holds many rows and
    few draws, as (N, C, 1), each block of rows needs every chunk. The warning says how often. `save_predictions` reads each chunk
    once, and writes a file in the order of rows.

    >>> import alcore
    >>> issubclass(alcore.ChunkWarning, UserWarning)
    True
    """


def step_of(lazy: Any, step: int) -> int:
    """Rows of a block of a lazy array, about ``step``: whole chunks, where that is not far more."""
    return _whole_chunks(_chunk_rows(lazy), step)


def _whole_chunks(chunk: int, step: int) -> int:
    return min(max(1, round(step / chunk)) * chunk, LARGEST_CHUNKS * step)


class CutRows(Iterator[Array]):
    """Successive blocks of ``step`` rows. Each is read when its turn comes, or skipped."""

    def __init__(self, rows: int, step: int, read: Callable[[int, int], Array]) -> None:
        self._rows, self._step, self._read, self._start = rows, step, read, 0

    @property
    def following(self) -> int:
        """How many rows the next block has. 0 at the end."""
        return min(self._step, self._rows - self._start)

    def __next__(self) -> Array:
        if self._start >= self._rows:
            raise StopIteration
        start = self._start
        self.skip()
        return self._read(start, self._start)

    def skip(self) -> int:
        """Leave the next block out. It returns how many rows that were."""
        rows = self.following
        self._start += rows
        return rows


def row_blocks(lazy: Any, step: int, name: str) -> CutRows:
    """Successive blocks of ``step`` rows of a lazy array."""
    return CutRows(int(lazy.shape[0]), step, lambda start, stop: _read(lazy, start, stop, name))


def with_starts(blocks: Iterator[Array], only: Ints | None = None) -> Iterator[tuple[int, Array]]:
    """Each block with the number of its first row.

    ``only``: rows, ascending. Blocks without one of them are skipped where the length of a block is known before it is read, and
    none is read after the last row.
    """
    start = 0
    while only is None or (len(only) and start <= only[-1]):
        if only is not None and isinstance(blocks, CutRows) and blocks.following:
            first, after = np.searchsorted(only, [start, start + blocks.following])
            if first == after:
                start += blocks.skip()
                continue
        if (block := next(blocks, None)) is None:
            return
        yield start, block
        start += len(block)


def _read(lazy: Any, start: int, stop: int, name: str) -> Array:
    block = door.as_array(computed(lazy, 0, slice(start, stop), name), name)  # dask's masks would be lost otherwise
    expected = (stop - start, *lazy.shape[1:])
    if block.shape != expected:  # refused at once: a billion missing rows would be a million empty blocks
        raise ValueError(
            f"{name}: rows {start} to {stop}: expected shape {expected}, as its shape says, got {block.shape}."
        )
    return block


def computed(lazy: Any, axis: int, rows: Any, name: str) -> Any:
    """Some rows, along an axis, of a lazy array. Of an array of Dask they are computed: a chunk that fails is named."""
    part = lazy[(*[slice(None)] * axis, rows) if axis else rows]
    if not hasattr(part, "compute"):
        return part
    try:
        return part.compute()
    except Exception as error:  # of any library that Dask reads with
        if (array := dask_array(lazy)) is not None and isinstance(rows, slice):
            start, stop, _ = rows.indices(array.shape[axis])
            _refuse_failing(array, axis, range(start, stop), name)
        raise error


def _refuse_failing(array: Any, axis: int, rows: range, name: str) -> None:
    """Compute the chunks of some rows again, one by one, and refuse the first that fails."""
    edges = [0, *itertools.accumulate(array.chunks[axis])]
    for number, (start, stop) in enumerate(itertools.pairwise(edges)):
        if start >= rows.stop or stop <= rows.start:
            continue
        places = [range(count) if place != axis else (number,) for place, count in enumerate(array.numblocks)]
        for chunk in itertools.product(*places):
            try:
                array.blocks[chunk].compute()
            except Exception as error:  # the same
                refuse_chunk(name, start, stop, str(chunk), array, error)


def refuse_chunk(name: str, start: int, stop: int, chunk: str, array: Any, error: BaseException) -> NoReturn:
    """Refuse a chunk of an array of Dask, of rows ``start`` to ``stop``, that cannot be computed."""
    source, reason = stored_in(array), " ".join(str(error).split()).rstrip(".") or type(error).__name__
    raise ValueError(
        f"{name}: expected numbers in rows {start} to {stop - 1}, but chunk {chunk} of the dask array "
        f"{array.name!r}{f', of {source},' if source else ''} cannot be read: {type(error).__name__}: {reason}. Write "
        "these rows again."
    ) from error


def chunks_of(source: Any) -> Any:
    """The sizes of what is read whole from a lazy array: its shards, which hold chunks, else its chunks. None without either."""
    return getattr(source, "shards", None) or getattr(source, "chunks", None)


def _chunk_rows(lazy: Any) -> int:
    """Rows of a chunk: zarr and h5py say (rows, ...), dask ((rows, rows, ...), ...), contiguous HDF5 None; shards hold chunks."""
    chunks = chunks_of(lazy)
    if not chunks:
        return 1
    return int(max(chunks[0], default=1) if isinstance(chunks[0], tuple) else chunks[0]) or 1


# --- chunks that are larger than blocks -------------------------------------------------------------------------------


def stored_parts(source: Any) -> Iterator[tuple[Any, Axes]]:
    """The arrays of zarr and HDF5 that a source reads, and how their axes lie."""
    return ((part, axes) for part, axes in _parts(source) if _node(part) is not None)


def mapped_parts(source: Any) -> Iterator[tuple[Any, Axes]]:
    """The arrays in memory, or mapped from a file, that a source reads, and how their axes lie."""
    return ((part, axes) for part, axes in _parts(source) if isinstance(part, np.ndarray) and part.ndim)


def _parts(source: Any) -> Iterator[tuple[Any, Axes]]:
    ours = is_dataclass(source)  # others may have any attribute: those of xarray are the names of coordinates
    if ours and hasattr(source, "parts"):
        for part in source.parts:
            yield from _parts(part)
    elif ours and hasattr(source, "source"):
        yield from ((part, getattr(source, "axes", axes)) for part, axes in _parts(source.source))
    elif hasattr(source, "shape"):
        yield stored_whole(source) or source, Axes.plain(len(source.shape))


def _node(array: Any) -> Any:
    """The array of zarr or h5py behind it. None where there is none."""
    node = getattr(array, "node", array)
    return node if is_zarr(node) or is_hdf5(node) else None


def is_zarr(node: Any) -> bool:
    return hasattr(node, "metadata") and hasattr(node, "nchunks_initialized")


def is_hdf5(node: Any) -> bool:
    return hasattr(node, "maxshape") and hasattr(node, "id")


def stored_in(array: Any) -> str:
    """Where an array of Dask is read from, as far as its graph says. Empty where it does not."""
    places = []
    for node in stored_nodes(array):
        places.append(str(node.store_path if is_zarr(node) else node.file.filename))
    return ", ".join(dict.fromkeys(places))


def stored_nodes(array: Any) -> list[Any]:
    """The arrays of zarr and HDF5 in the graph of an array of Dask."""
    layers = getattr(array.__dask_graph__(), "layers", {})
    values = (value for layer in layers.values() if len(layer) == 1 for value in dict(layer).values())
    return [node for node in (getattr(value, "value", value) for value in values) if is_zarr(node) or is_hdf5(node)]


def stored_whole(source: Any) -> Any:
    """The array of zarr or HDF5 that an array of Dask reads as it is. None where it is another one, or only a part of it."""
    graph = source.__dask_graph__() if hasattr(source, "__dask_graph__") else None
    if graph is None or not all(layer.startswith(AS_STORED) for layer in getattr(graph, "layers", {})):
        return None
    nodes = [node for node in stored_nodes(source) if node.shape == source.shape and node.dtype == source.dtype]
    return nodes[0] if len(nodes) == 1 else None


def times_decompressed(part: Any, axes: Axes, step: int) -> int:
    """How many blocks of about ``step`` rows need the same chunk. 1 where a chunk is not decompressed whole."""
    node = _node(part)
    chunks = getattr(node, "shards", None) is None and node.chunks
    if not chunks or (is_hdf5(node) and not node.id.get_create_plist().get_nfilters()):
        return (
            1  # a shard finds its chunks without being decompressed, and HDF5 reads rows of plain chunks where they lie
        )
    chunk, rows = int(chunks[axes.rows]), int(part.shape[axes.rows])
    block, starts = _whole_chunks(chunk, step), np.arange(0, max(rows, 1), chunk)
    return int(((np.minimum(starts + chunk, max(rows, 1)) - 1) // block - starts // block).max()) + 1


def warn_of_chunks(source: Any, step: int, name: str, kind: Kind) -> None:
    """Say at the start, for blocks of about ``step`` rows, that chunks are decompressed again and again, and what helps."""
    for part, axes in stored_parts(source):
        times = times_decompressed(part, axes, step)
        if times < 2:
            continue
        old = shown_source(part, name)
        more = door.options_of_saving(kind, None if axes.is_plain else axes.text)
        warnings.warn(
            f"{label(part, name)}: a chunk holds {_node(part).chunks[axes.rows]} rows, more than a block, so each chunk is "
            f"decompressed {times} times in each pass. Write the predictions once in the order of rows, which decompresses each "
            f"chunk once: alcore.save_predictions('rows.npy', {old}{more}).",
            ChunkWarning,
            stacklevel=2,
        )
        return


def label(part: Any, name: str) -> str:
    """What an error calls a stored array: its file, or the argument."""
    file, member = getattr(part, "file", None), getattr(part, "member", None)
    return name if file is None else str(file) if member is None else f"{file}, member {member!r}"


def shown_source(part: Any, name: str) -> str:
    """A stored array as an expression that opens it."""
    file, member = getattr(part, "file", None), getattr(part, "member", None)
    if file is None:
        return name
    return f"alcore.open_predictions({str(file)!r}{'' if member is None else f', {member!r}'})"


def in_row_order(source: Any, step: int, folder: Any) -> Array | None:
    """All predictions of a source whose chunks are larger than blocks, (N, C, ..., T), in a temporary file of the folder.

    Each chunk is read once. None where blocks of rows read each chunk once too.
    """
    parts = list(stored_parts(source))
    if len(parts) != 1 or hasattr(source, "parts"):
        return None
    (part, axes), shape = parts[0], tuple(map(int, source.shape))
    if times_decompressed(part, axes, step) < 2:
        return None
    with tempfile.TemporaryFile(dir=folder) as file:
        copy = np.memmap(file, part.dtype, "w+", shape=shape)
    stored_order = copy.reshape([part.shape[place] for place in axes.order]).transpose(np.argsort(axes.order))
    for place in _pieces(part.shape, _node(part).chunks, axes, part.dtype.itemsize):
        stored_order[place] = part[place]
    return copy


def _pieces(shape: tuple[int, ...], chunks: tuple[int, ...], axes: Axes, itemsize: int) -> Iterator[tuple[slice, ...]]:
    """Places of chunks that are read together: neighbours along the draws, which lie side by side in the copy."""
    wide = list(chunks)
    if axes.draws:
        along = axes.draws[-1]
        wide[along] *= max(1, PIECE_BYTES // max(1, math.prod(chunks) * itemsize))
    starts = [range(0, size, width) for size, width in zip(shape, wide, strict=True)]
    for corner in itertools.product(*starts):
        yield tuple(
            slice(start, min(start + width, size)) for start, width, size in zip(corner, wide, shape, strict=True)
        )
