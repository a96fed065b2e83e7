"""What an oracle may return, and what it may do with the ledger itself."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alcore import Ledger, LedgerError, Random
from tests.loop.runs import TRUTH, N, committee, make, probs, state


def shuffled(ids: Any) -> Any:
    return np.random.default_rng(len(ids)).permutation(ids)


RIGHT = {
    "array": lambda ids: TRUTH[ids],
    "list": lambda ids: TRUTH[ids].tolist(),
    "tuple": lambda ids: tuple(TRUTH[ids].tolist()),
    "generator": lambda ids: (int(TRUTH[one]) for one in ids),
    "mapping": lambda ids: {int(one): int(TRUTH[one]) for one in shuffled(ids)},
    "series": lambda ids: pd.Series(TRUTH[shuffled(ids)], index=shuffled(ids)),
    "part": lambda ids: pd.Series(TRUTH[ids[:1]], index=ids[:1]),
}
WRONG = {
    "set": lambda ids: set(TRUTH[ids].tolist()),
    "frame": lambda ids: pd.DataFrame({"label": TRUTH[ids]}, index=ids),
    "masked": lambda ids: np.ma.masked_array(TRUTH[ids], ids > 30),
    "text": lambda ids: "1" * len(ids),
    "short": lambda ids: TRUTH[ids][1:],
    "others": lambda ids: {(int(ids[0]) + 1) % N: 1},
    "series of places": lambda ids: pd.Series(TRUTH[ids], index=[N + i for i in range(len(ids))]),
}


@pytest.mark.parametrize("name", RIGHT)
def test_labels_go_to_their_ids(name: str) -> None:
    loop = make(oracle=RIGHT[name])
    loop.run()
    assert loop.ledger.labels == TRUTH[loop.ledger.labelled].tolist()
    assert loop.ledger.notes() == make_whole().notes()


def make_whole() -> Ledger:
    whole = make()
    whole.run()
    return whole.ledger


@pytest.mark.parametrize("name", WRONG)
def test_labels_without_their_ids_are_refused(name: str) -> None:
    ledger = Ledger(N)
    with pytest.raises(LedgerError):
        make(ledger, oracle=WRONG[name]).run()
    assert ledger.counts()["labelled"] == 0
    make(ledger).run()
    assert state(ledger) == state(make_whole())


@pytest.mark.parametrize("returned", ["nothing", "labels", "wrong"])
def test_an_oracle_may_tell_the_ledger_itself(returned: str, tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "run.db", N) as ledger:

        def oracle(ids: Any) -> Any:
            (query,) = ledger.open_queries()
            ledger.tell(query, TRUTH[query.ids])
            return {"nothing": None, "labels": TRUTH[ids], "wrong": 1 - TRUTH[ids]}[returned]

        if returned == "wrong":
            with pytest.raises(LedgerError, match="has the label"):
                make(ledger, oracle=oracle).run()
            make(ledger).run()
        else:
            make(ledger, oracle=oracle).run()
        assert ledger.labels == TRUTH[ledger.labelled].tolist()
        assert ledger.notes() == make_whole().notes()


def test_an_oracle_may_ask_and_set_aside() -> None:
    """In the run's own name it gets the open query again, in another name other ids."""
    ledger, seen = Ledger(N), list[int]()

    def oracle(ids: Any) -> Any:
        again = ledger.ask(Random(), None, 3, rng=0)
        np.testing.assert_array_equal(again.ids, ids)
        other = ledger.ask(Random(), None, 1, rng=len(seen), asker="check")
        assert not set(other.ids.tolist()) & set(ids.tolist())
        seen.extend(other.ids.tolist())
        ledger.set_aside(other.ids)
        return TRUTH[ids]

    make(ledger, oracle=oracle).run()
    assert len(set(seen)) == len(seen) == 5
    assert ledger.counts() == {"unlabelled": N - 25, "asked": 0, "labelled": 20, "aside": 5}


def test_functions_of_the_loop_may_call_the_ledger() -> None:
    ledger = Ledger(N)

    def train(ids: Any, labels: Any) -> Any:
        ledger.write_note(len(ids), step=len(ids), asker="sizes")
        return committee(ids, labels)

    def predict(model: Any, ids: Any) -> Any:
        if ledger.counts()["aside"] < 3:
            ledger.set_aside(ids[:1])  # while the pool is ranked
        return probs(model, ids)

    def metrics(model: Any) -> dict[str, float]:
        ledger.label_randomly(1, rng=0, labels=lambda ids: TRUTH[ids], asker="extra")
        return {"labels": float(len(ledger.labelled))}

    steps = list(make(ledger, train=train, predict=predict, metrics=metrics))
    assert ledger.labels == TRUTH[ledger.labelled].tolist()
    assert ledger.counts() == {"unlabelled": N - 28, "asked": 0, "labelled": 25, "aside": 3}
    picked = np.concatenate([step.query.ids for step in steps if step.query is not None])
    assert not set(picked.tolist()) & set(ledger.aside.tolist())
