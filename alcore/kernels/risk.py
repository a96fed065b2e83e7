"""The loss that a prediction is expected to have: ``mean_rc`` says how probable each class is, ``predicted_rc`` what was said.

All share one contract: float64, shapes (rows, classes); a loss depends on its row alone, bit for bit, and is never negative.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels import distributions
from alcore.kernels.jit import kernel

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_row_means = distributions.means


@kernel()
def means(probs_rct: Floats, weights_t: Float64s, tolerance: float, mean_rc: Float64s, valid_r: Bools) -> None:
    """E_t[p]; the row of draws that are no distributions is left as it was, and ``valid_r`` says so."""
    sums_t = np.empty(probs_rct.shape[2], probs_rct.dtype)
    for r in range(probs_rct.shape[0]):
        valid_r[r] = _row_means(probs_rct[r], weights_t, tolerance, sums_t, mean_rc[r])


@kernel()
def log_loss(mean_rc: Float64s, predicted_rc: Float64s, out_r: Float64s) -> None:
    """-sum_c mean_c log predicted_c, 0 log 0 = 0."""
    for r in range(mean_rc.shape[0]):
        total = 0.0
        for c in range(mean_rc.shape[1]):
            if mean_rc[r, c] > 0.0:
                total -= mean_rc[r, c] * math.log(predicted_rc[r, c])
        out_r[r] = max(total, 0.0)


@kernel()
def zero_one(mean_rc: Float64s, predicted_rc: Float64s, out_r: Float64s) -> None:
    """1 - mean of the class that was predicted; of equal ones the lowest."""
    for r in range(mean_rc.shape[0]):
        out_r[r] = max(1.0 - mean_rc[r, predicted_rc[r].argmax()], 0.0)


@kernel()
def brier(mean_rc: Float64s, predicted_rc: Float64s, out_r: Float64s) -> None:
    """sum_c (predicted_c - mean_c)^2 + mean_c (1 - mean_c): nothing cancels where both are certain and agree."""
    for r in range(mean_rc.shape[0]):
        total = 0.0
        for c in range(mean_rc.shape[1]):
            mean, apart = mean_rc[r, c], predicted_rc[r, c] - mean_rc[r, c]
            total += apart * apart + mean * (1.0 - mean)
        out_r[r] = max(total, 0.0)
