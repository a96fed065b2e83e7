"""The joint information of a batch's labels about the model, and how much of it several rows tell in common."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.information import batch_information
from alcore.bench.labels import Ints
from alcore.door import Array, Float64s
from alcore.scores.measures import bald
from alcore.sources.progress import track

FULL = 1e-6  # nats: so near to the bound further picks cannot add information


@dataclass(frozen=True, eq=False)
class BatchInformation:
    """The joint information I(y_S; θ) of one batch.

    Attributes:
        picks: (P,) numbers of first picks.
        nats: (P,) their information.
        error: standard error of the last entry of ``nats``.
        redundancy: nats, Σ BALD of the rows − information of all.
    """

    picks: Ints
    nats: Float64s
    error: float
    redundancy: float


def information_of_batches(
    probs: Array, batches: Sequence[Ints], *, weights: npt.ArrayLike | None, samples: int, seed: int
) -> list[BatchInformation]:
    """The joint information of batches. Each batch gives the places of its picks among rows (n, C, T)."""
    most = information_bound(probs.shape[-1], weights)
    bald_of_rows = bald(probs, weights=weights)
    found = []
    for _, places in track(enumerate(batches, 1), len(batches), "batches weighed"):
        picks = _numbers_of_picks(len(places))
        nats, error = _information_curve(
            probs, places, picks, most, weights=weights, samples=samples, exact=samples, rng=seed
        )
        redundancy = float(bald_of_rows[places].sum() - nats[-1])
        found.append(BatchInformation(picks, nats, error, redundancy))
    return found


def information_bound(draws: int, weights: npt.ArrayLike | None) -> float:
    """The most that labels can tell about which draw is true: log T, or the entropy of the weights."""
    shares = door.as_shares(door.as_weights(weights, draws), draws)
    shares = shares[shares > 0]
    return max(0.0, float(-(shares * np.log(shares)).sum()))


def _information_curve(probs: Array, places: Ints, picks: Ints, most: float, **options: Any) -> tuple[Float64s, float]:
    """The information of the first picks, and the standard error of the last. Once it is at the bound, it stays there."""
    nats, error = np.empty(len(picks)), 0.0
    for i, count in enumerate(picks):
        nats[i], error = batch_information(probs, places[:count], **options)
        if nats[i] >= most - FULL:
            nats[i:] = nats[i]
            break
    return nats, error


def _numbers_of_picks(count: int) -> Ints:
    """0, 1, 2, 3, 5, 8, … picks, and all of them. The steps grow, because later picks add less information."""
    numbers = [0, 1, 2]
    while numbers[-1] < count:
        numbers.append(numbers[-1] + numbers[-2])
    return np.array([*(number for number in numbers if number < count), count], np.int64)
