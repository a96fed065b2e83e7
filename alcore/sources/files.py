"""Predictions on disk: open .npy, .npz, zarr and HDF5 without reading them, never unpickle, and write a whole file or none."""

from __future__ import annotations

import errno
import glob
import os
import re
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np

from alcore import door
from alcore.door import Array
from alcore.door.wording import word
from alcore.sources.formats import reading_file, refuse_member
from alcore.sources.npz import open_npz
from alcore.sources.ragged import Ragged
from alcore.sources.stored import open_hdf5, open_zarr

FORMATS = ".npy, .npz, zarr or HDF5"
ENDINGS = (".npy", ".npz", ".zarr", ".zip", ".h5", ".hdf5")  # of offsets that are a file, and no member
ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")  # one of them lies in each folder, or zip, of zarr
HDF5 = b"\x89HDF\r\n\x1a\n"
SHOWN = 8  # bytes of a file of no format that are quoted


def open_predictions(
    path: str | os.PathLike[str],
    member: str | None = None,
    *,
    default: str | None = None,
    offsets: str | os.PathLike[str] | None = None,
) -> Any:
    """Open an array on disk as a source of predictions. Only its header is read, so the cost does not depend on N.

    Args:
        path: a .npy file (mapped into memory), an .npz file, a zarr array or group (a folder, or a zip of it), or an HDF5 file. The
            first bytes of the file say which, whatever its name.
        member: which array of a file that holds several. You need it where there is more than one.
        default: the member to take where there are several, `member` is None, and this is one of them.
        offsets: for rows of different size, such as the boxes of an image: where the offsets (N + 1,) are that cut the array into
            rows. A name that ends in .npy, .npz, .zarr, .zip, .h5 or .hdf5 is a file. Any other name is a member of `path`.

    Returns:
        An object with `shape` and `dtype` that every function of alcore takes as predictions (N, C, ..., T). Its rows are read
            block by block. Members of .npz files are read from the start, in O(block) memory also where they are compressed. One in
            Fortran order is copied to a temporary file first. With `offsets` it is a `Ragged`, whose offsets are in memory.

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
        raise ValueError(f"{file}: no such file.{_of_pattern(file) if is_pattern(file) else ''}")
    if file.is_file() and file.stat().st_size == 0:
        raise ValueError(f"{file}: the file is empty. Write it again.")
    array = _OPENERS[_format_of(file)](file, member, default)
    if not array.shape:
        raise ValueError(f"{file}: expected an array with axes, got one of shape {array.shape}.")
    if offsets is None:
        return array
    own = Path(offsets).suffix in ENDINGS
    return Ragged(array, open_predictions(offsets) if own else open_predictions(file, os.fspath(offsets)))


def exists(file: Path) -> bool:
    try:
        return file.exists()
    except OSError as error:  # a name that is too long, a folder that may not be looked into
        raise ValueError(f"{file}: cannot be opened ({error.strerror}).") from error


@contextmanager
def whole_file(path: str | os.PathLike[str], *, replace: bool = True) -> Iterator[IO[bytes]]:
    """Write a file that appears under its name only when it is complete and on disk. Without ``replace`` as in `whole_path`."""
    with whole_path(path, replace=replace) as part, open(part, "wb") as file:
        yield file


@contextmanager
def whole_path(path: str | os.PathLike[str], *, replace: bool = True) -> Iterator[Path]:
    """Where to write a file that appears under its name only when it is complete and on disk.

    Without ``replace`` a file that has this name stays as it is, also one that appeared meanwhile: FileExistsError is raised.
    """
    target = Path(path)
    if not target.parent.is_dir():
        raise ValueError(
            f"{target}: the folder {target.parent} does not exist. Create it: mkdir -p {word(target.parent)}."
        )
    if not replace and os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(target))
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=".alcore-")
    os.close(handle)
    try:
        yield Path(name)
        with open(name, "rb") as file:
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        if replace:
            os.replace(name, target)
        else:
            _name(name, target)
    finally:
        Path(name).unlink(missing_ok=True)


def _name(part: str, target: Path) -> None:
    """Give a file its name in one step that fails if the name is taken."""
    try:
        os.link(part, target)
    except FileExistsError:
        raise
    except (
        OSError
    ):  # a file system without hard links, such as FAT: an empty file of our own takes the name, then makes room
        os.close(os.open(target, os.O_CREAT | os.O_EXCL))
        os.replace(part, target)


def to_disk(folder: Path) -> None:
    """Make sure that new files, and the folders that name them, are on disk."""
    for path in [folder, *folder.rglob("*")]:
        if path.suffix != ".partial":  # of zarr, a file that another process is writing
            sync_file(path)


def sync_file(path: Path) -> None:
    """Make sure that what a file or a folder holds is on disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _open_npy(file: Path, member: str | None, default: str | None) -> Array:
    refuse_member(file, member)
    with reading_file(file, "a .npy array"):
        return np.lib.format.open_memmap(file, mode="r")


