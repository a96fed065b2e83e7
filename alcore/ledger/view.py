"""``LedgerView``: what a ledger can be asked without changing it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np

from alcore import door
from alcore.door import Float64s, Rng
from alcore.ledger import checks, exporting, formats, label_studio, reading
from alcore.ledger.columns import COLUMNS
from alcore.ledger.database import Database
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import About, Ids, Positions, about_ids, ids_at, positions_of
from alcore.ledger.label_text import decode
from alcore.ledger.picks import Picks, picks_of_whole_pool
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query


class LedgerView(ABC):
    """A ledger as one looks at it: nothing here writes."""

    _database: Database
    _pool: Pool

    @abstractmethod
    def close(self) -> None:
        """Let go of the file."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self.close()

    def __len__(self) -> int:
        return self._about().size

    def __repr__(self) -> str:
        counts = ", ".join(f"{count:,} {state}" for state, count in self.counts().items())
        return f"<Ledger {self._database.name}: {counts}>"

    # --- ids and their states ---------------------------------------------------------------------------------------------

    @property
    def ids(self) -> Ids:
        """All ids, in their order."""
        with self._database.reading() as connection:
            return ids_at(connection, np.arange(about_ids(connection).size))

    @property
    def pool(self) -> Ids:
        """Ids without a label that are neither asked nor set aside, D_U, ascending; a new array."""
        with self._database.reading() as connection:
            return ids_at(connection, self._pool.free(connection))

    @property
    def labelled(self) -> Ids:
        """Ids with a label, D_L, ascending (names: in the order of the ledger)."""
        return self._in_state("labelled")

    @property
    def labels(self) -> list[Any]:
        """The labels of `labelled`, in that order."""
        with self._database.reading() as connection:
            return reading.labels(connection)

    @property
    def asked(self) -> Ids:
        """Ids that are asked and have no answer yet."""
        return self._in_state("asked")

    @property
    def aside(self) -> Ids:
        """Ids that were set aside."""
        return self._in_state("aside")

    def labels_of(self, ids: Any) -> list[Any]:
        """Their labels, in that order; refused where one has none."""
        with self._database.reading() as connection:
            positions = positions_of(connection, ids)
            items = checks.check_states(connection, positions, ("labelled",))
            return [decode(items[position].label or "") for position in positions.tolist()]

    def counts(self) -> dict[str, int]:
        """How many ids are unlabelled, asked, labelled and set aside."""
        with self._database.reading() as connection:
            return reading.counts(connection)

    def count_labels(self, by: str = "label", most: int | None = None) -> list[tuple[Any, int]]:
        """How many ids have each label, or were labelled by each annotator (``by="annotator"``), the most frequent first."""
        if by not in ("label", "annotator"):
            raise LedgerError(f"by: expected label or annotator, got {by!r}.")
        with self._database.reading() as connection:
            return reading.count_labels(connection, by, most)

    @property
    def named(self) -> bool:
        """Whether ids are strings."""
        return self._about().named

    def history(self, ids: Any) -> list[dict[str, Any]]:
        """What happened to ids, in order: time, id, action, query, label, annotator."""
        with self._database.reading() as connection:
            return reading.history(connection, positions_of(connection, ids))

    def open_queries(self, asker: str | None = None) -> list[Query]:
        """Queries with items that wait for a label, of one asker or of all."""
        with self._database.reading() as connection:
            return reading.open_queries(connection, asker)

    def notes(self, asker: str = "default") -> list[Any]:
        """What was noted of an asker's steps, in their order; of a step once."""
        with self._database.reading() as connection:
            return reading.notes(connection, asker)

    def sample_pool(self, m: int, rng: Rng = None) -> Ids:
        """m free ids drawn at random, ascending: predict those alone, and pass them on: ``ask(..., ids=subset)``."""
        pool, count = self.pool, door.as_count(m, "m")
        chosen = door.as_rng(rng).choice(len(pool), min(count, len(pool)), replace=False)
        return pool[np.sort(chosen)]

    def step(self, asker: str = "default") -> int:
        """The number of an asker's next query."""
        with self._database.reading() as connection:
            return reading.next_step(connection, asker)

    def asked_by(self, query: Query | int) -> Ids:
        """All that a query asked for, answered or not, in the order chosen."""
        number = query.number if isinstance(query, Query) else query
        with self._database.reading() as connection:
            return ids_at(connection, reading.asked_by(connection, number))

    # --- the picks, as risk estimators need them --------------------------------------------------------------------------

    @property
    def picked(self) -> Ids:
        """Ids in the order in which they were picked, for which `q` and `support` hold.

        Raises: `LedgerError` where the picks do not tell of the whole pool: one has no label, a query ranked a part of it, or ids
        came, went or were labelled without being asked after the first query (arXiv:2101.11665).
        """
        with self._database.reading() as connection:
            return ids_at(connection, self._picks(connection).positions)

    @property
    def q(self) -> Float64s:
        """(M,) the probability of each pick given the earlier ones, for `alcore.lure`; refused as `picked` is."""
        with self._database.reading() as connection:
            return self._picks(connection).q

    @property
    def support(self) -> Positions:
        """(M,) how many ids had q > 0 at each pick; refused as `picked` is."""
        with self._database.reading() as connection:
            return self._picks(connection).support

    @property
    def pool_size(self) -> int:
        """N of the estimators: how many ids were free at the first pick; refused as `picked` is."""
        with self._database.reading() as connection:
            return self._picks(connection).pool_size

    # --- an export --------------------------------------------------------------------------------------------------------

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        states: str | Iterable[str] | None = None,
        data: Mapping[str, str] | None = None,
    ) -> int:
        """Write ids with their states, labels and picks into a file that appears when it is complete; how many rows.

        Args:
            path: .csv, .jsonl, .parquet (``alcore[parquet]``), or .json, which are tasks for Label Studio. In CSV and Parquet a
                string stands for itself, other labels, and strings that would read as such, are JSON.
            states: some of unlabelled, asked, labelled, aside and past, which are picks that no longer count; all by default, and
                only then can `import_file` restore the ledger.
            data: what Label Studio shows of an item, such as {"image": "https://host/{id}.png"}; web addresses are escaped.

        Cost: O(N log N) time and O(1) memory; the notes of steps and labels that were replaced are not in it.

        >>> import alcore, pathlib, tempfile
        >>> path, ledger = pathlib.Path(tempfile.mkdtemp()) / "labels.csv", alcore.Ledger(size=3)
        >>> ledger.label({1: "cat"})
        >>> ledger.export(path, states="labelled"), alcore.Ledger(size=3).import_file(path).labels
        (1, 1)
        """
        wanted, shown = exporting.as_states(states), label_studio.as_data(data)
        with self._database.reading() as connection:
            layout = formats.Layout(COLUMNS, about_ids(connection).named, shown)
            return formats.write(path, exporting.rows(connection, wanted), layout)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _about(self) -> About:
        with self._database.reading() as connection:
            return about_ids(connection)

    def _in_state(self, state: str) -> Ids:
        with self._database.reading() as connection:
            return ids_at(connection, reading.positions_in(connection, state))

    def _picks(self, connection: Connection) -> Picks:
        return picks_of_whole_pool(connection, self._database.name)
