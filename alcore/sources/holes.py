"""Rows of a file that nobody wrote, as the file system says.

Who makes room for an array and then writes some rows (`numpy.memmap` with mode "w+", an HDF5 dataset without chunks) leaves holes
in the file. A hole reads as 0. A program that copies a file may make holes of zeros that were written (``cp --sparse=always``), so
the refusal says how to pass them. A hole has whole pages, so rows beside one may be missing too. Some file systems keep no holes.
There nothing is found.
"""

from __future__ import annotations

import errno
import itertools
import math
import mmap
import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from alcore.door import Bools


@dataclass(frozen=True)
class Place:
    """Where an array lies in a file, in bytes."""

    file: Any
    start: int  # of the number with the indices 0, 0, ...
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    itemsize: int


def place_of_mapped(array: Any) -> Place | None:
    """Where an array of `numpy.memmap`, or a view of one, lies in its file. None for others, and for one that can be written to."""
    owner = array
    while isinstance(owner, np.ndarray) and not isinstance(owner, np.memmap):
        owner = owner.base
    mapped, file = getattr(owner, "_mmap", None), getattr(owner, "filename", None)
    if mapped is None or file is None or owner.flags.writeable or not array.size:
        return None
    first = int(np.frombuffer(mapped, np.uint8).ctypes.data)
    before = owner.offset - owner.offset % mmap.ALLOCATIONGRANULARITY  # where the mapping starts
    return Place(file, int(array.ctypes.data) - first + before, array.shape, array.strides, array.itemsize)


def place_of_dataset(node: Any) -> Place | None:
    """Where an HDF5 dataset without chunks lies in its file. None where it is open for writing or lies in several parts."""
    start = node.id.get_offset()
    if start is None or node.file.mode != "r" or node.file.driver != "sec2" or not node.size:
        return None
    itemsize = node.dtype.itemsize
    strides = tuple(itemsize * math.prod(node.shape[axis + 1 :]) for axis in range(node.ndim))
    return Place(node.file.filename, start + node.file.userblock_size, node.shape, strides, itemsize)


def is_npy(file: str | os.PathLike[str]) -> bool:
    with open(file, "rb") as stream:
        return stream.read(len(np.lib.format.MAGIC_PREFIX)) == np.lib.format.MAGIC_PREFIX


def rows_in_holes(place: Place, axis: int) -> Bools:
    """True for each row of the axis of which a run of bytes that lie together is wholly in a hole."""
    rows = np.zeros(place.shape[axis], np.bool_)
    holes = np.array(list(_holes(place.file)), np.int64).reshape(-1, 2)
    if not len(holes):
        return rows
    step = place.strides[axis]
    inner = [i for i, width in enumerate(place.strides) if i != axis and abs(width) < abs(step)]
    outer = [i for i in range(len(place.shape)) if i != axis and i not in inner]
    low = sum(min(0, place.strides[i] * (place.shape[i] - 1)) for i in inner)
    length = place.itemsize + sum(abs(place.strides[i]) * (place.shape[i] - 1) for i in inner)
    firsts = place.start + low + step * np.arange(len(rows))
    for corner in itertools.product(*(range(place.shape[i]) for i in outer)):
        starts = firsts + sum(place.strides[i] * at for i, at in zip(outer, corner, strict=True))
        hole = np.searchsorted(holes[:, 0], starts, side="right") - 1
        rows |= (hole >= 0) & (starts + length <= holes[hole, 1])
    return rows


def _holes(file: Any) -> Iterator[tuple[int, int]]:
    """The holes of a file, in order, as (start, stop). None where the file system cannot say, or the file lost its name."""
    if not hasattr(os, "SEEK_HOLE") or not os.path.isfile(file):
        return
    with open(file, "rb") as stream:
        end, at = os.fstat(stream.fileno()).st_size, 0
        while at < end and (start := _next(stream, at, os.SEEK_HOLE, end)) < end:
            at = _next(stream, start, os.SEEK_DATA, end)
            yield start, at


def _next(stream: Any, at: int, what: int, end: int) -> int:
    """Where the next hole, or the next data, begins."""
    try:
        return os.lseek(stream.fileno(), at, what)
    except OSError as error:  # no more data (ENXIO), or a file system that knows no holes
        if error.errno not in (errno.ENXIO, errno.EINVAL, errno.ENOTSUP):
            raise
        return end
