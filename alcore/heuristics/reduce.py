"""A row-wise heuristic that reduces its event axes to one score a row."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, final

from alcore import door
from alcore.door import Float64s, Reading
from alcore.heuristics.base import RowWise, Streamed, as_terms
from alcore.scores.reductions import How, check_how, reduce_cells, reduce_sets
from alcore.sources.blocks import Block


@final
@dataclass(frozen=True)
class Reduce(Streamed):
    """A row-wise heuristic that reduces event axes, or sets of different size, to one score a row, without the padding.

    A row has pixels or tokens as event axes, or boxes or spans as a set of a `Ragged`.

    The function `alcore.reduce` documents cost and errors. The unit and the range of a mean or a maximum are those of the
    heuristic.

    Args:
        heuristic: a row-wise heuristic.
        how: "mean", "sum", "max", "top-mean", or a function of one row's scores, (cells,) -> float.
        q: the share of cells that "top-mean" averages, above 0 and at most 1.
        empty: the score of a row without cells, such as an image without boxes or a map that the mask hides whole. With the
            default None such a row is refused.

    >>> import alcore, numpy
    >>> maps = numpy.full((2, 3, 4, 4, 5), 1 / 3)  # N, C, height, width, T
    >>> alcore.Reduce(alcore.Entropy(), "mean").score(maps).round(6)
    array([1.098612, 1.098612])
    >>> labels = numpy.zeros((2, 4, 4), numpy.uint8)
    >>> labels[1] = 255  # nothing of the second map counts
    >>> alcore.Reduce(alcore.Entropy(), empty=0).score(maps, mask=labels, ignore_index=255).round(6)
    array([1.098612, 0.      ])
    """

    heuristic: RowWise
    how: How = "mean"
    q: float = 0.1
    empty: float | None = None

    def __post_init__(self) -> None:
        as_terms(self.heuristic)
        check_how(self.how, self.q, self.empty)

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

    @property
    def cost(self) -> int:
        return self.heuristic.cost

    def _check_draws(self, predictions: Any, reading: Reading) -> None:
        self.heuristic._check_draws(predictions, reading)

    def prepare(self, reading: Reading) -> Reduce:
        return replace(self, heuristic=self.heuristic.prepare(reading))

    def score_block(self, block: Block) -> Float64s:
        scores = self.heuristic.score_block(block)
        if block.sets is None:
            return reduce_cells(scores, self.how, self.q, block.mask, block.start, empty=self.empty)
        if len(scores) != len(block):
            door.refuse_precomputed_cells(self.name, len(block), len(scores))
        return reduce_sets(scores, block.sets.offsets, self.how, self.q, self.empty, block.sets.first)
