"""A ledger's tables as rows of a file: each id with its pick, and after it the earlier picks of that id."""

from __future__ import annotations

from collections.abc import Collection, Generator, Iterable, Iterator
from itertools import groupby
from operator import itemgetter
from sqlite3 import Connection
from typing import Any

from alcore.ledger.columns import COLUMNS, PAST, STATES, Row
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import about_ids
from alcore.ledger.records import Records

ITEMS = "SELECT position, state, query, label, annotator, time FROM items ORDER BY position"
PICK_COLUMNS = [name for name in COLUMNS if name not in ("id", "state", "label", "annotator", "time", "ledger")]
PICKS = """
SELECT position, picks.query, place, asker, step, heuristic, queries.time, withdrawn, free, ranked, score, q, support, information
FROM picks JOIN queries USING (query) ORDER BY position, picks.query
"""


def as_states(states: str | Iterable[str] | None) -> frozenset[str]:
    given = STATES if states is None else (states,) if isinstance(states, str) else tuple(states)
    for state in given:
        if state not in STATES:
            raise LedgerError(f"states: expected some of {', '.join(STATES)}, got {state!r}.")
    return frozenset(given)


def rows(records: Records, states: Collection[str]) -> Generator[Row]:
    """Rows of the ids in these states, in the order of the ledger, all of one moment. Memory holds the rows of one id at a time.

    After the last row the snapshot has ended, so a file of these rows appears only if it was whole.
    """
    with records.reading() as connection:
        yield from _rows(connection, states)


def _rows(connection: Connection, states: Collection[str]) -> Iterator[Row]:
    picks = groupby(connection.execute(PICKS), key=itemgetter(0))
    items, empty = connection.execute(ITEMS), dict.fromkeys(COLUMNS) | {"ledger": about_ids(connection).identity}
    item, (next_position, group) = next(items, None), next(picks, (None, iter(())))
    for position, one in _ids(connection):
        own_picks, item_here = [], None
        if next_position == position:
            own_picks = list(group)
            next_position, group = next(picks, (None, iter(())))
        if item is not None and item[0] == position:
            item_here, item = item, next(items, None)
        for row in _rows_of_id({**empty, "id": one}, item_here, own_picks):
            if row["state"] in states:
                yield row


def _ids(connection: Connection) -> Iterator[tuple[int, Any]]:
    about = about_ids(connection)
    if about.named:
        return connection.execute("SELECT position, name FROM names ORDER BY position")
    return ((position, position) for position in range(about.size))


def _rows_of_id(empty: Row, item: tuple[Any, ...] | None, picks: list[tuple[Any, ...]]) -> Iterator[Row]:
    current = {**empty, "state": "unlabelled"}
    if item is not None:
        _, state, query, label, annotator, time = item
        current |= {"state": state, "label": label, "annotator": annotator, "time": time}
        for pick in picks:
            if pick[1] == query:
                current |= zip(PICK_COLUMNS, pick[1:], strict=True)
    yield current
    for pick in picks:
        if pick[1] != current["query"]:
            yield {**empty, "state": PAST, **dict(zip(PICK_COLUMNS, pick[1:], strict=True))}
