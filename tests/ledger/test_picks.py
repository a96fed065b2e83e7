"""The picks that risk estimators need: in order, with their probabilities, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.examples import PROBS, N


def test_picks_in_order_with_their_probabilities(ledger: Ledger) -> None:
    first = ledger.label_randomly(5, rng=0, labels=dict.fromkeys(range(N), 0))
    second = ledger.ask(alcore.PowerBALD(), PROBS, 4, rng=0)
    with pytest.raises(LedgerError, match="4 picks have no label yet"):
        _ = ledger.q
    ledger.tell(second, [0] * 4)
    np.testing.assert_array_equal(ledger.picked, [*first.ids, *second.ids])
    np.testing.assert_array_equal(ledger.q, [*first.q, *second.q])
    np.testing.assert_array_equal(ledger.support, [*range(N, N - 5, -1), *second.support])
    assert ledger.pool_size == N


def test_picks_that_do_not_tell_of_the_whole_pool(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="nothing was asked yet"):
        _ = ledger.q

    def after(change: Any, ids: Any = None) -> str:
        one = Ledger(N)
        one.label({39: 1})  # what was there before the first query is no part of the pool
        query = one.label_randomly(3, rng=0, labels=dict.fromkeys(range(N), 0))
        change(one, query)
        chosen = one.pool if ids is None else one.pool[:ids]
        last = one.ask(alcore.Random(), None, 3, ids=chosen, rng=0)
        one.tell(last, [0] * 3)
        try:
            return f"{len(one.q)} of {one.pool_size}"
        except LedgerError as error:
            return str(error)

    def withdraw(one: Ledger, query: Any) -> None:
        one.withdraw(one.ask(alcore.Random(), None, 2))

    assert after(lambda one, query: None) == f"6 of {N - 1}"
    assert "ranked only 10 of 36 free ids" in after(lambda one, query: None, ids=10)
    assert "before query 2 ids came into the pool or left it without a query. Begin a new ledger" in after(
        lambda one, query: one.add(1)
    )
    assert "came into the pool or left it" in after(lambda one, query: one.label({int(one.pool[0]): 1}))
    assert "came into the pool or left it" in after(lambda one, query: one.set_aside(one.pool[:1]))
    assert "came into the pool or left it" in after(lambda one, query: one.unlabel(query.ids[:1]))
    assert "query 2 was withdrawn" in after(withdraw)
