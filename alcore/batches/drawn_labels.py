"""Labels drawn from the predictions of a pool, and how much those of each row depend on those of sets of rows (HSIC)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np

from alcore import door
from alcore.batches.ical_labels import (
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
from alcore.batches.label_pairs import Dependence, Forms, count_equal
from alcore.door import Array, Bools, Float64s, Reading
from alcore.sources.blocks import Block, join_rows, map_blocks
from alcore.sources.held import hold_rows
from alcore.sources.reading import open_source, refuse_events
from alcore.sources.spread import Spread
from alcore.sources.threads import map_in_order

TILE, TILE_LABELS = 4096, 1 << 18  # the most rows, and labels, handed to a thread: many draws take long


@final
@dataclass(frozen=True, eq=False)
class DrawnLabels(Pool):
    """One label for each row and draw."""

    labels_nt: Array
    classes: int

    @property
    def rows(self) -> int:
        return len(self.labels_nt)

    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[Dependence, Float64s]:
        forms = Forms.of(sets, self.labels_nt.shape[1], self.classes)
        pairs_ltt = [count_equal(self.labels_nt[sets[place]]) for place in forms.counted]
        rows = [sets[place][0] for place in forms.single]
        measure = Dependence.of(forms, pairs_ltt, self.labels_nt[np.array(rows, np.int64)])
        return measure, measure.values(self.labels_nt[np.array(batch, np.int64)], self.classes)

    def scan(self, measure: Dependence, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        return _scan(measure, self.labels_nt, self.classes, 0, batch, keep)


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

    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[Dependence, Float64s]:
        forms = Forms.of(sets, self.draws, self.classes)
        rows_m = np.concatenate([sets[place] for place in forms.counted] or [np.empty(0, np.int64)])
        set_m = np.repeat(np.arange(len(forms.counted)), [len(sets[place]) for place in forms.counted])
        order = np.argsort(rows_m, kind="stable")
        rows_m, set_m = rows_m[order], set_m[order]
        single = [int(sets[place][0]) for place in forms.single]
        asked = np.array(sorted({*batch, *single} - set(self.known)), np.int64)

        def tell(start: int, stop: int) -> tuple[Rows, Rows, Rows]:
            here, own = inside(rows_m, start, stop), inside(asked, start, stop)
            return rows_m[here] - start, set_m[here], asked[own] - start

        pairs_ltt = [np.zeros((self.draws, self.draws), np.int64) for _ in forms.counted]
        labels: list[Array] = []
        for _, (counts, labels_bt) in self.held.map(_count_on_worker, tell, np.union1d(rows_m, asked)):
            for place, counts_tt in counts.items():
                pairs_ltt[place] += counts_tt
            labels.extend(labels_bt)
        told = self.known | dict(zip(asked.tolist(), labels, strict=True))
        self.known.update({row: told[row] for row in batch})
        measure = Dependence.of(forms, pairs_ltt, self._stack(told, single))
        return measure, measure.values(self._stack(told, batch), self.classes)

    def _stack(self, told: dict[int, Array], rows: Sequence[int]) -> Array:
        labels = np.array([told[row] for row in rows], np.min_scalar_type(self.classes - 1))
        return labels.reshape(len(rows), self.draws)

    def scan(self, measure: Dependence, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        classes, batch_b = self.classes, np.sort(np.array(batch, np.int64))

        def work(start: int, labels: Array, told: tuple[Rows]) -> Kept:
            return _scan(measure, labels[:, 0], classes, start, told[0].tolist(), keep)

        def tell(start: int, stop: int) -> tuple[Rows]:
            return (batch_b[inside(batch_b, start, stop)],)

        parts: Iterator[tuple[int, Kept]] = self.held.map(work, tell)
        return all_of(kept for _, kept in parts)


def _count_on_worker(start: int, labels: Array, told: tuple[Rows, Rows, Rows]) -> tuple[dict[int, Array], Array]:
    """The pairs of each set that has some of the rows, in the smallest numbers that hold them, and the labels of other rows."""
    (rows_m, set_m, asked), labels_nt = told, labels[:, 0]
    counts = {int(place): count_equal(labels_nt[rows_m[set_m == place]]) for place in np.unique(set_m)}
    return {place: pairs.astype(np.min_scalar_type(pairs.max())) for place, pairs in counts.items()}, labels_nt[asked]


def _scan(
    measure: Dependence, labels_nt: Array, classes: int, first: int, batch: Sequence[int], keep: Keep[Kept]
) -> Kept:
    """What is kept of rows from ``first`` on."""
    rows, draws = labels_nt.shape
    tile, batch_b = max(1, min(TILE, TILE_LABELS // draws)), np.array(batch, np.int64)

    def work(start: int) -> Kept:
        tile_nt = labels_nt[start : start + tile]
        left_n = not_in_batch(first + start, len(tile_nt), batch_b)
        return keep(first + start, measure.values(tile_nt, classes), left_n)

    return all_of(map_in_order(work, iter(range(0, rows, tile))))


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
