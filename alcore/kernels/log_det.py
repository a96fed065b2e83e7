"""Pivoted Cholesky over draws: what a row still tells once the noisy labels of others are known.

With psi_t = (mean_t - mean) / noise and c_j the columns of the factor, weighted by the draws, a row that is known leaves
K -= g g' with g_d = sum_t c_jt psi_dt. Rows are brought up to date when their bound says that they may be the best.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import SUMS, kernel

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int32]
Longs = npt.NDArray[np.int64]

TAKEN = -1.0  # the bound of a row in the batch


@kernel(SUMS)
def _deviations(means_dt: Floats, centre_d: Float64s, scale_d: Float64s, psi_dt: Float64s) -> None:
    for d in range(means_dt.shape[0]):
        centre, scale = centre_d[d], scale_d[d]
        for t in range(means_dt.shape[1]):
            psi_dt[d, t] = (np.float64(means_dt[d, t]) - centre) * scale


@kernel(SUMS)
def _dot(a_t: Float64s, b_t: Float64s) -> float:
    total = 0.0
    for t in range(a_t.size):
        total += a_t[t] * b_t[t]
    return total


@kernel(SUMS)
def _log_det(left_de: Float64s, factor_de: Float64s) -> float:
    """log det(I + left) by Cholesky. For one output that is log(1 + left)."""
    if left_de.shape[0] == 1:
        return math.log1p(max(left_de[0, 0], 0.0))
    total = 0.0
    for d in range(left_de.shape[0]):
        for e in range(d + 1):
            entry = left_de[d, e] + (1.0 if d == e else 0.0)
            for i in range(e):
                entry -= factor_de[d, i] * factor_de[e, i]
            if d == e:
                entry = max(entry, 1.0)  # noise adds 1, and what is known never takes away more than the rest
                total += math.log(entry)
                factor_de[d, d] = math.sqrt(entry)
            else:
                factor_de[d, e] = entry / factor_de[e, e]
    return total


@kernel(SUMS)
def begin(
    means_ndt: Floats,
    centre_nd: Float64s,
    scale_nd: Float64s,
    weights_t: Float64s,
    left_nde: Float64s,
    bound_n: Float64s,
    start: int,
    stop: int,
) -> None:
    """K of each row before any other is known, and log det(I + K)."""
    _, outputs, draws = means_ndt.shape
    psi_dt, factor_de = np.empty((outputs, draws)), np.empty((outputs, outputs))
    for n in range(start, stop):
        _deviations(means_ndt[n], centre_nd[n], scale_nd[n], psi_dt)
        for d in range(outputs):
            for e in range(d + 1):
                total = 0.0
                for t in range(draws):
                    total += weights_t[t] * psi_dt[d, t] * psi_dt[e, t]
                left_nde[n, d, e] = left_nde[n, e, d] = total
        bound_n[n] = _log_det(left_nde[n], factor_de)


@kernel(SUMS)
def _subtract(psi_dt: Float64s, columns_kt: Float64s, first: int, known: int, left_de: Float64s, g_d: Float64s) -> None:
    """What the known columns from ``first`` on leave of K."""
    outputs = g_d.size
    for j in range(first, known):
        for d in range(outputs):
            g_d[d] = _dot(columns_kt[j], psi_dt[d])
        for d in range(outputs):
            for e in range(outputs):
                left_de[d, e] -= g_d[d] * g_d[e]


@kernel(SUMS)
def renew(
    means_ndt: Floats,
    centre_nd: Float64s,
    scale_nd: Float64s,
    columns_kt: Float64s,
    known: int,
    left_nde: Float64s,
    bound_n: Float64s,
) -> None:
    """Bring rows that `begin` has seen up to date: log det(I + K) once all columns are known."""
    _, outputs, draws = means_ndt.shape
    psi_dt, factor_de, g_d = np.empty((outputs, draws)), np.empty((outputs, outputs)), np.empty(outputs)
    for n in range(bound_n.size):
        _deviations(means_ndt[n], centre_nd[n], scale_nd[n], psi_dt)
        _subtract(psi_dt, columns_kt, 0, known, left_nde[n], g_d)
        bound_n[n] = _log_det(left_nde[n], factor_de)


@kernel(SUMS)
def search(
    means_ndt: Floats,
    index_n: Longs,
    centre_nd: Float64s,
    scale_nd: Float64s,
    columns_kt: Float64s,
    known: int,
    left_nde: Float64s,
    bound_n: Float64s,
    seen_n: Ints,
    slack: float,
    start: int,
    stop: int,
) -> tuple[int, float]:
    """The place of largest log det(I + K), the one of lowest index among equals. Bounds that are brought up to date become that."""
    _, outputs, draws = means_ndt.shape
    psi_dt, factor_de, g_d = np.empty((outputs, draws)), np.empty((outputs, outputs)), np.empty(outputs)
    first = start
    for n in range(start, stop):
        if bound_n[n] > bound_n[first]:
            first = n
    best, row = TAKEN, -1
    for place in range(-1, stop - start):
        n = first if place < 0 else start + place
        if bound_n[n] == TAKEN or bound_n[n] < best - slack:
            continue
        if seen_n[n] < known:
            _deviations(means_ndt[n], centre_nd[n], scale_nd[n], psi_dt)
            _subtract(psi_dt, columns_kt, seen_n[n], known, left_nde[n], g_d)
            seen_n[n] = known
            bound_n[n] = _log_det(left_nde[n], factor_de)
        if bound_n[n] > best or (bound_n[n] == best and index_n[n] < index_n[row]):
            best, row = bound_n[n], n
    return row, best


@kernel(SUMS)
def take(
    means_dt: Floats,
    centre_d: Float64s,
    scale_d: Float64s,
    weights_t: Float64s,
    columns_kt: Float64s,
    known: int,
) -> float:
    """The columns of a row, one an output, written behind those that are known. Its information, log det(I + K)."""
    outputs, draws = means_dt.shape
    psi_dt = np.empty((outputs, draws))
    _deviations(means_dt, centre_d, scale_d, psi_dt)
    total = 0.0
    for d in range(outputs):
        column_t = columns_kt[known + d]
        for t in range(draws):
            column_t[t] = weights_t[t] * psi_dt[d, t]
        for j in range(known + d):
            g = _dot(columns_kt[j], psi_dt[d])
            for t in range(draws):
                column_t[t] -= g * columns_kt[j, t]
        left = max(_dot(column_t, psi_dt[d]), 0.0)
        scale = 1.0 / math.sqrt(1.0 + left)
        for t in range(draws):
            column_t[t] *= scale
        total += math.log1p(left)
    return total
