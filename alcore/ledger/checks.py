"""What a caller says of ids, checked whole before anything is written: queries, labels, states, names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore import door
from alcore.ledger import reading
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids, ids_at, listed
from alcore.ledger.label_text import encode
from alcore.ledger.query import Query
from alcore.ledger.reading import Item

WORDS = {"aside": "set aside"}


def as_name(value: Any, argument: str) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(f"{argument}: expected a name, got {value!r}.")
    return value


def as_number(query: Query | int) -> int:
    return query.number if isinstance(query, Query) else door.as_count(query, "query")


def check_same_ids(connection: Connection, where: str, size: int | None, ids: list[str] | None) -> None:
    """That a ledger has as many ids as are said, and those names."""
    about = about_ids(connection)
    if size is not None and size != about.size:
        raise LedgerError(f"{where}: has {about.size} ids, got size {size}. Open it without; more: ledger.add(ids).")
    if ids is None:
        return
    if not about.named:
        raise LedgerError(f"{where}: its ids are 0 to {about.size - 1}, got names. Open it without ids.")
    if ids != ids_at(connection, np.arange(about.size)).tolist():
        raise LedgerError(f"{where}: has other ids than those given, or another order. Open it without ids.")


def as_mapping(query: Query | int, labels: Mapping[Any, Any] | Iterable[Any]) -> Mapping[Any, Any]:
    """Labels as {id: label}, whichever of the two ways a caller gives them in."""
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
            f"labels: expected ids of query {number}, got {listed(ids_at(connection, other).tolist())}, which it does not have."
        )


def check_labels(
    connection: Connection, positions: Positions, labels: Mapping[Any, Any], overwrite: bool
) -> tuple[list[str], dict[int, Item]]:
    """Labels as JSON texts, and what their ids are now; refused where one is set aside, or has another label already."""
    replace = door.as_flag(overwrite, "overwrite")
    texts = [encode(label, f"labels[{one!r}]") for one, label in labels.items()]
    items = reading.items(connection, positions)
    for position in positions.tolist():
        state = items[position].state if position in items else "unlabelled"
        if state == "aside":
            raise LedgerError(f"labels: {_id_at(connection, position)} was set aside. First: ledger.restore(ids).")
        if state == "labelled" and not replace:
            raise LedgerError(
                f"labels: {_id_at(connection, position)} is labelled {items[position].label} already. Nothing was recorded; "
                "to replace it: overwrite=True."
            )
    return texts, items


def check_states(connection: Connection, positions: Positions, expected: tuple[str, ...]) -> dict[int, Item]:
    """What they are now, where all are in one of these states."""
    items = reading.items(connection, positions)
    for position in positions.tolist():
        state = items[position].state if position in items else "unlabelled"
        if state not in expected:
            wanted = " or ".join(WORDS.get(one, one) for one in expected)
            raise LedgerError(
                f"ids: expected ids that are {wanted}, but {_id_at(connection, position)} is {WORDS.get(state, state)}."
            )
    return items


def _id_at(connection: Connection, position: int) -> str:
    return listed(ids_at(connection, np.array([position])).tolist())
