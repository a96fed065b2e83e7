"""What is written to a ledger's tables, and read from them."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from alcore.batches.batch import Batch
from alcore.door import Float64s
from alcore.ledger.database import LedgerError
from alcore.ledger.ids import Ids, Positions, add_names, looked_up, names_of
from alcore.ledger.label_text import decode
from alcore.ledger.query import Query

Connection: TypeAlias = sqlite3.Connection
STATES = ("asked", "labelled", "aside")  # what has no row is unlabelled


@dataclass(frozen=True)
class About:
    """How many ids there are, whether they have names, and how often the set of free ones changed."""

    size: int
    named: bool
    changes: int


@dataclass(frozen=True)
class Item:
    """An id that is not unlabelled."""

    state: str
    query: int | None
    label: str | None


@dataclass(frozen=True)
class Risk:
    """Picks in order, as estimators of the risk need them."""

    positions: Positions
    q: Float64s
    support: Positions
    pool_size: int


def begin(connection: Connection, size: int, ids: Sequence[str] | None) -> None:
    """What a new ledger holds."""
    connection.execute("INSERT INTO about VALUES (?, ?, 0)", (size, ids is not None))
    add_names(connection, ids or [], 0)
    connection.execute("CREATE UNIQUE INDEX names_by_text ON names (name)")


def about(connection: Connection) -> About:
    size, named, changes = connection.execute("SELECT size, named, changes FROM about").fetchone()
    return About(size, bool(named), changes)


def check_ids(connection: Connection, where: str, size: int | None, ids: list[str] | None) -> None:
    """That a ledger has as many ids as are said, and those names."""
    there = about(connection)
    if size is not None and size != there.size:
        raise LedgerError(f"{where}: has {there.size} ids, got size {size}. Open it without; more: ledger.add(ids).")
    if ids is None:
        return
    if not there.named:
        raise LedgerError(f"{where}: its ids are 0 to {there.size - 1}, got names. Open it without ids.")
    if ids != names(connection, np.arange(there.size)).tolist():
        raise LedgerError(f"{where}: has other ids than those given, or another order. Open it without ids.")


def positions_in(connection: Connection, state: str | None) -> Positions:
    """Ascending; of all states but unlabelled where none is named."""
    where = "" if state is None else " WHERE state = ?"
    statement = f"SELECT position FROM items{where} ORDER BY position"  # noqa: S608 - one of two texts
    return _column(connection.execute(statement, (state,) if where else ()))


def _column(rows: Iterable[tuple[int]]) -> Positions:
    return np.fromiter((row[0] for row in rows), np.int64)


def names(connection: Connection, positions: Positions) -> Ids:
    """What users call them."""
    return names_of(connection, positions, about(connection).named)


def counts(connection: Connection) -> dict[str, int]:
    found = dict(connection.execute("SELECT state, count(*) FROM items GROUP BY state"))
    return {
        "unlabelled": about(connection).size - sum(found.values()),
        **{state: found.get(state, 0) for state in STATES},
    }


def count_labels(connection: Connection, by: str, most: int | None) -> list[tuple[Any, int]]:
    rows = connection.execute(
        f"SELECT {by}, count(*) FROM items WHERE state = 'labelled' GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT ?",  # noqa: S608
        (-1 if most is None else most,),
    )
    return [(decode(value) if by == "label" else value, count) for value, count in rows]


def items(connection: Connection, positions: Positions) -> dict[int, Item]:
    rows = looked_up(connection, "SELECT position, state, query, label FROM items WHERE position", positions.tolist())
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
    """What of a query waits for a label."""
    asker, step, heuristic = connection.execute(
        "SELECT asker, step, heuristic FROM queries WHERE query = ?", (number,)
    ).fetchone()
    rows = connection.execute(
        "SELECT picks.position, score, q, support, information FROM picks JOIN items ON items.position = picks.position "
        "WHERE picks.query = ? AND items.query = picks.query AND state = 'asked' ORDER BY place",
        (number,),
    ).fetchall()
    positions, scores, q, support, information = zip(*rows, strict=True) if rows else ((),) * 5
    told = None if None in information else np.array(information, np.float64)
    ids = names(connection, np.array(positions, np.int64))
    numbers = np.array([np.nan if score is None else score for score in scores], np.float64)
    return Query(
        number, ids, numbers, np.array(q, np.float64), np.array(support, np.int64), told, asker, step, heuristic
    )


def no_query(connection: Connection, asker: str, heuristic: str) -> Query:
    """Nothing was free."""
    ids = names(connection, np.empty(0, np.int64))
    return Query(0, ids, np.empty(0), np.empty(0), np.empty(0, np.int64), None, asker, 0, heuristic)


def next_step(connection: Connection, asker: str) -> int:
    """The number of an asker's next query among their own."""
    (count,) = connection.execute("SELECT count(*) FROM queries WHERE asker = ?", (asker,)).fetchone()
    return int(count)


