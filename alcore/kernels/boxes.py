"""Boxes (x1, y1, x2, y2) of several draws -> which are the same object."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel

Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]


@kernel(FORMULA)
def overlap(one: Float64s, other: Float64s) -> float:
    """Area of the intersection / area of the union, 0 where the union has no area."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    common = max(width, 0.0) * max(height, 0.0)
    union = (one[2] - one[0]) * (one[3] - one[1]) + (other[2] - other[0]) * (other[3] - other[1]) - common
    return common / union if union > 0.0 else 0.0


@kernel(FORMULA)
def match(boxes_d: Float64s, offsets: Int64s, least: float, found_dt: Int64s) -> int:
    """The number of objects m; ``found_dt[:m, t]`` is the box of each in draw t, or -1. Draw t has the boxes ``offsets[t]`` to
    ``offsets[t + 1]`` of ``boxes_d``. An object is where its first box is."""
    draws, objects = len(offsets) - 1, 0
    founders = np.empty(len(boxes_d), np.int64)
    found_dt[:] = -1
    for t in range(draws):
        count, known = offsets[t + 1] - offsets[t], objects
        overlaps_p, object_p, box_p = (
            np.empty(known * count),
            np.empty(known * count, np.int64),
            np.empty(known * count, np.int64),
        )
        pairs = 0
        for j in range(known):
            for b in range(count):
                share = overlap(boxes_d[founders[j]], boxes_d[offsets[t] + b])
                if share >= least:
                    overlaps_p[pairs], object_p[pairs], box_p[pairs] = share, j, b
                    pairs += 1
        taken_b = np.zeros(count, np.bool_)
        for p in np.argsort(
            -overlaps_p[:pairs], kind="mergesort"
        ):  # stable: among equals the first object, then the first box
            if found_dt[object_p[p], t] < 0 and not taken_b[box_p[p]]:
                found_dt[object_p[p], t] = box_p[p]
                taken_b[box_p[p]] = True
        for b in range(count):
            if not taken_b[b]:
                founders[objects] = offsets[t] + b
                found_dt[objects, t] = b
                objects += 1
    return objects
