"""The SQLite file of a ledger: opened or refused before it is touched, written whole transactions at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

APPLICATION = 0x616C6372  # "alcr", in the header of the file
MAGIC = b"SQLite format 3\x00"
HEADER = 100  # bytes

# Unlabelled ids have no row of their own: whole numbers take no room at all, names that of their text, twice. The index of names
# is made when they are there (reading.begin): of a million in random order, in a third of the time.
CREATE = """
CREATE TABLE about (size INTEGER NOT NULL, named INTEGER NOT NULL, changes INTEGER NOT NULL);
CREATE TABLE names (position INTEGER PRIMARY KEY, name TEXT NOT NULL);
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
WAIT = 5.0  # seconds that a fork waits for a call of another thread to end


Fill: TypeAlias = Callable[[sqlite3.Connection], None]


class LedgerError(ValueError):
    """What a ledger refuses, and what its file refuses."""


class Database:
    """One connection to a ledger's file, or to one in memory, for all threads of a process."""

    def __init__(self, path: str | os.PathLike[str] | None, timeout: float, fill: Fill | None) -> None:
        """``fill`` writes what a new ledger begins with."""
        self.path = None if path is None else Path(path).absolute()
        self._timeout, self._lock, self._depth = timeout, threading.RLock(), 0
        self._process, self._closed = os.getpid(), False
        self._connection: sqlite3.Connection | None = None
        if self.path is not None and not self.path.parent.is_dir():
            raise LedgerError(f"{self.path}: the folder {self.path.parent} does not exist.")
        with self._sentences(), _here.lock:
            new = self.path is None or _is_new(self.path)
            if new and fill is None:
                raise LedgerError(
                    f"{self.path}: no such ledger. Say how many ids a new one has: size=..., or name them: ids=..."
                )
            connection = self._connect()
            _here.databases.add(self)
        try:
            with self._sentences():
                self._prepare(connection, fill)
        except BaseException:
            self.close()
            raise

    @property
    def name(self) -> str:
        return "ledger in memory" if self.path is None else str(self.path)

    def close(self) -> None:
        with self._lock:
            if self._connection is not None and self._process == os.getpid():
                self._connection.close()
                self._connection = None
            self._closed = True
            _here.databases.discard(self)

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
            connection = self._connected()
            if self._depth == 0:
                connection.execute(begin)
            self._depth += 1
            try:
                yield connection
                if self._depth == 1:
                    connection.execute("COMMIT")
            except BaseException:
                if self._depth == 1 and connection.in_transaction:
                    connection.execute("ROLLBACK")
                raise
            finally:
                self._depth -= 1

    # --- connections ------------------------------------------------------------------------------------------------------

    def _connected(self) -> sqlite3.Connection:
        """The connection of this process: none is used, nor closed, beyond a fork (sqlite.org/howtocorrupt.html, 2.6)."""
        if self._closed:
            raise LedgerError(f"{self.name}: is closed. To go on with a file: Ledger.open(path).")
        if self._connection is None:
            return self._connect()
        if self._process == os.getpid():
            return self._connection
        if self.path is None:
            raise LedgerError(
                "ledger in memory: belongs to the process that made it. For several processes: Ledger.open('run.db', size=...)."
            )
        raise LedgerError(
            f"{self.path}: this process was forked while a call of the ledger was under way, and its locks do not cross a fork. "
            "Fork before or after, or start processes anew (multiprocessing's 'spawn') and open it there."
        )

    def _connect(self) -> sqlite3.Connection:
        target = ":memory:" if self.path is None else str(self.path)
        connection = sqlite3.connect(
            target, timeout=self._timeout, isolation_level=None, check_same_thread=False, cached_statements=256
        )
        connection.execute("PRAGMA synchronous = FULL")
        self._connection, self._process = connection, os.getpid()
        return connection

    def before_fork(self) -> bool:
        """Hold still without a connection: SQLite would take a child's locks for held that only the parent has, and what the child
        wrote would be lost with the parent's last connection. Not where a call is under way beyond ``WAIT`` seconds, or by the
        thread that forks; whether it holds still."""
        if not self._lock.acquire(timeout=WAIT):
            return False
        if self._depth:
            self._lock.release()
            return False
        if self.path is not None and self._connection is not None and self._process == os.getpid():
            self._connection.close()
            self._connection = None
        return True

    def after_fork(self) -> None:
        """In the parent, where it held still."""
        self._lock.release()

    def in_child(self) -> sqlite3.Connection | None:
        """What was not closed, not to be closed here either. The thread that held the lock, if another did, is not here."""
        self._lock, self._depth = threading.RLock(), 0
        return self._connection

    # --- the file ---------------------------------------------------------------------------------------------------------

    def _prepare(self, connection: sqlite3.Connection, fill: Fill | None) -> None:
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
            self._turn_on_wal(connection)

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

    def _turn_on_wal(self, connection: sqlite3.Connection) -> None:
        """Readers do not wait for writers; SQLite does not wait for its turn to change this, so we do."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute("PRAGMA journal_mode = WAL")
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
        if "locked" in text or "busy" in text or "locking" in text:
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
        if _size(f"{path}-wal"):
            raise LedgerError(
                f"{path}: is gone, but its log {path}-wal, which may hold labels, is not. Put the file back, or move the log away."
            )
        return True
    if not path.is_file():
        raise LedgerError(f"{path}: expected a file, got a folder.")
    if _here.has(path):
        return False
    header = _header(path)
    try:
        return _is_empty(path, header)
    except LedgerError:
        if _header(path) != header:  # others are making it
            return _is_new(path)
        raise


def _header(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(HEADER)
    except OSError as error:
        raise LedgerError(f"{path}: cannot be read ({error.strerror}). Give leave to read and write it.") from error


def _is_empty(path: Path, header: bytes) -> bool:
    if header and not header.startswith(MAGIC[: len(header)]):
        raise LedgerError(f"{path}: expected a ledger, but it is no SQLite file. Nothing was changed.")
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
            f"{path}: is truncated: {size} bytes of {max(expected, HEADER)}. Nothing was changed: take it from a backup."
        )
    if expected and int.from_bytes(header[68:72], "big") != APPLICATION:
        raise LedgerError(f"{path}: expected a ledger, but it is another program's SQLite file. Nothing was changed.")
    if not os.access(path, os.W_OK) or not path.stat().st_mode & 0o222:
        raise LedgerError(f"{path}: is read-only. Nothing was changed: give leave to write it (chmod u+w).")
    return False


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


class _Here:
    """The databases that this process has open."""

    def __init__(self) -> None:
        self.databases: weakref.WeakSet[Database] = weakref.WeakSet()
        self.lock = threading.RLock()  # while a file is looked at by other means than SQLite's, and until it is open
        self._still: list[Database] = []
        self._left: list[sqlite3.Connection | None] = []

    def has(self, path: Path) -> bool:
        """Whether it is open already: to open and close it by other means would drop SQLite's locks of the whole process
        (sqlite.org/howtocorrupt.html, 2.2), and the next process that closed it would remove the log in which we write."""
        return any(one.path is not None and one.path.exists() and one.path.samefile(path) for one in self.databases)

    def before_fork(self) -> None:
        self.lock.acquire()
        self._still = [one for one in list(self.databases) if one.before_fork()]

    def in_parent(self) -> None:
        for one in self._still:
            one.after_fork()
        self._still = []
        self.lock.release()

    def in_child(self) -> None:
        self.lock, self._still = threading.RLock(), []
        self._left = [one.in_child() for one in list(self.databases)]


_here = _Here()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_here.before_fork, after_in_parent=_here.in_parent, after_in_child=_here.in_child)
