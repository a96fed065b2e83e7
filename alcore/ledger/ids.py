"""Ids as users write them, and the positions 0 … N−1 that the tables hold."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.ledger.errors import LedgerError
from alcore.ledger.names import Names

Ids = npt.NDArray[Any]
Positions = npt.NDArray[np.int64]

AT_ONCE = 500  # names looked up by one statement
MANY = 100 * AT_ONCE  # ids: of more, all names are read
SHOWN = 5  # of a list in a refusal


@dataclass(frozen=True)
class About:
    """How many ids there are, whether they have names, how often the set of free ones changed, and the ledger's identity."""

    size: int
    named: bool
    changes: int
    identity: str


def about_ids(connection: Connection) -> About:
    size, named, changes, identity = connection.execute("SELECT size, named, changes, identity FROM about").fetchone()
    return About(size, bool(named), changes, identity)


def rows_where_in(connection: Connection, statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Rows for which the statement's last column is one of these values, looked up in parts."""
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        yield from connection.execute(f"{statement} IN ({','.join('?' * len(part))})", part)


def as_names(ids: Iterable[Any]) -> list[str]:
    """Names for a new ledger, or for more of it: strings, all different."""
    if isinstance(ids, str):
        raise LedgerError(f"ids: expected a list of strings, got the string {ids!r}. Pass ids=[{ids!r}].")
    names = [str(name) if isinstance(name, str) else _refuse_type(name) for name in ids]
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise LedgerError(f"ids: expected different names, but {twice!r} is there twice. Remove one.")
    return names


def _refuse_type(name: Any) -> str:
    raise LedgerError(
        f"ids: expected strings, got {name!r}. If the ids are the numbers 0 to N-1, pass size=N. Pass other numbers as strings: "
        "ids=[str(one) for one in ids]."
    )


def positions_of(connection: Connection, ids: Any, kept: Names | None = None) -> Positions:
    """Positions of ids. Refuse ids that the ledger does not have, and an id that is there twice.

    ``kept``: the ledger's names, where many were read before.
    """
    about = about_ids(connection)
    given = [ids] if isinstance(ids, str | int | np.integer) else ids
    positions = _of_names(connection, given, kept or Names()) if about.named else _of_numbers(given, about.size)
    there = np.zeros(about.size, np.bool_)  # of ten million ids in a sixth of the time of sorting them, or less
    there[positions] = True
    if np.count_nonzero(there) < len(positions):
        different, times = np.unique(positions, return_counts=True)
        twice = ids_at(connection, different[times > 1][:1]).tolist()
        raise LedgerError(f"ids: expected different ids, but {listed(twice)} is there twice. Remove one.")
    return positions


def check_order(connection: Connection, said: str, names: Ids) -> None:
    """Refuse rows whose own names are ids of the ledger, but not its ids in their order. ``said``: an expression for the names.

    Names that are no ids at all are of the user's own, and the rows are taken in the ledger's order.
    """
    about = about_ids(connection)
    if len(names) != about.size or names.ndim != 1:
        return
    in_order = ids_at(connection, np.arange(about.size, dtype=np.int64))
    given = np.asarray(names).astype(object)
    if (given == in_order).all() or not np.isin(given, in_order).any():
        return
    row = int(np.flatnonzero(given != in_order)[0])
    raise LedgerError(
        f"predictions: expected one row for each id, in the order of the ledger, but row {row} is named {given[row]!r}, and id "
        f"{row} of the ledger is {in_order[row]!r}. If these names are the ids, pass ids={said}. If the rows lie in the order of "
        "the ledger, pass ids=ledger.ids."
    )


def _of_numbers(ids: Any, size: int) -> Positions:
    array = np.asarray(ids if hasattr(ids, "__array__") else list(ids))
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        got = f"{array.dtype} of shape {array.shape}"
        raise LedgerError(
            f"ids: expected whole numbers of at least 0 and under {size}, the ids of this ledger, got {got}."
        )
    wrong = (array < 0) | (array >= size)
    if wrong.any():
        raise LedgerError(
            f"ids: expected whole numbers of at least 0 and under {size}, got {listed(array[wrong].tolist())}."
        )
    return array.astype(np.int64)


def _of_names(connection: Connection, ids: Any, kept: Names) -> Positions:
    names = list(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if set(map(type, names)) - {str} and (wrong := [name for name in names if not isinstance(name, str)]):
        raise LedgerError(
            f"ids: expected strings, as the ids of this ledger are names, got {listed(wrong)}. See ledger.ids."
        )
    if len(names) > MANY and (positions := kept.in_order(connection, names)) is not None:
        return positions
    by_name = _by_name(connection, sorted(names))  # neighbours in the index: 400 000 of four million in half the time
    try:
        return np.fromiter(map(by_name.__getitem__, names), np.int64, len(names))
    except KeyError:
        missing = [name for name in names if name not in by_name]
        raise LedgerError(
            f"ids: expected ids of this ledger, got {listed(missing)}, which it does not have. See ledger.ids."
        ) from None


def _by_name(connection: Connection, names: list[str]) -> dict[str, int]:
    """Name -> position, of the names that are there. One statement for many takes half the time of many small ones."""
    found: dict[str, int] = {}
    if len(names) > MANY:
        for start in range(0, len(names), MANY):
            given = json.dumps(names[start : start + MANY])
            found.update(
                connection.execute("SELECT name, position FROM json_each(?) CROSS JOIN names ON name = value", (given,))
            )
        names = (
            [name for name in names if name not in found] if len(found) < len(names) else []
        )  # JSON ends a text at U+0000
    found.update(rows_where_in(connection, "SELECT name, position FROM names WHERE name", names))
    return found


def ids_at(connection: Connection, positions: Positions, kept: Names | None = None) -> Ids:
    """Ids as users write them. ``kept``: the ledger's names, where many were read before."""
    if not about_ids(connection).named:
        return positions
    if len(positions) > MANY:
        return (kept or Names()).at(connection, positions)
    rows = positions.tolist()
    by_position = dict(rows_where_in(connection, "SELECT position, name FROM names WHERE position", rows))
    ids = np.empty(len(rows), object)
    ids[:] = [by_position[row] for row in rows]
    return ids


def listed(values: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, values[:SHOWN]))
    return shown if len(values) <= SHOWN else f"{shown} and {len(values) - SHOWN} more"
