"""The tables of a ledger's file, and the steps from each format of the file to the next. Comments stand inside the statements, so
that other programs show them: ``sqlite3 run.db .schema``."""

from __future__ import annotations

from collections.abc import Callable
from sqlite3 import Connection
from typing import TypeAlias

from alcore.ledger.errors import LedgerError

Fill: TypeAlias = Callable[[Connection], None]

APPLICATION = 0x616C6372  # "alcr", in the header of the file

# Unlabelled ids have no row of their own: whole numbers take no room at all, names that of their text, twice. The index of names
# is made when they are there (writing.fill_new): of a million in random order, in a third of the time.
TABLES = """
CREATE TABLE about (
    -- One row: what this file is.
    identity TEXT NOT NULL CHECK (length(identity) = 32), -- random, made with the file: queries and exports carry it
    size INTEGER NOT NULL CHECK (size >= 0),              -- how many ids there are, at the positions 0 to size - 1
    named INTEGER NOT NULL CHECK (named IN (0, 1)),       -- 1: the ids are names, in the table names. 0: they are the positions
    changes INTEGER NOT NULL,                             -- how often the set of unlabelled ids has changed
    labels TEXT NOT NULL CHECK (labels IN ('json', 'text', 'classes')), -- what labels are
    open INTEGER NOT NULL CHECK (open IN (0, 1))          -- 1: labels may be in the log beside this file (-wal)
);
CREATE TABLE classes (
    -- The labels that are possible, as JSON texts, where labels are classes.
    place INTEGER PRIMARY KEY,
    label TEXT NOT NULL UNIQUE
);
CREATE TABLE names (
    -- The id at each position, where ids are names.
    position INTEGER PRIMARY KEY,
    name TEXT NOT NULL
);
CREATE TABLE queries (
    -- What was asked, and on whose behalf.
    query INTEGER PRIMARY KEY,
    asker TEXT NOT NULL,
    step INTEGER NOT NULL CHECK (step >= 0),  -- how many queries this asker had before
    heuristic TEXT NOT NULL,
    time REAL NOT NULL,                       -- seconds since 1970, as all times here
    free INTEGER NOT NULL,                    -- how many ids were unlabelled
    ranked INTEGER NOT NULL,                  -- how many of them the heuristic ranked
    withdrawn REAL                            -- when the ids without a label were taken back
);
CREATE INDEX queries_of_asker ON queries (asker);
CREATE TABLE picks (
    -- The ids of each query, in the order chosen.
    query INTEGER NOT NULL REFERENCES queries,
    place INTEGER NOT NULL CHECK (place >= 0),
    position INTEGER NOT NULL CHECK (position >= 0),
    score REAL,                               -- in the unit of the heuristic
    q REAL NOT NULL CHECK (q BETWEEN 0 AND 1), -- probability of this pick, given those before it
    support INTEGER NOT NULL,                 -- how many ids could have been picked
    information REAL,                         -- nats of the batch up to here
    PRIMARY KEY (query, place)
) WITHOUT ROWID;
CREATE TABLE items (
    -- The state of each id that is not unlabelled.
    position INTEGER PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('asked', 'labelled', 'aside')),
    query INTEGER REFERENCES queries,         -- the query that asked for it last
    label TEXT CHECK ((label IS NOT NULL) = (state = 'labelled')), -- a JSON text
    annotator TEXT,
    time REAL NOT NULL                        -- when it came into this state
);
CREATE INDEX items_asked ON items (query) WHERE state = 'asked';
CREATE TABLE history (
    -- Every change of every id, also labels that were replaced or removed.
    number INTEGER PRIMARY KEY,
    time REAL NOT NULL,
    position INTEGER NOT NULL,
    action TEXT NOT NULL,
    query INTEGER REFERENCES queries,
    label TEXT,
    annotator TEXT
);
CREATE INDEX history_of_position ON history (position);
CREATE TABLE notes (
    -- What the loop records of each step of an asker, as JSON texts.
    asker TEXT NOT NULL,
    step INTEGER NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (asker, step)
);
CREATE VIEW labels AS
    -- For readers: every label with its id, who gave it, and when, in UTC.
    SELECT ifnull(name, position) AS id, json_extract(label, '$') AS label, annotator,
        strftime('%Y-%m-%dT%H:%M:%fZ', time, 'unixepoch') AS time, query
    FROM items LEFT JOIN names USING (position) WHERE state = 'labelled' ORDER BY position;
"""
# The first format had neither identity nor checks. Its tables are copied, since SQLite adds no check to a table that is there. The
# identity is made of its size and its first event, to the microsecond: what was exported from a copy that was brought up is then
# known to the file itself, brought up later.
COPIED = ("names", "queries", "picks", "items", "history", "notes")
INDEXES = ("queries_of_asker", "items_asked", "history_of_position", "names_by_text")
FROM_1 = (  # the names are those above: nothing comes from outside
    "".join(f"DROP INDEX {name};" for name in INDEXES)
    + "".join(f"ALTER TABLE {name} RENAME TO old_{name};" for name in ("about", *COPIED))
    + TABLES
    + "INSERT INTO about SELECT ifnull((SELECT substr(printf('%08x%08x%016x', old_about.size, position, "
    + "CAST(time * 1000000 AS INTEGER)), -32) FROM old_history ORDER BY number LIMIT 1), lower(hex(randomblob(16)))), "
    + "size, named, changes, 'json', 0 FROM old_about;"
    + "".join(f"INSERT INTO {name} SELECT * FROM old_{name};" for name in COPIED)
    + "CREATE UNIQUE INDEX names_by_text ON names (name);"
    + "".join(f"DROP TABLE old_{name};" for name in ("about", *reversed(COPIED)))
)
STEPS: tuple[str, ...] = (FROM_1,)  # the statements from format 1 to 2, from 2 to 3, …


def version(connection: Connection) -> int:
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def newest() -> int:
    return 1 + len(STEPS)


def check_format(connection: Connection, name: str) -> None:
    """Refuses files of other programs and of later versions of alcore."""
    tables = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if tables and connection.execute("PRAGMA application_id").fetchone()[0] != APPLICATION:
        raise LedgerError(
            f"{name}: expected a ledger, but it is another program's SQLite file. Nothing was changed. Name another file."
        )
    if version(connection) > newest():
        raise LedgerError(
            f"{name}: a later version of alcore wrote this file (format {version(connection)}; this version reads formats up to "
            f"{newest()}). Nothing was changed. Upgrade: pip install --upgrade alcore."
        )


def upgrade(connection: Connection, name: str, fill: Fill | None) -> None:
    """Make the tables of a new ledger, which ``fill`` fills, or bring those of an earlier format up. Inside one transaction."""
    there = version(connection)
    if there:
        for step in STEPS[there - 1 :]:
            _run(connection, step)
    else:
        if fill is None:
            raise LedgerError(
                f"{name}: the file holds no ledger yet. To make one in it: Ledger.open(path, size=N), or with names "
                "Ledger.open(path, ids=[...])."
            )
        _run(connection, TABLES)
        fill(connection)
    connection.execute(f"PRAGMA application_id = {APPLICATION}")
    connection.execute(f"PRAGMA user_version = {newest()}")


def _run(connection: Connection, statements: str) -> None:
    """One by one: `executescript` would end the transaction."""
    for statement in filter(str.strip, statements.split(";")):
        connection.execute(statement)
