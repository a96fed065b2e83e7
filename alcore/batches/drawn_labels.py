"""Labels drawn from the predictions of a pool, and how much those of each row depend on those of sets of rows (HSIC)."""

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
from alcore.sources.blocks import Block, join_rows, map_blocks
from alcore.sources.held import hold_rows
from alcore.sources.reading import open_source, refuse_events
from alcore.sources.spread import Spread
from alcore.sources.threads import map_in_order

TILE = 4096  # rows of labels handed to a thread


@final
@dataclass(frozen=True, eq=False)
class PairCounts:
    """How often the labels of a set are equal at each pair of draws, as the kernel `dependence` takes it, of several sets."""

    words_qttw: Rows
    totals_l: Rows
    packed: bool
    sizes_l: Float64s

    @classmethod
    def of(cls, pairs_ltt: Sequence[Array], sizes: Sequence[int]) -> PairCounts:
        from alcore.kernels.ical import WORDS

        draws = len(pairs_ltt[0])
        # A word is at most T |R|, either sign, and the groups of a row have at most T^2 / 2 pairs: two sums then share a word.
        packed = draws**3 * max(sizes) < 1 << 32
        lanes = WORDS * (2 if packed else 1)
        chunks = -(-len(sizes) // lanes)
        words_qttw = np.zeros((chunks, draws, draws, WORDS), np.int64)
        totals_l = np.zeros(chunks * lanes, np.int64)
        for place, pairs_tt in enumerate(pairs_ltt):
            sum_t = pairs_tt.sum(axis=1)
            centred_tt = draws * pairs_tt - sum_t[:, None] - sum_t
            totals_l[place] = sum_t.sum()
            own_tt = 2 * centred_tt - np.diag(np.diag(centred_tt))
            words_qttw[place // lanes, :, :, place % WORDS] += own_tt << (32 if place % lanes >= WORDS else 0)
        return cls(words_qttw, totals_l, packed, np.array(sizes, np.float64))

    def values(self, labels_nt: Array, classes: int) -> Float64s:
        """(sets, n): HSIC of each row with each set."""
        from alcore.kernels.ical import dependence

        values_ln, draws = np.empty((len(self.totals_l), len(labels_nt))), labels_nt.shape[1]
        dependence(labels_nt, classes, self.words_qttw, self.totals_l, self.packed, values_ln)
        values_ln = values_ln[: len(self.sizes_l)]
        values_ln *= (SPREAD**2 / draws**4 / self.sizes_l)[:, None]
        return values_ln

    def scan(self, labels_nt: Array, classes: int, first: int, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        """What is kept of rows from ``first`` on."""
        batch_b = np.array(batch, np.int64)

        def work(start: int) -> Kept:
            tile_nt = labels_nt[start : start + TILE]
            left_n = not_in_batch(first + start, len(tile_nt), batch_b)
            return keep(first + start, self.values(tile_nt, classes), left_n)

        return all_of(map_in_order(work, iter(range(0, len(labels_nt), TILE))))


def _count_pairs(labels_nt: Array, rows: Rows) -> Rows:
    from alcore.kernels.ical import count_pairs

    draws = labels_nt.shape[1]
    pairs_tt = np.empty((draws, draws), np.int64)
    count_pairs(labels_nt, rows, pairs_tt)
    return pairs_tt


@final
@dataclass(frozen=True, eq=False)
class DrawnLabels(Pool):
    """One label for each row and draw."""

    labels_nt: Array
    classes: int

    @property
    def rows(self) -> int:
        return len(self.labels_nt)

    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[PairCounts, Float64s]:
        counts = PairCounts.of([_count_pairs(self.labels_nt, rows) for rows in sets], [len(rows) for rows in sets])
        return counts, counts.values(self.labels_nt[np.array(batch, np.int64)], self.classes)

    def scan(self, measure: PairCounts, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        return measure.scan(self.labels_nt, self.classes, 0, batch, keep)


@final
@dataclass(frozen=True, eq=False)
class HeldLabels(Pool):
    """One label for each row and draw, on the workers that drew them. They count the pairs of sets, and score their rows."""

    held: Spread
    rows_n: int
    draws: int
    classes: int  # at most
    known: dict[int, Array]  # the labels (T,) of earlier picks

    @property
    def rows(self) -> int:
        return self.rows_n

    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[PairCounts, Float64s]:
        sizes = [len(rows) for rows in sets]
        rows_m, set_m = np.concatenate(sets), np.repeat(np.arange(len(sets)), sizes)
        order = np.argsort(rows_m, kind="stable")
        rows_m, set_m = rows_m[order], set_m[order]
        asked = np.array(sorted(set(batch) - set(self.known)), np.int64)

        def tell(start: int, stop: int) -> tuple[Rows, Rows, Rows]:
            here, own = inside(rows_m, start, stop), inside(asked, start, stop)
            return rows_m[here] - start, set_m[here], asked[own] - start

        pairs_ltt = [np.zeros((self.draws, self.draws), np.int64) for _ in sets]
        labels: list[Array] = []
        for _, (counts, labels_bt) in self.held.map(_count_on_worker, tell, np.union1d(rows_m, asked)):
            for place, counts_tt in counts.items():
                pairs_ltt[place] += counts_tt
            labels.extend(labels_bt)
        self.known.update(zip(asked.tolist(), labels, strict=True))
        counts = PairCounts.of(pairs_ltt, sizes)
        batch_bt = np.array([self.known[row] for row in batch], np.min_scalar_type(self.classes - 1)).reshape(
            len(batch), self.draws
        )
        return counts, counts.values(batch_bt, self.classes)

    def scan(self, measure: PairCounts, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        classes, batch_b = self.classes, np.sort(np.array(batch, np.int64))

        def work(start: int, labels: Array, told: tuple[Rows]) -> Kept:
            return measure.scan(labels[:, 0], classes, start, told[0].tolist(), keep)

        def tell(start: int, stop: int) -> tuple[Rows]:
            return (batch_b[inside(batch_b, start, stop)],)

        parts: Iterator[tuple[int, Kept]] = self.held.map(work, tell)
        return all_of(kept for _, kept in parts)


def _count_on_worker(start: int, labels: Array, told: tuple[Rows, Rows, Rows]) -> tuple[dict[int, Array], Array]:
    """The pairs of each set that has some of the rows, in the smallest numbers that hold them, and the labels of other rows."""
    (rows_m, set_m, asked), labels_nt = told, labels[:, 0]
    counts = {int(place): _count_pairs(labels_nt, rows_m[set_m == place]) for place in np.unique(set_m)}
    return {place: pairs.astype(np.min_scalar_type(pairs.max())) for place, pairs in counts.items()}, labels_nt[asked]


def draw_labels(probs: Any, reading: Reading, rng: np.random.Generator) -> DrawnLabels | HeldLabels:
    """Draw labels in one pass. A label depends only on the key, its row and its draw, and not on how the source is cut."""
    key, uniform = rng.integers(2**64, dtype=np.uint64), rng.random()

    def work(block: Block) -> Array:
        from alcore.kernels.ical import draw

        classes, *events, draws = block.array.shape[1:]
        if events:
            door.refuse_event_axes("probs", block.array.shape[1:], block.axes)
        draws_t = resample(block.weights, draws, uniform)

        def fill(cells: Array, first: int, tolerance: float, out: Array, valid: Bools) -> None:
            draw(cells, draws_t, block.weights is not None, key, first, tolerance, out, valid)

        return fill_rows(block, fill, (draws,), np.min_scalar_type(door.outcomes(block.kind, classes) - 1))

    source = open_source(probs, reading)
    if source.spread is not None and source.rows and reading.kind != "mean":
        refuse_events(source)
        outcomes, draws = source.joint_shape
        held = hold_rows(source, work, reading, draws, np.min_scalar_type(outcomes - 1))
        return HeldLabels(held, source.rows, draws, outcomes, {})
    labels_nt = join_rows(map_blocks(source, work, reading), source.rows, "probs")
    return DrawnLabels(labels_nt, int(labels_nt.max(initial=0)) + 1)
