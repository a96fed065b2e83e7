"""The pool: which ids are free. It is kept in memory until somebody changes it. The names of all ids are kept too, once read."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from sqlite3 import Connection

import numpy as np

from alcore.ledger import reading
from alcore.ledger.ids import Positions, about_ids
from alcore.ledger.names import Names


class Pool:
    """The free positions of a ledger. They are kept between calls, and read again after others changed them."""

    def __init__(self) -> None:
        self.names = Names()
        self._taken: tuple[int, Positions] | None = None  # how often the pool had changed, and what is not free

    def free(self, connection: Connection) -> Positions:
        """The free positions, ascending, as a new array."""
        free = np.ones(about_ids(connection).size, np.bool_)
        free[self.taken(connection)] = False
        return np.flatnonzero(free).astype(np.int64, copy=False)

    def taken(self, connection: Connection) -> Positions:
        """Positions that are not free, ascending."""
        changes = about_ids(connection).changes
        if self._taken is None or self._taken[0] != changes:
            self._taken = changes, reading.positions_in(connection, None)
        return self._taken[1]

    def take(self, connection: Connection, positions: Positions) -> None:
        """Take positions, in any order, that this ledger has just asked for."""
        if self._taken is not None:
            ascending = np.sort(positions)
            place = np.searchsorted(self._taken[1], ascending)
            self._taken = about_ids(connection).changes, np.insert(self._taken[1], place, ascending)

    @contextmanager
    def forgotten_on_error(self) -> Iterator[None]:
        """Forget the pool if the transaction fails."""
        try:
            yield
        except BaseException:
            self._taken = None
            raise
