"""The SQLite file of a ledger: opened or refused before it is touched, written whole transactions at a time."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from sqlite3 import Connection
from typing import final

from alcore.door.wording import word
from alcore.ledger import places, schema
from alcore.ledger.errors import LedgerError
from alcore.ledger.file_check import check_permissions, is_new, log_size
from alcore.ledger.forks import OPEN, WAIT
from alcore.ledger.interrupts import KeptInterrupts
from alcore.ledger.records import AT_ONCE, Records, refusals, refuse_closed, refuse_lost_log, refuse_missing
from alcore.ledger.schema import Fill

LOOK_AGAIN = 0.002  # seconds
WRITE = "BEGIN IMMEDIATE"
PATIENCE = 5.0  # seconds that the first write of a connection waits for those who read


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
                f"{self.path}: the folder {self.path.parent} does not exist. Create it: mkdir -p {word(self.path.parent)}."
            )
        self._ready = False
        self._marked: bool | None = None  # whether the file itself says that it is open; None before the first write
        with refusals(self.name, self._timeout), OPEN.lock:
            new = self.path is None or is_new(self.path)
            if self.path is not None:
                check_permissions(self.path)
                places.refuse_unsafe(self.path)
            logged = new or lost_log or (self.path is not None and log_size(self.path) > 0)
            if self.path is not None and new and fill is None:
                refuse_missing(self.path)
            connection = self._connect()
            OPEN.add(self)
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
            OPEN.discard(self)

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
        """Before a write: mark the file itself, because labels may be in its log from now on. A copy without the log then has the
        mark, and is refused. Others may remove the mark when they close, so each write looks at it again."""
        while not (self._marked and self._is_marked(connection)):
            connection.execute("UPDATE about SET open = 1 WHERE open = 0")
            connection.execute("COMMIT")
            self._marked = self._move_log(connection, PATIENCE if self._marked is None else 0.0)
            self._in_turn(connection, WRITE)
            if not self._marked and self._is_marked(connection):
                return

    def _is_marked(self, connection: Connection) -> bool:
        return bool(connection.execute("SELECT open FROM about").fetchone()[0])

    def _move_log(self, connection: Connection, patience: float) -> bool:
        """Move what the log holds now into the file. Returns False if it cannot: somebody still reads who began before."""
        until, wanted = time.monotonic() + patience, -1
        while True:
            _, logged, moved = connection.execute(
                "PRAGMA wal_checkpoint(PASSIVE)"
            ).fetchone()  # -1: others move it just now
            wanted = logged if wanted < 0 else wanted
            if logged >= 0 and (moved >= wanted or logged < wanted):  # less: others began the log anew, so it was moved
                return True
            if time.monotonic() >= until:
                return False
            time.sleep(0.001)

    def _mark_closed(self, connection: Connection) -> None:
        """Remove the mark. If this connection has the file alone, all labels are moved into the file before. If others have it
        open, they mark it again before their next write. If one of them writes just now, it removes the mark when it closes."""
        if not self._ready or self.path is None or self._depth:
            return
        with suppress(sqlite3.Error):
            if not self._is_marked(connection):
                return
            connection.execute("PRAGMA busy_timeout = 0")
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute(WRITE)  # fails if another connection is open, of any process
            connection.execute("COMMIT")
            self._move_log(connection, 0.0)  # the log is not cut: a kill would leave the mark without a log
            connection.execute("UPDATE about SET open = 0")
            return
        with suppress(sqlite3.Error):
            connection.execute("PRAGMA locking_mode = NORMAL")
            connection.execute("UPDATE about SET open = 0")

    def _check_log(self, connection: Connection) -> None:
        """Refuse a file that was copied or moved without its log."""
        assert self.path is not None
        path = self.path
        if self._is_marked(connection) and not log_size(path):
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
        """Wait for the turn in Python. SQLite does not hear Ctrl-C while it waits, and does not wait to change the journal. It
        looks again after up to 100 ms: of 1 300 labels by 8 processes the slowest took 20 to 65 ms, and 3 to 10 ms with
        ``LOOK_AGAIN``."""
        until = time.monotonic() + self._timeout
        connection.execute("PRAGMA busy_timeout = 0")
        try:
            while True:
                try:
                    connection.execute(statement)
                    return
                except sqlite3.OperationalError as error:
                    if "locked" not in str(error) or time.monotonic() > until:
                        raise
                    time.sleep(LOOK_AGAIN)
        finally:
            connection.execute(f"PRAGMA busy_timeout = {int(1000 * min(self._timeout, AT_ONCE))}")

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
        self._in_turn(
            connection, "SELECT count(*) FROM sqlite_master"
        )  # who closes last has the file alone for a moment
        self._connection, self._process, self._marked = connection, os.getpid(), None
        return connection

    def _disconnect(self) -> None:
        """Who closes last moves the log into the file. Of two that close at the same moment each takes the other for open, and
        the log stays: threads close one after the other, and a process that leaves a log looks once more."""
        connection = self._connection
        if connection is None or self._process != os.getpid():
            return
        self._connection = None
        with OPEN.closing:
            self._mark_closed(connection)
            connection.close()
            if self._ready and self.path is not None and not self._depth and log_size(self.path):
                time.sleep(LOOK_AGAIN * random.random())  # noqa: S311  # another process may do the same
                self._close_once_more(self.path)

    def _close_once_more(self, path: Path) -> None:
        with suppress(sqlite3.Error):
            address = f"{path.as_uri()}?mode=rw"
            connection = sqlite3.connect(address, timeout=0.0, isolation_level=None, check_same_thread=False, uri=True)
            with closing(connection):
                connection.execute("PRAGMA synchronous = FULL")
                self._mark_closed(connection)

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
