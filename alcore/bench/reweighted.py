"""Exact replay: Bayes' rule reweights the saved draws by each label."""

from __future__ import annotations

from typing import TypeAlias
from zlib import crc32

import numpy as np

from alcore.bench.calibration import predictive, scores
from alcore.bench.labels import Ints, LabelledPredictions
from alcore.bench.regression import LabelledMeans
from alcore.door import Float64s, Reading
from alcore.heuristics import Heuristic
from alcore.heuristics.subsets import with_draws

# Labels bought -> the metrics then. If the draws are exhausted, the last entry has only what is left of them.
Points: TypeAlias = dict[int, dict[str, float]]
Labelled: TypeAlias = LabelledPredictions | LabelledMeans

FEWEST_DRAWS = 2.0  # effective draws; with fewer, one draw decides the prediction
NEGLIGIBLE = 1e-12  # draws that together have less weight than this are left out, which saves their cost
EFFECTIVE_DRAWS = "effective draws"
LEFT_OUT = 10  # one of so many rows is in no run of a seed


def effective_draws(shares: Float64s) -> float:
    """1/Σ w² of weights with sum 1. It is T if all weights are equal, and 1 if one draw has all the weight."""
    return 1 / float((shares**2).sum())


def rows_of_pool(rows: int, seed: int) -> Ints:
    """The pool of a seed: nine of ten rows, in random order."""
    return np.random.default_rng([seed, 0]).permutation(rows)[rows // LEFT_OUT :]


def rng_of(seed: int, name: str) -> np.random.Generator:
    """The generator of a heuristic's choices in the run of a seed."""
    return np.random.default_rng([seed, 1, crc32(name.encode())])


def is_exhausted(points: Points) -> bool:
    """Whether a run ended because its draws tell no more."""
    return len(points[max(points)]) == 1


class ReweightedRun:
    """One heuristic on one seed's pool. Labelled rows are moved to the end of the arrays, so that the pool is a slice."""

    def __init__(
        self,
        heuristic: Heuristic,
        name: str,
        pool: Labelled,
        test: Labelled,
        seed: int,
        prior: Float64s,
    ) -> None:
        rows = rows_of_pool(len(pool.labels), seed)
        self._heuristic, self._rng = heuristic, rng_of(seed, name)
        self._pool = pool.of_rows(rows)
        self._test, self._left = test, len(rows)
        with np.errstate(divide="ignore"):
            self._log_weights = np.log(prior)

    def points(self, size: int, steps: int) -> Points:
        """The metrics after each label. The labels of a query come in one by one."""
        weights = self._weights()
        found = {0: self._metrics(weights)}
        while (count := min(size, steps - (len(found) - 1), self._left)) > 0:
            options = self._pool.options(self._left)
            given = self._pool.probs[: self._left]
            batch = self._heuristic.select(given, count, rng=self._rng, weights=weights, **options)
            for log_likelihoods in self._pool.log_likelihoods(batch.indices):
                self._log_weights = self._log_weights + log_likelihoods
                found[len(found)] = self._metrics(self._weights())
                if is_exhausted(found):
                    return found
            self._take_from_pool(batch.indices)
            weights = self._drop_improbable_draws(self._weights())
        return found

    def _metrics(self, weights: Float64s) -> dict[str, float]:
        draws = effective_draws(weights)
        if draws < FEWEST_DRAWS:
            return {EFFECTIVE_DRAWS: draws}
        return {**metrics_of(self._test, weights), EFFECTIVE_DRAWS: draws}

    def _take_from_pool(self, rows: Ints) -> None:
        for row in np.sort(rows)[::-1]:
            self._left -= 1
            for array in self._pool.arrays:
                array[row] = array[self._left]

    def _weights(self) -> Float64s:
        weights = np.exp(self._log_weights - self._log_weights.max())
        return np.asarray(weights / weights.sum())

    def _drop_improbable_draws(self, weights: Float64s) -> Float64s:
        """Leave out draws with negligible weight, as soon as they are a third of all."""
        order = np.argsort(weights)
        small = order[np.cumsum(weights[order]) <= NEGLIGIBLE]
        if 3 * len(small) <= len(weights):
            return weights
        kept = np.setdiff1d(np.arange(len(weights)), small)
        self._heuristic = with_draws(self._heuristic, kept, Reading(self._pool.kind))
        self._pool = self._pool.of_draws(kept, self._left)
        self._test = self._test.of_draws(kept, len(self._test.labels))
        self._log_weights = self._log_weights[kept]
        return self._weights()


def metrics_of(test: Labelled, weights: Float64s) -> dict[str, float]:
    """The metrics of a test set under weights of the draws."""
    if isinstance(test, LabelledMeans):
        return test.metrics(weights)
    return scores(predictive(test.probs, weights, test.tiny), test.labels)
