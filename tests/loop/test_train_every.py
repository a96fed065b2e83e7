"""A model for several queries: between two trainings its predictions learn the labels that came since, also after a kill."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError, Update
from alcore.stopping import LabelBudget, NoImprovement, StablePredictions
from tests.loop.runs import HEURISTICS, TRUTH, N, accuracy, committee, make, probs, state
from tests.loop.test_interrupted_runs import PowerFailure, cutting


def targets(model: Any) -> Any:
    return probs(model, np.arange(5))


def test_a_model_is_trained_at_every_third_query_and_the_labels_between_are_learned() -> None:
    trained, predicted, measured = [], [], []

    def train(ids: Any, labels: Any) -> Any:
        trained.append(len(ids))
        return committee(ids, labels)

    def predict(model: Any, ids: Any) -> Any:
        predicted.append(len(ids))
        return probs(model, ids)

    def metrics(model: Any) -> dict[str, float]:
        measured.append(1)
        return accuracy(model)

    given = {"train": train, "predict": predict, "metrics": metrics, "heuristic": alcore.BALD()}
    steps = list(make(train_every=3, stop=LabelBudget(20), **given))
    assert trained == [6, 18, 26]
    assert predicted == [N - 6, N - 18]
    assert len(measured) == 3
    assert [step.past.trained for step in steps] == [True, False, False, True, False, True]
    assert [step.past.labelled for step in steps] == [6, 6, 6, 18, 18, 26]
    assert [step.past.bought for step in steps] == [4, 8, 12, 16, 20, 20]
    assert [list(step.metrics) for step in steps] == [["accuracy"], [], [], ["accuracy"], [], ["accuracy"]]
    learned = [
        None if step.query is None or step.query.update is None else step.query.update["learned"] for step in steps
    ]
    assert learned == [None, 4, 8, None, 4, None]
    assert all(step.model is steps[0].model for step in steps[:3])


@pytest.mark.parametrize("name", ["bald", "power", "batchbald", "sum", "epig"])
def test_each_query_is_what_the_ledger_asks_with_an_update_by_hand(name: str) -> None:
    ledger, other = Ledger(N), Ledger(N)
    given = {"heuristic": HEURISTICS[name]} if name in HEURISTICS else {"heuristic": alcore.EPIG, "targets": targets}
    loop = make(ledger, train_every=3, stop=LabelBudget(12), **given)
    steps = [step for step in loop if step.query is not None]
    start = sorted(set(ledger.labelled.tolist()) - {int(one) for step in steps for one in step.query.ids})  # type: ignore[union-attr]
    other.label({one: int(TRUTH[one]) for one in start})
    model, rows, moment = committee(other.labelled, other.labels), other.pool, other.now
    for number, step in enumerate(steps):
        heuristic = given["heuristic"](targets(model)) if name == "epig" else given["heuristic"]
        rng = np.random.default_rng([0, number, 1])
        query = other.ask(heuristic, probs(model, rows), 4, ids=rows, rng=rng, update=Update(moment))
        assert step.query is not None
        np.testing.assert_array_equal(step.query.ids, query.ids)
        np.testing.assert_array_equal(step.query.q, query.q)
        assert step.query.update == query.update
        other.tell(query, TRUTH[query.ids].tolist())


@pytest.mark.parametrize("name", ["power", "batchbald", "random", "epig"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_run_that_is_cut_off_anywhere_ends_the_same(name: str, after: bool, tmp_path: Path) -> None:
    given: dict[str, Any] = {"train_every": 3, "sample": 30, "seed": 5, "stop": LabelBudget(18)}
    given |= {"heuristic": alcore.EPIG, "targets": targets} if name == "epig" else {"heuristic": HEURISTICS[name]}
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
            assert ledger.notes("default (update)") == whole.ledger.notes("default (update)")
    assert at > 8
    whole.ledger.close()


def test_a_restart_trains_on_the_labels_of_then_and_with_the_same_seed(tmp_path: Path) -> None:
    """Also where a label was corrected, or others labelled ids, since the training."""
    seen = list[Any]()

    def train(ids: Any, labels: Any, *, seed: int) -> Any:
        seen.append((ids.tolist(), list(labels), seed))
        return committee(ids, labels)

    ledger = Ledger.open(tmp_path / "run.db", N)
    steps = iter(make(ledger, train=train, train_every=4))
    next(steps), next(steps)
    ledger.label({seen[0][0][0]: 1 - int(seen[0][1][0])}, overwrite=True)
    ledger.label({int(ledger.pool[0]): 1})
    steps.close()  # type: ignore[attr-defined]
    ledger.close()
    with Ledger.open(tmp_path / "run.db") as ledger:
        step = next(iter(make(ledger, train=train, train_every=4)))
        assert step.query is not None
        assert step.query.update is not None
        assert step.query.update["learned"] == 9
    assert len(seen) == 2
    assert seen[0] == seen[1]


def test_one_training_a_query_is_what_it_was() -> None:
    plain, every = make(), make(train_every=1)
    plain.run(), every.run()
    assert state(plain.ledger) == state(every.ledger)
    assert not any("trained_at" in note or "trained" in note for note in every.ledger.notes())


def test_the_pool_comes_to_an_end_between_two_trainings() -> None:
    loop = make(stop=None, k=20, train_every=5)
    steps = list(loop)
    assert [step.past.labelled for step in steps] == [6, 6, 6, 60]
    assert steps[-1].stopped == "no id is free"
    assert loop.run()[-1].labelled == N


def test_where_others_take_the_rows_that_were_predicted_a_model_is_trained_anew() -> None:
    ledger = Ledger(N)
    steps = iter(make(ledger, train_every=3, sample=12, stop=LabelBudget(12)))
    next(steps)
    other = ledger.label_randomly(40, rng=0, labels=lambda ids: TRUTH[ids], asker="other")
    assert len(other) == 40
    rest = [step.past for step in steps]
    assert rest[-1].bought == 12 or rest[-1].labelled == len(ledger.labelled)
    assert len(set(ledger.labelled.tolist())) == 6 + 40 + rest[-1].bought


def test_criteria_and_curves_read_the_steps_that_trained() -> None:
    worse = iter(np.linspace(0.9, 0.1, 99))
    improving = NoImprovement("loss", 2, direction="max")
    history = make(stop=improving, metrics=lambda model: {"loss": next(worse)}, train_every=2, k=2).run()
    assert [past.trained for past in history] == [True, False, True, False, True, True]
    stable = StablePredictions(steps=1, agreement=0.5)
    history = make(stop=stable, predicted=lambda model: (model.mean(axis=1) > 0).astype(int), train_every=3, k=2).run()
    assert [past.predicted is not None for past in history] == [past.trained for past in history]
    assert len(history) == 5
    curves = make(train_every=2).repeat(seeds=2)
    assert curves.labels.tolist() == [6, 14, 20]
    assert curves.metrics["accuracy"].shape == (2, 3)


def test_repeated_runs_know_how_often_they_train(tmp_path: Path) -> None:
    make(train_every=2).repeat(seeds=1, folder=tmp_path)
    make(train_every=2).repeat(seeds=1, folder=tmp_path)
    with pytest.raises(LedgerError, match="with train_every=3, got a run of another loop, with train_every=2"):
        make(train_every=3).repeat(seeds=1, folder=tmp_path)


def test_labels_by_name_learn_with_classes() -> None:
    words = np.array(["no", "yes"])

    def train(ids: Any, labels: Any) -> Any:
        return committee(ids, [int(one == "yes") for one in labels])

    given = {
        "train": train,
        "oracle": lambda ids: words[TRUTH[ids]].tolist(),
        "train_every": 2,
        "heuristic": alcore.BALD(),
    }
    with pytest.raises(LedgerError, match=r"in the order of axis 1, such as classes=\['yes', \.\.\.\]"):
        make(**given).run()
    named = make(update={"classes": ["no", "yes"]}, **given)
    numbers = make(train_every=2, heuristic=alcore.BALD())
    assert [past.mean_score for past in named.run()] == [past.mean_score for past in numbers.run()]
    ordered = make(Ledger(N, labels=["no", "yes"]), **given)
    assert [past.mean_score for past in ordered.run()] == [past.mean_score for past in numbers.history]


def test_what_cannot_be_is_refused_with_its_remedy() -> None:
    with pytest.raises((ValueError, TypeError), match="train_every: expected"):
        make(train_every=0)
    with pytest.raises(ValueError, match="Leave update out, or train less often: train_every=5"):
        make(update={"scale": 1.0})
    with pytest.raises(TypeError, match="expected the options scale, draws, classes, got 'trained_on'"):
        make(train_every=2, update={"trained_on": []})
    with pytest.raises(ValueError, match="scale: expected a number above 0"):
        make(train_every=2, update={"scale": -1})
    with pytest.raises(ValueError, match=r"Pass sample=12\."):
        make(train_every=3, sample=11)
    assert make(train_every=3, sample=12).run()

    def stream(model: Any, ids: Any) -> Any:
        return (probs(model, ids)[start : start + 10] for start in range(0, len(ids), 10))

    with pytest.raises(ValueError, match=r"Return a list of blocks: list\(blocks\)"):
        make(train_every=2, predict=stream).run()
    listed = make(train_every=2, predict=lambda model, ids: list(stream(model, ids)))
    whole = make(train_every=2)
    listed.run(), whole.run()
    assert state(listed.ledger) == state(whole.ledger)


@pytest.mark.parametrize("pair", [False, True])
def test_numbers_are_learned_with_the_noise_of_the_loop(pair: bool) -> None:
    """The noise is given for all rows, or predicted with the means of each row."""
    noise = np.random.default_rng(2).random((N, 1)) + 0.1 if pair else 0.25
    means = np.random.default_rng(3).normal(size=(N, 1, 12))

    def predict(model: Any, ids: Any) -> Any:
        return (means[ids], noise[ids]) if isinstance(noise, np.ndarray) else means[ids]

    given = {"kind": "mean", "heuristic": alcore.BALD(), "oracle": lambda ids: TRUTH[ids] * 1.5, "metrics": None}
    given |= {} if pair else {"variance": 0.25}
    steps = list(make(train_every=3, predict=predict, stop=LabelBudget(8), **given))
    second = steps[1].query
    assert second is not None
    assert second.update is not None
    first = np.sort(steps[0].query.ids)  # type: ignore[union-attr]
    posterior = alcore.Posterior(means, kind="mean", variance=noise)
    posterior.learn(first, TRUTH[first] * 1.5)
    scores = alcore.BALD().score(posterior.draws(rng=second.update["seed"]), kind="mean", variance=noise)
    np.testing.assert_allclose(second.scores, scores[second.ids], rtol=1e-6)
