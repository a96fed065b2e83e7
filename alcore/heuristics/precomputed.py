"""A heuristic with scores that were computed elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Float64s, Reading, Rng
from alcore.heuristics.base import RowWise
from alcore.sources.blocks import Block
from alcore.sources.reading import count_rows


@final
@dataclass(frozen=True, eq=False)
class Precomputed(RowWise):
    """Scores (N,) that you computed elsewhere, in any unit, higher = ask first. `select` costs O(N + k log k).

    Predictions may be None. Otherwise they must have as many rows as there are scores.

    Args:
        scores: (N,) numbers without NaN.

    Raises:
        TypeError: `scores` is not an array of numbers.
        ValueError: `scores` has another shape or NaN.

    >>> import alcore
    >>> alcore.Precomputed([0.2, 0.9, 0.4]).select(None, k=2).indices.tolist()
    [1, 2]
    """

    scores: npt.ArrayLike

    def __post_init__(self) -> None:
        scores = door.as_scores(self.scores)
        scores.flags.writeable = False
        object.__setattr__(self, "scores", scores)

    @property
    def name(self) -> str:
        return "precomputed"

    @property
    def rows(self) -> int:
        return len(np.asarray(self.scores))

    @property
    def honours_mask(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Precomputed({self.rows} scores)"

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        if predictions is not None and (rows := count_rows(predictions, reading)) != self.rows:
            door.refuse_unequal_rows("scores", rows, self.rows, "the array of predictions")
        return np.array(self.scores, np.float64)

    @property
    def cost(self) -> int:
        return 1

    def prepare(self, reading: Reading) -> Precomputed:
        return self

    def score_block(self, block: Block) -> Float64s:
        start, count = (block.start, len(block)) if block.sets is None else (block.sets.first, len(block.sets))
        part = np.asarray(self.scores, np.float64)[start : start + count]
        if len(part) < count:
            door.refuse_unequal_rows("scores", start + count, self.rows, "the array of predictions (at least)")
        return part
