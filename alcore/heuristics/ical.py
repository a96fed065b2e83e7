"""The heuristic that asks for the labels on which the labels of the rest of the pool depend most."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.ical import ical
from alcore.door import ReadingOptions
from alcore.heuristics.base import Joint


@final
@dataclass(frozen=True)
class ICAL(Joint):
    """ICAL, information condensing, as an object: the k rows of largest HSIC with the pool's labels, no unit.

    The function `alcore.ical` documents the formula, shapes, range, cost, errors and the paper (arXiv:2002.07916).

    Args:
        pointwise: True for the paper's ICAL-pointwise, which keeps near-duplicates out of the batch.
        labels: "drawn" or "expected".
        references: how many rows of the pool each pick is compared with.
        comparisons: how many further rows ICAL-pointwise compares each pick with.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.ICAL(pointwise=True).select(probs, k=5, rng=0))
    5
    """

    pointwise: bool = False
    labels: str = "drawn"
    references: int = 200
    comparisons: int = 20

    def __post_init__(self) -> None:
        door.as_flag(self.pointwise, "pointwise")
        door.as_label_mode(self.labels)
        door.as_size(self.references, "references")
        door.as_size(self.comparisons, "comparisons")

    @property
    def name(self) -> str:
        return "ical-pointwise" if self.pointwise else "ical"

    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        return ical(
            predictions,
            k,
            pointwise=self.pointwise,
            labels=self.labels,
            references=self.references,
            comparisons=self.comparisons,
            rng=rng,
            **options,
        )
