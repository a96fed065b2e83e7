"""A ledger as it was at a moment: which labels were there, read from the history."""

from __future__ import annotations

from sqlite3 import Connection
from typing import NamedTuple

import numpy as np

from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids


class Moment(NamedTuple):
    """A moment of a ledger: how many events its history had, and how many ids it had. `Ledger.now` returns it."""

    events: int
    size: int


def now(connection: Connection) -> Moment:
    (events,) = connection.execute("SELECT ifnull(max(number), 0) FROM history").fetchone()
    return Moment(int(events), about_ids(connection).size)


def before_query(connection: Connection, query: int) -> Moment:
    """The moment before a query was recorded."""
    (event,) = connection.execute(
        "SELECT min(number) FROM history WHERE action = 'asked' AND query = ?", (query,)
    ).fetchone()
    if event is None:
        raise LedgerError(
            f"query: expected a query of this ledger, got {query}, which it does not have. The open ones: "
            "ledger.open_queries() (alcore ledger status)."
        )
    return Moment(int(event) - 1, about_ids(connection).size)


def labels_at(connection: Connection, moment: Moment) -> tuple[Positions, list[str]]:
    """Positions with a label then, ascending, and their labels then as JSON texts."""
    rows = [(position, label) for position, action, label in _last_events(connection, moment) if action == "labelled"]
    return np.array([position for position, _ in rows], np.int64), [label for _, label in rows]


def waiting_at(connection: Connection, moment: Moment) -> Positions:
    """Positions that were free or asked then, ascending."""
    gone = [position for position, action, _ in _last_events(connection, moment) if action in ("labelled", "aside")]
    return np.setdiff1d(np.arange(moment.size), np.array(gone, np.int64))


def _last_events(connection: Connection, moment: Moment) -> list[tuple[int, str, str]]:
    """The last event of each position by then. SQLite takes the other columns from the row of the maximum."""
    rows = connection.execute(
        "SELECT position, action, label, max(number) FROM history WHERE number <= ? GROUP BY position ORDER BY position",
        (moment.events,),
    )
    return [row[:3] for row in rows]
