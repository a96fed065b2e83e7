"""``ReadonlyDatabase``: a ledger's file that is only read. Not one byte is written to the file, its folder or its log.

SQLite reads beside a process that writes with the index of the log (-shm) that is there. Without a log it reads the file alone.
It cannot read a log without an index where it may not write one, nor an older format, so both are read from a temporary copy
(sqlite.org/wal.html, 9). Between two calls nothing is open: the next call looks anew at how the file can be read.
"""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection
from typing import final

from alcore.ledger import places, schema
from alcore.ledger.errors import LedgerError
from alcore.ledger.file_check import is_new
from alcore.ledger.forks import OPEN, WAIT
from alcore.ledger.records import AT_ONCE, Records, busy, refusals, refuse_closed, refuse_lost_log, refuse_missing
from alcore.ledger.temporary_copy import Changed, Copy, Stamps, copy_of_files, copy_of_older, stamps_of

BESIDE = "mode=ro&readonly_shm=1"  # beside those who write: their index is read, and never made
ALONE = "immutable=1"  # nobody writes: no lock, and no file beside it


@dataclass(frozen=True)
class Way:
    """How a file is read now: which file, with which options of SQLite, and as it was when this was decided."""

    file: Path
    options: str
    stamps: Stamps
    copy: Copy | None = None

    def connect(self) -> Connection:
        address = f"{self.file.as_uri()}?{self.options}"
        connection = sqlite3.connect(address, timeout=AT_ONCE, isolation_level=None, check_same_thread=False, uri=True)
        connection.execute("BEGIN")
        return connection

    def check(self) -> None:
        """Nothing holds others back from a file that is read without locks, so it may have changed meanwhile."""
        if self.options == ALONE and self.copy is None and stamps_of(self.file).file != self.stamps.file:
            raise Changed


