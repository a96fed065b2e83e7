"""What the readers of every file format share: one sentence for any damage, the choice of a member, and optional libraries."""

from __future__ import annotations

import importlib
import os
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, NoReturn

import numpy as np

from alcore.sources.urls import Url

FORMATS = ".npy, .npz, zarr or HDF5"
ZARR_FILES = ("zarr.json", ".zarray", ".zgroup")  # one of them lies in each folder, or zip, of zarr
HDF5 = b"\x89HDF\r\n\x1a\n"
SHOWN = 8  # bytes of a file of no format that are quoted
REASON = 200  # characters of a reader's error that are quoted: zipfile quotes everything in the place of a name


class NoMember(ValueError):  # noqa: N818 - said to users as a ValueError
    """The file can be read, but it does not have the array asked for, or has several and none was named."""


@contextmanager
def reading_file(file: Path | Url, expected: str) -> Iterator[None]:
    """Turn what readers raise on damaged files, which can be any exception, into one sentence."""
    if isinstance(file, Url):
        with file.reading(expected):
            yield
        return
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


def format_in(stream: IO[bytes], start: bytes) -> str | None:
    """The format of a file that begins like this: npy, zip (of an .npz file, or of zarr) or hdf5. None for any other."""
    if start.startswith(np.lib.format.MAGIC_PREFIX):
        return "npy"
    if start.startswith(b"PK"):
        return "zip"
    return "hdf5" if _is_hdf5(stream) else None


def _is_hdf5(stream: IO[bytes]) -> bool:
    """HDF5 begins at byte 0, 512, 1024, 2048 and so on: a user may keep bytes of another kind before it."""
    size, place = stream.seek(0, os.SEEK_END), 0
    while place < size:
        stream.seek(place)
        if stream.read(len(HDF5)) == HDF5:
            return True
        place = 2 * place or 512
    return False


def format_of_zip(archive: zipfile.ZipFile) -> str:
    return "zarr" if any(name in ZARR_FILES for name in archive.namelist()) else "npz"


def refuse_folder(file: Path | Url) -> NoReturn:
    raise ValueError(
        f"{file}: expected a file, or a folder of zarr with one of {', '.join(ZARR_FILES)}, got a folder without them. "
        "Name the folder of one array or group of zarr."
    )


def refuse_format(file: Path | Url, start: bytes) -> NoReturn:
    raise ValueError(
        f"{file}: expected a file in the format {FORMATS}, but it begins with {start!r}, as none of them does. "
        "Write one: alcore.save_predictions('preds.npy', predictions). alcore never unpickles a file."
    )


def choose(file: Path | Url, names: list[str], member: str | None, default: str | None) -> str:
    """The member to read."""
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


def refuse_member(file: Path | Url, member: str | None) -> None:
    """Refuse a member of a file that has none."""
    if member is not None:
        raise NoMember(
            f"{file}: expected no member, as the file holds one array and no members, got member {member!r}. Leave member out."
        )


def import_extra(module: str, extra: str, doing: str) -> Any:
    """A library that is not always there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(f"{doing} this file needs {module}: pip install 'alcore[{extra}]'.") from error
