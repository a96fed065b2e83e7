"""HDF5 datasets whose numbers lie in other files. HDF5 reads its fill value where such a file is gone, is short, or has a gap."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from alcore.door import Bools

UNLIMITED = 2**63  # HDF5's numbers for "without end" are larger

RowsOf = Callable[[Any, int], Bools]  # a dataset and its axis of rows -> True for each row that nobody wrote


def rows_not_mapped(node: Any, axis: int, rows_of: RowsOf) -> tuple[Bools, list[str]]:
    """Of a virtual dataset: the rows whose numbers no source has, and the files that lack them."""
    covered = np.zeros(node.shape[axis], np.int64)
    missing, lacking = np.zeros(node.shape[axis], np.bool_), list[str]()
    for source in node.virtual_sources():
        start, stop, a_row = _selected(source.vspace, node.shape, axis)
        covered[start:stop] += a_row
        gone = _gone(node, source, axis, stop - start, rows_of)
        if gone.any():
            missing[start:stop] |= gone
            lacking.append(source.file_name)
    missing |= covered < math.prod(node.shape) // max(1, node.shape[axis])
    return missing, sorted(set(lacking))


def _selected(space: Any, shape: tuple[int, ...], axis: int) -> tuple[int, int, int]:
    """The first row of a selection, the row after its last, and how many numbers of a row it has, on average."""
    if not space.is_regular_hyperslab():  # everything, or a union of hyperslabs
        first, last = space.get_select_bounds()
        rows = int(last[axis]) + 1 - int(first[axis])
        return int(first[axis]), int(last[axis]) + 1, int(space.get_select_npoints()) // rows
    first, steps, counts, blocks = space.get_regular_hyperslab()
    sizes = []
    for size, start, count, block in zip(shape, first, counts, blocks, strict=True):
        endless = int(count) >= UNLIMITED or int(block) >= UNLIMITED
        sizes.append(size - int(start) if endless else int(count) * int(block))
    stop = int(first[axis]) + sizes[axis]
    if (
        int(blocks[axis]) < int(steps[axis]) and int(counts[axis]) < UNLIMITED
    ):  # rows between its blocks are not its own
        stop = min(shape[axis], int(first[axis]) + (int(counts[axis]) - 1) * int(steps[axis]) + int(blocks[axis]))
    return int(first[axis]), stop, math.prod(sizes) // max(1, sizes[axis])


def _gone(node: Any, source: Any, axis: int, rows: int, rows_of: RowsOf) -> Bools:
    """Which of the rows that a virtual dataset takes from this source are not there."""
    import h5py

    if "%" in source.file_name or "%" in source.dset_name:  # a file for each block, as many as there are
        return np.zeros(rows, np.bool_)
    if source.file_name == ".":
        return _gone_of(node.file, source, axis, rows, rows_of)
    for file in _candidates(node, source.file_name):
        if file.is_file() and h5py.is_hdf5(file):
            with h5py.File(file, "r") as other:
                return _gone_of(other, source, axis, rows, rows_of)
    return np.ones(rows, np.bool_)


def _candidates(node: Any, name: str) -> Iterator[Path]:
    """Where HDF5 looks for a source: the prefix, the folder of the dataset's file, the working folder."""
    folder = Path(os.fsdecode(node.file.filename)).parent
    prefix = os.environ.get("HDF5_VDS_PREFIX", "").replace("${ORIGIN}", str(folder))
    if prefix:
        yield Path(prefix, name)
    yield folder / name
    yield Path(name)


def _gone_of(file: Any, source: Any, axis: int, rows: int, rows_of: RowsOf) -> Bools:
    import h5py

    found, everything = file.get(source.dset_name), np.ones(rows, np.bool_)
    if not isinstance(found, h5py.Dataset):
        return everything
    first, stop = 0, found.shape[axis] if axis < found.ndim else 0
    if source.src_space.get_select_type() != h5py.h5s.SEL_ALL:
        starts, lasts = source.src_space.get_select_bounds()
        beyond = [int(last) >= size for last, size in zip(lasts, found.shape, strict=True)]
        if any(beyond[:axis] + beyond[axis + 1 :]) or len(starts) <= axis:
            return everything if any(beyond) else np.zeros(rows, np.bool_)
        first, stop = int(starts[axis]), int(lasts[axis]) + 1
    elif found.size != source.vspace.get_select_npoints():
        return everything
    if (
        found.ndim != source.vspace.get_simple_extent_ndims() or stop - first != rows
    ):  # its rows are not those of the whole
        return everything if rows_of(found, 0).any() else ~everything
    inside = rows_of(found, axis)[first:stop]
    return np.concatenate([inside, np.ones(rows - len(inside), np.bool_)])  # rows behind its end are gone


def rows_not_there(node: Any, axis: int) -> tuple[Bools, list[str]]:
    """Of a dataset with raw files: the rows behind the end of a file that is short, and that file. HDF5 refuses a file that is
    gone."""
    rows, size = np.zeros(node.shape[axis], np.bool_), math.prod(node.shape) * node.dtype.itemsize
    at = 0
    for name, offset, length in node.external:
        name, taken = os.fsdecode(name), min(int(length), size - at)
        file = Path(os.environ.get("HDF5_EXTFILE_PREFIX", ""), name)
        if file.is_file() and file.stat().st_size < offset + taken:
            first = max(0, at + file.stat().st_size - offset) // (size // len(rows)) if axis == 0 else 0
            last = -(-(at + taken) // (size // len(rows))) if axis == 0 else len(rows)
            rows[first:last] = True
            return rows, [name]
        at += taken
    return rows, []
