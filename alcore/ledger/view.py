"""``LedgerView``: the methods of a ledger that only read it."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Any, Self

import numpy as np

from alcore import door
from alcore.door import Float64s, Rng
from alcore.ledger import checks, exporting, formats, label_studio, moments, reading
from alcore.ledger.columns import COLUMNS
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import About, Ids, Positions, about_ids, ids_at, positions_of
from alcore.ledger.label_text import decode
from alcore.ledger.label_type import LabelType
from alcore.ledger.layout import Layout
from alcore.ledger.moments import Moment
from alcore.ledger.picks import Picks, picks_of_whole_pool
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query
from alcore.ledger.records import Records


class LedgerView(ABC):
    """The methods of a `Ledger` that only read it."""

    _database: Records
    _pool: Pool
    _labels: LabelType

    @abstractmethod
    def close(self) -> None:
        """Close the file."""

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

    @property
    def identity(self) -> str:
        """32 hexadecimal digits, random, made with the ledger. Its queries, exports and tasks carry them."""
        return self._about().identity

    @property
    def label_type(self) -> str | tuple[Any, ...]:
        """What labels are: "json" (any JSON value), "text", or the tuple of the classes that are possible."""
        return self._labels.named

    @property
    def readonly(self) -> bool:
        """Whether it was opened with ``readonly=True``, so that calls that write are refused."""
        return self._database.readonly

    # --- ids and their states ---------------------------------------------------------------------------------------------

    @property
    def ids(self) -> Ids:
        """(N,) all ids, in their order."""
        with self._database.reading() as connection:
            return ids_at(connection, np.arange(about_ids(connection).size), self._pool.names)

    @property
    def pool(self) -> Ids:
        """The pool D_U: ids that are free, neither labelled, asked nor set aside. Ascending, in a new array."""
        with self._database.reading() as connection:
            return ids_at(connection, self._pool.free(connection), self._pool.names)

    @property
    def labelled(self) -> Ids:
        """The ids of the training set D_L: ids with a label. Ascending; names are in the order of the ledger."""
        return self._in_state("labelled")

    @property
    def labels(self) -> list[Any]:
        """The labels of the ids in `labelled`, in that order."""
        with self._database.reading() as connection:
            return reading.labels(connection)

    @property
    def asked(self) -> Ids:
        """Ids that were asked and have no label yet."""
        return self._in_state("asked")

    @property
    def aside(self) -> Ids:
        """Ids that were set aside."""
        return self._in_state("aside")

    def labels_of(self, ids: Any) -> list[Any]:
        """The labels of ids, in the order of ``ids``.

        Raises:
            LedgerError: if one of the ids has no label.
        """
        with self._database.reading() as connection:
            positions = positions_of(connection, ids)
            items = checks.check_states(connection, positions, ("labelled",))
            return [decode(items[position].label or "") for position in positions.tolist()]

    def counts(self) -> dict[str, int]:
        """How many ids are in each state: unlabelled, asked, labelled and aside."""
        with self._database.reading() as connection:
            return reading.counts(connection)

    def count_labels(self, by: str = "label", most: int | None = None) -> list[tuple[Any, int]]:
        """How many ids have each label, the most frequent label first.

        Args:
            by: "label", or "annotator" to count how many ids each annotator labelled.
            most: return only the first entries, at most this many. All by default.
        """
        if by not in ("label", "annotator"):
            raise LedgerError(f"by: expected 'label' or 'annotator', got {by!r}.")
        with self._database.reading() as connection:
            return reading.count_labels(connection, by, most)

    @property
    def named(self) -> bool:
        """True if the ids are names (strings), False if they are numbers."""
        return self._about().named

    def history(self, ids: Any) -> list[dict[str, Any]]:
        """What happened to ids, the oldest event first. Each event has time, id, action, query, label and annotator."""
        with self._database.reading() as connection:
            return reading.history(connection, positions_of(connection, ids))

    def open_queries(self, asker: str | None = None) -> list[Query]:
        """Queries with ids that wait for a label, of one asker or of all."""
        with self._database.reading() as connection:
            return reading.open_queries(connection, asker)

    def updates(self) -> dict[int, dict[str, Any]]:
        """What predictions learned before they were ranked: the number of a query -> `Query.update`, for each that learned.

        >>> import alcore, numpy
        >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 20)).transpose(0, 2, 1)
        >>> ledger = alcore.Ledger(size=50)
        >>> ledger.label({3: 0, 4: 2})
        >>> query = ledger.ask(alcore.BALD(), probs, k=2, rng=0, update=alcore.Update(trained_on=[]))
        >>> {number: update["learned"] for number, update in ledger.updates().items()}
        {1: 2}
        """
        with self._database.reading() as connection:
            return reading.updates(connection)

    def notes(self, asker: str = "default") -> list[Any]:
        """The notes of an asker's steps, in the order of the steps. Each step has at most one."""
        with self._database.reading() as connection:
            return reading.notes(connection, asker)

    def sample_pool(self, m: int, rng: Rng = None) -> Ids:
        """Draw m free ids at random, ascending. Predict only those, and pass them to ``ask(..., ids=subset)``.

        Args:
            m: how many. If fewer ids are free, all of them.
            rng: None, a seed or a generator.

        >>> import alcore
        >>> alcore.Ledger(size=100).sample_pool(3, rng=0).tolist()
        [51, 63, 83]
        """
        pool, count = self.pool, door.as_count(m, "m")
        chosen = door.as_rng(rng).choice(len(pool), min(count, len(pool)), replace=False)
        return pool[np.sort(chosen)]

    def step(self, asker: str = "default") -> int:
        """The number of an asker's next step: how many queries this asker has had."""
        with self._database.reading() as connection:
            return reading.next_step(connection, asker)

    @property
    def now(self) -> Moment:
        """This moment of the ledger. Read it before you read the labels for a training, and pass it to `labels_at` or `Update`.

        >>> import alcore
        >>> ledger = alcore.Ledger(size=5)
        >>> ledger.label({3: "cat"})
        >>> moment = ledger.now
        >>> ledger.label({3: "dog", 4: "dog"}, overwrite=True)
        >>> ledger.labels_at(moment)
        {3: 'cat'}
        """
        with self._database.reading() as connection:
            return moments.now(connection)

    def labels_at(self, moment: Moment | Query | int) -> dict[Any, Any]:
        """{id: label} as they were at a moment, ids ascending.

        Args:
            moment: what `now` returned, or a `Query`, or its number, for the moment before it was recorded.

        Raises:
            LedgerError: for a query that this ledger did not ask.
        """
        with self._database.reading() as connection:
            if isinstance(moment, Query | int):
                number = checks.as_number(moment, about_ids(connection).identity, self._database.name)
                moment = moments.before_query(connection, number)
            positions, texts = moments.labels_at(connection, moment)
            return dict(zip(ids_at(connection, positions).tolist(), map(decode, texts), strict=True))

    def waiting_at(self, moment: Moment) -> Ids:
        """Ids that had no label and were not set aside at a moment, ascending: those that were free or asked."""
        with self._database.reading() as connection:
            return ids_at(connection, moments.waiting_at(connection, moment))

    def asked_by(self, query: Query | int) -> Ids:
        """All ids that a query asked for, labelled or not, in the order chosen."""
        number = query.number if isinstance(query, Query) else query
        with self._database.reading() as connection:
            return ids_at(connection, reading.asked_by(connection, number))

    # --- the picks, as risk estimators need them --------------------------------------------------------------------------

    @property
    def picked(self) -> Ids:
        """(M,) the ids of all picks in the order in which they were picked, for the estimators of the risk (arXiv:2101.11665).

        Raises:
            LedgerError: if the picks do not represent the whole pool. This is so if a pick has no label, if a query was withdrawn,
                if a query ranked only a part of the pool, or if ids came into the pool or left it without a query.
        """
        with self._database.reading() as connection:
            return ids_at(connection, self._picks(connection).positions)

    @property
    def q(self) -> Float64s:
        """(M,) the probability of each pick given the earlier ones, 0 < q ≤ 1, for `alcore.lure`. Raises what `picked` raises."""
        with self._database.reading() as connection:
            return self._picks(connection).q

    @property
    def support(self) -> Positions:
        """(M,) how many ids had q > 0 at each pick. Raises what `picked` raises."""
        with self._database.reading() as connection:
            return self._picks(connection).support

    @property
    def pool_size(self) -> int:
        """N of the estimators: how many ids were free at the first pick. Raises what `picked` raises."""
        with self._database.reading() as connection:
            return self._picks(connection).pool_size

    # --- a copy and an export ----------------------------------------------------------------------------------------------

    def backup(self, path: str | os.PathLike[str]) -> None:
        """Write a copy of the ledger into a new file, while others go on working. The copy is whole without a log beside it.

        A copy made by other programs can lack labels: those that are in the log ``<name>-wal`` while the ledger is open.

        Args:
            path: the new file. It appears when it is complete and on disk.

        Raises:
            LedgerError: if the file exists or cannot be written.

        >>> import alcore, pathlib, tempfile
        >>> path, ledger = pathlib.Path(tempfile.mkdtemp()) / "copy.db", alcore.Ledger(size=3)
        >>> ledger.label({1: "cat"})
        >>> ledger.backup(path)
        >>> with alcore.Ledger.open(path) as copy:
        ...     copy.labels
        ['cat']
        """
        door.check_local(path, "path")
        self._database.backup(Path(path).absolute())

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        states: str | Iterable[str] | None = None,
        data: Mapping[str, str] | None = None,
        overwrite: bool = False,
    ) -> int:
        """Write ids with their states, labels and picks into a file. The file appears when it is complete.

        A file that exists is not replaced, because somebody may have typed into it. If it is what would be written, it stays. The
        notes of steps, and labels that were replaced, are not in the file.

        Args:
            path: a file that ends in .csv, .tsv, .jsonl, .parquet (``alcore[parquet]``), or .json for Label Studio's tasks. In
                tables a label that is a string is written as it is. Other labels, and strings that read as JSON, are JSON.
            states: one or several of "unlabelled", "asked", "labelled", "aside" and "past", all by default. "past" are picks that
                no longer count, such as those that were withdrawn. `import_file` can restore the ledger only from all states.
            data: what Label Studio shows for each id, such as ``{"image": "https://host/{id}.png"}``. In web addresses the id is
                escaped.
            overwrite: True to replace a file that is there already.

        Returns:
            How many rows were written.

        Raises:
            LedgerError: for another ending, another state, a file that cannot be written, that is there already with other
                content, or ``data`` with a file that is not .json.
            ImportError: for .parquet without pyarrow.

        Cost: O(N log N) time, O(1) memory.

        >>> import alcore, pathlib, tempfile
        >>> path, ledger = pathlib.Path(tempfile.mkdtemp()) / "labels.csv", alcore.Ledger(size=3)
        >>> ledger.label({1: "cat"})
        >>> ledger.export(path, states="labelled"), ledger.import_file(path).unchanged
        (1, 1)
        """
        wanted, shown = exporting.as_states(states), label_studio.as_data(data)
        layout = Layout(COLUMNS, self._about().named, shown, self._labels)
        with closing(exporting.rows(self._database, wanted)) as rows:
            return formats.write(path, rows, layout, overwrite=door.as_flag(overwrite, "overwrite"))

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _about(self) -> About:
        with self._database.reading() as connection:
            return about_ids(connection)

    def _in_state(self, state: str) -> Ids:
        with self._database.reading() as connection:
            return ids_at(connection, reading.positions_in(connection, state), self._pool.names)

    def _picks(self, connection: Connection) -> Picks:
        return picks_of_whole_pool(connection, self._database.name)
