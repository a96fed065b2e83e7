"""What joint heuristics should answer: every configuration of labels written out, float64, nothing clever."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

WIDE = 1e-7  # nats that answers to float64 may be off: posteriors are kept in float32
TIE = 1e-11  # gains this close are equal; the lowest row is picked


@dataclass(frozen=True)
class Greedy:
    """One greedy run: ``gap`` is by how much each pick beat the best other row that is not its equal."""

    indices: np.ndarray
    gains: np.ndarray
    information: np.ndarray
    effective_draws: np.ndarray
    gap: float


def shares(weights: Any, draws: int) -> np.ndarray:
    w = np.ones(draws) if weights is None else np.asarray(weights, float)
    return w / w.sum()


def entropies(p: np.ndarray, axis: int = -1) -> np.ndarray:
    """-Σ p log p along an axis, with 0 log 0 = 0."""
    return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=axis)


def bald(probs_nct: np.ndarray, weights: Any = None) -> np.ndarray:
    p, w = np.asarray(probs_nct, float), shares(weights, probs_nct.shape[-1])
    return entropies(p @ w) - entropies(p, axis=1) @ w


def configurations(probs_kct: np.ndarray, weights: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """All labels of a batch: their probabilities (C^k,) and what each makes of the draws (C^k, T), rows of sum 1."""
    p = np.asarray(probs_kct, float)
    omega, posterior = np.ones(1), shares(weights, p.shape[-1])[None]
    for row in p:
        joint = (posterior[:, None, :] * row[None]).reshape(-1, p.shape[-1])
        omega = np.repeat(omega, len(row)) * joint.sum(axis=1)
        kept = omega > 0
        omega, joint = omega[kept], joint[kept]
        posterior = joint / joint.sum(axis=1, keepdims=True)
    return omega, posterior


def joint_entropy(probs_kct: np.ndarray, weights: Any = None) -> float:
    return float(entropies(configurations(probs_kct, weights)[0]))


def joint_information(probs_kct: np.ndarray, weights: Any = None) -> float:
    """I(y_S; θ): the mean divergence of what the labels make of the draws from what was before."""
    omega, posterior = configurations(probs_kct, weights)
    w = shares(weights, probs_kct.shape[-1])
    return float(omega @ (posterior * np.log(np.where(posterior > 0, posterior, 1) / np.where(w > 0, w, 1))).sum(1))


def effective_draws(probs_kct: np.ndarray, weights: Any = None) -> float:
    omega, posterior = configurations(probs_kct, weights)
    return float(omega @ (1 / (posterior**2).sum(axis=1)))


def entropies_given(probs_nct: np.ndarray, batch: Any, weights: Any = None) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each configuration of a batch (M,), and every row's entropy given it (M, N)."""
    p = np.asarray(probs_nct, float)
    omega, posterior = configurations(p[list(batch)], weights)
    return omega, np.stack([entropies(posterior @ row.T) for row in p], axis=1)


def gains(probs_nct: np.ndarray, batch: Any, weights: Any = None) -> np.ndarray:
    """I(y_b; θ | y_S) of every row b, those of the batch included."""
    p, w = np.asarray(probs_nct, float), shares(weights, probs_nct.shape[-1])
    omega, given = entropies_given(p, batch, weights)
    return omega @ given - entropies(p, axis=1) @ w


def _greedy(gains_after: Any, rows: int, k: int) -> tuple[np.ndarray, np.ndarray, float]:
    batch: list[int] = []
    gained, gap = [], np.inf
    for _ in range(min(k, rows)):
        each = np.array(gains_after(batch))
        each[batch] = -np.inf
        pick = int(np.argmax(each >= each.max() - TIE))
        others = each[each < each.max() - TIE]
        gap = min(gap, each[pick] - max(others, default=-np.inf))
        batch.append(pick)
        gained.append(each[pick])
    return np.array(batch, int), np.array(gained, float), gap


