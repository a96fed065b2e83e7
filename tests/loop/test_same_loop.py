"""`repeat(folder=)` goes on with its own runs and refuses those of another loop. Runs and folders may move."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from alcore.loop.same_loop import settings_of
from alcore.stopping import LabelBudget
from tests.loop.runs import N, accuracy, committee, make, probs

TARGETS = np.random.default_rng(0).dirichlet(np.ones(2), size=(5, 20)).transpose(0, 2, 1)


def other_committee(ids: Any, labels: Any) -> Any:
    return committee(ids, labels)


CHANGES: list[tuple[dict[str, Any], str, str]] = [
    ({"heuristic": alcore.BALD()}, "heuristic=bald", "heuristic=power-bald"),
    ({"heuristic": alcore.PowerBALD(beta=4.0)}, "beta=4.0", "beta=1.0"),
    ({"k": 5}, "k=5", "k=4"),
    ({"start": 7}, "start=7", "start=6"),
    ({"sample": 30}, "sample=30", "sample=None"),
    ({"train": other_committee}, "train=other_committee", "train=committee"),
    ({"kind": "logits"}, "kind=logits", "kind=probs"),
    ({"heuristic": alcore.EPIG, "targets": lambda model: TARGETS}, "heuristic=EPIG, targets=<lambda>", "targets=None"),
]


@pytest.mark.parametrize(("changes", "own", "theirs"), CHANGES, ids=[own for _, own, _ in CHANGES])
def test_runs_of_another_loop_are_refused_with_both(
    changes: dict[str, Any], own: str, theirs: str, tmp_path: Path
) -> None:
    make().repeat(1, folder=tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(LedgerError) as refused:
        make(**changes).repeat([1, 0], folder=tmp_path)
    mine, others = str(refused.value).split("got a run of another loop")
    assert str(tmp_path / "default-0.db") in mine
    assert own in mine
    assert theirs in others
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before  # nor is seed 1 run


def test_a_run_of_another_seed_is_refused(tmp_path: Path) -> None:
    make().repeat(2, folder=tmp_path)
    os.replace(tmp_path / "default-1.db", tmp_path / "default-5.db")
    with pytest.raises(LedgerError, match="with seed=5, got a run of another loop, with seed=1"):
        make().repeat([5], folder=tmp_path)


def test_its_own_runs_go_on_with_a_larger_budget_and_where_they_were_moved(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    first = make().repeat(2, folder=tmp_path / "a")
    os.replace(tmp_path / "a", tmp_path / "b")

    def never(ids: Any, labels: Any) -> Any:
        raise AssertionError

    never.__name__ = "committee"
    again = make(train=never, oracle=lambda ids: never(ids, ids)).repeat(2, folder=tmp_path / "b")
    np.testing.assert_array_equal(again.metrics["accuracy"], first.metrics["accuracy"])
    more = make(stop=LabelBudget(22)).repeat(2, folder=tmp_path / "b")
    whole = make(stop=LabelBudget(22)).repeat(2)
    assert more.labels[-1] == whole.labels[-1] == 28


def test_a_run_that_was_moved_goes_on(tmp_path: Path) -> None:
    whole = make()
    whole.run()
    calls: list[int] = []

    def train(ids: Any, labels: Any) -> Any:
        calls.append(len(ids))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return committee(ids, labels)

    with Ledger.open(tmp_path / "run.db", N) as ledger, pytest.raises(KeyboardInterrupt):
        make(ledger, train=train).run()
    (tmp_path / "elsewhere").mkdir()
    os.replace(tmp_path / "run.db", tmp_path / "elsewhere" / "other.db")
    with Ledger.open(tmp_path / "elsewhere" / "other.db") as ledger:
        assert len(make(ledger).history) == 2
        make(ledger).run()
        assert ledger.notes() == whole.ledger.notes()


def test_runs_that_do_not_say_their_loop_are_taken(tmp_path: Path) -> None:
    """Those of version 0.2.0, and of a loop that ran alone."""
    with Ledger.open(tmp_path / "default-0.db", N) as ledger:
        alone = make(ledger).run()
    curves = make().repeat(1, folder=tmp_path)
    assert curves.metrics["accuracy"][0].tolist() == [past.metrics["accuracy"] for past in alone]
    with pytest.raises(LedgerError, match="another loop"):
        make(k=5).repeat(1, folder=tmp_path)


def test_settings_are_texts_that_arrays_and_nested_heuristics_change() -> None:
    def text(heuristic: Any) -> str:
        return settings_of(make(heuristic=heuristic))["heuristic"]

    different = [
        alcore.EPIG(TARGETS),
        alcore.EPIG(TARGETS + 0),
        alcore.EPIG(TARGETS[::-1]),
        alcore.EPIG(TARGETS.astype(np.float32)),
        0.5 * alcore.BALD() + 0.5 * alcore.Entropy(),
        0.5 * alcore.BALD() + 0.25 * alcore.Entropy(),
        alcore.Reduce(alcore.BALD(), "mean"),
        alcore.Random(),
    ]
    texts = [text(heuristic) for heuristic in different]
    assert texts[0] == texts[1]
    assert len(set(texts)) == len(different) - 1
    assert "0x" not in "".join(texts)
    assert settings_of(make(metrics=accuracy, predict=probs))["metrics"] == "accuracy"


def test_people_are_not_asked_again_for_each_seed() -> None:
    with pytest.raises(ValueError, match="oracle: expected a function with labels for all runs, got Wait"):
        make(oracle=alcore.Wait()).repeat(2)
