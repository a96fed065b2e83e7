"""More passes over a pool that can be read again: the rows whose bounds are too large for a pick are screened where they lie.

What a pass finds of a row is what the search of a pool in memory would find, and no more. So all later picks are the same, also
where sampled gains rise by their noise.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.search.candidates import ROUNDING, Candidates, Pool, cells_of
from alcore.door import Array, Bools, Float64s
from alcore.sources.best_rows import BestRows, largest_of
from alcore.sources.blocks import Block, map_blocks

Ints = npt.NDArray[np.int64]

TILE_BYTES = 2 << 20  # of rows that are screened together: what a worker holds beside its blocks

# Which rows of a block are bounded by enough, one bit each; their bounds; the picks that these account for; what need not be sent.
_Told: TypeAlias = tuple[npt.NDArray[np.uint8], Float64s, Ints, float]


class Screening(Protocol):
    """What finds bounds on the gains of rows, step by step. See `Objective.screens`."""

    def screens(self, cells: Array, bound: Float64s, picks_seen: Ints, least: float) -> list[Float64s]: ...


class Worth(Protocol):
    """What a pass needs of an `Objective`."""

    @property
    def noise(self) -> float: ...

    def for_workers(self) -> Screening: ...


class Rereading:
    """What is known of the gain of each row that is not among the candidates."""

    def __init__(self, pool: Pool) -> None:
        self._pool, self._bound = pool, pool.scores.copy()
        self._picks_seen = np.zeros(len(self._bound), np.int64)

    def read(self, objective: Worth, candidates: Candidates, picks: int, least: float) -> Candidates:
        """Screen every row that may gain ``least`` or more, and hold the best. The row of largest gain is among them."""
        self._put_back(candidates)
        pool, bound = self._pool, self._bound
        source = pool.open()
        buffer = pool.buffer(source, again=True)

        def tell(start: int, stop: int) -> _Told:
            if stop > len(bound):
                door.refuse_unequal_rows("probs", len(bound), stop, "the first reading")
            own, asked = bound[start:stop], _may_gain(bound[start:stop], least)
            seen = self._picks_seen[start:stop][asked].astype(np.min_scalar_type(picks))
            return np.packbits(asked), own[asked], seen, buffer.least

        together, most = pool.bounds_are_gains, buffer.capacity
        work = partial(_screen, screening=objective.for_workers(), least=least, together=together, most=most)
        only = None if source.spread is None else np.flatnonzero(_may_gain(bound, least))
        screened = list[_Screened]()
        for one, cells, known in map_blocks(source, work, pool.reading, tell=tell, only=only):
            buffer.offer(cells, known, one.best)
            screened.append(one)
        self._note(screened, least, objective.noise, picks)
        return self._hold(buffer)

    def _put_back(self, candidates: Candidates) -> None:
        candidates.share_with_copies()
        self._bound[candidates.index], self._picks_seen[candidates.index] = candidates.known()

    def _note(self, screened: list[_Screened], least: float, noise: float, picks: int) -> None:
        """Lower the bounds of rows as a search of all rows would have done, which stops at the largest gain."""
        parts = [one.start + np.flatnonzero(_may_gain(self._bound[one.start : one.stop], least)) for one in screened]
        gains = (found_by(one.steps, self._bound[rows], least) for one, rows in zip(screened, parts, strict=True))
        largest = max((float(known.max(initial=-np.inf)) for known in gains), default=-np.inf)
        stop = max(noise + ROUNDING, largest) - ROUNDING
        for one, rows in zip(screened, parts, strict=True):
            seen = self._bound[rows] > stop
            self._bound[rows] = found_by(one.steps, self._bound[rows], least, stop)
            self._picks_seen[rows[seen]] = picks

    def _hold(self, buffer: BestRows) -> Candidates:
        buffer.close()
        index = buffer.index
        others = self._bound.copy()
        others[index] = -np.inf
        dropped = float(others.max(initial=-np.inf))
        return Candidates(buffer.cells, index, self._bound[index], self._picks_seen[index], dropped)


def _may_gain(bound: Float64s, least: float) -> Bools:
    """Which rows may gain so much. Those of the batch, of bound -inf, may not."""
    return (bound >= least) & (bound > -np.inf)


@dataclass(frozen=True, eq=False)
class _Screened:
    """What a pass finds of a block: the steps of `Objective.screens`, and which rows it sends."""

    start: int
    stop: int
    steps: list[Float64s]
    best: Ints


def found_by(steps: list[Float64s], bound: Float64s, least: float, stop: float = -np.inf) -> Float64s:
    """The bounds of rows, all ``least`` or more, after those steps. What is found of a row that is bounded by ``stop`` is left out.

    A row that is found to have no more than ``stop`` is not looked at again.
    """
    known, own, rows = bound.copy(), bound.copy(), np.arange(len(bound))
    for found in steps:
        rows = rows[known[rows] >= least]
        known[rows] = np.minimum(known[rows], found)
        open_rows = rows[own[rows] > stop]
        own[open_rows] = known[open_rows]
    return own


def _screen(
    block: Block, told: _Told, *, screening: Screening, least: float, together: bool, most: int
) -> tuple[_Screened, Array, Float64s]:
    """Screen some rows of a block, and send those that seem best, with their cells and what is known of their gains."""
    flags, bound, picks_seen, wanted = told
    rows = np.flatnonzero(np.unpackbits(flags, count=len(block)))
    cell_bytes = max(4, block.array.dtype.itemsize) * max(1, block.array[:1].size)
    tile, tiles = max(1, TILE_BYTES // cell_bytes), list[list[Float64s]]()
    for first in range(0, len(rows), tile):
        here = slice(first, first + tile)
        cells = cells_of(block, rows[here], together)
        cells.flags.writeable = False  # one compiled kernel for writable and read-only input
        tiles.append(screening.screens(cells, bound[here], picks_seen[here].astype(np.int64), least))
    steps = [np.concatenate(parts) for parts in zip(*tiles, strict=True)]
    known = found_by(steps, bound, least)
    best, _ = largest_of(known, wanted, most)
    screened = _Screened(block.start, block.start + len(block), steps, block.start + rows[best])
    return screened, cells_of(block, rows[best], together), known[best]
