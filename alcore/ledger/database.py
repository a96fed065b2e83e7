"""The SQLite file of a ledger: opened or refused before it is touched, written whole transactions at a time."""

from __future__ import annotations

import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import final

from alcore.ledger import places, schema
from alcore.ledger.errors import LedgerError
from alcore.ledger.file_check import check_permissions, is_new, log_size
from alcore.ledger.forks import OPEN, WAIT
from alcore.ledger.interrupts import KeptInterrupts
from alcore.ledger.records import AT_ONCE, Records, refusals, refuse_closed, refuse_lost_log, refuse_missing
from alcore.ledger.schema import Fill

WRITE = "BEGIN IMMEDIATE"


@final
class Database(Records):
    """One connection to a ledger's file, or to one in memory, for all threads of a process."""

    def __init__(
        self, path: str | os.PathLike[str] | None, timeout: float, fill: Fill | None, lost_log: bool = False
    ) -> None:
        """``fill`` writes what a new ledger begins with. ``lost_log``: take what the file holds, though its log is missing."""
        self.path = None if path is None else Path(path).absolute()
        self._timeout, self._lock, self._depth = timeout, threading.RLock(), 0
        self._process, self._closed = os.getpid(), False
        self._connection: Connection | None = None
        if self.path is not None and not self.path.parent.is_dir():
            raise LedgerError(
                f"{self.path}: the folder {self.path.parent} does not exist. Create it: mkdir -p {self.path.parent}."
            )
        self._ready = False
        with refusals(self.name, self._timeout), OPEN.lock:
            new = self.path is None or is_new(self.path)
            if self.path is not None:
                check_permissions(self.path)
                places.refuse_unsafe(self.path)
            logged = new or lost_log or (self.path is not None and log_size(self.path) > 0)
            if self.path is not None and new and fill is None:
                refuse_missing(self.path)
            connection = self._connect()
            OPEN.databases.add(self)
        try:
            with refusals(self.name, self._timeout):
                self._prepare(connection, fill)
                if not logged and self.path is not None:
                    self._check_log(connection)
                self._ready = True
        except BaseException:
            self.close()
            raise

    def __del__(self) -> None:
        """A ledger that nobody closed is closed when nobody has it any more."""
        if hasattr(self, "_ready"):
            self.close()

    @property
    def name(self) -> str:
        return "ledger in memory" if self.path is None else str(self.path)

    @property
    def readonly(self) -> bool:
        return False

    @property
    def writes_to(self) -> Path | None:
        return None if self._connection is None or self._process != os.getpid() else self.path

    def close(self) -> None:
        with self._lock:
            self._disconnect()
            self._closed = True
            OPEN.databases.discard(self)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def writing(self) -> Iterator[Connection]:
        with self._transaction(WRITE) as connection:
            yield connection

    # --- the log beside the file ------------------------------------------------------------------------------------------

    def _mark_open(self, connection: Connection) -> None:
        """Before the first write the file itself says that labels may be in its log: a copy without the log then tells so. Others
        may close the ledger between the mark and the write, so the mark is looked at again."""
        while not connection.execute("SELECT open FROM about").fetchone()[0]:
            connection.execute("UPDATE about SET open = 1")
            connection.execute("COMMIT")
            connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            self._in_turn(connection, WRITE)

    def _mark_closed(self, connection: Connection) -> None:
        """All labels will be in the file itself when its last connection is closed. Where another process writes just now, or the
        disk is full, the mark stays, and who closes last removes it."""
        if not self._ready or self.path is None or self._depth:
            return
        for first in ("busy_timeout = 0", "wal_checkpoint(TRUNCATE)"):  # the second makes room on a disk that is full
            with suppress(sqlite3.Error):
                connection.execute(f"PRAGMA {first}")
                if connection.execute("SELECT open FROM about").fetchone()[0]:
                    connection.execute("UPDATE about SET open = 0")
                return

    def _check_log(self, connection: Connection) -> None:
        """Refuse a file that was copied or moved without its log."""
        assert self.path is not None
        path = self.path
        if connection.execute("SELECT open FROM about").fetchone()[0] and not log_size(path):
            refuse_lost_log(path)

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        self._connect_again()
        with self._lock, refusals(self.name, self._timeout):
            connection = self._connected()
            outermost = self._depth == 0
            if not outermost and begin == WRITE:  # it would be acknowledged before the outer call has committed it
                raise LedgerError(
                    f"{self.name}: expected calls that write one after the other, got one from inside another call, such as from "
                    "the function of note=. Make the call before or after. Calls that only read work inside too."
                )
            kept = KeptInterrupts()
            self._depth += 1  # no call stands between this and the try: an interrupt comes at a call
            try:
                if outermost:
                    self._begin(connection, begin)
                    if begin == WRITE:
                        kept.begin()
                yield connection
                if outermost:
                    connection.execute("COMMIT")
            finally:  # an interrupt may come while it waits for its turn: nothing stays open
                self._depth -= 1
                if outermost and connection.in_transaction:
                    connection.execute("ROLLBACK")
                kept.end()

    def _begin(self, connection: Connection, begin: str) -> None:
        if connection.in_transaction:  # an interrupt that came before a rollback
            connection.execute("ROLLBACK")
        self._in_turn(connection, begin)
        if begin == WRITE and self._ready and self.path is not None:
            self._mark_open(connection)

    def _in_turn(self, connection: Connection, statement: str) -> None:
        """Wait for the turn in Python: SQLite does not hear Ctrl-C while it waits, and to change the journal it does not wait."""
        until = time.monotonic() + self._timeout
        while True:
            try:
                connection.execute(statement)
                return
            except sqlite3.OperationalError as error:
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(0.01)

    # --- connections ------------------------------------------------------------------------------------------------------

    def _connected(self) -> Connection:
        """The connection of this process: none is used, nor closed, beyond a fork (sqlite.org/howtocorrupt.html, 2.6)."""
        if self._closed:
            refuse_closed(self.name)
        if self._connection is None:
            return self._connect()
        if self._process == os.getpid():
            return self._connection
        if self.path is None:
            raise LedgerError(
                "ledger in memory: it belongs to the process that made it, and this is another process. For several processes "
                "use a file: Ledger.open('run.db', size=N)."
            )
        raise LedgerError(
            f"{self.path}: this process was forked during a call of the ledger, and SQLite's locks do not work after a fork. "
            "Fork before or after the call, or start processes with multiprocessing.get_context('spawn') and open the ledger there."
        )

    def _connect_again(self) -> None:
        """After a fork, and not while another thread reads the file without locks: closing it there would drop those of this
        connection."""
        if self._connection is None and not self._closed:
            with OPEN.lock, self._lock, refusals(self.name, self._timeout):
                if self._connection is None and not self._closed:
                    self._connect()

    def _connect(self) -> Connection:
        target = ":memory:" if self.path is None else str(self.path)
        connection = sqlite3.connect(
            target,
            timeout=min(self._timeout, AT_ONCE),
            isolation_level=None,
            check_same_thread=False,
            cached_statements=256,
        )
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        self._connection, self._process = connection, os.getpid()
        return connection

    def _disconnect(self) -> None:
        if self._connection is not None and self._process == os.getpid():
            self._mark_closed(self._connection)
            self._connection.close()
            self._connection = None

    def before_fork(self) -> bool:
        """Close the connection and wait until the fork is done. Otherwise SQLite would think that the child holds the parent's
        locks, and the child's writes would be lost when the parent closes its last connection. Returns False if the forking
        thread itself is in a call, or if another thread's call takes more than ``WAIT`` seconds."""
        if not self._lock.acquire(timeout=WAIT):
            return False
        if self._depth:
            self._lock.release()
            return False
        if self.path is not None:
            self._disconnect()
        return True

    def after_fork_in_parent(self) -> None:
        """In the parent, where it held still."""
        self._lock.release()

    def after_fork_in_child(self) -> Connection | None:
        """Return the connection that the parent did not close: the child must not close it either. Make a new lock, because the
        thread that may hold the old one is not in the child."""
        self._lock, self._depth = threading.RLock(), 0
        return self._connection

    # --- the file ---------------------------------------------------------------------------------------------------------

    def _prepare(self, connection: Connection, fill: Fill | None) -> None:
        schema.check_format(connection, self.name)
        if schema.version(connection) < schema.newest():
            with self.writing() as connection:
                schema.upgrade(connection, self.name, fill)
        if self.path is not None:
            self._in_turn(connection, "PRAGMA journal_mode = WAL")  # readers do not wait for writers
