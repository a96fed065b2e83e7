"""Whether a file is a ledger, from its first bytes and its log, before SQLite touches it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

from alcore.door.wording import word
from alcore.ledger.errors import LedgerError
from alcore.ledger.forks import OPEN
from alcore.ledger.schema import APPLICATION
from alcore.sources.files import whole_path

MAGIC = b"SQLite format 3\x00"
HEADER = 100  # bytes


def is_new(path: Path) -> bool:
    """True if there is no ledger yet. Refuse files that are not ledgers."""
    if not path.exists():
        if _size(f"{path}-wal"):
            raise LedgerError(
                f"{path}: the file is missing, but its log {path}-wal is there and may hold labels. Put the file back, or move "
                f"the log away: {_move_log(path)}."
            )
        return True
    if not path.is_file():
        raise LedgerError(f"{path}: expected a file, got a folder. Name a file in it: {path / 'run.db'}.")
    if OPEN.is_open(path):
        return False
    header = _header(path)
    try:
        return _is_empty(path, header)
    except LedgerError:
        if _header(path) != header:  # others are making it
            return is_new(path)
        raise


def _header(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEADER)
    except OSError as error:
        raise LedgerError(
            f"{path}: cannot be read ({error.strerror}). Allow reading and writing: chmod u+rw {word(path)}."
        ) from error


def _is_empty(path: Path, header: bytes) -> bool:
    if header and not header.startswith(MAGIC[: len(header)]):
        raise LedgerError(
            f"{path}: expected a ledger, but it is not an SQLite file. Nothing was changed. Name another file."
        )
    if _size(f"{path}-journal"):
        return False  # SQLite undoes what was not finished
    if not header and not _size(f"{path}-wal"):
        return True
    page = int.from_bytes(header[16:18], "big")
    expected = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    logged = _pages_in_log(f"{path}-wal") if len(header) == HEADER and _size(path) < expected else set()
    size = _size(path)  # the log is looked at before: others may complete the file and begin the log anew meanwhile
    missing = set(range(size // page + 1, expected // page + 1)) - logged if size < expected else set()
    if len(header) < HEADER or missing:
        raise LedgerError(
            f"{path}: the file is truncated: {size} of {max(expected, HEADER)} bytes are there. Nothing was changed. "
            "Restore it from a backup."
        )
    if header[18:19] == b"\x01" and log_size(path):
        raise LedgerError(
            f"{path}: the log {path}-wal beside it belongs to another file, which this one replaced. Nothing was changed. Move the "
            f"log away: {_move_log(path)}."
        )
    if expected and int.from_bytes(header[68:72], "big") != APPLICATION:
        raise LedgerError(
            f"{path}: expected a ledger, but it is another program's SQLite file. Nothing was changed. Name another file."
        )
    return False


def _move_log(path: Path) -> str:
    """The command that moves a file's log away, and overwrites no log that was moved before."""
    log = f"{path}-wal"
    names = (f"{log}.old{number or ''}" for number in count())
    return f"mv {word(log)} {word(next(name for name in names if not os.path.lexists(name)))}"


def check_permissions(path: Path) -> None:
    """Refuse a file that may not be written."""
    if path.exists() and not (os.access(path, os.W_OK) and path.stat().st_mode & 0o222):
        raise LedgerError(
            f"{path}: the file is read-only. Nothing was changed. Allow writing: chmod u+w {word(path)}. Or only read it: "
            "Ledger.open(path, readonly=True)."
        )


def log_size(path: Path) -> int:
    """Bytes of the log beside a file: 0 where there is none. SQLite writes it beside the file that a symbolic link names."""
    return _size(f"{os.path.realpath(path)}-wal")


@contextmanager
def whole_copy(path: Path) -> Iterator[Path]:
    """Where to write a copy that appears under its name when it is whole and on disk. A file that exists is not overwritten."""
    try:
        with whole_path(path, replace=False) as part:
            yield part
    except FileExistsError:
        raise LedgerError(f"{path}: this file exists, and a backup overwrites nothing. Name another file.") from None
    except OSError as error:
        raise LedgerError(f"{path}: cannot be written ({error.strerror or error}). Name another file.") from error


def _pages_in_log(path: str) -> set[int]:
    """Numbers of the pages that a log (-wal) holds, which need not be in the file yet (sqlite.org/fileformat2.html, 4.1)."""
    pages: set[int] = set()
    try:
        with open(path, "rb") as file:
            head = file.read(32)
            page = int.from_bytes(head[8:12], "big")
            while len(frame := file.read(24)) == 24 and frame[8:16] == head[16:24]:
                pages.add(int.from_bytes(frame[:4], "big"))
                file.seek(page, os.SEEK_CUR)
    except FileNotFoundError:
        pass
    return pages


def _size(path: str | os.PathLike[str]) -> int:
    try:
        return os.stat(path).st_size
    except FileNotFoundError:  # others may remove a -wal at any time
        return 0
