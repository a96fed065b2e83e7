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

_TILE = 1 << 15  # deviations kept at a time, in the L2 cache; a chunk of the targets meets them all while it is in L1
_ROWS = 16  # multiplied with a chunk before their logarithms: those products are in L1
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
    tile = max(1, min(rows, _TILE // (classes * draws)))
    lines = -(-tile * classes // _ROWS) * _ROWS  # a line is a class of a row
    sums_t, mean_rc = np.empty(draws, probs_rct.dtype), np.zeros((tile, classes), np.float64)
    deviation_it = np.zeros((lines, draws), packed_qtj.dtype)
    delta_ij = np.empty((_ROWS, packed_qtj.shape[2]), packed_qtj.dtype)
    sum_ij = np.empty((lines, packed_qtj.shape[2]), packed_qtj.dtype)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        for r in range(start, stop):
            mean_c, i = mean_rc[r - start], (r - start) * classes
            valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
            if valid_r[r]:
                _set_deviations(probs_rct[r], mean_c, deviation_it[i : i + classes])
        used = -(-(stop - start) * classes // _ROWS) * _ROWS
        sum_ij[:used] = 0.0
        for q in range(packed_qtj.shape[0]):
            for i in range(0, used, _ROWS):
                multiply(deviation_it[i : i + _ROWS], None, packed_qtj[q], delta_ij)
                if single:
                    _add32(delta_ij, columns_qj[q], sum_ij[i : i + _ROWS])
                else:
                    _add(delta_ij, columns_qj[q], sum_ij[i : i + _ROWS])
        for r in range(start, stop):
            out_r[r] = 0.0 if valid_r[r] else np.nan
            for c in range(classes):
                out_r[r] += mean_rc[r - start, c] * _sum(sum_ij[(r - start) * classes + c])


@kernel()
def _set_deviations(probs_ct: Floats, mean_c: Float64s, deviation_ct: Floats) -> None:
    """p / mean - 1; 0 for a class that no draw allows."""
    for c in range(probs_ct.shape[0]):
        inverse = 1.0 / mean_c[c] if mean_c[c] > TINY else 0.0
        for t in range(probs_ct.shape[1]):
            deviation_ct[c, t] = min((np.float64(probs_ct[c, t]) - mean_c[c]) * inverse, _LARGEST)


@kernel()
def _add32(delta_ij: Floats, column_j: Floats, sum_ij: Floats) -> None:
    """Column by column: a sum across a register costs as much as the logarithms of three."""
    for i in range(delta_ij.shape[0]):
        for j in range(column_j.size):
            sum_ij[i, j] += np.float32(column_j[j]) * divergence32(np.float32(delta_ij[i, j]))


@kernel()
def _add(delta_ij: Floats, column_j: Floats, sum_ij: Floats) -> None:
    for i in range(delta_ij.shape[0]):
        for j in range(column_j.size):
            sum_ij[i, j] += np.float64(column_j[j]) * divergence(max(np.float64(delta_ij[i, j]), -1.0))


@kernel()
def _sum(value_j: Floats) -> float:
    total = 0.0
    for j in range(value_j.size):
        total += np.float64(value_j[j])
    return total
