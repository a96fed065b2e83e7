"""The row-wise measures as objects."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, final

from alcore import door
from alcore.door import Float64s, Reading
from alcore.heuristics.base import Streamed
from alcore.scores import gaussian, measures
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
        return measures.score_block(block, self._measure())


@final
@dataclass(frozen=True)
class Entropy(_Measured):
    """Predictive entropy −Σ_c p̄_c log p̄_c as an object: the total uncertainty, nats, 0 … log C.

    The function `alcore.entropy` documents shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.Entropy().score(numpy.array([[[0.5], [0.5]], [[1.0], [0.0]]])).round(6).tolist()
    [0.693147, 0.0]
    """

    _name = "entropy"

    def _measure(self) -> CellMeasure:
        return measures._entropy


@final
@dataclass(frozen=True)
class ExpectedEntropy(_Measured):
    """Expected entropy Σ_t w_t H[p_t] as an object: the aleatoric uncertainty, nats, 0 … log C.

    The function `alcore.expected_entropy` documents shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.ExpectedEntropy().score(numpy.array([[[0.5, 0.5], [0.5, 0.5]], [[1.0, 0.0], [0.0, 1.0]]])).round(6).tolist()
    [0.693147, 0.0]
    """

    _name = "expected-entropy"

    def _measure(self) -> CellMeasure:
        return measures._expected_entropy


@final
@dataclass(frozen=True)
class BALD(_Measured):
    """BALD, the mutual information H[p̄] − Σ_t w_t H[p_t] of label and model, as an object: nats, 0 … min(log C, log T).

    The function `alcore.bald` documents shapes, cost, errors and the papers.

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
    """Margin 1 − (p̄₍₁₎ − p̄₍₂₎) between the two most probable classes, as an object: 0 … 1, no unit, higher = closer.

    The function `alcore.margin` documents shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.Margin().score(numpy.array([[[0.5], [0.5]], [[1.0], [0.0]]])).tolist()
    [1.0, 0.0]
    """

    _name = "margin"

    def _measure(self) -> CellMeasure:
        return measures._margin


@final
@dataclass(frozen=True)
class LeastConfidence(_Measured):
    """Least confidence 1 − max_c p̄_c as an object: 0 … 1 − 1/C, no unit.

    The function `alcore.least_confidence` documents shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.LeastConfidence().score(numpy.array([[[0.5], [0.5]], [[1.0], [0.0]]])).tolist()
    [0.5, 0.0]
    """

    _name = "least-confidence"

    def _measure(self) -> CellMeasure:
        return measures._least_confidence


@final
@dataclass(frozen=True)
class VariationRatio(_Measured):
    """Variation ratio as an object, the weight of the draws that do not vote for the modal class: 0 … 1 − 1/min(C, T), no unit.

    The function `alcore.variation_ratio` documents the formula, shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.VariationRatio().score(numpy.array([[[0.9, 0.2], [0.1, 0.8]]])).tolist()
    [0.5]
    """

    _name = "variation-ratio"

    def _measure(self) -> CellMeasure:
        return measures._variation_ratio


@final
@dataclass(frozen=True)
class MeanStd(_Measured):
    """Mean standard deviation (1/C) Σ_c sqrt(Σ_t w_t (p_tc − p̄_c)²) over draws as an object: 0 … 1/2, no unit.

    The function `alcore.mean_std` documents shapes, cost, errors and the papers.

    >>> import alcore, numpy
    >>> alcore.MeanStd().score(numpy.array([[[1.0, 0.0], [0.0, 1.0]]])).tolist()
    [0.5]
    """

    _name = "mean-std"

    def _measure(self) -> CellMeasure:
        return measures._mean_std


@final
@dataclass(frozen=True)
class PairwiseKL(_Measured):
    """Expected pairwise divergence Σ_t Σ_u w_t w_u KL(p_t ‖ p_u) of the draws as an object: nats, at least BALD.

    The function `alcore.pairwise_kl` documents shapes, cost, errors and the paper.

    Args:
        floor: the smallest probability used, 0 or above and under 1. With 0 a score can be +∞. Sums and stochastic selections
            refuse infinite scores.

    >>> import alcore, numpy
    >>> alcore.PairwiseKL(floor=1e-3).score(numpy.array([[[1.0, 0.0], [0.0, 1.0]]])).round(6).tolist()
    [3.450424]
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
    """Entropy of the draws' votes as an object, −Σ_c v_c log v_c: nats, 0 … min(log C, log T).

    The function `alcore.vote_entropy` documents shapes, cost, errors and the paper.

    >>> import alcore, numpy
    >>> alcore.VoteEntropy().score(numpy.array([[[0.9, 0.2], [0.1, 0.8]]])).round(6).tolist()
    [0.693147]
    """

    _name = "vote-entropy"

    def _measure(self) -> CellMeasure:
        return measures._vote_entropy


@final
@dataclass(frozen=True)
class Variance(Streamed):
    """The variance of means (N, D, ..., T) as an object, for kind="mean": the square of the unit of the means, at least 0.

    The function `alcore.variance` documents the formulas, shapes, cost, errors and the paper.

    Args:
        part: "total", "epistemic" or "aleatoric".

    >>> import alcore, numpy
    >>> means = numpy.array([[1.0, 3.0], [2.0, 2.0]])  # two rows, two draws
    >>> alcore.Variance("epistemic").select(means, k=1, kind="mean").indices.tolist()
    [0]
    """

    part: str = "total"

    def __post_init__(self) -> None:
        door.as_part(self.part)

    @property
    def name(self) -> str:
        return "variance" if self.part == "total" else f"{self.part}-variance"

    @property
    def cost(self) -> int:
        return 1

    def prepare(self, reading: Reading) -> Variance:
        if reading.kind != "mean":
            door.refuse_kind_of_variance(reading.kind)
        return self

    def score_block(self, block: Block) -> Float64s:
        return gaussian.score(block, gaussian.OF_PARTS[self.part], "variance")
