"""``Ledger.ask`` step by step: the heuristic ranks the free rows without a lock, then a short transaction picks and records.

While a model predicts and a heuristic ranks, others ask, tell and set aside. So what was ranked is compared with what is free when
the query is recorded: scores of rows that others took are dropped, and the picks are taken from the others.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from sqlite3 import Connection
from typing import Any

import numpy as np

from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.door import Bools, Float64s, Reading
from alcore.heuristics import Heuristic, Random
from alcore.heuristics.subsets import choose_from, scores_of, subset_of, without_rows
from alcore.ledger import reading, writing
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions, about_ids, check_order, positions_of
from alcore.ledger.label_text import encode
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query
from alcore.ledger.records import Records
from alcore.ledger.update import Learned, ToLearn, Update, to_learn, updated
from alcore.sources.names import names_of_rows
from alcore.sources.reading import can_reread
from alcore.sources.row_subset import RowSubset
from alcore.sources.variances import variance_of_subset

TRIES = 3  # times that it ranks anew because others changed the pool; then it records what is still free of its picks


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
    update: Update | None = None


@dataclass(frozen=True)
class FreeRows:
    """Rows of predictions whose ids are free: the positions of all rows (None: all ids), and the ledger as it was then."""

    positions: Positions | None
    subset: RowSubset
    changes: int
    to_learn: ToLearn | None = None

    def at(self, indices: Positions) -> Positions:
        """Positions in the ledger of these rows of the subset."""
        rows = self.subset.original(indices)
        return rows if self.positions is None else self.positions[rows]


@dataclass(frozen=True)
class Ranked:
    """What a heuristic made of the free rows: scores to pick from, or a batch that it chose jointly. None where no row is free."""

    rows: FreeRows
    scores: Float64s | None = None
    batch: Batch | None = None
    learned: Learned | None = None


@dataclass(frozen=True)
class Picked:
    """A batch, the positions of its picks, and how many of the free rows were ranked."""

    batch: Batch
    positions: Positions
    ranked: int


def ask(records: Records, pool: Pool, arguments: AskArguments) -> Query:
    """Rank without a lock, and rank again where others took a pick of a joint batch or gave ids back."""
    if isinstance(arguments.heuristic, Random) and arguments.predictions is None:
        with _writing(records, pool) as connection:
            open_query = _open_query(connection, arguments.asker)
            return open_query or _record(connection, pool, arguments, _pick_at_random(connection, pool, arguments))
    again = arguments.predictions is None or can_reread(arguments.predictions)
    for left in range(TRIES if again else 1, 0, -1):
        with records.reading() as connection:
            if (query := _open_query(connection, arguments.asker)) is not None:
                return query
            if arguments.ids is None:
                _check_order(connection, arguments)
            rows = _free_rows(connection, pool, arguments.ids)
            if arguments.update is not None:
                rows = replace(rows, to_learn=to_learn(connection, arguments.update, rows.positions))
        ranked = _rank(arguments, rows)
        with _writing(records, pool) as connection:
            if (query := _open_query(connection, arguments.asker)) is not None:
                return query
            picked = _pick(connection, pool, arguments, ranked, last=left == 1)
            if picked is not None:
                return _record(connection, pool, arguments, picked, ranked.learned)
    raise AssertionError("the last try picks or refuses")


def _check_order(connection: Connection, arguments: AskArguments) -> None:
    """Refuse predictions, or those of the head that names the rows, whose names are the ledger's ids in another order."""
    given = arguments.predictions
    named, reading = arguments.heuristic._namer(given, arguments.reading)
    names = names_of_rows(named, reading)
    if names is not None and names.values is not None:
        heads = given.items() if isinstance(given, Mapping) else ()
        name = next((f"predictions[{head!r}]" for head, own in heads if own is named), "predictions")
        check_order(connection, names.code(name), names.values)


@contextmanager
def _writing(records: Records, pool: Pool) -> Iterator[Connection]:
    with pool.forgotten_on_error(), records.writing() as connection:
        yield connection


def _open_query(connection: Connection, asker: str) -> Query | None:
    number = reading.open_query(connection, asker)
    return None if number is None else reading.query(connection, number)


def _free_rows(connection: Connection, pool: Pool, ids: Any) -> FreeRows:
    taken, about = pool.taken(connection), about_ids(connection)
    if ids is None:
        return FreeRows(None, RowSubset(about.size, taken), about.changes)
    positions = positions_of(connection, ids, pool.names)
    rows = np.flatnonzero(np.isin(positions, taken)).astype(np.int64)
    return FreeRows(positions, RowSubset(len(positions), rows), about.changes)


