"""What scores are by definition: NumPy in float64, nothing clever."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


def shares(weights: np.ndarray | None, count: int) -> np.ndarray:
    return np.full(count, 1.0 / count) if weights is None else weights


def settled(weights: np.ndarray | None, count: int) -> np.ndarray:
    """Weights without those whose draws tell less than 1e-28 nats, whose inverse would overflow."""
    each = shares(weights, count)
    return np.where(each < 1e-30, 0.0, each)


def xlogx(p: np.ndarray) -> np.ndarray:
    return p * np.log(np.where(p > 0, p, 1.0))


def divergence(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """Σ_c mean_c Σ_t w_t f(p_tc / mean_c - 1) of cells (N, C, ..., T)."""
    mean = (p @ w)[..., None]
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        off = np.where(mean > 1e-290, p / mean - 1.0, 0.0)
    return ((_divergence_of(off) @ w) * mean[..., 0]).sum(axis=1)


def _divergence_of(off: np.ndarray) -> np.ndarray:
    """f(d) = (1 + d) log(1 + d) - d, by its series where that cancels."""
    with np.errstate(divide="ignore", invalid="ignore"):
        f = np.where(off == -1.0, 1.0, (1 + off) * np.log1p(off) - off)
    near = np.abs(off) < 1e-3
    d = np.where(near, off, 0.0)
    return np.where(near, d * d * (1 / 2 - d / 6 + d * d / 12 - d**3 / 20), f)


def entropy(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.clip(-xlogx(p @ w).sum(axis=1), 0.0, np.log(p.shape[1]))


def expected_entropy(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.clip(-xlogx(p).sum(axis=1) @ w, 0.0, np.log(p.shape[1]))


def bald(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.minimum(divergence(p, w), np.log(min(p.shape[1], p.shape[-1])))


def margin(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    second, first = np.moveaxis(np.sort(p @ w, axis=1)[:, -2:], 1, 0)
    return np.maximum(1 - (first - second), 0.0)


def least_confidence(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.clip(1 - (p @ w).max(axis=1), 0.0, 1 - 1 / p.shape[1])


def _votes(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    voted = p.argmax(axis=1)
    return np.stack([(voted == c) @ w for c in range(p.shape[1])], axis=1)


def variation_ratio(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return 1 - _votes(p, w).max(axis=1)


def vote_entropy(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return -xlogx(_votes(p, w)).sum(axis=1)


def mean_std(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    return np.sqrt((p - (p @ w)[..., None]) ** 2 @ w).mean(axis=1)


def pairwise_kl(p: np.ndarray, w: np.ndarray, floor: float = 0.0) -> np.ndarray:
    """Σ_t Σ_u w_t w_u Σ_c p_tc (log p_tc - log p_uc), draws of weight 0 left out."""
    raised, w = np.maximum(p[..., w > 0], floor), w[w > 0]
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log(raised)
        apart = logs[..., :, None] - logs[..., None, :]
        each = np.where(raised[..., None] > 0, raised[..., None] * apart, 0.0)
    return np.maximum((each @ w @ w).sum(axis=1), 0.0)


MEASURES: dict[str, Callable[..., np.ndarray]] = {
    one.__name__: one
    for one in (
        entropy,
        expected_entropy,
        bald,
        margin,
        least_confidence,
        variation_ratio,
        vote_entropy,
        mean_std,
        pairwise_kl,
    )
}


# --- targets, losses, cells -------------------------------------------------------------------------------------------


def epig(p: np.ndarray, targets_jct: np.ndarray, w: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Σ_j v_j Σ_cd mean_c mean_jd f(δ), δ = Σ_t w_t (p_tc / mean_c - 1)(q_tjd / mean_jd - 1), of cells (N, C, ..., T)."""
    own, theirs = _centred(p, w), _centred(targets_jct, w)
    delta = np.einsum("nc...t,jdt,t->nc...jd", own, theirs, w)
    each = _divergence_of(np.maximum(delta, -1.0)) * ((targets_jct @ w) * v[:, None])
    return (each.sum(axis=(-2, -1)) * (p @ w)).sum(axis=1)


def _centred(p: np.ndarray, w: np.ndarray) -> np.ndarray:
    mean = (p @ w)[..., None]
    return np.divide(p, mean, out=np.ones_like(p), where=mean > 1e-290) - 1.0


def expected_loss(p: np.ndarray, w: np.ndarray, predicted_nc: np.ndarray | None, loss: str, floor: float) -> np.ndarray:
    mean = p @ w
    said = mean if predicted_nc is None else predicted_nc
    if loss == "log":
        scores = -(mean * np.log(np.where(mean > 0, said, 1.0))).sum(axis=1)
    elif loss == "zero-one":
        scores = 1 - mean[np.arange(len(mean)), said.argmax(axis=1)]
    else:
        scores = (mean * ((said**2).sum(axis=1, keepdims=True) - 2 * said + 1)).sum(axis=1)
    scores = np.maximum(scores, 0.0)
    return np.maximum(scores, floor * scores.mean()) if scores.size else scores


def reduced(row: np.ndarray, how: str, q: float) -> float:
    """Of the cells of one row that are no padding."""
    if how == "mean":
        return float(row.mean())
    if how == "sum":
        return float(row.sum())
    largest = np.sort(row)[::-1]
    return float(largest[0]) if how == "max" else float(largest[: max(1, int(np.ceil(q * row.size - 1e-9)))].mean())


# --- batches drawn from scores ----------------------------------------------------------------------------------------


def order(scores: np.ndarray) -> np.ndarray:
    """Rows by falling score, the lowest row first among equals."""
    return np.array(sorted(range(len(scores)), key=lambda row: (-scores[row], row)), np.int64)


def chances(log_weights: np.ndarray, chosen: np.ndarray) -> np.ndarray:
    """The probability of each pick given the earlier ones: its weight over the sum of those left."""
    left, each = np.ones(len(log_weights), bool), []
    for row in chosen:
        apart = log_weights[left] - log_weights[row]
        with np.errstate(over="ignore"):
            each.append(1 / np.exp(apart).sum())
        left[row] = False
    return np.array(each)
