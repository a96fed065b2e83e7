"""``Ragged``: rows that are sets of cells of different size, as one flat array and offsets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from alcore import door

Offsets = npt.NDArray[np.int64]


@final
@dataclass(frozen=True, eq=False)
class Ragged:
    """Predictions whose rows are sets of different size: the boxes of an image, the spans of a text.

    Row i has the cells ``flat[offsets[i]:offsets[i + 1]]``, which may be none. `Reduce` makes one score of the scores of its
    cells: ``Reduce(BALD(), "sum").score(ragged)``. A batch and a ledger then count rows, such as images. The flat array is read
    block by block, so memory is O(block + largest row), for a file too. A score does not depend on blocks or threads.

    Cells of kind "mean" are (M, D, T). Their ``variance=`` is what `alcore.bald` takes for the flat array, or a `Ragged` with the
    same offsets.

    Args:
        flat: (M, C, T) predictions of all cells from any source, as `alcore.entropy` takes them. Without ``offsets``: a list of
            arrays (m, C, T), one a row, which are copied into one array. A row without cells is an array (0, C, T).
        offsets: (N + 1,) ascending whole numbers. The first is 0, the last is M.

    Raises:
        TypeError: ``offsets`` are not whole numbers or have a mask, or an array of the list is not an array of numbers.
        ValueError: ``offsets`` do not ascend or do not start with 0, or the arrays of the list have different classes or draws. A
            call that reads the cells refuses offsets that do not end with M.

    >>> import alcore, numpy
    >>> boxes = numpy.array([[[0.9, 0.1], [0.1, 0.9]], [[0.5, 0.5], [0.5, 0.5]], [[0.8, 0.6], [0.2, 0.4]]])
    >>> images = alcore.Ragged(boxes, [0, 2, 3])  # two boxes in image 0, one in image 1
    >>> alcore.Reduce(alcore.BALD(), "sum").score(images).round(6)
    array([0.368064, 0.024157])
    >>> alcore.Ragged([boxes[:2], boxes[2:]]).offsets.tolist()
    [0, 2, 3]
    """

    flat: Any
    offsets: Any = None

    def __post_init__(self) -> None:
        if self.offsets is None:
            flat, offsets = door.join_sets(self.flat)
            object.__setattr__(self, "flat", flat)
        else:
            offsets = self.offsets
        object.__setattr__(self, "offsets", door.as_offsets(offsets))

    def __len__(self) -> int:
        """The number of rows N."""
        return len(self.offsets) - 1

    def __repr__(self) -> str:
        return f"Ragged({len(self)} rows, {self.offsets[-1]} cells)"


def cells_of_variance(variance: Any, means: Ragged) -> Any:
    """The variances of the cells of means: those of a `Ragged` with the same offsets. Anything else stays as it is."""
    if not isinstance(variance, Ragged):
        return variance
    door.check_offsets_of_variance(variance.offsets, means.offsets)
    return variance.flat


@final
@dataclass(frozen=True)
class Sets:
    """The rows of a block of cells. Row ``first + i`` has its cells ``offsets[i]`` to ``offsets[i + 1]``."""

    first: int
    offsets: Offsets  # (n + 1,), from 0 to the number of cells of the block

    def __len__(self) -> int:
        return len(self.offsets) - 1
