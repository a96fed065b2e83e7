"""Heuristics that ask what a label tells about targets."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass
from typing import Any, final

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.batch_epig import batch_epig
from alcore.door import Float64s, Reading, ReadingOptions
from alcore.heuristics.base import Joint, RowWise, Streamed
from alcore.scores.epig import Targets, prepare
from alcore.sources.blocks import Block


class _Targeted(Streamed, ABC):
    """What EPIG is before and after its targets are read."""

    @final
    @property
    def name(self) -> str:
        return "epig"


@final
@dataclass(frozen=True, eq=False)
class EPIG(_Targeted):
    """Expected predictive information gain about targets as an object: see `alcore.epig`.

    Args:
        targets: (J, C, T) predictions of the same consistent draws for the inputs one cares to predict; ``kind`` and
            ``weights`` of a call are theirs too. Read at each call.
        target_weights: (J,) one weight a target.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.Power(alcore.EPIG(probs[:10])).select(probs[10:], k=5, rng=0))
    5
    """

    targets: Any
    target_weights: npt.ArrayLike | None = None

    def __repr__(self) -> str:
        return "EPIG(targets)"

    @property
    def cost(self) -> int:
        return 1

    def prepare(self, reading: Reading) -> RowWise:
        return _PreparedEPIG(prepare(self.targets, reading, self.target_weights))

    def score_block(self, block: Block) -> Float64s:
        return self.prepare(Reading(block.kind, block.weights)).score_block(block)


@final
@dataclass(frozen=True, eq=False)
class _PreparedEPIG(_Targeted):
    """EPIG of one pass: its targets read, checked and packed."""

    targets: Targets

    @property
    def cost(self) -> int:
        return self.targets.cost

    def prepare(self, reading: Reading) -> _PreparedEPIG:
        return self

    def score_block(self, block: Block) -> Float64s:
        return block.score(self.targets.measure)


@final
@dataclass(frozen=True, eq=False)
class BatchEPIG(Joint):
    """The greedy batch that tells most about targets as an object: see `alcore.batch_epig`.

    Args:
        targets: (J, C, T) predictions of the same consistent draws for the inputs one cares to predict; ``kind`` and
            ``weights`` of a call are theirs too. Read at each call.
        target_weights: (J,) one weight a target.
        samples, exact: configurations sampled, and configurations × classes up to which all are kept.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.BatchEPIG(probs[:10]).select(probs[10:], k=3, rng=0))
    3
    """

    targets: Any
    target_weights: npt.ArrayLike | None = None
    samples: int = 100
    exact: int = 100

    def __post_init__(self) -> None:
        door.as_count(self.samples, "samples")
        door.as_count(self.exact, "exact")

    def __repr__(self) -> str:
        return f"BatchEPIG(targets, samples={self.samples}, exact={self.exact})"

    @property
    def name(self) -> str:
        return "batch-epig"

    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        return batch_epig(
            predictions,
            self.targets,
            k,
            samples=self.samples,
            exact=self.exact,
            target_weights=self.target_weights,
            rng=rng,
            **options,
        )
