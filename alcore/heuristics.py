"""Heuristics as frozen objects: score predictions, select a batch, combine.

``RowWise`` heuristics give each row a score of its own and combine: weighted sums, reductions over event axes, and the
stochastic selections that wrap them. Every class is abstract or final; a wrapper holds what it wraps.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, TypeAlias, final

import numpy as np
import numpy.typing as npt

from alcore import door, measures, select
from alcore.batch import Batch
from alcore.door import Float64s, Rng
from alcore.reductions import How, check_how, reduce_cells
from alcore.stream import Block, CellMeasure, count_rows, score_blocks

Weights: TypeAlias = npt.ArrayLike | None
Mask: TypeAlias = npt.ArrayLike | None


class Heuristic(ABC):
    """What to label next: higher score = ask first."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name the command line and reports use."""

    @abstractmethod
    def score(self, predictions: Any, *, kind: str = "probs", weights: Weights = None, mask: Mask = None) -> Float64s:
        """Scores of predictions (N, C, ..., T) from any source: (N, ...), or (N,) where event axes are reduced.

        Args: kind and weights as `alcore.entropy`; mask (N, ...) bool, True where a cell is padding (needs `Reduce`).
        """

    @abstractmethod
    def select(
        self,
        predictions: Any,
        k: int,
        *,
        rng: Rng = None,
        kind: str = "probs",
        weights: Weights = None,
        mask: Mask = None,
    ) -> Batch:
        """The k rows to label; rng is None, a seed or a numpy.random.Generator, other arguments as `score`."""


class RowWise(Heuristic, ABC):
    """A heuristic whose score of a row depends on that row alone: it streams, and it combines.

    ``0.7 * BALD() + 0.3 * Entropy()`` is a row-wise heuristic too.
    """

    @property
    @abstractmethod
    def rows(self) -> int | None:
        """How many rows it was made for; None for any number."""

    @property
    @abstractmethod
    def honours_mask(self) -> bool:
        """Whether padding is left out of its scores."""

    @abstractmethod
    def score_block(self, block: Block) -> Float64s:
        """Scores (n, ...) of a block."""

    @final
    def select(
        self,
        predictions: Any,
        k: int,
        *,
        rng: Rng = None,
        kind: str = "probs",
        weights: Weights = None,
        mask: Mask = None,
    ) -> Batch:
        count = door.as_count(k)
        door.as_rng(rng)
        return select.top(self.score(predictions, kind=kind, weights=weights, mask=mask), count)

    @final
    def __mul__(self, factor: float) -> Sum:
        return Sum(tuple((door.as_factor(factor) * own, term) for own, term in _terms(self)))

    __rmul__ = __mul__

    @final
    def __add__(self, other: object) -> Sum:
        return Sum((*_terms(self), *_terms(other)))

    @final
    def __radd__(self, other: object) -> Sum:
        return Sum(_terms(self)) if other == 0 else Sum((*_terms(other), *_terms(self)))  # sum() starts from 0


class _Streamed(RowWise, ABC):
    """A row-wise heuristic that reads the predictions, once, block by block."""

    @final
    def score(self, predictions: Any, *, kind: str = "probs", weights: Weights = None, mask: Mask = None) -> Float64s:
        if mask is not None and not self.honours_mask:
            raise ValueError(f"mask: {self.name} scores cells one by one. Reduce them: Reduce({self!r}, 'mean').")
        scores = score_blocks(predictions, self.score_block, kind=kind, weights=weights, mask=mask)
        if self.rows not in (None, len(scores)):
            door.refuse_unequal_rows("probs", self.rows or 0, len(scores), "the precomputed scores")
        return scores


# --- measures ---------------------------------------------------------------------------------------------------------


class _Measured(_Streamed, ABC):
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
    def rows(self) -> None:
        return None

    @final
    @property
    def honours_mask(self) -> bool:
        return False

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


# --- row-wise heuristics made of others -------------------------------------------------------------------------------


