"""Information between the label of a row and the labels of targets, from products of centred predictions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import means
from alcore.kernels.jit import kernel
from alcore.kernels.log import divergence, divergence32
from alcore.kernels.measures import TINY
from alcore.kernels.product import multiply

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_TILE = 1 << 15  # deviations kept at a time
# A larger deviation is of a draw of weight under 1e-30, which adds less than that; infinite in float32, it would be NaN times 0.
_LARGEST = 1e30


@kernel()
def epig(
    probs_rct: Floats,
    weights_t: Float64s,
    packed_qtj: Floats,
    columns_qj: Floats,
    single: bool,
    tolerance: float,
    out_r: Float64s,
    valid_r: Bools,
) -> None:
    """sum_c mean_c sum_j column_j ((1 + d) log(1 + d) - d), d = sum_t (p_ct / mean_c - 1) packed_tj.

    ``packed_qtj`` holds w_t (q_jt / mean_j - 1) of the targets' classes in chunks, ``columns_qj`` their means times the
    targets' weights, zeros where padded; both float32 where ``single``. A row's score depends on its row and the targets.
    """
    rows, classes, draws = probs_rct.shape
    even = classes + classes % 2
    sums_t, delta_cj = np.empty(draws, probs_rct.dtype), np.empty((even, packed_qtj.shape[2]), packed_qtj.dtype)
    tile = max(1, _TILE // (even * packed_qtj.shape[1]))
    deviation_rct = np.zeros((tile, even, packed_qtj.shape[1]), packed_qtj.dtype)
    mean_rc = np.zeros((tile, even), np.float64)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        for r in range(start, stop):
            valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_rc[r - start, :classes])
            out_r[r] = 0.0 if valid_r[r] else np.nan
            if valid_r[r]:
                _set_deviations(probs_rct[r], mean_rc[r - start], deviation_rct[r - start])
        for q in range(packed_qtj.shape[0]):
            for r in range(start, stop):
                if valid_r[r]:
                    multiply(deviation_rct[r - start], None, packed_qtj[q], delta_cj)
                    for c in range(classes):
                        total = _sum32(delta_cj[c], columns_qj[q]) if single else _sum(delta_cj[c], columns_qj[q])
                        out_r[r] += mean_rc[r - start, c] * total


@kernel()
def _set_deviations(probs_ct: Floats, mean_c: Float64s, deviation_ct: Floats) -> None:
    """p / mean - 1; 0 for a class that no draw allows."""
    for c in range(probs_ct.shape[0]):
        inverse = 1.0 / mean_c[c] if mean_c[c] > TINY else 0.0
        for t in range(probs_ct.shape[1]):
            deviation_ct[c, t] = min((np.float64(probs_ct[c, t]) - mean_c[c]) * inverse, _LARGEST)


@kernel()
def _sum32(delta_j: Floats, column_j: Floats) -> float:
    total, least = np.float32(0.0), np.float32(-1.0)
    for j in range(delta_j.size):
        delta = np.float32(delta_j[j])
        total += np.float32(column_j[j]) * divergence32(least if delta < least else delta)
    return np.float64(total)


@kernel()
def _sum(delta_j: Floats, column_j: Floats) -> float:
    total = 0.0
    for j in range(delta_j.size):
        total += np.float64(column_j[j]) * divergence(max(np.float64(delta_j[j]), -1.0))
    return total
