"""Labels of a pool averaged over their distribution, and how much those of each row depend on those of sets of rows (HSIC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from alcore import door
from alcore.batches.ical_labels import (
    SPREAD,
    Keep,
    Kept,
    Pool,
    Rows,
    all_of,
    fill_rows,
    inside,
    not_in_batch,
    resample,
)
from alcore.door import Array, Bools, Float64s, Reading
from alcore.sources.blocks import Block, gather_rows, map_blocks
from alcore.sources.reading import can_reread, count_rows, open_source, refuse_events

COST = 64  # of a row of expected labels, in row-wise measures
ROUNDING = 1e-13  # what is left of a sum when all its terms are taken away again


@final
@dataclass(frozen=True, eq=False)
class ExpectedKernels:
    """The mean centred kernel of each of several sets, as the kernel `expected` takes it."""

    kernels_tlt: Float64s
    draws_t: Rows
    sizes: list[int]

    def values(self, block: Block, told: _InSets) -> Float64s:
        """(sets, n): HSIC of each row with each set. A row leaves the sets that it is in."""
        from alcore.kernels.expected_labels import expected

        def fill(cells: Array, first: int, tolerance: float, out: Array, valid: Bools) -> None:
            expected(cells, self.draws_t, self.kernels_tlt, tolerance, out, valid)

        values_nl = fill_rows(block, fill, (len(self.sizes),), np.float64)
        values_ln = np.ascontiguousarray(values_nl.T)
        for place, size in enumerate(self.sizes):
            in_it = np.flatnonzero(told.counts_lm[place])
            count_m, row_m = told.counts_lm[place, in_it], told.rows_m[in_it] - block.start
            whole_m = values_ln[place, row_m] * size
            rest_m = whole_m - count_m * told.own_m[in_it]
            rest_m[(rest_m <= ROUNDING * whole_m) | (count_m == size)] = 0.0
            values_ln[place, row_m] = rest_m / np.maximum(size - count_m, 1)
        values_ln *= SPREAD**2 / self.draws_t.size**2
        return values_ln


@final
@dataclass(frozen=True, eq=False)
class _InSets:
    """Rows M in any of several sets, ascending, how often each is in each set, and the squared norms of their centred kernels."""

    rows_m: Rows
    counts_lm: Rows
    own_m: Float64s

    def __getitem__(self, part: slice | Rows) -> _InSets:
        return _InSets(self.rows_m[part], self.counts_lm[:, part], self.own_m[part])


@final
@dataclass(frozen=True, eq=False)
class ExpectedLabels(Pool):
    """Predictions that are read again for each pass. Labels are averaged over their distribution."""

    probs: Any
    reading: Reading
    count: int
    draws_t: Rows

    @property
    def rows(self) -> int:
        return self.count

    def measure(
        self, sets: Sequence[Rows], batch: Sequence[int] = ()
    ) -> tuple[tuple[ExpectedKernels, _InSets], Float64s]:
        """The rows of the sets are read, and their kernels are summed in the order of rows, which no block changes."""
        from alcore.kernels.expected_labels import centred_kernels

        batch_b = np.array(batch, np.int64)
        rows_m, draws = np.unique(np.concatenate([*sets, batch_b])), self.draws_t.size
        probs_mct = self._read(rows_m)
        counts_lm = np.zeros((len(sets), len(rows_m)), np.int64)
        own_m, sum_tt = np.zeros(len(rows_m)), np.empty((draws, draws))
        kernels_tlt = np.empty((draws, len(sets), draws))
        for place, rows in enumerate(sets):
            np.add.at(counts_lm[place], np.searchsorted(rows_m, rows), 1)
            used = np.flatnonzero(counts_lm[place])
            own_r = np.empty(len(used))
            centred_kernels(probs_mct[used], self.draws_t, counts_lm[place, used], sum_tt, own_r)
            own_m[used] = own_r
            kernels_tlt[:, place] = (2 * sum_tt - np.diag(np.diag(sum_tt))) / len(rows)
        kernels = ExpectedKernels(kernels_tlt, self.draws_t, [len(rows) for rows in sets])
        in_sets = _InSets(rows_m, counts_lm, own_m)
        values_lb = np.empty((len(sets), len(batch)))
        for place, at in enumerate(np.searchsorted(rows_m, batch_b)):
            row = Block(int(rows_m[at]), probs_mct[at : at + 1], "probs", None, None, "probs")
            values_lb[:, place] = kernels.values(row, in_sets[np.array([at])])[:, 0]
        return (kernels, in_sets), values_lb

    def scan(self, measure: tuple[ExpectedKernels, _InSets], batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        (kernels, in_sets), batch_b = measure, np.sort(np.array(batch, np.int64))
        rows = 0

        def tell(start: int, stop: int) -> tuple[_InSets, Rows]:
            return in_sets[inside(in_sets.rows_m, start, stop)], batch_b[inside(batch_b, start, stop)]

        def work(block: Block, told: tuple[_InSets, Rows]) -> tuple[int, Kept]:
            left_n = not_in_batch(block.start, len(block), told[1])
            return len(block), keep(block.start, kernels.values(block, told[0]), left_n)

        def parts() -> Iterator[Kept]:
            nonlocal rows
            source = open_source(self.probs, self.reading, cost=COST)
            for length, kept in map_blocks(source, work, self.reading, tell=tell):
                rows += length
                yield kept

        found = all_of(parts())
        if rows != self.rows:
            door.refuse_unequal_rows("probs", self.rows, rows, "the pass before")
        return found

    def _read(self, rows_m: Rows) -> Array:
        """Those rows, in order."""
        cells, _ = gather_rows(open_source(self.probs, self.reading), rows_m, Reading(self.reading.kind))
        if len(cells) != len(rows_m):
            door.refuse_unequal_rows("probs", self.rows, len(cells), "the pass before")
        return cells


def expect_labels(probs: Any, reading: Reading, rng: np.random.Generator) -> ExpectedLabels:
    rng.integers(2**64, dtype=np.uint64)  # the sets of a seed are then those of drawn labels
    uniform = rng.random()
    if not can_reread(probs):
        why = "Expected labels need several reads (labels='drawn' needs one)"
        door.refuse_single_reading("probs", why, reading.kind, reading.axes)
    source = open_source(probs, reading)
    refuse_events(source)
    draws = source.cell_shape[-1]
    draws_t = resample(door.as_weights(reading.weights, draws), draws, uniform)
    return ExpectedLabels(probs, reading, count_rows(probs, reading), draws_t)
