"""Row-wise measures of one probability p a draw, that of "yes": ``probs_rt`` (rows, draws) instead of two classes.

The contract is that of `measures`. A draw is valid where p is at least 0 and at most 1 + ``tolerance``. A p above 1 counts as 1.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.exponentials import SMALLEST, exp32
from alcore.kernels.jit import FORMULA, SUMS, kernel
from alcore.kernels.log import divergence, log, relative, xlogx32
from alcore.kernels.measures import TINY
from alcore.kernels.softmax import exp_negative

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_SEGMENT = 1024  # float32 sums are handed to float64 after so many draws
_TILE = 1 << 12  # draws whose entropies are kept at a time, in the L1 cache
_LN2 = 0.6931471805599453
_ZERO32, _ONE32 = np.float32(0.0), np.float32(1.0)
# -(1 - m) log(1 - m) / m on 0 ... 1/2, Chebyshev interpolation, relative error 2e-8
_Q0 = np.float32(1.0000000119906078)
_Q1 = np.float32(-0.5000030595657251)
_Q2 = np.float32(-0.16654030277849793)
_Q3 = np.float32(-0.0852904345700619)
_Q4 = np.float32(-0.035428240220276665)
_Q5 = np.float32(-0.09031678174712138)
_Q6 = np.float32(0.09212039028813017)
_Q7 = np.float32(-0.12257504243154858)


@kernel()
def mean(probs_rt: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """sum_t w_t p_t."""
    for r in range(probs_rt.shape[0]):
        of_row, valid_r[r] = _mean(probs_rt[r], weights_t, tolerance)
        out_r[r] = of_row if valid_r[r] else np.nan


@kernel()
def entropy(probs_rt: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """H[mean]."""
    for r in range(probs_rt.shape[0]):
        of_row, valid_r[r] = _mean(probs_rt[r], weights_t, tolerance)
        out_r[r] = _entropy(of_row) if valid_r[r] else np.nan


@kernel()
def expected_entropy(probs_rt: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """sum_t w_t H[p_t]."""
    for r in range(probs_rt.shape[0]):
        _, valid_r[r] = _mean(probs_rt[r], weights_t, tolerance)
        total = 0.0
        for t in range(probs_rt.shape[1]):
            total += weights_t[t] * _entropy(min(np.float64(probs_rt[r, t]), 1.0))
        out_r[r] = min(total, _LN2) if valid_r[r] else np.nan


@kernel()
def expected_entropy32(probs_rt: Float32s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """mean_t H[p_t] in float32, equal weights."""
    rows, draws = probs_rt.shape
    tile = _rows_of_tile(rows, draws)
    total_r, entropies_r, entropy_rt = np.empty(tile), np.empty(tile), np.empty((tile, draws), np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        count = stop - start
        _sums32(
            probs_rt[start:stop], np.float32(tolerance), entropy_rt[:count], total_r, entropies_r, valid_r[start:stop]
        )
        for r in range(start, stop):
            out_r[r] = min(max(entropies_r[r - start] / draws, 0.0), _LN2) if valid_r[r] else np.nan


@kernel()
def bald(
    probs_rt: Floats, weights_t: Float64s, accurate_below: float, tolerance: float, out_r: Float64s, valid_r: Bools
) -> None:
    """H[mean] - sum_t w_t H[p_t]; a score under ``accurate_below`` is sum_c mean_c E_t[(1 + d) log(1 + d) - d] with
    d = p / mean - 1, which has relative accuracy however small it is.
    """
    bound = _LN2 if probs_rt.shape[1] > 1 else 0.0
    for r in range(probs_rt.shape[0]):
        of_row, valid_r[r] = _mean(probs_rt[r], weights_t, tolerance)
        score = _entropy(of_row)
        for t in range(probs_rt.shape[1]):
            score -= weights_t[t] * _entropy(min(np.float64(probs_rt[r, t]), 1.0))
        if score < accurate_below:
            score = _mean_divergence(probs_rt[r], weights_t, of_row)
        out_r[r] = min(score, bound) if valid_r[r] else np.nan


@kernel()
def bald32(probs_rt: Float32s, accurate_below: float, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """H[mean] - mean H in float32, equal weights; scores under ``accurate_below`` again as ``bald`` does."""
    rows, draws = probs_rt.shape
    weights_t = np.full(draws, 1.0 / draws)
    bound = _LN2 if draws > 1 else 0.0
    tile = _rows_of_tile(rows, draws)
    total_r, entropies_r, entropy_rt = np.empty(tile), np.empty(tile), np.empty((tile, draws), np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        count = stop - start
        _sums32(
            probs_rt[start:stop], np.float32(tolerance), entropy_rt[:count], total_r, entropies_r, valid_r[start:stop]
        )
        for i in range(count):  # a loop of its own, which runs in vector registers
            out_r[start + i] = _entropy(min(total_r[i] / draws, 1.0)) - entropies_r[i] / draws
        for r in range(start, stop):
            if not valid_r[r]:
                out_r[r] = np.nan
            elif out_r[r] < accurate_below:
                of_row, _ = _mean(probs_rt[r], weights_t, tolerance)
                out_r[r] = min(_mean_divergence(probs_rt[r], weights_t, of_row), bound)
            else:
                out_r[r] = min(out_r[r], bound)


@kernel(SUMS)
def _entropy32(p: np.float32) -> np.float32:
    """-p log p - (1 - p) log(1 - p): one logarithm, of the smaller of p and 1 - p, and a polynomial for the larger."""
    q = _ONE32 - p
    m = p if p < q else q
    m2 = m * m
    low = (_Q0 + _Q1 * m) + m2 * (_Q2 + _Q3 * m)
    high = (_Q4 + _Q5 * m) + m2 * (_Q6 + _Q7 * m)
    return m * (low + m2 * m2 * high) - xlogx32(m)


@kernel()
def _sums32(
    probs_rt: Float32s,
    tolerance: np.float32,
    entropy_rt: Float32s,
    total_r: Float64s,
    entropies_r: Float64s,
    valid_r: Bools,
) -> None:
    """For each row of a tile the sum of p, the sum of the draws' entropies, and whether every draw is valid.

    The entropies of the tile come first, in one flat loop: the ends of rows then leave no vector register half empty.
    """
    size = probs_rt.shape[1]
    segments, most = -(-size // _SEGMENT), _ONE32 + tolerance
    probs_f, entropy_f = probs_rt.reshape(-1), entropy_rt.reshape(-1)
    for i in range(probs_f.size):
        p = probs_f[i]
        entropy_f[i] = _entropy32(p if p < _ONE32 else _ONE32)  # min() would not run in vector registers
    for r in range(probs_rt.shape[0]):
        total, entropies, wrong = 0.0, 0.0, _ZERO32
        for i in range(segments):
            inside = slice(i * _SEGMENT, min((i + 1) * _SEGMENT, size))
            probs_t, entropy_t = probs_rt[r, inside], entropy_rt[r, inside]
            sum_p, sum_h = _ZERO32, _ZERO32
            for t in range(probs_t.size):
                p = probs_t[t]
                wrong += _ZERO32 if (p >= _ZERO32) & (p <= most) else _ONE32
                sum_p += p if p < _ONE32 else _ONE32
                sum_h += entropy_t[t]
            total += np.float64(sum_p)
            entropies += np.float64(sum_h)
        total_r[r], entropies_r[r], valid_r[r] = total, entropies, wrong == _ZERO32


@kernel()
def _rows_of_tile(rows: int, draws: int) -> int:
    return max(1, min(rows, _TILE // draws))


@kernel()
def _mean(probs_t: Floats, weights_t: Float64s, tolerance: float) -> tuple[float, bool]:
    """The weighted mean, and whether every draw is valid. Where all draws agree it is their value exactly."""
    lead = 0
    while weights_t[lead] == 0.0:
        lead += 1
    first = min(np.float64(probs_t[lead]), 1.0)
    mean, differing, wrong = 0.0, 0.0, 0.0
    for t in range(probs_t.size):
        p = np.float64(probs_t[t])
        wrong += 0.0 if (p >= 0.0) & (p <= 1.0 + tolerance) else 1.0
        inside = min(p, 1.0)
        mean += weights_t[t] * inside
        differing += weights_t[t] if inside != first else 0.0
    return (min(mean, 1.0) if differing > 0.0 else first), wrong == 0.0


@kernel(FORMULA)
def _entropy(p: float) -> float:
    return max(-p * log(p) - (1.0 - p) * log(1.0 - p), 0.0)


@kernel()
def _mean_divergence(probs_t: Floats, weights_t: Float64s, centre: float) -> float:
    """Both classes deviate from their means by the same amount, with opposite signs."""
    yes, no = 0.0, 0.0
    inverse_yes = 1.0 / centre if centre > TINY else 0.0
    inverse_no = -1.0 / (1.0 - centre) if centre < 1.0 else 0.0
    for t in range(probs_t.size):
        p = min(np.float64(probs_t[t]), 1.0)
        yes += weights_t[t] * divergence(relative(p, centre, inverse_yes))
        no += weights_t[t] * divergence(relative(p, centre, inverse_no))
    return centre * yes + (1.0 - centre) * no


@kernel()
def outcomes(probs_rlt: Floats, tolerance: float, out_rvt: Floats) -> None:
    """The probability of each vector of labels, given a draw: label l is yes in vector v where bit l of v is set. NaN for a draw
    that is invalid.
    """
    rows, labels, draws = probs_rlt.shape
    one, nan = out_rvt.dtype.type(1), out_rvt.dtype.type(np.nan)
    for r in range(rows):
        for t in range(draws):
            out_rvt[r, 0, t] = one
        for label in range(labels):
            half = 1 << label
            for t in range(draws):
                p = np.float64(probs_rlt[r, label, t])
                valid = (p >= 0.0) & (p <= 1.0 + tolerance)
                yes = out_rvt.dtype.type(min(p, 1.0)) if valid else nan
                for v in range(half):
                    out_rvt[r, half + v, t] = out_rvt[r, v, t] * yes
                    out_rvt[r, v, t] *= one - yes


@kernel()
def sigmoid32(logits_n: Float32s, probs_n: Float32s) -> None:
    """``sigmoid`` in float32, relative error 2e-7 of p below 1/2; NaN for NaN."""
    for i in range(logits_n.size):
        z = logits_n[i]
        small = exp32(max(-abs(z), SMALLEST) if z == z else z)
        probs_n[i] = (_ONE32 if z >= _ZERO32 else small) / (_ONE32 + small)


@kernel()
def sigmoid(logits_n: Floats, probs_n: Floats, valid_n: Bools) -> None:
    """p = 1 / (1 + exp(-z)), in float64; False for NaN. An infinite logit is a probability of 0 or 1."""
    for i in range(logits_n.size):
        z = np.float64(logits_n[i])
        small = exp_negative(-abs(z))
        probs_n[i] = (1.0 if z >= 0.0 else small) / (1.0 + small)
        valid_n[i] = z == z
