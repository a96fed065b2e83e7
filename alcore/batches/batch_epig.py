"""Batch EPIG: the batch whose labels together tell most about the labels of targets."""

from __future__ import annotations

from typing import Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.search.configurations import Configurations, Ints
from alcore.batches.search.histories import Given, Histories
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.scores.epig import Targets, prepare
from alcore.sources.axes import opened
from alcore.sources.best_rows import BestRows, largest_of
from alcore.sources.blocks import Block, map_blocks
from alcore.sources.names import check_same_draws, with_names
from alcore.sources.reading import Source, can_reread, open_source, refuse_events

SLACK = 1e-4  # nats by which rounding, and draws left out, may put a gain above its bound
SMALL = 1 << 22  # rows x targets x configurations that are looked at without histories
REVIEW, FINAL, DECIDED = 128, 32, 4  # rows looked at with more histories, with all, and with all in float64
REVIEW_BYTES = 64 << 20  # that these rows may take


@shows_options()
def batch_epig(
    probs: Any,
    targets: Any,
    k: int,
    *,
    samples: int = 10_000,
    exact: int = 100,
    target_weights: npt.ArrayLike | None = None,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """Batch EPIG, the greedy batch of largest Σ_j v_j I(y_S; y_j): what its labels together tell about each target's label.

    Each pick gains Σ_m ω_m Σ_j v_j I(y_b; y_j | W_m). This is `epig` under the posteriors W_m over draws, averaged over
    configurations m of the labels so far. A gain may exceed the gain of an earlier pick, because two labels can tell together what
    neither tells alone. So the function looks at every row again for every pick. Papers: EPIG, Bickford Smith et al. 2023
    (arXiv:2304.08151); configurations as in BatchBALD (arXiv:1906.08158).

    While the configurations are few (`exact`), the function keeps them all, and the gains of the picks are exact. After that it
    draws `samples` histories of labels from the draws, some for each target, and the gains are estimates. Their standard error was
    0.00002 to 0.00014 nats for gains of 0.004 to 0.026, with 500 targets. The first pick is always exact.

    A pick with more than 4 million triples of a row, a target and a configuration looks at all rows with a twentieth of the
    histories, at the best 128 rows with a fifth, and at the best 32 with all of them, or with all configurations. The best 4 are
    compared in float64. So a pick may be the second best row. On four pools (2000, 10, 100) with 500 targets the first three picks
    were those of an enumeration over all rows. With ``exact=0`` they were worth at most 0.0002 nats less.

    The draws must be consistent: draw t is the same network for every row of the pool and for every target. An ensemble is
    consistent. Plain MC dropout takes a new mask for every row and is not consistent. Batch EPIG cannot see this, and measures
    nothing.

    The batch has these attributes:

    - `scores`: the gain of each pick in nats. The first is that of `epig`.
    - `information`: Σ_j v_j I(y_S; y_j) in nats after each pick, at most the mean `bald` of the targets up to sampling error. If
      sampled, it comes from the histories that chose the picks, so it is a little optimistic.
    - `effective_draws`: mean number of draws that still explain the labels, after each pick.
    - `exact_until`: how many gains are exact.
    - `certified_until`: all picks, because each looks at the whole pool. `saturated_at` and `fill` are None, because large gains
      may follow a gain of 0.

    Args:
        probs: (N, C, T) probabilities or logits from any source that can be read again for every pick. A generator cannot.
        targets: (J, C, T) predictions of the same draws for target inputs, from any source. The function holds them in memory. Take
            inputs like those that you want to predict, never the training set.
        k: query size. If k ≥ N, the batch has all N rows.
        samples: how many histories to sample, for all targets together. The function rounds it up to a multiple of the targets.
            Four times as many halve the error of the gains.
        exact: the function keeps all configurations while configurations × classes are at most this number. With 0 only the first
            pick is exact.
        target_weights: (J,) one weight a target, scaled to sum 1. The default is equal weights.
        rng: None, a seed or a `numpy.random.Generator`. The same seed gives the same bits on any number of threads.
        kind: as in `entropy`, of `probs` and of `targets`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`, of `probs` and, without the event axes, of `targets`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch` in the order chosen. Each pick takes one pass over the pool. A pick costs O((N·J·h + samples)·C²·T) time, where h
            is a twentieth of the histories of a target, at least one, however long the batch is. This is near the time of `epig`,
            times h. While all M configurations are kept it adds O(M·J·C²·T). The function skips rows of too little
            I(y_b; θ | y_S). The memory is O(block + (samples + M)·T + J·C·T).

    Raises:
        TypeError: as `epig`.
        ValueError: as `epig`, for event axes, for a negative `samples` or `exact`, and for an iterable that can be read only once
            where k > 1.

    >>> import alcore, numpy
    >>> one, two = [[1.0, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 0, 1, 0], [0, 1, 0, 1]]  # two questions about four draws
    >>> differ = [[1.0, 0, 0, 1], [0, 1, 1, 0]]  # neither tells alone whether their answers differ
    >>> batch = alcore.batch_epig(numpy.array([one, one, two]), numpy.array([differ]), k=2)
    >>> batch.indices.tolist(), batch.information.round(6).tolist()
    ([0, 2], [0.0, 0.693147])
    """
    count, generator = door.as_count(k), door.as_rng(rng)
    sampled, kept = door.as_count(samples, "samples"), door.as_count(exact, "exact")
    reading = Reading.of(options, ReadingOptions)
    if count > 1 and not can_reread(probs):
        door.refuse_single_reading("probs", "Every pick reads them once", reading.kind, reading.axes)
    check_same_draws(targets, probs, reading, "probs")
    prepared = prepare(targets, reading, target_weights)
    search = _Search(probs, reading, prepared)
    labels = _Labels(prepared, sampled, kept, generator)
    rows: list[int] = []
    gains: list[float] = []
    effective: list[float] = []
    exact_until = 0
    while len(rows) < count and (found := search.next(labels)) is not None:
        row, gain, cells_ct = found
        rows.append(row)
        gains.append(gain)
        exact_until += labels.are_all
        labels.add(cells_ct, more=len(rows) < count)
        effective.append(labels.effective_draws)
    batch = Batch.certain(
        np.array(rows, np.int64),
        np.array(gains, np.float64),
        information=np.cumsum(np.array(gains, np.float64)),
        effective_draws=np.array(effective, np.float64),
        exact_until=exact_until,
        certified_until=len(rows),
    )
    return with_names(batch, probs, reading)


class _Labels:
    """What the labels of the batch may be: all configurations while they are few, and histories."""

    def __init__(self, targets: Targets, samples: int, exact: int, rng: np.random.Generator) -> None:
        self._probs_jct, self._exact = targets.probs_jct, exact
        self._shares_j = door.as_shares(targets.weights_j, len(self._probs_jct))
        self._weights_t = door.as_shares(targets.weights_t, self._probs_jct.shape[-1])
        self._all: Configurations | None = Configurations(self._weights_t, 1, exact, rng, with_noise=False)
        self._samples, self._rng = samples, rng
        self._histories: Histories | None = None
        self._batch: list[Float64s] = []

    @property
    def are_all(self) -> bool:
        """Whether all configurations are kept."""
        return self._all is not None

    @property
    def effective_draws(self) -> float:
        return self.histories.effective_draws if self._all is None else self._all.effective_draws

    @property
    def histories(self) -> Histories:
        if self._histories is None:
            self._histories = Histories(
                self._probs_jct, self._shares_j, self._weights_t, self._samples, self._rng.spawn(1)[0]
            )
            for cells_ct in self._batch:
                self._histories.add(cells_ct)
        return self._histories

    def add(self, cells_ct: Float64s, more: bool) -> None:
        self._batch.append(cells_ct)
        if self._histories is not None:
            self._histories.add(cells_ct)
        if self._all is not None:
            self._all.add(cells_ct)
            if not self._all.is_exact:
                self._all = None

    def steps(self, rows: int) -> list[_Step]:
        """From all rows to the one that is picked."""
        if self._all is None:
            few, more, every = (self.histories.of(step) for step in range(3))
        else:
            every = Given(self._all.rows_ut, self._all.omega_u, self._probs_jct, self._shares_j)
            if rows * len(self._shares_j) * len(self._all.omega_u) <= SMALL:
                return [_Step(every, rows, np.float32), _Step(every, FINAL, np.float64)]
            few, more = self.histories.of(0), self.histories.of(1)
        return [
            _Step(few, rows, np.float32),
            _Step(more, REVIEW, np.float32),
            _Step(every, FINAL, np.float32),
            _Step(every, DECIDED, np.float64),
        ]


class _Step(NamedTuple):
    """What gains are a mean over, of how many rows at most, those of largest gain in the step before, and how they are computed."""

    given: Given
    rows: int
    dtype: type[np.floating]


class _Search:
    """One pass over the pool a pick, and the rows taken so far."""

    def __init__(self, predictions: Any, reading: Reading, targets: Targets) -> None:
        predictions = opened(predictions, reading, "probs")
        self._predictions, self._reading, self._targets = predictions, reading, targets
        self._source: Source | None = open_source(predictions, reading, cost=targets.cost)
        self._taken: list[int] = []
        self._rows = 0
        refuse_events(self._source)
        self.cell_shape = self._source.joint_shape
        if self.cell_shape != targets.probs_jct.shape[1:]:
            door.refuse_other_cells("targets", targets.probs_jct.shape[1:], self.cell_shape)

    def next(self, labels: _Labels) -> tuple[int, float, Float64s] | None:
        """The row of largest gain, the lowest row among equal gains, its gain and its cells. None where no row is left."""
        source, self._source = self._source, None
        if source is None:
            source = open_source(self._predictions, self._reading, cost=self._targets.cost)
        steps = labels.steps(self._rows) if self._taken else []
        best = self._pass(source, steps[0].given if steps else None)
        cells, gain_n, index = best.cells, best.bound, best.index
        for step in steps[1:]:
            kept, _ = largest_of(gain_n, -np.inf, step.rows)
            cells, index = cells[kept], index[kept]
            gain_n = step.given.gains(cells, step.dtype, threads=True)
        if not len(index):
            return None
        place = int(gain_n.argmax())
        self._taken.append(int(index[place]))
        return int(index[place]), max(float(gain_n[place]), 0.0), cells[place].astype(np.float64)

    def _pass(self, source: Source, given: Given | None) -> BestRows:
        """The rows of largest gain, ascending: one of them for the first pick, where gains are exact."""
        cell_bytes = 8 * int(np.prod(self.cell_shape))
        capacity = 1 if given is None else max(FINAL, min(REVIEW, REVIEW_BYTES // cell_bytes))
        buffer = BestRows(capacity, self.cell_shape)
        look = _Look(self._targets, given, np.array(self._taken, np.int64), capacity)
        rows = 0
        for length, gain_n, index, cells in map_blocks(source, look.best, self._reading, tell=lambda *_: buffer.least):
            rows += length
            buffer.offer(cells, gain_n, index)
        buffer.close()
        self._rows = rows
        order = np.argsort(buffer.index)
        buffer.cells, buffer.bound, buffer.index = buffer.cells[order], buffer.bound[order], buffer.index[order]
        return buffer


class _Look:
    """A pass over the pool for one pick, block by block."""

    def __init__(self, targets: Targets, given: Given | None, taken: Ints, most: int) -> None:
        self._targets, self._given, self._taken, self._most = targets, given, taken, most
        self._level = None if given is None else given.level()

    def best(self, block: Block, floor: float) -> tuple[int, Float64s, Ints, Array]:
        """How many rows the block has, and the gains, numbers and cells of the best that reach ``floor``."""

        def measure(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
            from alcore.kernels.distributions import check

            check(cells, tolerance, valid)
            self._measure(cells, valid, floor, out)

        gain_n = block.score_outcomes(self._targets.measure if self._given is None else measure)
        index = np.arange(block.start, block.start + len(block))
        gain_n[np.isin(index, self._taken)] = -np.inf
        # Equal gains reach the floor too: of equal rows the lowest is the pick.
        kept, _ = largest_of(gain_n, max(floor, np.finfo(np.float64).min), self._most)
        return len(block), gain_n[kept], index[kept], block.scored_cells(kept)

    def _measure(self, cells: Array, valid: Bools, floor: float, out: Float64s) -> None:
        """The gain of each row, -inf where it is certain to be under ``floor``."""
        assert self._given is not None
        assert self._level is not None
        rows = np.flatnonzero(valid)
        if floor > -np.inf:
            rows = rows[self._level.bound(cells, rows) + SLACK >= floor]
        out[:] = -np.inf
        out[rows] = self._given.gains(cells[rows])
