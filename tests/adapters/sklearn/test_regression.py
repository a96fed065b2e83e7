"""Regressors as draws of means: members are scikit-learn's own predictions, posteriors have its standard deviations, refusals."""

from __future__ import annotations

import re
import warnings
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel, WhiteKernel
from sklearn.linear_model import ARDRegression, BayesianRidge, LinearRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import alcore

X, Y = load_diabetes(return_X_y=True)
Y = (Y - Y.mean()) / Y.std()
X, Y = X[:150], Y[:150]


def drawn(model: Any, x: Any = X, **options: Any) -> np.ndarray:
    return np.concatenate(list(alcore_sklearn.predict(model, x, kind="mean", dtype="float64", **options)))


ENSEMBLES = [
    RandomForestRegressor(7, random_state=0),
    ExtraTreesRegressor(5, max_depth=4, bootstrap=True, random_state=0),
    BaggingRegressor(Ridge(), 6, max_features=0.5, random_state=0),
    VotingRegressor([("ridge", Ridge()), ("line", LinearRegression())]),
    AdaBoostRegressor(n_estimators=4, random_state=0),
]


@pytest.mark.parametrize("model", ENSEMBLES, ids=lambda one: type(one).__name__)
def test_draws_are_the_predictions_of_the_members(model: Any) -> None:
    model.fit(X, Y)
    found = drawn(model, batch_size=40)
    assert found.shape == (150, 1, len(model.estimators_))
    if not isinstance(model, AdaBoostRegressor):  # its prediction is a weighted median
        np.testing.assert_allclose(found[:, 0].mean(axis=1), model.predict(X))
    columns = getattr(model, "estimators_features_", [slice(None)] * len(model.estimators_))
    np.testing.assert_allclose(found[:, 0, 1], model.estimators_[1].predict(X[:, columns[1]]))
    np.testing.assert_array_equal(drawn(model, draws=2), found[..., :2])


def test_lists_pipelines_searches_and_several_outputs() -> None:
    several = [Ridge(alpha=alpha).fit(X, Y) for alpha in (0.1, 1.0)]
    np.testing.assert_allclose(drawn(several)[:, 0], np.stack([one.predict(X) for one in several], axis=1))
    piped = make_pipeline(StandardScaler(), RandomForestRegressor(3, random_state=0)).fit(X, Y)
    np.testing.assert_allclose(drawn(piped)[:, 0].mean(axis=1), piped.predict(X))
    search = GridSearchCV(RandomForestRegressor(3, random_state=0), {"max_depth": [2, 3]}, cv=2).fit(X, Y)
    np.testing.assert_allclose(drawn(search)[:, 0].mean(axis=1), search.predict(X))
    both = RandomForestRegressor(3, random_state=0).fit(X, np.stack([Y, -Y], axis=1))
    assert drawn(both).shape == (150, 2, 3)
    np.testing.assert_allclose(drawn(both).mean(axis=-1), both.predict(X))


@pytest.mark.parametrize("model", [BayesianRidge(), ARDRegression()], ids=lambda one: type(one).__name__)
def test_linear_models_draw_weights(model: Any) -> None:
    model.fit(X, Y)
    found = drawn(model, draws=20_000, batch_size=70)
    mean, deviation = model.predict(X, return_std=True)
    np.testing.assert_allclose(found[:, 0].mean(axis=1), mean, atol=0.01)
    np.testing.assert_allclose(found[:, 0].var(axis=1) + 1 / model.alpha_, deviation**2, rtol=0.05)
    np.testing.assert_allclose(
        drawn(model, draws=20, seed=1), drawn(model, draws=20, seed=1, batch_size=13), atol=1e-12
    )
    assert not np.array_equal(drawn(model, draws=20, seed=1), drawn(model, draws=20, seed=2))
    exact = 0.5 * np.log(deviation**2 * model.alpha_)
    scores = alcore.bald(found, kind="mean", variance=1 / model.alpha_)
    np.testing.assert_allclose(scores, exact, rtol=0.1, atol=2e-3)


def test_gaussian_processes_draw_functions() -> None:
    model = GaussianProcessRegressor(ConstantKernel(1.0) * RBF(0.2), alpha=0.5, optimizer=None).fit(X[:80], Y[:80])
    found = drawn(model, draws=8000)
    mean, covariance = model.predict(X, return_cov=True)
    np.testing.assert_allclose(found[:, 0].mean(axis=1), mean, atol=0.05)
    np.testing.assert_allclose(np.cov(found[:, 0], bias=True), covariance, atol=0.05)
    twice = drawn(model, X[[3, 3]], draws=5)
    np.testing.assert_allclose(twice[0], twice[1], atol=1e-4)  # one function, so one value
    batch = alcore.log_det(found, 4, variance=model.alpha)
    exact = 0.5 * np.linalg.slogdet(np.eye(4) + covariance[np.ix_(batch.indices, batch.indices)] / 0.5)[1]
    assert batch.information[-1] == pytest.approx(exact, rel=0.05)


def test_a_file_of_means(tmp_path: Any) -> None:
    model = RandomForestRegressor(4, random_state=0).fit(X, Y)
    found = alcore_sklearn.predict(model, X, kind="mean", out=tmp_path / "means.npy", batch_size=60)
    assert found.shape == (150, 1, 4)
    np.testing.assert_allclose(
        alcore.variance(tmp_path / "means.npy", "epistemic"), alcore.variance(found, "epistemic")
    )


