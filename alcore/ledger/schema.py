"""The tables of a ledger's file, and the steps from each version of the file to the next."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import TypeAlias

from alcore.ledger.errors import LedgerError

Fill: TypeAlias = Callable[[Connection], None]

APPLICATION = 0x616C6372  # "alcr", in the header of the file

# Unlabelled ids have no row of their own: whole numbers take no room at all, names that of their text, twice. The index of names
# is made when they are there (writing.fill_new): of a million in random order, in a third of the time.
CREATE = """
CREATE TABLE about (size INTEGER NOT NULL, named INTEGER NOT NULL, changes INTEGER NOT NULL);
CREATE TABLE names (position INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE queries (
    query INTEGER PRIMARY KEY, asker TEXT NOT NULL, step INTEGER NOT NULL, heuristic TEXT NOT NULL, time REAL NOT NULL,
    free INTEGER NOT NULL, ranked INTEGER NOT NULL, withdrawn REAL
);
CREATE INDEX queries_of_asker ON queries (asker);
CREATE TABLE picks (
    query INTEGER NOT NULL, place INTEGER NOT NULL, position INTEGER NOT NULL, score REAL, q REAL NOT NULL,
    support INTEGER NOT NULL, information REAL, PRIMARY KEY (query, place)
) WITHOUT ROWID;
CREATE TABLE items (
    position INTEGER PRIMARY KEY, state TEXT NOT NULL, query INTEGER, label TEXT, annotator TEXT, time REAL NOT NULL
);
CREATE INDEX items_asked ON items (query) WHERE state = 'asked';
CREATE TABLE history (
    number INTEGER PRIMARY KEY, time REAL NOT NULL, position INTEGER NOT NULL, action TEXT NOT NULL, query INTEGER,
    label TEXT, annotator TEXT
);
CREATE TABLE notes (asker TEXT NOT NULL, step INTEGER NOT NULL, note TEXT NOT NULL, PRIMARY KEY (asker, step));
CREATE INDEX history_of_position ON history (position);
"""
VERSIONS = (CREATE,)  # the statements that make each version of the one before


def version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def check_format(connection: Connection, name: str) -> None:
    """Refuses files of other programs and of later versions of alcore."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise LedgerError(
            f"{name}: expected a ledger, but it is another program's SQLite file. Nothing was changed. Name another file."
        )
    if version(connection) > len(VERSIONS):
        raise LedgerError(
            f"{name}: a later version of alcore wrote this file (format {version(connection)}; this version reads formats up to "
            f"{len(VERSIONS)}). Nothing was changed. Upgrade: pip install --upgrade alcore."
        )


def upgrade(connection: Connection, name: str, fill: Fill | None) -> None:
    """Make the tables that are missing; ``fill`` writes the first rows of a new ledger. For use inside one transaction."""
    for number in range(version(connection), len(VERSIONS)):
        for statement in filter(str.strip, VERSIONS[number].split(";")):
            connection.execute(statement)
        if number == 0:
            if fill is None:
                raise LedgerError(
                    f"{name}: the file holds no ledger yet. To make one in it: Ledger.open(path, size=N), or with names "
                    "Ledger.open(path, ids=[...])."
                )
            fill(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {len(VERSIONS)}")
