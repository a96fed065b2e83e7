"""``Batch``: what every selection returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to label, in the order chosen.

    The arrays are read-only. Unbiased risk estimators such as `lure` need `q` and `support`.
    Paper: Farquhar et al. 2021 (arXiv:2101.11665).

    Attributes:
        indices: (k,) row numbers of the predictions, all different.
        scores: (k,) the score of each pick, in the heuristic's unit (nats for entropies and information). For a joint heuristic it
            is the gain of each pick.
        q: (k,) the probability of each pick given the earlier picks, above 0 and at most 1. It is 1 for deterministic picks.
        support: (k,) how many rows had q > 0 at that pick. It is 1 for deterministic picks.
        information: (k,) joint information of the batch after each pick, nats. Only joint heuristics set it and the attributes
            below. Each is None where a heuristic does not set it.
        effective_draws: (k,) mean number of draws that still explain the labels, after each pick, 1 … T.
        exact_until: how many of the first gains are exact and not sampled.
        saturated_at: how many picks were chosen jointly before the draws were exhausted. It is None if they were not exhausted.
        fill: the rule of the picks that were not chosen jointly: "power-bald", "random" or "bald". Their scores are 0. Their q and
            support are those of the rule. It is "stop" where the batch ends instead, and None where all picks were chosen jointly.
        ids: (k,) what the rows are called where the predictions name their rows, as an xarray with a coordinate of its rows does.
            None otherwise.
        certified_until: how many of the first picks are certain to be those of the whole pool. It is all of them for a pool in
            memory.

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
    ids: npt.NDArray[Any] | None = None

    def __post_init__(self) -> None:
        for name in ("indices", "scores", "q", "support", "information", "effective_draws", "ids"):
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
