"""``Query``: what was asked, on whose behalf, and how it was chosen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.ledger import formats
from alcore.ledger.columns import COLUMNS, Row
from alcore.ledger.layout import Layout
from alcore.ledger.shown import Shown


@dataclass(frozen=True, eq=False)
class Query:
    """The picks of one query that have no label yet, in the order chosen. The ledger recorded them before it returned them.

    `Ledger.ask`, `Ledger.label_randomly` and `Ledger.open_queries` return it, and `Ledger.tell` takes it. All arrays have one
    entry per pick, k in all.

    Attributes:
        number: the number of the query in its ledger, from 1. It is 0 if no id was free, so that nothing was asked.
        ids: (k,) the ids to label: whole numbers, or the names that the ledger was made with.
        scores: (k,) the score of each pick, in the heuristic's units (nats for entropies and information). NaN if the heuristic
            has no scores.
        q: (k,) the probability of each pick given the earlier ones, 0 < q ≤ 1, as in `Batch`.
        support: (k,) how many rows had q > 0 at each pick, as in `Batch`.
        information: (k,) joint information of the batch after each pick, nats. None if the heuristic does not report it.
        asker: the name on whose behalf it was asked.
        step: how many queries this asker had before.
        heuristic: the name of the heuristic.
        ledger: the identity of the ledger that asked, as `Ledger.identity`. Another ledger refuses this query.
        update: what the predictions learned before they were ranked (`Update`). None if they learned nothing. Its keys: "learned",
            how many labels; "left_out", how many had no row; "trained_on", how many labels the model was trained on, and "digest",
            16 hexadecimal digits of their ids; "scale", "draws", "seed" and "effective_dimension" of the `Posterior`.

    >>> import alcore
    >>> query = alcore.Ledger(size=10).label_randomly(3, rng=0)
    >>> query.ids.tolist(), query.heuristic, len(query)
    ([5, 9, 6], 'random', 3)
    """

    number: int
    ids: npt.NDArray[Any]
    scores: npt.NDArray[np.float64]
    q: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]
    information: npt.NDArray[np.float64] | None
    asker: str
    step: int
    heuristic: str
    ledger: str
    update: Mapping[str, Any] | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def export(
        self,
        path: str | os.PathLike[str],
        *,
        data: Mapping[str, str] | None = None,
        data_from: str | os.PathLike[str] | None = None,
        overwrite: bool = False,
    ) -> None:
        """Write the query into a file for annotators. They fill in the labels, and `Ledger.tell_file` reads the file.

        The columns are id, label (empty), annotator, query, score, q and ledger. The rows are in the order chosen.

        Args:
            path: a file that ends in .csv, .tsv, .jsonl, .parquet (``alcore[parquet]``), or .json for Label Studio's tasks.
            data: what Label Studio shows for each id, such as ``{"image": "https://host/{id}.png"}``. In braces stand the id and
                the columns of ``data_from``.
            data_from: a .jsonl, .csv, .tsv or .parquet file with a column id and what Label Studio shows for it, such as a text.
            overwrite: True to replace a file that is there already.

        Raises:
            LedgerError: for another ending, a file that cannot be written, that is there already with other content, ``data`` with
                a file that is not .json, and for ids that ``data_from`` does not have.

        >>> import alcore, pathlib, tempfile
        >>> path = pathlib.Path(tempfile.mkdtemp()) / "todo.csv"
        >>> alcore.Ledger(size=10).label_randomly(3, rng=0).export(path)
        >>> path.read_text().splitlines()[0]
        'id,label,annotator,query,score,q,ledger'
        """
        layout = query_layout(self, data, data_from)
        formats.write(path, query_rows(self), layout, overwrite=door.as_flag(overwrite, "overwrite"))


def query_layout(
    query: Query, data: Mapping[str, str] | None = None, data_from: str | os.PathLike[str] | None = None
) -> Layout:
    """What a file of the query has: its columns, and what Label Studio shows."""
    return Shown(data, data_from).layout(query.ids.tolist(), query.ids.dtype == object)


def names_of_items(path: str | os.PathLike[str]) -> list[str]:
    """The columns of a file of items: of a table all of them, of JSON lines those that any line has."""
    return list(dict.fromkeys(name for _, record in formats.items_of(path) for name in record if name != "label"))


def query_rows(query: Query) -> Iterator[Row]:
    """The rows that annotators get, in the order chosen, without labels."""
    empty = dict.fromkeys(COLUMNS)
    columns = (query.ids.tolist(), query.scores.tolist(), query.q.tolist())
    for one, score, q in zip(*columns, strict=True):
        yield {
            **empty,
            "id": one,
            "query": query.number,
            "heuristic": query.heuristic,
            "score": None if score != score else score,
            "q": q,
            "ledger": query.ledger,
        }
