"""What batches tell about the model when their labels are taken together, and how much of it is told twice."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.information import batch_information
from alcore.door import Array, Float64s
from alcore.scores.measures import bald
from alcore.sources.progress import track

Ints = npt.NDArray[np.int64]

FULL = 1e-6  # nats under the bound from which further picks cannot tell anything


@dataclass(frozen=True, eq=False)
class Told:
    """Of one batch: joint information after the first picks, its standard error at the last, and what the rows tell twice."""

    picks: Ints
    nats: Float64s
    error: float
    redundancy: float


def weigh(
    probs: Array, batches: Sequence[Ints], *, weights: npt.ArrayLike | None, samples: int, seed: int
) -> list[Told]:
    """The joint information of batches, each the places of its picks among rows (n, C, T)."""
    limit = bound(probs.shape[-1], weights)
    alone = bald(probs, weights=weights)
    told = []
    for _, places in track(enumerate(batches, 1), len(batches), "batches weighed"):
        picks = _points(len(places))
        nats, error = _running(probs, places, picks, limit, weights=weights, samples=samples, exact=samples, rng=seed)
        told.append(Told(picks, nats, error, float(alone[places].sum() - nats[-1])))
    return told


def bound(draws: int, weights: npt.ArrayLike | None) -> float:
    """The most that labels can tell about which draw is true: log T, or the entropy of the weights."""
    shares = door.as_shares(door.as_weights(weights, draws), draws)
    shares = shares[shares > 0]
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def _running(probs: Array, places: Ints, picks: Ints, limit: float, **options: Any) -> tuple[Float64s, float]:
    """The information of the first picks and the standard error of the last; at the bound it stays there."""
    nats, error = np.empty(len(picks)), 0.0
    for i, count in enumerate(picks):
        nats[i], error = batch_information(probs, places[:count], **options)
        if nats[i] >= limit - FULL:
            nats[i:] = nats[i]
            break
    return nats, error


def _points(count: int) -> Ints:
    """0, 1, 2, 3, 5, 8, … picks, and all: steps that grow, as the batch's later picks tell less."""
    points = [0, 1, 2]
    while points[-1] < count:
        points.append(points[-1] + points[-2])
    return np.array([*(point for point in points if point < count), count], np.int64)
