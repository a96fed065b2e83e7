"""Heuristics that choose at random: stochastic batches of row-wise heuristics, and the baseline."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from alcore import door
from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.door import Float64s, Reading, Rng
from alcore.heuristics.base import Heuristic, Scored, as_terms
from alcore.heuristics.measures import BALD
from alcore.sources.reading import count_rows


@dataclass(frozen=True)
class Stochastic(Heuristic, ABC):
    """A heuristic of rows whose batch is drawn in proportion to a function of its scores."""

    heuristic: Scored
    beta: float = 1.0
    _prefix: ClassVar[str]

    def __post_init__(self) -> None:
        if not isinstance(self.heuristic, Scored):
            as_terms(self.heuristic)
        door.as_beta(self.beta)

    @abstractmethod
    def _draw(self, scores: Float64s, k: int, rng: np.random.Generator) -> Batch: ...

    @final
    @property
    def name(self) -> str:
        return f"{self._prefix}-{self.heuristic.name}"

    @final
    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        return self.heuristic.score(predictions, **reading.options)

    @final
    def _namer(self, predictions: Any, reading: Reading) -> tuple[Any, Reading]:
        return self.heuristic._namer(predictions, reading)

    @final
    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        return self._draw(self.heuristic.score(predictions, **reading.options), k, rng)


@final
@dataclass(frozen=True)
class Power(Stochastic):
    """Draw rows in proportion to score^β, without replacement.

    The function `alcore.power` documents cost, errors and the paper (arXiv:2106.12059).

    Args:
        heuristic: a row-wise heuristic, which gives the scores.
        beta: coldness β ≥ 0. With 0 all rows with a positive score are drawn uniformly.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> alcore.Power(alcore.BALD(), beta=2).select(probs, k=1, rng=0).indices.tolist()
    [1]
    """

    _prefix = "power"

    def _draw(self, scores: Float64s, k: int, rng: np.random.Generator) -> Batch:
        return select.power(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class Softmax(Stochastic):
    """Draw rows in proportion to exp(β·score), without replacement.

    The function `alcore.softmax` documents cost, errors and the paper (arXiv:2106.12059).

    Args:
        heuristic: a row-wise heuristic, which gives the scores.
        beta: coldness β ≥ 0. With 0 all rows are drawn uniformly.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> alcore.Softmax(alcore.BALD(), beta=100).select(probs, k=1, rng=0).indices.tolist()
    [1]
    """

    _prefix = "softmax"

    def _draw(self, scores: Float64s, k: int, rng: np.random.Generator) -> Batch:
        return select.softmax(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class SoftRank(Stochastic):
    """Draw rows in proportion to rank^−β, without replacement. The largest score has rank 1.

    The function `alcore.softrank` documents cost, errors and the paper (arXiv:2106.12059).

    Args:
        heuristic: a row-wise heuristic, which gives the scores.
        beta: coldness β ≥ 0. With 0 all rows are drawn uniformly.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> alcore.SoftRank(alcore.BALD(), beta=50).select(probs, k=2, rng=0).indices.tolist()
    [1, 0]
    """

    _prefix = "softrank"

    def _draw(self, scores: Float64s, k: int, rng: np.random.Generator) -> Batch:
        return select.softrank(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class Random(Heuristic):
    """k rows drawn uniformly without replacement, the baseline of every comparison.

    `predictions` are read only to count the rows. The cost is O(k).

    >>> import alcore, numpy
    >>> batch = alcore.Random().select(numpy.full((4, 2, 1), 0.5), k=2, rng=0)
    >>> batch.q.round(6).tolist(), batch.support.tolist()
    ([0.25, 0.333333], [4, 3])
    """

    @property
    def name(self) -> str:
        return "random"

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        """Uniform random numbers in [0, 1), one a row. They are new at each call unless ``rng`` is given."""
        return door.as_rng(rng).random(count_rows(predictions, reading))

    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        return select.uniform(count_rows(predictions, reading), k, rng)


def PowerBALD(beta: float = 1.0) -> Power:  # noqa: N802 - the paper's name of the composition
    """``Power(BALD(), beta)``: rows drawn in proportion to BALD^β.

    Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        beta: coldness β ≥ 0, as in `Power`.

    Returns:
        A heuristic. The functions `alcore.bald` and `alcore.power` document formula, shapes, units and cost.

    Raises:
        TypeError: `beta` is not a number.
        ValueError: `beta` is negative or not finite.

    >>> import alcore
    >>> alcore.PowerBALD() == alcore.Power(alcore.BALD())
    True
    """
    return Power(BALD(), beta)


def SoftmaxBALD(beta: float = 1.0) -> Softmax:  # noqa: N802
    """``Softmax(BALD(), beta)``: rows drawn in proportion to exp(β·BALD).

    Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        beta: coldness β ≥ 0, as in `Softmax`.

    Returns:
        A heuristic. The functions `alcore.bald` and `alcore.softmax` document formula, shapes, units and cost.

    Raises:
        TypeError: `beta` is not a number.
        ValueError: `beta` is negative or not finite.

    >>> import alcore
    >>> alcore.SoftmaxBALD(8).beta
    8
    """
    return Softmax(BALD(), beta)


def SoftRankBALD(beta: float = 1.0) -> SoftRank:  # noqa: N802
    """``SoftRank(BALD(), beta)``: rows drawn in proportion to rank^−β, where the largest BALD has rank 1.

    Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        beta: coldness β ≥ 0, as in `SoftRank`.

    Returns:
        A heuristic. The functions `alcore.bald` and `alcore.softrank` document formula, shapes, units and cost.

    Raises:
        TypeError: `beta` is not a number.
        ValueError: `beta` is negative or not finite.

    >>> import alcore
    >>> alcore.SoftRankBALD().name
    'softrank-bald'
    """
    return SoftRank(BALD(), beta)
