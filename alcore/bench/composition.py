"""The rows of a batch: how many of each class, and how many near-duplicates."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alcore.bench.labels import Ints
from alcore.door import Array, Float64s

NEAR = 0.05  # rows with at most this total variation between them are near-duplicates


def class_counts(classes: Ints, batches: Sequence[Ints], count: int) -> Ints:
    """(H, C) how many rows of each batch have each class."""
    return np.array([np.bincount(classes[rows], minlength=count) for rows in batches], np.int64)


def near_duplicates(probs: Array, rows: Ints, shares: Float64s) -> int:
    """How many rows have nearly the same predictions as an earlier row: Σ_t w_t ½ Σ_c |p_ct − p'_ct| ≤ 0.05."""
    batch = probs[rows].astype(np.float64)
    count = 0
    for place in range(1, len(batch)):
        distances = np.abs(batch[:place] - batch[place]).sum(axis=1) @ shares / 2
        count += bool((distances <= NEAR).any())
    return count
