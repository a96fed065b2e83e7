"""Members of .npz files: read in order, in O(block) memory, also where they are compressed or in Fortran order."""

from __future__ import annotations

import math
import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from alcore.door import Array
from alcore.sources.formats import choose, reading_file
from alcore.sources.urls import IN_ORDER, Url

COPIED_BYTES = 1 << 22  # of a member in Fortran order, at a time


def open_npz(file: Path | Url, member: str | None, default: str | None) -> Any:
    """A member of an .npz file. Only its header is read."""
    with reading_file(file, "an .npz archive"), archive_of(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    name = choose(file, names, member, default)
    with reading_file(file, f"an array as member {name!r}"):
        with _open_member(file, name) as stream:
            shape, fortran, dtype = read_header(stream)
        if dtype.hasobject:
            raise ValueError("it holds pickled objects")
        if min(shape, default=0) < 0:
            raise ValueError(f"its header says shape {shape}")
    return (FortranMember if fortran else NpzMember)(file, name, shape, dtype)


@dataclass(frozen=True)
class NpzMember:
    """An array inside an .npz file, read in order."""

    file: Path | Url
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows; each call starts again at the first."""
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        with self._data() as stream:
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                data = bytearray()
                while len(data) < count * row_bytes:
                    part = stream.read(count * row_bytes - len(data))
                    if not part:
                        raise ValueError(f"it ends in row {start + len(data) // row_bytes}")
                    data += part
                yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
            _check_end(stream)

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate([empty, *self.read_blocks(max(1, *self.shape))]).astype(dtype or self.dtype, copy=False)

    @contextmanager
    def _data(self) -> Iterator[IO[bytes]]:
        """The member's bytes after its header."""
        expected = f"a whole array as member {self.name!r}"
        with reading_file(self.file, expected), _open_member(self.file, self.name) as stream:
            read_header(stream)
            yield stream


@dataclass(frozen=True)
class FortranMember(NpzMember):
    """A member in Fortran order, whose rows lie across all of it.

    Its bytes are copied once to a temporary file, which has no name and goes with this object. Rows are read from there.
    """

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows; each call starts again at the first."""
        for start in range(0, self.shape[0], rows):
            yield np.ascontiguousarray(self._copy[start : start + rows])

    @cached_property
    def _copy(self) -> Array:
        left = math.prod(self.shape) * self.dtype.itemsize
        if not left:
            return np.empty(self.shape, self.dtype)
        with tempfile.TemporaryFile() as file, self._data() as stream:
            while left:
                part = stream.read(min(left, COPIED_BYTES))
                if not part:
                    raise ValueError(f"it ends {left} bytes before its last number")
                file.write(part)
                left -= len(part)
            _check_end(stream)
            file.flush()
            return np.memmap(file, self.dtype, "r", shape=self.shape, order="F")


def _check_end(stream: IO[bytes]) -> None:
    if stream.read(1):  # the end is where zipfile compares the checksum
        raise ValueError("it goes on after the last row")


@contextmanager
def archive_of(file: Path | Url) -> Iterator[zipfile.ZipFile]:
    if isinstance(file, Url):
        with file.open(**IN_ORDER) as stream, zipfile.ZipFile(stream) as archive:
            yield archive
    else:
        with zipfile.ZipFile(file) as archive:
            yield archive


@contextmanager
def _open_member(file: Path | Url, name: str) -> Iterator[IO[bytes]]:
    with archive_of(file) as archive, archive.open(f"{name}.npy") as stream:
        yield stream


def read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return tuple(shape), bool(fortran), dtype
