"""What was picked: of which classes, what twice over, and how alike heuristics rank all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alcore.bench.labels import Ints
from alcore.door import Array, Float64s

NEAR = 0.05  # total variation


def class_counts(classes: Ints, batches: Sequence[Ints], count: int) -> Ints:
    """(H, C) how many rows of each batch are of each class."""
    return np.array([np.bincount(classes[rows], minlength=count) for rows in batches], np.int64)


def near_duplicates(probs: Array, rows: Ints, shares: Float64s) -> int:
    """Of the rows, in order, those that some row before predicts alike: Σ_t w_t ½ Σ_c |p_ct − p'_ct| ≤ 0.05."""
    chosen = probs[rows].astype(np.float64)
    found = 0
    for place in range(1, len(chosen)):
        apart = np.abs(chosen[:place] - chosen[place]).sum(axis=1) @ shares / 2
        found += bool((apart <= NEAR).any())
    return found
