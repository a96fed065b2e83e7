"""Boxes of several draws -> objects, whose classes and places can then be scored."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door


def match_boxes(boxes: Any, *, iou: float = 0.5) -> npt.NDArray[np.int64]:
    """Which boxes of different draws are the same object, for one image. Each draw of a detector finds its own set of boxes.

    The draws are taken in order. Of a draw's boxes and the objects known before it, the pair of largest overlap is matched first,
    then the largest of the rest, while the overlap is at least `iou`. The overlap is intersection over union with the first box of
    the object. In a tie the lower object and then the lower box goes first. An object has at most one box of each draw. A box
    without a match begins a new object. Classes play no part, so draws may disagree about the class of one object.
    Such clusters of sampled detections are compared in Miller et al. 2019 (arXiv:1809.06006).

    Args:
        boxes: T arrays (d, 4), the boxes x1, y1, x2, y2 of each draw. A draw without boxes is an empty array.
        iou: the least overlap of a match, above 0 and at most 1.

    Returns:
        (m, T) int64: for each object its box in each draw, as a row number of `boxes[t]`, or -1 where draw t did not find it. The
            objects are in the order in which they were found. The cost is O(D · m) time for D boxes of all draws.

    Raises:
        TypeError: `boxes` is not a list of arrays of numbers.
        ValueError: an array has another shape than (d, 4), a box is not finite or has x2 < x1 or y2 < y1, or `iou` is outside its
            range.

    >>> import alcore
    >>> first = [[0, 0, 10, 10], [20, 20, 30, 30]]
    >>> second = [[21, 20, 31, 30], [0, 1, 10, 11], [50, 50, 60, 60]]
    >>> alcore.match_boxes([first, second])
    array([[ 0,  1],
           [ 1,  0],
           [-1,  2]])
    """
    from alcore.kernels import boxes as kernels

    least = door.as_iou(iou)
    boxes_d, offsets = door.as_boxes(boxes)
    found = np.empty((len(boxes_d), len(offsets) - 1), np.int64)
    return found[: kernels.match(boxes_d, offsets, least, found)].copy()
