"""A labelling loop that goes on from whatever a ledger holds, and what a ledger holds, table by table."""

from __future__ import annotations

import os
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import numpy as np

import alcore
from alcore import Ledger
from tests.ledger.children import Send

N, K = 60, 5
SCORES = 2 + np.cos(np.arange(N))
HEURISTICS = [alcore.Power(alcore.Precomputed(SCORES)), alcore.Precomputed(SCORES), alcore.Random()]


def take_turn(ledger: Ledger) -> Any:
    """One change, settled by what the ledger holds: {id: label} where it labelled, True for other changes, None at the end."""
    count, queries = ledger.counts(), ledger.open_queries()
    if queries:
        query = queries[0]
        if len(query) == K and query.number % 4 == 3:
            ledger.withdraw(query)
            return True
        labels = {one: f"{one} of {query.number}" for one in query.ids[: 2 if len(query) == K else K].tolist()}
        ledger.tell(query, labels, annotator="ann")
        return labels
    if count["labelled"] == 0:
        ledger.label({0: "begun with"})
        return {0: "begun with"}
    if 20 <= count["labelled"] < 40 and not count["aside"]:
        ledger.set_aside(ledger.pool[:3])
    elif count["labelled"] >= 40 and count["aside"]:
        ledger.restore(ledger.aside)
    else:
        heuristic = HEURISTICS[count["labelled"] % len(HEURISTICS)]
        query = ledger.ask(heuristic, None, K, rng=count["labelled"], note=lambda batch: batch.indices.tolist())
        return True if len(query) else None
    return True


def run_to_the_end(path: Path, checkpoint: int, send: Send) -> None:
    """Each change is sent when it is on disk. Every ``checkpoint`` pages SQLite moves its log into the file."""
    with Ledger.open(path, N) as ledger:
        with ledger._database.reading() as connection:
            connection.execute(f"PRAGMA wal_autocheckpoint = {checkpoint}")
        while (turn := take_turn(ledger)) is not None:
            send(turn)


def content(path: Path) -> dict[str, list[Any]]:
    """All rows of all tables of a ledger but their times, and SQLite's own check of the file."""
    statements = {
        "check": "PRAGMA integrity_check",
        "about": "SELECT size, named, changes, labels FROM about",
        "queries": "SELECT query, asker, step, heuristic, free, ranked, withdrawn IS NULL FROM queries ORDER BY query",
        "picks": "SELECT * FROM picks ORDER BY query, place",
        "items": "SELECT position, state, query, label, annotator FROM items ORDER BY position",
        "notes": "SELECT * FROM notes ORDER BY asker, step",
        "history": "SELECT number, position, action, query, label, annotator FROM history ORDER BY number",
    }
    connection = sqlite3.connect(path)
    tables = {name: connection.execute(statement).fetchall() for name, statement in statements.items()}
    connection.close()
    return tables


def asked_or_labelled_twice(tables: dict[str, list[Any]]) -> list[int]:
    """Ids that were labelled twice, or asked again though no query of theirs was withdrawn meanwhile."""
    counts = {action: np.zeros(len(tables["items"]) + N, int) for action in ("asked", "withdrawn", "labelled")}
    open_most = np.zeros_like(counts["asked"])
    for _, position, action, *_ in tables["history"]:
        if action in counts:
            counts[action][position] += 1
        open_most = np.maximum(open_most, counts["asked"] - counts["withdrawn"])
    return [int(one) for one in np.flatnonzero((counts["labelled"] > 1) | (open_most > 1))]


def labels_in_copy(path: Path, copy: Path) -> dict[int, str]:
    """The labels on disk, by way of a copy: the next process finds the file and its log as the dead one left them."""
    for old in copy.parent.glob(f"{copy.name}*"):
        old.unlink()
    for suffix in ("", "-wal", "-journal"):
        if os.path.exists(f"{path}{suffix}"):
            shutil.copyfile(f"{path}{suffix}", f"{copy}{suffix}")
    with Ledger.open(copy, N) as ledger:
        return dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True))
