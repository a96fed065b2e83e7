"""Whether draws are distributions, and their means: the check is part of the pass that reads them.

``probs_rct`` (rows, classes, draws) is C-contiguous float32 or float64, ``weights_t`` float64 with sum 1. A draw is a distribution
where none of its entries is negative and their sum is 1 within ``tolerance``.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_ZERO32, _ONE32 = np.float32(0.0), np.float32(1.0)


@kernel()
def check(probs_rct: Floats, tolerance: float, valid_r: Bools) -> None:
    """Whether every draw of each row is a distribution."""
    sums_t = np.empty(probs_rct.shape[2], probs_rct.dtype)
    for r in range(probs_rct.shape[0]):
        valid_r[r] = is_distribution(probs_rct[r], tolerance, sums_t)


@kernel()
def means(probs_ct: Floats, weights_t: Float64s, tolerance: float, sums_t: Floats, mean_c: Float64s) -> bool:
    """Whether every draw is a distribution; the weighted mean of each class if so."""
    valid = is_distribution(probs_ct, tolerance, sums_t)
    if valid:
        weighted_means(probs_ct, weights_t, mean_c)
    return valid


@kernel()
def weighted_means(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s) -> None:
    """A class on which all draws agree has their value exactly: no rounding passes for disagreement."""
    lead = 0
    while weights_t[lead] == 0.0:
        lead += 1
    for c in range(probs_ct.shape[0]):
        first = np.float64(probs_ct[c, lead])
        mean, differing = 0.0, 0.0
        for t in range(probs_ct.shape[1]):
            p = np.float64(probs_ct[c, t])
            mean += weights_t[t] * p
            differing += weights_t[t] if p != first else 0.0
        mean_c[c] = mean if differing > 0.0 else first


@kernel()
def is_distribution(probs_ct: Floats, tolerance: float, sums_t: Floats) -> bool:
    """No entry negative, and each draw's sum (NaN and infinity carry over to it) within tolerance of 1."""
    negative = False
    zero = sums_t.dtype.type(0)
    sums_t[:] = zero
    for c in range(probs_ct.shape[0]):
        for t in range(probs_ct.shape[1]):
            sums_t[t] += probs_ct[c, t]
            negative |= probs_ct[c, t] < zero
    return not negative and _all_one(sums_t, sums_t.dtype.type(tolerance))


@kernel()
def means32(probs_rct: Float32s, tolerance: np.float32, mean_rc: Float32s, valid_r: Bools) -> None:
    """``means`` of a tile of rows with equal weights in float32: both sums and the sign from one load.

    Four classes at a time, then two, then one: at (N, 10, 100) class by class takes 0.08 ns an element longer.
    """
    rows, classes, draws = probs_rct.shape
    one_draw = np.float32(1.0 / draws)
    sums_t = np.empty(draws, np.float32)
    for r in range(rows):
        probs_ct, mean_c = probs_rct[r], mean_rc[r]
        negative = False
        for t in range(draws):
            sums_t[t] = _ZERO32
        for i in range(classes // 4):
            a_t, b_t, c_t, d_t = probs_ct[4 * i], probs_ct[4 * i + 1], probs_ct[4 * i + 2], probs_ct[4 * i + 3]
            sum_a, sum_b, sum_c, sum_d = _ZERO32, _ZERO32, _ZERO32, _ZERO32
            for t in range(draws):
                a, b, c, d = a_t[t], b_t[t], c_t[t], d_t[t]
                sums_t[t] += (a + b) + (c + d)
                negative |= (a < _ZERO32) | (b < _ZERO32) | (c < _ZERO32) | (d < _ZERO32)
                sum_a += a
                sum_b += b
                sum_c += c
                sum_d += d
            mean_c[4 * i], mean_c[4 * i + 1] = sum_a * one_draw, sum_b * one_draw
            mean_c[4 * i + 2], mean_c[4 * i + 3] = sum_c * one_draw, sum_d * one_draw
        done = classes - classes % 4
        if classes - done >= 2:
            a_t, b_t = probs_ct[done], probs_ct[done + 1]
            sum_a, sum_b = _ZERO32, _ZERO32
            for t in range(draws):
                a, b = a_t[t], b_t[t]
                sums_t[t] += a + b
                negative |= (a < _ZERO32) | (b < _ZERO32)
                sum_a += a
                sum_b += b
            mean_c[done], mean_c[done + 1] = sum_a * one_draw, sum_b * one_draw
        if classes % 2:
            a_t = probs_ct[classes - 1]
            sum_a = _ZERO32
            for t in range(draws):
                a = a_t[t]
                sums_t[t] += a
                negative |= a < _ZERO32
                sum_a += a
            mean_c[classes - 1] = sum_a * one_draw
        valid_r[r] = not negative and _all_one(sums_t, tolerance)


@kernel()
def binary_means32(probs_r2t: Float32s, tolerance: np.float32, mean_r2: Float32s, valid_r: Bools) -> None:
    """``means32`` of two classes, without sums to keep: 0.2 ns an element at T = 50 instead of 0.5."""
    rows, _, draws = probs_r2t.shape
    one_draw = np.float32(1.0 / draws)
    for r in range(rows):
        a_t, b_t = probs_r2t[r, 0], probs_r2t[r, 1]
        sum_a, sum_b, wrong = _ZERO32, _ZERO32, _ZERO32
        for t in range(draws):
            a, b = a_t[t], b_t[t]
            valid = (a >= _ZERO32) & (b >= _ZERO32) & (abs((a + b) - _ONE32) <= tolerance)
            wrong += _ZERO32 if valid else _ONE32
            sum_a += a
            sum_b += b
        mean_r2[r, 0], mean_r2[r, 1] = sum_a * one_draw, sum_b * one_draw
        valid_r[r] = wrong == _ZERO32


@kernel()
def _all_one(sums_t: Floats, tolerance: np.floating) -> bool:
    one = sums_t.dtype.type(1)
    wrong = False
    for t in range(sums_t.size):
        wrong |= not (abs(sums_t[t] - one) <= tolerance)
    return not wrong
