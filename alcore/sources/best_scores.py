"""The scores that a batch of the best rows needs: all of them, or where workers score blocks, the best of each block."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.door import Float64s, Reading
from alcore.sources.best_rows import largest_of
from alcore.sources.blocks import Block, join_rows, map_blocks, score_blocks
from alcore.sources.reading import open_source

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class BestScores:
    """Scores, those of the best rows among them. ``rows`` are ascending. None: the scores are those of all rows."""

    scores: Float64s
    rows: Rows | None
    count: int  # of all rows

    @classmethod
    def of_all(cls, scores: Float64s) -> BestScores:
        return cls(scores, None, len(scores))


def best_scores(
    predictions: Any, work: Callable[[Block], Float64s], reading: Reading, most: int, cost: int
) -> BestScores:
    """Scores of a source, with those of the ``most`` best rows. Among equal scores the lowest rows are the best.

    Workers send at most ``most`` rows a block. Scores that are not ranked, such as NaN, are sent by all blocks, to be refused.
    """
    source = open_source(predictions, reading, cost=cost)
    if source.spread is None:
        return BestScores.of_all(join_rows(map_blocks(source, work, reading), source.rows, "probs"))

    def best(block: Block) -> tuple[int, Rows | None, Float64s]:
        scores = work(block)
        if scores.ndim != 1 or 2 * most >= len(scores) or np.isnan(scores).any():
            return block.start, None, scores
        rows, _ = largest_of(scores, -np.inf, most)
        return block.start, rows, scores[rows]

    parts = list(map_blocks(source, best, reading))
    scores = np.concatenate([part for _, _, part in parts])
    if all(rows is None for _, rows, _ in parts):
        return BestScores.of_all(scores)
    assert source.rows is not None  # of an array of Dask
    if np.isnan(scores).any():
        return BestScores.of_all(score_blocks(predictions, work, reading, cost=cost))
    sent = [start + (np.arange(len(part)) if rows is None else rows) for start, rows, part in parts]
    return BestScores(scores, np.concatenate(sent), source.rows)
