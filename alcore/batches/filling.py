"""What fills a batch whose rows cannot all be chosen jointly: the rule, the rows, and the warning where draws are the reason."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np

from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.batches.search.greedy import Chosen
from alcore.door import Float64s

FILL = "power-bald"
# Effective draws under which a batch has told nearly all that its draws can: one draw explains most of the label configurations.
EXHAUSTED = 2.0


class SaturationWarning(UserWarning):
    """The draws were exhausted before the batch was full."""


def describe(rule: str | None) -> str:
    """What the rows do that fill a batch."""
    if rule == "power-bald":
        return "were drawn by power sampling of BALD"
    return "were drawn at random" if rule == "random" else "follow in BALD order"


@dataclass(frozen=True)
class Filled:
    """A batch in order: first the rows that were chosen jointly, with their gains, then those that fill it, with gain 0."""

    chosen: Chosen
    rest: Batch
    rule: str

    @classmethod
    def of(cls, chosen: Chosen, scores_n: Float64s, k: int, rule: str, rng: np.random.Generator) -> Filled:
        """``scores_n``: BALD of all rows; ``k``: how many rows the batch is to have."""
        left = np.delete(np.arange(len(scores_n)), chosen.indices)
        count = 0 if rule == "stop" else min(k, len(scores_n)) - len(chosen.indices)
        if rule == "power-bald":
            drawn = select.power(scores_n[left], count, rng=rng)
        elif rule == "random":
            drawn = select.softmax(np.zeros(len(left)), count, rng=rng)
        else:
            drawn = select.top(scores_n[left], count)
        return cls(chosen, Batch(left[drawn.indices], np.zeros(count), drawn.q, drawn.support), rule)

    @property
    def used(self) -> str | None:
        """The rule, where it decided anything."""
        return self.rule if len(self.rest) or self.chosen.ended_early else None

    def batch(self, effective_draws: list[float], saturated_at: int | None) -> Batch:
        """``effective_draws``: before the first pick, and after each that was chosen jointly."""
        joint, filled = len(self.chosen.indices), len(self.rest)
        return Batch(
            np.concatenate([self.chosen.indices, self.rest.indices]),
            np.concatenate([self.chosen.gains, self.rest.scores]),
            np.concatenate([np.ones(joint), self.rest.q]),
            np.concatenate([np.ones(joint, np.int64), self.rest.support]),
            effective_draws=np.array(effective_draws[1:] + effective_draws[-1:] * filled, np.float64),
            saturated_at=saturated_at,
            fill=self.used,
            certified_until=self.chosen.certified_until,
        )

    def warn(self, name: str, k: int, draws: int, effective: float) -> int | None:
        """How many rows were chosen jointly before the draws were exhausted, with a warning; None where they were not."""
        joint, filled = len(self.chosen.indices), len(self.rest)
        if not self.chosen.ended_early or effective >= EXHAUSTED:
            return None
        done = f"the other {filled} {describe(self.rule)}" if filled else "the batch ends there"
        warnings.warn(
            f"{name}: the {draws} draws were exhausted after {joint} of {k} picks: {effective:.1f} of them still explain "
            f"the labels on average, and no row gains more than noise. So {done} (fill={self.rule!r}). Predict with more draws, "
            "ask for a smaller batch, or draw all of it: PowerBALD().",
            SaturationWarning,
            stacklevel=3,
        )
        return joint
