"""What a heuristic is, and how row-wise heuristics add up. Every class is abstract or final."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, NoReturn, Unpack, final

import numpy as np

from alcore import door
from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.door import Float64s, MaskedReadingOptions, Reading, ReadingOptions, Rng, shows_options
from alcore.sources.best_scores import BestScores, best_scores
from alcore.sources.blocks import Block, score_blocks
from alcore.sources.names import with_names
from alcore.sources.ragged import Ragged
from alcore.sources.sets import score_sets


class Heuristic(ABC):
    """What to label next: higher score = ask first. A heuristic of your own defines `name`, `score` and `select`.

    >>> import alcore, numpy
    >>> isinstance(alcore.BALD(), alcore.Heuristic)
    True
    >>> alcore.BALD().score(numpy.full((2, 3, 4), 1 / 3)).round(6).tolist()
    [0.0, 0.0]
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """The name of the heuristic on the command line and in reports."""

    @shows_options(MaskedReadingOptions)
    def score(self, predictions: Any, *, rng: Rng = None, **options: Unpack[MaskedReadingOptions]) -> Float64s:
        """Scores of predictions (N, C, ..., T) from any source: (N, ...), or (N,) where the heuristic reduces event axes.

        Args:
            predictions: (N, C, ..., T) probabilities or logits from any source, as in `alcore.entropy`.
            rng: None, a seed or a `numpy.random.Generator`. Only `Random` uses it.
            kind: as in `alcore.entropy`.
            axes: as in `alcore.entropy`.
            over_labels: as in `alcore.entropy`.
            weights: as in `alcore.entropy`.
            variance: as in `alcore.entropy`.
            output_weights: as in `alcore.entropy`.
            mask: (N, ...) bool, True where a cell is padding. `Reduce` and heuristics made of it take a mask, and so
                does `BatchBALD` with positions. With `ignore_index`: (N, ...) labels.
            ignore_index: the label of cells that do not count, such as 255 or -100. `mask` then holds labels, whole numbers. A
                cell with this label is padding.

        Returns:
            float64 in the heuristic's unit, higher = ask first. The range and the cost are those of the heuristic's function.

        Raises:
            TypeError: the heuristic has no score of a single row, or as `alcore.entropy`.
            ValueError: as `alcore.entropy`, and for a `mask` that the heuristic does not take.
        """
        reading = Reading.of(options)
        return with_names(self._score(predictions, reading, rng), *self._namer(predictions, reading))

    @shows_options(MaskedReadingOptions)
    def select(self, predictions: Any, k: int, *, rng: Rng = None, **options: Unpack[MaskedReadingOptions]) -> Batch:
        """The k rows to label, as a `Batch`.

        Args:
            predictions: as in `score`.
            k: query size. If k ≥ N, the batch has all N rows.
            rng: None, a seed or a `numpy.random.Generator`, for heuristics that draw.
            kind: as in `score`.
            axes: as in `score`.
            over_labels: as in `score`.
            weights: as in `score`.
            variance: as in `score`.
            output_weights: as in `score`.
            mask: as in `score`.
            ignore_index: as in `score`.

        Returns:
            A `Batch` in the order chosen.

        Raises:
            TypeError: as `alcore.entropy`, and for a `k` that is not a whole number.
            ValueError: as `score`, and for k < 0.
        """
        reading = Reading.of(options)
        batch = self._choose(predictions, door.as_count(k), door.as_rng(rng), reading)
        return with_names(batch, *self._namer(predictions, reading))

    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        """`score` behind its options."""
        raise TypeError(f"{self.name}: has no score of a row on its own. Call select(predictions, k).")

    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        """`select` behind its options."""
        raise TypeError(f"{self.name}: its class defines no select(predictions, k, *, rng=None, **options). Define it.")

    def _namer(self, predictions: Any, reading: Reading) -> tuple[Any, Reading]:
        """The predictions that name the rows of scores and batches, and how they are read."""
        return predictions, reading


class Joint(Heuristic, ABC):
    """A heuristic that chooses its batch jointly. What a pick is worth depends on other rows, so no row has its own score."""

    @final
    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        if reading.mask is not None and not self.honours_mask:
            door.refuse_mask_of_rows(self.name)
        return self._choose_jointly(predictions, k, rng, reading.options)

    @property
    def honours_mask(self) -> bool:
        """Whether it compares rows at positions on the event axes, without padding."""
        return False

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


class Scored(Heuristic, ABC):
    """A heuristic that scores every row by itself or against the pool, and whose batch is the rows of highest score."""

    @final
    def _choose(self, predictions: Any, k: int, rng: np.random.Generator, reading: Reading) -> Batch:
        return self._top(predictions, k, reading, rng)

    def _top(self, predictions: Any, k: int, reading: Reading, rng: Rng) -> Batch:
        """The rows of highest score."""
        return select.top(self._score(predictions, reading, rng), k)


