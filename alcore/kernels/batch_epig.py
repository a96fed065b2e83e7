"""Information between the label of a row and the labels of targets, averaged over posteriors over draws.

The targets are packed once for all posteriors, centred by the prior; a posterior enters through the row alone, since
deviations from its own mean sum to zero under it. Draws that a posterior rules out are passed over.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel
from alcore.kernels.log import divergence, divergence32
from alcore.kernels.measures import TINY
from alcore.kernels.product import multiply

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_TILE = 1 << 15  # deviations kept at a time


@kernel()
def batch_epig(
    probs_nct: Floats,
    rows_n: Ints,
    draws_mu: Ints,
    weights_mu: Float64s,
    count_m: Ints,
    omega_m: Float64s,
    packed_qtj: Floats,
    ratios_mqj: Floats,
    columns_mqj: Floats,
    single: bool,
    out_n: Float64s,
) -> None:
    """sum_m omega_m sum_c mean_c sum_j column_mj ((1 + d) log(1 + d) - d), d = ratio_mj sum_u w_mu (p_cu / mean_c - 1) packed_uj.

    Configuration m has its ``count_m`` draws first in ``draws_mu``, with weights of sum 1. A chunk of
    targets meets many pairs of a row and a configuration while it is in the cache.
    """
    configurations, even = omega_m.size, probs_nct.shape[1] + probs_nct.shape[1] % 2
    pairs = rows_n.size * configurations
    tile = max(1, _TILE // (even * packed_qtj.shape[1]))
    delta_cj = np.empty((even, packed_qtj.shape[2]), packed_qtj.dtype)
    deviation_pcu = np.zeros((tile, even, packed_qtj.shape[1]), packed_qtj.dtype)
    mean_pc, value_p = np.zeros((tile, even), np.float64), np.empty(tile, np.float64)
    out_n[:] = 0.0
    for start in range(0, pairs, tile):
        size = min(tile, pairs - start)
        for p in range(size):
            n, m = (start + p) // configurations, (start + p) % configurations
            value_p[p] = 0.0
            _set_deviations(probs_nct[rows_n[n]], draws_mu[m], weights_mu[m], count_m[m], mean_pc[p], deviation_pcu[p])
        for q in range(packed_qtj.shape[0]):
            for p in range(size):
                m = (start + p) % configurations
                multiply(deviation_pcu[p], draws_mu[m, : count_m[m]], packed_qtj[q], delta_cj)
                for c in range(probs_nct.shape[1]):
                    if single:
                        total = _sum32(delta_cj[c], ratios_mqj[m, q], columns_mqj[m, q])
                    else:
                        total = _sum(delta_cj[c], ratios_mqj[m, q], columns_mqj[m, q])
                    value_p[p] += mean_pc[p, c] * total
        for p in range(size):  # one by one: a row's sum is the same wherever a tile ends
            out_n[(start + p) // configurations] += omega_m[(start + p) % configurations] * value_p[p]


@kernel()
def condition(probs_jt: Float64s, draws_mu: Ints, weights_mu: Float64s, count_m: Ints, out_mj: Float64s) -> None:
    """sum_u w_mu p_ju, the mean of each target class after each configuration."""
    for j in range(probs_jt.shape[0]):
        for m in range(count_m.size):
            total = 0.0
            for u in range(count_m[m]):
                if weights_mu[m, u] > 0.0:
                    total += weights_mu[m, u] * probs_jt[j, draws_mu[m, u]]
            out_mj[m, j] = total


@kernel()
def _set_deviations(
    probs_ct: Floats, draws_u: Ints, weights_u: Float64s, count: int, mean_c: Float64s, deviation_cu: Floats
) -> None:
    """w (p / mean - 1) of the named draws; 0 for a class that none of them allows."""
    for c in range(probs_ct.shape[0]):
        mean = 0.0
        for u in range(count):
            if weights_u[u] > 0.0:
                mean += weights_u[u] * np.float64(probs_ct[c, draws_u[u]])
        mean_c[c] = mean
        inverse = 1.0 / mean if mean > TINY else 0.0
        for u in range(count):
            deviation_cu[c, u] = 0.0
            if weights_u[u] > 0.0:
                deviation_cu[c, u] = weights_u[u] * (np.float64(probs_ct[c, draws_u[u]]) - mean) * inverse


@kernel()
def _sum32(product_j: Floats, ratio_j: Floats, column_j: Floats) -> float:
    total, least = np.float32(0.0), np.float32(-1.0)
    for j in range(product_j.size):
        delta = np.float32(product_j[j]) * np.float32(ratio_j[j])
        total += np.float32(column_j[j]) * divergence32(least if delta < least else delta)
    return np.float64(total)


@kernel()
def _sum(product_j: Floats, ratio_j: Floats, column_j: Floats) -> float:
    total = 0.0
    for j in range(product_j.size):
        delta = np.float64(product_j[j]) * np.float64(ratio_j[j])
        total += np.float64(column_j[j]) * divergence(max(delta, -1.0))
    return total
