"""Predictions on disk: open .npy, .npz, zarr and HDF5 without reading them, never unpickle, and write a whole file or none."""

from __future__ import annotations

import math
import os
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array
from alcore.sources.names import names_of_node
from alcore.sources.ragged import Ragged

REASON = 200  # characters of a reader's error that are quoted: zipfile quotes everything in the place of a name
FORMATS = ".npy, .npz, .zarr, .h5, .hdf5 or .nc"


class NoMember(ValueError):  # noqa: N818 - said to users as a ValueError
    """The file can be read, but it does not have the array asked for, or has several and none was named."""


def open_predictions(
    path: str | os.PathLike[str],
    member: str | None = None,
    *,
    default: str | None = None,
    offsets: str | os.PathLike[str] | None = None,
) -> Any:
    """Open an array on disk as a source of predictions. Only its header is read, so the cost does not depend on N.

    Args:
        path: a .npy file (mapped into memory), an .npz file, a zarr array or group (.zarr), or an HDF5 file (.h5, .hdf5).
        member: which array of a file that holds several. You need it where there is more than one.
        default: the member to take where there are several, `member` is None, and this is one of them.
        offsets: for rows of different size, such as the boxes of an image: where the offsets (N + 1,) are that cut the array into
            rows. A name with one of the endings above is a file. Any other name is a member of `path`.

    Returns:
        An object with `shape` and `dtype` that every function of alcore takes as predictions (N, C, ..., T). Its rows are read
            block by block. Members of .npz files are read from the start, in O(block) memory also where they are compressed. With
            `offsets` it is a `Ragged`, whose offsets are in memory.

    Raises:
        TypeError: `path` is not the name of a file.
        ValueError: the file is missing, empty, truncated, pickled, not an array or of another format, `member` is missing or
            unknown, or `offsets` are none.
        ImportError: zarr or h5py is needed and not installed.

    >>> import alcore, numpy, tempfile, pathlib
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "preds.npz"
    >>> numpy.savez(path, pool=numpy.full((3, 2, 4), 0.5), labels=numpy.arange(3))
    >>> alcore.open_predictions(path, member="pool").shape
    (3, 2, 4)
    """
    file = door.as_path(path, "path")
    if not exists(file):
        raise ValueError(f"{file}: no such file.")
    if file.suffix not in _OPENERS:
        raise ValueError(
            f"{file}: expected a file that ends in {FORMATS}, got {file.suffix or 'no ending'!r}. "
            "Write one: alcore.save_predictions('preds.npy', predictions)."
        )
    if file.is_dir() and file.suffix != ".zarr":
        raise ValueError(f"{file}: expected a file, got a folder. Only the name of a zarr folder, .zarr, is opened.")
    if file.is_file() and file.stat().st_size == 0:
        raise ValueError(f"{file}: the file is empty. Write it again.")
    array = _OPENERS[file.suffix](file, member, default)
    if not array.shape:
        raise ValueError(f"{file}: expected an array with axes, got one of shape {array.shape}.")
    if offsets is None:
        return array
    own = Path(offsets).suffix in _OPENERS
    return Ragged(array, open_predictions(offsets) if own else open_predictions(file, os.fspath(offsets)))


def exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ValueError(f"{file}: cannot be opened ({error.strerror}).") from error


