"""A file's rows into a ledger's tables: gathered beside them, checked whole, then written at once or refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import Any

import numpy as np

from alcore.ledger import reading
from alcore.ledger.columns import COLUMNS, PAST, STATES, Row, Source, read_value, shown
from alcore.ledger.ids import AT_ONCE, looked_up
from alcore.ledger.label_text import decode
from alcore.ledger.reading import About, Connection

KINDS = {"whole": "INTEGER", "number": "REAL", "time": "REAL"}
KEPT = [name for name in COLUMNS if name != "id"]
INCOMING = (
    "CREATE TEMP TABLE incoming (number INTEGER PRIMARY KEY, position INTEGER NOT NULL, "
    + ", ".join(f"{name} {KINDS.get(COLUMNS[name], 'TEXT')}" for name in KEPT)
    + ")"
)
INSERT = f"INSERT INTO incoming VALUES (?, ?{', ?' * len(KEPT)})"  # noqa: S608
LABELS = ("label", "annotator")
OF_A_PICK = ("place", "asker", "step", "heuristic", "asked", "free", "ranked", "q", "support")


@dataclass(frozen=True)
class Imported:
    """What a file brought.

    Attributes:
        labels: how many were recorded.
        unchanged: how many labels were there already, the same.
        unlabelled: how many ids of the file have no label in it.
        restored: whether states and queries were taken too, which an empty ledger takes from a whole export.
    """

    labels: int
    unchanged: int
    unlabelled: int
    restored: bool = False


def import_rows(connection: Connection, source: Source, annotator: str | None, overwrite: bool) -> Imported:
    about = reading.about(connection)
    first = next(source.rows, None)
    read = source.rows if first is None else chain([first], source.rows)
    empty = not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in ("items", "queries"))  # noqa: S608
    whole = empty and first is not None and COLUMNS.keys() <= first[1].keys()
    connection.execute(INCOMING)
    ids = _gather(connection, about, source, read, whole, LABELS)
    if whole and ids == about.size:
        result = _restore(connection, source, ids)
    else:
        if whole:
            connection.execute("DELETE FROM incoming WHERE label IS NULL")
            connection.execute("UPDATE incoming SET query = NULL")
        result = _label(connection, source, ids, annotator, overwrite)
    connection.execute("DROP TABLE incoming")
    return result


def tell_rows(
    connection: Connection, source: Source, query: int | None, annotator: str | None, overwrite: bool
) -> Imported:
    """Labels of what was asked: by ``query``, or the file's column query, or the query that an id waits in."""
    connection.execute(INCOMING)
    ids = _gather(connection, reading.about(connection), source, source.rows, False, (*LABELS, "query"))
    if query is not None:
        _check_query(connection, source, query)
        connection.execute("UPDATE incoming SET query = ?", (query,))
    connection.execute(
        "UPDATE incoming SET query = (SELECT query FROM items WHERE items.position = incoming.position) WHERE query IS NULL"
    )
    _check_asked(connection, source)
    result = _label(connection, source, ids, annotator, overwrite)
    connection.execute("DROP TABLE incoming")
    return result


# --- gathered ---------------------------------------------------------------------------------------------------------


def _gather(
    connection: Connection,
    about: About,
    source: Source,
    read: Iterator[tuple[int, Row]],
    whole: bool,
    columns: tuple[str, ...],
) -> int:
    """How many ids the file has; what is told of them goes into ``incoming``."""
    seen = np.zeros(about.size, np.bool_)
    while part := list(islice(read, AT_ONCE)):
        positions = _positions(connection, about, source, part)
        found = []
        for (number, row), position in zip(part, positions, strict=True):
            if not whole and row.get("state") == PAST:
                continue
            told = _told(source, number, row, KEPT if whole else columns)
            if whole:
                _check_told(source, number, told)
            if told["state"] != PAST:
                if seen[position]:
                    raise source.refuse(number, f"expected each id once, got {row['id']!r} again.")
                seen[position] = True
            if told["label"] is not None or told["state"] not in (None, "unlabelled"):
                found.append((number, position, *told.values()))
        connection.executemany(INSERT, found)
    return int(seen.sum())


