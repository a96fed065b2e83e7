"""How much heuristics agree: the rows that their batches share, and the rank correlation of their scores."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alcore.batches.batch import Batch
from alcore.door import Float64s


def overlap(batches: Sequence[Batch]) -> Float64s:
    """(H, H) Jaccard index of batches: rows in both over rows in at least one. It is 1 if both are empty."""
    rows = [set(batch.indices.tolist()) for batch in batches]
    return np.array([[_jaccard(a, b) for b in rows] for a in rows])


def _jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def rank_correlation(names: Sequence[str], scores: dict[str, Float64s]) -> Float64s:
    """(H, H) Spearman's correlation of the scores; ties get their mean rank. NaN if there are no scores or all are equal."""
    from scipy.stats import rankdata

    ranks = {name: rankdata(values) for name, values in scores.items() if values.ndim == 1 and len(values) > 1}
    centred = {name: values - values.mean() for name, values in ranks.items()}
    units = {name: values / norm for name, values in centred.items() if (norm := float(np.linalg.norm(values)))}
    found = np.full((len(names), len(names)), np.nan)
    for i, first in enumerate(names):
        for j, second in enumerate(names):
            if first in units and second in units:
                found[i, j] = np.clip(units[first] @ units[second], -1, 1)
    return found
