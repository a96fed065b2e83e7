"""Writes to a ledger's tables: ids, queries, labels, states and notes. Each change of an id adds a line to the history."""

from __future__ import annotations

import sqlite3
import time
import uuid
from collections.abc import Iterable, Sequence
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.ledger import label_type, reading
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids, as_names, listed
from alcore.ledger.label_type import LabelType
from alcore.ledger.reading import Item


def fill_new(connection: Connection, size: int, ids: Sequence[str] | None, labels: LabelType) -> None:
    """What a new ledger holds."""
    named = ids is not None
    connection.execute("INSERT INTO about VALUES (?, ?, ?, 0, 'json', 0)", (uuid.uuid4().hex, size, named))
    label_type.write(connection, labels)
    _add_names(connection, ids or [], 0)
    connection.execute("CREATE UNIQUE INDEX names_by_text ON names (name)")


def add_ids(connection: Connection, ids: int | Iterable[Any]) -> None:
    """Add ids: names, or a number of new ids, or the numbers that follow."""
    about = about_ids(connection)
    if about.named:
        if isinstance(ids, int):
            raise LedgerError(
                f"ids: expected names, as in this ledger, got the number {ids}. Write ledger.add(['name', ...])."
            )
        names = as_names(ids)
        _add_names(connection, names, about.size)
        count = len(names)
    else:
        count = _count_new_numbers(ids, about.size)
    connection.execute("UPDATE about SET size = size + ?, changes = changes + 1", (count,))


def _count_new_numbers(ids: int | Iterable[Any], size: int) -> int:
    if isinstance(ids, int | np.integer):
        return door.as_count(int(ids), "ids")
    given = list(ids)
    if given != list(range(size, size + len(given))):
        raise LedgerError(
            f"ids: expected how many ids to add, or the numbers from {size} on in order, got {listed(given)}. Write "
            f"ledger.add({len(given)})."
        )
    return len(given)


def _add_names(connection: Connection, names: Sequence[str], first: int) -> None:
    try:
        connection.executemany("INSERT INTO names VALUES (?, ?)", enumerate(names, first))
    except sqlite3.IntegrityError:
        earlier = connection.execute("SELECT name FROM names WHERE position < ?", (first,))
        twice = sorted(set(names).intersection(name for (name,) in earlier))
        raise LedgerError(
            f"ids: expected new names, but the ledger has {listed(twice)} already. Remove them."
        ) from None


def add_query(
    connection: Connection, positions: Positions, batch: Batch, asker: str, heuristic: str, free: int, ranked: int
) -> int:
    """Record a query. Returns its number."""
    now = time.time()
    number = connection.execute(
        "INSERT INTO queries (asker, step, heuristic, time, free, ranked) VALUES (?, ?, ?, ?, ?, ?)",
        (asker, reading.next_step(connection, asker), heuristic, now, free, ranked),
    ).lastrowid
    assert number is not None
    information = [None] * len(batch) if batch.information is None else batch.information.tolist()
    scores = [score if np.isfinite(score) else None for score in batch.scores.tolist()]
    columns = (positions.tolist(), scores, batch.q.tolist(), batch.support.tolist(), information)
    picks = [(number, place, *row) for place, row in enumerate(zip(*columns, strict=True))]
    connection.executemany("INSERT INTO picks VALUES (?, ?, ?, ?, ?, ?, ?)", picks)
    connection.executemany(
        "INSERT INTO items (position, state, query, time) VALUES (?, 'asked', ?, ?)",
        ((position, number, now) for position in positions.tolist()),
    )
    _add_history(connection, positions, "asked", [number] * len(positions))
    _count_change(connection)
    return number


def write_labels(
    connection: Connection,
    positions: Positions,
    texts: Sequence[str],
    before: dict[int, Item],
    number: int | None,
    annotator: str | None,
) -> None:
    """Record labels, given as JSON texts. ``before`` are the items as they were."""
    now, rows = time.time(), positions.tolist()
    queries = [number if number is not None or row not in before else before[row].query for row in rows]
    connection.executemany(
        "INSERT INTO items VALUES (?, 'labelled', ?, ?, ?, ?) ON CONFLICT (position) DO UPDATE SET state = excluded.state, "
        "query = excluded.query, label = excluded.label, annotator = excluded.annotator, time = excluded.time",
        [(row, own, text, annotator, now) for row, own, text in zip(rows, queries, texts, strict=True)],
    )
    _add_history(connection, positions, "labelled", queries, texts, annotator)
    if any(row not in before for row in rows):  # some were free
        _count_change(connection)


def set_state(connection: Connection, positions: Positions, state: str) -> None:
    """Set the state of ids that have no label."""
    now = time.time()
    connection.executemany(
        "INSERT INTO items (position, state, time) VALUES (?, ?, ?) ON CONFLICT (position) DO UPDATE SET "
        "state = excluded.state, time = excluded.time",
        [(row, state, now) for row in positions.tolist()],
    )
    _add_history(connection, positions, state, [None] * len(positions))
    _count_change(connection)


def free(connection: Connection, positions: Positions, action: str) -> None:
    """Make ids unlabelled again."""
    before = reading.items(connection, positions)
    connection.executemany("DELETE FROM items WHERE position = ?", [(row,) for row in positions.tolist()])
    _add_history(connection, positions, action, [before[row].query for row in positions.tolist()])
    _count_change(connection)


def ask_again(connection: Connection, positions: Positions, action: str) -> None:
    """Ids that lost their label, or are no longer set aside, wait for the query that asked for them. Without one they are free."""
    before, now = reading.items(connection, positions), time.time()
    withdrawn = {number for (number,) in connection.execute("SELECT query FROM queries WHERE withdrawn IS NOT NULL")}
    waits = np.array([before[row].query not in (None, *withdrawn) for row in positions.tolist()], np.bool_)
    if not waits.all():
        free(connection, positions[~waits], action)
    rows = positions[waits].tolist()
    connection.executemany(
        "UPDATE items SET state = 'asked', label = NULL, annotator = NULL, time = ? WHERE position = ?",
        [(now, row) for row in rows],
    )
    _add_history(connection, positions[waits], action, [before[row].query for row in rows])


def withdraw(connection: Connection, number: int) -> None:
    rows = connection.execute(
        "SELECT position FROM items WHERE state = 'asked' AND query = ? ORDER BY position", (number,)
    )
    positions = reading.positions_from(rows)
    if not len(positions):
        raise LedgerError(
            f"query: expected a query that waits for labels, got {number}, which was answered, withdrawn or never asked. "
            "The open ones: ledger.open_queries() (alcore ledger status)."
        )
    free(connection, positions, "withdrawn")
    connection.execute("UPDATE queries SET withdrawn = ? WHERE query = ?", (time.time(), number))


def write_note(connection: Connection, asker: str, step: int, text: str) -> None:
    """Write the note of a step. It replaces an earlier one."""
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (asker, step, text))


def _add_history(
    connection: Connection,
    positions: Positions,
    action: str,
    queries: Sequence[int | None],
    texts: Sequence[str | None] | None = None,
    annotator: str | None = None,
) -> None:
    now, rows = time.time(), positions.tolist()
    columns = zip(rows, queries, texts or [None] * len(rows), strict=True)
    connection.executemany(
        "INSERT INTO history (time, position, action, query, label, annotator) VALUES (?, ?, ?, ?, ?, ?)",
        [(now, row, action, query, text, annotator) for row, query, text in columns],
    )


def _count_change(connection: Connection) -> None:
    connection.execute("UPDATE about SET changes = changes + 1")