def _positions(connection: Connection, about: About, source: Source, part: list[tuple[int, Row]]) -> list[int]:
    if not about.named:
        return [_whole_id(source, number, row["id"], about.size) for number, row in part]
    names = [row["id"] for _, row in part]
    for number, row in part:
        if not isinstance(row["id"], str):
            raise source.refuse(
                number, f"expected an id that is a string, as this ledger's are, got {shown(row['id'])}."
            )
    found = dict(looked_up(connection, "SELECT name, position FROM names WHERE name", names))
    for number, row in part:
        if row["id"] not in found:
            raise source.refuse(number, f"expected an id of this ledger, got {row['id']!r}, which it does not have.")
    return [found[name] for name in names]


def _whole_id(source: Source, number: int, one: Any, size: int) -> int:
    digits = isinstance(one, str) and one.isascii() and one.isdecimal() and len(one) < 20
    whole = isinstance(one, int) and not isinstance(one, bool)
    if (whole or digits) and 0 <= int(one) < size:
        return int(one)
    raise source.refuse(
        number,
        f"expected an id that is a whole number of at least 0 and under {size}, this ledger's ids, got {shown(one)}.",
    )


def _told(source: Source, number: int, row: Row, columns: Any) -> Row:
    told: Row = dict.fromkeys(KEPT)
    told["label"] = row.get("label")  # a JSON text already
    for name in columns:
        if (value := row.get(name)) is not None and name != "label":
            try:
                told[name] = read_value(name, value)
            except ValueError as error:
                raise source.refuse(number, str(error)) from None
    return told


def _check_told(source: Source, number: int, told: Row) -> None:
    """That a row of a whole export says what its state asks for; a label that was filled in makes it labelled."""
    state, label = told["state"], told["label"]
    if state not in STATES:
        raise source.refuse(
            number,
            f"state: expected one of {', '.join(STATES)}, got {state!r}. Labels alone: leave the columns id and label.",
        )
    if label is not None and state in ("unlabelled", "asked"):
        told |= {"state": "labelled", "time": time.time()}
    elif (label is not None) != (state == "labelled"):
        raise source.refuse(
            number, f"label: expected {'a label' if label is None else 'none'} where the state is {state}."
        )
    needed = [*OF_A_PICK] if told["query"] is not None else ["query"] if state in ("asked", PAST) else []
    if state in reading.STATES:
        needed.append("time")
    for name in needed:
        if told[name] is None:
            raise source.refuse(number, f"{name}: expected a value, as the state is {state}, got none.")
    if not 0 <= (told["q"] or 0) <= 1:
        raise source.refuse(number, f"q: expected a probability, got {told['q']}.")
    if told["query"] is None and (wrong := [name for name in OF_A_PICK if told[name] is not None]):
        raise source.refuse(number, f"query: expected a value, as {wrong[0]} has one, got none.")


# --- labels -----------------------------------------------------------------------------------------------------------


def _check_query(connection: Connection, source: Source, query: int) -> None:
    row = connection.execute(
        "SELECT number, query FROM incoming WHERE query != ? ORDER BY number LIMIT 1", (query,)
    ).fetchone()
    if row is not None:
        raise source.refuse(row[0], f"query: expected {query}, as was said, got {row[1]}.")


ASKED = (
    (
        "WHERE incoming.query IS NULL",
        "expected an id that was asked, got {id!r}, which was not. To record it all the same: import the file.",
    ),
    (
        "WHERE NOT EXISTS (SELECT 1 FROM queries WHERE query = incoming.query)",
        "expected a query of this ledger, got {query}, which it does not have.",
    ),
    (
        "WHERE EXISTS (SELECT 1 FROM queries WHERE query = incoming.query AND withdrawn IS NOT NULL) AND NOT EXISTS "
        "(SELECT 1 FROM items WHERE items.position = incoming.position AND items.query = incoming.query AND state = 'labelled')",
        "query {query} was withdrawn; its ids may be asked of others. To record its labels all the same: import the file.",
    ),
    (
        "WHERE NOT EXISTS (SELECT 1 FROM picks WHERE picks.query = incoming.query AND picks.position = incoming.position)",
        "expected an id of query {query}, got {id!r}, which it does not have.",
    ),
)
RECORDED = (
    (
        "JOIN items USING (position) WHERE items.state = 'aside'",
        "expected an id that is to be labelled, but {id!r} was set aside. First: ledger.restore(ids).",
    ),
    (
        "JOIN items USING (position) WHERE items.state = 'labelled' AND items.label != incoming.label AND NOT :overwrite",
        "label: {id!r} is labelled {known} already, got {label}. Nothing was recorded; to replace: overwrite=True (--overwrite).",
    ),
)


