"""Lazy greedy selection of batches whose gains only shrink as the batch grows, from arrays and from streams.

A gain computed for an earlier pick bounds the gain now, and the BALD of a row bounds it from the start. So candidates are
evaluated in the order of their bounds, and most never are. The same bound makes one pass over a stream enough: with the rows of
largest BALD in memory, a pick is certain while its gain exceeds everything that was let go.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.candidates import Candidates, Pool
from alcore.door import Array, Float64s
from alcore.stream import Block, map_blocks, open_source
from alcore.threads import in_parts

Ints = npt.NDArray[np.int64]

FIRST_BLOCK = 2  # candidates evaluated to the last level before any other
COARSER = 3  # times as many at each coarser level: 58 ms of work for a pool of near-equals, 64 with 4 first
LARGEST_BLOCK = 4096
ROUNDING = 1e-6  # nats: float32 gains are off by up to 2e-7 at 10 classes, and within it bounds decide nothing
UNCERTAIN_ROWS = 100  # for each row of the batch: among so many it is chosen on once picks are no longer certain
CONTENDERS = 64  # of the gains within ROUNDING of the best, so many are evaluated again in float64
ERRORS = 4  # standard errors of a sampled gain by which it must exceed what was let go to be certain


class Objective(ABC):
    """What a batch is worth; its gains shrink as it grows."""

    @property
    @abstractmethod
    def noise(self) -> float:
        """A gain under this is worth nothing, and the batch ends; -inf where gains may be negative."""

    @property
    @abstractmethod
    def levels(self) -> int:
        """How many screens there are, from the cheapest to the gain itself."""

    @abstractmethod
    def screen(self, level: int, cells: Array, slots: Ints, bound: Float64s, known: Ints) -> Float64s:
        """At least the gains of ``cells[slots]``, up to ROUNDING; ``bound`` held when the batch had ``known`` rows."""

    @abstractmethod
    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        """The gain of a row as it is reported, given what the last screen found, and its standard error."""

    @abstractmethod
    def add(self, cells_ct: Float64s) -> None:
        """The batch has one more row."""


@dataclass(frozen=True)
class Pick:
    slot: int
    gain: float
    error: float


class Search:
    """The candidate of largest gain, the lowest row of equals."""

    def __init__(self, objective: Objective, candidates: Candidates, picks: int, floor: float = -np.inf) -> None:
        self._objective, self._candidates, self._picks = objective, candidates, picks
        self._best = -np.inf
        self._floor = max(floor, objective.noise)  # candidates that gain less need not be told apart
        self._evaluated: list[Ints] = []

    def run(self, slots: Ints) -> Pick | None:
        """None where nothing exceeds the floor."""
        self._descend(0, self._promising(slots))
        return self._decide() if self._evaluated else None

    def _descend(self, level: int, slots: Ints) -> None:
        """Screen in the order of the bounds; what can still be the best goes on to the next level."""
        bound, last = self._candidates.bound, self._objective.levels - 1
        size = FIRST_BLOCK * COARSER ** (last - level)
        while slots.size:
            block, slots = self._candidates.largest(slots, size)
            self._screen(level, block)
            if level < last:
                self._descend(level + 1, self._promising(block))
            else:
                self._evaluated.append(block)
                self._best = max(self._best, float(bound[block].max()))
            slots = self._promising(slots)
            size = min(2 * size, LARGEST_BLOCK)

    def _promising(self, slots: Ints) -> Ints:
        return slots[self._candidates.bound[slots] > max(self._best - ROUNDING, self._floor)]

    def _screen(self, level: int, slots: Ints) -> None:
        """Bounds of slots at a level, equal rows only once, on all threads."""
        c, last = self._candidates, level == self._objective.levels - 1
        originals, repeats = c.distinct(slots)
        gains = np.empty(len(originals))

        def screen(start: int, stop: int) -> None:
            part = originals[start:stop]
            gains[start:stop] = self._objective.screen(level, c.cells, part, c.bound[part], c.known[part])

        in_parts(len(originals), screen)
        c.bound[originals] = gains if last else np.minimum(gains, c.bound[originals])
        for copies, original in repeats:
            c.bound[copies] = c.bound[original]
        if last:
            c.known[slots] = self._picks

    def _decide(self) -> Pick:
        """Among gains that rounding cannot tell apart the largest in float64."""
        c = self._candidates
        slots = np.concatenate(self._evaluated)
        slots = slots[c.bound[slots] >= self._best - ROUNDING]
        slots = slots[np.lexsort((c.index[slots], -c.bound[slots]))]
        found: Pick | None = None
        for slot in c.distinct(slots[:CONTENDERS])[0]:
            pick = Pick(int(slot), *self._objective.decide(c.cells[slot].astype(np.float64), float(c.bound[slot])))
            if found is None or (pick.gain, -c.index[slot]) > (found.gain, -c.index[found.slot]):
                found = pick
        assert found is not None
        return found


# --- batches ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """A batch; the rows from ``joint`` on are the rest in BALD order: gains were noise (``saturated``), or no row was left."""

    indices: Ints
    gains: Float64s
    joint: int
    saturated: bool
    certified_until: int


def choose(objective: Objective, pool: Pool, k: int) -> Chosen:
    """Row by row of largest gain, until k rows, until no gain exceeds its noise or until no row is left to compare."""
    candidates, size = pool.candidates, min(k, len(pool.scores))
    picked: list[tuple[int, float]] = []
    certified_until: int | None = None
    reread = False
    while len(picked) < size:
        pick, slack = None, 0.0
        if picked and certified_until is None and not pool.can_reread and candidates.let_go > objective.noise:
            pick, slack = _next(objective, candidates, len(picked), candidates.let_go)
            if pick is None:
                certified_until = len(picked)
                candidates.leave_out(UNCERTAIN_ROWS * size)
        if pick is None:
            pick, slack = _next(objective, candidates, len(picked))
        gain = -np.inf if pick is None else pick.gain
        least = max(gain, objective.noise) - slack  # a row that was let go matters if it may gain more
        if picked and not reread and candidates.let_go > -np.inf and least <= candidates.let_go:
            if pool.can_reread:
                candidates, reread = _read_again(objective, pool, [row for row, _ in picked], least), True
                continue
            if certified_until is None:
                certified_until = len(picked)
                candidates.leave_out(UNCERTAIN_ROWS * size)
        if pick is None or gain < objective.noise:
            break
        reread = False
        picked.append((int(candidates.index[pick.slot]), gain))
        objective.add(candidates.cells[pick.slot].astype(np.float64))
        candidates.bound[pick.slot] = -np.inf
    saturated = len(picked) < size and bool((candidates.bound > -np.inf).any())
    return _filled(picked, pool.scores, size, saturated, size if certified_until is None else certified_until)


def _next(
    objective: Objective, candidates: Candidates, picks: int, floor: float = -np.inf
) -> tuple[Pick | None, float]:
    """The best candidate that gains more than ``floor`` and the slack of what sampling may be off by; an empty batch gains BALD."""
    left = np.flatnonzero(candidates.bound > floor)
    if not left.size:
        return None, 0.0
    if picks == 0:
        top = left[candidates.bound[left] == candidates.bound[left].max()]
        slot = int(top[candidates.index[top].argmin()])
        return Pick(slot, float(candidates.bound[slot]), 0.0), 0.0
    pick = Search(objective, candidates, picks, floor).run(left)
    return pick, max(ROUNDING, ERRORS * pick.error if pick else 0.0)


def _filled(
    picked: list[tuple[int, float]], scores: Float64s, size: int, saturated: bool, certified_until: int
) -> Chosen:
    rows = np.array([row for row, _ in picked], np.int64)
    gains = np.zeros(size)
    gains[: len(rows)] = [gain for _, gain in picked]
    if len(rows) < size:
        rest = np.delete(np.arange(len(scores)), rows)
        order = np.argsort(-scores[rest], kind="stable")[: size - len(rows)]
        indices = np.concatenate([rows, rest[order]])
    else:
        indices = rows
    return Chosen(indices, gains, len(rows), saturated, certified_until)


def _read_again(objective: Objective, pool: Pool, taken: list[int], floor: float) -> Candidates:
    """A second pass: every row that may gain more than ``floor`` is evaluated now, and the best are kept.

    The row of largest gain is among them, since whatever is let go was screened under the best gain seen by then.
    """
    source, buffer, best = open_source(pool.predictions), pool.buffer(), floor

    def work(block: Block) -> tuple[Ints, Array, Float64s, float, float]:
        scores = pool.scores[block.start : block.start + len(block)].copy()
        if len(scores) < len(block):
            door.refuse_unequal_rows("probs", len(pool.scores), block.start + len(block), "the first reading")
        scores[[row - block.start for row in taken if block.start <= row < block.start + len(block)]] = -np.inf
        least = best  # may grow meanwhile, and every row must be screened that is said to be
        rows = np.flatnonzero((scores >= least) & (scores > -np.inf))
        cells, bound = block.scored_cells(rows), scores[rows]
        live = np.arange(len(rows))
        for level in range(objective.levels):
            live = live[bound[live] >= least]
            bound[live] = objective.screen(level, cells, live, scores[rows[live]], np.zeros(len(live), np.int64))
        scores[rows] = -np.inf
        return (
            block.start + rows,
            cells,
            bound,
            float(bound[live].max(initial=-np.inf)),
            float(scores.max(initial=-np.inf)),
        )

    for rows, cells, bound, gain, rest in map_blocks(source, work, kind=pool.kind, weights=pool.weights):
        buffer.offer(cells, bound, rows)
        buffer.skip(rest)
        best = max(best, gain - ROUNDING)
    return Candidates.of(buffer, known=len(taken))
