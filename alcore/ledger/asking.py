"""What is free, and what is asked of a heuristic about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.batches.batch import Batch
from alcore.heuristics import Heuristic
from alcore.heuristics.subsets import without_rows
from alcore.ledger import reading
from alcore.ledger.database import Database
from alcore.ledger.ids import Positions, positions_of
from alcore.ledger.label_text import encode
from alcore.ledger.query import Query
from alcore.ledger.reading import Connection
from alcore.sources.reading import can_reread
from alcore.sources.row_subset import RowSubset

TRIES = 3  # at choosing while others write; the last holds the file


@dataclass(frozen=True)
class Among:
    """What a heuristic ranks: positions of the rows of predictions (None: all ids), those that are free, and how many ids are."""

    positions: Positions | None
    remaining: RowSubset
    free: int

    def positions_of(self, batch: Batch) -> Positions:
        rows = self.remaining.original(batch.indices)
        return rows if self.positions is None else self.positions[rows]


@dataclass(frozen=True)
class Asking:
    heuristic: Heuristic
    predictions: Any
    k: int
    ids: Any
    asker: str
    rng: np.random.Generator
    mask: npt.ArrayLike | None
    options: dict[str, Any]
    note: Callable[[Batch], Any] | None = None

    def choose(self, among: Among) -> Batch | None:
        """None where no id is free."""
        remaining = among.remaining
        predictions = remaining.of(self.predictions)
        if not len(remaining):
            return None
        heuristic = without_rows(self.heuristic, remaining.dropped) if len(remaining.dropped) else self.heuristic
        kept = None if self.mask is None else remaining.take(self.mask)
        batch = heuristic.select(predictions, self.k, rng=self.rng, mask=kept, **self.options)
        return batch if len(batch) else None


class Pool:
    """What of a ledger is free, remembered as long as nobody changes it."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._gone: tuple[int, Positions] | None = None  # how often it had changed, and what is not free

    def free(self, connection: Connection) -> Positions:
        """Ascending; a new array."""
        free = np.ones(reading.about(connection).size, np.bool_)
        free[self._gone_now(connection)] = False
        return np.flatnonzero(free).astype(np.int64)

    def ask(self, asking: Asking) -> Query:
        """Chosen while others may write, and chosen anew where they took of what is free; the last time they wait."""
        alone = asking.predictions is not None and not can_reread(asking.predictions)
        for _ in range(0 if alone else TRIES - 1):
            with self._database.reading() as connection:
                if (found := _open_query(connection, asking.asker)) is not None:
                    return found
                before = reading.about(connection).changes
                among = self._among(connection, asking.ids)
            batch = asking.choose(among)
            with self._forgetting() as connection:
                if (found := _open_query(connection, asking.asker)) is not None:
                    return found
                if reading.about(connection).changes == before:
                    return self._record(connection, asking, among, batch)
        with self._forgetting() as connection:
            if (found := _open_query(connection, asking.asker)) is not None:
                return found
            among = self._among(connection, asking.ids)
            return self._record(connection, asking, among, asking.choose(among))

    def _gone_now(self, connection: Connection) -> Positions:
        """Positions that are not free, ascending; read again where others changed them."""
        changes = reading.about(connection).changes
        if self._gone is None or self._gone[0] != changes:
            self._gone = changes, reading.positions_in(connection, None)
        return self._gone[1]

    @contextmanager
    def _forgetting(self) -> Iterator[Connection]:
        """Writing; what was not written is not remembered either."""
        try:
            with self._database.writing() as connection:
                yield connection
        except BaseException:
            self._gone = None
            raise

    def _among(self, connection: Connection, ids: Any) -> Among:
        gone, about = self._gone_now(connection), reading.about(connection)
        free = about.size - len(gone)
        if ids is None:
            return Among(None, RowSubset(about.size, gone), free)
        positions = positions_of(connection, ids, about.size, about.named)
        rows = np.flatnonzero(np.isin(positions, gone)).astype(np.int64)
        return Among(positions, RowSubset(len(positions), rows), free)

    def _record(self, connection: Connection, asking: Asking, among: Among, batch: Batch | None) -> Query:
        if batch is None:
            return reading.no_query(connection, asking.asker, asking.heuristic.name)
        positions = among.positions_of(batch)
        number = reading.add_query(
            connection, positions, batch, asking.asker, asking.heuristic.name, among.free, len(among.remaining)
        )
        query = reading.query(connection, number)
        if asking.note is not None:
            reading.write_note(connection, asking.asker, query.step, encode(asking.note(batch), "note"))
        if self._gone is not None:  # one more change, this one
            place = np.searchsorted(self._gone[1], np.sort(positions))
            self._gone = reading.about(connection).changes, np.insert(self._gone[1], place, np.sort(positions))
        return query


def _open_query(connection: Connection, asker: str) -> Query | None:
    number = reading.open_query(connection, asker)
    return None if number is None else reading.query(connection, number)