@final
@dataclass(frozen=True, eq=False)
class Precomputed(RowWise):
    """Scores (N,) made elsewhere, higher = ask first. Predictions may be None, or must have as many rows.

    >>> import alcore
    >>> alcore.Precomputed([0.2, 0.9, 0.4]).select(None, k=2).indices.tolist()
    [1, 2]
    """

    scores: npt.ArrayLike

    def __post_init__(self) -> None:
        scores = door.as_scores(self.scores)
        scores.flags.writeable = False
        object.__setattr__(self, "scores", scores)

    @property
    def name(self) -> str:
        return "precomputed"

    @property
    def rows(self) -> int:
        return len(np.asarray(self.scores))

    @property
    def honours_mask(self) -> bool:
        return True

    def __repr__(self) -> str:
        return f"Precomputed({self.rows} scores)"

    def score(self, predictions: Any, *, kind: str = "probs", weights: Weights = None, mask: Mask = None) -> Float64s:
        if predictions is not None and (rows := count_rows(predictions)) != self.rows:
            door.refuse_unequal_rows("scores", rows, self.rows, "the array of predictions")
        return np.array(self.scores, np.float64)

    def score_block(self, block: Block) -> Float64s:
        part = np.asarray(self.scores, np.float64)[block.start : block.start + len(block)]
        if len(part) < len(block):
            door.refuse_unequal_rows(
                "scores", block.start + len(block), self.rows, "the array of predictions (at least)"
            )
        return part


@final
@dataclass(frozen=True)
class Sum(_Streamed):
    """A weighted sum of row-wise heuristics, written ``0.7 * BALD() + 0.3 * Entropy()``; infinite scores are refused.

    Args:
        terms: pairs (factor, heuristic).

    >>> import alcore
    >>> (0.7 * alcore.BALD() + 0.3 * alcore.Entropy()).name
    '0.7*bald + 0.3*entropy'
    """

    terms: tuple[tuple[float, RowWise], ...]

    def __post_init__(self) -> None:
        if not self.terms:
            raise ValueError("terms: expected at least one (factor, heuristic), got none.")
        for factor, term in self.terms:
            door.as_factor(factor)
            _terms(term)
        rows = {term.rows for _, term in self.terms} - {None}
        if len(rows) > 1:
            raise ValueError(f"terms: expected precomputed scores of one length, got {sorted(map(str, rows))}.")

    @property
    def name(self) -> str:
        return " + ".join(f"{factor:g}*{term.name}" for factor, term in self.terms)

    @property
    def rows(self) -> int | None:
        return next((term.rows for _, term in self.terms if term.rows is not None), None)

    @property
    def honours_mask(self) -> bool:
        return all(term.honours_mask for _, term in self.terms)

    def score_block(self, block: Block) -> Float64s:
        total: Float64s | None = None
        for factor, term in self.terms:
            scores = term.score_block(block)
            door.check_finite(scores, term.name)
            if total is not None and total.shape != scores.shape:
                raise ValueError(
                    f"{self.name}: terms of shapes {total.shape} and {scores.shape} do not add up. Reduce each, or the sum."
                )
            total = factor * scores if total is None else total + factor * scores
        assert total is not None
        return total


@final
@dataclass(frozen=True)
class Reduce(_Streamed):
    """A row-wise heuristic with its event axes reduced: one score a row from its pixels or tokens, padding left out.

    Args:
        heuristic: a row-wise heuristic.
        how: "mean", "sum", "max", "top-mean", or a function of one row's scores (cells,) -> float.
        q: the share of cells that "top-mean" averages.

    >>> import alcore, numpy
    >>> maps = numpy.full((2, 3, 4, 4, 5), 1 / 3)  # N, C, height, width, T
    >>> alcore.Reduce(alcore.Entropy(), "mean").score(maps).round(6)
    array([1.098612, 1.098612])
    """

    heuristic: RowWise
    how: How = "mean"
    q: float = 0.1

    def __post_init__(self) -> None:
        _terms(self.heuristic)
        check_how(self.how, self.q)

    @property
    def name(self) -> str:
        how = self.how if isinstance(self.how, str) else getattr(self.how, "__name__", "function")
        return f"{how}({self.heuristic.name})"

    @property
    def rows(self) -> int | None:
        return self.heuristic.rows

    @property
    def honours_mask(self) -> bool:
        return True

    def score_block(self, block: Block) -> Float64s:
        return reduce_cells(self.heuristic.score_block(block), self.how, self.q, block.mask, block.start)


