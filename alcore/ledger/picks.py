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
    """The M picks of all queries, in order. The pool had ``pool_size`` ids at the first pick."""

    positions: Positions
    q: Float64s
    support: Positions
    pool_size: int


def picks_of_whole_pool(connection: Connection, where: str) -> Picks:
    """The picks of all queries. Refuse them if some ids of the pool had no chance, or if a pick has no label."""
    queries = connection.execute("SELECT query, free, ranked, withdrawn FROM queries ORDER BY query").fetchall()
    if not queries:
        raise LedgerError(
            f"{where}: nothing was asked yet, so there are no picks. First: ledger.ask(heuristic, predictions, k)."
        )
    picks = connection.execute(
        "SELECT picks.query, picks.position, q, support, state FROM picks LEFT JOIN items "
        "ON items.position = picks.position AND items.query = picks.query ORDER BY picks.query, place"
    ).fetchall()
    size, before = queries[0][1], 0
    counts = np.unique([pick[0] for pick in picks], return_counts=True)
    sizes = dict(zip(*(column.tolist() for column in counts), strict=True))
    for number, free_then, ranked, withdrawn in queries:
        if ranked < free_then:
            reason = f"query {number} ranked only {ranked} of {free_then} free ids, so the others had q = 0"
            remedy = "Begin a new ledger, and pass predictions of all free ids to ask"
        elif free_then != size - before:
            reason = f"before query {number} ids came into the pool or left it without a query"
            remedy = "Begin a new ledger of the free ids: Ledger(ids=[str(one) for one in ledger.pool])"
        elif withdrawn is not None:
            reason = f"query {number} was withdrawn, so some of its picks have no label"
            remedy = "Begin a new ledger, and answer every query with tell"
        else:
            before += sizes[number]
            continue
        raise LedgerError(f"{where}: the picks do not represent the whole pool: {reason}. {remedy}.")
    if waiting := sum(pick[4] != "labelled" for pick in picks):
        raise LedgerError(f"{where}: {waiting} picks have no label yet. Label them first: ledger.tell(query, labels).")
    _, positions, q, support, _ = zip(*picks, strict=True)
    return Picks(np.array(positions, np.int64), np.array(q, np.float64), np.array(support, np.int64), size)
