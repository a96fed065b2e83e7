"""The mean and the largest score of the pool at a step, for stopping criteria. Recorded while the heuristic chooses."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

import numpy as np
import numpy.typing as npt

from alcore.batches.batch import Batch
from alcore.door import Float64s, Reading, Rng
from alcore.heuristics import Heuristic, Precomputed
from alcore.heuristics.base import Scored
from alcore.heuristics.stochastic import Stochastic
from alcore.heuristics.subsets import Change, with_targets, without_rows


@final
@dataclass(frozen=True, eq=False)
class RecordingHeuristic(Heuristic):
    """Chooses as another heuristic does. If rows have scores, it keeps the mean and the largest score of the pool."""

    heuristic: Heuristic
    pool_scores: dict[str, Any]  # mean_score and max_score, once rows are scored

    @property
    def name(self) -> str:
        return self.heuristic.name

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        return self.heuristic.score(predictions, rng=rng, **reading.options)

    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        own = self.heuristic
        if not isinstance(own, Scored | Stochastic):
            return own.select(predictions, k, rng=rng, **reading.options)
        scores = own.score(predictions, **reading.options)
        self.pool_scores.update(mean_score=float(scores.mean()), max_score=float(scores.max()))
        chooser = replace(own, heuristic=Precomputed(scores)) if isinstance(own, Stochastic) else Precomputed(scores)
        return chooser.select(None, k, rng=rng)


@without_rows.register
def _(heuristic: RecordingHeuristic, rows: npt.NDArray[np.int64]) -> Heuristic:
    return replace(heuristic, heuristic=without_rows(heuristic.heuristic, rows))


@with_targets.register
def _(heuristic: RecordingHeuristic, change: Change) -> Heuristic:
    return replace(heuristic, heuristic=with_targets(heuristic.heuristic, change))
