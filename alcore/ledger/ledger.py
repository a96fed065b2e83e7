"""``Ledger``: the record of a labelling campaign, with the methods that change it."""

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
from alcore.ledger import answers, asking, checks, label_type, writing
from alcore.ledger.asking import AskArguments
from alcore.ledger.database import Database
from alcore.ledger.errors import LedgerError
from alcore.ledger.files import LedgerFiles
from alcore.ledger.ids import Ids, Positions, as_names, positions_of
from alcore.ledger.label_type import LabelType
from alcore.ledger.pool import Pool
from alcore.ledger.query import Query
from alcore.ledger.reading import FREE
from alcore.ledger.readonly import ReadonlyDatabase
from alcore.ledger.update import Update, check_update


@final
class Ledger(LedgerFiles):
    """The record of a labelling campaign: which ids are unlabelled, asked, labelled or set aside, and how they were picked.

    `ask` records a query, and `tell` records its labels. What they record is on disk when they return.
    ``Ledger.open("run.db", size=N)`` keeps an SQLite file, which several processes may use at once. ``Ledger(size=N)`` is the same
    in memory. Ids are the numbers 0 … N−1, or strings of your own (``ids=``). Predictions come with the ids of their rows, so
    that the ledger never takes one row for another. A ledger is a context manager: ``with Ledger.open(...) as ledger:`` closes it.

    Args:
        size: N, how many ids there are.
        ids: names for the ids instead of numbers, all different.
        labels: what labels are. "json": any JSON value. "text": texts, each kept as it was typed. Or a list of the classes that
            are possible; the class 7 and the class "7" are one, and nothing else is accepted.

    Raises:
        LedgerError: (a ValueError) for ids that the ledger does not have, labels that would replace others, and files that are
            damaged, read-only, on a full disk or not a ledger. Such a file stays as it is.

    >>> import alcore, numpy
    >>> ledger = alcore.Ledger(size=100)
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(100, 8)).transpose(0, 2, 1)
    >>> query = ledger.ask(alcore.PowerBALD(), probs, k=2, rng=0)
    >>> ledger.tell(query, ["cat", "dog"])
    >>> ledger.labelled.tolist() == sorted(query.ids.tolist()), len(ledger.pool)
    (True, 98)
    """

    def __init__(
        self,
        size: int | None = None,
        *,
        ids: Iterable[str] | None = None,
        labels: str | Iterable[Any] | None = None,
    ) -> None:
        if size is None and ids is None:
            raise LedgerError(
                "size: expected the number of ids, or names in ids, got neither. Write Ledger(size=N) or Ledger(ids=[...])."
            )
        self._begin(None, size, ids, labels, 60.0)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        size: int | None = None,
        *,
        ids: Iterable[str] | None = None,
        labels: str | Iterable[Any] | None = None,
        timeout: float = 60.0,
        lost_log: bool = False,
        readonly: bool = False,
    ) -> Ledger:
        """Open the ledger of a file, or make the file if there is none.

        Args:
            path: the file. SQLite keeps ``<name>-wal`` and ``<name>-shm`` beside it while it is open.
            size: N, how many ids a new ledger has. If the file exists, N must be the number of its ids.
            ids: names of a new ledger. If the file exists, they must be its names in its order.
            labels: what the labels of a new ledger are: "json", "text" or a list of classes, "json" by default. If the file
                exists, they must be what it has.
            timeout: seconds to wait for other processes that write.
            lost_log: True to open a file whose log is missing with the labels that the file itself holds.
            readonly: True to only read a ledger that exists. Nothing is written to the file, its folder or its log, so it works in
                read-only places and beside other processes that write. Each call reads what was recorded last. Calls that write
                are refused.

        Returns:
            The ledger. Call `close` at the end, or open it in a ``with`` statement.

        Raises:
            LedgerError: if there is no file and neither ``size`` nor ``ids``, if the file's ids are others, and if the file is
                damaged, read-only, on a full disk or not a ledger. Such a file stays as it is.

        >>> import alcore, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "run.db"
        >>> with alcore.Ledger.open(path, size=100) as ledger:
        ...     ledger.label({3: "cat"})
        >>> with alcore.Ledger.open(path, readonly=True) as ledger:
        ...     ledger.counts()
        {'unlabelled': 99, 'asked': 0, 'labelled': 1, 'aside': 0}
        """
        door.check_local(path, "path")
        ledger = cls.__new__(cls)
        ledger._begin(path, size, ids, labels, timeout, lost_log, door.as_flag(readonly, "readonly"))
        return ledger

    def _begin(
        self,
        path: str | os.PathLike[str] | None,
        size: int | None,
        ids: Iterable[str] | None,
        labels: str | Iterable[Any] | None,
        timeout: float,
        lost_log: bool = False,
        readonly: bool = False,
    ) -> None:
        given = label_type.as_label_type(labels)
        names = None if ids is None else as_names(ids)
        if size is not None:
            size = door.as_count(size, "size")
        if names is not None and size not in (None, len(names)):
            raise LedgerError(f"size: expected {len(names)}, the number of names in ids, got {size}. Leave size out.")
        count = size if names is None else len(names)
        fill = None if count is None else partial(writing.fill_new, size=count, ids=names, labels=given or LabelType())
        lost = door.as_flag(lost_log, "lost_log")
        if readonly and path is not None:
            self._database = ReadonlyDatabase(path, timeout, lost)
        else:
            self._database = Database(path, timeout, fill, lost)
        self._pool = Pool()
        with self._database.reading() as connection:
            checks.check_same_ids(connection, self._database.name, count, names)
            self._labels = label_type.read(connection)
        if given not in (None, self._labels):
            self.close()
            raise LedgerError(
                f"{self._database.name}: expected labels={self._labels.named!r}, what this ledger was made with, got "
                f"labels={labels!r}. Open it without labels: Ledger.open(path)."
            )

    def empty(self, path: str | os.PathLike[str] | None = None) -> Ledger:
        """A ledger with the same ids and without labels, in memory or in a file.

        Args:
            path: the file of the new ledger, None for memory. If the file exists already, it is opened with the labels it has.
                A file with other ids is refused.
        """
        ids = self.ids.tolist() if self._about().named else None
        size = None if ids is not None else len(self)
        labels = self._labels.named
        return Ledger(size, ids=ids, labels=labels) if path is None else Ledger.open(path, size, ids=ids, labels=labels)

    def close(self) -> None:
        """Close the file. Everything that was recorded is on disk already."""
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
        update: Update | None = None,
        **options: Unpack[MaskedReadingOptions],
    ) -> Query:
        """Choose the k free ids to label next with a heuristic, and record them as asked before they are returned.

        An asker who has an open query gets that query again, whatever the arguments are. Answer it (`tell`) or take it back
        (`withdraw`) first. Different askers get different ids, also when several processes ask at once.

        Args:
            heuristic: any heuristic of alcore, such as `PowerBALD`.
            predictions: (N, C, ..., T) from any source, one row for each of ``ids``. Rows whose ids are not free are left out.
                None for heuristics that need no predictions: `Random`, and `Precomputed` with one score for each of ``ids``.
            k: query size. If fewer ids are free, the query has fewer. If none is free, it is empty.
            ids: the ids of the rows of ``predictions``, in their order. All ids of the ledger by default.
            asker: the name on whose behalf the ids are asked.
            rng: None, a seed or a generator, as in ``heuristic.select``.
            note: a function of the `Batch`. Its result, any JSON value, is recorded with the query, and `notes` returns it.
            update: an `Update`, to learn the labels that came since the predictions were made before the rows are ranked. The
                predictions then need a row for each of these labels too.
            **options: ``kind``, ``axes``, ``over_labels``, ``weights``, ``mask`` and ``ignore_index`` as in
                ``heuristic.select``.
                The mask has one row for each of ``ids``.

        Returns:
            The `Query`. Its ``q`` and ``support`` are right for the rows that were free.

        Raises:
            TypeError: if ``heuristic`` is not a heuristic, or ``asker`` not a name.
            LedgerError: for ids that the ledger does not have, for predictions without ``ids`` whose rows are named (xarray,
                pandas) as the ids in another order, and with ``update`` for labels that have no row or are no classes.
            ValueError: if ``predictions`` has not one row for each of ``ids``, and what the heuristic raises.

        Cost: that of the heuristic, O(labelled ids) time and N/8 bytes. If others ask at the same time, it chooses up to 3 times,
        so that ``q`` stays right. During the last try the others wait.

        >>> import alcore
        >>> ledger = alcore.Ledger(size=5)
        >>> ledger.ask(alcore.Precomputed([0.1, 0.7, 0.2, 0.9, 0.4]), None, k=2).ids.tolist()
        [3, 1]
        """
        if not isinstance(heuristic, Heuristic):
            raise TypeError(
                f"heuristic: expected a heuristic of alcore, such as BALD(), got {type(heuristic).__name__}. By its name: "
                "alcore.heuristic('bald')."
            )
        self._database.check_writable()
        name, generator = checks.as_name(asker, "asker"), door.as_rng(rng)
        size, reading = door.as_size(k, "k"), Reading.of(options)
        if update is not None:
            check_update(update, predictions, options)
        arguments = AskArguments(heuristic, predictions, size, ids, name, generator, reading, note, update)
        return asking.ask(self._database, self._pool, arguments)

    def tell(
        self,
        query: Query | int,
        labels: Mapping[Any, Any] | Iterable[Any],
        *,
        annotator: str | None = None,
        overwrite: bool = False,
    ) -> None:
        """Record labels of a query, all of them or some. They are on disk when this returns.

        Args:
            query: the `Query` that `ask` returned, or its number.
            labels: ``{id: label}``, or a list with one label for each of ``query.ids`` in their order. A label is any JSON value.
            annotator: the name of who labelled.
            overwrite: True to replace labels that are there. The old labels stay in the `history`.

        Raises:
            LedgerError: for ids that are not in the query, ids that have a label already or were set aside, and a query that was
                withdrawn. Nothing is recorded then.
            TypeError: if ``annotator`` is not a name, or ``overwrite`` not True or False.

        >>> import alcore
        >>> ledger = alcore.Ledger(size=5)
        >>> query = ledger.ask(alcore.Precomputed([0.1, 0.7, 0.2, 0.9, 0.4]), None, k=2)
        >>> ledger.tell(query, {3: "cat"}, annotator="ann")
        >>> ledger.labelled.tolist(), ledger.asked.tolist()
        ([3], [1])
        """
        number = checks.as_number(query, self.identity, self._database.name)
        given = answers.as_mapping(query, labels)
        if number == 0 and not given:
            return
        with self._database.writing() as connection:
            positions = positions_of(connection, list(given))
            checks.check_query(connection, number, positions)
            self._write_labels(connection, positions, given, number, annotator, overwrite)

    def label(self, labels: Mapping[Any, Any], *, annotator: str | None = None, overwrite: bool = False) -> None:
        """Record labels of any ids, asked or not, such as labels that you have at the start.

        Args:
            labels: ``{id: label}``. A label is any JSON value.
            annotator: the name of who labelled.
            overwrite: True to replace labels that are there. The old labels stay in the `history`.

        Raises:
            LedgerError: for ids that the ledger does not have, that have a label or were set aside. Nothing is recorded then.
        """
        given = answers.by_id(labels)
        if given is None:
            answers.refuse_without_ids(labels, "Write dict(zip(ids, labels)), with the ids in the order of the labels.")
        with self._database.writing() as connection:
            positions = positions_of(connection, list(given))
            self._write_labels(connection, positions, given, None, annotator, overwrite)

    def label_randomly(
        self,
        k: int,
        rng: Rng = None,
        *,
        labels: Mapping[Any, Any] | Callable[[Ids], Any] | None = None,
        asker: str = "default",
    ) -> Query:
        """Ask for k free ids that are drawn uniformly at random, for example to begin with. Optionally record their labels.

        Args:
            k: query size. If fewer ids are free, the query has fewer.
            rng: None, a seed or a generator.
            labels: ``{id: label}``, or a function from ids to labels. Their labels are recorded at once.
            asker: the name on whose behalf the ids are asked. As in `ask`, an open query of this asker is returned again.

        >>> import alcore
        >>> ledger = alcore.Ledger(size=10)
        >>> ledger.label_randomly(3, rng=0, labels=lambda ids: ids % 2).ids.tolist(), ledger.labels
        ([5, 9, 6], [1, 0, 1])
        """
        query = self.ask(Random(), None, k, asker=asker, rng=rng)
        if labels is not None and len(query):
            given = labels(query.ids) if callable(labels) else {one: labels[one] for one in query.ids.tolist()}
            self.tell(query, given)
        return query

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
        texts = [self._labels.from_value(label, f"labels[{one!r}]") for one, label in labels.items()]
        before = checks.check_labels(connection, positions, texts, overwrite)
        new = [place for place, row in enumerate(positions.tolist()) if not before.get(row, FREE).has(texts[place])]
        kept = [texts[place] for place in new]
        writing.write_labels(connection, positions[new], kept, before, query, name)
