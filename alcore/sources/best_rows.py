"""The one bounded buffer: the best rows of a pass over a source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Float64s


class BestRows:
    """At most ``capacity`` rows, those of largest bound among all that were offered, and the largest bound of a dropped row.

    Among equal bounds the lowest row stays, so the result does not depend on how the rows were cut into blocks.
    """

    def __init__(self, capacity: int, cell_shape: tuple[int, ...]) -> None:
        self._capacity, self._held = capacity, 0
        self._room = capacity + max(1, capacity // 8)  # so that the least are dropped many at a time
        self.cells: Array = np.empty((0, *cell_shape), np.float32)
        self.bound, self.index = np.empty(self._room), np.empty(self._room, np.int64)
        self.least, self.largest_dropped = -np.inf, -np.inf  # what is under ``least`` need not be offered

    def offer(self, cells: Array, bound: Float64s, index: npt.NDArray[np.int64]) -> None:
        if len(index) and not len(self.cells):
            self.cells = np.empty(
                (self._room, *cells.shape[1:]), cells.dtype
            )  # pages that are not written take no memory
        place = 0
        while place < len(index):
            count = min(self._room - self._held, len(index) - place)
            here, there = np.s_[self._held : self._held + count], np.s_[place : place + count]
            self.cells[here], self.bound[here], self.index[here] = cells[there], bound[there], index[there]
            self._held, place = self._held + count, place + count
            if self._held == self._room:
                self._drop_least()

    def note_dropped(self, bound: float) -> None:
        """Count as dropped what was not offered."""
        self.largest_dropped = max(self.largest_dropped, bound)

    def close(self) -> None:
        """Drop all but the best."""
        self._drop_least()
        self.cells, self.bound = self.cells[: self._held], self.bound[: self._held]
        self.index = self.index[: self._held]

    def _drop_least(self) -> None:
        if self._held <= self._capacity:
            return
        order = np.lexsort((self.index[: self._held], -self.bound[: self._held]))
        self.note_dropped(float(self.bound[order[self._capacity]]))
        self.least = float(self.bound[order[self._capacity - 1]])
        stay = np.sort(order[: self._capacity])
        movers = stay[stay >= self._capacity]
        holes = np.setdiff1d(np.arange(self._capacity), stay, assume_unique=True)
        for held in (self.cells, self.bound, self.index):
            held[holes] = held[movers]
        self._held = self._capacity
