"""The SQLite file of a ledger: opened or refused before it is touched, written whole transactions at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

APPLICATION = 0x616C6372  # "alcr", in the header of the file
MAGIC = b"SQLite format 3\x00"
HEADER = 100  # bytes

# Unlabelled ids have no row of their own: whole numbers take no room at all, names that of their text, twice.
CREATE = """
CREATE TABLE about (size INTEGER NOT NULL, named INTEGER NOT NULL, changes INTEGER NOT NULL);
CREATE TABLE names (position INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE queries (
    query INTEGER PRIMARY KEY, asker TEXT NOT NULL, step INTEGER NOT NULL, heuristic TEXT NOT NULL, time REAL NOT NULL,
    free INTEGER NOT NULL, ranked INTEGER NOT NULL, withdrawn REAL
);
CREATE INDEX queries_of_asker ON queries (asker);
CREATE TABLE picks (
    query INTEGER NOT NULL, place INTEGER NOT NULL, position INTEGER NOT NULL, score REAL, q REAL NOT NULL,
    support INTEGER NOT NULL, information REAL, PRIMARY KEY (query, place)
) WITHOUT ROWID;
CREATE TABLE items (
    position INTEGER PRIMARY KEY, state TEXT NOT NULL, query INTEGER, label TEXT, annotator TEXT, time REAL NOT NULL
);
CREATE INDEX items_asked ON items (query) WHERE state = 'asked';
CREATE TABLE history (
    number INTEGER PRIMARY KEY, time REAL NOT NULL, position INTEGER NOT NULL, action TEXT NOT NULL, query INTEGER,
    label TEXT, annotator TEXT
);
CREATE TABLE notes (asker TEXT NOT NULL, step INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (asker, step));
CREATE INDEX history_of_position ON history (position);
"""
VERSIONS = (CREATE,)  # what makes each version of the file of the one before


Fill: TypeAlias = Callable[[sqlite3.Connection], None]


class LedgerError(ValueError):
    """What a ledger refuses, and what its file refuses."""


class Database:
    """One connection to a ledger's file, or to one in memory, for all threads of a process."""

    def __init__(self, path: str | os.PathLike[str] | None, timeout: float, fill: Fill | None) -> None:
        """``fill`` writes what a new ledger begins with."""
        self.path = None if path is None else Path(path).absolute()
        self._timeout, self._lock, self._depth = timeout, threading.RLock(), 0
        if self.path is not None and not self.path.parent.is_dir():
            raise LedgerError(f"{self.path}: the folder {self.path.parent} does not exist.")
        new = self.path is None or _is_new(self.path)
        if new and fill is None:
            raise LedgerError(
                f"{self.path}: no such ledger. Say how many ids a new one has: size=..., or name them: ids=..."
            )
        with self._sentences():
            self._connect()
            try:
                self._prepare(fill)
            except BaseException:
                self._connection.close()
                raise

    @property
    def name(self) -> str:
        return "ledger in memory" if self.path is None else str(self.path)

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """A snapshot: what others write meanwhile is not seen."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """All of what is written, on disk when this ends, or nothing."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[sqlite3.Connection]:
        with self._lock, self._sentences():
            self._check_process()
            if self._depth == 0:
                self._connection.execute(begin)
            self._depth += 1
            try:
                yield self._connection
                if self._depth == 1:
                    self._connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    def _check_process(self) -> None:
        """SQLite's connections do not cross a fork: a child has one of its own."""
        if self._process == os.getpid():
            return
        if self.path is None:
            raise LedgerError(
                "ledger in memory: belongs to the process that made it. For several processes: Ledger.open('run.db', size=...)."
            )
        self._inherited = self._connection  # to close it here would drop the parent's locks
        self._lock, self._depth = threading.RLock(), 0
        self._connect()

    def _connect(self) -> None:
        target = ":memory:" if self.path is None else str(self.path)
        self._process = os.getpid()
        self._connection = sqlite3.connect(
            target, timeout=self._timeout, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        self._connection.execute("PRAGMA synchronous = FULL")

    def _prepare(self, fill: Fill | None) -> None:
        connection = self._connection
        tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
        if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
            raise LedgerError(
                f"{self.name}: expected a ledger, but it is another program's SQLite file. Nothing was changed."
            )
        if _version(connection) > len(VERSIONS):
            raise LedgerError(
                f"{self.name}: was written by a later version of alcore (format {_version(connection)}, this one reads up to "
                f"{len(VERSIONS)}). Nothing was changed: pip install --upgrade alcore."
            )
        if _version(connection) < len(VERSIONS):
            self._upgrade(fill)
        if self.path is not None:
            self._turn_on_wal()

    def _upgrade(self, fill: Fill | None) -> None:
        with self.writing() as connection:
            for version in range(_version(connection), len(VERSIONS)):
                for statement in filter(str.strip, VERSIONS[version].split(";")):
                    connection.execute(statement)
                if version == 0:
                    if fill is None:
                        raise LedgerError(
                            f"{self.name}: holds nothing yet. Say how many ids there are: size=..., or ids=..."
                        )
                    fill(connection)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")

    def _turn_on_wal(self) -> None:
        """Readers do not wait for writers; SQLite does not wait for its turn to change this, so we do."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode = WAL")
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    @contextmanager
    def _sentences(self) -> Iterator[None]:
        """What SQLite raises, in one sentence."""
        try:
            yield
        except (sqlite3.Error, OverflowError) as error:
            raise LedgerError(f"{self.name}: {self._reason(str(error))}") from error

    def _reason(self, text: str) -> str:
        if "locked" in text or "busy" in text:
            return f"others have been writing for {self._timeout:g} s ({text}). Try again, or open it with a larger timeout."
        if "full" in text or "disk I/O" in text:
            return f"the disk is full or refuses to be written ({text}); nothing of this was recorded. Make room and try again."
        if "readonly" in text or "unable to open" in text:
            return f"cannot be written ({text}). Give leave to write the file and its folder."
        if "malformed" in text or "not a database" in text:
            return f"is damaged ({text}). Nothing was changed: take it from a backup."
        return f"{text}."


def _version(connection: sqlite3.Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def _is_new(path: Path) -> bool:
    """Whether a ledger is to be made there; refuses what is none before SQLite touches it."""
    if not path.exists():
        return True
    if not path.is_file():
        raise LedgerError(f"{path}: expected a file, got a folder.")
    with open(path, "rb") as file:
        header = file.read(HEADER)
    unfinished = any(_size(f"{path}{suffix}") for suffix in ("-wal", "-journal"))  # SQLite completes or undoes it
    if not header and not unfinished:
        return True
    if header and not header.startswith(MAGIC[: len(header)]):
        raise LedgerError(f"{path}: expected a ledger, but it is no SQLite file. Nothing was changed.")
    if unfinished:
        return False
    page = int.from_bytes(header[16:18], "big")
    expected = (65536 if page == 1 else page) * int.from_bytes(header[28:32], "big")
    if len(header) < HEADER or _size(path) < expected:
        raise LedgerError(
            f"{path}: is truncated: {_size(path)} bytes of {max(expected, HEADER)}. Nothing was changed: take it from a backup."
        )
    if expected and int.from_bytes(header[68:72], "big") != APPLICATION:
        raise LedgerError(f"{path}: expected a ledger, but it is another program's SQLite file. Nothing was changed.")
    if not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222:
        raise LedgerError(f"{path}: is read-only. Nothing was changed: give leave to write it (chmod u+w).")
    return False


def _size(path: str | os.PathLike[str]) -> int:
    return os.stat(path).st_size if os.path.exists(path) else 0
