"""Rows to choose a batch from, with a bound on the gain of each: all rows in memory, or the best rows of one pass over a source."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Float64s, Reading
from alcore.scores import measures
from alcore.sources.axes import opened
from alcore.sources.best_rows import BestRows, largest_of
from alcore.sources.blocks import Block, as_ready, map_blocks
from alcore.sources.kept_chunks import KeptChunks
from alcore.sources.reading import Source, can_reread, open_source, refuse_events

Ints = npt.NDArray[np.int64]

MEMORY = 400 << 20
READING_BYTES = 128 << 20  # of MEMORY, for the blocks of a pass
ROUNDING = 1e-6  # nats: float32 gains are off by up to 2e-7 at 10 classes, and within it bounds decide nothing
LEAST_ROWS = 16  # the fewest that a buffer may hold
# The most rows that a worker of a cluster sends of a block, and the most held then. More do not save passes: (400 000, 10, 20) took
# ten passes for ten picks with 4 096 rows, and nine with 65 536 and more at each pass, which sent ten times the bytes.
SENT_ROWS = 4096
SENT_AGAIN = (
    512  # the same in later passes: (500 000, 10, 20) took one pass a pick with 4 096 rows too, which are 24 MB a pass
)


class Candidates:
    """Rows to choose from: a whole pool, or the best of it."""

    def __init__(
        self, cells: Array, index: Ints, bound: Float64s, picks_seen: int | Ints = 0, largest_dropped: float = -np.inf
    ) -> None:
        self.cells = cells.view()
        self.cells.flags.writeable = False  # one compiled kernel for writable and read-only input
        self.index, self.bound, self.largest_dropped = (
            index,
            bound,
            largest_dropped,
        )  # the largest bound of a row that is not here
        self.picks_seen = np.full(len(index), picks_seen)  # how many picks the bound of each slot accounts for
        self._hidden = np.zeros(len(index), np.bool_)
        self._copy_of = self._find_copies()

    @classmethod
    def of(cls, buffer: BestRows) -> Candidates:
        buffer.close()
        return cls(buffer.cells, buffer.index, buffer.bound, largest_dropped=buffer.largest_dropped)

    def known(self) -> tuple[Float64s, Ints]:
        """What is known of the gain of each slot: a bound, and for how many picks it accounts."""
        return self.bound.copy(), self.picks_seen.copy()

    def forget(self, before: tuple[Float64s, Ints]) -> None:
        """Know what was known before."""
        self.bound, self.picks_seen = before

    def share_with_copies(self) -> None:
        """Give hidden copies the bound of the slot that hides them."""
        for slot, copy in self._copy_of.items():  # in the order of the copies
            if self._hidden[copy] and self.bound[slot] > -np.inf:
                self.bound[copy], self.picks_seen[copy] = self.bound[slot], self.picks_seen[slot]

    def largest(self, slots: Ints, count: int) -> tuple[Ints, Ints]:
        """So many slots of largest bound, the lowest rows first among equals, and the rest."""
        rest = slots[:0]
        if len(slots) > count:
            split = np.argpartition(-self.bound[slots], count - 1)
            slots, rest = slots[split[:count]], slots[split[count:]]
        return slots[np.lexsort((self.index[slots], -self.bound[slots]))], rest

    def keep_largest(self, count: int) -> None:
        """Drop all but so many rows of largest bound."""
        _, rest = self.largest(np.arange(len(self.index)), count)
        self.largest_dropped = max(self.largest_dropped, float(self.bound[rest].max(initial=-np.inf)))
        self.bound[rest] = -np.inf

    def above(self, floor: float) -> Ints:
        """Slots that may gain more than ``floor``, without copies of others."""
        return np.flatnonzero((self.bound > floor) & ~self._hidden)

    def take(self, slot: int) -> None:
        """Put a slot into the batch. Its next copy takes its place."""
        copy = self._copy_of.get(slot, slot)
        if self.bound[copy] > -np.inf:
            self.bound[copy], self.picks_seen[copy], self._hidden[copy] = self.bound[slot], self.picks_seen[slot], False
        self.bound[slot] = -np.inf

    def _find_copies(self) -> dict[int, int]:
        """Slot -> the next slot with the same content. A copy has the same bound, and stays hidden until the one before it is
        taken.
        """
        from alcore.kernels.duplicates import hash_rows, repeats

        order = np.argsort(self.bound)
        same = np.zeros(len(order) + 1, np.bool_)
        same[1:-1] = np.diff(self.bound[order]) == 0
        slots = order[same[1:] | same[:-1]]
        hashes, found = np.empty(len(slots), np.uint64), np.zeros(len(slots), np.bool_)
        hash_rows(self.cells, slots, hashes)
        by_content = np.lexsort((self.index[slots], hashes, self.bound[slots]))
        slots = slots[by_content]
        repeats(self.cells, slots, found)
        self._hidden[slots[found]] = True
        last = np.flatnonzero(found)
        return dict(zip(slots[last - 1].tolist(), slots[last].tolist(), strict=True))


class Pool:
    """Predictions (N, C, T): read where they lie, or once, keeping the rows of largest BALD in bounded memory.

    With ``many_labels`` it takes more labels than a joint distribution can hold. Their rows are (L, T), and the sum of the labels'
    BALD bounds what they tell together: labels are independent given the draw.
    """

    bounds_are_gains = True  # what bounds a row is its gain in an empty batch

    def __init__(
        self,
        predictions: Any,
        reading: Reading,
        memory: int,
        needed: Callable[[tuple[int, ...]], int] | None = None,
        many_labels: bool = False,
    ) -> None:
        self._many_labels = many_labels
        predictions = opened(predictions, reading, "probs")
        self.predictions, self.reading = predictions, reading
        self._memory, self._needed = (
            door.as_count(memory, "memory"),
            needed,
        )  # bytes, and those of the search for cells (C, T)
        self._kept: KeptChunks | None = None
        ready = as_ready(predictions, reading)
        self.can_reread = ready is None and can_reread(predictions)
        if ready is None:
            self._read()
        else:
            self.cell_shape = ready.shape[1:]
            self.scores = measures.bald(ready, weights=reading.weights)
            self.candidates = Candidates(ready, np.arange(len(ready)), self.scores.copy())

    def _read(self) -> None:
        source = self.open()
        refuse_events(source, many_labels=self._many_labels)
        self.bounds_are_gains = not door.has_too_many_labels(source.kind, source.cell_shape[0])
        self.cell_shape = source.joint_shape if self.bounds_are_gains else source.cell_shape
        self._row_bytes = max(4, source.dtype.itemsize) * math.prod(self.cell_shape)
        buffer = self.buffer(source)
        scores: list[Float64s] = []
        work = partial(_best_by_bald, together=self.bounds_are_gains, most=buffer.capacity)
        for start, bald, rows, cells, rest in map_blocks(source, work, self.reading, tell=lambda *_: buffer.least):
            scores.append(bald)
            buffer.note_dropped(rest)
            buffer.offer(cells, bald[rows], start + rows)
        self.scores = np.concatenate(scores)
        self.candidates = Candidates.of(buffer)

    def open(self) -> Source:
        """The predictions, for one more pass. On a cluster the workers keep them in memory after the first one."""
        source = open_source(self.predictions, self.reading)
        if source.spread is None:
            return source
        self._kept = self._kept or KeptChunks(self._memory)
        return replace(source, spread=replace(source.spread, kept=self._kept))

    def buffer(self, source: Source, *, again: bool = False) -> BestRows:
        """An empty buffer of the rows that fit into memory. On a cluster it is smaller, so that workers send few."""
        taken = READING_BYTES + (self._needed(self.cell_shape) if self._needed else 0)
        rows = rows_that_fit(self._memory - taken, self._row_bytes)
        if rows < LEAST_ROWS:
            remedy = ", or lower samples and exact" if self._needed else ""
            door.refuse_memory(taken + 2 * LEAST_ROWS * self._row_bytes, self._memory, remedy)
        if source.spread is not None:
            rows = min(rows, SENT_ROWS, SENT_AGAIN if again else rows)
        return BestRows(rows, self.cell_shape)


def _best_by_bald(block: Block, least: float, *, together: bool, most: int) -> tuple[int, Float64s, Ints, Array, float]:
    """The first row of a block, its BALD, and its rows of largest BALD with their cells. Last is the largest BALD of the others."""
    if together:
        bald = block.score_outcomes(measures._bald)
    else:
        bald = np.asarray(block.score_labels(measures._bald).sum(axis=1))
    rows, rest = largest_of(bald, least, most)
    return block.start, bald, rows, cells_of(block, rows, together), rest


def cells_of(block: Block, rows: Ints, together: bool) -> Array:
    """Some rows of a scored block as they are compared: as outcomes together, or label by label."""
    return block.scored_cells(rows) if together else replace(block, array=block.array[rows]).label_cells()


def rows_that_fit(room: int, row_bytes: int) -> int:
    """How many rows a buffer keeps in so many bytes. It has an eighth more room than it keeps."""
    return int(room / (1.125 * row_bytes))