def asked_by(connection: Connection, number: int) -> Positions:
    """Of a query, answered or not, in the order chosen."""
    return _column(connection.execute("SELECT position FROM picks WHERE query = ? ORDER BY place", (number,)))


def add_query(
    connection: Connection, positions: Positions, batch: Batch, asker: str, heuristic: str, free: int, ranked: int
) -> int:
    """Its number."""
    now = time.time()
    number = connection.execute(
        "INSERT INTO queries (asker, step, heuristic, time, free, ranked) VALUES (?, ?, ?, ?, ?, ?)",
        (asker, next_step(connection, asker), heuristic, now, free, ranked),
    ).lastrowid
    assert number is not None
    told = [None] * len(batch) if batch.information is None else batch.information.tolist()
    scores = [score if np.isfinite(score) else None for score in batch.scores.tolist()]
    columns = (positions.tolist(), scores, batch.q.tolist(), batch.support.tolist(), told)
    picks = [(number, place, *row) for place, row in enumerate(zip(*columns, strict=True))]
    connection.executemany("INSERT INTO picks VALUES (?, ?, ?, ?, ?, ?, ?)", picks)
    connection.executemany(
        "INSERT INTO items (position, state, query, time) VALUES (?, 'asked', ?, ?)",
        ((position, number, now) for position in positions.tolist()),
    )
    _remember(connection, positions, "asked", [number] * len(positions))
    _count_change(connection)
    return number


def write_note(connection: Connection, asker: str, step: int, text: str) -> None:
    """In place of an earlier one of the step."""
    connection.execute("INSERT OR REPLACE INTO notes VALUES (?, ?, ?)", (asker, step, text))


def notes(connection: Connection, asker: str) -> list[Any]:
    rows = connection.execute("SELECT note FROM notes WHERE asker = ? ORDER BY step", (asker,))
    return [decode(text) for (text,) in rows]


def write_labels(
    connection: Connection,
    positions: Positions,
    texts: Sequence[str],
    found: dict[int, Item],
    number: int | None,
    annotator: str | None,
) -> None:
    """Labels as JSON texts; ``found`` are the items as they were."""
    now, rows = time.time(), positions.tolist()
    queries = [number if number is not None or row not in found else found[row].query for row in rows]
    connection.executemany(
        "INSERT INTO items VALUES (?, 'labelled', ?, ?, ?, ?) ON CONFLICT (position) DO UPDATE SET state = excluded.state, "
        "query = excluded.query, label = excluded.label, annotator = excluded.annotator, time = excluded.time",
        [(row, own, text, annotator, now) for row, own, text in zip(rows, queries, texts, strict=True)],
    )
    _remember(connection, positions, "labelled", queries, texts, annotator)
    if len(found) < len(rows):  # some were free
        _count_change(connection)


def set_state(connection: Connection, positions: Positions, state: str) -> None:
    """Of ids without a label."""
    now = time.time()
    connection.executemany(
        "INSERT INTO items (position, state, time) VALUES (?, ?, ?) ON CONFLICT (position) DO UPDATE SET "
        "state = excluded.state, time = excluded.time",
        [(row, state, now) for row in positions.tolist()],
    )
    _remember(connection, positions, state, [None] * len(positions))
    _count_change(connection)


