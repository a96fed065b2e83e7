"""The joint distribution of a batch's labels, and how far each configuration takes the posterior from the prior; float64."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import kernel
from alcore.kernels.log import log

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]


@kernel()
def entropies(a_ut: Float64s, b_vt: Float64s, start: int, stop: int, out_u: Float64s) -> None:
    """-sum_v x log x with x = sum_t a_ut b_vt: rows start to stop of the joint distribution of two halves of a batch."""
    draws = a_ut.shape[1]
    for u in range(start, stop):
        a_t, total = a_ut[u], 0.0
        for v in range(b_vt.shape[0]):
            b_t, joint = b_vt[v], 0.0
            for t in range(draws):
                joint += a_t[t] * b_t[t]
            total -= joint * log(joint)
        out_u[u] = total


@kernel()
def divergences(rows_ut: Float32s, weights_t: Float64s, start: int, stop: int, out_u: Float64s) -> None:
    """sum_t row_t log(row_t / weight_t) of configurations start to stop; draws of weight 0 add less than 1e-27."""
    for u in range(start, stop):
        row_t, total = rows_ut[u], 0.0
        for t in range(row_t.size):
            total += np.float64(row_t[t]) * (log(np.float64(row_t[t])) - log(weights_t[t]))
        out_u[u] = total