def _rank(arguments: AskArguments, rows: FreeRows) -> Ranked:
    """What takes long: the model predicts, and the heuristic scores or chooses. Nobody waits for it."""
    subset, heuristic, rng = rows.subset, arguments.heuristic, arguments.rng
    given, read, learned = arguments.predictions, arguments.reading, None
    if arguments.update is not None and rows.to_learn is not None and len(subset):
        ready = updated(arguments.update, rows.to_learn, heuristic, given, read, subset.rows, rng)
        heuristic, given, read, learned = ready.heuristic, ready.predictions, ready.reading, ready.learned
    predictions = subset_of(heuristic, subset, given, read)
    if not len(subset):
        return Ranked(rows)
    if len(subset.dropped):
        heuristic = without_rows(heuristic, subset.dropped)
    mask = None if read.mask is None else subset.take(read.mask)
    own = replace(read, mask=mask, variance=variance_of_subset(subset, given, read))
    scores = scores_of(heuristic, predictions, own, rng)
    if scores is not None:
        return Ranked(rows, scores=scores, learned=learned)
    return Ranked(rows, batch=heuristic.select(predictions, arguments.k, rng=rng, **own.options), learned=learned)


def _pick(connection: Connection, pool: Pool, arguments: AskArguments, ranked: Ranked, last: bool) -> Picked | None:
    """The picks among the rows that are free now. None to rank again."""
    rows, changed = ranked.rows, about_ids(connection).changes != ranked.rows.changes
    still = _still_free(connection, pool, rows) if changed else None
    if still is not None and not last and _given_back(connection, pool, rows, still):
        return None
    if ranked.scores is not None:
        kept = None if still is None or still.all() else np.flatnonzero(still).astype(np.int64)
        scores = ranked.scores if kept is None else ranked.scores[kept]
        batch = choose_from(arguments.heuristic, scores, arguments.k, arguments.rng)
        indices = batch.indices if kept is None else kept[batch.indices]
        return Picked(batch, rows.at(indices), len(scores))
    if ranked.batch is None:
        return Picked(NOTHING, np.empty(0, np.int64), 0)
    batch, count = ranked.batch, len(rows.subset) if still is None else int(still.sum())
    if still is not None and not still[batch.indices].all():
        if not last:
            return None
        batch = _without(batch, still[batch.indices])
    return Picked(batch, rows.at(batch.indices), count)


def _pick_at_random(connection: Connection, pool: Pool, arguments: AskArguments) -> Picked:
    """Uniform picks without a number for each id: ten million ids cost what ten do."""
    rows = _free_rows(connection, pool, arguments.ids)
    batch = select.uniform(len(rows.subset), arguments.k, arguments.rng)
    return Picked(batch, rows.at(batch.indices), len(rows.subset))


def _still_free(connection: Connection, pool: Pool, rows: FreeRows) -> Bools:
    """Which rows of the subset nobody has taken since."""
    taken = np.zeros(about_ids(connection).size, np.bool_)
    taken[pool.taken(connection)] = True
    return ~taken[rows.at(np.arange(len(rows.subset)))]


def _given_back(connection: Connection, pool: Pool, rows: FreeRows, still: Bools) -> bool:
    """Whether ids came free that were not ranked."""
    if rows.positions is None:
        free = about_ids(connection).size - len(pool.taken(connection))
    else:
        free = int((~np.isin(rows.positions, pool.taken(connection))).sum())
    return free > int(still.sum())


def _without(batch: Batch, kept: Bools) -> Batch:
    """The picks of a joint batch that others left."""
    arrays = {field.name: getattr(batch, field.name) for field in fields(batch)}
    cut: dict[str, Any] = {name: value[kept] for name, value in arrays.items() if isinstance(value, np.ndarray)}
    if not kept.any():
        raise LedgerError("predictions: others asked for all picks of this batch while it was chosen. Call ask again.")
    return replace(batch, **cut)


NOTHING = Batch.certain(np.empty(0, np.int64), np.empty(0))


def _record(
    connection: Connection, pool: Pool, arguments: AskArguments, picked: Picked, learned: Learned | None = None
) -> Query:
    asker, name, batch = arguments.asker, arguments.heuristic.name, picked.batch
    if not len(batch):
        return reading.no_query(connection, asker, name)
    free = about_ids(connection).size - len(pool.taken(connection))
    number = writing.add_query(connection, picked.positions, batch, asker, name, free, picked.ranked)
    query = reading.query(connection, number)
    if learned is not None:
        kept = learned.as_json()
        writing.write_note(connection, reading.updates_of(asker), query.step, encode(kept, "update"))
        query = replace(query, update=kept)
    if arguments.note is not None:
        writing.write_note(connection, asker, query.step, encode(arguments.note(batch), "note"))
    pool.take(connection, picked.positions)
    return query