def _check_asked(connection: Connection, source: Source) -> None:
    _check(connection, source, ASKED, False)


def _check(connection: Connection, source: Source, checks: tuple[tuple[str, str], ...], overwrite: bool) -> None:
    """The first row for which one of these finds something, in its words."""
    for where, text in checks:
        known = "items.label" if "JOIN items" in where else "NULL"
        row = connection.execute(
            f"SELECT number, incoming.position, incoming.query, incoming.label, {known} FROM incoming {where} "  # noqa: S608
            "ORDER BY number LIMIT 1",
            {"overwrite": overwrite} if ":overwrite" in where else {},
        ).fetchone()
        if row is not None:
            number, position, query, label, there = row
            (one,) = reading.names(connection, np.array([position])).tolist()
            words = {"id": one, "query": query, "label": shown(decode(label)), "known": there}
            raise source.refuse(number, text.format(**words))


def _label(connection: Connection, source: Source, ids: int, annotator: str | None, overwrite: bool) -> Imported:
    """Those that are new, or that replace others."""
    _check(connection, source, RECORDED, overwrite)
    (labels,) = connection.execute("SELECT count(*) FROM incoming").fetchone()
    unchanged = connection.execute(
        "DELETE FROM incoming WHERE EXISTS (SELECT 1 FROM items WHERE items.position = incoming.position "
        "AND items.state = 'labelled' AND items.label = incoming.label)"
    ).rowcount
    told = connection.execute(
        "SELECT query, ifnull(annotator, ?), position, label FROM incoming ORDER BY 1, 2, number", (annotator,)
    )
    for (query, who), rows in groupby(told, key=lambda row: row[:2]):
        while part := list(islice(rows, AT_ONCE)):
            positions = np.array([row[2] for row in part], np.int64)
            found = reading.items(connection, positions)
            reading.write_labels(connection, positions, [row[3] for row in part], found, query, who)
    return Imported(labels - unchanged, unchanged, ids - labels)


# --- everything -------------------------------------------------------------------------------------------------------

QUERIES = """
SELECT query, count(*), count(DISTINCT place), max(place), count(DISTINCT position), count(DISTINCT asker), count(DISTINCT step),
count(DISTINCT heuristic), count(DISTINCT asked), count(DISTINCT ifnull(withdrawn, 0)), count(DISTINCT free),
count(DISTINCT ranked), min(number) FROM incoming WHERE query IS NOT NULL GROUP BY query
"""
RESTORE = (
    "INSERT INTO queries SELECT query, asker, step, heuristic, asked, free, ranked, withdrawn FROM incoming "
    "WHERE query IS NOT NULL GROUP BY query",
    "INSERT INTO picks SELECT query, place, position, score, q, support, information FROM incoming WHERE query IS NOT NULL",
    "INSERT INTO items SELECT position, state, query, label, annotator, time FROM incoming WHERE state != 'past'",
    "INSERT INTO history (time, position, action, query, label, annotator) SELECT * FROM ("
    "SELECT asked, position, 'asked', query, NULL, NULL FROM incoming WHERE query IS NOT NULL UNION ALL "
    "SELECT time, position, state, query, label, annotator FROM incoming WHERE state IN ('labelled', 'aside')) ORDER BY 1, 2",
    "UPDATE about SET changes = changes + 1",
)


def _restore(connection: Connection, source: Source, ids: int) -> Imported:
    """States and queries as they were; of the past only the picks."""
    for query, rows, places, last, positions, *different, number in connection.execute(QUERIES):
        if query < 1 or not rows == places == last + 1 == positions:
            raise source.refuse(
                number,
                f"expected queries from 1 on, and the {rows} places of query {query} to be 0 to {rows - 1}, each of one id.",
            )
        if max(different) > 1:
            raise source.refuse(
                number, f"expected the same asker, step, heuristic and numbers in all rows of query {query}."
            )
    for statement in RESTORE:
        connection.execute(statement)
    (labels,) = connection.execute("SELECT count(*) FROM items WHERE state = 'labelled'").fetchone()
    return Imported(labels, 0, ids - labels, restored=True)
