"""What is told of ids: checked whole before anything is written."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from alcore import door
from alcore.ledger import reading
from alcore.ledger.database import LedgerError
from alcore.ledger.ids import Positions, listed
from alcore.ledger.label_text import encode
from alcore.ledger.query import Query
from alcore.ledger.reading import Connection

WORDS = {"aside": "set aside"}


def as_mapping(query: Query | int, labels: Mapping[Any, Any] | Iterable[Any]) -> Mapping[Any, Any]:
    """{id: label} of either way to say it."""
    if isinstance(labels, Mapping):
        return labels
    if not isinstance(query, Query) or isinstance(labels, str | bytes) or not hasattr(labels, "__iter__"):
        raise LedgerError(
            "labels: expected {id: label}, or a label for each of query.ids with the query that ask returned."
        )
    given = list(labels)
    if len(given) != len(query):
        raise LedgerError(
            f"labels: expected {len(query)}, one for each of query.ids, got {len(given)}. Some alone: {{id: label}}."
        )
    return dict(zip(query.ids.tolist(), given, strict=True))


def check_query(connection: Connection, number: int, positions: Positions) -> None:
    """That a query is there, was not withdrawn, and asked for these."""
    row = connection.execute("SELECT withdrawn FROM queries WHERE query = ?", (number,)).fetchone()
    if row is None:
        raise LedgerError(f"query: expected a query of this ledger, got {number}, which it does not have.")
    if row[0] is not None:
        raise LedgerError(
            f"query: {number} was withdrawn; its items may be asked of others. To record labels all the same: label."
        )
    other = positions[~np.isin(positions, reading.asked_by(connection, number))]
    if len(other):
        raise LedgerError(
            f"labels: expected ids of query {number}, got {_named(connection, other)}, which it does not have."
        )


def write_labels(
    connection: Connection,
    positions: Positions,
    labels: Mapping[Any, Any],
    query: int | None,
    annotator: str | None,
    overwrite: bool,
) -> None:
    who = None if annotator is None else as_text(annotator, "annotator")
    replace = door.as_flag(overwrite, "overwrite")
    texts = [encode(label, f"labels[{one!r}]") for one, label in labels.items()]
    found = reading.items(connection, positions)
    for position in positions.tolist():
        state = found[position].state if position in found else "unlabelled"
        if state == "aside":
            raise LedgerError(f"labels: {_named(connection, [position])} was set aside. First: ledger.restore(ids).")
        if state == "labelled" and not replace:
            raise LedgerError(
                f"labels: {_named(connection, [position])} is labelled {found[position].label} already. Nothing was recorded; "
                "to replace it: overwrite=True."
            )
    reading.write_labels(connection, positions, texts, found, query, who)


def check_states(connection: Connection, positions: Positions, expected: tuple[str, ...]) -> dict[int, reading.Item]:
    """What they are now, where all are in one of these states."""
    found = reading.items(connection, positions)
    for position in positions.tolist():
        state = found[position].state if position in found else "unlabelled"
        if state not in expected:
            wanted = " or ".join(WORDS.get(one, one) for one in expected)
            raise LedgerError(
                f"ids: expected ids that are {wanted}, but {_named(connection, [position])} is {WORDS.get(state, state)}."
            )
    return found


def as_text(value: Any, name: str) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{name}: expected a name, got {value!r}.")
    return value


def _named(connection: Connection, positions: Any) -> str:
    return listed(reading.names(connection, np.asarray(positions, np.int64)).tolist())
