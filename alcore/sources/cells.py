"""Cells as the kernels take them: probabilities of logits, distributions over label vectors, and read-only."""

from __future__ import annotations

import numpy as np

from alcore import door
from alcore.door import Array, Kind
from alcore.sources.spaces import Space, fresh


def probabilities_of(logits_rct: Array, kind: Kind, space: Space = fresh) -> Array:
    """Probabilities of logits, in ``space``. NaN where a logit is invalid."""
    from alcore.kernels import bernoulli, softmax

    probs_rct = space("probabilities", logits_rct.shape, logits_rct.dtype)
    of_classes, flat = door.family(kind) == "classes", (logits_rct.reshape(-1), probs_rct.reshape(-1))
    if logits_rct.dtype == np.float32:
        softmax.softmax32(logits_rct, probs_rct) if of_classes else bernoulli.sigmoid32(*flat)
        return probs_rct
    valid = np.empty(len(logits_rct) if of_classes else logits_rct.shape, np.bool_)
    if of_classes:
        softmax.softmax(logits_rct, probs_rct, valid)
    else:
        bernoulli.sigmoid(*flat, valid.reshape(-1))
    probs_rct[~valid] = np.nan
    return probs_rct


def unwritable(cells: Array) -> Array:
    """One compiled kernel for writable and read-only input."""
    found = cells.view()
    found.flags.writeable = False
    return found


def outcomes_of(probs_rlt: Array) -> Array:
    """Probabilities of yes (R, L, T) -> distributions over all label vectors (R, 2^L, T)."""
    from alcore.kernels.bernoulli import outcomes

    rows, labels, draws = probs_rlt.shape
    probs_rvt = np.empty((rows, 1 << labels, draws), probs_rlt.dtype)
    outcomes(probs_rlt, door.tolerance(2), probs_rvt)
    return probs_rvt
