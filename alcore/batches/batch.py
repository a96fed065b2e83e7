"""``Batch``: what every selection returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to label, in the order chosen.

    Attributes:
        indices: (k,) row numbers of the predictions, all different.
        scores: (k,) the score of each pick, in the heuristic's units (nats for entropies and information); of a joint heuristic the
            gain of each pick.
        q: (k,) the probability of each pick given the earlier ones; 1 for deterministic picks.
        support: (k,) how many rows had q > 0 at that pick; 1 for deterministic picks.

    Attributes of joint heuristics, None where a heuristic does not tell:
        information: (k,) joint information of the batch after each pick, nats.
        effective_draws: (k,) mean number of draws that still explain the labels, after each pick.
        exact_until: how many of the first gains are exact, not sampled.
        saturated_at: how many picks were chosen jointly where the draws were exhausted before the batch was full.
        fill: the rule of the picks that were not chosen jointly, "power-bald", "random" or "bald"; their scores are 0, and their q
            and support are those of the rule. "stop" where the batch ends instead. None where all picks were chosen jointly.
        certified_until: the first picks that are certain to be those of the whole pool; all where it lies in memory.

    ``q`` and ``support`` are what unbiased risk estimators need (arXiv:2101.11665). The arrays are read-only.

    >>> import alcore
    >>> batch = alcore.top([0.1, 0.7, 0.4], k=2)
    >>> batch.indices.tolist(), len(batch)
    ([1, 2], 2)
    """

    indices: npt.NDArray[np.int64]
    scores: npt.NDArray[np.float64]
    q: npt.NDArray[np.float64]
    support: npt.NDArray[np.int64]
    information: npt.NDArray[np.float64] | None = None
    effective_draws: npt.NDArray[np.float64] | None = None
    exact_until: int | None = None
    saturated_at: int | None = None
    fill: str | None = None
    certified_until: int | None = None

    def __post_init__(self) -> None:
        for name in ("indices", "scores", "q", "support", "information", "effective_draws"):
            array = getattr(self, name)
            if array is not None:
                view = array.view()  # the caller's own array stays writable
                view.setflags(write=False)
                object.__setattr__(self, name, view)

    @classmethod
    def certain(cls, indices: npt.NDArray[np.int64], scores: npt.NDArray[np.float64], **more: Any) -> Batch:
        """A batch of deterministic picks."""
        return cls(indices, scores, np.ones(len(indices)), np.ones(len(indices), np.int64), **more)

    def __len__(self) -> int:
        return len(self.indices)
