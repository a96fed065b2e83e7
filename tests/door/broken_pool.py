"""Valid predictions, and the same with one wrong number."""

from __future__ import annotations

import numpy as np

from tests.cases import dirichlet

POOL = dirichlet(30, 4, 5)


def broken(value: float, dtype: type = np.float64, row: int = 17, c: int = 2, t: int = 3) -> np.ndarray:
    probs = POOL.astype(dtype)
    probs[row, c, t] = value
    return probs
