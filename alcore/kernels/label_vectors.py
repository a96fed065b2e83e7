"""What the labels of a row tell together, label after label: vectors of many labels are sampled, never enumerated.

Configurations are the columns of chunks of COLUMNS, so the sums over draws run side by side, each in the order of the draws. A
column depends on nothing else, so any cut into chunks gives the same bits.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel
from alcore.kernels.log import xlogx32

Float32s = npt.NDArray[np.float32]
Float64s = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

COLUMNS = 64  # with 100 draws the posteriors of a chunk are 25 kB, in the L1 cache
_LEAST = np.float32(1e-30)  # as in `configurations`
_ZERO32, _ONE32 = np.float32(0.0), np.float32(1.0)


@kernel(FORMULA)
def informations(
    rows_ut: Float32s,
    row_m: Ints,
    owner_m: Ints,
    uniform_am: Float32s,
    seen_i: Ints,
    label_l: Ints,
    yes_lt: Float32s,
    no_lt: Float32s,
    entropy_lt: Float32s,
    out_i: Float64s,
) -> None:
    """sum_l I(y_l; draw | labels so far, y_1 ... y_(l-1)) of the configurations ``seen_i``.

    Label l of configuration m is yes where its uniform is under the probability in its owner. ``label_l``: where l has its
    uniforms.
    """
    labels, draws = yes_lt.shape
    w_tj = np.empty((draws, COLUMNS), np.float32)
    yes_j, no_j = (
        np.empty(COLUMNS, np.float32),
        np.empty(COLUMNS, np.float32),
    )  # 1 / probability of the label drawn, and 0
    p_j, q_j, h_j = np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32), np.empty(COLUMNS, np.float32)
    told_j = np.empty(COLUMNS, np.float64)
    ones_t, zeros_t = np.ones(draws, np.float32), np.zeros(draws, np.float32)
    for first in range(0, seen_i.size, COLUMNS):
        count = min(COLUMNS, seen_i.size - first)
        for j in range(COLUMNS):
            row_t = rows_ut[row_m[seen_i[first + min(j, count - 1)]]]  # the last one fills the chunk
            for t in range(draws):
                w_tj[t, j] = row_t[t]
        yes_j[:], no_j[:], told_j[:] = _ONE32, _ZERO32, 0.0
        for at in range(labels):
            before_t, against_t = (ones_t, zeros_t) if at == 0 else (yes_lt[at - 1], no_lt[at - 1])
            _condition(w_tj, before_t, against_t, yes_j, no_j, yes_lt[at], no_lt[at], entropy_lt[at], p_j, q_j, h_j)
            for j in range(COLUMNS):
                told_j[j] -= np.float64(xlogx32(p_j[j]) + xlogx32(q_j[j]) + h_j[j])
            for j in range(count):
                m = seen_i[first + j]
                is_yes = uniform_am[label_l[at], m] < yes_lt[at, owner_m[m]]
                yes_j[j] = _ONE32 / p_j[j] if is_yes else _ZERO32
                no_j[j] = _ZERO32 if is_yes else _ONE32 / q_j[j]
        for j in range(count):
            out_i[first + j] = told_j[j]


@kernel(FORMULA)
def _condition(
    w_tj: Float32s,
    before_t: Float32s,
    against_t: Float32s,
    yes_j: Float32s,
    no_j: Float32s,
    yes_t: Float32s,
    not_t: Float32s,
    entropy_t: Float32s,
    p_j: Float32s,
    q_j: Float32s,
    h_j: Float32s,
) -> None:
    """Multiply posteriors by the likelihood of the label before, and sum what they say of the next one: p, 1 - p and H(p)."""
    p_j[:], q_j[:], h_j[:] = _ZERO32, _ZERO32, _ZERO32
    for t in range(w_tj.shape[0]):
        w_j, before, against = w_tj[t], before_t[t], against_t[t]
        yes, no, entropy = yes_t[t], not_t[t], entropy_t[t]
        for j in range(COLUMNS):
            w = w_j[j] * (yes_j[j] * before + no_j[j] * against)
            w = w if w > _LEAST else _LEAST
            w_j[j] = w
            p_j[j] += w * yes
            q_j[j] += w * no
            h_j[j] += w * entropy
