"""Labels of a pool, drawn or expected: what both kinds share. HSIC tells how much labels of rows depend on each other."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Sequence
from functools import reduce
from typing import Any, Protocol, Self, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Bools, Float64s
from alcore.sources.blocks import Block

Rows: TypeAlias = npt.NDArray[np.int64]

ALPHAS = (0.2, 0.5, 1.0, 2.0, 5.0)  # of the authors' mixture of rational quadratic kernels
# 1 - kappa: one-hot labels are equal, kernel 1, or at squared distance 2, so a kernel is kappa and this where they are equal.
SPREAD = 1.0 - sum((1.0 + 1.0 / alpha) ** -alpha for alpha in ALPHAS) / len(ALPHAS)


class Found(Protocol):
    """What is kept of some rows."""

    def merged(self, later: Self) -> Self:
        """The same of these rows and of rows after them."""


Kept = TypeVar("Kept", bound=Found)
Keep: TypeAlias = Callable[[int, Float64s, Bools], Kept]  # of rows from a first one: HSIC (sets, n), which are no picks


class Pool(ABC):
    """Rows whose labels can be compared."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """N."""

    @abstractmethod
    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[Any, Float64s]:
        """What `scan` needs of the sets, and (sets, B): HSIC of each row of a batch with each set."""

    @abstractmethod
    def scan(self, measure: Any, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        """What is kept of all rows. ``keep`` gets HSIC of some rows with each set, and which of them are not in the batch."""


def all_of(parts: Iterable[Kept]) -> Kept:
    return reduce(lambda found, later: found.merged(later), parts)


def not_in_batch(start: int, rows: int, batch_b: Rows) -> Bools:
    """Which of so many rows are not in a batch."""
    left_n = np.ones(rows, np.bool_)
    left_n[batch_b[(batch_b >= start) & (batch_b < start + rows)] - start] = False
    return left_n


def inside(rows_m: Rows, start: int, stop: int) -> slice:
    """Where rows ``start`` to ``stop`` are among some rows, ascending."""
    first, last = np.searchsorted(rows_m, [start, stop])
    return slice(int(first), int(last))


def resample(weights: Float64s | None, draws: int, uniform: float) -> Rows:
    """As many draws of equal weight. Each appears as often as its weight requires, rounded up or down."""
    if weights is None:
        return np.arange(draws)
    places = (uniform + np.arange(draws)) / draws
    last = int(np.flatnonzero(weights)[-1])  # the weights' sum may round to less than the last place
    return np.minimum(np.searchsorted(np.cumsum(weights), places, side="right"), last)


def fill_rows(block: Block, fill: Callable[..., None], shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """What ``fill(cells, first, tolerance, out, valid)`` writes into ``out`` (R, *shape) for the rows from ``first`` on."""
    rows = np.empty((len(block), *shape), dtype)
    done = 0

    def measure(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        nonlocal done
        fill(cells, block.start + done, tolerance, rows[done : done + len(cells)], valid)
        done += len(cells)

    block.score_outcomes(measure)
    return rows
