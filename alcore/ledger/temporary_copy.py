"""``Copy``: a ledger's file and log in a temporary folder, for places and formats in which SQLite cannot read them as they are."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import weakref
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from alcore.door.wording import word
from alcore.ledger import schema
from alcore.ledger.errors import LedgerError
from alcore.ledger.records import copy_to

Stamp = tuple[int, int, int]  # inode, bytes, time of the last write in ns
TICK = 20_000_000  # ns: two writes in one tick of the kernel's clock, 1 to 10 ms, have one time


class Changed(Exception):  # noqa: N818 - the caller looks again, and no user sees it
    """Others wrote to the file while it was copied or read."""


@dataclass(frozen=True)
class Stamps:
    """What tells whether a ledger's files have changed: the file, its log (-wal), a journal with something in it, and whether the
    log has an index (-shm)."""

    file: Stamp
    log: Stamp | None
    journal: Stamp | None
    index: bool

    @property
    def log_size(self) -> int:
        return 0 if self.log is None else self.log[1]

    def settled(self, now: int) -> bool:
        """Whether a later write shows, as the last one is longer ago than a tick. ``now``: ns since 1970."""
        times = [stamp[2] for stamp in (self.file, self.log, self.journal) if stamp is not None]
        return all(abs(now - time) > TICK for time in times)


def stamps_of(file: Path) -> Stamps:
    whole, journal = _stamp(f"{file}"), _stamp(f"{file}-journal")
    if whole is None:
        raise FileNotFoundError(file)
    return Stamps(
        whole, _stamp(f"{file}-wal"), journal if journal and journal[1] else None, os.path.exists(f"{file}-shm")
    )


def _stamp(path: str) -> Stamp | None:
    try:
        found = os.stat(path)
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


class Copy:
    """A file in a folder of its own, which goes when nobody has it any more, and with its process."""

    def __init__(self, stamps: Stamps) -> None:
        """``stamps``: those of the files that are copied."""
        self.stamps = stamps
        folder = tempfile.mkdtemp(prefix="alcore-")
        self.file = Path(folder) / "ledger.db"
        weakref.finalize(self, _remove, folder, os.getpid())


def copy_of_files(file: Path, stamps: Stamps) -> Copy:
    """The file with its log and journal, all of one moment."""
    try:
        copy = Copy(stamps)
        for suffix, there in (("", True), ("-wal", stamps.log), ("-journal", stamps.journal)):
            if there:
                shutil.copyfile(f"{file}{suffix}", f"{copy.file}{suffix}")
    except FileNotFoundError as error:
        if error.filename is not None and str(error.filename).startswith(str(file)):
            raise Changed from error
        raise _refusal(file, error) from error
    except OSError as error:
        raise _refusal(file, error) from error
    if stamps_of(file) != stamps:
        raise Changed
    _prepare(copy, str(file))
    return copy


def copy_of_older(connection: Connection, stamps: Stamps) -> Copy:
    """What a connection reads, brought up to the newest format."""
    file = Path(connection.execute("PRAGMA database_list").fetchone()[2])
    try:
        copy = Copy(stamps)
    except OSError as error:
        raise _refusal(file, error) from error
    copy_to(connection, copy.file)
    _prepare(copy, str(file))
    return copy


def _prepare(copy: Copy, name: str) -> None:
    """Put what the log holds into the file, undo what the journal undoes, and bring an older format up."""
    with closing(sqlite3.connect(copy.file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")
        schema.check_format(connection, name)
        if 0 < schema.version(connection) < schema.newest():
            connection.execute("BEGIN IMMEDIATE")
            schema.upgrade(connection, name, None)
            connection.execute("COMMIT")


def _refusal(file: Path, error: OSError) -> LedgerError:
    reason = error.strerror or str(error)
    if error.filename is not None and str(error.filename).startswith(str(file)):
        return LedgerError(f"{file}: cannot be read ({reason}). Allow reading: chmod u+r {word(error.filename)}.")
    return LedgerError(
        f"{file}: can be read here only from a copy, and the copy cannot be written into the temporary folder ({reason}). Name a "
        "folder with enough space in the environment variable TMPDIR."
    )


def _remove(folder: str, process: int) -> None:
    """Not in the child of a fork: the folder is the parent's."""
    if os.getpid() == process:
        shutil.rmtree(folder, ignore_errors=True)
