"""Information between the label of a row and the label of a target, added up over posteriors over draws and targets.

Rows are packed once, their classes side by side as columns; a posterior and a target are the few lines that multiply them. Draws
that the posterior rules out and classes that it rules out for the target are left out of the product.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel
from alcore.kernels.log import divergence, divergence32
from alcore.kernels.product import multiply

Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_LEAST_MEAN = 1e-30  # a class of smaller mean after the labels adds less than that


@kernel()
def add_gains(
    packed_qtj: Floats,
    start: int,
    stop: int,
    rows_ut: Float32s,
    row_h: Ints,
    target_h: Ints,
    share_h: Float64s,
    probs_jct: Floats,
    least: float,
    single: bool,
    gain_qj: Float64s,
) -> None:
    """Add sum_h share_h mean_j sum_d mean_d ((1 + x) log(1 + x) - x), x = sum_t w_t p_jt (q_dt / mean_d - 1) / mean_j, to chunks.

    Pair h is of the posterior w in ``row_h`` and the target q in ``target_h``. Draws and target classes under ``least`` are left
    out, and pairs that tell less. A column's sum is over pairs in order, the same bits in any chunk.
    """
    classes, draws = probs_jct.shape[1:]
    a_ru = np.zeros((classes + 2, draws), packed_qtj.dtype)
    x_rj = np.empty((classes + 2, packed_qtj.shape[2]), packed_qtj.dtype)
    inverse_j, sum_j = np.empty(packed_qtj.shape[2], packed_qtj.dtype), np.empty(packed_qtj.shape[2], packed_qtj.dtype)
    draws_u, weight_u, mean_r = np.empty(draws, np.int64), np.empty(draws, np.float64), np.empty(classes, np.float64)
    for h in range(row_h.size):
        if share_h[h] == 0.0:
            continue
        count = _find_draws(rows_ut[row_h[h]], least, draws_u, weight_u)
        kept, told = _set_lines(probs_jct[target_h[h]], draws_u[:count], weight_u, least, mean_r, a_ru)
        if told < least:
            continue
        even = kept + 1 + (kept + 1) % 2
        a_ru[even - 1, :count] = a_ru.dtype.type(0)
        for u in range(count):
            a_ru[kept, u] = weight_u[u]
        for q in range(start, stop):
            multiply(a_ru[:even], draws_u[:count], packed_qtj[q], x_rj[:even])
            _invert(x_rj[kept], inverse_j, sum_j)
            if single:
                _add32(x_rj, kept, mean_r, inverse_j, sum_j)
            else:
                _add(x_rj, kept, mean_r, inverse_j, sum_j)
            for j in range(sum_j.size):
                gain_qj[q, j] += share_h[h] * (np.float64(x_rj[kept, j]) * np.float64(sum_j[j]))


@kernel()
def _find_draws(row_t: Float32s, least: float, draws_u: Ints, weight_u: Float64s) -> int:
    """How many draws have more than the least weight, which they are, and their weights with sum 1."""
    count, total = 0, 0.0
    for t in range(row_t.size):
        if row_t[t] > least:
            draws_u[count], weight_u[count] = t, row_t[t]
            total += np.float64(row_t[t])
            count += 1
    for u in range(count):
        weight_u[u] /= total
    return count


@kernel()
def _set_lines(
    probs_ct: Floats, draws_u: Ints, weight_u: Float64s, least: float, mean_r: Float64s, a_ru: Floats
) -> tuple[int, float]:
    """w (q / mean - 1) of each class that is not next to impossible. How many, and a bound on what the draw tells of the label."""
    kept, told = 0, 0.0
    for c in range(probs_ct.shape[0]):
        mean = 0.0
        for u in range(draws_u.size):
            mean += weight_u[u] * np.float64(probs_ct[c, draws_u[u]])
        if mean <= least:
            continue
        inverse, square = 1.0 / mean, 0.0
        for u in range(draws_u.size):
            deviation = (np.float64(probs_ct[c, draws_u[u]]) - mean) * inverse
            a_ru[kept, u] = weight_u[u] * deviation
            square += weight_u[u] * deviation * deviation
        mean_r[kept] = mean
        told += mean * square  # chi-squared exceeds the information
        kept += 1
    return kept, told


@kernel()
def _invert(mean_j: Floats, inverse_j: Floats, sum_j: Floats) -> None:
    one, least = mean_j.dtype.type(1), mean_j.dtype.type(_LEAST_MEAN)
    for j in range(mean_j.size):
        inverse_j[j] = one / max(mean_j[j], least)
        sum_j[j] = mean_j.dtype.type(0)


@kernel()
def _add32(x_rj: Floats, rows: int, mean_r: Float64s, inverse_j: Floats, sum_j: Floats) -> None:
    for r in range(rows):
        mean = np.float32(mean_r[r])
        for j in range(sum_j.size):
            sum_j[j] += mean * divergence32(np.float32(x_rj[r, j]) * np.float32(inverse_j[j]))


@kernel()
def _add(x_rj: Floats, rows: int, mean_r: Float64s, inverse_j: Floats, sum_j: Floats) -> None:
    for r in range(rows):
        for j in range(sum_j.size):
            sum_j[j] += mean_r[r] * divergence(max(np.float64(x_rj[r, j]) * np.float64(inverse_j[j]), -1.0))
