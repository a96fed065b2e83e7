"""From a file's rows to a ledger's tables: all rows are gathered and compared first, then written together or refused."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import chain, groupby, islice
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.ledger import reading, writing
from alcore.ledger.agreement import Rule, settle
from alcore.ledger.columns import COLUMNS, FileRows, shown
from alcore.ledger.ids import AT_ONCE, about_ids, ids_at
from alcore.ledger.incoming import CREATE, gather
from alcore.ledger.label_text import decode

LABELS = ("label", "annotator")


@dataclass(frozen=True)
class Imported:
    """What `Ledger.import_file` or `Ledger.tell_file` took from a file.

    Attributes:
        labels: how many labels were recorded.
        unchanged: how many labels of the file the ledger had already.
        unlabelled: how many ids of the file have no label in it.
        restored: True if states and queries were taken too. An empty ledger takes them from a complete export.
        disputed: {id: [(label, annotator), ...]}, the ids whose labels differ, so that none was recorded. They stay as they were.
    """

    labels: int
    unchanged: int
    unlabelled: int
    restored: bool = False
    disputed: dict[Any, list[tuple[Any, str | None]]] = field(default_factory=dict)


def import_rows(connection: Connection, file: FileRows, rule: Rule, annotator: str | None, overwrite: bool) -> Imported:
    about = about_ids(connection)
    first = next(file.rows, None)
    rows = file.rows if first is None else chain([first], file.rows)
    empty = not any(connection.execute(f"SELECT 1 FROM {table} LIMIT 1").fetchone() for table in ("items", "queries"))  # noqa: S608
    whole = empty and first is not None and COLUMNS.keys() - {"ledger"} <= first[1].keys()  # 0.1 wrote no ledger
    connection.execute(CREATE)
    ids = gather(connection, about, file, rows, whole, LABELS)
    if whole and ids == about.size:
        result = _restore(connection, file, ids)
    else:
        if whole:
            connection.execute("DELETE FROM incoming WHERE label IS NULL")
            connection.execute("UPDATE incoming SET query = NULL")
        result = _label(connection, file, ids, rule, annotator, overwrite)
    connection.execute("DROP TABLE incoming")
    return result


def tell_rows(
    connection: Connection, file: FileRows, rule: Rule, query: int | None, annotator: str | None, overwrite: bool
) -> Imported:
    """Labels of a query: of ``query`` if it is given, else of the file's column query, else of the query that asked for the id."""
    connection.execute(CREATE)
    ids = gather(connection, about_ids(connection), file, file.rows, False, (*LABELS, "query"))
    if query is not None:
        _check_query(connection, file, query)
        connection.execute("UPDATE incoming SET query = ?", (query,))
    connection.execute(
        "UPDATE incoming SET query = (SELECT query FROM items WHERE items.position = incoming.position) WHERE query IS NULL"
    )
    _check_asked(connection, file)
    result = _label(connection, file, ids, rule, annotator, overwrite)
    connection.execute("DROP TABLE incoming")
    return result


# --- labels -----------------------------------------------------------------------------------------------------------


def _check_query(connection: Connection, file: FileRows, query: int) -> None:
    row = connection.execute(
        "SELECT number, query FROM incoming WHERE query != ? ORDER BY number LIMIT 1", (query,)
    ).fetchone()
    if row is not None:
        raise file.refuse(
            row[0], f"query: expected {query}, the query that you named, got {row[1]}. Name none, or split the file."
        )