@contextmanager
def whole_file(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name only when it is complete and on disk."""
    target = Path(path)
    if not target.parent.is_dir():
        raise ValueError(f"{target}: the folder {target.parent} does not exist. Create it: mkdir -p {target.parent}.")
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".alcore-")
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, target)
    except BaseException:
        os.unlink(name)
        raise


def _open_npy(file: Path, member: str | None, default: str | None) -> Array:
    _refuse_member(file, member)
    with _reading(file, "a .npy array"):
        return np.lib.format.open_memmap(file, mode="r")


def _open_npz(file: Path, member: str | None, default: str | None) -> Any:
    with _reading(file, "an .npz archive"), zipfile.ZipFile(file) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
    name = _choose(file, names, member, default)
    with _reading(file, f"an array as member {name!r}"):
        with _open_member(file, name) as stream:
            shape, fortran, dtype = _read_header(stream)
        if dtype.hasobject:
            raise ValueError("it holds pickled objects")
        if min(shape, default=0) < 0:
            raise ValueError(f"its header says shape {shape}")
        if not fortran:
            return NpzMember(file, name, shape, dtype)
        with _open_member(file, name) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)


def _open_zarr(file: Path, member: str | None, default: str | None) -> Any:
    zarr = import_extra("zarr", "zarr", "reading")
    with _reading(file, "a zarr array or group"):
        node = zarr.open(str(file), mode="r")
        if isinstance(node, zarr.Group):
            names = [name for name, child in node.members(max_depth=None) if isinstance(child, zarr.Array)]
    if isinstance(node, zarr.Array):
        _refuse_member(file, member)
        return StoredArray(file, node)
    return _stored(file, node, _choose(file, names, member, default))


def _open_hdf5(file: Path, member: str | None, default: str | None) -> Any:
    h5py = import_extra("h5py", "hdf5", "reading")
    with _reading(file, "an HDF5 file"):
        root = h5py.File(file, "r")
    try:
        with _reading(file, "an HDF5 file"):
            names = _datasets(h5py, root)
        return _stored(file, root, _choose(file, names, member, default))
    except ValueError:
        root.close()
        raise


def _datasets(h5py: Any, root: Any) -> list[str]:
    """The names of all datasets, each under its first name. HDF5's own visit never returns for some damaged files."""
    names: list[str] = []
    seen, left = {root}, [("", root, name) for name in reversed([*root])]
    while left:
        path, group, name = left.pop()
        if not isinstance(group.get(name, getlink=True), h5py.HardLink) or (node := group[name]) in seen:
            continue
        seen.add(node)
        if isinstance(node, h5py.Dataset):
            names.append(f"{path}{name}")
        elif isinstance(node, h5py.Group):
            left += [(f"{path}{name}/", node, inner) for inner in reversed([*node])]
    return names


def _stored(file: Path, root: Any, name: str) -> StoredArray:
    with _reading(file, f"an array as member {name!r}"):
        return StoredArray(file, root[name])


_OPENERS: dict[str, Callable[[Path, str | None, str | None], Any]] = {
    ".npy": _open_npy,
    ".npz": _open_npz,
    ".zarr": _open_zarr,
    ".h5": _open_hdf5,
    ".hdf5": _open_hdf5,
    ".nc": _open_hdf5,  # netCDF 4
}


@dataclass(frozen=True)
class StoredArray:
    """A zarr array or an HDF5 dataset, read where it is indexed."""

    file: Path
    node: Any

    @property
    def shape(self) -> tuple[int, ...]:
        with _reading(self.file, "an array"):
            return self.node.shape or ()  # None where an HDF5 dataset is empty

    @property
    def dtype(self) -> Any:
        with _reading(self.file, "an array of numbers"):
            return self.node.dtype

    @property
    def chunks(self) -> Any:
        return self.node.chunks

    @property
    def dimension_names(self) -> tuple[str, ...]:
        """The names of the axes. Empty where the file does not name them."""
        with _reading(self.file, "names of axes"):
            return names_of_node(self.node)

    def __getitem__(self, rows: Any) -> Array:
        with _reading(self.file, "whole chunks"):
            return np.asarray(self.node[rows])

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        return np.asarray(self[...], dtype)


@dataclass(frozen=True)
class NpzMember:
    """An array inside an .npz file, read in order."""

    file: Path
    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def read_blocks(self, rows: int) -> Iterator[Array]:
        """Successive blocks of at most ``rows`` rows; each call starts again at the first."""
        row_bytes = math.prod(self.shape[1:]) * self.dtype.itemsize
        expected = f"a whole array as member {self.name!r}"
        with _reading(self.file, expected), _open_member(self.file, self.name) as stream:
            _read_header(stream)
            for start in range(0, self.shape[0], rows):
                count = min(rows, self.shape[0] - start)
                data = bytearray()
                while len(data) < count * row_bytes:
                    part = stream.read(count * row_bytes - len(data))
                    if not part:
                        raise ValueError(f"it ends in row {start + len(data) // row_bytes}")
                    data += part
                yield np.frombuffer(data, self.dtype).reshape(count, *self.shape[1:])
            if stream.read(1):  # the end is where zipfile compares the checksum
                raise ValueError("it goes on after the last row")

    def __array__(self, dtype: npt.DTypeLike | None = None, copy: bool | None = None) -> Array:
        empty = np.empty((0, *self.shape[1:]), self.dtype)
        return np.concatenate([empty, *self.read_blocks(max(1, *self.shape))]).astype(dtype or self.dtype, copy=False)


@contextmanager
def _open_member(file: Path, name: str) -> Iterator[IO[bytes]]:
    with zipfile.ZipFile(file) as archive, archive.open(f"{name}.npy") as stream:
        yield stream


def _read_header(stream: IO[bytes]) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(stream)
    return tuple(shape), bool(fortran), dtype


@contextmanager
def _reading(file: Path, expected: str) -> Iterator[None]:
    """Turn what readers raise on damaged files, which can be any exception, into one sentence."""
    try:
        yield
    except Exception as error:
        reason = " ".join(str(error)[:REASON].split()).rstrip(".") or type(error).__name__
        if "Python objects" in reason:
            reason = "it holds pickled objects"
        raise ValueError(
            f"{file}: expected {expected}, but it cannot be read: {reason}. Write it again as an array of numbers: "
            "np.save(path, array). alcore never unpickles a file."
        ) from error


def _choose(file: Path, names: list[str], member: str | None, default: str | None) -> str:
    listed = ", ".join(repr(name) for name in sorted(names))
    if not names:
        raise ValueError(f"{file}: expected at least one array, got none.")
    if member is None and len(names) == 1:
        return names[0]
    if member is None and default in names:
        return str(default)
    if member is None:
        raise NoMember(
            f"{file}: expected one array, got members {listed}. Name one: member={names[0]!r} (on the command line: --member "
            f"{names[0]})."
        )
    if member not in names:
        raise NoMember(f"{file}: expected one of the members {listed}, got {member!r}.")
    return member


def _refuse_member(file: Path, member: str | None) -> None:
    if member is not None:
        raise NoMember(
            f"{file}: expected no member, as the file holds one array and no members, got member {member!r}. Leave member out."
        )


def import_extra(module: str, extra: str, doing: str) -> Any:
    import importlib

    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{doing} this file needs {module}: pip install 'alcore[{extra}]'.") from error
