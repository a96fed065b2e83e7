"""``Query``: what was asked, of whom, and how it was chosen."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.ledger import formats, label_studio
from alcore.ledger.columns import COLUMNS, QUERY_COLUMNS, Row


@dataclass(frozen=True, eq=False)
class Query:
    """Items to label, as they were recorded before they were returned; those that have no label yet, in the order chosen.

    Attributes:
        number: of the query in its ledger, from 1; 0 where nothing was free and nothing was asked.
        ids: (k,) what to label: whole numbers, or the names that the ledger was made with.
        scores: (k,) the score of each pick; NaN where the heuristic has none.
        q, support: (k,) as in `Batch`: the probability of each pick given the earlier ones, and how many rows had any.
        information: (k,) joint information of the batch after each pick, nats; None where the heuristic does not tell.
        asker: on whose behalf.
        step: how many queries this asker had before.
        heuristic: its name.

    >>> import alcore
    >>> query = alcore.Ledger(size=10).label_randomly(3, rng=0)
    >>> query.ids.tolist(), query.heuristic, len(query)
    ([3, 2, 1], 'random', 3)
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

    def __len__(self) -> int:
        return len(self.ids)

    def export(self, path: str | os.PathLike[str], *, data: Mapping[str, str] | None = None) -> None:
        """Write it for annotators: id, an empty label, annotator, query, score and q, in the order chosen.

        Args:
            path: .csv, .jsonl, .parquet, or .json, which are tasks for Label Studio; with labels in it, for `Ledger.tell_file`.
            data: what Label Studio shows of an item, such as {"image": "https://host/{id}.png"}.
        """
        named = self.ids.dtype == object
        formats.write(path, query_rows(self), formats.Layout(QUERY_COLUMNS, named, label_studio.as_data(data)))


def query_rows(query: Query) -> Iterator[Row]:
    """What annotators get of a query, in the order chosen; their labels are still to come."""
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
        }
