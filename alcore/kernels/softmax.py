"""Softmax over the classes of each draw, for predictions that are logits: in float64, and in float32 for float32 logits."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.exponentials import exponentials_and_inverses, probabilities, rows_of_tile
from alcore.kernels.jit import FORMULA, kernel

Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]


_LOG2_E = 1.4426950408889634
_LN2_HIGH = 0.6931471803691238  # 32 bits: times an integer below 2^11 it is exact
_LN2_LOW = 1.9082149292705877e-10
_ROUND = 6755399441055744.0  # 1.5 * 2^52: adding it rounds to an integer and leaves that in the low bits
_BIAS = np.uint64(1023)
_SHIFT = np.uint64(52)
_SMALLEST = -708.0  # exp of less is below the normal float64 range and taken as 0
# (exp(r) - 1 - r) / r^2 on |r| <= log(2) / 2, minimax fit at 50 digits, error of exp 3e-18
_E = (
    0.50000000000000127594,
    0.16666666666666699234,
    0.041666666666514976832,
    0.0083333333333070808857,
    0.0013888888947185541545,
    0.00019841269917677569635,
    0.000024801489723090811695,
    2.7557216021020028941e-6,
    2.7631371333316588974e-7,
    2.5117953992853024783e-8,
)


@kernel()
def softmax32(logits_rct: Float32s, probs_rct: Float32s) -> None:
    """``softmax`` in float32: relative error 2e-6 where a logit is 20 under the largest. A draw that is invalid is NaN."""
    rows, classes, draws = logits_rct.shape
    tile = rows_of_tile(logits_rct)
    scratch = np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = exponentials_and_inverses(logits_rct, start, stop, scratch)
        for r in range(start, stop):
            probabilities(exp_ce, inverse_e, (r - start) * draws, probs_rct[r])


@kernel()
def softmax(logits_rct: Floats, probs_rct: Floats, valid_r: Bools) -> None:
    """p = exp(z - max) / sum, in float64; False for a row with NaN, +inf or a draw that is -inf throughout."""
    rows, classes, draws = logits_rct.shape
    max_t, sum_t = np.empty(draws, np.float64), np.empty(draws, np.float64)
    for r in range(rows):
        max_t[:] = -math.inf
        for c in range(classes):
            for t in range(draws):
                z = np.float64(logits_rct[r, c, t])
                max_t[t] = z if z > max_t[t] else max_t[t]
        valid_r[r] = np.isfinite(max_t).all()
        if not valid_r[r]:
            continue
        sum_t[:] = 0.0
        for c in range(classes):
            for t in range(draws):
                sum_t[t] += exp_negative(np.float64(logits_rct[r, c, t]) - max_t[t])
        valid_r[r] = np.isfinite(sum_t).all()
        for c in range(classes):
            for t in range(draws):
                probs_rct[r, c, t] = exp_negative(np.float64(logits_rct[r, c, t]) - max_t[t]) / sum_t[t]


@kernel(FORMULA)
def exp_negative(x: float) -> float:
    """exp(x) for x <= 0, branch-free; 0 under -708 and at -inf; NaN for NaN."""
    clipped = _SMALLEST if x < _SMALLEST else x
    shifted = clipped * _LOG2_E + _ROUND
    n = shifted - _ROUND
    r = (clipped - n * _LN2_HIGH) - n * _LN2_LOW
    r2 = r * r
    r4 = r2 * r2
    low = (_E[0] + _E[1] * r) + r2 * (_E[2] + _E[3] * r)
    high = (_E[4] + _E[5] * r) + r2 * ((_E[6] + _E[7] * r) + r2 * (_E[8] + _E[9] * r))
    scale = np.uint64((np.float64(shifted).view(np.uint64) + _BIAS) << _SHIFT).view(np.float64)
    return 0.0 if x < _SMALLEST else scale * (1.0 + (r + r2 * (low + r4 * high)))
