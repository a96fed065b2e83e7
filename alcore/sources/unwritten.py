"""Rows of zarr and HDF5 files that nobody wrote. Both give the fill value for them, which would be ranked as a prediction.

HDF5 makes room for a chunk when anything is written to it, so a chunk without room was never written. zarr leaves a chunk out
as well where every number of it is the fill value (``write_empty_chunks=False``, its default), and tells the two apart nowhere.
So for zarr a chunk that is not there is refused too, because logits of 0 that a broken run left would rank first by entropy.
Two cases are certain to be no gap, and are read: probabilities of 0 in a chunk that holds some of the classes, where the others
are there (their sum is checked), and chunks under padding (``mask=``). `save_predictions` writes with the fill value NaN, which
is no prediction, so zarr leaves out nothing of its files.
"""

from __future__ import annotations

import itertools
import math
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from alcore.door import Axes, Bools, Reading
from alcore.sources.chunks import is_hdf5, is_zarr, label, shown_source, stored_parts
from alcore.sources.formats import reading_file

RANGES = 6  # ranges of rows that are named
NO_CHUNK = 2**64 - 1  # offset and length, in the index of a shard, of a chunk that is not there
INDEX_CODECS = ("BytesCodec", "Crc32cCodec")  # of the shards whose index is read here


def check_written(source: Any, reading: Reading, name: str) -> None:
    """Refuse stored predictions with rows that nobody wrote."""
    for part, axes in stored_parts(source):
        if 0 in part.shape:
            continue
        with _reading(part):
            rows = _unwritten_rows(part, axes, reading)
        if rows.any():
            _refuse(part, axes, rows, name)


def _reading(part: Any) -> AbstractContextManager[None]:
    return reading_file(part.file, "whole chunks") if hasattr(part, "file") and hasattr(part, "node") else nullcontext()


def _unwritten_rows(part: Any, axes: Axes, reading: Reading) -> Bools:
    """True for each row of which a chunk is missing."""
    node, shape = getattr(part, "node", part), part.shape
    rows = np.zeros(shape[axes.rows], np.bool_)
    missing, chunks = _missing_of_hdf5(node) if is_hdf5(node) else _missing_of_zarr(node)
    if missing is None:
        return rows
    if is_zarr(node) and reading.kind == "probs" and axes.classes is not None and np.isfinite(node.fill_value):
        missing = missing & missing.all(axis=axes.classes, keepdims=True)
    mask = None if reading.mask is None else np.asarray(reading.mask)
    if mask is not None and mask.shape != (shape[axes.rows], *(shape[place] for place in axes.events)):
        mask = None  # it is refused later
    for chunk in np.argwhere(missing):
        place = [slice(i * width, (i + 1) * width) for i, width in zip(chunk.tolist(), chunks, strict=True)]
        if mask is None or not mask[tuple(place[i] for i in (axes.rows, *axes.events))].all():
            rows[place[axes.rows]] = True
    return rows


def _missing_of_hdf5(node: Any) -> tuple[Bools | None, tuple[int, ...]]:
    """Which chunks of a dataset have no room in the file. A dataset without chunks is one chunk."""
    if node.chunks is None:
        elsewhere = node.is_virtual or node.external
        empty = not elsewhere and node.id.get_storage_size() == 0
        return (np.ones((1,) * node.ndim, np.bool_) if empty else None), node.shape
    grid = tuple(-(-size // width) for size, width in zip(node.shape, node.chunks, strict=True))
    if node.id.get_num_chunks() == math.prod(grid):
        return None, node.chunks
    missing = np.ones(grid, np.bool_)

    def see(chunk: Any) -> None:
        missing[tuple(start // width for start, width in zip(chunk.chunk_offset, node.chunks, strict=True))] = False

    if hasattr(node.id, "chunk_iter"):
        node.id.chunk_iter(see)
    else:
        for number in range(node.id.get_num_chunks()):
            see(node.id.get_chunk_info(number))
    return missing, node.chunks


def _missing_of_zarr(node: Any) -> tuple[Bools | None, tuple[int, ...]]:
    """Which chunks of a zarr array are not in its store. Of shards also the chunks inside."""
    stored = node.shards or node.chunks
    if node.nchunks_initialized == node.nchunks and node.shards is None:
        return None, stored
    from zarr.core.sync import sync

    prefix = f"{node.path}/" if node.path else ""
    there = set(sync(_keys(node.store, node.path)))
    grid = tuple(-(-size // width) for size, width in zip(node.shape, stored, strict=True))
    inner = tuple(outer // width for outer, width in zip(stored, node.chunks, strict=True))
    missing = np.zeros([size * count for size, count in zip(grid, inner, strict=True)], np.bool_)
    for corner in itertools.product(*map(range, grid)):
        place = tuple(slice(i * count, (i + 1) * count) for i, count in zip(corner, inner, strict=True))
        key = prefix + node.metadata.encode_chunk_key(corner)
        if key not in there:
            missing[place] = True
        elif node.shards is not None:
            missing[place] = sync(_missing_inside(node, key, inner))
    whole = tuple(slice(-(-size // width)) for size, width in zip(node.shape, node.chunks, strict=True))
    return missing[whole], node.chunks


async def _keys(store: Any, path: str) -> list[str]:
    return [key async for key in store.list_prefix(path)]


async def _missing_inside(node: Any, key: str, inner: tuple[int, ...]) -> Any:
    """Which chunks inside a shard are not there, by its index: an offset and a length each. False where the index is not plain."""
    from zarr.abc.store import RangeByteRequest, SuffixByteRequest
    from zarr.core.buffer import default_buffer_prototype

    codec = node.metadata.codecs[0]
    names = tuple(type(one).__name__ for one in getattr(codec, "index_codecs", ()))
    if len(node.metadata.codecs) != 1 or names not in (INDEX_CODECS, INDEX_CODECS[:1]):
        return False
    size = 16 * math.prod(inner)
    length, at_end = size + 4 * (len(names) - 1), codec.index_location.value == "end"
    request = SuffixByteRequest(length) if at_end else RangeByteRequest(0, length)
    found = await node.store.get(key, default_buffer_prototype(), byte_range=request)
    index = np.frombuffer(found.to_bytes()[:size], "<u8").reshape(*inner, 2)
    return (index == NO_CHUNK).all(axis=-1)


def _refuse(part: Any, axes: Axes, rows: Bools, name: str) -> None:
    node, count = getattr(part, "node", part), len(rows)
    gaps, written = _ranges(rows), _ranges(~rows)
    fill = node.fillvalue if is_hdf5(node) else node.fill_value
    source, before = shown_source(part, name), ":, " * axes.rows
    named = ", ".join(f"{start} to {stop - 1}" for start, stop in gaps[:RANGES])
    more = f" and {len(gaps) - RANGES} more ranges" if len(gaps) > RANGES else ""
    remedy = "Predict them, and write them."
    if 0 < len(written) <= RANGES:
        there = [f"{source}[{before}{start}:{stop}]" for start, stop in written]
        rest = there[0] if len(there) == 1 else f"[{', '.join(there)}]"
        remedy = f"Predict them, and write them. Or pass the rows that are there: {rest}."
    if is_zarr(node):
        remedy += f" If each number of them is {fill}, zarr wrote no chunk. Then pass the numbers: {source}[:]."
    raise ValueError(
        f"{label(part, name)}: expected {count} rows that were written, but the file has no numbers for rows {named}{more}. "
        f"Its fill value, {fill}, would be ranked. {remedy}"
    )


def _ranges(rows: Bools) -> list[tuple[int, int]]:
    """Runs of True as (start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