class RowWise(Scored, ABC):
    """A heuristic whose score of a row depends on that row alone. So it reads streams, and you can combine it with others.

    ``0.7 * BALD() + 0.3 * Entropy()`` is a row-wise heuristic too.

    >>> import alcore
    >>> isinstance(alcore.BALD(), alcore.RowWise), isinstance(alcore.BatchBALD(), alcore.RowWise)
    (True, False)
    """

    @property
    @abstractmethod
    def rows(self) -> int | None:
        """The number of rows that it was made for. None for any number."""

    @property
    @abstractmethod
    def honours_mask(self) -> bool:
        """Whether it gives one score a row, without padding and from sets of different size."""

    @property
    @abstractmethod
    def cost(self) -> int:
        """How many times the work of a row-wise measure a row takes. Blocks are that many times smaller."""

    @abstractmethod
    def prepare(self, reading: Reading) -> RowWise:
        """The heuristic that scores the blocks of one pass: itself, or a form with everything computed that all blocks share."""

    @abstractmethod
    def score_block(self, block: Block) -> Float64s:
        """Scores (n, ...) of a block."""

    def _check_draws(self, predictions: Any, reading: Reading) -> None:
        """Refuse predictions whose draws have other names than those that the heuristic holds."""

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
    """A row-wise heuristic that reads the predictions once, block by block. It takes any number of rows and, by default, no
    padding.
    """

    @property
    def rows(self) -> int | None:
        return None

    @property
    def honours_mask(self) -> bool:
        return False

    @final
    def _score(self, predictions: Any, reading: Reading, rng: Rng) -> Float64s:
        return self._scores(predictions, reading, None).scores

    @final
    def _top(self, predictions: Any, k: int, reading: Reading, rng: Rng) -> Batch:
        found = self._scores(predictions, reading, k)
        batch = select.top(found.scores, k)
        return batch if found.rows is None else Batch.certain(found.rows[batch.indices], batch.scores)

    def _scores(self, predictions: Any, reading: Reading, most: int | None) -> BestScores:
        """All scores, or where workers score the blocks, at least those of so many best rows."""
        if reading.mask is not None and not self.honours_mask:
            raise ValueError(f"mask: {self.name} scores cells one by one. Reduce them: Reduce({self!r}, 'mean').")
        if self.honours_mask:
            door.check_mask_of(predictions, reading.mask)
        self._check_draws(predictions, reading)
        prepared = self.prepare(reading)
        if isinstance(predictions, Ragged) and self.honours_mask:
            found = BestScores.of_all(score_sets(predictions, prepared.score_block, reading, cost=prepared.cost))
        elif most is None:
            found = BestScores.of_all(score_blocks(predictions, prepared.score_block, reading, cost=prepared.cost))
        else:
            found = best_scores(predictions, prepared.score_block, reading, most, prepared.cost)
        if self.rows not in (None, found.count):
            door.refuse_unequal_rows("probs", self.rows or 0, found.count, "the precomputed scores")
        return found


@final
@dataclass(frozen=True)
class Sum(Streamed):
    """A weighted sum of row-wise heuristics, which you write as ``0.7 * BALD() + 0.3 * Entropy()``. It refuses infinite scores.

    The unit is that of the terms. The cost is the sum of their costs, with one read of the predictions.

    Args:
        terms: (factor, heuristic) pairs, at least one. The factors are finite numbers.

    Raises:
        TypeError: a term is not a row-wise heuristic, or a factor is not a number.
        ValueError: there is no term, a factor is not finite, or precomputed scores have different lengths.

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

    def _check_draws(self, predictions: Any, reading: Reading) -> None:
        for _, term in self.terms:
            term._check_draws(predictions, reading)

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
                start = block.start if block.sets is None or not term.honours_mask else block.sets.first
                door.refuse_infinite(term.name, (start + row, *event))
            if total is not None and total.shape != scores.shape:
                raise ValueError(
                    f"{self.name}: terms of shapes {total.shape} and {scores.shape} do not add up. Reduce each "
                    "term first: 0.5 * Reduce(BALD(), 'mean')."
                )
            total = factor * scores if total is None else total + factor * scores
        assert total is not None
        return total


def as_terms(heuristic: object) -> tuple[tuple[float, RowWise], ...]:
    """The terms of a sum. Refuses a heuristic that has no score of each row."""
    if isinstance(heuristic, Sum):
        return heuristic.terms
    if isinstance(heuristic, RowWise):
        return ((1.0, heuristic),)
    if isinstance(heuristic, Joint):
        door.refuse_joint(heuristic.name)
    raise TypeError(
        f"heuristic: expected a row-wise heuristic such as BALD(), got {door.shown(heuristic)}. Only heuristics whose score of a "
        "row depends on that row alone add up, reduce and are drawn from. Apply Power, Softmax or SoftRank last: "
        "Power(0.7 * BALD() + 0.3 * Entropy())."
    )
