"""The rows of a file, checked one by one and gathered in a table beside the ledger's own."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.ledger import reading
from alcore.ledger.columns import COLUMNS, PAST, STATES, FileRows, Row, read_value, shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import AT_ONCE, About, rows_where_in

IDENTITY = re.compile("[0-9a-f]{32}")
KINDS = {"whole": "INTEGER", "number": "REAL", "time": "REAL"}
KEPT = [name for name in COLUMNS if name not in ("id", "ledger")]
CREATE = (
    "CREATE TEMP TABLE incoming (number INTEGER NOT NULL, position INTEGER NOT NULL, "
    + ", ".join(f"{name} {KINDS.get(COLUMNS[name], 'TEXT')}" for name in KEPT)
    + ", truth INTEGER NOT NULL)"
)
INSERT = f"INSERT INTO incoming VALUES (?, ?{', ?' * len(KEPT)}, ?)"  # noqa: S608
OF_A_PICK = ("place", "asker", "step", "heuristic", "asked", "free", "ranked", "q", "support")


def gather(
    connection: Connection,
    about: About,
    file: FileRows,
    rows: Iterator[tuple[int, Row]],
    whole: bool,
    columns: tuple[str, ...],
) -> int:
    """Write the file's rows into the table ``incoming``, one for each answer. Returns how many ids the file has.

    Refuse rows of another ledger. A ``whole`` export has one identity in all rows, and a ledger that it restores adopts it. The
    export of another ledger that lacks ids restores nothing, and is refused."""
    own, seen, first = about.identity, np.zeros(about.size, np.bool_), None
    while part := list(islice(rows, AT_ONCE)):
        positions, kept = _positions(connection, about, file, part), []
        for (number, row), position in zip(part, positions, strict=True):
            of = row.get("ledger") or about.identity
            if not isinstance(of, str) or not IDENTITY.fullmatch(of):
                raise file.refuse(number, f"ledger: expected the 32 hexadecimal digits of a ledger, got {shown(of)}.")
            if whole and first is None:
                about = replace(about, identity=of)
            first = number if first is None else first
            if of != about.identity:
                raise _of_another(file, number, about.identity, of, own)
            if not whole and row.get("state") == PAST:
                continue
            values = _values_of(file, number, row, KEPT if whole else columns)
            if whole:
                _check_whole(file, number, values)
            if values["state"] != PAST:
                if whole and seen[position]:
                    raise file.refuse(number, f"expected each id once, got {row['id']!r} again. Remove one.")
                seen[position] = True
            if values["label"] is not None or values["state"] not in (None, "unlabelled"):
                kept.append((number, position, *values.values(), row.get("truth") is True))
        connection.executemany(INSERT, kept)
    if about.identity != own:
        if not seen.all():
            assert first is not None
            raise _of_another(file, first, own, about.identity, own)
        connection.execute("UPDATE about SET identity = ?", (about.identity,))
    return int(seen.sum())


def _of_another(file: FileRows, number: int, expected: str, of: str, own: str) -> LedgerError:
    which = "this ledger" if expected == own else "the ledger of the first row"
    return file.refuse(
        number,
        f"expected rows of {which} ({expected}), got a row of the ledger {of}. Tell that ledger. To take the labels into this one "
        "all the same, remove the column ledger (in tasks: the key ledger of data and meta).",
    )


def _positions(connection: Connection, about: About, file: FileRows, part: list[tuple[int, Row]]) -> list[int]:
    if not about.named:
        return [_whole_id(file, number, row["id"], about.size) for number, row in part]
    names = [row["id"] for _, row in part]
    for number, row in part:
        if not isinstance(row["id"], str):
            raise file.refuse(number, f"expected an id that is a string, as in this ledger, got {shown(row['id'])}.")
    by_name = dict(rows_where_in(connection, "SELECT name, position FROM names WHERE name", names))
    for number, row in part:
        if row["id"] not in by_name:
            raise file.refuse(
                number, f"expected an id of this ledger, got {row['id']!r}, which it does not have. See ledger.ids."
            )
    return [by_name[name] for name in names]


def _whole_id(file: FileRows, number: int, one: Any, size: int) -> int:
    digits = isinstance(one, str) and one.isascii() and one.isdecimal() and len(one) < 20
    whole = isinstance(one, int) and not isinstance(one, bool)
    if (whole or digits) and 0 <= int(one) < size:
        return int(one)
    raise file.refuse(
        number,
        f"expected an id that is a whole number of at least 0 and under {size}, the ids of this ledger, got {shown(one)}.",
    )


def _values_of(file: FileRows, number: int, row: Row, columns: Any) -> Row:
    values: Row = dict.fromkeys(KEPT)
    values["label"] = row.get("label")  # a JSON text already
    for name in columns:
        if (value := row.get(name)) is not None and name != "label":
            try:
                values[name] = read_value(name, value)
            except ValueError as error:
                raise file.refuse(number, str(error)) from None
    return values


def _check_whole(file: FileRows, number: int, values: Row) -> None:
    """Check that a row of a complete export has the values that its state needs. A label that was filled in makes it labelled."""
    state, label = values["state"], values["label"]
    if state not in STATES:
        raise file.refuse(
            number,
            f"state: expected one of {', '.join(STATES)}, got {state!r}. To import labels only, keep the columns id "
            "and label.",
        )
    if label is not None and state in ("unlabelled", "asked"):
        values |= {"state": "labelled", "time": time.time()}
    elif (label is not None) != (state == "labelled"):
        raise file.refuse(
            number,
            f"label: expected {'a label' if label is None else 'no label'}, as the state is {state}, "
            f"got {'none' if label is None else 'one'}.",
        )
    needed = [*OF_A_PICK] if values["query"] is not None else ["query"] if state in ("asked", PAST) else []
    if state in reading.STATES:
        needed.append("time")
    for name in needed:
        if values[name] is None:
            raise file.refuse(number, f"{name}: expected a value, as the state is {state}, got none.")
    if not 0 <= (values["q"] or 0) <= 1:
        raise file.refuse(number, f"q: expected a probability from 0 to 1, got {values['q']}.")
    if values["query"] is None and (wrong := [name for name in OF_A_PICK if values[name] is not None]):
        raise file.refuse(number, f"query: expected a value, as the column {wrong[0]} has one, got none.")
