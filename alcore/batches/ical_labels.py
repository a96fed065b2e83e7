"""Labels of a pool, drawn or expected, and how much those of each row depend on those of sets of rows (HSIC)."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, Protocol, Self, TypeAlias, TypeVar, final

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, Float64s, Reading
from alcore.sources.blocks import Block, gather_rows, join_rows, map_blocks
from alcore.sources.held import hold_rows
from alcore.sources.reading import can_reread, count_rows, open_source, refuse_events
from alcore.sources.spread import Spread
from alcore.sources.threads import map_in_order

Rows: TypeAlias = npt.NDArray[np.int64]

ALPHAS = (0.2, 0.5, 1.0, 2.0, 5.0)  # of the authors' mixture of rational quadratic kernels
# 1 - kappa: one-hot labels are equal, kernel 1, or at squared distance 2, so a kernel is kappa and this where they are equal.
SPREAD = 1.0 - sum((1.0 + 1.0 / alpha) ** -alpha for alpha in ALPHAS) / len(ALPHAS)
TILE = 4096  # rows of labels handed to a thread
COST = 64  # of a row of expected labels, in row-wise measures
ROUNDING = 1e-13  # what is left of a sum when all its terms are taken away again


class Found(Protocol):
    """What is kept of some rows."""

    def merged(self, later: Self) -> Self:
        """The same of these rows and of rows after them."""


Kept = TypeVar("Kept", bound=Found)
Keep: TypeAlias = Callable[[int, Float64s, Bools], Kept]  # of rows from a first one: HSIC (sets, n), which are no picks


class Pool(ABC):
    """Rows whose labels can be compared."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """N."""

    @abstractmethod
    def measure(self, sets: Sequence[Rows], batch: Sequence[int] = ()) -> tuple[Any, Float64s]:
        """What `scan` needs of the sets, and (sets, B): HSIC of each row of a batch with each set."""

    @abstractmethod
    def scan(self, measure: Any, batch: Sequence[int], keep: Keep[Kept]) -> Kept:
        """What is kept of all rows. ``keep`` gets HSIC of some rows with each set, and which of them are not in the batch."""


def _all_of(parts: Iterable[Kept]) -> Kept:
    return reduce(lambda found, later: found.merged(later), parts)


def _others(start: int, rows: int, batch_b: Rows) -> Bools:
    """Which of so many rows are not in a batch."""
    left_n = np.ones(rows, np.bool_)
    left_n[batch_b[(batch_b >= start) & (batch_b < start + rows)] - start] = False
    return left_n


def _inside(rows_m: Rows, start: int, stop: int) -> slice:
    """Where rows ``start`` to ``stop`` are among some rows, ascending."""
    first, last = np.searchsorted(rows_m, [start, stop])
    return slice(int(first), int(last))


# --- drawn labels -----------------------------------------------------------------------------------------------------


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
            left_n = _others(first + start, len(tile_nt), batch_b)
            return keep(first + start, self.values(tile_nt, classes), left_n)

        return _all_of(map_in_order(work, iter(range(0, len(labels_nt), TILE))))


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
            here, own = _inside(rows_m, start, stop), _inside(asked, start, stop)
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
            return (batch_b[_inside(batch_b, start, stop)],)

        parts: Iterator[tuple[int, Kept]] = self.held.map(work, tell)
        return _all_of(kept for _, kept in parts)


def _count_on_worker(start: int, labels: Array, told: tuple[Rows, Rows, Rows]) -> tuple[dict[int, Array], Array]:
    """The pairs of each set that has some of the rows, in the smallest numbers that hold them, and the labels of other rows."""
    (rows_m, set_m, asked), labels_nt = told, labels[:, 0]
    counts = {int(place): _count_pairs(labels_nt, rows_m[set_m == place]) for place in np.unique(set_m)}
    return {place: pairs.astype(np.min_scalar_type(pairs.max())) for place, pairs in counts.items()}, labels_nt[asked]


# --- expected labels --------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True, eq=False)
class ExpectedKernels:
    """The mean centred kernel of each of several sets, as the kernel `expected` takes it."""

    kernels_tlt: Float64s
    draws_t: Rows
    sizes: list[int]

    def values(self, block: Block, told: _InSets) -> Float64s:
        """(sets, n): HSIC of each row with each set. A row leaves the sets that it is in."""
        from alcore.kernels.ical import expected

        def fill(cells: Array, first: int, tolerance: float, out: Array, valid: Bools) -> None:
            expected(cells, self.draws_t, self.kernels_tlt, tolerance, out, valid)

        values_nl = _fill_rows(block, fill, (len(self.sizes),), np.float64)
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
        from alcore.kernels.ical import centred_kernels

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
            return in_sets[_inside(in_sets.rows_m, start, stop)], batch_b[_inside(batch_b, start, stop)]

        def work(block: Block, told: tuple[_InSets, Rows]) -> tuple[int, Kept]:
            left_n = _others(block.start, len(block), told[1])
            return len(block), keep(block.start, kernels.values(block, told[0]), left_n)

        def parts() -> Iterator[Kept]:
            nonlocal rows
            source = open_source(self.probs, self.reading, cost=COST)
            for length, kept in map_blocks(source, work, self.reading, tell=tell):
                rows += length
                yield kept

        found = _all_of(parts())
        if rows != self.rows:
            door.refuse_unequal_rows("probs", self.rows, rows, "the pass before")
        return found

    def _read(self, rows_m: Rows) -> Array:
        """Those rows, in order."""
        cells, _ = gather_rows(open_source(self.probs, self.reading), rows_m, Reading(self.reading.kind))
        if len(cells) != len(rows_m):
            door.refuse_unequal_rows("probs", self.rows, len(cells), "the pass before")
        return cells


# --- reading ----------------------------------------------------------------------------------------------------------


def draw_labels(probs: Any, reading: Reading, rng: np.random.Generator) -> DrawnLabels | HeldLabels:
    """Draw labels in one pass. A label depends only on the key, its row and its draw, and not on how the source is cut."""
    key, uniform = rng.integers(2**64, dtype=np.uint64), rng.random()

    def work(block: Block) -> Array:
        from alcore.kernels.ical import draw

        classes, *events, draws = block.array.shape[1:]
        if events:
            door.refuse_event_axes("probs", block.array.shape[1:], block.axes)
        draws_t = _resample(block.weights, draws, uniform)

        def fill(cells: Array, first: int, tolerance: float, out: Array, valid: Bools) -> None:
            draw(cells, draws_t, block.weights is not None, key, first, tolerance, out, valid)

        return _fill_rows(block, fill, (draws,), np.min_scalar_type(door.outcomes(block.kind, classes) - 1))

    source = open_source(probs, reading)
    if source.spread is not None and source.rows and reading.kind != "mean":
        refuse_events(source)
        outcomes, draws = source.joint_shape
        held = hold_rows(source, work, reading, draws, np.min_scalar_type(outcomes - 1))
        return HeldLabels(held, source.rows, draws, outcomes, {})
    labels_nt = join_rows(map_blocks(source, work, reading), source.rows, "probs")
    return DrawnLabels(labels_nt, int(labels_nt.max(initial=0)) + 1)


def expect_labels(probs: Any, reading: Reading, rng: np.random.Generator) -> ExpectedLabels:
    rng.integers(2**64, dtype=np.uint64)  # the sets of a seed are then those of drawn labels
    uniform = rng.random()
    if not can_reread(probs):
        why = "Expected labels need several reads (labels='drawn' needs one)"
        door.refuse_single_reading("probs", why, reading.kind, reading.axes)
    source = open_source(probs, reading)
    refuse_events(source)
    draws = source.cell_shape[-1]
    draws_t = _resample(door.as_weights(reading.weights, draws), draws, uniform)
    return ExpectedLabels(probs, reading, count_rows(probs, reading), draws_t)


def _resample(weights: Float64s | None, draws: int, uniform: float) -> Rows:
    """As many draws of equal weight. Each appears as often as its weight requires, rounded up or down."""
    if weights is None:
        return np.arange(draws)
    places = (uniform + np.arange(draws)) / draws
    last = int(np.flatnonzero(weights)[-1])  # the weights' sum may round to less than the last place
    return np.minimum(np.searchsorted(np.cumsum(weights), places, side="right"), last)


def _fill_rows(block: Block, fill: Callable[..., None], shape: tuple[int, ...], dtype: npt.DTypeLike) -> Array:
    """What ``fill(cells, first, tolerance, out, valid)`` writes into ``out`` (R, *shape) for the rows from ``first`` on."""
    rows = np.empty((len(block), *shape), dtype)
    done = 0

    def measure(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        nonlocal done
        fill(cells, block.start + done, tolerance, rows[done : done + len(cells)], valid)
        done += len(cells)

    block.score_outcomes(measure)
    return rows
