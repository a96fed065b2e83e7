"""A run that is cut off anywhere, or waits for people, goes on from its ledger to the end it would have had."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcore import Ledger
from alcore.stopping import LabelBudget
from tests.loop.runs import HEURISTICS, TRUTH, N, accuracy, committee, make, probs, state


class PowerFailure(BaseException):
    """Ends a run as a kill does: no handler of errors sees it."""


def cutting(function: Callable[..., Any], calls: list[int], at: int, after: bool) -> Callable[..., Any]:
    """A function that fails at its call of that number, counted over all such functions, before it is done or after."""

    def wrapped(*args: Any) -> Any:
        calls[0] += 1
        if calls[0] == at and not after:
            raise PowerFailure
        result = function(*args)
        if calls[0] == at and after:
            raise PowerFailure
        return result

    return wrapped


@pytest.mark.parametrize("name", ["power", "batchbald"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_is_cut_off_anywhere_ends_the_same(name: str, after: bool, tmp_path: Path) -> None:
    given = {"heuristic": HEURISTICS[name], "sample": 30, "seed": 5}
    whole = make(Ledger.open(tmp_path / "whole.db", N), **given)
    expected = [(step.past.step, step.stopped) for step in whole]
    at = 0
    while True:
        at += 1
        calls, path = [0], tmp_path / f"{at}.db"
        functions = {"train": committee, "predict": probs, "oracle": lambda ids: TRUTH[ids], "metrics": accuracy}
        cut = {key: cutting(function, calls, at, after) for key, function in functions.items()}
        steps = []
        try:
            with Ledger.open(path, N) as ledger:
                for step in make(ledger, **given, **cut):
                    steps.append((step.past.step, step.stopped))
            break
        except PowerFailure:
            pass
        with Ledger.open(path) as ledger:
            steps += [(step.past.step, step.stopped) for step in make(ledger, **given)]
            assert state(ledger) == state(whole.ledger), f"cut at call {at}"
            assert sorted(set(steps), key=lambda one: one[0]) == expected
    assert at > 15
    whole.ledger.close()


def test_no_step_trains_on_its_own_query_even_where_that_is_answered_in_part() -> None:
    """Not when the run goes on either: its models and metrics are those of a run without an interruption."""
    whole = make()
    models = [step.model for step in whole]
    ledger, asked = Ledger(N), []

    def one_by_one(ids: Any) -> Any:
        asked.append(len(ids))
        if len(asked) == 4:
            raise PowerFailure
        return {int(ids[0]): int(TRUTH[ids[0]])}

    with pytest.raises(PowerFailure):
        make(ledger, start=0, oracle=one_by_one).run()
    assert asked == [4, 3, 2, 1]
    seen = list(make(ledger, start=0))
    other = list(make(start=0))
    for one, two in zip(seen, other, strict=True):
        np.testing.assert_array_equal(one.model, two.model)
        assert one.metrics == two.metrics
    assert len(models) == 5


def test_an_oracle_without_an_answer_ends_the_iteration() -> None:
    """Labels that a person gives the ledger in the meantime are found."""
    ledger = Ledger(N)
    loop = make(ledger, oracle=lambda ids: None)
    assert list(loop) == []
    (query,) = ledger.open_queries()
    ledger.tell(query, TRUTH[query.ids])
    assert list(loop) == []  # the first step waits
    (query,) = ledger.open_queries()
    ledger.tell(query, {int(one): int(TRUTH[one]) for one in query.ids[:2]})
    done = list(make(ledger))
    assert [step.past.step for step in done] == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(np.sort(done[0].query.ids), np.sort(query.ids[2:]))  # type: ignore[union-attr]


def test_a_run_goes_on_with_a_larger_budget_and_otherwise_stays() -> None:
    ledger = Ledger(N)
    make(ledger).run()
    before = state(ledger)
    again = list(make(ledger))
    assert [step.stopped is None for step in again] == [False]
    assert state(ledger) == before
    make(ledger, stop=LabelBudget(24)).run()
    whole = make(stop=LabelBudget(24))
    whole.run()
    assert [past.labelled for past in make(ledger).history] == [6, 10, 14, 18, 20, 24, 28, 30]
    assert [past.labelled for past in whole.history] == [6, 10, 14, 18, 22, 26, 30]


def test_a_query_that_others_ask_on_behalf_of_the_run_is_no_step_of_it(tmp_path: Path) -> None:
    """`alcore ledger ask` has the same asker by default: what it asks while the loop trains is labelled and trained on."""
    path, trained = tmp_path / "run.db", list[int]()

    def train(ids: Any, labels: Any) -> Any:
        trained.append(len(ids))
        if len(trained) in (1, 3):
            with Ledger.open(path) as other:
                other.label_randomly(3, rng=len(trained))
        return committee(ids, labels)

    with Ledger.open(path, N) as ledger:
        steps = list(make(ledger, train=train))
        assert trained == [6, 9, 13, 16, 20, 24, 26]
        assert (
            [step.past.labelled for step in steps]
            == [9, 16, 20, 24, 26]
            == [past.labelled for past in make(ledger).history]
        )
        assert [step.past.step for step in steps] == list(range(5))
        ledger.label_randomly(3, rng=9)  # while the loop is not there
        more = list(make(ledger, stop=LabelBudget(18)))
        assert [step.past.labelled for step in more] == [29, 33]
        assert [past.size for past in make(ledger).history] == [4, 4, 4, 2, 0, 4, 0]
