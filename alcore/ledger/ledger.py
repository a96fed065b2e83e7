"""``Ledger``: the record of a labelling campaign, and what changes it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from sqlite3 import Connection
from typing import Any, Unpack, final

from alcore import door
from alcore.batches.batch import Batch
from alcore.door import MaskedReadingOptions, Reading, Rng, shows_options
from alcore.heuristics import Heuristic, Random
from alcore.ledger import asking, checks, formats, importing, writing
from alcore.ledger.asking import AskArguments
from alcore.ledger.database import Database
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Ids, Positions, as_names, positions_of
from alcore.ledger.importing import Imported
from alcore.ledger.label_text import encode
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query
from alcore.ledger.view import LedgerView


@final
class Ledger(LedgerView):
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
        names = None if ids is None else as_names(ids)
        if size is not None:
            size = door.as_count(size, "size")
        if names is not None and size not in (None, len(names)):
            raise LedgerError(f"size: expected {len(names)}, as there are ids, got {size}. Leave it out.")
        count = size if names is None else len(names)
        fill = None if count is None else partial(writing.fill_new, size=count, ids=names)
        self._database = Database(path, timeout, fill)
        self._pool = Pool()
        with self._database.reading() as connection:
            checks.check_same_ids(connection, self._database.name, count, names)

    def empty(self, path: str | os.PathLike[str] | None = None) -> Ledger:
        """A ledger of the same ids without labels, in memory or in a file; a file that is there is opened, whatever it has."""
        ids = self.ids.tolist() if self._about().named else None
        size = None if ids is not None else len(self)
        return Ledger(size, ids=ids) if path is None else Ledger.open(path, size, ids=ids)

    def close(self) -> None:
        """Let go of the file; what was told is on disk already."""
        self._database.close()

    # --- ask and tell -----------------------------------------------------------------------------------------------------

    @shows_options(MaskedReadingOptions)
    def ask(
        self,
        heuristic: Heuristic,
        predictions: Any,
        k: int,
        *,
        ids: Any = None,
        asker: str = "default",
        rng: Rng = None,
        note: Callable[[Batch], Any] | None = None,
        **options: Unpack[MaskedReadingOptions],
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
            note: a function of the batch, whose result, any JSON value, is recorded with the query: see `notes`.
            rng, kind, weights, mask: as ``heuristic.select`` takes them; mask has a row for each of ``ids``.

        Cost: the heuristic's, and O(labelled + N/8 bytes) beside it. While others ask at the same time it chooses anew, up to 3
        times, so that ``q`` is right; the last time they wait.
        """
        if not isinstance(heuristic, Heuristic):
            raise TypeError(f"heuristic: expected one of alcore's, such as BALD(), got {type(heuristic).__name__}.")
        name, generator = checks.as_name(asker, "asker"), door.as_rng(rng)
        size, reading = door.as_size(k, "k"), Reading.of(options)
        arguments = AskArguments(heuristic, predictions, size, ids, name, generator, reading, note)
        return asking.ask(self._database, self._pool, arguments)

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
        number = checks.as_number(query)
        given = checks.as_mapping(query, labels)
        if number == 0 and not given:
            return
        with self._database.writing() as connection:
            positions = positions_of(connection, list(given))
            checks.check_query(connection, number, positions)
            self._write_labels(connection, positions, given, number, annotator, overwrite)

    def label(self, labels: Mapping[Any, Any], *, annotator: str | None = None, overwrite: bool = False) -> None:
        """Record labels {id: label} whether they were asked for or not: those one begins with, or bought elsewhere."""
        with self._database.writing() as connection:
            positions = positions_of(connection, list(labels))
            self._write_labels(connection, positions, labels, None, annotator, overwrite)

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
            given = labels(query.ids) if callable(labels) else {one: labels[one] for one in query.ids.tolist()}
            self.tell(query, given)
        return query

    def withdraw(self, query: Query | int) -> None:
        """Take back what of a query has no label yet: its ids are free again, and later labels of it are refused."""
        number = checks.as_number(query)
        with self._database.writing() as connection:
            writing.withdraw(connection, number)

    def unlabel(self, ids: Any) -> None:
        """Take labels away: the ids are free again; the labels stay in the history."""
        self._free(ids, "labelled", "unlabelled")

    def set_aside(self, ids: Any) -> None:
        """Leave ids out, unlabelled or asked, because they cannot or need not be labelled."""
        with self._database.writing() as connection:
            positions = positions_of(connection, ids)
            checks.check_states(connection, positions, ("unlabelled", "asked"))
            writing.set_state(connection, positions, "aside")

    def restore(self, ids: Any) -> None:
        """Make free again what was set aside."""
        self._free(ids, "aside", "restored")

    def add(self, ids: int | Iterable[Any]) -> None:
        """More ids: how many, or the numbers that follow, or names where the ledger has names."""
        with self._database.writing() as connection:
            writing.add_ids(connection, ids)

    def write_note(self, note: Any, *, step: int, asker: str = "default") -> None:
        """Note a JSON value of a step, in place of what was noted of it before; `ask` does it with the query, both or neither."""
        text = encode(note, "note")
        with self._database.writing() as connection:
            writing.write_note(connection, checks.as_name(asker, "asker"), door.as_count(step, "step"), text)

    # --- files people use -------------------------------------------------------------------------------------------------

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
        return self._import(path, importing.import_rows, annotator, overwrite)

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
        number = None if query is None else checks.as_number(query)
        return self._import(path, partial(importing.tell_rows, query=number), annotator, overwrite)

    # --- inside -----------------------------------------------------------------------------------------------------------

    def _write_labels(
        self,
        connection: Connection,
        positions: Positions,
        labels: Mapping[Any, Any],
        query: int | None,
        annotator: str | None,
        overwrite: bool,
    ) -> None:
        name = None if annotator is None else checks.as_name(annotator, "annotator")
        texts, before = checks.check_labels(connection, positions, labels, overwrite)
        writing.write_labels(connection, positions, texts, before, query, name)

    def _free(self, ids: Any, state: str, action: str) -> None:
        with self._database.writing() as connection:
            positions = positions_of(connection, ids)
            checks.check_states(connection, positions, (state,))
            writing.free(connection, positions, action)

    def _import(
        self, path: str | os.PathLike[str], take: Callable[..., Imported], annotator: str | None, overwrite: bool
    ) -> Imported:
        name = None if annotator is None else checks.as_name(annotator, "annotator")
        replace, file = door.as_flag(overwrite, "overwrite"), formats.read(path)
        with self._database.writing() as connection:
            return take(connection, file, annotator=name, overwrite=replace)
