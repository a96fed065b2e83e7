"""Loops of regressors: a forest on scikit-learn's diabetes data, with noise as a number, of the model, or beside the means."""

from __future__ import annotations

from typing import Any

import alcore_sklearn
import numpy as np
import pytest

import alcore
from alcore.loop.same_loop import settings_of
from alcore.stopping import LabelBudget

datasets = pytest.importorskip("sklearn.datasets", reason="scikit-learn is not installed")
ensemble = pytest.importorskip("sklearn.ensemble", reason="scikit-learn is not installed")

X, Y = datasets.load_diabetes(return_X_y=True)
ORDER = np.random.default_rng(0).permutation(len(X))
POOL, TEST = ORDER[:120], ORDER[300:]


def train(ids: Any, labels: Any, seed: int) -> Any:
    forest = ensemble.RandomForestRegressor(12, oob_score=True, random_state=seed).fit(X[POOL[ids]], labels)
    forest.noise = np.mean((np.asarray(labels) - forest.oob_prediction_) ** 2)
    return forest


def means_of(model: Any, rows: Any) -> np.ndarray:
    return np.concatenate(list(alcore_sklearn.predict(model, X[rows], kind="mean", progress=False)))


def means(model: Any, ids: Any) -> Any:
    return means_of(model, POOL[ids])


def pair(model: Any, ids: Any) -> Any:
    found = means(model, ids)
    return found, np.full_like(found, model.noise)


def make(**changes: Any) -> alcore.ActiveLearning:
    given: dict[str, Any] = {
        "ledger": alcore.Ledger(len(POOL)), "train": train, "predict": means, "oracle": lambda ids: Y[POOL[ids]],
        "heuristic": alcore.BALD(), "kind": "mean", "variance": lambda model: model.noise, "k": 5, "start": 25,
        "stop": LabelBudget(15), "progress": False,
        "metrics": lambda model: {"R2": model.score(X[TEST], Y[TEST])},
        **changes,
    }  # fmt: skip
    return alcore.ActiveLearning(**given)


def targets(model: Any) -> Any:
    return means_of(model, TEST[:30])


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    "change",
    [
        {},
        {"heuristic": alcore.PowerBALD()},
        {"heuristic": alcore.LogDet()},
        {"heuristic": alcore.EPIG, "targets": targets},
        {"heuristic": alcore.Variance("epistemic"), "variance": None},
        {"variance": 3000.0},
    ],
    ids=["bald", "power-bald", "log-det", "epig", "epistemic", "number"],
)
def test_a_forest_learns_diabetes(change: dict[str, Any]) -> None:
    loop = make(**change)
    history = loop.run()
    assert [past.labelled for past in history] == [25, 30, 35, 40]
    assert history[-1].metrics["R2"] > 0.1
    assert len(loop.ledger.labelled) == 40
    if isinstance(loop.heuristic, alcore.LogDet):
        assert history[0].information is not None
    else:
        assert (history[0].mean_score or 0) > 0


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("heuristic", [alcore.BALD(), alcore.LogDet()])
def test_the_first_query_is_what_the_heuristic_selects(heuristic: alcore.Heuristic) -> None:
    loop = make(heuristic=heuristic)
    step = next(iter(loop))
    assert step.query is not None
    started = np.setdiff1d(loop.ledger.labelled, step.query.ids)
    assert len(started) == 25
    free = np.setdiff1d(np.arange(len(POOL)), started)
    batch = heuristic.select(means(step.model, free), 5, kind="mean", variance=step.model.noise)
    assert step.query.ids.tolist() == free[batch.indices].tolist()


def test_noise_beside_the_means_is_that_of_the_model() -> None:
    """A pair, a pair with (n, D) variances, a list of pairs and a stream of them."""
    expected = make().run()

    def rows(model: Any, ids: Any) -> Any:
        found, noise = pair(model, ids)
        return found, noise[..., 0]

    def draws_first(model: Any, ids: Any) -> Any:
        found, noise = pair(model, ids)
        return found.transpose(2, 0, 1), noise.transpose(2, 0, 1)

    def blocks(model: Any, ids: Any) -> Any:
        return [pair(model, ids[:40]), pair(model, ids[40:])]

    for predict, axes in ((pair, None), (rows, None), (draws_first, "TNC"), (blocks, None)):
        found = make(predict=predict, variance=None, axes=axes).run()
        assert [past.metrics for past in found] == [past.metrics for past in expected]


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"variance": None}, "variance: bald of means needs the variance of the noise"),
        (
            {"variance": np.ones((3, 2))},
            r"variance: expected one number.*got shape \(3, 2\).*a pair \(means, variances\)",
        ),
        ({"variance": lambda model: np.ones((3, 2))}, r"variance: expected one number.*got shape \(3, 2\)"),
        ({"variance": 3.0, "predict": pair}, "variance: .*bring their variances. Leave variance out"),
        ({"variance": 3.0, "kind": "probs"}, "variance: expected kind='mean' beside it"),
        ({"variance": lambda model: -1.0}, "variance: expected finite numbers above 0"),
        (
            {"heuristic": alcore.EPIG, "targets": lambda model: (targets(model), targets(model))},
            r"targets: expected means, got a tuple of two arrays of 30 rows.*targets\[1\] as target_variance=",
        ),
    ],
)
def test_refusals(change: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        make(**change).run()


def test_the_variance_belongs_to_what_makes_the_loop() -> None:
    assert settings_of(make(variance=3.0)) != settings_of(make(variance=4.0))


@pytest.mark.parametrize("name", ["variance", "log_det", "bald", "epig"])
def test_a_tuple_of_two_arrays_is_not_read_as_blocks_of_rows(name: str) -> None:
    found = np.abs(np.random.default_rng(0).normal(size=(6, 2, 5))) + 1
    both = (found, found + 1)
    calls: dict[str, Any] = {
        "log_det": lambda: alcore.log_det(both, 2, variance=1.0),
        "epig": lambda: alcore.epig(both, found, kind="mean", variance=1.0),
    }
    call = calls.get(name, lambda: getattr(alcore, name)(both, kind="mean", variance=1.0))
    with pytest.raises(ValueError, match=r"got a tuple of two arrays of 6 rows.*For means and variances pass \w+\[0\]"):
        call()
    ledger = alcore.Ledger(6)
    with pytest.raises(ValueError, match="got a tuple of two arrays of 6 rows"):
        ledger.ask(alcore.BALD(), both, 2, kind="mean")
    np.testing.assert_array_equal(  # the remedies
        alcore.variance(both[0], variance=both[1]), alcore.variance([both])
    )
    assert len(alcore.variance(list(both), "epistemic")) == 12
    assert len(alcore.variance((found[:4], found[4:]), "epistemic")) == 6
