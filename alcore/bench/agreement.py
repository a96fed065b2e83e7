"""How alike heuristics are: rows that their batches share, and how alike they rank all rows."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from alcore.door import Float64s


def jaccard(a: set[int], b: set[int]) -> float:
    return len(a & b) / len(a | b) if a | b else 1.0


def rank_correlation(names: Sequence[str], scores: dict[str, Float64s]) -> Float64s:
    """(H, H) Spearman's correlation of the scores, ties sharing their mean rank; NaN where there are none or all are equal."""
    from scipy.stats import rankdata

    ranks = {name: rankdata(own) for name, own in scores.items() if own.ndim == 1 and len(own) > 1}
    centred = {name: own - own.mean() for name, own in ranks.items()}
    units = {name: own / norm for name, own in centred.items() if (norm := float(np.linalg.norm(own)))}
    found = np.full((len(names), len(names)), np.nan)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            if one in units and other in units:
                found[i, j] = np.clip(units[one] @ units[other], -1, 1)
    return found