@pytest.mark.parametrize(
    ("model", "options", "error", "match"),
    [
        (GradientBoostingRegressor(n_estimators=2), {}, TypeError, "sum of trees.*Fit BaggingRegressor"),
        (HistGradientBoostingRegressor(max_iter=2), {}, TypeError, "sum of trees"),
        (Ridge(), {}, TypeError, "got Ridge. Pass .model. for one draw"),
        (RandomForestClassifier(2), {}, TypeError, "RandomForestClassifier is a classifier.*Leave kind out"),
        (BayesianRidge(), {}, TypeError, "draws: BayesianRidge makes as many draws as you ask for.*draws=100"),
        (RandomForestRegressor(2), {"draws": 3}, ValueError, "draws: expected at most 2"),
        (StandardScaler(), {}, TypeError, "StandardScaler"),
        (TransformedTargetRegressor(Ridge()), {}, TypeError, "got TransformedTargetRegressor"),
        (GaussianProcessRegressor(RBF() + WhiteKernel()), {"draws": 2}, ValueError, "Pass the noise as alpha"),
    ],
)  # fmt: skip
def test_what_has_no_draws_of_means_is_refused(
    model: Any, options: dict[str, Any], error: type[Exception], match: str
) -> None:
    labels = (Y > 0).astype(int) if isinstance(model, RandomForestClassifier) else Y
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X[:60], labels[:60])
    with pytest.raises(error, match=match):
        alcore_sklearn.predict(model, X, kind="mean", **options)


def test_other_refusals() -> None:
    forest = RandomForestRegressor(2, random_state=0)
    with pytest.raises(TypeError, match=re.escape("is a regressor: it predicts numbers. Pass kind='mean'")):
        alcore_sklearn.predict(forest.fit(X, Y), X)
    with pytest.raises(ValueError, match="kind: expected 'probs' or 'mean', got 'logits'"):
        alcore_sklearn.predict(forest, X, kind="logits")
    with pytest.raises(TypeError, match="got the class Ridge itself"):
        alcore_sklearn.predict(Ridge, X, kind="mean")
    with pytest.raises(TypeError, match="got an empty list"):
        alcore_sklearn.predict([], X, kind="mean")
    same = Ridge().fit(X, Y)
    with pytest.raises(ValueError, match="same"):
        list(alcore_sklearn.predict([same, same], X, kind="mean"))
    process = GaussianProcessRegressor(RBF(0.2), alpha=0.5, optimizer=None).fit(X[:30], Y[:30])
    with pytest.raises(ValueError, match=re.escape("batch_size=len(data)")):
        list(alcore_sklearn.predict(process, [X[:10], X[10:20]], kind="mean", draws=2))
    assert drawn(process, X, draws=2, batch_size=len(X)).shape == (150, 1, 2)


def test_the_remedies_work() -> None:
    boosted = BaggingRegressor(GradientBoostingRegressor(n_estimators=3), 3, random_state=0).fit(X, Y)
    assert drawn(boosted).shape == (150, 1, 3)
    listed = [GradientBoostingRegressor(n_estimators=3, subsample=0.5, random_state=i).fit(X, Y) for i in range(3)]
    assert drawn(listed).shape == (150, 1, 3)
    assert drawn([Ridge().fit(X, Y)]).shape == (150, 1, 1)
    process = GaussianProcessRegressor(RBF(), alpha=0.1, optimizer=None).fit(X, Y)
    assert drawn(process, draws=3).shape == (150, 1, 3)


def test_quantiles_are_no_draws() -> None:
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor
    from sklearn.linear_model import QuantileRegressor

    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 3))
    y = x @ [1.0, -1.0, 0.5] + rng.normal(size=60)
    makers: list[Any] = [
        lambda q: QuantileRegressor(quantile=q, alpha=0),
        lambda q: HistGradientBoostingRegressor(loss="quantile", quantile=q),
        lambda q: GradientBoostingRegressor(loss="quantile", alpha=q),
    ]
    for make in makers:
        with pytest.raises(ValueError, match=r"got regressors of the quantiles 0.1, 0.9.*variance="):
            alcore_sklearn.predict([make(q).fit(x, y) for q in (0.1, 0.9)], x, kind="mean")
    medians = [QuantileRegressor(alpha=0).fit(x[rows], y[rows]) for rows in rng.integers(60, size=(3, 60))]
    assert alcore.variance(alcore_sklearn.predict(medians, x, kind="mean"), "epistemic").shape == (60,)


def test_the_remedy_of_boosted_trees_can_be_typed() -> None:
    from sklearn.ensemble import GradientBoostingRegressor, HistGradientBoostingRegressor

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(60, 3)), rng.normal(size=60)
    for kind in (GradientBoostingRegressor, HistGradientBoostingRegressor):
        with pytest.raises(TypeError, match="is a sum of trees") as said:
            alcore_sklearn.predict(kind(max_features=0.5).fit(x, y), x, kind="mean")
        found = str(said.value)
        made = found[found.index("pass a list of ") + 15 : found.index(", i = 0")]
        models = [eval(made, {kind.__name__: kind, "i": i}).fit(x, y) for i in range(3)]
        assert alcore.variance(alcore_sklearn.predict(models, x, kind="mean"), "epistemic").shape == (60,)