@final
class ReadonlyDatabase(Records):
    """Reads a ledger's file: beside those who write, alone, or from a temporary copy."""

    def __init__(self, path: str | os.PathLike[str], timeout: float, lost_log: bool = False) -> None:
        """``lost_log``: take what the file holds, though its log is missing."""
        self.path = Path(path).absolute()
        self._timeout, self._lost_log, self._lock, self._depth = timeout, lost_log, threading.RLock(), 0
        self._closed, self._identity, self._forked = False, "", False
        self._connection: Connection | None = None
        self._copy: Copy | None = None
        with refusals(self.name, timeout), OPEN.lock:
            if is_new(self.path):
                refuse_missing(self.path)
            self._network = places.network_of(self.path) is not None
            OPEN.add(self)
        with self.reading():
            pass  # what cannot be read is refused at once

    @property
    def name(self) -> str:
        return str(self.path)

    @property
    def readonly(self) -> bool:
        return True

    @property
    def writes_to(self) -> None:
        return None

    def close(self) -> None:
        with self._lock:
            self._closed, self._copy = True, None
            OPEN.discard(self)

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        self.check_writable()
        yield from ()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Nobody in this process opens the file to write meanwhile: SQLite's locks would be lost when this connection closes
        (sqlite.org/howtocorrupt.html, 2.2)."""
        with OPEN.lock, self._lock, refusals(self.name, self._timeout):
            if self._closed:
                refuse_closed(self.name)
            if self._depth and self._connection is not None:
                yield self._connection
                return
            way, connection = self._begin()
            self._connection, self._depth = connection, 1
            try:
                yield connection
                way.check()
            except Exception as error:
                self._refuse_changed(way, error)
                raise
            finally:
                if self._connection is connection:  # not in the child of a fork
                    connection.close()
                    self._connection, self._depth = None, 0
                if self._forked:  # a fork may end without a word (os._exit), and would leave its copy behind
                    self._copy = None

    def _refuse_changed(self, way: Way, error: Exception) -> None:
        """What was read may be of two moments, or seem damaged."""
        try:
            way.check()
        except Changed:
            raise LedgerError(
                f"{self.path}: another process wrote to the file while it was read. Nothing was changed by reading. Try again."
            ) from error

    # --- how the file is read now -----------------------------------------------------------------------------------------

    def _begin(self) -> tuple[Way, Connection]:
        """A transaction that has begun. Others may open and close the file meanwhile, so this looks again until it fits."""
        until, options = time.monotonic() + self._timeout, None
        while True:
            try:
                way = self._way(options)
                return way, self._checked(way)
            except (Changed, FileNotFoundError, sqlite3.OperationalError) as error:
                if time.monotonic() > until:
                    raise LedgerError(f"{self.path}: {busy(str(error), self._timeout)}") from error
                if isinstance(error, sqlite3.OperationalError) and "locked" not in str(error):
                    if options is not None or OPEN.is_open(self.path):
                        raise
                    options = ALONE  # the index cannot be read: a copy needs none
                time.sleep(0.01)

    def _way(self, options: str | None) -> Way:
        if not self.path.exists():
            raise LedgerError(f"{self.path}: the file was moved or deleted since it was opened. Put it back.")
        file = Path(os.path.realpath(self.path))
        stamps = stamps_of(file)
        if OPEN.is_open(file):
            places.refuse_other_names(file)
            return Way(file, BESIDE, stamps)
        if self._copy is not None and self._copy.stamps == stamps:
            return Way(self._copy.file, ALONE, stamps, self._copy)
        self._copy = None
        beside = stamps.index and stamps.log is not None and options is None
        if beside and not (self._network or stamps.journal):
            return Way(file, BESIDE, stamps)
        if not stamps.settled(time.time_ns()):
            raise Changed(f"{file.name} was written just now")
        if stamps.log_size or stamps.journal or self._network:
            self._copy = copy_of_files(file, stamps)
            return Way(self._copy.file, ALONE, stamps, self._copy)
        return Way(file, ALONE, stamps)

    def _checked(self, way: Way) -> Connection:
        connection = way.connect()
        try:
            schema.check_format(connection, self.name)
            if 0 < schema.version(connection) < schema.newest():
                if not way.stamps.log_size:
                    places.refuse_names_without_log(self.path)
                self._copy = copy_of_older(connection, way.stamps)
                way.check()
                connection.close()
                connection = Way(self._copy.file, ALONE, way.stamps, self._copy).connect()
            self._check_ledger(connection, way)
        except BaseException as error:
            connection.close()
            if isinstance(error, Exception):  # what seems wrong may be of two moments
                way.check()
            raise
        return connection

    def _check_ledger(self, connection: Connection, way: Way) -> None:
        """Refuse a file whose log is lost, and another ledger in its place."""
        if not schema.version(connection):
            refuse_missing(self.path)
        about = connection.execute("SELECT identity, open FROM about").fetchone()
        if about is None:
            raise sqlite3.DatabaseError("malformed: the table about has no row")
        identity, is_open = about
        if is_open and way.options == ALONE and not way.stamps.log_size and not self._lost_log:
            refuse_lost_log(self.path)
        if self._identity not in ("", identity):
            raise LedgerError(
                f"{self.path}: the file was replaced by another ledger since it was opened. Open it again: "
                "Ledger.open(path, readonly=True)."
            )
        self._identity = identity

    # --- forks ------------------------------------------------------------------------------------------------------------

    def before_fork(self) -> bool:
        """Wait until no thread reads. Returns False if the forking thread itself reads, or if it takes too long."""
        if not self._lock.acquire(timeout=WAIT):
            return False
        if self._depth:
            self._lock.release()
            return False
        return True

    def after_fork_in_parent(self) -> None:
        self._lock.release()

    def after_fork_in_child(self) -> Connection | None:
        """The connection and the copy are the parent's."""
        inherited, self._connection, self._copy = self._connection, None, None
        self._lock, self._depth, self._forked = threading.RLock(), 0, True
        return inherited
