"""The one table of row-wise measures: name, function, object, oracle at 50 digits, bounds. A new measure joins here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import mpmath
import numpy as np
import pytest

import alcore

mpmath.mp.dps = 50
Draws = list[list[mpmath.mpf]]  # one list of class probabilities a draw


@dataclass(frozen=True)
class Case:
    name: str
    function: Callable[..., Any]
    object: alcore.RowWise
    oracle: Callable[[Draws, list[mpmath.mpf]], mpmath.mpf]
    upper: Callable[[int, int], float]  # (classes, draws)
    lower: float = 0.0


def _xlogx(x: mpmath.mpf) -> mpmath.mpf:
    return x * mpmath.log(x) if x > 0 else mpmath.mpf(0)


def _h(probs: list[mpmath.mpf]) -> mpmath.mpf:
    return -mpmath.fsum(map(_xlogx, probs))


def _mean(draws: Draws, weights: list[mpmath.mpf]) -> list[mpmath.mpf]:
    return [mpmath.fsum(w * p[c] for w, p in zip(weights, draws, strict=True)) for c in range(len(draws[0]))]


def _entropy(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return _h(_mean(draws, weights))


def _expected_entropy(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return mpmath.fsum(w * _h(p) for w, p in zip(weights, draws, strict=True))


def _bald(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return _entropy(draws, weights) - _expected_entropy(draws, weights)


def _margin(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    first, second = sorted(_mean(draws, weights), reverse=True)[:2]
    return 1 - (first - second)


def _least_confidence(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return 1 - max(_mean(draws, weights))


def _votes(draws: Draws, weights: list[mpmath.mpf]) -> list[mpmath.mpf]:
    votes = [mpmath.mpf(0)] * len(draws[0])
    for w, p in zip(weights, draws, strict=True):
        votes[p.index(max(p))] += w
    return votes


def _variation_ratio(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return 1 - max(_votes(draws, weights))


def _vote_entropy(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    return _h(_votes(draws, weights))


def _mean_std(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    mean = _mean(draws, weights)
    variances = [
        mpmath.fsum(w * (p[c] - m) ** 2 for w, p in zip(weights, draws, strict=True)) for c, m in enumerate(mean)
    ]
    return mpmath.fsum(map(mpmath.sqrt, variances)) / len(mean)


def _pairwise_kl(draws: Draws, weights: list[mpmath.mpf]) -> mpmath.mpf:
    rows = [(w, p) for w, p in zip(weights, draws, strict=True) if w > 0]
    logs = [[mpmath.log(a) if a > 0 else -mpmath.inf for a in p] for _, p in rows]

    def kl(i: int, j: int) -> mpmath.mpf:
        return mpmath.fsum(a * (x - y) for a, x, y in zip(rows[i][1], logs[i], logs[j], strict=True) if a > 0)

    return mpmath.fsum(rows[i][0] * rows[j][0] * kl(i, j) for i in range(len(rows)) for j in range(len(rows)))


def _log_fewer(classes: int, draws: int) -> float:
    return float(np.log(min(classes, draws)))


def _log_classes(classes: int, draws: int) -> float:
    return float(np.log(classes))


CASES = [
    Case("entropy", alcore.entropy, alcore.Entropy(), _entropy, _log_classes),
    Case("expected-entropy", alcore.expected_entropy, alcore.ExpectedEntropy(), _expected_entropy, _log_classes),
    Case("bald", alcore.bald, alcore.BALD(), _bald, _log_fewer),
    Case("margin", alcore.margin, alcore.Margin(), _margin, lambda classes, draws: 1.0),
    Case(
        "least-confidence",
        alcore.least_confidence,
        alcore.LeastConfidence(),
        _least_confidence,
        lambda classes, draws: 1 - 1 / classes,
    ),
    Case(
        "variation-ratio",
        alcore.variation_ratio,
        alcore.VariationRatio(),
        _variation_ratio,
        lambda classes, draws: 1 - 1 / min(classes, draws),
    ),
    Case("mean-std", alcore.mean_std, alcore.MeanStd(), _mean_std, lambda classes, draws: 0.5),
    Case("pairwise-kl", alcore.pairwise_kl, alcore.PairwiseKL(), _pairwise_kl, lambda classes, draws: np.inf),
    Case("vote-entropy", alcore.vote_entropy, alcore.VoteEntropy(), _vote_entropy, _log_fewer),
]
each_measure = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def oracle_scores(case: Case, probs_nct: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """The definition at 50 digits, row by row."""
    draws = probs_nct.shape[-1]
    each = np.ones(draws) if weights is None else np.asarray(weights, float)
    exact = [mpmath.mpf(float(w)) for w in each]
    total = mpmath.fsum(exact)
    rows = [[[mpmath.mpf(float(p)) for p in row[:, t]] for t in range(draws)] for row in probs_nct]
    return np.array([float(case.oracle(row, [w / total for w in exact])) for row in rows])


def dirichlet(rows: int, classes: int, draws: int, *, seed: int = 0, alpha: float = 1.0) -> np.ndarray:
    """Random predictions (rows, classes, draws) in float64."""
    gamma = np.random.default_rng(seed).standard_gamma(alpha, size=(rows, classes, draws)) + 1e-300
    return gamma / gamma.sum(axis=1, keepdims=True)


def near_certain(rows: int, classes: int, draws: int, *, spread: float, seed: int = 0) -> np.ndarray:
    """Draws that differ by about ``spread`` in their logits: BALD near spread squared."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, classes, 1)) + spread * rng.normal(size=(rows, classes, draws))
    powers = np.exp(logits)
    return powers / powers.sum(axis=1, keepdims=True)


def special(classes: int = 4, draws: int = 6) -> np.ndarray:
    """Certain, opposed, uniform, identical, zero and tiny entries, float64 (rows, classes, draws)."""
    certain = np.zeros((classes, draws))
    certain[1] = 1
    opposed = np.zeros((classes, draws))
    opposed[0, ::2], opposed[2, 1::2] = 1, 1
    uniform = np.full((classes, draws), 1 / classes)
    identical = np.repeat(dirichlet(1, classes, 1, seed=7)[0], draws, axis=1)
    holed = dirichlet(1, classes, draws, seed=8)[0]
    holed[3] = 0
    holed /= holed.sum(axis=0)
    tiny = np.full((classes, draws), 1e-38)
    tiny[0] = 1 - 3e-38
    tiny[2, 0] = 1e-30
    return np.stack([certain, opposed, uniform, identical, holed, tiny])
