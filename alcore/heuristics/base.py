"""What a heuristic is, and the algebra of row-wise ones: every class is abstract or final."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn, Unpack, final

import numpy as np

from alcore import door
from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.door import Float64s, MaskedReadingOptions, Reading, ReadingOptions, Rng, shows_options
from alcore.sources.blocks import Block, score_blocks


class Heuristic(ABC):
    """What to label next: higher score = ask first. One of your own defines ``name``, ``score`` and ``select``."""

    @property
    @abstractmethod
    def name(self) -> str:
        """The name the command line and reports use."""

    @shows_options(MaskedReadingOptions)
    def score(self, predictions: Any, *, rng: Rng = None, **options: Unpack[MaskedReadingOptions]) -> Float64s:
        """Scores of predictions (N, C, ..., T) from any source: (N, ...), or (N,) where event axes are reduced.

        Args:
            rng: None, a seed or a numpy.random.Generator, of `Random`.
            kind, weights: as `alcore.entropy`.
            mask: (N, ...) bool, True where a cell is padding (needs `Reduce`).
        """
        return self._score(predictions, Reading.of(options), rng)

    @shows_options(MaskedReadingOptions)
    def select(self, predictions: Any, k: int, *, rng: Rng = None, **options: Unpack[MaskedReadingOptions]) -> Batch:
        """The k rows to label; rng is None, a seed or a numpy.random.Generator, other arguments as `score`."""
        return self._choose(predictions, door.as_count(k), door.as_rng(rng), Reading.of(options))

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        """`score` behind its options."""
        raise TypeError(f"{self.name}: has no score of a row on its own. Call select(predictions, k).")

    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        """`select` behind its options."""
        raise TypeError(f"{self.name}: its class defines no select(predictions, k, *, rng=None, **options).")


class Joint(Heuristic, ABC):
    """A heuristic whose batch is chosen jointly: what a pick is worth depends on other rows, so no row has its own score."""

    @final
    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        if reading.mask is not None:
            raise ValueError(f"mask: {self.name} compares rows without event axes (N, C, T): leave mask out.")
        return self._choose_jointly(predictions, k, rng, {"kind": reading.kind, "weights": reading.weights})

    @abstractmethod
    def _choose_jointly(self, predictions: Any, k: int, rng: np.random.Generator, options: ReadingOptions) -> Batch:
        """The batch of its function."""

    @final
    def __mul__(self, factor: object) -> NoReturn:
        door.refuse_joint(self.name)

    __rmul__ = __mul__

    @final
    def __add__(self, other: object) -> NoReturn:
        door.refuse_joint(self.name)

    __radd__ = __add__


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

    @property
    @abstractmethod
    def cost(self) -> int:
        """How many times the work of a row-wise measure a row takes; blocks are that many times smaller."""

    @abstractmethod
    def prepare(self, reading: Reading) -> RowWise:
        """What scores the blocks of one pass: itself, or a form of it with what can be computed beforehand."""

    @abstractmethod
    def score_block(self, block: Block) -> Float64s:
        """Scores (n, ...) of a block."""

    @final
    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        return select.top(self._score(predictions, reading, rng), k)

    @final
    def __mul__(self, factor: float) -> Sum:
        return Sum(tuple((door.as_factor(factor) * own, term) for own, term in as_terms(self)))

    __rmul__ = __mul__

    @final
    def __add__(self, other: object) -> Sum:
        return Sum((*as_terms(self), *as_terms(other)))

    @final
    def __radd__(self, other: object) -> Sum:
        return Sum(as_terms(self)) if other == 0 else Sum((*as_terms(other), *as_terms(self)))  # sum() starts from 0


class Streamed(RowWise, ABC):
    """A row-wise heuristic that reads the predictions, once, block by block: of any number of rows, without padding by default."""

    @property
    def rows(self) -> int | None:
        return None

    @property
    def honours_mask(self) -> bool:
        return False

    @final
    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        if reading.mask is not None and not self.honours_mask:
            raise ValueError(f"mask: {self.name} scores cells one by one. Reduce them: Reduce({self!r}, 'mean').")
        prepared = self.prepare(reading)
        scores = score_blocks(predictions, prepared.score_block, reading, cost=prepared.cost)
        if self.rows not in (None, len(scores)):
            door.refuse_unequal_rows("probs", self.rows or 0, len(scores), "the precomputed scores")
        return scores


@final
@dataclass(frozen=True)
class Sum(Streamed):
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
            as_terms(term)
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

    @property
    def cost(self) -> int:
        return max(term.cost for _, term in self.terms)

    def prepare(self, reading: Reading) -> Sum:
        return Sum(tuple((factor, term.prepare(reading)) for factor, term in self.terms))

    def score_block(self, block: Block) -> Float64s:
        total: Float64s | None = None
        for factor, term in self.terms:
            scores = term.score_block(block)
            infinite = np.isinf(scores)
            if block.mask is not None and block.mask.shape == infinite.shape:
                infinite &= ~block.mask
            if infinite.any():
                row, *event = map(int, np.argwhere(infinite)[0])
                door.refuse_infinite(term.name, (block.start + row, *event))
            if total is not None and total.shape != scores.shape:
                raise ValueError(
                    f"{self.name}: terms of shapes {total.shape} and {scores.shape} do not add up. Reduce each, or the sum."
                )
            total = factor * scores if total is None else total + factor * scores
        assert total is not None
        return total


def as_terms(heuristic: object) -> tuple[tuple[float, RowWise], ...]:
    """The terms of a sum; a refusal for what has no score of each row."""
    if isinstance(heuristic, Sum):
        return heuristic.terms
    if isinstance(heuristic, RowWise):
        return ((1.0, heuristic),)
    if isinstance(heuristic, Joint):
        door.refuse_joint(heuristic.name)
    raise TypeError(
        "heuristic: expected a row-wise heuristic such as BALD(), whose score of a row depends on that row alone, got "
        f"{door.shown(heuristic)}; only those add up, reduce and are drawn from. Wrap last: Power(0.7 * BALD() + 0.3 * Entropy())."
    )
