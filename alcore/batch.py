"""``Batch``: what every selection returns."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Batch:
    """Rows to label, in the order chosen.

    Attributes:
        indices: (k,) row numbers of the predictions, all different.
        scores: (k,) the score of each pick, in the heuristic's units (nats for entropies and information).
        q: (k,) the probability of each pick given the earlier ones; 1 for deterministic picks.
        support: (k,) how many rows had q > 0 at that pick; 1 for deterministic picks.

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

    def __post_init__(self) -> None:
        for name in ("indices", "scores", "q", "support"):
            view = getattr(self, name).view()  # the caller's own array stays writable
            view.setflags(write=False)
            object.__setattr__(self, name, view)

    def __len__(self) -> int:
        return len(self.indices)
