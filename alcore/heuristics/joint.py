"""Heuristics that ask what the labels of a batch tell about the model together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast, final

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.batchbald import batchbald
from alcore.batches.filling import FILL
from alcore.batches.log_det import log_det
from alcore.batches.search.candidates import MEMORY
from alcore.batches.two_bald import two_bald
from alcore.door import MeanOptions, ReadingOptions
from alcore.heuristics.base import Joint


@final
@dataclass(frozen=True)
class BatchBALD(Joint):
    """BatchBALD as an object: the greedy batch of largest joint information I(y_S; θ) of labels and model, nats.

    The function `alcore.batchbald` documents the formula, shapes, range, cost, errors and the paper (arXiv:1906.08158).

    Args:
        samples: how many configurations to sample where there are too many to keep all.
        exact: gains are exact while configurations × classes are at most this number.
        memory: bytes that one read of a file or a stream may take.
        fill: "power-bald", "random", "bald" or "stop": the rule once no row is worth choosing jointly.
        positions: for maps and sequences: at how many positions rows are compared.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.BatchBALD().select(probs, k=5, rng=0))
    5
    """

    samples: int = 10_000
    exact: int = 10_000
    memory: int = MEMORY
    fill: str = FILL
    positions: int | None = None

    def __post_init__(self) -> None:
        door.as_fill(self.fill)
        if self.positions is not None:
            door.as_size(self.positions, "positions")
        for name in ("samples", "exact", "memory"):
            door.as_count(getattr(self, name), name)

    @property
    def name(self) -> str:
        return "batchbald"

    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        own = {"samples": self.samples, "exact": self.exact, "memory": self.memory}
        return batchbald(predictions, k, fill=self.fill, positions=self.positions, rng=rng, **own, **options)


@final
@dataclass(frozen=True)
class TwoBALD(Joint):
    """2-BALD as an object: each pick has the largest BALD(b) − Σ_{i∈S} I(y_i; y_b), nats. Only the rule `fill` uses `rng`.

    The function `alcore.two_bald` documents shapes, range, cost, errors and the paper (arXiv:2301.09490).

    Args:
        memory: bytes that one read of a file or a stream may take.
        fill: "power-bald", "random", "bald" or "stop": the rule once no row is worth choosing jointly.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> len(alcore.TwoBALD().select(probs, k=5))
    5
    """

    memory: int = MEMORY
    fill: str = FILL

    def __post_init__(self) -> None:
        door.as_count(self.memory, "memory")
        door.as_fill(self.fill)

    @property
    def name(self) -> str:
        return "two-bald"

    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        return two_bald(predictions, k, fill=self.fill, memory=self.memory, rng=rng, **options)


@final
@dataclass(frozen=True)
class LogDet(Joint):
    """The greedy batch of largest ½ log det(I + S^−½ Σ_BB S^−½) as an object, for kind="mean": nats. Only the rule `fill` uses
    `rng`.

    The function `alcore.log_det` documents the formula, shapes, cost, errors and the papers.

    Args:
        fill: "power-bald", "random", "bald" or "stop": the rule once the draws are exhausted.
        memory: bytes that one read of a file may take, as in `alcore.log_det`.

    >>> import alcore, numpy
    >>> means = numpy.random.default_rng(0).normal(size=(50, 8))  # 50 rows, 8 draws
    >>> len(alcore.LogDet().select(means, k=5, kind="mean", variance=1.0))
    5
    """

    fill: str = FILL
    memory: int = MEMORY

    def __post_init__(self) -> None:
        door.as_count(self.memory, "memory")
        door.as_fill(self.fill)

    @property
    def name(self) -> str:
        return "log-det"

    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        return log_det(predictions, k, fill=self.fill, memory=self.memory, rng=rng, **cast(MeanOptions, options))
