"""The search of `log_det`: means of all rows in memory, or the rows of largest gain of a source that is read again when they no
longer suffice.

A gain only falls as the batch grows, so a gain that was found for an earlier pick bounds the gain now. A pick is certain while its
gain exceeds the bounds of all rows that are not in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.search.candidates import LEAST_ROWS, READING_BYTES, rows_that_fit
from alcore.door import Array, Float64s, Reading
from alcore.scores.gaussian import score
from alcore.sources.axes import arranged, is_lazy, opened
from alcore.sources.best_rows import BestRows
from alcore.sources.blocks import Block, lay_out, lies_ready, map_blocks
from alcore.sources.reading import Source, open_source
from alcore.sources.threads import in_parts

Ints = npt.NDArray[np.int64]

SLACK = 1e-12  # nats by which rounding may put the gain of several outputs above its bound
LEAST_A_THREAD = (
    8192  # a thread searches at least so many: 21 µs where none is brought up to date, and `in_parts` takes 100
)


@dataclass(frozen=True, eq=False)
class _Held:
    """Rows whose means are in memory. ``bound`` is twice the gain when ``seen`` columns were known."""

    means: Array  # (M, D, T)
    index: Ints  # (M,) which rows they are
    centre: Float64s  # (M, D)
    scale: Float64s  # (M, D)
    left: Float64s  # (M, D, D)
    bound: Float64s  # (M,)
    seen: npt.NDArray[np.int32]  # (M,)


class Search:
    """What each row may still gain beside the batch.

    Attributes:
        first: (N,) twice the gain of each row as a first pick.
        draws: T.
        passes: how many times the source was read.
    """

    def __init__(self, means: Any, reading: Reading, memory: int) -> None:
        self._predictions, self._reading = opened(means, reading, "means"), reading
        source = open_source(self._predictions, reading)
        if source.events:
            door.refuse_event_axes("means", source.cell_shape)
        self._cell_shape, self.draws = source.cell_shape, source.cell_shape[-1]
        self._weights = door.as_shares(door.as_weights(reading.weights, self.draws), self.draws)
        self._dtype = np.result_type(source.dtype, np.float32)
        self._columns, self._known, self.passes = np.empty((0, self.draws)), 0, 1
        self._largest_dropped = -np.inf
        ready = _as_ready(self._predictions, reading)
        if ready is not None or source.rows is None:
            self._hold_all(source, ready)
        else:
            self._capacity = min(self._rows_in(memory), source.rows)
            self._hold_best(source)

    def _rows_in(self, memory: int) -> int:
        """How many rows fit into so many bytes."""
        outputs = self._cell_shape[0]
        row_bytes = self._dtype.itemsize * outputs * self.draws + 8 * (outputs * outputs + 2 * outputs + 4)
        rows = rows_that_fit(memory - READING_BYTES, row_bytes)
        if rows < LEAST_ROWS:
            door.refuse_memory(READING_BYTES + 2 * LEAST_ROWS * row_bytes, memory, "")
        return rows

    def _hold_all(self, source: Source, ready: Array | None) -> None:
        parts = list(map_blocks(source, lambda block: _read(block, copy=ready is None), self._reading))
        self._centre, self._scale = (np.concatenate([one[place] for one in parts]) for place in (1, 2))
        held = np.concatenate([one[0] for one in parts]) if ready is None else ready
        self._hold(held, np.arange(len(held)), self._centre, self._scale)
        self._bound = self._held.bound
        self.first = self._bound.copy()

    def _hold_best(self, source: Source) -> None:
        buffer = BestRows(self._capacity, self._cell_shape)
        found: list[tuple[Float64s, Float64s, Float64s]] = []

        def work(block: Block) -> tuple[Array, Float64s, Float64s, Float64s]:
            means, centre, scale = _read(block, copy=False)
            return means, centre, scale, self._begin(means, centre, scale)[1]

        stop = 0
        for means, centre, scale, bound in map_blocks(source, work, self._reading):
            found.append((centre, scale, bound))
            start, stop = stop, stop + len(means)
            buffer.offer(means.astype(self._dtype, copy=False), bound, np.arange(start, stop))
        self._centre, self._scale, self.first = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self._bound = self.first.copy()
        self._hold_buffer(buffer)

    def _hold_buffer(self, buffer: BestRows) -> None:
        """Hold the rows of a buffer, whose bounds are known."""
        buffer.close()
        index = buffer.index
        self._hold(buffer.cells, index, self._centre[index], self._scale[index])
        self._held.bound[:] = self._bound[index]
        rest = self._bound.copy()
        rest[index] = -np.inf
        self._largest_dropped = float(rest.max(initial=-np.inf))

    def _hold(self, means: Array, index: Ints, centre: Float64s, scale: Float64s) -> None:
        left, bound = self._begin(means, centre, scale)
        self._held = _Held(_read_only(means), index, centre, scale, left, bound, np.zeros(len(index), np.int32))

    def _begin(self, means: Array, centre: Float64s, scale: Float64s) -> tuple[Float64s, Float64s]:
        """What rows tell alone: K (n, D, D), and log det(I + K)."""
        from alcore.kernels.log_det import begin

        rows, outputs, _ = means.shape
        means, left, bound = _read_only(means), np.empty((rows, outputs, outputs)), np.empty(rows)

        def work(start: int, stop: int) -> None:
            begin(means, centre, scale, self._weights, left, bound, start, stop)

        in_parts(rows, work)
        return left, bound

    def reserve(self, picks: int) -> None:
        """Room for the columns of so many picks."""
        self._columns = np.empty((picks * self._cell_shape[0], self.draws))

    @property
    def _slack(self) -> float:
        return SLACK if self._cell_shape[0] > 1 else 0.0

    def best(self) -> tuple[int, float]:
        """The place of the row that tells most beside the batch, and twice its gain."""
        place, value = self._best_held()
        if value - self._slack <= self._largest_dropped:
            self._read_again(value - self._slack)
            place, value = self._best_held()
        return place, value

    def _best_held(self) -> tuple[int, float]:
        from alcore.kernels.log_det import search

        found: list[tuple[float, int, int]] = []
        held, slack = self._held, self._slack

        def work(start: int, stop: int) -> None:
            place, value = search(
                held.means, held.index, held.centre, held.scale, self._columns, self._known,
                held.left, held.bound, held.seen, slack, start, stop,
            )  # fmt: skip
            if place >= 0:
                found.append((value, -int(held.index[place]), place))

        in_parts(len(held.bound), work, LEAST_A_THREAD)
        value, _, place = max(found, default=(0.0, 0, 0))
        return place, value

    def take(self, place: int) -> tuple[int, float]:
        """Put a row into the batch. Which row it is, and twice its gain."""
        from alcore.kernels.log_det import TAKEN, take

        held = self._held
        value = take(
            held.means[place], held.centre[place], held.scale[place], self._weights, self._columns, self._known
        )
        self._known += self._cell_shape[0]
        row = int(held.index[place])
        held.bound[place] = self._bound[row] = TAKEN
        return row, float(value)

    def _read_again(self, floor: float) -> None:
        """Another pass: rows whose bound is at least ``floor`` are brought up to date, and those of largest bound are held.

        The row of largest gain is among them, because all others are bounded by less.
        """
        self._bound[self._held.index] = self._held.bound
        del self._held
        self.passes += 1
        reading = replace(self._reading, variance=None, weights=None)
        source, buffer = open_source(self._predictions, reading), BestRows(self._capacity, self._cell_shape)

        def work(block: Block) -> tuple[Ints, Array, Float64s]:
            bound = self._bound[block.start : block.start + len(block)]
            rows = np.flatnonzero((bound >= 0.0) & (bound >= min(buffer.least, floor)))
            means, bound = _laid_out(block.array[rows]), bound[rows]
            stale = bound >= floor
            bound[stale] = self._renewed(means[stale], block.start + rows[stale])
            return block.start + rows, means, bound

        for index, means, bound in map_blocks(source, work, reading):
            self._bound[index] = bound
            buffer.offer(means.astype(self._dtype, copy=False), bound, index)
        self._hold_buffer(buffer)

    def _renewed(self, means: Array, index: Ints) -> Float64s:
        """Twice the gain of rows now."""
        from alcore.kernels.log_det import renew

        centre, scale = self._centre[index], self._scale[index]
        left, bound = self._begin(means, centre, scale)
        renew(_read_only(means), centre, scale, self._columns, self._known, left, bound)
        return bound


def _as_ready(means: Any, reading: Reading) -> Array | None:
    """The array (N, D, T), if it lies in memory (or is mapped) as the kernels read it."""
    if not (isinstance(means, np.ndarray) or hasattr(means, "__dlpack__")):
        return None
    array = arranged(means, reading, "means")
    if is_lazy(array):
        return None
    array = door.as_array(array, "means")
    return array if lies_ready(array, "probs") else None


def _laid_out(means: Array) -> Array:
    return lay_out(means[:, None])[:, 0]


def _read_only(means: Array) -> Array:
    """A view for which there is one compiled kernel, whether the input is writable or not."""
    means = means.view()
    means.flags.writeable = False
    return means


def _read(block: Block, *, copy: bool) -> tuple[Array, Float64s, Float64s]:
    """The means of a block as the kernels read them, their centres (n, D), and 1 / the standard deviations of the noise (n, D)."""
    _, outputs, draws = block.array.shape
    means_parts: list[Array] = []
    moments_parts = [np.empty((0, outputs, 4))]

    def keep(means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
        moments_parts.append(moments)
        means_parts.append(means.copy() if copy else means)
        out[:] = 0.0

    if len(block):
        score(block, keep, "log_det")
    moments = np.concatenate(moments_parts)
    empty = np.empty((0, outputs, draws), np.float32)
    found = means_parts[0] if len(means_parts) == 1 else np.concatenate([empty, *means_parts])
    return found, moments[..., 0].copy(), 1 / np.sqrt(moments[..., 2])
