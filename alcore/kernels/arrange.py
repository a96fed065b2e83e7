"""Cells whose draws lie far apart in memory, copied to where the kernels read them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel

Numbers = npt.NDArray[np.generic]

TILE = 8  # rows at a time where their numbers of one draw share a cache line: halves NumPy's time for (T, N, C)


@kernel(FORMULA)
def arrange(values_nect: Numbers, tile: int, out_nect: Numbers) -> None:
    """(rows, cells, classes, draws) in any layout -> C-contiguous, ``tile`` rows at a time."""
    rows, cells, classes, draws = values_nect.shape
    for first in range(0, rows, tile):
        last = min(first + tile, rows)
        for e in range(cells):
            for c in range(classes):
                for r in range(first, last):
                    for t in range(draws):
                        out_nect[r, e, c, t] = values_nect[r, e, c, t]
