"""Rows of zarr and HDF5 files that nobody wrote. Both give the fill value for them, which would be ranked as a prediction.

HDF5 makes room for a chunk when anything is written to it, so a chunk without room was never written. zarr leaves a chunk out
as well where every number of it is the fill value (``write_empty_chunks=False``, its default), and tells the two apart nowhere.
So for zarr a chunk that is not there is refused too, because logits of 0 that a broken run left would rank first by entropy.
Two cases are certain to be no gap, and are read: probabilities of 0 in a chunk that holds some of the classes, where the others
are there (their sum is checked), and chunks under padding (``mask=``). `save_predictions` writes with the fill value NaN, which
is no prediction, so zarr leaves out nothing of its files. Of a `SharedStore` the records of its ranges say which rows are there.
"""

from __future__ import annotations

import itertools
import math
import os
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NoReturn

import numpy as np

from alcore.door import Axes, Bools, Reading
from alcore.sources.chunks import is_hdf5, is_zarr, label, mapped_parts, shown_source, stored_parts
from alcore.sources.elsewhere import rows_not_mapped, rows_not_there
from alcore.sources.formats import reading_file
from alcore.sources.holes import Place, is_npy, place_of_dataset, place_of_mapped, rows_in_holes
from alcore.sources.ranges import rows_without_record

AT_ONCE = 64  # questions to a web server
RANGES = 6  # ranges of rows that are named
NO_CHUNK = 2**64 - 1  # offset and length, in the index of a shard, of a chunk that is not there
INDEX_CODECS = ("BytesCodec", "Crc32cCodec")  # of the shards whose index is read here


def check_written(source: Any, reading: Reading, name: str) -> None:
    """Refuse stored predictions with rows that nobody wrote."""
    for part, axes in stored_parts(source):
        if 0 in part.shape:
            continue
        with _reading(part):
            left = rows_without_record(getattr(part, "node", part))
            rows, lacking = _unwritten_rows(part, axes, reading)
        if left is not None:
            refuse_ranges(left, label(part, name), shown_source(part, name), _place_of(part))
        if rows.any():
            _refuse(part, axes, rows, name, lacking)
        if is_hdf5(node := getattr(part, "node", part)) and (place := place_of_dataset(node)) is not None:
            _check_holes(place, axes.rows, label(part, name), f"{shown_source(part, name)}[:]")
    for mapped, axes in mapped_parts(source):
        if (place := place_of_mapped(mapped)) is not None:
            _check_holes(place, axes.rows, str(place.file), f"np.array({name})")


def _reading(part: Any) -> AbstractContextManager[None]:
    return reading_file(part.file, "whole chunks") if hasattr(part, "file") and hasattr(part, "node") else nullcontext()


def _unwritten_rows(part: Any, axes: Axes, reading: Reading) -> tuple[Bools, list[str]]:
    """True for each row of which a chunk is missing, and the other files that lack it, where it is taken from some."""
    node = getattr(part, "node", part)
    if is_hdf5(node) and node.is_virtual:
        return rows_not_mapped(node, axes.rows, _unwritten_of_hdf5)
    if is_hdf5(node) and node.external:
        return rows_not_there(node, axes.rows)
    return _rows_without_chunks(part, axes, reading), []


def _unwritten_of_hdf5(node: Any, axis: int) -> Bools:
    """The same of a dataset that another one takes its rows from."""
    if 0 in node.shape:
        return np.zeros(0, np.bool_)
    letters = "".join("N" if place == axis else chr(ord("a") + place) for place in range(node.ndim))
    events = tuple(place for place in range(node.ndim) if place != axis)
    return _unwritten_rows(node, Axes(letters, axis, None, events, ()), Reading())[0]


