"""What the judge of two campaigns must find: a pair of ledgers that is right, and copies of it with one thing made wrong."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from tests.ledger.campaign_judge import judged
from tests.ledger.two_campaigns import one_pair

A_LABEL = "SELECT number, position, label FROM history WHERE action = 'labelled' ORDER BY number LIMIT 1"  # it was acknowledged


def tampered(folder: Path) -> dict[str, Any]:
    """The kinds of faults that the judge finds: in the ledgers as they are, and after each way to tamper with them."""
    counts, _ = one_pair(folder / "whole", 3, np.random.default_rng(1))
    found = {"nothing": _kinds(folder / "whole"), "kills": counts["kills"]}
    for way in (forget, record_again, move, exchange, ask_again, lose_a_pick, cut_a_backup, fail, take_foreign):
        place = folder / way.__name__
        shutil.copytree(folder / "whole", place)
        way(place)
        found[way.__name__] = _kinds(place)
    return found


def _kinds(place: Path) -> list[str]:
    return [kind for kind, texts in judged(place, ())[1].items() if texts]


def _change(path: Path, change: Callable[[sqlite3.Connection], object]) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        change(connection)


def forget(place: Path) -> None:
    """A label that was acknowledged is not in the file."""

    def change(connection: sqlite3.Connection) -> None:
        number, position, _ = connection.execute(A_LABEL).fetchone()
        connection.execute("DELETE FROM history WHERE number = ?", (number,))
        connection.execute("DELETE FROM items WHERE position = ?", (position,))

    _change(place / "0.db", change)


def record_again(place: Path) -> None:
    """A label is recorded twice."""

    def change(connection: sqlite3.Connection) -> None:
        number, _, _ = connection.execute(A_LABEL).fetchone()
        columns = "time, position, action, query, label, annotator"
        connection.execute(f"INSERT INTO history ({columns}) SELECT {columns} FROM history WHERE number = ?", (number,))

    _change(place / "0.db", change)


def move(place: Path) -> None:
    """A label is on another id."""

    def change(connection: sqlite3.Connection) -> None:
        number, position, _ = connection.execute(A_LABEL).fetchone()
        connection.execute("UPDATE history SET position = ? WHERE number = ?", ((position + 1) % 80, number))

    _change(place / "0.db", change)


def exchange(place: Path) -> None:
    """A label of one campaign is in the other."""

    def change(connection: sqlite3.Connection) -> None:
        number, position, label = connection.execute(A_LABEL).fetchone()
        other = label.replace("c0w", "c1w")
        connection.execute("UPDATE history SET label = ? WHERE number = ?", (other, number))
        connection.execute("UPDATE items SET label = ? WHERE position = ? AND state = 'labelled'", (other, position))

    _change(place / "0.db", change)


def ask_again(place: Path) -> None:
    """An id that waits for a label is asked for once more."""

    def change(connection: sqlite3.Connection) -> None:
        (query,) = connection.execute("SELECT max(query) FROM queries").fetchone()
        for _ in range(2):
            connection.execute(
                "INSERT INTO history (time, position, action, query) VALUES (0, 3, 'asked', ?)", (query,)
            )

    _change(place / "0.db", change)


def lose_a_pick(place: Path) -> None:
    """A query lacks one of its picks."""
    _change(place / "0.db", lambda connection: connection.execute("DELETE FROM picks WHERE place = 0"))


def cut_a_backup(place: Path) -> None:
    """A backup lacks what was recorded before it began."""
    (backup,) = place.glob("backup 0 * of 0.db")
    _change(backup, lambda connection: connection.execute("DELETE FROM history"))


def fail(place: Path) -> None:
    """An act ended with an error that is no refusal."""
    _write(place, {"life": 1, "act": 1, "end": "failed", "text": "ValueError: broken"})


def take_foreign(place: Path) -> None:
    """A file of the other campaign was taken."""
    key = {"life": 9, "act": 1, "campaign": 0, "kind": "foreign"}
    _write(place, key | {"ids": [], "labels": {}, "foreign": True}, key | {"end": "done", "answer": None})


def _write(place: Path, *entries: dict[str, Any]) -> None:
    with open(place / "journal 1.jsonl", "a", encoding="utf-8") as file:
        file.writelines(json.dumps(entry | {"at": 0.0}) + "\n" for entry in entries)
