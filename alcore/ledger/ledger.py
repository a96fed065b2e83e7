"""``Ledger``: the record of a labelling campaign."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.door import Float64s, Rng
from alcore.heuristics import Heuristic, Random
from alcore.ledger import checks, exporting, formats, importing, label_studio, reading
from alcore.ledger import ids as known
from alcore.ledger.asking import Asking, Pool
from alcore.ledger.columns import COLUMNS
from alcore.ledger.database import Database, LedgerError
from alcore.ledger.ids import Ids, Positions
from alcore.ledger.importing import Imported
from alcore.ledger.label_text import decode, encode
from alcore.ledger.query import Query
from alcore.ledger.reading import Connection


class Ledger:
    """Every id is unlabelled, asked, labelled or set aside; `ask` and `tell` move it, and what they said is on disk.

    ``Ledger.open("run.db", size=N)`` keeps an SQLite file, which several processes may use at once; ``Ledger(size=N)`` is the same
    in memory. Ids are 0 … N−1, or strings of your own (``ids=``). Predictions are said with the ids they belong to, so that a
    row is never taken for another.

    Args:
        size: N, how many ids; an existing file knows, and another size is refused.
        ids: names instead, all different.

    Raises: `LedgerError` (a ValueError) for ids that are not the ledger's, labels that would replace others, and files that are
    foreign, damaged, read-only or on a full disk, which stay as they are.

    >>> import alcore, numpy
    >>> ledger = alcore.Ledger(size=100)
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(100, 8)).transpose(0, 2, 1)
    >>> query = ledger.ask(alcore.PowerBALD(), probs, k=2, rng=0)
    >>> ledger.tell(query, ["cat", "dog"])
    >>> ledger.labelled.tolist() == sorted(query.ids.tolist()), len(ledger.pool)
    (True, 98)
    """

    def __init__(self, size: int | None = None, *, ids: Iterable[str] | None = None) -> None:
        if size is None and ids is None:
            raise LedgerError(
                "size: expected how many ids there are, or their names: Ledger(size=N), Ledger(ids=[...])."
            )
        self._begin(None, size, ids, 60.0)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        size: int | None = None,
        *,
        ids: Iterable[str] | None = None,
        timeout: float = 60.0,
    ) -> Ledger:
        """The ledger of a file, made where there is none.

        Args:
            path: of the file; SQLite keeps ``<name>-wal`` and ``<name>-shm`` beside it while it is open.
            size, ids: of a new ledger, as above. Of a file that is there they are compared with what it holds.
            timeout: seconds to wait for other processes that write.
        """
        ledger = cls.__new__(cls)
        ledger._begin(path, size, ids, timeout)
        return ledger

    def _begin(
        self, path: str | os.PathLike[str] | None, size: int | None, ids: Iterable[str] | None, timeout: float
    ) -> None:
        names = None if ids is None else known.as_names(ids)
        if size is not None:
            size = door.as_count(size, "size")
        if names is not None and size not in (None, len(names)):
            raise LedgerError(f"size: expected {len(names)}, as there are ids, got {size}. Leave it out.")
        count = size if names is None else len(names)
        fill = None if count is None else partial(reading.begin, size=count, ids=names)
        self._database = Database(path, timeout, fill)
        self._pool = Pool(self._database)
        with self._database.reading() as connection:
            reading.check_ids(connection, self._database.name, count, names)

    def empty(self, path: str | os.PathLike[str] | None = None) -> Ledger:
        """A ledger of the same ids without labels, in memory or in a file; a file that is there is opened, whatever it has."""
        ids = self.ids.tolist() if self._about().named else None
        size = None if ids is not None else len(self)
        return Ledger(size, ids=ids) if path is None else Ledger.open(path, size, ids=ids)

    @property
    def ids(self) -> Ids:
        """All ids, in their order."""
        with self._database.reading() as connection:
            return reading.names(connection, np.arange(reading.about(connection).size))

    def close(self) -> None:
        """Let go of the file; what was told is on disk already."""
        self._database.close()

    def __enter__(self) -> Ledger:
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

    # --- what there is ----------------------------------------------------------------------------------------------------

    @property
    def pool(self) -> Ids:
        """Ids without a label that are neither asked nor set aside, D_U, ascending; a new array."""
        with self._database.reading() as connection:
            return reading.names(connection, self._pool.free(connection))

    @property
    def labelled(self) -> Ids:
        """Ids with a label, D_L, ascending (names: in the order of the ledger)."""
        return self._in_state("labelled")

    @property
    def labels(self) -> list[Any]:
        """The labels of `labelled`, in that order."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT label FROM items WHERE state = 'labelled' ORDER BY position")
            return [decode(label) for (label,) in rows]

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
            positions = self._positions(connection, ids)
            found = checks.check_states(connection, positions, ("labelled",))
            return [decode(found[position].label or "") for position in positions.tolist()]

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
            return reading.history(connection, self._positions(connection, ids))

    def open_queries(self, asker: str | None = None) -> list[Query]:
        """Queries with items that wait for a label, of one asker or of all."""
        with self._database.reading() as connection:
            return reading.open_queries(connection, asker)

    def notes(self, asker: str = "default") -> list[Any]:
        """What was noted of an asker's steps, in their order; of a step once."""
        with self._database.reading() as connection:
            return reading.notes(connection, asker)

    def write_note(self, note: Any, *, step: int, asker: str = "default") -> None:
        """Note a JSON value of a step, in place of what was noted of it before; `ask` does it with the query, both or neither."""
        text = encode(note, "note")
        with self._database.writing() as connection:
            reading.write_note(connection, checks.as_text(asker, "asker"), door.as_count(step, "step"), text)

    def step(self, asker: str = "default") -> int:
        """The number of an asker's next query."""
        with self._database.reading() as connection:
            return reading.next_step(connection, asker)

    def asked_by(self, query: Query | int) -> Ids:
        """All that a query asked for, answered or not, in the order chosen."""
        number = query.number if isinstance(query, Query) else query
        with self._database.reading() as connection:
            return reading.names(connection, reading.asked_by(connection, number))

    # --- ask and tell -----------------------------------------------------------------------------------------------------

    def ask(
        self,
        heuristic: Heuristic,
        predictions: Any,
        k: int,
        *,
        ids: Any = None,
        asker: str = "default",
        rng: Rng = None,
        kind: str = "probs",
        weights: npt.ArrayLike | None = None,
        mask: npt.ArrayLike | None = None,
        note: Callable[[Batch], Any] | None = None,
    ) -> Query:
        """The k free ids that a heuristic would have labelled next, recorded before they are returned.

        An asker who has an open query gets that one again, whatever else is asked for: what was asked is answered (`tell`) or
        taken back (`withdraw`) first. Different askers get different ids, also from several processes at once.

        Args:
            heuristic: any of alcore's.
            predictions: (N, C, ..., T) from any source, a row for each of ``ids``; rows that are not free are left out. None for
                heuristics that need none (`Random`, `Precomputed` with a score for each of ``ids``).
            k: query size; fewer where fewer are free, none where none is.
            ids: what the rows of predictions are; all ids of the ledger by default.
            asker: on whose behalf.
            rng, kind, weights, mask: as ``heuristic.select`` takes them; mask has a row for each of ``ids``.
            note: a function of the batch, whose result, any JSON value, is recorded with the query: see `notes`.

        Cost: the heuristic's, and O(labelled + N/8 bytes) beside it. While others ask at the same time it chooses anew, up to 3
        times, so that ``q`` is right; the last time they wait.
        """
        if not isinstance(heuristic, Heuristic):
            raise TypeError(f"heuristic: expected one of alcore's, such as BALD(), got {type(heuristic).__name__}.")
        options = {"kind": kind, "weights": weights}
        who, generator = checks.as_text(asker, "asker"), door.as_rng(rng)
        size = door.as_size(k, "k")
        return self._pool.ask(Asking(heuristic, predictions, size, ids, who, generator, mask, options, note))

    def tell(
        self,
        query: Query | int,
        labels: Mapping[Any, Any] | Iterable[Any],
        *,
        annotator: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Record labels of a query, all or some; they are on disk when this returns.

        Args:
            query: what `ask` returned, or its number.
            labels: {id: label}, or a label for each of ``query.ids`` in their order. A label is any JSON value.
            annotator: who labelled.
            overwrite: replace labels that are there; the old ones stay in the history.

        Raises: `LedgerError` for ids that were not in the query, labels that are there already, and a query that was withdrawn.
        Nothing is recorded then.
        """
        number = query.number if isinstance(query, Query) else door.as_count(query, "query")
        given = checks.as_mapping(query, labels)
        if number == 0 and not given:
            return
        with self._database.writing() as connection:
            positions = self._positions(connection, list(given))
            checks.check_query(connection, number, positions)
            checks.write_labels(connection, positions, given, number, annotator, overwrite)

    def label(self, labels: Mapping[Any, Any], *, annotator: str | None = None, overwrite: bool = False) -> None:
        """Record labels {id: label} whether they were asked for or not: those one begins with, or bought elsewhere."""
        with self._database.writing() as connection:
            positions = self._positions(connection, list(labels))
            checks.write_labels(connection, positions, labels, None, annotator, overwrite)

    def label_randomly(
        self,
        k: int,
        rng: Rng = None,
        *,
        labels: Mapping[Any, Any] | Callable[[Ids], Any] | None = None,
        asker: str = "default",
    ) -> Query:
        """Ask for k free ids drawn uniformly, as one begins; with ``labels``, {id: label} or a function of ids, tell them too."""
        query = self.ask(Random(), None, k, asker=asker, rng=rng)
        if labels is not None and len(query):
            told = labels(query.ids) if callable(labels) else {one: labels[one] for one in query.ids.tolist()}
            self.tell(query, told)
        return query

    def withdraw(self, query: Query | int) -> None:
        """Take back what of a query has no label yet: its ids are free again, and later labels of it are refused."""
        number = query.number if isinstance(query, Query) else door.as_count(query, "query")
        with self._database.writing() as connection:
            reading.withdraw(connection, number)

    def unlabel(self, ids: Any) -> None:
        """Take labels away: the ids are free again; the labels stay in the history."""
        self._free(ids, "labelled", "unlabelled")

    def set_aside(self, ids: Any) -> None:
        """Leave ids out, unlabelled or asked, because they cannot or need not be labelled."""
        with self._database.writing() as connection:
            positions = self._positions(connection, ids)
            checks.check_states(connection, positions, ("unlabelled", "asked"))
            reading.set_state(connection, positions, "aside")

    def restore(self, ids: Any) -> None:
        """Make free again what was set aside."""
        self._free(ids, "aside", "restored")

    def add(self, ids: int | Iterable[Any]) -> None:
        """More ids: how many, or the numbers that follow, or names where the ledger has names."""
        with self._database.writing() as connection:
            about = reading.about(connection)
            count = known.add_more(connection, ids, about.size, about.named)
            connection.execute("UPDATE about SET size = size + ?, changes = changes + 1", (count,))

    def sample_pool(self, m: int, rng: Rng = None) -> Ids:
        """m free ids drawn at random, ascending: predict those alone, and pass them on: ``ask(..., ids=subset)``."""
        pool, count = self.pool, door.as_count(m, "m")
        chosen = door.as_rng(rng).choice(len(pool), min(count, len(pool)), replace=False)
        return pool[np.sort(chosen)]

    # --- files people use -------------------------------------------------------------------------------------------------

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
            layout = formats.Layout(COLUMNS, reading.about(connection).named, shown)
            return formats.write(path, exporting.rows(connection, wanted), layout)

    def import_file(
        self, path: str | os.PathLike[str], *, annotator: str | None = None, overwrite: bool = False
    ) -> Imported:
        """Take labels from a file, asked for or not; all or, where it or one of them is refused, none.

        An empty ledger of the same ids takes states and queries of a whole `export` too, so that another export is the same.

        Args:
            path: as `export` writes, or with the columns id and label alone; rows without a label are passed over.
            annotator: who labelled where the file does not say.
            overwrite: replace labels that are there and differ.
        """
        return self._take(path, importing.import_rows, annotator, overwrite)

    def tell_file(
        self,
        path: str | os.PathLike[str],
        *,
        query: Query | int | None = None,
        annotator: str | None = None,
        overwrite: bool = False,
    ) -> Imported:
        """`tell` what annotators hand back: labels of a query, else of the queries in the file's column, else of what is asked.

        Args: as `import_file` takes them. Ids that were not asked are refused.
        """
        number = query.number if isinstance(query, Query) else None if query is None else door.as_count(query, "query")
        return self._take(path, partial(importing.tell_rows, query=number), annotator, overwrite)

    # --- what risk estimators need ----------------------------------------------------------------------------------------

    @property
    def picked(self) -> Ids:
        """Ids in the order in which they were picked, for which `q` and `support` hold.

        Raises: `LedgerError` where the picks do not tell of the whole pool: one has no label, a query ranked a part of it, or ids
        came, went or were labelled without being asked after the first query (arXiv:2101.11665).
        """
        with self._database.reading() as connection:
            return reading.names(connection, reading.risk(connection, self._database.name).positions)

    @property
    def q(self) -> Float64s:
        """(M,) the probability of each pick given the earlier ones, for `alcore.lure`; refused as `picked` is."""
        with self._database.reading() as connection:
            return reading.risk(connection, self._database.name).q

    @property
    def support(self) -> Positions:
        """(M,) how many ids had q > 0 at each pick; refused as `picked` is."""
        with self._database.reading() as connection:
            return reading.risk(connection, self._database.name).support

    @property
    def pool_size(self) -> int:
        """N of the estimators: how many ids were free at the first pick; refused as `picked` is."""
        with self._database.reading() as connection:
            return reading.risk(connection, self._database.name).pool_size

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _take(
        self, path: str | os.PathLike[str], take: Callable[..., Imported], annotator: str | None, overwrite: bool
    ) -> Imported:
        who = None if annotator is None else checks.as_text(annotator, "annotator")
        replace, source = door.as_flag(overwrite, "overwrite"), formats.read(path)
        with self._database.writing() as connection:
            return take(connection, source, annotator=who, overwrite=replace)

    def _about(self) -> reading.About:
        with self._database.reading() as connection:
            return reading.about(connection)

    def _positions(self, connection: Connection, ids: Any) -> Positions:
        about = reading.about(connection)
        return known.positions_of(connection, ids, about.size, about.named)

    def _in_state(self, state: str) -> Ids:
        with self._database.reading() as connection:
            return reading.names(connection, reading.positions_in(connection, state))

    def _free(self, ids: Any, state: str, action: str) -> None:
        with self._database.writing() as connection:
            positions = self._positions(connection, ids)
            checks.check_states(connection, positions, (state,))
            reading.free(connection, positions, action)
