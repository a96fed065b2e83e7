"""ICAL: the batch whose labels depend most on those of the rest of the pool, across the posterior draws."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Unpack, final

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.sources.blocks import Block, gather_rows, score_blocks
from alcore.sources.names import with_names
from alcore.sources.reading import can_reread, count_rows, open_source, refuse_events
from alcore.sources.threads import map_in_order

Rows = npt.NDArray[np.int64]

ALPHAS = (0.2, 0.5, 1.0, 2.0, 5.0)  # of the authors' mixture of rational quadratic kernels
# 1 - kappa: one-hot labels are equal, kernel 1, or at squared distance 2, so a kernel is kappa and this where they are equal.
SPREAD = 1.0 - sum((1.0 + 1.0 / alpha) ** -alpha for alpha in ALPHAS) / len(ALPHAS)
TOGETHER = 16  # picks whose reference sets are read in one pass over the labels, or over the source
TILE = 4096  # rows of labels handed to a thread
COST = 64  # of a row of expected labels, in row-wise measures
ROUNDING = 1e-13  # what is left of a sum when all its terms are taken away again


@shows_options()
def ical(
    probs: Any,
    k: int,
    *,
    pointwise: bool = False,
    labels: str = "drawn",
    references: int = 200,
    comparisons: int = 20,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """ICAL, information condensing: the k rows whose labels depend most on the pool's, HSIC(n, R) = (1−κ)²/T² tr(Y_nᵀ H K_R H Y_n).

    - Y_n (T, C) are one-hot labels y_nt ~ p_nt, one for each row and draw.
    - H is the centring matrix.
    - K_R = mean_{r∈R} Y_r Y_rᵀ. The function draws R from the pool with replacement, anew for each pick. With one R for all picks
      the batch would be the top k of HSIC.
    - κ is the mean of (1 + 1/α)^−α over α ∈ {0.2, 0.5, 1, 2, 5}. This is the mixture of rational quadratic kernels of the paper,
      without a T×T kernel for each row.

    Paper: Jain et al. 2020 (arXiv:2002.07916).

    The draws must be consistent: draw t is the same network for every row. An ensemble is consistent. Plain MC dropout takes a new
    mask for every row and is not consistent. ICAL cannot see this, and measures nothing.

    With `pointwise` the picks after the first maximise HSIC(R, B∪n) · (mean_{r∈D} max(1, (h(r, B∪n) + a)/(h(r, B) + a)) − 1)
    instead. B are the picks so far. D are further rows of the pool. h(r, B) is the mean HSIC(r, i) of i ∈ B. a is 1e-8 + the larger
    of the least h(r, B∪n) and the least h(r, B). Rows that add nothing to what B tells about D count less.

    Args:
        probs: (N, C, T) probabilities or logits from any source.
        k: query size. If k ≥ N, the batch has all N rows in the order chosen.
        pointwise: True for the paper's ICAL-pointwise, see above.
        labels: "drawn" as in the paper, or "expected", which has no sampling noise. With "expected", Y_n Y_nᵀ becomes p_t·p_u off
            its diagonal and stays 1 on it, and the candidate row leaves R and D. This reads the source more than once.
        references: how many rows R has, at least 1.
        comparisons: how many rows D has, at least 1.
        rng: None for a fresh random state, a seed, or a `numpy.random.Generator`. A label depends only on `rng`, the row and the
            draw.
        kind: as in `entropy`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw. The function replaces the draws by T draws of equal weight, by systematic resampling.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch`. Its scores are what each pick maximised, no unit, HSIC 0 … (1−κ)²/4, with q = 1 and support = 1. The cost is
            O(N·(C·T + k·T²/C)) time, O(N·T) bytes for the labels and 64·T² bytes for pairs of draws. With `pointwise` each pick
            takes `comparisons` times the work. Expected labels take O(N·T²·(C + k)) time and two passes for every 16 picks, or for
            each pick with `pointwise`.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for event axes, for an unknown `labels`, and for expected labels of a source that can be read only
            once.

    >>> import alcore, numpy
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> probs[:40] = numpy.eye(3)[:, :1]  # certain rows tell nothing
    >>> sorted(alcore.ical(probs, k=3, rng=0).indices.tolist())
    [40, 44, 48]
    """
    count, each = door.as_count(k), door.as_flag(pointwise, "pointwise")
    references, comparisons = door.as_size(references, "references"), door.as_size(comparisons, "comparisons")
    read = _draw if door.as_label_mode(labels) == "drawn" else _expect
    generator = door.as_rng(rng)
    reading = Reading.of(options, ReadingOptions)
    pool = read(probs, reading, generator)
    picks = _Picks(pool.rows, min(count, pool.rows))
    if each:
        _pick_pointwise(picks, pool, references, comparisons, generator)
    else:
        _pick(picks, pool, references, generator)
    ones = np.ones(picks.count)
    batch = Batch(np.array(picks.chosen, np.int64), np.array(picks.scores), ones, ones.astype(np.int64))
    return with_names(batch, probs, reading)


# --- picks ------------------------------------------------------------------------------------------------------------


class _Picks:
    """Rows picked so far, all different."""

    def __init__(self, rows: int, count: int) -> None:
        self.rows, self.count = rows, count
        self.chosen: list[int] = []
        self.scores: list[float] = []
        try:
            self.left_n = np.ones(rows, np.bool_)
        except (MemoryError, ValueError):
            door.refuse_too_many_rows("probs", rows)

    def take_best(self, values_n: Float64s) -> None:
        """Take the row of largest value among the rows left, the lowest row among equal values."""
        row = int(np.where(self.left_n, values_n, -np.inf).argmax())
        self.chosen.append(row)
        self.scores.append(float(values_n[row]))
        self.left_n[row] = False

    def draw(self, size: int, rng: np.random.Generator) -> Rows:
        return rng.integers(self.rows, size=size)


def _pick(picks: _Picks, pool: _Pool, references: int, rng: np.random.Generator) -> None:
    """Each pick has a reference set of its own, and none depends on earlier picks. So one pass serves several picks."""
    while len(picks.chosen) < picks.count:
        together = min(TOGETHER, picks.count - len(picks.chosen))
        for values_n in pool.dependence([picks.draw(references, rng) for _ in range(together)]):
            picks.take_best(values_n)


def _pick_pointwise(picks: _Picks, pool: _Pool, references: int, comparisons: int, rng: np.random.Generator) -> None:
    while len(picks.chosen) < picks.count:
        reference, batch = picks.draw(references, rng), picks.chosen
        if not batch:
            picks.take_best(pool.dependence([reference])[0])
            continue
        others = [row[None] for row in picks.draw(comparisons, rng)]
        values_ln = pool.dependence([reference, *others])
        total_n, after_dn = values_ln[0], values_ln[1:]
        before_d = after_dn[:, batch].mean(axis=1, keepdims=True)
        after_dn += before_d * len(batch)
        after_dn /= len(batch) + 1
        after_dn[:, batch] = np.inf
        least = 1e-8 + max(after_dn.min(), before_d.min())
        after_dn[:, batch] = 0.0
        after_dn += least
        after_dn /= before_d + least
        gains_n = np.maximum(1.0, after_dn, out=after_dn).mean(axis=0) - 1.0
        picks.take_best((total_n[batch].sum() + total_n) / (len(batch) + 1) * gains_n)


# --- pools ------------------------------------------------------------------------------------------------------------


class _Pool(ABC):
    """Rows whose labels can be compared."""

    @property
    @abstractmethod
    def rows(self) -> int:
        """N."""

    @abstractmethod
    def dependence(self, sets: Sequence[Rows]) -> Float64s:
        """(sets, N): HSIC of each row with each set of rows."""


@final
@dataclass(frozen=True, eq=False)
class DrawnLabels(_Pool):
    """One label for each row and draw."""

    labels_nt: Array
    classes: int

    @property
    def rows(self) -> int:
        return len(self.labels_nt)

    def dependence(self, sets: Sequence[Rows]) -> Float64s:
        from alcore.kernels.ical import WORDS, dependence

        draws = self.labels_nt.shape[1]
        largest = max(map(len, sets))
        # A word is at most T |R|, either sign, and the groups of a row have at most T^2 / 2 pairs: two sums then share a word.
        packed = draws**3 * largest < 1 << 32
        lanes = WORDS * (2 if packed else 1)
        chunks = -(-len(sets) // lanes)
        words_qttw = np.zeros((chunks, draws, draws, WORDS), np.int64)
        totals_l = np.zeros(chunks * lanes, np.int64)
        for place, rows in enumerate(sets):
            own_tt, totals_l[place] = self._weigh_pairs(rows)
            words_qttw[place // lanes, :, :, place % WORDS] += own_tt << (32 if place % lanes >= WORDS else 0)
        values_ln = np.empty((chunks * lanes, self.rows))

        def fill(start: int) -> None:
            part = slice(start, start + TILE)
            out_lr = np.empty((chunks * lanes, len(self.labels_nt[part])))
            dependence(self.labels_nt[part], self.classes, words_qttw, totals_l, packed, out_lr)
            values_ln[:, part] = out_lr

        for _ in map_in_order(fill, iter(range(0, self.rows, TILE))):
            pass
        sizes = np.array([len(rows) for rows in sets], np.float64)
        values_ln[: len(sets)] *= (SPREAD**2 / draws**4 / sizes)[:, None]
        return values_ln[: len(sets)]

    def _weigh_pairs(self, rows: Rows) -> tuple[Rows, int]:
        """The set's matrix as the kernel `dependence` takes it, and its total."""
        from alcore.kernels.ical import count_pairs

        draws = self.labels_nt.shape[1]
        pairs_tt = np.empty((draws, draws), np.int64)
        count_pairs(self.labels_nt, rows, pairs_tt)
        sum_t = pairs_tt.sum(axis=1)
        centred_tt = draws * pairs_tt - sum_t[:, None] - sum_t
        return 2 * centred_tt - np.diag(np.diag(centred_tt)), int(sum_t.sum())


@final
@dataclass(frozen=True, eq=False)
class ExpectedLabels(_Pool):
    """Predictions that are read again for each pass. Labels are averaged over their distribution."""

    probs: Any
    reading: Reading
    count: int
    draws_t: Rows

    @property
    def rows(self) -> int:
        return self.count

    def dependence(self, sets: Sequence[Rows]) -> Float64s:
        kernels_tlt, rows_m, counts_lm, own_m = self._read_sets(sets)
        draws_t = self.draws_t

        def work(block: Block) -> Float64s:
            from alcore.kernels.ical import expected

            def fill(cells: Array, first: int, tolerance: float, out: Array, valid: Bools) -> None:
                expected(cells, draws_t, kernels_tlt, tolerance, out, valid)

            return _fill_rows(block, fill, (kernels_tlt.shape[1],), np.float64)

        values_nl = score_blocks(self.probs, work, self.reading, cost=COST)
        if len(values_nl) != self.rows:
            door.refuse_unequal_rows("probs", self.rows, len(values_nl), "the pass before")
        values_ln = np.ascontiguousarray(values_nl.T)
        for place, rows in enumerate(sets):  # a row leaves the sets that it is in
            in_it = np.flatnonzero(counts_lm[place])
            count_m, row_m = counts_lm[place, in_it], rows_m[in_it]
            whole_m = values_ln[place, row_m] * len(rows)
            rest_m = whole_m - count_m * own_m[in_it]
            rest_m[(rest_m <= ROUNDING * whole_m) | (count_m == len(rows))] = 0.0
            values_ln[place, row_m] = rest_m / np.maximum(len(rows) - count_m, 1)
        values_ln *= SPREAD**2 / self.draws_t.size**2
        return values_ln

    def _read_sets(self, sets: Sequence[Rows]) -> tuple[Float64s, Rows, Rows, Float64s]:
        """The mean centred kernel of each set as the kernel `expected` takes it; the rows M in any of them, how often
        each is in each, and the squared norms of their centred kernels.
        """
        from alcore.kernels.ical import centred_kernels

        rows_m = np.unique(np.concatenate(sets))
        probs_mct = self._read(rows_m)
        counts_lm = np.zeros((len(sets), len(rows_m)), np.int64)
        own_m, draws = np.zeros(len(rows_m)), self.draws_t.size
        kernels_tlt, sum_tt = np.empty((draws, len(sets), draws)), np.empty((draws, draws))
        for place, rows in enumerate(sets):
            np.add.at(counts_lm[place], np.searchsorted(rows_m, rows), 1)
            used = np.flatnonzero(counts_lm[place])
            own_r = np.empty(len(used))
            centred_kernels(probs_mct[used], self.draws_t, counts_lm[place, used], sum_tt, own_r)
            own_m[used] = own_r
            kernels_tlt[:, place] = (2 * sum_tt - np.diag(np.diag(sum_tt))) / len(rows)
        return kernels_tlt, rows_m, counts_lm, own_m

    def _read(self, rows_m: Rows) -> Array:
        """Those rows, in order."""
        cells, _ = gather_rows(open_source(self.probs, self.reading), rows_m, Reading(self.reading.kind))
        if len(cells) != len(rows_m):
            door.refuse_unequal_rows("probs", self.rows, len(cells), "the pass before")
        return cells


def _draw(probs: Any, reading: Reading, rng: np.random.Generator) -> DrawnLabels:
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

    labels_nt = score_blocks(probs, work, reading)
    return DrawnLabels(labels_nt, int(labels_nt.max(initial=0)) + 1)


def _expect(probs: Any, reading: Reading, rng: np.random.Generator) -> ExpectedLabels:
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
