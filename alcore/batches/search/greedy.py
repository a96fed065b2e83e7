"""Lazy greedy selection of batches whose gains only shrink as the batch grows, from arrays and from streams.

A gain computed for an earlier pick bounds the gain now, and the BALD of a row bounds it from the start. So candidates are
evaluated in the order of their bounds, and most never are. The same bound makes one pass over a stream enough: with the rows of
largest BALD in memory, a pick is certain while its gain exceeds everything that was dropped.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore.batches.search.candidates import ROUNDING, Candidates, Pool
from alcore.batches.search.rereading import Rereading, Screening
from alcore.door import Array, Float64s
from alcore.sources.threads import in_parts

Ints = npt.NDArray[np.int64]

FIRST_BLOCK = 2  # candidates evaluated before any other, and twice as many each time
LARGEST_BLOCK = 4096
UNCERTAIN_ROWS = 100  # candidates kept for each row of the batch, once picks are no longer certain
CONTENDERS = 64  # so many gains within ROUNDING of the best are evaluated again in float64
ERRORS = 4  # standard errors of a sampled gain by which it must exceed what was dropped to be certain


class Objective(ABC):
    """What a batch is worth. Its gains shrink as it grows."""

    @property
    @abstractmethod
    def noise(self) -> float:
        """The batch ends when the best gain is under this. -inf where gains may be negative."""

    @abstractmethod
    def bounds(self, cells: Array, slots: Ints, bound: Float64s, picks_seen: Ints, least: float) -> Float64s:
        """At least the gains of ``cells[slots]``, and the gains themselves above ``least``, up to ROUNDING.

        ``bound`` held when the batch had ``picks_seen`` rows. What a row is given depends on nothing else.
        """

    def screens(self, cells: Array, bound: Float64s, picks_seen: Ints, least: float) -> list[Float64s]:
        """What a search for more than ``least`` finds of rows that are bounded by that or more: bounds, step by step.

        Each step looks at the rows that are still bounded by ``least`` or more. It finds gains in the last one.
        """
        return [self.bounds(cells, np.arange(len(cells)), bound, picks_seen, least)]

    def for_workers(self) -> Screening:
        """What `screens` rows as this does now, and no more, to be sent to the workers of a cluster."""
        return self

    def search(self, candidates: Candidates, slots: Ints, picks: int, floor: float) -> Ints:
        """Slots whose bound is now the gain, after ``picks`` rows: all that may be the best, if that gains more than ``floor``.

        In the order of their bounds, block by block, until no other slot can be the best.
        """
        bound, evaluated, size = candidates.bound, [slots[:0]], FIRST_BLOCK
        while slots.size:
            block, slots = candidates.largest(slots, size)
            gains = np.empty(len(block))

            def evaluate(
                start: int, stop: int, block: Ints = block, gains: Float64s = gains, floor: float = floor
            ) -> None:
                part = block[start:stop]
                picks_seen = candidates.picks_seen[part]
                gains[start:stop] = self.bounds(candidates.cells, part, bound[part], picks_seen, floor)

            in_parts(len(block), evaluate)
            bound[block], candidates.picks_seen[block] = gains, picks
            evaluated.append(block)
            floor = max(floor, float(gains.max()) - ROUNDING)
            slots = slots[bound[slots] > floor]
            size = min(2 * size, LARGEST_BLOCK)
        return np.concatenate(evaluated)

    @abstractmethod
    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        """The gain of a row as the batch reports it, given what the search found, and its standard error."""

    @abstractmethod
    def add(self, cells_ct: Float64s) -> None:
        """The batch has one more row."""


@dataclass(frozen=True)
class Pick:
    slot: int
    gain: float
    error: float


def best_of(objective: Objective, candidates: Candidates, picks: int, floor: float = -np.inf) -> Pick | None:
    """The candidate of largest gain, the lowest row among equal gains. None if no gain exceeds ``floor`` and the noise.

    Among gains that rounding cannot tell apart it is the largest in float64.
    """
    floor = max(floor, objective.noise)
    slots = objective.search(candidates, candidates.above(floor), picks, floor)
    if not slots.size:
        return None
    bound, index = candidates.bound, candidates.index
    slots = slots[bound[slots] >= bound[slots].max() - ROUNDING]
    slots = slots[np.lexsort((index[slots], -bound[slots]))]
    found: Pick | None = None
    for slot in slots[:CONTENDERS]:
        pick = Pick(int(slot), *objective.decide(candidates.cells[slot].astype(np.float64), float(bound[slot])))
        if found is None or (pick.gain, -index[slot]) > (found.gain, -index[found.slot]):
            found = pick
    return found


# --- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """Rows chosen jointly, in order. ``ended_early``: rows were left, and none gained more than the noise."""

    indices: Ints
    gains: Float64s
    ended_early: bool
    certified_until: int


def choose(objective: Objective, pool: Pool, k: int) -> Chosen:
    """Pick the row of largest gain, again and again: until k rows, until no gain exceeds its noise, or until no row is left to
    compare.
    """
    candidates, size = pool.candidates, min(k, len(pool.scores))
    picks: list[tuple[int, float]] = []
    certified_until: int | None = None
    again = Rereading(pool) if pool.can_reread else None
    reread = False
    while len(picks) < size:
        pick, slack, before = None, 0.0, candidates.known() if again else None
        compared = bool(picks) or not pool.bounds_are_gains
        if (
            compared
            and certified_until is None
            and not pool.can_reread
            and candidates.largest_dropped > objective.noise
        ):
            pick, slack = _next(objective, pool, candidates, len(picks), candidates.largest_dropped)
            if pick is None:
                certified_until = len(picks)
                candidates.keep_largest(UNCERTAIN_ROWS * size)
        if pick is None:
            pick, slack = _next(objective, pool, candidates, len(picks))
        gain = -np.inf if pick is None else pick.gain
        if again:  # rows have the bounds that a search of all rows gives them, and it looks at those within ROUNDING of the best
            slack = min(slack, 2 * ROUNDING)
        least = max(gain, objective.noise) - slack  # a row that was dropped matters if it may gain more
        if compared and not reread and candidates.largest_dropped > -np.inf and least <= candidates.largest_dropped:
            if again and before:
                candidates.forget(before)
                candidates, reread = again.read(objective, candidates, len(picks), least), True
                continue
            if certified_until is None:
                certified_until = len(picks)
                candidates.keep_largest(UNCERTAIN_ROWS * size)
        if pick is None or gain < objective.noise:
            break
        reread = False
        picks.append((int(candidates.index[pick.slot]), gain))
        objective.add(candidates.cells[pick.slot].astype(np.float64))
        candidates.take(pick.slot)
    least = candidates.largest_dropped if pool.can_reread else -np.inf  # rows that were read again and gain too little
    ended_early = len(picks) < size and max(least, float(candidates.bound.max(initial=-np.inf))) > -np.inf
    return Chosen(
        np.array([row for row, _ in picks], np.int64),
        np.array([gain for _, gain in picks], np.float64),
        ended_early,
        size if certified_until is None else certified_until,
    )


def _next(
    objective: Objective, pool: Pool, candidates: Candidates, picks: int, floor: float = -np.inf
) -> tuple[Pick | None, float]:
    """The best candidate that gains more than ``floor``, and by how much its gain may be off. In an empty batch gains are BALD."""
    if picks == 0 and pool.bounds_are_gains:
        left = candidates.above(floor)
        if not left.size:
            return None, 0.0
        top = left[candidates.bound[left] == candidates.bound[left].max()]
        slot = int(top[candidates.index[top].argmin()])
        return Pick(slot, float(candidates.bound[slot]), 0.0), 0.0
    pick = best_of(objective, candidates, picks, floor)
    return pick, max(ROUNDING, ERRORS * pick.error if pick else 0.0)