ASKED = (
    (
        "WHERE incoming.query IS NULL",
        "expected an id that was asked, got {id!r}, which was not. To record its label anyway: ledger.import_file(path) "
        "(alcore ledger import).",
    ),
    (
        "WHERE NOT EXISTS (SELECT 1 FROM queries WHERE query = incoming.query)",
        "expected a query of this ledger, got {query}, which it does not have. To record the label anyway: "
        "ledger.import_file(path) (alcore ledger import).",
    ),
    (
        "WHERE EXISTS (SELECT 1 FROM queries WHERE query = incoming.query AND withdrawn IS NOT NULL) AND NOT EXISTS "
        "(SELECT 1 FROM items WHERE items.position = incoming.position AND items.query = incoming.query AND state = 'labelled')",
        "query {query} was withdrawn, and its ids may be in other queries. To record its labels anyway: ledger.import_file(path) "
        "(alcore ledger import).",
    ),
    (
        "WHERE NOT EXISTS (SELECT 1 FROM picks WHERE picks.query = incoming.query AND picks.position = incoming.position)",
        "expected an id of query {query}, got {id!r}, which it does not have. To record its label anyway: ledger.import_file(path) "
        "(alcore ledger import).",
    ),
)
RECORDED = (
    (
        "JOIN items USING (position) WHERE items.state = 'aside'",
        "expected an id that can be labelled, but {id!r} was set aside. Restore it first: ledger.restore([{id!r}]).",
    ),
    (
        "JOIN items USING (position) WHERE items.state = 'labelled' AND items.label != incoming.label AND NOT :overwrite",
        "label: {id!r} has the label {there} already, got {label}. Nothing was recorded. To replace labels: overwrite=True "
        "(--overwrite).",
    ),
)


def _check_asked(connection: Connection, file: FileRows) -> None:
    _check(connection, file, ASKED, False)


def _check(connection: Connection, file: FileRows, checks: tuple[tuple[str, str], ...], overwrite: bool) -> None:
    """Refuse the first row that one of these checks finds, with the text of that check."""
    for where, text in checks:
        there = "items.label" if "JOIN items" in where else "NULL"
        row = connection.execute(
            f"SELECT number, incoming.position, incoming.query, incoming.label, {there} FROM incoming {where} "  # noqa: S608
            "ORDER BY number LIMIT 1",
            {"overwrite": overwrite} if ":overwrite" in where else {},
        ).fetchone()
        if row is not None:
            number, position, query, label, label_there = row
            (one,) = ids_at(connection, np.array([position])).tolist()
            words = {"id": one, "query": query, "label": shown(decode(label)), "there": label_there}
            raise file.refuse(number, text.format(**words))


def _label(
    connection: Connection, file: FileRows, ids: int, rule: Rule, annotator: str | None, overwrite: bool
) -> Imported:
    """Record labels that are new or that replace others."""
    disputed = settle(connection, file, rule, annotator)
    _check(connection, file, RECORDED, overwrite)
    (labels,) = connection.execute("SELECT count(*) FROM incoming").fetchone()
    unchanged = connection.execute(
        "DELETE FROM incoming WHERE EXISTS (SELECT 1 FROM items WHERE items.position = incoming.position "
        "AND items.state = 'labelled' AND items.label = incoming.label)"
    ).rowcount
    labelled = connection.execute("SELECT query, annotator, position, label FROM incoming ORDER BY 1, 2, number")
    for (query, annotator_of_rows), rows in groupby(labelled, key=lambda row: row[:2]):
        while part := list(islice(rows, AT_ONCE)):
            positions = np.array([row[2] for row in part], np.int64)
            before = reading.items(connection, positions)
            writing.write_labels(connection, positions, [row[3] for row in part], before, query, annotator_of_rows)
    return Imported(labels - unchanged, unchanged, ids - labels - len(disputed), disputed=disputed)


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


def _restore(connection: Connection, file: FileRows, ids: int) -> Imported:
    """Restore states and queries. Of earlier states only the picks come back."""
    for query, rows, places, last, positions, *different, number in connection.execute(QUERIES):
        if query < 1 or not rows == places == last + 1 == positions:
            raise file.refuse(
                number,
                f"query: expected numbers from 1 on, and in the {rows} rows of query {query} the places 0 to {rows - 1} with "
                "different ids. To import labels only, keep the columns id and label.",
            )
        if max(different) > 1:
            raise file.refuse(
                number,
                f"expected the same asker, step, heuristic, asked, withdrawn, free and ranked in all rows of query {query}. "
                "To import labels only, keep the columns id and label.",
            )
    for statement in RESTORE:
        connection.execute(statement)
    (labels,) = connection.execute("SELECT count(*) FROM items WHERE state = 'labelled'").fetchone()
    return Imported(labels, 0, ids - labels, restored=True)
