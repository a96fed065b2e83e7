"""Checks of queries, labels, states and names that a caller passes. All of them run before anything is written."""

from __future__ import annotations

from collections.abc import Sequence
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore import door
from alcore.ledger import reading
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids, ids_at, listed
from alcore.ledger.query import Query
from alcore.ledger.reading import Item

WORDS = {"aside": "set aside"}


def as_name(value: Any, argument: str) -> str:
    if not isinstance(value, str) or not value:
        raise TypeError(
            f"{argument}: expected a name, a string that is not empty, got {value!r}. Write {argument}='ann'."
        )
    return value


def as_number(query: Query | int, identity: str, name: str) -> int:
    """The number of a query. Refuse a query of another ledger."""
    if not isinstance(query, Query):
        return door.as_count(query, "query")
    if query.ledger != identity:
        raise LedgerError(
            f"query: expected a query of {name} ({identity}), got query {query.number} of the ledger {query.ledger}. Tell the "
            "ledger that asked."
        )
    return query.number


def check_same_ids(connection: Connection, where: str, size: int | None, ids: list[str] | None) -> None:
    """Refuse a size or names that differ from the ledger's."""
    about = about_ids(connection)
    if size is not None and size != about.size:
        raise LedgerError(
            f"{where}: expected size={about.size}, the number of its ids, got size={size}. Open it without size: "
            "Ledger.open(path). To add ids: ledger.add(ids)."
        )
    if ids is None:
        return
    if not about.named:
        raise LedgerError(
            f"{where}: expected no ids, as its ids are the numbers 0 to {about.size - 1}, got names. Open it without ids: "
            "Ledger.open(path)."
        )
    if ids != ids_at(connection, np.arange(about.size)).tolist():
        raise LedgerError(
            f"{where}: expected its own ids in its order, got other ids or another order. Open it without ids: "
            "Ledger.open(path)."
        )


def check_query(connection: Connection, number: int, positions: Positions) -> None:
    """Refuse a query that does not exist, was withdrawn, or did not ask for these ids."""
    row = connection.execute("SELECT withdrawn FROM queries WHERE query = ?", (number,)).fetchone()
    if row is None:
        raise LedgerError(
            f"query: expected a query of this ledger, got {number}, which it does not have. The open ones: "
            "ledger.open_queries() (alcore ledger status)."
        )
    if row[0] is not None:
        raise LedgerError(
            f"query: query {number} was withdrawn, and its ids may be in other queries. To record the labels anyway: "
            "ledger.label({id: label})."
        )
    other = positions[~np.isin(positions, reading.asked_by(connection, number))]
    if len(other):
        raise LedgerError(
            f"labels: expected ids of query {number}, got {listed(ids_at(connection, other).tolist())}, which it does not have. "
            "To label ids without a query: ledger.label({id: label})."
        )


def check_labels(
    connection: Connection, positions: Positions, texts: Sequence[str], overwrite: bool
) -> dict[int, Item]:
    """The items as they are now. Refuse ids that are set aside, and ids that have another label already."""
    replace = door.as_flag(overwrite, "overwrite")
    items = reading.items(connection, positions)
    for position, text in zip(positions.tolist(), texts, strict=True):
        item = items.get(position)
        if item is not None and item.state == "aside":
            one = _id_at(connection, position)
            raise LedgerError(
                f"labels: expected ids that can be labelled, but {one} was set aside. Restore it first: ledger.restore([{one}])."
            )
        if item is not None and item.state == "labelled" and item.label != text and not replace:
            raise LedgerError(
                f"labels: {_id_at(connection, position)} has the label {item.label} already, got {text}. Nothing was recorded. "
                "To replace the label: overwrite=True."
            )
    return items


def check_states(connection: Connection, positions: Positions, expected: tuple[str, ...]) -> dict[int, Item]:
    """The items as they are now. Refuse ids in any other state."""
    items = reading.items(connection, positions)
    for position in positions.tolist():
        state = items[position].state if position in items else "unlabelled"
        if state not in expected:
            wanted = " or ".join(WORDS.get(one, one) for one in expected)
            one = _id_at(connection, position)
            raise LedgerError(
                f"ids: expected ids that are {wanted}, but {one} is {WORDS.get(state, state)}. See ledger.history([{one}])."
            )
    return items


def _id_at(connection: Connection, position: int) -> str:
    return listed(ids_at(connection, np.array([position])).tolist())
