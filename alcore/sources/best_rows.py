"""The one bounded buffer: the best rows of a pass over a source."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.door import Array, Float64s


def largest_of(bound: Float64s, least: float, most: int) -> tuple[npt.NDArray[np.int64], float]:
    """The rows of largest bound, at most ``most`` and none under ``least``, ascending, and the largest bound of the others.

    Among equal bounds the lowest rows come first.
    """
    rows = np.flatnonzero(bound >= least)
    if len(rows) > most:
        rows = np.sort(rows[np.lexsort((rows, -bound[rows]))[:most]])
    if len(rows) == len(bound):
        return rows, -np.inf
    others = np.ones(len(bound), np.bool_)
    others[rows] = False
    return rows, float(bound[others].max())


class BestRows:
    """At most ``capacity`` rows, those of largest bound among all that were offered, and the largest bound of a dropped row.

    Among equal bounds the lowest row stays, so the result does not depend on how the rows were cut into blocks.
    """

    def __init__(self, capacity: int, cell_shape: tuple[int, ...]) -> None:
        self.capacity, self._held = capacity, 0
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
        if self._held <= self.capacity:
            return
        order = np.lexsort((self.index[: self._held], -self.bound[: self._held]))
        self.note_dropped(float(self.bound[order[self.capacity]]))
        self.least = float(self.bound[order[self.capacity - 1]])
        stay = np.sort(order[: self.capacity])
        movers = stay[stay >= self.capacity]
        holes = np.setdiff1d(np.arange(self.capacity), stay, assume_unique=True)
        for held in (self.cells, self.bound, self.index):
            held[holes] = held[movers]
        self._held = self.capacity