def _rows_without_chunks(part: Any, axes: Axes, reading: Reading) -> Bools:
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
        empty = node.id.get_storage_size() == 0
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
    if (system := getattr(node.store, "fs", None)) is not None:  # of fsspec, which remembers what it listed before
        system.invalidate_cache()
    is_web = "http" in getattr(system, "protocol", ())  # a web server lists nothing, so each chunk is asked for
    if not is_web and node.nchunks_initialized == node.nchunks and node.shards is None:
        return None, stored
    from zarr.core.sync import sync

    prefix = f"{node.path}/" if node.path else ""
    grid = tuple(-(-size // width) for size, width in zip(node.shape, stored, strict=True))
    corners = itertools.product(*map(range, grid))
    wanted = [prefix + node.metadata.encode_chunk_key(corner) for corner in corners] if is_web else []
    there = set(sync(_there(node.store, wanted) if is_web else _keys(node.store, node.path)))
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


async def _there(store: Any, keys: list[str]) -> list[str]:
    """The keys that a web server has. An answer other than yes or no raises."""
    import asyncio  # takes 20 ms, and most sources are in memory

    found = list[str]()
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        answers = await asyncio.gather(*(store.fs._exists(f"{store.path}/{key}", strict=True) for key in some))
        found += itertools.compress(some, answers)
    return found


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


def _check_holes(place: Place, axis: int, what: str, whole: str) -> None:
    """Refuse rows that lie in holes of a file. ``whole``: an expression for the numbers, read into memory."""
    if (rows := rows_in_holes(place, axis)).any():
        if is_npy(place.file):
            whole = f"np.load({os.fspath(place.file)!r})"
        raise ValueError(
            f"{what}: expected {len(rows)} rows that were written, but the file has holes in the place of rows {_named(rows)}, and "
            "perhaps of rows beside them. They would be ranked as 0. Predict them, and write them. If 0 was written there, pass "
            f"the numbers: {whole}."
        )


def refuse_ranges(rows: Bools, what: str, source: str, place: str) -> NoReturn:
    """Refuse an array that several processes write, where ``rows`` are in no whole range.

    Args:
        rows: (N,) True for these rows.
        what: what an error calls the array.
        source: an expression that opens it.
        place: its path. Empty where that is not known.
    """
    written, remedy = _ranges(~rows), "Predict them again."
    if place:
        remedy = f"Predict them again. Their ranges: alcore.SharedStore({place!r}).missing."
    if 0 < len(written) <= RANGES:
        remedy += f" Or pass the rows that are there: {_parts_of(source, written)}."
    raise ValueError(
        f"{what}: expected {len(rows)} rows that were written, but rows {_named(rows)} are in no range that has a record. "
        f"A process that writes them has not ended, or was killed. {remedy}"
    )


def _parts_of(source: str, written: list[tuple[int, int]], before: str = "") -> str:
    """Ranges of rows of a source, as code. ``before``: what stands for the axes before that of the rows."""
    there = [f"{source}[{before}{start}:{stop}]" for start, stop in written]
    return there[0] if len(there) == 1 else f"[{', '.join(there)}]"


def _place_of(part: Any) -> str:
    """The path of a zarr array. Empty where that is not known."""
    root = getattr(getattr(getattr(part, "node", part), "store", None), "root", "")
    return str(getattr(part, "file", root))


def _named(rows: Bools) -> str:
    gaps = _ranges(rows)
    named = ", ".join(f"{start} to {stop - 1}" for start, stop in gaps[:RANGES])
    return named + (f" and {len(gaps) - RANGES} more ranges" if len(gaps) > RANGES else "")


def _refuse(part: Any, axes: Axes, rows: Bools, name: str, lacking: list[str]) -> None:
    node, count, written = getattr(part, "node", part), len(rows), _ranges(~rows)
    fill = node.fillvalue if is_hdf5(node) else node.fill_value
    source, before = shown_source(part, name), ":, " * axes.rows
    other = f"It takes them from {', '.join(lacking)}, where they are not. " if lacking else ""
    remedy = "Predict them, and write them."
    if 0 < len(written) <= RANGES:
        remedy = f"Predict them, and write them. Or pass the rows that are there: {_parts_of(source, written, before)}."
    if is_zarr(node):
        remedy += f" If each number of them is {fill}, zarr wrote no chunk. Then pass the numbers: {source}[:]."
    raise ValueError(
        f"{label(part, name)}: expected {count} rows that were written, but the file has no numbers for rows {_named(rows)}. "
        f"{other}Its fill value, {fill}, would be ranked. {remedy}"
    )


def _ranges(rows: Bools) -> list[tuple[int, int]]:
    """Runs of True as (start, stop)."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], rows, [False]]).astype(np.int8)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))