def _terms(heuristic: object) -> tuple[tuple[float, RowWise], ...]:
    """The terms of a sum; a refusal for what has no score of each row."""
    if isinstance(heuristic, Sum):
        return heuristic.terms
    if isinstance(heuristic, RowWise):
        return ((1.0, heuristic),)
    raise TypeError(
        f"{heuristic!r}: expected a row-wise heuristic such as BALD(), whose score of a row depends on that row alone; "
        "only those add up, reduce and are drawn from. Wrap last: Power(0.7 * BALD() + 0.3 * Entropy())."
    )


# --- heuristics that choose at random ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Drawn(Heuristic, ABC):
    """A row-wise heuristic whose batch is drawn in proportion to a function of its scores."""

    heuristic: RowWise
    beta: float = 1.0
    _prefix: ClassVar[str]

    def __post_init__(self) -> None:
        _terms(self.heuristic)
        door.as_beta(self.beta)

    @abstractmethod
    def _draw(self, scores: Float64s, k: int, rng: Rng) -> Batch: ...

    @final
    @property
    def name(self) -> str:
        return f"{self._prefix}-{self.heuristic.name}"

    @final
    def score(self, predictions: Any, *, kind: str = "probs", weights: Weights = None, mask: Mask = None) -> Float64s:
        return self.heuristic.score(predictions, kind=kind, weights=weights, mask=mask)

    @final
    def select(
        self,
        predictions: Any,
        k: int,
        *,
        rng: Rng = None,
        kind: str = "probs",
        weights: Weights = None,
        mask: Mask = None,
    ) -> Batch:
        count, generator = door.as_count(k), door.as_rng(rng)
        return self._draw(self.score(predictions, kind=kind, weights=weights, mask=mask), count, generator)


