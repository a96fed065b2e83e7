"""A row-wise heuristic that reduces its event axes to one score a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from alcore.door import Float64s, Reading
from alcore.heuristics.base import RowWise, Streamed, as_terms
from alcore.scores.reductions import How, check_how, reduce_cells
from alcore.sources.blocks import Block


@final
@dataclass(frozen=True)
class Reduce(Streamed):
    """A row-wise heuristic that reduces event axes: one score a row from its pixels or tokens, without the padding.

    The function `alcore.reduce` documents cost and errors. The unit and the range of a mean or a maximum are those of the
    heuristic.

    Args:
        heuristic: a row-wise heuristic.
        how: "mean", "sum", "max", "top-mean", or a function of one row's scores, (cells,) -> float.
        q: the share of cells that "top-mean" averages, above 0 and at most 1.

    >>> import alcore, numpy
    >>> maps = numpy.full((2, 3, 4, 4, 5), 1 / 3)  # N, C, height, width, T
    >>> alcore.Reduce(alcore.Entropy(), "mean").score(maps).round(6)
    array([1.098612, 1.098612])
    """

    heuristic: RowWise
    how: How = "mean"
    q: float = 0.1

    def __post_init__(self) -> None:
        as_terms(self.heuristic)
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

    @property
    def cost(self) -> int:
        return self.heuristic.cost

    def prepare(self, reading: Reading) -> Reduce:
        return Reduce(self.heuristic.prepare(reading), self.how, self.q)

    def score_block(self, block: Block) -> Float64s:
        return reduce_cells(self.heuristic.score_block(block), self.how, self.q, block.mask, block.start)