def batchbald(probs_nct: np.ndarray, k: int, weights: Any = None) -> Greedy:
    indices, gained, gap = _greedy(lambda batch: gains(probs_nct, batch, weights), len(probs_nct), k)
    left = [effective_draws(probs_nct[indices[: i + 1]], weights) for i in range(len(indices))]
    return Greedy(indices, gained, np.cumsum(gained), np.array(left, float), gap)


def pair_information(probs_ct: np.ndarray, others_nct: np.ndarray, weights: Any = None) -> np.ndarray:
    """I(y; y_n) of one row and each of others."""
    p, q = np.asarray(probs_ct, float), np.asarray(others_nct, float)
    w = shares(weights, p.shape[-1])
    joint = np.einsum("ct,ndt,t->ncd", p, q, w)
    product = (p @ w)[None, :, None] * (q @ w)[:, None, :]
    held = joint > 0
    return (joint * np.log(np.where(held, joint, 1) / np.where(held, product, 1))).sum(axis=(1, 2))


def two_bald(probs_nct: np.ndarray, k: int, weights: Any = None) -> Greedy:
    own = bald(probs_nct, weights)

    def gains_after(batch: list[int]) -> np.ndarray:
        return own - sum((pair_information(probs_nct[i], probs_nct, weights) for i in batch), np.zeros(len(own)))

    indices, gained, gap = _greedy(gains_after, len(probs_nct), k)
    return Greedy(indices, gained, np.cumsum(gained), np.full(len(indices), np.nan), gap)


def target_information(
    probs_kct: np.ndarray, targets_jct: np.ndarray, target_weights: Any = None, weights: Any = None
) -> float:
    """Σ_j v_j I(y_S; y_j)."""
    q, v = np.asarray(targets_jct, float), shares(target_weights, len(targets_jct))
    omega, posterior = configurations(probs_kct, weights)
    before = q @ shares(weights, q.shape[-1])  # (J, C)
    after = np.einsum("mt,jct->mjc", posterior, q)
    held = after > 0
    each = (after * np.log(np.where(held, after, 1) / np.where(held, before, 1))).sum(axis=2)
    return float(omega @ each @ v)


def batch_epig(
    probs_nct: np.ndarray, targets_jct: np.ndarray, k: int, target_weights: Any = None, weights: Any = None
) -> Greedy:
    def value(batch: list[int]) -> float:
        return target_information(probs_nct[batch], targets_jct, target_weights, weights) if batch else 0.0

    def gains_after(batch: list[int]) -> list[float]:
        return [value([*batch, b]) - value(batch) for b in range(len(probs_nct))]

    indices, gained, gap = _greedy(gains_after, len(probs_nct), k)
    left = [effective_draws(probs_nct[indices[: i + 1]], weights) for i in range(len(indices))]
    return Greedy(indices, gained, np.cumsum(gained), np.array(left, float), gap)


# --- pools, and what the tests need to know of the implementation -----------------------------------------------------


def dyadic(rows: int, classes: int, draws: int, *, seed: int = 0, alpha: float = 0.7) -> np.ndarray:
    """Random predictions in 256ths, exact in float16, float32 and float64, with many exact zeros."""
    rng = np.random.default_rng(seed)
    p = rng.dirichlet(np.full(classes, alpha), size=(rows, draws))
    return np.ascontiguousarray(rng.multinomial(256, p).transpose(0, 2, 1) / 256)


def one_hot(rows: int, classes: int, draws: int, *, seed: int = 0) -> np.ndarray:
    """Draws that are each certain."""
    labels = np.random.default_rng(seed).integers(classes, size=(rows, draws))
    return np.ascontiguousarray(np.eye(classes)[labels].transpose(0, 2, 1))


def small_buffer(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Let a pass over a source that is not in memory hold that many rows, whatever ``memory`` says."""
    from alcore.batches.search import candidates

    monkeypatch.setattr(candidates, "LEAST_ROWS", 1)
    monkeypatch.setattr(candidates, "rows_that_fit", lambda *_: rows)
