"""The databases that a process has open, and how they get across a fork."""

from __future__ import annotations

import os
import threading
import weakref
from pathlib import Path
from sqlite3 import Connection
from typing import Protocol

WAIT = 5.0  # seconds that a fork waits for a call of another thread to end


class Forked(Protocol):
    """A database as a fork sees it."""

    @property
    def writes_to(self) -> Path | None:
        """The file that it has open now, between calls too. None where it has none."""

    def before_fork(self) -> bool:
        """Close the connection and wait for the fork. Returns False if it cannot."""

    def after_fork_in_parent(self) -> None:
        """Go on, if it waited."""

    def after_fork_in_child(self) -> Connection | None:
        """Go on without the parent's connection. Returns it if it is open still: nobody may close it in the child."""


class OpenDatabases:
    """The databases that this process has open."""

    def __init__(self) -> None:
        self._databases: dict[int, weakref.ref[Forked]] = {}
        self.lock = (
            threading.RLock()
        )  # while a file is looked at by other means than SQLite's, and until it is open; while it is only read
        # While a connection closes: see Database._disconnect. The collector may close another one meanwhile, in the same thread.
        self.closing = threading.RLock()
        self._still: list[Forked] = []
        self._inherited: list[Connection | None] = []

    def add(self, one: Forked) -> None:
        place = id(one)
        self._databases[place] = weakref.ref(one, lambda _: self._databases.pop(place, None))

    def discard(self, one: Forked) -> None:
        """Forget a database that closes. That may be at any moment: another thread closes it, or the collector."""
        self._databases.pop(id(one), None)

    def _all(self) -> list[Forked]:
        """Those of this moment. One copy of the references, because no lock keeps others from closing theirs: a loop over a
        WeakSet was told that the set had changed."""
        return [one for reference in list(self._databases.values()) if (one := reference()) is not None]

    def is_open(self, path: Path) -> bool:
        """Whether it is open already: to open and close it by other means would drop SQLite's locks of the whole process
        (sqlite.org/howtocorrupt.html, 2.2), and the next process that closed it would remove the log in which we write."""
        files = [one.writes_to for one in self._all()]
        return any(file is not None and file.exists() and file.samefile(path) for file in files)

    def before_fork(self) -> None:
        self.lock.acquire()
        self._still = [one for one in self._all() if one.before_fork()]

    def after_fork_in_parent(self) -> None:
        for one in self._still:
            one.after_fork_in_parent()
        self._still = []
        self.lock.release()

    def after_fork_in_child(self) -> None:
        self.lock, self.closing, self._still = threading.RLock(), threading.RLock(), []
        self._inherited = [one.after_fork_in_child() for one in self._all()]


OPEN = OpenDatabases()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=OPEN.before_fork, after_in_parent=OPEN.after_fork_in_parent, after_in_child=OPEN.after_fork_in_child
    )
