"""Each step trains on what is labelled, ranks what is free with its model, and asks for what is left of the budget."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger
from alcore.stopping import InformationBelow, NoImprovement, StablePredictions, UncertaintyBelow
from tests.loop.runs import HEURISTICS, TRUTH, N, accuracy, committee, make, probs


@pytest.mark.parametrize("name", HEURISTICS)
def test_each_step_labels_k_ids_and_the_last_is_cut_to_the_budget(name: str) -> None:
    loop = make(heuristic=HEURISTICS[name])
    steps = list(loop)
    assert [step.past.labelled for step in steps] == [6, 10, 14, 18, 20]
    assert [step.past.bought for step in steps] == [4, 8, 12, 14, 14]  # the last query is cut to the budget
    assert [step.past.size for step in steps] == [4, 4, 4, 2, 0]
    assert [step.past.step for step in steps] == list(range(5))
    assert steps[-1].query is None
    assert [step.stopped for step in steps] == [None] * 4 + ["14 labels bought of a budget of 14"]
    ids = np.concatenate([step.query.ids for step in steps[:-1] if step.query is not None])
    assert len(set(ids.tolist())) == 14
    assert all(step.query.heuristic == HEURISTICS[name].name for step in steps[:-1] if step.query is not None)
    assert [step.metrics for step in steps] == [past.metrics for past in loop.history]
    np.testing.assert_array_equal(steps[-1].model, committee(loop.ledger.labelled, loop.ledger.labels))
    assert steps[1].metrics == accuracy(steps[1].model)


def test_the_heuristic_ranks_the_pool_with_the_model_of_the_step() -> None:
    ledger = Ledger(N)
    free, labelled = None, None
    for step in make(ledger, heuristic=alcore.BALD()):
        if free is not None and step.query is not None:
            best = alcore.BALD().select(probs(step.model, free), len(step.query.ids))
            np.testing.assert_array_equal(step.query.ids, free[best.indices])
            scores = alcore.bald(probs(step.model, free))
            assert step.past.mean_score == scores.mean()
            assert step.past.max_score == scores.max()
            np.testing.assert_array_equal(step.model, committee(labelled, TRUTH[labelled]))
        free, labelled = ledger.pool, ledger.labelled


def test_without_a_criterion_the_pool_ends_the_run() -> None:
    loop = make(stop=None, k=20)
    steps = list(loop)
    assert steps[-1].stopped == "no id is free"
    assert loop.ledger.counts()["labelled"] == N
    assert [past.labelled for past in loop.history] == [6, 26, 46, 60]


def test_criteria_see_the_history() -> None:
    assert len(make(stop=UncertaintyBelow(1e9), heuristic=alcore.BALD()).run()) == 2
    assert len(make(stop=InformationBelow(10.0), heuristic=alcore.BatchBALD()).run()) == 2
    stable = StablePredictions(steps=1, agreement=0.5)
    classes = {"predicted": lambda model: (model.mean(axis=1) > 0).astype(int)}
    assert len(make(stop=stable, **classes).run()) == 3
    worse = iter(np.linspace(0.9, 0.1, 99))
    improving = NoImprovement("loss", 2, direction="max")
    assert len(make(stop=improving, metrics=lambda model: {"loss": next(worse)}).run()) == 4


def test_targets_are_predicted_with_the_model_of_each_step() -> None:
    seen = []

    def targets(model: Any) -> Any:
        seen.append(probs(model, np.arange(5)))
        return seen[-1]

    steps = list(make(heuristic=alcore.EPIG, targets=targets, predict=probs))
    assert len(seen) == 4
    free = np.setdiff1d(np.arange(N), np.concatenate([step.query.ids for step in steps[:-1]]))  # type: ignore[union-attr]
    assert len(free) == N - 14
    first = steps[0].query
    assert first is not None
    assert first.heuristic == "epig"
    with pytest.raises(TypeError, match="makes a heuristic of targets, such as EPIG, got one that makes ndarray"):
        make(heuristic=lambda t: t, targets=targets).run()


def test_random_needs_no_predictions() -> None:
    def never(model: Any, ids: Any) -> Any:
        raise AssertionError

    assert len(make(heuristic=alcore.Random(), predict=never).run()) == 5


def test_functions_that_want_seeds_have_them() -> None:
    seeds: list[int] = []

    def train(ids: Any, labels: Any, *, seed: int) -> Any:
        seeds.append(seed)
        return committee(ids, labels)

    def predict(model: Any, ids: Any, seed: int) -> Any:
        seeds.append(seed)
        return probs(model, ids)

    make(train=train, predict=predict).run()
    first = list(seeds)
    assert len(set(first)) == len(first) == 9
    seeds.clear()
    make(train=train, predict=predict).run()
    assert seeds == first
    seeds.clear()
    make(train=train, predict=predict, seed=1).run()
    assert not set(seeds) & set(first)


def test_training_may_go_on_from_the_model_of_the_step_before() -> None:
    given = []

    def train(ids: Any, labels: Any, model: Any = None) -> Any:
        given.append(model)
        return committee(ids, labels)

    steps = list(make(train=train))
    assert given[0] is None
    assert all(one is step.model for one, step in zip(given[1:], steps, strict=False))


@pytest.mark.parametrize("folder", [False, True])
def test_a_loop_is_repeated_with_several_seeds(folder: bool, tmp_path: Path) -> None:
    where = tmp_path if folder else None
    curves = make().repeat(seeds=3, folder=where)
    assert curves.labels.tolist() == [6, 10, 14, 18, 20]
    assert curves.metrics["accuracy"].shape == (3, 5)
    for seed in range(3):
        own = make(seed=seed).run()
        assert curves.metrics["accuracy"][seed].tolist() == [past.metrics["accuracy"] for past in own]
    if folder:
        assert {path.name for path in tmp_path.iterdir()} == {f"default-{seed}.db" for seed in range(3)}

        def never(ids: Any, labels: Any) -> Any:
            raise AssertionError

        never.__name__ = "committee"
        again = make(train=never).repeat(seeds=[0, 1, 2], folder=where)
        np.testing.assert_array_equal(again.metrics["accuracy"], curves.metrics["accuracy"])
    used = Ledger(N)
    used.label({1: 1})
    with pytest.raises(ValueError, match="ledger: expected a ledger without labels"):
        make(used).repeat(2)


def test_ids_may_be_names() -> None:
    names = [f"row {i}" for i in range(N)]
    place = {name: i for i, name in enumerate(names)}

    def rows(ids: Any) -> Any:
        return np.array([place[name] for name in ids], np.int64)

    loop = make(
        Ledger(ids=names),
        train=lambda ids, labels: committee(rows(ids), labels),
        predict=lambda model, ids: probs(model, rows(ids)),
        oracle=lambda ids: {name: int(TRUTH[place[name]]) for name in ids},
    )
    numbers = make()
    assert [past.metrics for past in loop.run()] == [past.metrics for past in numbers.run()]
    np.testing.assert_array_equal(rows(loop.ledger.labelled), numbers.ledger.labelled)


def test_two_runs_share_a_ledger() -> None:
    ledger = Ledger(N)
    make(ledger, asker="a").run()
    make(ledger, asker="b", start=0).run()
    assert ledger.counts()["labelled"] == 6 + 14 + 14
    assert make(ledger, asker="b").history[0].labelled == 20


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"ledger": 60}, "ledger: expected a Ledger"),
        ({"train": None}, "train: expected a function"),
        ({"metrics": 0.9}, "metrics: expected a function of the model"),
        ({"heuristic": "bald"}, "heuristic: expected a heuristic of alcore"),
        ({"heuristic": alcore.EPIG}, "heuristic=EPIG, targets=lambda"),
        ({"targets": lambda model: None}, "expected a function of the targets' predictions"),
        ({"stop": 100}, "stop: expected a criterion"),
        ({"k": 0}, "k: expected at least 1"),
        ({"start": -1}, "start: expected at least 0"),
        ({"kind": "logit"}, "kind: expected"),
        ({"seed": -1}, "seed: expected at least 0"),
    ],
)
def test_wrong_arguments_are_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises((TypeError, ValueError), match=said):
        make(changes.pop("ledger", None), **changes)


def test_predictions_may_come_in_blocks() -> None:
    def blocks(model: Any, ids: Any) -> Iterator[Any]:
        for start in range(0, len(ids), 7):
            yield probs(model, ids[start : start + 7])

    for name in ("power", "batchbald"):
        one, two = make(heuristic=HEURISTICS[name], predict=blocks), make(heuristic=HEURISTICS[name])
        assert one.run()[-1].metrics == two.run()[-1].metrics
        np.testing.assert_array_equal(one.ledger.labelled, two.ledger.labelled)