@final
@dataclass(frozen=True)
class Power(_Drawn):
    """Draw in proportion to score^β: see `alcore.power`.

    >>> import alcore, numpy
    >>> probs = numpy.array([[[0.5, 0.5], [0.5, 0.5]], [[0.9, 0.1], [0.1, 0.9]]])
    >>> alcore.Power(alcore.BALD(), beta=2).select(probs, k=1, rng=0).indices.tolist()
    [1]
    """

    _prefix = "power"

    def _draw(self, scores: Float64s, k: int, rng: Rng) -> Batch:
        return select.power(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class Softmax(_Drawn):
    """Draw in proportion to exp(β·score): see `alcore.softmax`."""

    _prefix = "softmax"

    def _draw(self, scores: Float64s, k: int, rng: Rng) -> Batch:
        return select.softmax(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class SoftRank(_Drawn):
    """Draw in proportion to rank^−β: see `alcore.softrank`."""

    _prefix = "softrank"

    def _draw(self, scores: Float64s, k: int, rng: Rng) -> Batch:
        return select.softrank(scores, k, beta=self.beta, rng=rng)


@final
@dataclass(frozen=True)
class Random(Heuristic):
    """Every row alike: k rows drawn uniformly without replacement, the baseline of every comparison.

    >>> import alcore, numpy
    >>> batch = alcore.Random().select(numpy.full((4, 2, 1), 0.5), k=2, rng=0)
    >>> batch.q.round(6).tolist(), batch.support.tolist()
    ([0.25, 0.333333], [4, 3])
    """

    @property
    def name(self) -> str:
        return "random"

    def score(
        self, predictions: Any, *, kind: str = "probs", weights: Weights = None, mask: Mask = None, rng: Rng = None
    ) -> Float64s:
        """Uniform random numbers in [0, 1), one a row, fresh at each call unless ``rng`` is given."""
        return door.as_rng(rng).random(count_rows(predictions))

    def select(
        self,
        predictions: Any,
        k: int,
        *,
        rng: Rng = None,
        kind: str = "probs",
        weights: Weights = None,
        mask: Mask = None,
    ) -> Batch:
        return select.softmax(np.zeros(count_rows(predictions)), k, beta=0.0, rng=rng)


def PowerBALD(beta: float = 1.0) -> Power:  # noqa: N802 - the paper's name of the composition
    """``Power(BALD(), beta)``: the stochastic batch of arXiv:2106.12059.

    >>> import alcore
    >>> alcore.PowerBALD() == alcore.Power(alcore.BALD())
    True
    """
    return Power(BALD(), beta)


def SoftmaxBALD(beta: float = 1.0) -> Softmax:  # noqa: N802
    """``Softmax(BALD(), beta)`` of arXiv:2106.12059.

    >>> import alcore
    >>> alcore.SoftmaxBALD(8).beta
    8
    """
    return Softmax(BALD(), beta)


def SoftRankBALD(beta: float = 1.0) -> SoftRank:  # noqa: N802
    """``SoftRank(BALD(), beta)`` of arXiv:2106.12059.

    >>> import alcore
    >>> alcore.SoftRankBALD().name
    'softrank-bald'
    """
    return SoftRank(BALD(), beta)


# --- names ------------------------------------------------------------------------------------------------------------

_PLAIN: dict[str, Callable[..., Heuristic]] = {
    "bald": BALD,
    "entropy": Entropy,
    "expected-entropy": ExpectedEntropy,
    "margin": Margin,
    "least-confidence": LeastConfidence,
    "variation-ratio": VariationRatio,
    "mean-std": MeanStd,
    "pairwise-kl": PairwiseKL,
    "vote-entropy": VoteEntropy,
    "random": Random,
    "precomputed": Precomputed,
}
_WRAPPERS: dict[str, Callable[..., Heuristic]] = {"power": Power, "softmax": Softmax, "softrank": SoftRank}


def heuristic(name: str, *, reduce: How | None = None, q: float = 0.1, **options: float | npt.ArrayLike) -> Heuristic:
    """The heuristic of that name, as the command line spells it: lower case with hyphens.

    Args:
        name: "bald", "entropy", …, or a row-wise one behind "power-", "softmax-" or "softrank-", such as "power-bald".
        reduce, q: how event axes become one score a row, as in `Reduce`, before anything is drawn; "random" needs none.
        options: what its class takes: ``beta`` for the stochastic ones, ``floor`` for "pairwise-kl", ``scores`` for
            "precomputed".

    Raises: ValueError for an unknown name, TypeError for an option it does not take.

    >>> import alcore
    >>> alcore.heuristic("power-bald", beta=4)
    Power(heuristic=BALD(), beta=4)
    >>> alcore.heuristic("entropy", reduce="mean").name
    'mean(entropy)'
    """
    prefix, _, rest = str(name).partition("-")
    wrap, plain = (_WRAPPERS[prefix], rest) if prefix in _WRAPPERS else (None, str(name))
    if plain not in _PLAIN or (wrap and plain == "random"):
        raise ValueError(
            f"heuristic: expected one of {', '.join(_PLAIN)}, or a row-wise one behind "
            f"{', '.join(f'{prefix}-' for prefix in _WRAPPERS)}, got {name!r}."
        )
    drawn = {"beta": options.pop("beta")} if wrap and "beta" in options else {}
    try:
        found = _PLAIN[plain](**options)
    except TypeError as error:
        if not options or plain in ("pairwise-kl", "precomputed"):
            raise
        raise TypeError(f"heuristic: {name!r} does not take {', '.join(options)}.") from error
    if reduce is not None and isinstance(found, RowWise):
        found = Reduce(found, reduce, q)
    return wrap(found, **drawn) if wrap else found
