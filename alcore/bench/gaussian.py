"""Replay by a Gaussian posterior: labels update the predictions in the directions of the saved draws (`alcore.Posterior`)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from alcore.bench.labels import Ints
from alcore.bench.regression import LabelledMeans
from alcore.bench.reweighted import Labelled, Points, is_exhausted, metrics_of, rng_of, rows_of_pool
from alcore.door import Array, Float64s
from alcore.heuristics import Heuristic
from alcore.heuristics.subsets import asking_about, targets_of
from alcore.posterior.posterior import Posterior

EFFECTIVE_DIMENSION = "effective dimension"
DRAWS = 100  # new draws of the pool at each step
TEST_DRAWS = 200
DECIDED = 0.9  # the share of the directions that labels may decide before a run ends
FITTED, FITTED_SHARE = 100, 5  # labels that choose the scale: so many, or one of five rows


@dataclass(frozen=True, eq=False)
class Fit:
    """The scale of a replay, and the pool without the rows whose labels chose it.

    Attributes:
        scale: s.
        rows: how many labels chose it. 0 where it was given.
        pool: the rows that a replay may buy.
    """

    scale: float
    rows: int
    pool: Labelled


def fit(pool: Labelled, weights: Float64s, scale: float | None) -> Fit:
    """Choose the scale by the evidence of labels that no replay buys."""
    if scale is not None:
        return Fit(scale, 0, pool)
    order = np.random.default_rng(0).permutation(len(pool.labels))
    count = min(FITTED, len(order) // FITTED_SHARE)
    if not count:
        return Fit(1.0, 0, pool)
    chosen = pool.of_rows(order[:count])
    posterior = _posterior({"pool": (chosen.probs, _noise(chosen))}, pool, weights, None)
    found = posterior.fit_scale(np.arange(count), chosen.labels)
    return Fit(found, count, pool.of_rows(np.sort(order[count:])))


class GaussianRun:
    """One heuristic on one seed's pool."""

    def __init__(
        self,
        heuristic: Heuristic,
        name: str,
        pool: Labelled,
        test: Labelled,
        seed: int,
        weights: Float64s,
        scale: float,
    ) -> None:
        rows = rows_of_pool(len(pool.labels), seed)
        self._pool, self._test = _with_mean_noise(pool.of_rows(rows)), _with_mean_noise(test)
        self._seed, self._rng = seed, rng_of(seed, name)
        self._heuristic = heuristic
        self._targets = {f"targets {place}": own for place, own in enumerate(targets_of(heuristic))}
        parts = {
            "pool": (self._pool.probs, _noise(self._pool)),
            "test": (test.probs, _noise(self._test)),
            **self._targets,
        }
        self._posterior = _posterior(parts, pool, weights, scale)

    def points(self, size: int, steps: int) -> Points:
        """The metrics after each query."""
        left = np.arange(len(self._pool.labels))
        found = {0: self._metrics(0)}
        while (count := min(size, steps - max(found), len(left))) > 0:
            step = max(found)
            pool, heuristic = self._drawn("pool", step), asking_about(self._heuristic, self._drawn_targets(step))
            batch = heuristic.select(pool[left], count, rng=self._rng, **self._options(left))
            bought = left[batch.indices]
            self._posterior.learn(bought, self._pool.labels[bought])
            left = np.setdiff1d(left, bought)
            found[step + count] = self._metrics(step + count)
            if is_exhausted(found):
                break
        return found

    def _metrics(self, step: int) -> dict[str, float]:
        posterior = self._posterior
        known = {EFFECTIVE_DIMENSION: posterior.effective_dimension}
        if posterior.effective_dimension > DECIDED * posterior.dimension:
            return known
        drawn = np.asarray(posterior.draws("test", TEST_DRAWS, rng=np.random.default_rng([self._seed, 3, step])))
        return {**metrics_of(replace(self._test, probs=drawn), np.full(TEST_DRAWS, 1 / TEST_DRAWS)), **known}

    def _options(self, rows: Ints) -> dict[str, Any]:
        """The options with which a heuristic reads some rows."""
        options = self._pool.options(len(self._pool.labels))
        return {name: value[rows] if name == "variance" else value for name, value in options.items()}

    def _drawn(self, part: str, step: int) -> Array:
        """The same random numbers for all parts and heuristics, so that draw u is one network, and heuristics differ in what they
        choose alone.
        """
        return np.asarray(self._posterior.draws(part, DRAWS, rng=np.random.default_rng([self._seed, 2, step])))

    def _drawn_targets(self, step: int) -> Iterator[tuple[Array, Any]]:
        """The targets of EPIG, which are further parts."""
        for name, (_, variance) in self._targets.items():
            yield self._drawn(name, step), None if variance is None else mean_noise(variance)


def _posterior(
    parts: dict[str, tuple[Array, Any]], like: Labelled, weights: Float64s, scale: float | None
) -> Posterior:
    """Of parts and the variances of their noise. Probabilities that the stored type rounded to 0 are its smallest number."""
    if isinstance(like, LabelledMeans):
        predictions, variance = ({name: part[place] for name, part in parts.items()} for place in (0, 1))
        return Posterior(predictions, scale=scale, kind="mean", variance=variance, weights=weights)
    logs = {name: np.log(np.maximum(probs, probs.dtype.type(like.tiny))) for name, (probs, _) in parts.items()}
    return Posterior(logs, scale=scale, kind="logits", weights=weights)


def _noise(labelled: Labelled) -> Array | None:
    return labelled.variance if isinstance(labelled, LabelledMeans) else None


def _with_mean_noise(labelled: Labelled) -> Labelled:
    if isinstance(labelled, LabelledMeans):
        return replace(labelled, variance=mean_noise(labelled.variance))
    return labelled


def mean_noise(variance: Array) -> Array:
    """(n, D, 1) the mean variance over the draws, which new draws have in common."""
    return np.asarray(variance.mean(axis=-1, keepdims=True))
