"""Means of numbers and plain oracles of what is computed of them."""

from __future__ import annotations

import mpmath
import numpy as np

LOG_2PIE = np.log(2 * np.pi * np.e)


def means_and_variances(rows: int, outputs: int, draws: int, *, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Means (N, D, T) far from 0 and variances of each draw, float64."""
    rng = np.random.default_rng(seed)
    return rng.normal(10, 2, (rows, outputs, draws)), rng.gamma(2, 0.5, (rows, outputs, draws)) + 0.05


def shares(weights: np.ndarray | None, draws: int) -> np.ndarray:
    each = np.ones(draws) if weights is None else np.asarray(weights, float)
    return each / each.sum()


def measure(name: str, means: np.ndarray, variance: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(N, D): the measure of each output, at 50 digits. ``variance`` (N, D, T)."""
    mpmath.mp.dps = 50
    w = [mpmath.mpf(float(one)) for one in (np.ones(means.shape[-1]) if weights is None else weights)]
    w = [one / mpmath.fsum(w) for one in w]
    found = np.empty(means.shape[:2])
    for place in np.ndindex(means.shape[:2]):
        mu = [mpmath.mpf(float(one)) for one in means[place]]
        noise = [mpmath.mpf(float(one)) for one in variance[place]]
        found[place] = float(_of_output(name, mu, noise, w))
    return found


def _of_output(name: str, mu: list[mpmath.mpf], noise: list[mpmath.mpf], w: list[mpmath.mpf]) -> mpmath.mpf:
    def mean(values: list[mpmath.mpf]) -> mpmath.mpf:
        return mpmath.fsum(one * value for one, value in zip(w, values, strict=True))

    centre = mean(mu)
    epistemic, aleatoric = mean([(one - centre) ** 2 for one in mu]), mean(noise)
    log_2pie = mpmath.log(2 * mpmath.pi * mpmath.e)
    if name == "epistemic":
        return epistemic
    if name == "aleatoric":
        return aleatoric
    if name == "total":
        return epistemic + aleatoric
    if name == "mean-std":
        return mpmath.sqrt(epistemic)
    entropy = (log_2pie + mpmath.log(epistemic + aleatoric)) / 2
    expected = (log_2pie + mean([mpmath.log(one) for one in noise])) / 2
    return {"entropy": entropy, "expected-entropy": expected, "bald": entropy - expected}[name]


def covariance(means: np.ndarray, weights: np.ndarray | None = None) -> np.ndarray:
    """(N·D, N·D): the covariance over draws of all outputs of all rows."""
    w = shares(weights, means.shape[-1])
    flat = means.astype(float).reshape(-1, means.shape[-1])
    deviations = flat - (flat * w).sum(axis=1, keepdims=True)
    return (deviations * w) @ deviations.T


def epig(
    means: np.ndarray,
    variance: np.ndarray,
    targets: np.ndarray,
    target_variance: np.ndarray,
    weights: np.ndarray | None = None,
    target_weights: np.ndarray | None = None,
    factors: tuple[float, ...] | None = None,
) -> np.ndarray:
    """(N,): the information of the noisy labels of each row and each target, as correlated Gaussians. Variances (N, D, T)."""
    (rows, outputs, draws), count = means.shape, len(targets)
    w, v = shares(weights, draws), shares(target_weights, count)
    found = np.zeros(rows)
    for n, j, d in np.ndindex(rows, count, outputs):
        pair = covariance(np.stack([means[n, d], targets[j, d]])[:, None], weights)
        noisy = pair + np.diag([(w * variance[n, d]).sum(), (w * target_variance[j, d]).sum()])
        joint = 0.5 * np.log(noisy[0, 0] * noisy[1, 1] / np.linalg.det(noisy))
        found[n] += (1.0 if factors is None else factors[d]) * v[j] * joint
    return found


def information(rows: list[int], means: np.ndarray, variance: np.ndarray, weights: np.ndarray | None = None) -> float:
    """½ log det(I + S^−½ Σ S^−½) of all outputs of some rows, written out. ``variance`` (N, D, T)."""
    noise = (variance * shares(weights, means.shape[-1])).sum(axis=-1)[rows].reshape(-1)
    inner = covariance(means[rows], weights) / np.outer(np.sqrt(noise), np.sqrt(noise))
    return 0.5 * float(np.linalg.slogdet(np.eye(len(noise)) + inner)[1])


def greedy(
    k: int, means: np.ndarray, variance: np.ndarray, weights: np.ndarray | None = None
) -> tuple[list[int], list[float]]:
    """The greedy batch by `information`, every row tried at every pick, and its information after each."""
    rows: list[int] = []
    found: list[float] = []
    for _ in range(k):
        values = [
            -np.inf if n in rows else information([*rows, n], means, variance, weights) for n in range(len(means))
        ]
        rows.append(int(np.argmax(values)))
        found.append(max(values))
    return rows, found
