"""Picks in order with their probabilities, as unbiased estimators of the risk need them (arXiv:2101.11665)."""

from __future__ import annotations

from dataclasses import dataclass
from sqlite3 import Connection

import numpy as np

from alcore.door import Float64s
from alcore.ledger.errors import LedgerError
from alcore.ledger.ids import Positions


@dataclass(frozen=True)
class Picks:
    """Of all queries, in order: M picks of a pool that had ``pool_size`` ids at the first."""

    positions: Positions
    q: Float64s
    support: Positions
    pool_size: int


def picks_of_whole_pool(connection: Connection, where: str) -> Picks:
    """Refused where the picks since the first query do not tell of the whole pool."""
    queries = connection.execute("SELECT query, free, ranked, withdrawn FROM queries ORDER BY query").fetchall()
    if not queries:
        raise LedgerError(f"{where}: nothing was asked yet, so there are no picks.")
    picks = connection.execute(
        "SELECT picks.query, picks.position, q, support, state FROM picks LEFT JOIN items "
        "ON items.position = picks.position AND items.query = picks.query ORDER BY picks.query, place"
    ).fetchall()
    size, before = queries[0][1], 0
    counts = np.unique([pick[0] for pick in picks], return_counts=True)
    sizes = dict(zip(*(column.tolist() for column in counts), strict=True))
    for number, free_then, ranked, withdrawn in queries:
        if ranked < free_then:
            reason = f"query {number} ranked {ranked} of {free_then} free ids, so the others had q = 0. Predict the whole pool"
        elif free_then != size - before:
            reason = f"ids came, went, or were labelled unasked before query {number}. Begin a new ledger with the pool as it is"
        elif withdrawn is not None:
            reason = f"query {number} was withdrawn, so picks of it are missing. Label what was asked"
        else:
            before += sizes[number]
            continue
        raise LedgerError(f"{where}: the picks do not tell of the whole pool: {reason}.")
    if waiting := sum(pick[4] != "labelled" for pick in picks):
        raise LedgerError(f"{where}: {waiting} picks since the first query have no label. Tell them first.")
    _, positions, q, support, _ = zip(*picks, strict=True)
    return Picks(np.array(positions, np.int64), np.array(q, np.float64), np.array(support, np.int64), size)
