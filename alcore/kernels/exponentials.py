"""Exponentials of float32 logits, a tile of rows at a time: what softmax and the measures of logits are made of.

A tile has one row of memory for each class, (classes, rows * draws), so that loops over the draws are long: with the 20 draws of a
single row the ends of the loops would take more time than the loops. Arithmetic is float32.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.fetch import fetch
from alcore.kernels.jit import FORMULA, kernel

Float32s = npt.NDArray[np.float32]

_TILE = 1 << 12  # numbers whose exponentials are kept at a time, in the L1 cache
_PART = 1 << 8  # numbers whose exponentials are taken while as many of the next tile are fetched
_RUN = 64  # classes that are added up before they are added to others: rounding grows with the length of a run and their number
_FAR = np.float32(1e-12)  # a draw so far below the largest logit of its row takes its own largest instead
_LOG2_E = np.float32(1.4426950408889634)
_LN2_HIGH = np.float32(0.693145751953125)  # 16 bits: times an integer below 2^8 it is exact
_LN2_LOW = np.float32(1.4286068203094e-06)
_ROUND = np.float32(12582912.0)  # 1.5 * 2^23: adding it rounds to an integer, which is read off the low bits
_BIAS, _SHIFT = np.int32(127), np.int32(23)
_SIGN, _MAGNITUDE, _FIRST = np.int32(31), np.int32(0x7FFFFFFF), np.int32(-(2**31))
SMALLEST = np.float32(-87.0)  # exp of less is under the normal float32 range
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)
# (exp(r) - 1 - r) / r^2 on |r| <= log(2) / 2, weighted minimax fit, error of exp 1.1e-7
_E0 = np.float32(0.49999228843292337)
_E1 = np.float32(0.16667116282183453)
_E2 = np.float32(0.041890548127807625)
_E3 = np.float32(0.008312480442487485)


@kernel(FORMULA)
def exp32(x: np.float32) -> np.float32:
    """exp(x) for -87 <= x <= 0, relative error 2e-7; 0 at -87, NaN for NaN."""
    shifted = np.float32(x * _LOG2_E + _ROUND)
    n = np.float32(shifted - _ROUND)
    r = np.float32(np.float32(x - n * _LN2_HIGH) - n * _LN2_LOW)
    r2 = r * r
    tail = (_E0 + _E1 * r) + r2 * (_E2 + _E3 * r)
    scale = np.int32(np.int32(np.float32(shifted).view(np.int32) + _BIAS) << _SHIFT).view(np.float32)
    return _ZERO if x <= SMALLEST else np.float32(scale * (_ONE + (r + r2 * tail)))


@kernel()
def rows_of_tile(logits_rct: Float32s) -> int:
    return int(max(1, min(len(logits_rct), _TILE // (logits_rct.shape[1] * logits_rct.shape[2]))))


@kernel()
def parts(scratch: Float32s, classes: int, size: int) -> tuple[Float32s, Float32s, Float32s, Float32s]:
    """Room for (classes, size) twice and (size,) twice."""
    full = classes * size
    first_ce, second_ce = scratch[:full].reshape(classes, size), scratch[full : 2 * full].reshape(classes, size)
    return first_ce, second_ce, scratch[2 * full : 2 * full + size], scratch[2 * full + size : 2 * full + 2 * size]


@kernel()
def exponentials(
    logits_rct: Float32s, start: int, stop: int, below_ce: Float32s, exp_ce: Float32s, run_e: Float32s, sum_e: Float32s
) -> None:
    """Of a tile of rows: z, a logit minus the largest, at least -87; e^z; and S = sum_c e^z. S is NaN where a logit is NaN or +inf,
    or all of a draw are -inf.

    The rows after the tile are fetched meanwhile. Without that the first pass over a tile waited for memory, and took longer than
    all others: 0.62 ns a number at (20 000, 10, 100) instead of 0.43 (Zen 5).
    """
    tile_rct, next_f = logits_rct[start:stop], logits_rct[stop : 2 * stop - start].reshape(-1)
    _below(tile_rct, below_ce)
    below_f, exp_f = below_ce.reshape(-1), exp_ce.reshape(-1)
    for first in range(0, exp_f.size, _PART):
        fetch(next_f[first : first + _PART])
        below_i, exp_i = below_f[first : first + _PART], exp_f[first : first + _PART]
        for i in range(exp_i.size):
            exp_i[i] = exp32(below_i[i])
    _sum_classes(exp_ce, run_e, sum_e)
    if _any_far(sum_e):
        _take_own_largest(tile_rct, below_ce, exp_ce, sum_e)


@kernel()
def exponentials_and_inverses(
    logits_rct: Float32s, start: int, stop: int, scratch: Float32s
) -> tuple[Float32s, Float32s]:
    """e^z and 1 / S of a tile of rows. ``scratch`` has room for two numbers a logit, and two a draw."""
    below_ce, exp_ce, run_e, sum_e = parts(scratch, logits_rct.shape[1], (stop - start) * logits_rct.shape[2])
    exponentials(logits_rct, start, stop, below_ce, exp_ce, run_e, sum_e)
    for e in range(sum_e.size):
        sum_e[e] = _ONE / sum_e[e]
    return exp_ce, sum_e


@kernel()
def probabilities(exp_ce: Float32s, inverse_e: Float32s, first: int, probs_ct: Float32s) -> None:
    """The probabilities of a row, whose draws lie from ``first`` on, with 1 / S for each draw."""
    draws = probs_ct.shape[1]
    inverse_t = inverse_e[first : first + draws]
    for c in range(probs_ct.shape[0]):
        exp_t, probs_t = exp_ce[c, first : first + draws], probs_ct[c]
        for t in range(draws):
            probs_t[t] = exp_t[t] * inverse_t[t]


@kernel()
def _below(logits_rct: Float32s, out_ce: Float32s) -> None:
    rows, classes, draws = logits_rct.shape
    if rows == 1:  # its classes lie as those of the tile: 0.64 ns a number at (2 000, 1 000, 10), class by class 0.83
        _subtract(logits_rct.reshape(-1), _largest(logits_rct.reshape(-1)), out_ce.reshape(-1))
        return
    for r in range(rows):
        largest = _largest(logits_rct[r].reshape(-1))
        for c in range(classes):
            _subtract(logits_rct[r, c], largest, out_ce[c, r * draws : (r + 1) * draws])


@kernel()
def _subtract(logits_i: Float32s, largest: np.float32, out_i: Float32s) -> None:
    for i in range(logits_i.size):
        z = np.float32(logits_i[i] - largest)
        out_i[i] = SMALLEST if z < SMALLEST else z


@kernel()
def _largest(values_f: Float32s) -> np.float32:
    """By integers in the order of the numbers: a loop over floats would not run in vector registers. NaN comes last."""
    order = _FIRST
    for i in range(values_f.size):
        bits = np.float32(values_f[i]).view(np.int32)
        order = max(order, np.int32(bits ^ ((bits >> _SIGN) & _MAGNITUDE)))
    return np.int32(order ^ ((order >> _SIGN) & _MAGNITUDE)).view(np.float32)


@kernel()
def _sum_classes(values_ce: Float32s, run_e: Float32s, sum_e: Float32s) -> None:
    """The sum over classes."""
    classes = values_ce.shape[0]
    sum_e[:] = _ZERO
    for start in range(0, classes, _RUN):
        stop = min(start + _RUN, classes)
        run_e[:] = _ZERO
        whole = start + (stop - start) // 4 * 4
        for c in range(start, whole, 4):
            a_e, b_e, c_e, d_e = values_ce[c], values_ce[c + 1], values_ce[c + 2], values_ce[c + 3]
            for e in range(run_e.size):
                run_e[e] += (a_e[e] + b_e[e]) + (c_e[e] + d_e[e])
        for c in range(whole, stop):
            for e in range(run_e.size):
                run_e[e] += values_ce[c, e]
        for e in range(run_e.size):
            sum_e[e] += run_e[e]


@kernel()
def _any_far(sum_e: Float32s) -> bool:
    far = False
    for e in range(sum_e.size):
        far |= not (sum_e[e] >= _FAR)
    return far


@kernel()
def _take_own_largest(logits_rct: Float32s, below_ce: Float32s, exp_ce: Float32s, sum_e: Float32s) -> None:
    """All again for the draws that lie far below the largest logit of their row, with z minus the largest of the draw."""
    rows, classes, draws = logits_rct.shape
    for r in range(rows):
        for t in range(draws):
            e = r * draws + t
            if not (sum_e[e] >= _FAR):
                largest = logits_rct[r, 0, t]
                for c in range(1, classes):
                    largest = logits_rct[r, c, t] if logits_rct[r, c, t] > largest else largest
                sum_e[e] = _ZERO
                for c in range(classes):
                    z = np.float32(logits_rct[r, c, t] - largest)
                    below_ce[c, e] = SMALLEST if z < SMALLEST else z
                    exp_ce[c, e] = exp32(below_ce[c, e])
                    sum_e[e] += exp_ce[c, e]
