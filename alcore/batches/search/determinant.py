"""The search of `log_det`: means of all rows in memory, or the rows of largest gain of a source that is read again when they no
longer suffice.

A gain only falls as the batch grows, so a gain that was found for an earlier pick bounds the gain now. A pick is certain while its
gain exceeds the bounds of all rows that are not in memory.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.search.candidates import LEAST_ROWS, READING_BYTES, SENT_ROWS, rows_that_fit
from alcore.door import Array, Float64s, Reading
from alcore.scores.gaussian import score
from alcore.sources.axes import arranged, is_lazy, opened
from alcore.sources.best_rows import BestRows, largest_of
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.layouts import lay_out, lies_ready
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
        buffer = self._buffer(source)
        found: list[tuple[Float64s, ...]] = []
        work = partial(_best_alone, weights_t=self._weights, dtype=self._dtype, most=buffer.capacity)
        for start, rows, means, *alone in map_blocks(source, work, self._reading, tell=lambda *_: buffer.least):
            found.append(tuple(alone))
            buffer.offer(means, alone[-1][rows], start + rows)
        self._centre, self._scale, self.first = (np.concatenate(parts) for parts in zip(*found, strict=True))
        self._bound = self.first.copy()
        self._hold_buffer(buffer)

    def _buffer(self, source: Source) -> BestRows:
        """An empty buffer. On a cluster it is smaller, so that workers send few rows."""
        rows = self._capacity if source.spread is None else min(self._capacity, SENT_ROWS)
        return BestRows(rows, self._cell_shape)

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
        left, bound = _begin(means, centre, scale, self._weights)
        self._held = _Held(_read_only(means), index, centre, scale, left, bound, np.zeros(len(index), np.int32))

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
        source = open_source(self._predictions, reading)
        buffer = self._buffer(source)
        beside = _Beside(self._weights, self._columns[: self._known], floor, self._dtype, buffer.capacity)

        def tell(start: int, stop: int) -> _Told:
            return self._bound[start:stop], self._centre[start:stop], self._scale[start:stop], buffer.least

        for index, bound, best, means in map_blocks(source, beside.best, reading, tell=tell):
            self._bound[index] = bound
            buffer.offer(means, bound[best], index[best])
        self._hold_buffer(buffer)


_Told: TypeAlias = tuple[Float64s, Float64s, Float64s, float]


@dataclass(frozen=True, eq=False)
class _Beside:
    """What rows tell beside a batch, for a pass."""

    weights_t: Float64s
    columns: Float64s  # (K, T), of the batch
    floor: float
    dtype: np.dtype[Any]
    most: int

    def best(self, block: Block, told: _Told) -> tuple[Ints, Float64s, Ints, Array]:
        """The rows of a block that matter, with their bounds, and which of these have the largest, with their means."""
        bound, centre, scale, least = told
        rows = np.flatnonzero((bound >= 0.0) & (bound >= min(least, self.floor)))
        means, bound = _laid_out(block.array[rows]), bound[rows]
        stale = np.flatnonzero(bound >= self.floor)
        bound[stale] = self._renewed(means[stale], centre[rows[stale]], scale[rows[stale]])
        best, _ = largest_of(bound, least, self.most)
        return block.start + rows, bound, best, means[best].astype(self.dtype, copy=False)

    def _renewed(self, means: Array, centre: Float64s, scale: Float64s) -> Float64s:
        """Twice the gain of rows now."""
        from alcore.kernels.log_det import renew

        left, bound = _begin(means, centre, scale, self.weights_t)
        renew(_read_only(means), centre, scale, self.columns, len(self.columns), left, bound)
        return bound


def _best_alone(
    block: Block, least: float, *, weights_t: Float64s, dtype: np.dtype[Any], most: int
) -> tuple[int, Ints, Array, Float64s, Float64s, Float64s]:
    """The first row of a block, its rows that tell most alone with their means, and the centre, scale and bound of all rows."""
    means, centre, scale = _read(block, copy=False)
    _, bound = _begin(means, centre, scale, weights_t)
    rows, _ = largest_of(bound, least, most)
    best = means if len(rows) == len(means) else means[rows]
    return block.start, rows, best.astype(dtype, copy=False), centre, scale, bound


def _begin(means: Array, centre: Float64s, scale: Float64s, weights_t: Float64s) -> tuple[Float64s, Float64s]:
    """What rows tell alone: K (n, D, D), and log det(I + K)."""
    from alcore.kernels.log_det import begin

    rows, outputs, _ = means.shape
    means, left, bound = _read_only(means), np.empty((rows, outputs, outputs)), np.empty(rows)

    def work(start: int, stop: int) -> None:
        begin(means, centre, scale, weights_t, left, bound, start, stop)

    in_parts(rows, work)
    return left, bound


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
