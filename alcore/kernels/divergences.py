"""How far the draws of a row lie apart, and a bound on what its label tells that needs nothing else of the row."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel
from alcore.kernels.log import xlogx32
from alcore.kernels.product import LANES, multiply

Floats = npt.NDArray[np.floating]
Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]

_LEAST = np.float32(
    1e-30
)  # of a probability whose logarithm is taken: draws that allow no common label lie 69 nats apart
_ROUNDING = 3e-6  # nats and root of the classes, by which sums in float32 may be too small: 20 times what was seen
_ROWS = 16  # classes whose logarithms are taken together


@kernel()
def divergences(probs_ct: Floats, out_v: Float32s) -> None:
    """KL(p_t || p_v) of every two draws, (T T,) by t, rounded up; 0 of a draw and itself."""
    classes, draws = probs_ct.shape
    even, columns = draws + draws % 2, -(-draws // LANES) * LANES
    probs_tc, logs_cv = np.empty((even, classes), np.float32), np.empty((classes, columns), np.float32)
    logs_i = np.empty(_ROWS * draws, np.float32)
    probs_tc[draws:] = np.float32(0.0)
    logs_cv[:, draws:] = np.float32(0.0)
    for start in range(0, classes, _ROWS):
        part_ct = probs_ct[start : start + _ROWS]
        for c in range(part_ct.shape[0]):
            for t in range(draws):
                logs_i[c * draws + t] = max(np.float32(part_ct[c, t]), _LEAST)
                probs_tc[t, start + c] = part_ct[c, t]
        for i in range(part_ct.shape[0] * draws):  # a loop over 20 draws of one class would not fill the registers
            logs_i[i] = xlogx32(logs_i[i]) / logs_i[i]
        for c in range(part_ct.shape[0]):
            for t in range(draws):
                logs_cv[start + c, t] = logs_i[c * draws + t]
    sums_tv = np.empty((even, columns), np.float32)
    multiply(probs_tc, None, logs_cv, sums_tv)
    above = np.float32(_ROUNDING * np.sqrt(classes))
    for t in range(draws):
        for v in range(draws):
            apart = max(sums_tv[t, t] - sums_tv[t, v], np.float32(0.0)) + above
            out_v[t * draws + v] = np.float32(0.0) if t == v else apart


@kernel()
def mean_divergence(weight_v: Float64s, divergence_v: Float32s) -> float:
    """sum_v weight_v d_v, in float64."""
    total = 0.0
    for v in range(weight_v.size):
        total += weight_v[v] * np.float64(divergence_v[v])
    return total
