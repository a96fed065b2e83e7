"""How much the expected labels of each row depend on those of sets of other rows (HSIC)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import check
from alcore.kernels.jit import kernel

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]
Int64s = npt.NDArray[np.int64]

_CLASSES = 4  # multiplied at a time; classes are padded with zeros to a multiple of it
_ROWS = 16  # rows that read a line of the matrices while it is in the L1 cache


@kernel()
def centred_kernels(probs_rct: Floats, draws_t: Int64s, count_r: Int64s, sum_tt: Float64s, own_r: Float64s) -> None:
    """The sum of count_r F_r, and tr(F_r F_r) of each row: F = H P H, P_tu = p_t.p_u off the diagonal and 1 on it."""
    rows, draws = probs_rct.shape[0], draws_t.size
    centred_ct, rest_t = np.empty((_even(probs_rct.shape[1]), draws)), np.empty(draws)
    sum_tt[:] = 0.0
    for r in range(rows):
        _centre(probs_rct[r], draws_t, centred_ct, rest_t)
        mean, own = rest_t.sum() / draws, 0.0
        for t in range(draws):
            for u in range(draws):
                product = (mean - rest_t[t] - rest_t[u]) / draws
                for c in range(centred_ct.shape[0]):
                    product += centred_ct[c, t] * centred_ct[c, u]
                product += rest_t[t] if t == u else 0.0
                sum_tt[t, u] += count_r[r] * product
                own += product * product
        own_r[r] = own


@kernel()
def expected(
    probs_rct: Floats, draws_t: Int64s, kernels_tlt: Float64s, tolerance: float, out_rl: Float64s, valid_r: Bools
) -> None:
    """tr(F_r K_l) of each row and each centred kernel; ``kernels_tlt[t, l, u]`` is read for u >= t, doubled where u > t."""
    rows, classes = probs_rct.shape[:2]
    draws = draws_t.size
    centred_rct, rest_rt = np.empty((_ROWS, _even(classes), draws)), np.empty((_ROWS, draws))
    product_u = np.empty(draws)
    out_rl[:] = 0.0
    for start in range(0, rows, _ROWS):
        stop = min(start + _ROWS, rows)
        check(probs_rct[start:stop], tolerance, valid_r[start:stop])
        for r in range(start, stop):
            _centre(probs_rct[r], draws_t, centred_rct[r - start], rest_rt[r - start])
        for t in range(draws):
            for r in range(start, stop):
                _multiply(centred_rct[r - start], t, product_u)
                product_u[t] += rest_rt[r - start, t]
                for k in range(out_rl.shape[1]):
                    out_rl[r, k] += _dot(product_u[t:], kernels_tlt[t, k, t:])


@kernel()
def _even(classes: int) -> int:
    return -(-classes // _CLASSES) * _CLASSES


@kernel()
def _centre(probs_ct: Floats, draws_t: Int64s, centred_ct: Float64s, rest_t: Float64s) -> None:
    """p - its mean, exactly 0 where all draws agree, padded with zeros; and 1 - p.p of each draw."""
    classes, draws = probs_ct.shape[0], draws_t.size
    rest_t[:] = 1.0
    centred_ct[classes:] = 0.0
    for c in range(classes):
        first, total = np.float64(probs_ct[c, draws_t[0]]), 0.0
        for t in range(draws):
            p = np.float64(probs_ct[c, draws_t[t]])
            centred_ct[c, t] = p - first
            total += p - first
            rest_t[t] -= p * p
        for t in range(draws):
            centred_ct[c, t] -= total / draws


@kernel()
def _multiply(centred_ct: Float64s, t: int, out_u: Float64s) -> None:
    """sum_c x_ct x_cu for u >= t."""
    out_u[t:] = 0.0
    for c in range(0, centred_ct.shape[0], _CLASSES):
        a0_u, a1_u, a2_u, a3_u = centred_ct[c], centred_ct[c + 1], centred_ct[c + 2], centred_ct[c + 3]
        a0, a1, a2, a3 = a0_u[t], a1_u[t], a2_u[t], a3_u[t]
        for u in range(t, out_u.size):
            out_u[u] += a0 * a0_u[u] + a1 * a1_u[u] + a2 * a2_u[u] + a3 * a3_u[u]


@kernel()
def _dot(a_u: Float64s, b_u: Float64s) -> float:
    total = 0.0
    for u in range(a_u.size):
        total += a_u[u] * b_u[u]
    return total
