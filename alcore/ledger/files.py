"""``LedgerFiles``: the methods of a ledger that take labels from files, its own and those of other tools."""

from __future__ import annotations

import os
from abc import ABC
from collections.abc import Callable
from functools import partial
from typing import Any

from alcore import door
from alcore.ledger import checks, formats, importing
from alcore.ledger.agreement import Rule
from alcore.ledger.importing import Imported
from alcore.ledger.query import Query
from alcore.ledger.states import LedgerStates
from alcore.ledger.tools.keys import Keys


class LedgerFiles(LedgerStates, ABC):
    """The methods of a `Ledger` that take labels from files."""

    def import_file(
        self,
        path: str | os.PathLike[str],
        *,
        annotator: str | None = None,
        overwrite: bool = False,
        agree: str = "all",
        id: str | None = None,
        label: str | None = None,
        annotator_key: str | None = None,
        answer: str | None = None,
    ) -> Imported:
        """Take labels of any ids, asked or not, from a file. If one row is refused, nothing is recorded.

        A ledger without labels and queries also takes the states and queries of a complete `export` of the same ids. A new export
        is then the same file. Files of Label Studio, doccano, Prodigy and Argilla are known by their own marks. Their own record
        numbers are never taken for ids: name the key that has yours (``id``).

        Args:
            path: a file as `export` writes it, a file of another tool, or one with the columns id and label. Rows without a label
                are skipped.
            annotator: who labelled, for rows that do not name the annotator.
            overwrite: True to replace labels that are there and differ.
            agree: what counts where several annotators labelled an id. "all": their labels are equal. "majority": the label of
                more than half of them. "one=ann": only what ann said. "ground-truth": the label marked as ground truth in Label
                Studio, and equal labels where none is marked. Ids without such a label stay as they were, and are in ``disputed``.
            id: the key or column with the id. Dots lead deeper: "meta.id".
            label: the key with the label: "annotations.0.label". In Label Studio it is the name of the control, in Argilla the
                name of the question, "label" in both by default.
            annotator_key: the key with the name of the annotator.
            answer: "key=value": other records have no label, such as "status=submitted".

        Returns:
            How many labels were recorded (``labels``), were there already (``unchanged``) and are missing (``unlabelled``), and
                what is ``disputed``.

        Raises:
            LedgerError: for a file that cannot be read, and for rows with an error, with their line.
        """
        keys = Keys.of(id, label, annotator_key, answer)
        return self._import(path, importing.import_rows, keys, agree, annotator, overwrite)

    def tell_file(
        self,
        path: str | os.PathLike[str],
        *,
        query: Query | int | None = None,
        annotator: str | None = None,
        overwrite: bool = False,
        agree: str = "all",
        id: str | None = None,
        label: str | None = None,
        annotator_key: str | None = None,
        answer: str | None = None,
    ) -> Imported:
        """Record the labels of queries from a file that annotators filled in. If one row is refused, nothing is recorded.

        Args:
            path: a file as `Query.export` writes it, or of another tool. Rows without a label are skipped.
            query: the `Query` that the whole file answers, or its number. By default the column query of the file says which
                query a row answers. Without that column it is the query that asked for the id.
            annotator: who labelled, for rows that do not name the annotator.
            overwrite: True to replace labels that are there and differ.
            agree: what counts where several annotators labelled an id, as in `import_file`.
            id: the key with the id, as in `import_file`.
            label: the key with the label, as in `import_file`.
            annotator_key: the key with the name of the annotator.
            answer: "key=value": other records have no label.

        Returns:
            The same counts as `import_file`.

        Raises:
            LedgerError: for ids that were not asked, a query that was withdrawn, and as in `import_file`.
        """
        number = None if query is None else checks.as_number(query, self.identity, self._database.name)
        keys = Keys.of(id, label, annotator_key, answer)
        return self._import(path, partial(importing.tell_rows, query=number), keys, agree, annotator, overwrite)

    def _import(
        self,
        path: str | os.PathLike[str],
        take: Callable[..., Imported],
        keys: Keys,
        agree: Any,
        annotator: str | None,
        overwrite: bool,
    ) -> Imported:
        name, rule = None if annotator is None else checks.as_name(annotator, "annotator"), Rule.of(agree)
        replace, file = door.as_flag(overwrite, "overwrite"), formats.read(path, self._labels, keys)
        with self._database.writing() as connection:
            return take(connection, file, rule=rule, annotator=name, overwrite=replace)
