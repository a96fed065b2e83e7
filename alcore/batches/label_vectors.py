"""Batches over vectors of many labels: what the labels of a row tell together is sampled, label after label.

A vector of L labels has 2^L values. By the chain rule it tells I(y; θ) = Σ_l I(y_l; θ | y_1 … y_(l−1)). Given the draw labels are
independent, so each term is that of one yes or no, with the labels before it sampled.
"""

from __future__ import annotations

import numpy as np

from alcore.batches.search.configurations import Configurations, Ints, drop_vanishing, stratified
from alcore.batches.search.greedy import ERRORS, Objective
from alcore.door import Array, Float64s

LEAST_GAIN = 1e-6  # nats a batch must gain, as with classes
ROUNDING = 1e-7  # nats a label, of sums in float32
NOTHING = 1e-9  # nats: a label that tells less is left out
SETTLED = 1e-6  # nats: a configuration whose draws have less entropy can tell no more, and is left out
GLANCES = (
    100,
    1000,
)  # configurations that are looked at before all of them, where they show that a row is not the best
FEWER = 3  # times as many configurations as a glance takes must be there
UNSURE = 1e-4  # nats: more than what a glance can miss where all that it sees is alike


class LabelsInformation(Objective):
    """I(y_S; θ) of the batch so far for rows (L, T) of many labels.

    All rows are evaluated with the same uniforms at every pick, so they share their noise. The labels that extend the
    configurations are drawn anew.
    """

    exact_until = 0

    def __init__(self, prior: Float64s, samples: int, labels: int, rng: np.random.Generator) -> None:
        own, self._rng = rng.spawn(2)
        self._prior = drop_vanishing(prior)
        self._configurations = Configurations(prior, samples, 0, own)
        _, self._owner_m = self._configurations.sampled
        owners = int(np.count_nonzero(self._prior))
        self._share_m = self._prior[self._owner_m] * (owners / len(self._owner_m))
        self._uniform_lm = np.empty((labels, len(self._owner_m)), np.float32)
        for uniform_m in self._uniform_lm:
            uniforms = stratified(self._rng, owners, len(uniform_m) // owners)
            uniform_m[:] = np.clip(
                uniforms, 2.0**-25, 1 - 2.0**-24
            )  # rounding would lead to 0 or 1, to labels that no draw allows
        self.effective = [self._configurations.effective_draws]  # before the first pick, and after each
        self._look()

    @property
    def noise(self) -> float:
        return max(LEAST_GAIN, ROUNDING * len(self._uniform_lm), self._configurations.noise)

    def bounds(self, cells: Array, slots: Ints, bound: Float64s, picks_seen: Ints, least: float) -> Float64s:
        found = bound.copy()
        for place, slot in enumerate(slots):
            found[place] = self._bound(cells[slot].astype(np.float64), float(bound[place]), least)
        return found

    def _bound(self, yes_lt: Float64s, bound: float, least: float) -> float:
        """The gain of a row, or a bound on it that is at most ``least``."""
        if len(self.effective) > 1:
            pairs_1ct = _pairs(yes_lt).reshape(1, -1, yes_lt.shape[1])
            bound = min(bound, float(self._configurations.levels()[0].bound(pairs_1ct, np.zeros(1, np.int64))[0]))
        for seen_m, weight_m in self._glances:
            if bound <= least:
                return bound
            part_m = self._values(yes_lt, seen_m) * weight_m
            spread = float(part_m.std()) * np.sqrt(len(part_m))
            bound = min(bound, float(part_m.sum()) + ERRORS * spread + UNSURE)
        return bound if bound <= least else min(bound, self.decide(yes_lt, bound)[0])

    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        value_m = np.zeros(len(self._owner_m))
        value_m[self._open_m] = self._values(cells_ct, self._open_m)
        return max(float((self._share_m * value_m).sum()), 0.0), self._configurations.error_of(value_m)

    def add(self, cells_ct: Float64s) -> None:
        for pair_2t in _pairs(cells_ct[self._telling(cells_ct)]):
            self._configurations.add(pair_2t)
        self._configurations.levels()  # before threads ask for them
        self.effective.append(self._configurations.effective_draws)
        self._look()

    def _look(self) -> None:
        """Which configurations a row is evaluated with: those whose draws are still open, and before them a few.

        A configuration tells at most the entropy of its draws, so the few are drawn in proportion to it.
        """
        self._row_m, _ = self._configurations.sampled
        left_m = np.asarray(_entropy(self._configurations.rows_ut).sum(axis=1), np.float64)[self._row_m]
        self._open_m = np.flatnonzero(left_m > SETTLED)
        worth_m = (self._share_m * left_m)[self._open_m]
        ends_m = np.cumsum(worth_m)
        self._glances: list[tuple[Ints, Float64s]] = []
        for count in GLANCES:
            points = (np.arange(count) + self._rng.random()) / count
            if len(ends_m) >= FEWER * count:
                seen_m = np.minimum(np.searchsorted(ends_m, points * ends_m[-1], "right"), len(ends_m) - 1)
                weight_m = self._share_m[self._open_m[seen_m]] / (worth_m[seen_m] * count / ends_m[-1])
                self._glances.append((self._open_m[seen_m], weight_m))

    def _telling(self, yes_lt: Float64s) -> Ints:
        """The labels that tell anything. What one tells after others is at most what it tells alone."""
        mean_l, own_lt = yes_lt @ self._prior, _entropy(yes_lt) + _entropy(1 - yes_lt)
        return np.flatnonzero(_entropy(mean_l) + _entropy(1 - mean_l) - own_lt @ self._prior > NOTHING)

    def _values(self, yes_lt: Float64s, seen_m: Ints) -> Float64s:
        """What a row tells after each of some configurations."""
        from alcore.kernels.label_vectors import informations

        labels = self._telling(yes_lt)
        yes_lt = yes_lt[labels]
        own_lt = _entropy(yes_lt) + _entropy(1 - yes_lt)
        yes, no, own = (part.astype(np.float32) for part in (yes_lt, 1 - yes_lt, own_lt))
        told_m = np.zeros(len(seen_m))
        if len(labels):
            rows_ut, uniform_lm = self._configurations.rows_ut, self._uniform_lm
            informations(rows_ut, self._row_m, self._owner_m, uniform_lm, seen_m, labels, yes, no, own, told_m)
        return told_m


def _pairs(yes_lt: Float64s) -> Float64s:
    """Probabilities of yes (L, T) -> of no and yes (L, 2, T)."""
    return np.stack([1 - yes_lt, yes_lt], axis=1)


def _entropy(shares: Array) -> Array:
    """−p log p."""
    from scipy.special import entr

    return np.asarray(entr(shares))
