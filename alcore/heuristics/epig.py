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
from alcore.scores.epig import Targets, prepare_any
from alcore.scores.gaussian_epig import MeanTargets
from alcore.sources.blocks import Block
from alcore.sources.names import check_same_draws


class _Targeted(Streamed, ABC):
    """The common part of EPIG before and after its targets are read."""

    @final
    @property
    def name(self) -> str:
        return "epig"


@final
@dataclass(frozen=True, eq=False)
class EPIG(_Targeted):
    """Expected predictive information gain about targets, Σ_j v_j I(y; y_j), as an object: nats.

    The function `alcore.epig` documents the range, shapes, cost, errors and the paper.

    Args:
        targets: (J, C, T) predictions of the same consistent draws for inputs like those that you want to predict. `kind` and
            `weights` of a call hold for them too. Each call reads them.
        target_weights: (J,) one weight a target. The default is equal weights.
        target_variance: of kind "mean", as in `alcore.epig`.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.Power(alcore.EPIG(probs[:10])).select(probs[10:], k=5, rng=0))
    5
    """

    targets: Any
    target_weights: npt.ArrayLike | None = None
    target_variance: Any = None

    def __repr__(self) -> str:
        return "EPIG(targets)"

    @property
    def cost(self) -> int:
        return 1

    def _check_draws(self, predictions: Any, reading: Reading) -> None:
        check_same_draws(self.targets, predictions, reading)

    def prepare(self, reading: Reading) -> RowWise:
        return _PreparedEPIG(prepare_any(self.targets, reading, self.target_weights, self.target_variance))

    def score_block(self, block: Block) -> Float64s:
        return self.prepare(Reading(block.kind, weights=block.weights)).score_block(block)


@final
@dataclass(frozen=True, eq=False)
class _PreparedEPIG(_Targeted):
    """EPIG of one pass: its targets read, checked and packed."""

    targets: Targets | MeanTargets

    @property
    def cost(self) -> int:
        return self.targets.cost

    def prepare(self, reading: Reading) -> _PreparedEPIG:
        return self

    def score_block(self, block: Block) -> Float64s:
        return self.targets.score_block(block)


@final
@dataclass(frozen=True, eq=False)
class BatchEPIG(Joint):
    """The greedy batch that tells most about targets, of largest Σ_j v_j I(y_S; y_j), as an object: nats.

    The function `alcore.batch_epig` documents the range, shapes, cost, errors and the papers.

    Args:
        targets: (J, C, T) predictions of the same consistent draws for inputs like those that you want to predict. `kind` and
            `weights` of a call hold for them too. Each call reads them.
        target_weights: (J,) one weight a target. The default is equal weights.
        samples: how many histories of labels to sample.
        exact: all configurations are kept while configurations × classes are at most this number.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.BatchEPIG(probs[:10]).select(probs[10:], k=3, rng=0))
    3
    """

    targets: Any
    target_weights: npt.ArrayLike | None = None
    samples: int = 10_000
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
