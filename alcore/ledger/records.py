"""``Records``: what a ledger holds, read and written in whole transactions. ``refusals``: what SQLite raises, in one sentence."""

from __future__ import annotations

import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from pathlib import Path
from sqlite3 import Connection

from alcore.door.wording import word
from alcore.ledger.errors import LedgerError
from alcore.ledger.file_check import whole_copy

AT_ONCE = 0.5  # seconds that SQLite waits for others before Python is asked whether to go on


class Records(ABC):
    """The records of one ledger, for all threads of a process."""

    @property
    @abstractmethod
    def name(self) -> str:
        """What errors call it."""

    @property
    @abstractmethod
    def readonly(self) -> bool:
        """Whether it can only be read."""

    @abstractmethod
    def reading(self) -> AbstractContextManager[Connection]:
        """A snapshot: it does not show what others write meanwhile."""

    @abstractmethod
    def writing(self) -> AbstractContextManager[Connection]:
        """Everything that is written inside is on disk at the end, or nothing is."""

    @abstractmethod
    def close(self) -> None:
        """No more reading or writing."""

    def check_writable(self) -> None:
        """Refuse records that can only be read."""
        if self.readonly:
            raise LedgerError(
                f"{self.name}: expected a ledger that can be written, as this call writes to it, got one that was opened with "
                "readonly=True. Nothing was recorded. Open it to write: Ledger.open(path)."
            )

    def backup(self, path: Path) -> None:
        """Write a copy that is whole without a log, while others go on. The file appears when it is on disk."""
        with whole_copy(path) as part, self.reading() as connection:
            copy_to(connection, part)


def copy_to(connection: Connection, path: Path) -> None:
    """Write what a connection reads into a file that needs no log."""
    with closing(sqlite3.connect(path, isolation_level=None)) as copy:
        connection.backup(copy)
        copy.execute("PRAGMA journal_mode = DELETE")
        if copy.execute("SELECT count(*) FROM pragma_table_info('about') WHERE name = 'open'").fetchone()[0]:
            copy.execute("UPDATE about SET open = 0")


def refuse_closed(name: str) -> None:
    raise LedgerError(f"{name}: this ledger is closed. Open its file again: Ledger.open(path).")


def refuse_missing(path: Path) -> None:
    raise LedgerError(
        f"{path}: no such ledger. To make a new one: Ledger.open(path, size=N), or with names Ledger.open(path, ids=[...])."
    )


def refuse_lost_log(path: Path) -> None:
    """Refuse a file that was copied or moved without its log."""
    raise LedgerError(
        f"{path}: the file was copied or moved while it was open, without its log {path}-wal, which may hold labels. Put "
        "the log beside it, or make the copy with ledger.backup(copy). If the log is lost, open what the file holds: "
        "Ledger.open(path, lost_log=True)."
    )


@contextmanager
def refusals(name: str, timeout: float) -> Iterator[None]:
    """What SQLite raises, in one sentence."""
    try:
        yield
    except (sqlite3.Error, OverflowError) as error:
        raise LedgerError(f"{name}: {_reason(str(error), name, timeout)}") from error


def busy(text: str, timeout: float) -> str:
    return (
        f"other processes have been writing for {timeout:g} s ({text}). Try again, or wait longer: "
        "Ledger.open(path, timeout=600)."
    )


def _there(path: Path) -> str:
    """The folder and the file, if it is there, as words of a command."""
    return " ".join(word(one) for one in (path.parent, path) if one.exists())


def _reason(text: str, name: str, timeout: float) -> str:
    if "locked" in text or "busy" in text or "locking" in text:
        return busy(text, timeout)
    if "full" in text or "disk I/O" in text:
        return f"the disk is full or cannot be written ({text}). This call recorded nothing. Free some space and try again."
    if "readonly" in text or "unable to open" in text:
        return (
            f"the file cannot be written ({text}). Allow writing to the file and its folder: chmod u+w {_there(Path(name))}. "
            "Or only read it: Ledger.open(path, readonly=True)."
        )
    if "malformed" in text or "not a database" in text:
        return f"the file is damaged ({text}). Nothing was changed. Restore it from a backup."
    return f"{text}."
