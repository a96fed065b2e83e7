"""Predictions in remote stores, opened where they lie: zarr by its chunks, .npy by ranges of bytes, .npz and HDF5 as files."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.door import Array
from alcore.sources.formats import (
    SHOWN,
    ZARR_FILES,
    format_in,
    format_of_zip,
    reading_file,
    refuse_folder,
    refuse_format,
    refuse_member,
)
from alcore.sources.npz import archive_of, open_npz, read_header
from alcore.sources.stored import open_hdf5, open_zarr
from alcore.sources.urls import SCATTERED, Url


def open_remote(url: Url, member: str | None, default: str | None) -> Any:
    """An array of a remote store. The first bytes of a file say its format, and the files of a folder that it is zarr."""
    if not url.has_query and any(url.info(name) is not None for name in ZARR_FILES):
        return open_zarr(url, member, default)
    info = url.info()
    if info is None:
        raise ValueError(f"{url}: {_of_pattern(url) or url.nothing_there()}")
    if info.get("type") == "directory":
        refuse_folder(url)
    if info.get("size") == 0:
        raise ValueError(f"{url}: the file is empty. Write it again.")
    found = _format_of(url)
    if found == "npy":
        refuse_member(url, member)
        return _open_npy(url, info.get("size"))
    return (open_npz if found == "npz" else open_hdf5)(url, member, default)


def _of_pattern(url: Url) -> str:
    """What to pass for a pattern."""
    found = url.fitting() if url.is_pattern else []
    return f"no such file. For several files pass a list, in the order of their rows: {found}." if found else ""


def _format_of(url: Url) -> str:
    with reading_file(url, "a file"), url.open(**SCATTERED) as stream:
        start = stream.read(SHOWN)
        found = format_in(stream, start)
    if found == "zip":
        with reading_file(url, "an .npz archive"), archive_of(url) as archive:
            found = format_of_zip(archive)
    if found == "zarr":
        raise ValueError(
            f"{url}: expected a folder of zarr, got a zip of one, which is not read in a remote store. {url.copying()}"
        )
    return found or refuse_format(url, start)


def _open_npy(url: Url, size: int | None) -> RemoteNpy:
    with reading_file(url, "a .npy array"):
        with url.open(**SCATTERED) as stream:
            shape, fortran, dtype = read_header(stream)
            offset = stream.tell()
        if dtype.hasobject:
            raise ValueError("it holds pickled objects")
        needed = offset + math.prod(shape) * dtype.itemsize
        if min(shape, default=0) < 0 or (size is not None and size < needed):
            raise ValueError(f"its header says shape {shape}, which needs {needed} bytes, and it has {size}")
    if fortran and len(shape) > 1:
        raise ValueError(
            f"{url}: expected an array in C order, whose rows lie together, got one in Fortran order, which is not read in a "
            f"remote store. {url.copying()}"
        )
    return RemoteNpy(url, offset, shape, dtype)


@dataclass(frozen=True)
class RemoteNpy:
    """A .npy file of a remote store, in C order. Indexed along one axis, it reads the ranges of bytes that hold these places."""

    file: Url
    offset: int  # of the first number, in bytes
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __getitem__(self, index: Any) -> Array:
        if isinstance(index, int | np.integer):
            row = range(self.shape[0])[index]
            return np.asarray(self._read(0, row, row + 1)[0])
        given = index if isinstance(index, tuple) else (index,)
        axis = next((place for place, one in enumerate(given) if one != slice(None)), 0) if _all_slices(given) else None
        if axis is None or given[axis].step not in (None, 1):
            return np.asarray(self._read(0, 0, self.shape[0])[index])
        start, stop, _ = given[axis].indices(self.shape[axis])
        rest = (slice(None),) * (axis + 1)
        return self._read(axis, start, max(start, stop))[(*rest, *given[axis + 1 :])]

    def _read(self, axis: int, start: int, stop: int) -> Array:
        """The places from ``start`` to ``stop`` of an axis: a range of bytes for each place of the axes before it."""
        before, inner = math.prod(self.shape[:axis]), math.prod(self.shape[axis + 1 :]) * self.dtype.itemsize
        shape = (*self.shape[:axis], stop - start, *self.shape[axis + 1 :])
        if not math.prod(shape):
            return np.empty(shape, self.dtype)
        firsts = [self.offset + (place * self.shape[axis] + start) * inner for place in range(before)]
        ends = [first + (stop - start) * inner for first in firsts]
        with reading_file(self.file, "a whole .npy array"):
            system, path = self.file.place()
            parts = system.cat_ranges([path] * before, firsts, ends, on_error="raise")
            if any(len(part) > (stop - start) * inner for part in parts):
                raise OSError("the server sends whole files, and no ranges of them")
            if any(len(part) < (stop - start) * inner for part in parts):
                raise ValueError(f"it ends before row {stop}")
        return np.frombuffer(parts[0] if before == 1 else b"".join(parts), self.dtype).reshape(shape)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype)


def _all_slices(index: tuple[Any, ...]) -> bool:
    return bool(index) and all(isinstance(one, slice) for one in index)