def free(connection: Connection, positions: Positions, action: str) -> None:
    """Back to unlabelled."""
    found = items(connection, positions)
    connection.executemany("DELETE FROM items WHERE position = ?", [(row,) for row in positions.tolist()])
    _remember(connection, positions, action, [found[row].query for row in positions.tolist()])
    _count_change(connection)


def withdraw(connection: Connection, number: int) -> None:
    rows = connection.execute(
        "SELECT position FROM items WHERE state = 'asked' AND query = ? ORDER BY position", (number,)
    )
    positions = _column(rows)
    if not len(positions):
        raise LedgerError(f"query: {number} waits for no label: it was answered or withdrawn, or never asked.")
    free(connection, positions, "withdrawn")
    connection.execute("UPDATE queries SET withdrawn = ? WHERE query = ?", (time.time(), number))


def history(connection: Connection, positions: Positions) -> list[dict[str, Any]]:
    found: list[tuple[Any, ...]] = []
    for position in positions.tolist():
        found += connection.execute(
            "SELECT number, time, position, action, query, label, annotator FROM history WHERE position = ?",
            (position,),
        ).fetchall()
    found.sort()
    ids = names(connection, np.array([row[2] for row in found], np.int64)).tolist()
    return [
        {
            "time": when,
            "id": one,
            "action": action,
            "query": number,
            "label": None if label is None else decode(label),
            "annotator": annotator,
        }
        for one, (_, when, _, action, number, label, annotator) in zip(ids, found, strict=True)
    ]


def risk(connection: Connection, where: str) -> Risk:
    """Refused where the picks since the first query do not tell of the whole pool."""
    queries = connection.execute("SELECT query, free, ranked, withdrawn FROM queries ORDER BY query").fetchall()
    if not queries:
        raise LedgerError(f"{where}: nothing was asked yet, so there are no picks.")
    picks = connection.execute(
        "SELECT picks.query, picks.position, q, support, state FROM picks LEFT JOIN items "
        "ON items.position = picks.position AND items.query = picks.query ORDER BY picks.query, place"
    ).fetchall()
    size, before = queries[0][1], 0
    counts = np.unique([pick[0] for pick in picks], return_counts=True)
    sizes = dict(zip(*(column.tolist() for column in counts), strict=True))
    for number, free_then, ranked, withdrawn in queries:
        if ranked < free_then:
            reason = f"query {number} ranked {ranked} of {free_then} free ids, so the others had q = 0. Predict the whole pool"
        elif free_then != size - before:
            reason = f"ids came, went, or were labelled unasked before query {number}. Begin a new ledger with the pool as it is"
        elif withdrawn is not None:
            reason = f"query {number} was withdrawn, so picks of it are missing. Label what was asked"
        else:
            before += sizes[number]
            continue
        raise LedgerError(f"{where}: the picks do not tell of the whole pool: {reason}.")
    if waiting := sum(pick[4] != "labelled" for pick in picks):
        raise LedgerError(f"{where}: {waiting} picks since the first query have no label. Tell them first.")
    _, positions, q, support, _ = zip(*picks, strict=True)
    return Risk(np.array(positions, np.int64), np.array(q, np.float64), np.array(support, np.int64), size)


def _remember(
    connection: Connection,
    positions: Positions,
    action: str,
    queries: Sequence[int | None],
    texts: Sequence[str | None] | None = None,
    annotator: str | None = None,
) -> None:
    now, rows = time.time(), positions.tolist()
    told = zip(rows, queries, texts or [None] * len(rows), strict=True)
    connection.executemany(
        "INSERT INTO history (time, position, action, query, label, annotator) VALUES (?, ?, ?, ?, ?, ?)",
        [(now, row, action, query, text, annotator) for row, query, text in told],
    )


def _count_change(connection: Connection) -> None:
    connection.execute("UPDATE about SET changes = changes + 1")
