"""Ids as users say them, and positions 0 … N−1 as they are kept."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.ledger.database import LedgerError

Ids = npt.NDArray[Any]
Positions = npt.NDArray[np.int64]

AT_ONCE = 500  # names looked up by one statement
SHOWN = 5  # of a list in a refusal


def looked_up(connection: sqlite3.Connection, statement: str, values: Sequence[Any]) -> Iterator[tuple[Any, ...]]:
    """Rows of a statement that ends in a column, where that is one of these values; so many at once."""
    for start in range(0, len(values), AT_ONCE):
        part = values[start : start + AT_ONCE]
        yield from connection.execute(f"{statement} IN ({','.join('?' * len(part))})", part)


def as_names(ids: Iterable[Any]) -> list[str]:
    """Names for a new ledger, or for more of it: strings, all different."""
    if isinstance(ids, str):
        raise LedgerError(f"ids: expected several strings, got the one string {ids!r}.")
    names = [str(name) if isinstance(name, str) else _refuse_type(name) for name in ids]
    if len(set(names)) < len(names):
        seen: set[str] = set()
        twice = next(name for name in names if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise LedgerError(f"ids: expected different names, but {twice!r} stands there twice.")
    return names


def _refuse_type(name: Any) -> str:
    raise LedgerError(
        f"ids: expected strings, got {name!r}. Rows 0 to N-1 need no names: size=N; other numbers are said as strings."
    )


def add_names(connection: sqlite3.Connection, names: Sequence[str], first: int) -> None:
    try:
        connection.executemany("INSERT INTO names VALUES (?, ?)", enumerate(names, first))
    except sqlite3.IntegrityError:
        known = connection.execute("SELECT name FROM names WHERE position < ?", (first,))
        twice = sorted(set(names).intersection(name for (name,) in known))
        raise LedgerError(f"ids: expected new names, but the ledger has {listed(twice)} already.") from None


def add_more(connection: sqlite3.Connection, ids: int | Iterable[Any], size: int, named: bool) -> int:
    """How many are added to a ledger of ``size``: names, or the numbers that follow."""
    if named:
        if isinstance(ids, int):
            raise LedgerError(f"ids: expected names, as this ledger has, got the number {ids}.")
        names = as_names(ids)
        add_names(connection, names, size)
        return len(names)
    if isinstance(ids, int | np.integer):
        return door.as_count(int(ids), "ids")
    given = list(ids)
    if given != list(range(size, size + len(given))):
        raise LedgerError(f"ids: expected how many, or the numbers from {size} on in order, got {listed(given)}.")
    return len(given)


def positions_of(connection: sqlite3.Connection, ids: Any, size: int, named: bool) -> Positions:
    """Refuses what is no id of the ledger, and an id that stands there twice."""
    given = [ids] if isinstance(ids, str | int | np.integer) else ids
    found = _of_names(connection, given) if named else _of_numbers(given, size)
    there = np.zeros(size, np.bool_)  # of ten million ids in a sixth of the time of sorting them, or less
    there[found] = True
    if np.count_nonzero(there) < len(found):
        different, times = np.unique(found, return_counts=True)
        twice = names_of(connection, different[times > 1][:1], named).tolist()
        raise LedgerError(f"ids: expected different ids, but {listed(twice)} stands there twice.")
    return found


def _of_numbers(ids: Any, size: int) -> Positions:
    array = np.asarray(ids if hasattr(ids, "__array__") else list(ids))
    if array.ndim != 1 or (array.dtype.kind not in "iu" and array.size):
        got = f"{array.dtype} of shape {array.shape}"
        raise LedgerError(f"ids: expected whole numbers of at least 0 and under {size}, this ledger's ids, got {got}.")
    wrong = (array < 0) | (array >= size)
    if wrong.any():
        raise LedgerError(
            f"ids: expected whole numbers of at least 0 and under {size}, got {listed(array[wrong].tolist())}."
        )
    return array.astype(np.int64)


def _of_names(connection: sqlite3.Connection, ids: Any) -> Positions:
    names = list(ids.tolist() if isinstance(ids, np.ndarray) else ids)
    if wrong := [name for name in names if not isinstance(name, str)]:
        raise LedgerError(f"ids: expected strings, this ledger's ids, got {listed(wrong)}.")
    in_order = sorted(names)  # neighbours in the index: 400 000 of four million in half the time
    found = dict(looked_up(connection, "SELECT name, position FROM names WHERE name", in_order))
    if unknown := [name for name in names if name not in found]:
        raise LedgerError(f"ids: expected ids of this ledger, got {listed(unknown)}, which it does not have.")
    return np.array([found[name] for name in names], np.int64)


def names_of(connection: sqlite3.Connection, positions: Positions, named: bool) -> Ids:
    """What users call them."""
    if not named:
        return positions
    if len(positions) > 100 * AT_ONCE:
        told = (name for (name,) in connection.execute("SELECT name FROM names ORDER BY position"))
        return np.asarray(np.fromiter(told, object)[positions])
    rows = positions.tolist()
    found = dict(looked_up(connection, "SELECT position, name FROM names WHERE position", rows))
    names = np.empty(len(rows), object)
    names[:] = [found[row] for row in rows]
    return names


def listed(values: Sequence[Any]) -> str:
    shown = ", ".join(map(repr, values[:SHOWN]))
    return shown if len(values) <= SHOWN else f"{shown} and {len(values) - SHOWN} more"
