"""The row-wise measures as objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from alcore import door
from alcore.door import Float64s, Reading
from alcore.heuristics.base import Streamed
from alcore.scores import measures
from alcore.sources.blocks import Block, CellMeasure


class _Measured(Streamed, ABC):
    """A row-wise measure as an object."""

    _name: ClassVar[str]

    @abstractmethod
    def _measure(self) -> CellMeasure: ...

    @final
    @property
    def name(self) -> str:
        return self._name

    @final
    @property
    def cost(self) -> int:
        return 1

    @final
    def prepare(self, reading: Reading) -> _Measured:
        return self

    @final
    def score_block(self, block: Block) -> Float64s:
        return block.score(self._measure())


@final
@dataclass(frozen=True)
class Entropy(_Measured):
    """Predictive entropy as an object: see `alcore.entropy`."""

    _name = "entropy"

    def _measure(self) -> CellMeasure:
        return measures._entropy


@final
@dataclass(frozen=True)
class ExpectedEntropy(_Measured):
    """Expected entropy as an object: see `alcore.expected_entropy`."""

    _name = "expected-entropy"

    def _measure(self) -> CellMeasure:
        return measures._expected_entropy


@final
@dataclass(frozen=True)
class BALD(_Measured):
    """BALD, the mutual information of label and model, as an object: see `alcore.bald`.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.9, 0.9], [0.1, 0.1]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> alcore.BALD().select(probs, k=1).indices.tolist()
    [1]
    """

    _name = "bald"

    def _measure(self) -> CellMeasure:
        return measures._bald


@final
@dataclass(frozen=True)
class Margin(_Measured):
    """Margin, turned so that a closer call is higher, as an object: see `alcore.margin`."""

    _name = "margin"

    def _measure(self) -> CellMeasure:
        return measures._margin


@final
@dataclass(frozen=True)
class LeastConfidence(_Measured):
    """Least confidence as an object: see `alcore.least_confidence`."""

    _name = "least-confidence"

    def _measure(self) -> CellMeasure:
        return measures._least_confidence


@final
@dataclass(frozen=True)
class VariationRatio(_Measured):
    """Variation ratio of the draws' votes as an object: see `alcore.variation_ratio`."""

    _name = "variation-ratio"

    def _measure(self) -> CellMeasure:
        return measures._variation_ratio


@final
@dataclass(frozen=True)
class MeanStd(_Measured):
    """Mean standard deviation over draws as an object: see `alcore.mean_std`."""

    _name = "mean-std"

    def _measure(self) -> CellMeasure:
        return measures._mean_std


@final
@dataclass(frozen=True)
class PairwiseKL(_Measured):
    """Expected pairwise divergence of the draws as an object: see `alcore.pairwise_kl`.

    Args:
        floor: the smallest probability taken; with 0 a score can be +∞, which sums and stochastic selections refuse.
    """

    floor: float = 0.0
    _name = "pairwise-kl"

    def __post_init__(self) -> None:
        door.as_floor(self.floor)

    def _measure(self) -> CellMeasure:
        return measures._pairwise_kl(self.floor)


@final
@dataclass(frozen=True)
class VoteEntropy(_Measured):
    """Entropy of the draws' votes as an object: see `alcore.vote_entropy`."""

    _name = "vote-entropy"

    def _measure(self) -> CellMeasure:
        return measures._vote_entropy
