"""A first bound on the gains of rows with many classes, from how far their draws lie apart.

For any distribution q, I(y; draw) = Σ_t W_t KL(p_t || q) - KL(Σ_t W_t p_t || q) <= Σ_t W_t KL(p_t || q). Let q be p_u, u the draw
that leads a configuration. Then the gain of a row is at most Σ_tu A_tu KL(p_t || p_u). A_tu is the same for all rows: the sum of
ω_m W_mt over the configurations m that u leads. The divergences of a row never change. So the bound costs T² numbers a pick.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Float64s

Ints = npt.NDArray[np.int64]

# The divergences of a row take T / C of its memory, and as long as T configurations do. With 1 000 classes and 20 draws they leave
# a fifth of the candidates to the products of the second to seventh pick.
CLASSES_OF_A_DRAW = 8
BYTES = 64 << 20  # for the divergences; the rows after them go without


class Divergences:
    """Those of the first rows of some cells, computed when a row is first looked at."""

    def __init__(self, cells: Array) -> None:
        rows, classes, draws = cells.shape
        held = min(rows, BYTES // (4 * draws**2)) if classes >= CLASSES_OF_A_DRAW * draws else 0
        self.cells = cells
        self.held_nv = np.empty((held, draws**2), np.float32)
        self.known_n = np.zeros(held, np.bool_)


def weight_of_pairs(leader_u: Ints, rows_ut: Array, omega_u: Float64s) -> Float64s:
    """A as (T T,) by t, 0 where t leads itself, from the draw that leads each configuration."""
    draws = rows_ut.shape[1]
    weight_tv = np.zeros((draws, draws))
    for leader in np.unique(leader_u):
        led = np.flatnonzero(leader_u == leader)
        weight_tv[:, leader] = omega_u[led] @ rows_ut[led].astype(np.float64)
    np.fill_diagonal(weight_tv, 0.0)
    return weight_tv.ravel()
