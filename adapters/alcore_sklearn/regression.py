"""Regressors whose draws are means of numbers: the members of ensembles, weights of linear models, functions of a Gaussian
process.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, is_regressor
from sklearn.ensemble import (
    AdaBoostRegressor,
    BaggingRegressor,
    ExtraTreesRegressor,
    GradientBoostingRegressor,
    HistGradientBoostingRegressor,
    RandomForestRegressor,
    VotingRegressor,
)
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import WhiteKernel
from sklearn.linear_model import ARDRegression, BayesianRidge, QuantileRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from alcore.adapting import Array
from alcore_sklearn.refusals import differing, made
from alcore_sklearn.wrappers import inside

ENSEMBLES = (RandomForestRegressor, ExtraTreesRegressor, BaggingRegressor, VotingRegressor, AdaBoostRegressor)
BOOSTED = (GradientBoostingRegressor, HistGradientBoostingRegressor)
LINEAR = (BayesianRidge, ARDRegression)
WANTED = (
    "a fitted forest, bagging, voting or AdaBoost regressor, BayesianRidge, ARDRegression, GaussianProcessRegressor, or a list of "
    "fitted regressors"
)
JITTER = 1e-10  # of the largest variance: a covariance of functions is singular up to rounding


@dataclass(frozen=True)
class MeanMember:
    """One member of an ensemble of regressors.

    Args:
        regressor: the fitted regressor.
        columns: the columns that it was fitted on. None for all.
        bare: whether it was fitted on an array, without names of features.
    """

    regressor: Any
    columns: Array | None = None
    bare: bool = False

    def means(self, x: Any, draw: int) -> Array:
        """(n, D) means."""
        x = np.asarray(x) if self.bare and hasattr(x, "columns") else x
        found = np.asarray(self.regressor.predict(x if self.columns is None else x[:, self.columns]), np.float64)
        rows = int(x.shape[0]) if getattr(x, "shape", ()) else len(x)
        if found.ndim not in (1, 2) or len(found) != rows:
            raise ValueError(
                f"model: member {draw}, {type(self.regressor).__name__}, was given {rows} rows: expected an array ({rows},) or "
                f"({rows}, D) from its predict, got {found.shape}. Let predict return one row for each row."
            )
        return found.reshape(len(found), -1)


@dataclass(frozen=True)
class MeanDraws:
    """Draws of a regressor.

    Args:
        steps: functions that transform the data before the draws see it.
        count: how many draws there are. None for as many as are asked for.
        means: (rows, draw) -> (n, D).
        members: the regressors, where each draw is one.
        ensemble: the ensemble that drew its members at random.
        one_block: whether all rows must come in one block.
    """

    steps: tuple[Callable[[Any], Any], ...]
    count: int | None
    means: Callable[[Any, int], Array]
    members: tuple[Any, ...] = ()
    ensemble: Any | None = None
    one_block: bool = False

    def ready(self, x: Any) -> Any:
        """A block as the draws take it."""
        for step in self.steps:
            x = step(x)
        return x


def mean_draws(model: Any, seed: int, draws: int | None) -> MeanDraws:
    """The draws of a regressor, of a pipeline or a wrapper around one, or of a list."""
    if isinstance(model, list | tuple):
        return _listed(model)
    _check_regressor(model)
    held = inside(model)
    if held is not None:
        return mean_draws(held, seed, draws)
    if isinstance(model, Pipeline):
        inner = mean_draws(model.steps[-1][1], seed, draws)
        steps = (model[:-1].transform, *inner.steps) if len(model.steps) > 1 else inner.steps
        return MeanDraws(steps, inner.count, inner.means, inner.members, inner.ensemble, inner.one_block)
    if isinstance(model, LINEAR):
        return MeanDraws((), None, _Weights(model, seed, _asked(model, draws)).means)
    if isinstance(model, GaussianProcessRegressor):
        return MeanDraws((), None, _Functions(model, seed, _asked(model, draws)).means, one_block=True)
    if not isinstance(model, ENSEMBLES):
        _refuse_single(model)
    members = tuple(_members(model))
    chance = None if isinstance(model, VotingRegressor) else model
    return _of_members(members, chance)


def _of_members(members: tuple[MeanMember, ...], ensemble: Any | None = None) -> MeanDraws:
    def means(x: Any, draw: int) -> Array:
        return members[draw].means(x, draw)

    return MeanDraws((), len(members), means, tuple(one.regressor for one in members), ensemble)


def _members(model: Any) -> Sequence[MeanMember]:
    bare = not isinstance(model, VotingRegressor)  # the others make an array of what they are fitted on
    columns: Sequence[Array | None] = [None] * len(model.estimators_)
    if isinstance(model, BaggingRegressor):
        whole = np.arange(model.n_features_in_)
        columns = [None if np.array_equal(own, whole) else own for own in model.estimators_features_]
    return [MeanMember(one, own, bare) for one, own in zip(model.estimators_, columns, strict=True)]


def _listed(models: Sequence[Any]) -> MeanDraws:
    if not models:
        raise TypeError(f"model: expected {WANTED}, got an empty {type(models).__name__}.")
    for one in models:
        _check_regressor(one)
    _check_no_quantiles(models)
    return _of_members(tuple(MeanMember(one, None, _is_bare(one)) for one in models))


def _check_no_quantiles(models: Sequence[Any]) -> None:
    """Refuse quantiles of one label: they are far apart where labels are noisy, not where draws of the mean differ."""
    found = [getattr(one, "quantile", getattr(one, "alpha", None)) for one in models if _predicts_quantile(one)]
    if any(one != 0.5 for one in found):
        raise ValueError(
            f"model: expected draws of a mean, got regressors of the quantiles {', '.join(map(str, found))}. How far quantiles are "
            "apart is noise, and not what the model does not know. Fit several regressors of one mean or median, each on a "
            "bootstrap sample of the rows, and take the variance of the noise from the quantiles: "
            "variance=((upper - lower) / 2.5631)**2 for the quantiles 0.1 and 0.9."
        )


def _predicts_quantile(model: Any) -> bool:
    return isinstance(model, QuantileRegressor) or getattr(model, "loss", None) == "quantile"


def _is_bare(model: Any) -> bool:
    """Whether scikit-learn would warn of names it has not seen."""
    return (
        isinstance(model, BaseEstimator) and not isinstance(model, Pipeline) and not hasattr(model, "feature_names_in_")
    )


def _asked(model: Any, draws: int | None) -> int:
    if draws is None:
        raise TypeError(f"draws: {type(model).__name__} makes as many draws as you ask for, got None. Pass draws=100.")
    return draws


def _check_regressor(model: Any) -> None:
    """Refuse anything but a fitted regressor."""
    name = model.__name__ if isinstance(model, type) else type(model).__name__
    if isinstance(model, type):
        raise TypeError(
            f"model: expected {WANTED}, got the class {name} itself. Make one and fit it: {made(model)}.fit(x, y)."
        )
    if not hasattr(model, "predict"):
        raise TypeError(f"model: expected {WANTED}, got {name}.")
    if hasattr(model, "predict_proba") or hasattr(model, "classes_"):
        raise TypeError(f"model: {name} is a classifier: it predicts classes. Leave kind out.")
    if isinstance(model, BaseEstimator):
        if not is_regressor(model):
            raise TypeError(f"model: expected {WANTED}, got {name}, which is no regressor.")
        check_is_fitted(model)


def _refuse_single(model: Any) -> None:
    name = type(model).__name__
    if isinstance(model, BOOSTED):
        raise TypeError(
            f"model: {name} is a sum of trees. Each tree is fitted to the errors of those before it, so none is a draw, and "
            f"quantiles are not draws either. Fit BaggingRegressor({name}()), or pass a list of "
            f"{differing(model)}, i = 0, 1, 2."
        )
    raise TypeError(
        f"model: expected {WANTED}, got {name}. Pass [model] for one draw. For several that differ, fit BaggingRegressor around "
        "it, or pass a list of regressors, each fitted on a bootstrap sample of the rows."
    )


# --- draws of a posterior ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Weights:
    """Draws of the weights of a Bayesian linear model, N(coef_, sigma_)."""

    model: Any
    seed: int
    draws: int

    @cached_property
    def _deviations(self) -> Array:
        """(draws, features) of the weights from coef_."""
        coef, sigma = np.asarray(self.model.coef_, np.float64), np.asarray(self.model.sigma_, np.float64)
        kept = getattr(self.model, "lambda_", None) if isinstance(self.model, ARDRegression) else None
        used = np.ones(len(coef), bool) if kept is None else kept < self.model.threshold_lambda
        deviations = np.zeros((self.draws, len(coef)))
        generator = np.random.default_rng(self.seed)
        deviations[:, used] = generator.multivariate_normal(np.zeros(used.sum()), sigma, size=self.draws, method="eigh")
        return deviations

    def means(self, x: Any, draw: int) -> Array:
        from_centre = np.asarray(x, np.float64) - self.model.X_offset_  # the intercept is that of centred features
        return np.asarray(self.model.predict(x) + from_centre @ self._deviations[draw]).reshape(-1, 1)


class _Functions:
    """Draws of the function of a Gaussian process, at all rows together."""

    def __init__(self, model: Any, seed: int, draws: int) -> None:
        if any(isinstance(one, WhiteKernel) for one in _kernels(model.kernel_)):
            raise ValueError(
                "model: the kernel has a WhiteKernel, so samples of the process have noise in them. Take a kernel without it, and "
                "pass the noise as alpha: GaussianProcessRegressor(kernel, alpha=0.1), and as variance=0.1 of alcore's heuristics."
            )
        self._model, self._seed, self._draws = model, seed, draws
        self._drawn: tuple[Any, Array] = (None, np.empty(0))

    def means(self, x: Any, draw: int) -> Array:
        if self._drawn[0] is not x:
            self._drawn = x, self._sample(x)
        return self._drawn[1][..., draw].reshape(len(x), -1)

    def _sample(self, x: Any) -> Array:
        """(n, draws), or (n, D, draws): `sample_y` with a jitter, so that the same rows have the same functions to 1e-5."""
        mean, covariance = self._model.predict(x, return_cov=True)
        mean, covariance = np.atleast_2d(mean.T), np.atleast_3d(covariance)
        generator = np.random.default_rng(self._seed)
        found = []
        for output in range(len(mean)):
            own = covariance[..., output]
            values, vectors = np.linalg.eigh(own + JITTER * own.diagonal().max() * np.eye(len(own)))
            noise = generator.standard_normal((len(own), self._draws))
            found.append(mean[output][:, None] + vectors @ (np.sqrt(np.maximum(values, 0))[:, None] * noise))
        return np.stack(found, axis=1)


def _kernels(kernel: Any) -> list[Any]:
    """A kernel and those that it is made of."""
    parts = [kernel]
    for name in ("k1", "k2", "kernel"):
        if hasattr(kernel, name):
            parts += _kernels(getattr(kernel, name))
    return parts