def is_pattern(file: Path) -> bool:
    """Whether the name stands for several, such as preds/*.npy."""
    return "*" in str(file) or "?" in str(file)


def fitting(file: Path) -> list[str]:
    """The files that fit a pattern. Numbers in their names are ordered as numbers: part_2 comes before part_10."""
    return sorted(glob.glob(str(file)), key=_as_numbers)


def _as_numbers(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _of_pattern(file: Path) -> str:
    """What to pass for a pattern. The order of names as texts, which `sorted` gives, may be another one than that of the rows."""
    found = fitting(file)
    if not found:
        return " No file has a name like this."
    listed = f"sorted(glob.glob({str(file)!r}))" if found == sorted(found) else f"[{', '.join(map(repr, found))}]"
    return f" For several files pass a list, in the order of their rows: {listed}."


def is_path(value: Any) -> bool:
    return isinstance(value, str | os.PathLike)


def is_path_list(value: Any) -> bool:
    """Whether it is a list or a tuple with a path in it: several files along the rows."""
    return isinstance(value, list | tuple) and any(map(is_path, items_of(value)))


def items_of(value: list[Any] | tuple[Any, ...]) -> Iterator[Any]:
    """What a list or a tuple holds. A subclass that counts its passes does not count this one."""
    return list.__iter__(value) if isinstance(value, list) else tuple.__iter__(value)


def _format_of(file: Path) -> str:
    """The format, as the first bytes say."""
    if file.is_dir():
        if not any((file / name).exists() for name in ZARR_FILES):
            raise ValueError(
                f"{file}: expected a file, or a folder of zarr with one of {', '.join(ZARR_FILES)}, got a folder without them. "
                "Name the folder of one array or group of zarr."
            )
        return "zarr"
    try:
        with open(file, "rb") as stream:
            start = stream.read(SHOWN)
            if start.startswith(np.lib.format.MAGIC_PREFIX):
                return "npy"
            if start.startswith(b"PK"):
                return _format_of_zip(file)
            if _is_hdf5(stream):
                return "hdf5"
    except OSError as error:
        raise ValueError(
            f"{file}: cannot be opened ({error.strerror}). Make it readable: chmod u+r {word(file)}."
        ) from error
    raise ValueError(
        f"{file}: expected a file in the format {FORMATS}, but it begins with {start!r}, as none of them does. "
        "Write one: alcore.save_predictions('preds.npy', predictions). alcore never unpickles a file."
    )


def _is_hdf5(stream: IO[bytes]) -> bool:
    """HDF5 begins at byte 0, 512, 1024, 2048 and so on: a user may keep bytes of another kind before it."""
    size, place = stream.seek(0, os.SEEK_END), 0
    while place < size:
        stream.seek(place)
        if stream.read(len(HDF5)) == HDF5:
            return True
        place = 2 * place or 512
    return False


def _format_of_zip(file: Path) -> str:
    with reading_file(file, "an .npz archive"), zipfile.ZipFile(file) as archive:
        return "zarr" if any(name in ZARR_FILES for name in archive.namelist()) else "npz"


_OPENERS: dict[str, Callable[[Path, str | None, str | None], Any]] = {
    "npy": _open_npy,
    "npz": open_npz,
    "zarr": open_zarr,
    "hdf5": open_hdf5,
}
