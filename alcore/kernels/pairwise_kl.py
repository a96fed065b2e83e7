"""The expected divergence of pairs of draws: sum_c E_t[(q - m) log(q / m)] with q = max(p, floor) and m = E_t[q].

E_t[q - m] is 0, so it is sum_c E_t[(q - m) log q] too: one logarithm a number. That form loses what rounding takes of
m log m. Scores under ``accurate_below``, and rows with a number that is 0 or subnormal, have the first form, no term of which
is negative. The contract is that of `measures`.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import is_distribution
from alcore.kernels.jit import kernel
from alcore.kernels.log import log, log32, log_ratio
from alcore.kernels.measures import TINY

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_LAST, _LAST32 = np.int64(0x7FEFFFFFFFFFFFFF), np.int32(0x7F7FFFFF)  # the bits of the largest finite numbers
_SMALLEST = np.finfo(np.float64).tiny
_SMALLEST32, _ZERO32 = np.finfo(np.float32).tiny, np.float32(0.0)


@kernel()
def pairwise_kl(
    probs_rct: Floats,
    weights_t: Float64s,
    floor: float,
    accurate_below: float,
    tolerance: float,
    out_r: Float64s,
    valid_r: Bools,
) -> None:
    """In float64, with a weight for each draw."""
    rows, classes, draws = probs_rct.shape
    sums_t = np.empty(draws, probs_rct.dtype)
    q_ct, log_ct = np.empty((classes, draws), np.float64), np.empty((classes, draws), np.float64)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = is_distribution(probs_rct[r], tolerance, sums_t)
        if valid_r[r]:
            score = -1.0
            if _logarithms(probs_rct[r].reshape(-1), floor, q_ct.reshape(-1), log_ct.reshape(-1)) >= _SMALLEST:
                score = 0.0
                for c in range(classes):
                    score += _class_score(q_ct[c], log_ct[c], weights_t)
            out_r[r] = _accurate(probs_rct[r], weights_t, floor) if score < accurate_below else score


@kernel()
def pairwise_kl32(
    probs_rct: Float32s, floor: float, accurate_below: float, tolerance: float, out_r: Float64s, valid_r: Bools
) -> None:
    """In float32, equal weights."""
    rows, classes, draws = probs_rct.shape
    sums_t, weights_t = np.empty(draws, np.float32), np.full(draws, 1.0 / draws)
    q_ct, log_ct = np.empty((classes, draws), np.float32), np.empty((classes, draws), np.float32)
    for r in range(rows):
        valid_r[r] = is_distribution(probs_rct[r], tolerance, sums_t)
        out_r[r] = row_score32(probs_rct[r], weights_t, floor, accurate_below, q_ct, log_ct) if valid_r[r] else np.nan


@kernel()
def row_score32(
    probs_ct: Float32s, weights_t: Float64s, floor: float, accurate_below: float, q_ct: Float32s, log_ct: Float32s
) -> float:
    """The score of a row that is valid. ``weights_t``: equal ones, for the accurate form."""
    score = -1.0
    if _logarithms32(probs_ct.reshape(-1), np.float32(floor), q_ct.reshape(-1), log_ct.reshape(-1)) >= _SMALLEST32:
        score = 0.0
        for c in range(probs_ct.shape[0]):
            score += _class_score32(q_ct[c], log_ct[c])
    return _accurate(probs_ct, weights_t, floor) if score < accurate_below else score


@kernel()
def _logarithms(probs_n: Floats, floor: float, q_n: Float64s, log_n: Float64s) -> float:
    """q and log q. Returns the smallest q."""
    for i in range(probs_n.size):
        p = np.float64(probs_n[i])
        q = p if p > floor else floor
        q_n[i] = q
        log_n[i] = log(q)
    order = _LAST
    for i in range(
        q_n.size
    ):  # integers have the order of positive numbers: a loop over floats would not run in vector registers
        order = min(order, np.float64(q_n[i]).view(np.int64))
    return np.int64(order).view(np.float64)


@kernel()
def _logarithms32(probs_n: Float32s, floor: np.float32, q_n: Float32s, log_n: Float32s) -> np.float32:
    """``_logarithms`` in float32."""
    for i in range(probs_n.size):
        q = probs_n[i] if probs_n[i] > floor else floor
        q_n[i] = q
        log_n[i] = log32(q)
    order = _LAST32
    for i in range(q_n.size):
        order = min(order, np.float32(q_n[i]).view(np.int32))
    return np.int32(order).view(np.float32)


@kernel()
def _class_score(q_t: Float64s, log_t: Float64s, weights_t: Float64s) -> float:
    mean, total = 0.0, 0.0
    for t in range(q_t.size):
        mean += weights_t[t] * q_t[t]
    for t in range(q_t.size):
        total += weights_t[t] * (q_t[t] - mean) * log_t[t]
    return total


@kernel()
def _class_score32(q_t: Float32s, log_t: Float32s) -> float:
    """E_t[q log q] - E_t[q] E_t[log q]: the same from three sums of one loop."""
    q, qlogq, logq = _ZERO32, _ZERO32, _ZERO32
    for t in range(q_t.size):
        q += q_t[t]
        qlogq += q_t[t] * log_t[t]
        logq += log_t[t]
    return (np.float64(qlogq) - np.float64(q) / q_t.size * np.float64(logq)) / q_t.size


@kernel()
def _accurate(probs_ct: Floats, weights_t: Float64s, floor: float) -> float:
    total = 0.0
    for c in range(probs_ct.shape[0]):
        total += _class_kl(probs_ct[c], weights_t, floor)
    return total


@kernel()
def _class_kl(probs_t: Floats, weights_t: Float64s, floor: float) -> float:
    lowest, highest, mean = math.inf, 0.0, 0.0
    for t in range(probs_t.size):
        if weights_t[t] > 0.0:
            q = max(np.float64(probs_t[t]), floor)
            lowest, highest = min(lowest, q), max(highest, q)
            mean += weights_t[t] * q
    if lowest == highest:
        return 0.0
    if lowest == 0.0:
        return math.inf
    total = 0.0
    if mean > TINY:
        inverse, log_mean = 1.0 / mean, math.log(mean)
        for t in range(probs_t.size):
            q = max(np.float64(probs_t[t]), floor)
            total += weights_t[t] * (q - mean) * log_ratio(q, mean, inverse, log_mean)
    return total
