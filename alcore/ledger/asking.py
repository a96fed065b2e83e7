"""``Ledger.ask`` step by step: the heuristic ranks the free rows, and the query is recorded. Others may write meanwhile."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.door import Reading
from alcore.heuristics import Heuristic
from alcore.heuristics.subsets import without_rows
from alcore.ledger import reading, writing
from alcore.ledger.database import Database
from alcore.ledger.ids import Positions, about_ids, positions_of
from alcore.ledger.label_text import encode
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query
from alcore.sources.reading import can_reread
from alcore.sources.row_subset import RowSubset

TRIES = 3  # attempts to choose while others may write; the last one holds the lock


@dataclass(frozen=True)
class AskArguments:
    """What `Ledger.ask` was called with, checked."""

    heuristic: Heuristic
    predictions: Any
    k: int
    ids: Any
    asker: str
    rng: np.random.Generator
    reading: Reading
    note: Callable[[Batch], Any] | None = None


@dataclass(frozen=True)
class FreeRows:
    """Rows of predictions whose ids are free: the positions of all rows (None: all ids), and how large the pool is."""

    positions: Positions | None
    subset: RowSubset
    pool_size: int

    def positions_of(self, batch: Batch) -> Positions:
        rows = self.subset.original(batch.indices)
        return rows if self.positions is None else self.positions[rows]


def ask(database: Database, pool: Pool, arguments: AskArguments) -> Query:
    """Choose without a lock, and choose again if others changed the pool meanwhile. The last try holds the lock; others wait."""
    read_once = arguments.predictions is not None and not can_reread(arguments.predictions)
    for _ in range(0 if read_once else TRIES - 1):
        with database.reading() as connection:
            if (query := _open_query(connection, arguments.asker)) is not None:
                return query
            before = about_ids(connection).changes
            rows = _free_rows(connection, pool, arguments.ids)
        batch = _choose(arguments, rows)
        with _writing(database, pool) as connection:
            if (query := _open_query(connection, arguments.asker)) is not None:
                return query
            if about_ids(connection).changes == before:
                return _record(connection, pool, arguments, rows, batch)
    with _writing(database, pool) as connection:
        if (query := _open_query(connection, arguments.asker)) is not None:
            return query
        rows = _free_rows(connection, pool, arguments.ids)
        return _record(connection, pool, arguments, rows, _choose(arguments, rows))


@contextmanager
def _writing(database: Database, pool: Pool) -> Iterator[Connection]:
    with pool.forgotten_on_error(), database.writing() as connection:
        yield connection


def _open_query(connection: Connection, asker: str) -> Query | None:
    number = reading.open_query(connection, asker)
    return None if number is None else reading.query(connection, number)


def _free_rows(connection: Connection, pool: Pool, ids: Any) -> FreeRows:
    taken, size = pool.taken(connection), about_ids(connection).size
    free = size - len(taken)
    if ids is None:
        return FreeRows(None, RowSubset(size, taken), free)
    positions = positions_of(connection, ids)
    rows = np.flatnonzero(np.isin(positions, taken)).astype(np.int64)
    return FreeRows(positions, RowSubset(len(positions), rows), free)


def _choose(arguments: AskArguments, rows: FreeRows) -> Batch | None:
    """None where no id is free."""
    subset, heuristic = rows.subset, arguments.heuristic
    predictions = subset.of(arguments.predictions)
    if not len(subset):
        return None
    if len(subset.dropped):
        heuristic = without_rows(heuristic, subset.dropped)
    mask = None if arguments.reading.mask is None else subset.take(arguments.reading.mask)
    options = replace(arguments.reading, mask=mask).options
    batch = heuristic.select(predictions, arguments.k, rng=arguments.rng, **options)
    return batch if len(batch) else None


def _record(connection: Connection, pool: Pool, arguments: AskArguments, rows: FreeRows, batch: Batch | None) -> Query:
    asker, name = arguments.asker, arguments.heuristic.name
    if batch is None:
        return reading.no_query(connection, asker, name)
    positions = rows.positions_of(batch)
    number = writing.add_query(connection, positions, batch, asker, name, rows.pool_size, len(rows.subset))
    query = reading.query(connection, number)
    if arguments.note is not None:
        writing.write_note(connection, asker, query.step, encode(arguments.note(batch), "note"))
    pool.take(connection, positions)
    return query
