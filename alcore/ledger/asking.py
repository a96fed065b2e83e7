"""What is asked of a heuristic, and of which rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.batch import Batch
from alcore.heuristics import Heuristic
from alcore.heuristics.without import without_rows
from alcore.ledger.ids import Positions
from alcore.remaining import Remaining


@dataclass(frozen=True)
class Among:
    """What a heuristic ranks: positions of the rows of predictions (None: all ids), those that are free, and how many ids are."""

    positions: Positions | None
    remaining: Remaining
    free: int

    def positions_of(self, batch: Batch) -> Positions:
        rows = self.remaining.original(batch.indices)
        return rows if self.positions is None else self.positions[rows]


@dataclass(frozen=True)
class Asking:
    heuristic: Heuristic
    predictions: Any
    k: int
    ids: Any
    asker: str
    rng: np.random.Generator
    note: Callable[[Batch], Any] | None = None

    def choose(self, among: Among, mask: npt.ArrayLike | None, options: dict[str, Any]) -> Batch | None:
        """None where no id is free."""
        remaining = among.remaining
        predictions = remaining.of(self.predictions)
        if not len(remaining):
            return None
        heuristic = without_rows(self.heuristic, remaining.gone) if len(remaining.gone) else self.heuristic
        kept = None if mask is None else remaining.take(mask)
        batch = heuristic.select(predictions, self.k, rng=self.rng, mask=kept, **options)
        return batch if len(batch) else None
