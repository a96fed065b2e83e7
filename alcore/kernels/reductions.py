"""Scores of cells -> scores of rows: row r has the cells ``offsets[r]`` to ``offsets[r + 1]`` of ``scores_m``.

All share one contract: ``out_r[r]`` gets the reduction of the row's cells, or ``empty`` where it has none. A row that has NaN, or
infinity where that has no mean, gets what is not finite. A result depends on its row alone, bit for bit.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]

SMALL = 32  # values: more are sorted faster by np.sort


@kernel(FORMULA)
def sum_sets(scores_m: Float64s, offsets: Int64s, q: float, empty: float, out_r: Float64s) -> None:
    """sum of the cells, in their order."""
    for r in range(len(out_r)):
        total = 0.0
        for i in range(offsets[r], offsets[r + 1]):
            total += scores_m[i]
        out_r[r] = total if offsets[r] < offsets[r + 1] else empty


@kernel(FORMULA)
def mean_sets(scores_m: Float64s, offsets: Int64s, q: float, empty: float, out_r: Float64s) -> None:
    """sum / number of cells."""
    for r in range(len(out_r)):
        total = 0.0
        for i in range(offsets[r], offsets[r + 1]):
            total += scores_m[i]
        cells = offsets[r + 1] - offsets[r]
        out_r[r] = total / cells if cells else empty


@kernel(FORMULA)
def max_sets(scores_m: Float64s, offsets: Int64s, q: float, empty: float, out_r: Float64s) -> None:
    """the largest cell, NaN where one is NaN."""
    for r in range(len(out_r)):
        largest = -np.inf
        for i in range(offsets[r], offsets[r + 1]):
            if np.isnan(scores_m[i]):
                largest = np.nan
                break
            largest = max(largest, scores_m[i])
        out_r[r] = largest if offsets[r] < offsets[r + 1] else empty


@kernel(FORMULA)
def top_mean_sets(scores_m: Float64s, offsets: Int64s, q: float, empty: float, out_r: Float64s) -> None:
    """mean of the ceil(q * cells) largest cells, of at least one."""
    most = 0
    for r in range(len(out_r)):
        most = max(most, offsets[r + 1] - offsets[r])
    buffer = np.empty(most)
    for r in range(len(out_r)):
        cells = offsets[r + 1] - offsets[r]
        if cells == 0:
            out_r[r] = empty
            continue
        rising = buffer[:cells]
        total = 0.0
        for i in range(cells):
            rising[i] = scores_m[offsets[r] + i]
            total += 0.0 * rising[i]  # NaN where a cell is not finite
        _sort(rising)
        count = max(1, math.ceil(q * cells - 1e-9))  # 0.1 * 30 cells are 3, whatever rounding says
        for i in range(count):
            total += rising[cells - 1 - i]
        out_r[r] = total / count


@kernel(FORMULA)
def _sort(values: Float64s) -> None:
    """Ascending, in place. Insertion takes a third of the time of ``np.sort`` for ten values."""
    if len(values) > SMALL:
        values.sort()
        return
    for i in range(1, len(values)):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
