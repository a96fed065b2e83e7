"""What is read from a ledger's tables: states, queries, labels, notes and the history."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.ledger.ids import Positions, about_ids, ids_at, rows_where_in
from alcore.ledger.label_text import decode
from alcore.ledger.query import Query

STATES = ("asked", "labelled", "aside")  # an id without a row in items is unlabelled


@dataclass(frozen=True)
class Item:
    """An id that is not unlabelled."""

    state: str
    query: int | None
    label: str | None

    def has(self, text: str) -> bool:
        """Whether it has this label, given as its JSON text."""
        return self.state == "labelled" and self.label == text


FREE = Item("unlabelled", None, None)


def counts(connection: Connection) -> dict[str, int]:
    others = dict(connection.execute("SELECT state, count(*) FROM items GROUP BY state"))
    return {
        "unlabelled": about_ids(connection).size - sum(others.values()),
        **{state: others.get(state, 0) for state in STATES},
    }


def count_labels(connection: Connection, by: str, most: int | None) -> list[tuple[Any, int]]:
    rows = connection.execute(
        f"SELECT {by}, count(*) FROM items WHERE state = 'labelled' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",  # noqa: S608
        (-1 if most is None else most,),
    )
    return [(decode(value) if by == "label" else value, count) for value, count in rows]


def positions_in(connection: Connection, state: str | None) -> Positions:
    """Positions in a state, ascending. None: in any state but unlabelled."""
    where = "" if state is None else " WHERE state = ?"
    statement = f"SELECT position FROM items{where} ORDER BY position"  # noqa: S608 - one of two texts
    return positions_from(connection.execute(statement, (state,) if where else ()))


def labels(connection: Connection) -> list[Any]:
    """In the order of their ids."""
    rows = connection.execute("SELECT label FROM items WHERE state = 'labelled' ORDER BY position")
    return [decode(text) for (text,) in rows]


def labels_with_positions(connection: Connection) -> tuple[Positions, list[str]]:
    """Positions with a label, ascending, and their labels as JSON texts."""
    rows = connection.execute("SELECT position, label FROM items WHERE state = 'labelled' ORDER BY position").fetchall()
    return positions_from((position,) for position, _ in rows), [text for _, text in rows]


def items(connection: Connection, positions: Positions) -> dict[int, Item]:
    rows = rows_where_in(
        connection, "SELECT position, state, query, label FROM items WHERE position", positions.tolist()
    )
    return {position: Item(*rest) for position, *rest in rows}


def open_query(connection: Connection, asker: str) -> int | None:
    row = connection.execute(
        "SELECT query FROM items JOIN queries USING (query) WHERE state = 'asked' AND asker = ? ORDER BY query LIMIT 1",
        (asker,),
    ).fetchone()
    return None if row is None else int(row[0])


def open_queries(connection: Connection, asker: str | None) -> list[Query]:
    rows = connection.execute(
        "SELECT DISTINCT query FROM items JOIN queries USING (query) WHERE state = 'asked' AND asker = ifnull(?, asker) "
        "ORDER BY query",
        (asker,),
    ).fetchall()
    return [query(connection, number) for (number,) in rows]


def query(connection: Connection, number: int) -> Query:
    """The picks of a query that wait for a label."""
    asker, step, heuristic = connection.execute(
        "SELECT asker, step, heuristic FROM queries WHERE query = ?", (number,)
    ).fetchone()
    rows = connection.execute(
        "SELECT picks.position, score, q, support, information FROM picks JOIN items ON items.position = picks.position "
        "WHERE picks.query = ? AND items.query = picks.query AND state = 'asked' ORDER BY place",
        (number,),
    ).fetchall()
    positions, scores, q, support, information = zip(*rows, strict=True) if rows else ((),) * 5
    joint = None if None in information else np.array(information, np.float64)
    ids = ids_at(connection, np.array(positions, np.int64))
    numbers = np.array([np.nan if score is None else score for score in scores], np.float64)
    identity = about_ids(connection).identity
    return Query(
        number,
        ids,
        numbers,
        np.array(q, np.float64),
        np.array(support, np.int64),
        joint,
        asker,
        step,
        heuristic,
        identity,
        update_of(connection, asker, step),
    )


def update_of(connection: Connection, asker: str, step: int) -> dict[str, Any] | None:
    """What was learned before the query of an asker's step was chosen. None if nothing was."""
    row = connection.execute(
        "SELECT note FROM notes WHERE asker = ? AND step = ?", (updates_of(asker), step)
    ).fetchone()
    return None if row is None else dict(decode(row[0]))


def updates_of(asker: str) -> str:
    """The name under which the ledger keeps what was learned, beside the notes of the asker's steps."""
    return f"{asker} (update)"


def updates(connection: Connection) -> dict[int, dict[str, Any]]:
    """Query -> what its predictions learned, for each that learned something."""
    rows = connection.execute("SELECT query, asker, step FROM queries ORDER BY query").fetchall()
    kept = {(name, step): note for name, step, note in connection.execute("SELECT asker, step, note FROM notes")}
    found = {number: kept.get((updates_of(asker), step)) for number, asker, step in rows}
    return {number: dict(decode(note)) for number, note in found.items() if note is not None}


def no_query(connection: Connection, asker: str, heuristic: str) -> Query:
    """The query that is returned when no id is free."""
    ids = ids_at(connection, np.empty(0, np.int64))
    identity = about_ids(connection).identity
    return Query(0, ids, np.empty(0), np.empty(0), np.empty(0, np.int64), None, asker, 0, heuristic, identity)


def asked_by(connection: Connection, number: int) -> Positions:
    """All picks of a query, labelled or not, in the order chosen."""
    return positions_from(connection.execute("SELECT position FROM picks WHERE query = ? ORDER BY place", (number,)))


def next_step(connection: Connection, asker: str) -> int:
    """The number of an asker's next query among their own."""
    (count,) = connection.execute("SELECT count(*) FROM queries WHERE asker = ?", (asker,)).fetchone()
    return int(count)


def notes(connection: Connection, asker: str) -> list[Any]:
    rows = connection.execute("SELECT note FROM notes WHERE asker = ? ORDER BY step", (asker,))
    return [decode(text) for (text,) in rows]


def history(connection: Connection, positions: Positions) -> list[dict[str, Any]]:
    events: list[tuple[Any, ...]] = []
    for position in positions.tolist():
        events += connection.execute(
            "SELECT number, time, position, action, query, label, annotator FROM history WHERE position = ?",
            (position,),
        ).fetchall()
    events.sort()
    ids = ids_at(connection, np.array([event[2] for event in events], np.int64)).tolist()
    return [
        {
            "time": when,
            "id": one,
            "action": action,
            "query": number,
            "label": None if label is None else decode(label),
            "annotator": annotator,
        }
        for one, (_, when, _, action, number, label, annotator) in zip(ids, events, strict=True)
    ]


def positions_from(rows: Iterable[tuple[int]]) -> Positions:
    return np.fromiter((row[0] for row in rows), np.int64)
