"""Batch EPIG: the batch whose labels together tell most about the labels of targets."""

from __future__ import annotations

from functools import cached_property
from typing import Any, NamedTuple, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.search.configurations import Configurations, Ints
from alcore.door import Array, Bools, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.scores.epig import Targets, prepare
from alcore.sources.axes import opened
from alcore.sources.blocks import Block, CellMeasure, map_blocks
from alcore.sources.names import check_same_draws, with_names
from alcore.sources.reading import Source, can_reread, open_source, refuse_events

NEGLIGIBLE = 1e-9  # a draw of smaller posterior weight is left out of its configuration
LEAST = 1e-12  # a target class that a configuration makes less probable is left out: it tells less than 1e-10 nats
SLACK = 1e-5  # nats by which rounding may put a gain above its bound
FINER = 8  # times smaller blocks than those of `epig`: what one block finds lets the next one skip rows


@shows_options()
def batch_epig(
    probs: Any,
    targets: Any,
    k: int,
    *,
    samples: int = 100,
    exact: int = 100,
    target_weights: npt.ArrayLike | None = None,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """Batch EPIG, the greedy batch of largest Σ_j v_j I(y_S; y_j): what its labels together tell about each target's label.

    Each pick gains Σ_m ω_m Σ_j v_j I(y_b; y_j | W_m). This is `epig` under the posteriors W_m over draws, averaged over
    configurations m of the labels so far. The function keeps all configurations while they are few, and samples them after that. A
    gain may exceed the gain of an earlier pick, because two labels can tell together what neither tells alone. So the function
    looks at every row again for every pick. Papers: EPIG, Bickford Smith et al. 2023 (arXiv:2304.08151); configurations as in
    BatchBALD (arXiv:1906.08158).

    The draws must be consistent: draw t is the same network for every row of the pool and for every target. An ensemble is
    consistent. Plain MC dropout takes a new mask for every row and is not consistent. Batch EPIG cannot see this, and measures
    nothing.

    The batch has these attributes:

    - `scores`: the gain of each pick in nats. The first is that of `epig`.
    - `information`: Σ_j v_j I(y_S; y_j) in nats after each pick, at most the mean `bald` of the targets up to sampling error. If
      sampled, it comes from the configurations that chose the picks, so it is a little optimistic.
    - `effective_draws`: mean number of draws that still explain the labels, after each pick.
    - `exact_until`: how many gains are exact.
    - `certified_until`: all picks. `saturated_at` and `fill` are None, because large gains may follow a gain of 0.

    100 configurations cost as much as 100 passes of `epig`. To save time, choose from a subset of the pool, with fewer targets, and
    lower `samples` and `exact`.

    Args:
        probs: (N, C, T) probabilities or logits from any source that can be read again for every pick. A generator cannot.
        targets: (J, C, T) predictions of the same draws for target inputs, from any source. The function holds them in memory. Take
            inputs like those that you want to predict, never the training set.
        k: query size. If k ≥ N, the batch has all N rows.
        samples: how many configurations to sample. The function rounds it down to a multiple of the draws, but takes at least one
            a draw.
        exact: the function keeps all configurations while configurations × classes are at most this number. With 0 it samples from
            the first pick on.
        target_weights: (J,) one weight a target, scaled to sum 1. The default is equal weights.
        rng: None, a seed or a `numpy.random.Generator`. The same seed gives the same bits on any number of threads.
        kind: as in `entropy`, of `probs` and of `targets`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`, of `probs` and, without the event axes, of `targets`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch` in the order chosen. Each pick takes one pass. The cost is O(k·M·N·J·C²·T) time for M configurations, where M is
            1, C, C², … up to `exact`, then up to `samples`. The function skips rows of too little I(y_b; θ | y_S). The memory is
            O(block + J·C·(T + M)).

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
    prior = door.as_shares(prepared.weights_t, search.cell_shape[-1])
    configurations = Configurations(prior, sampled, kept, generator, with_noise=False)
    picks: list[_Pick] = []
    effective: list[float] = []
    exact_until = 0
    while len(picks) < count and (pick := search.next(configurations)) is not None:
        picks.append(pick)
        exact_until += configurations.is_exact
        configurations.add(pick.cells_ct)
        effective.append(configurations.effective_draws)
    gains = np.array([pick.gain for pick in picks], np.float64)
    batch = Batch.certain(
        np.array([pick.row for pick in picks], np.int64),
        gains,
        information=np.cumsum(gains),
        effective_draws=np.array(effective, np.float64),
        exact_until=exact_until,
        certified_until=len(picks),
    )
    return with_names(batch, probs, reading)


class _Pick(NamedTuple):
    row: int
    gain: float
    cells_ct: Float64s


class _Search:
    """One pass over the pool a pick, and the rows taken so far."""

    def __init__(self, predictions: Any, reading: Reading, targets: Targets) -> None:
        predictions = opened(predictions, reading, "probs")
        self._predictions, self._reading, self._targets = predictions, reading, targets
        self._packed = _PackedTargets(targets)
        self._source: Source | None = open_source(predictions, reading, cost=targets.cost)
        self._taken: list[int] = []
        refuse_events(self._source)
        self.cell_shape = self._source.joint_shape
        if self.cell_shape != targets.probs_jct.shape[1:]:
            door.refuse_other_cells("targets", targets.probs_jct.shape[1:], self.cell_shape)

    def _open_again(self) -> Source:
        return open_source(self._predictions, self._reading, cost=FINER * self._targets.cost)

    def next(self, configurations: Configurations) -> _Pick | None:
        """The row of largest gain, the lowest row among equal gains. None where no row is left."""
        source, self._source = self._source or self._open_again(), None
        found, taken = _Floor(), np.array(self._taken, np.int64)
        measure = self._measure(configurations, found)
        pick: _Pick | None = None

        def work(block: Block, floor: float) -> _Pick | None:
            found.raise_to(floor)
            gain_n = block.score_outcomes(measure)
            rows_n = np.arange(block.start, block.start + len(block))
            gain_n[np.isin(rows_n, taken)] = -np.inf
            best = int(gain_n.argmax()) if len(block) else 0
            if not len(block) or gain_n[best] == -np.inf:
                return None
            found.raise_to(float(gain_n[best]))
            return _Pick(
                block.start + best, float(gain_n[best]), block.scored_cells(np.array([best]))[0].astype(np.float64)
            )

        for one in map_blocks(source, work, self._reading, tell=lambda *_: found.gain):
            if one is not None and (pick is None or one.gain > pick.gain):  # the first of equal ones
                pick = one
                found.raise_to(one.gain)
        if pick is not None:
            self._taken.append(pick.row)
        return pick

    def _measure(self, configurations: Configurations, found: _Floor) -> CellMeasure:
        """The gain of each row, -inf where it is certain to be under the largest."""
        if not self._taken:
            return self._targets.measure
        level, given = configurations.levels()[-1], _Given(self._packed, configurations)

        def measure(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
            from alcore.kernels.distributions import check

            check(cells, tolerance, valid)
            rows = np.flatnonzero(valid)
            rows = rows[level.bound(cells, rows) + SLACK >= found.gain]
            out[:] = -np.inf
            out[rows] = given.gains(cells, rows)

        return measure


class _Floor:
    """The largest gain that a pass has found so far. Workers of a cluster have copies, which the caller keeps up to date."""

    def __init__(self) -> None:
        self.gain = -np.inf

    def raise_to(self, gain: float) -> None:
        self.gain = max(self.gain, gain)


# --- targets ----------------------------------------------------------------------------------------------------------


class _PackedTargets:
    """Targets packed once for all picks: q / mean - 1 in chunks of target classes, zeros where padded."""

    def __init__(self, targets: Targets) -> None:
        classes, draws = targets.probs_jct.shape[1:]
        self.single = targets.probs_jct.dtype == np.float32
        self.flat_jt = targets.probs_jct.reshape(-1, draws).astype(np.float64)
        self.mean_j = (self.flat_jt * door.as_shares(targets.weights_t, draws)).sum(axis=1)
        self.shares_j = np.repeat(door.as_shares(targets.weights_j, len(targets.probs_jct)), classes)

    def chunked(self, values_mj: Float64s, dtype: type[np.floating]) -> Array:
        """(M, J·C) -> (M, chunks, columns)."""
        from alcore.kernels.product import COLUMNS, LANES

        size = values_mj.shape[1]
        chunks = -(-size // COLUMNS)
        columns = -(-size // (LANES * chunks)) * LANES
        out = np.zeros((len(values_mj), chunks * columns), dtype)
        out[:, :size] = values_mj
        return out.reshape(len(values_mj), chunks, columns)

    @cached_property
    def packed32(self) -> Array:
        return self._pack(np.float32)

    @cached_property
    def packed64(self) -> Array:
        return self._pack(np.float64)

    def _pack(self, dtype: type[np.floating]) -> Array:
        deviation_jt = (self.flat_jt - self.mean_j[:, None]) * reciprocal(self.mean_j)[:, None]
        return np.ascontiguousarray(self.chunked(deviation_jt.T, dtype).transpose(1, 0, 2))


class _Given:
    """The configurations of one pick: their draws of more than negligible weight first, and what they make of the targets."""

    def __init__(self, targets: _PackedTargets, configurations: Configurations) -> None:
        from alcore.kernels.batch_epig import condition

        weights_mt = configurations.rows_ut.astype(np.float64)
        weights_mt[weights_mt < NEGLIGIBLE] = 0.0
        weights_mt /= weights_mt.sum(axis=1, keepdims=True)
        self._draws_mu = np.argsort(weights_mt == 0.0, axis=1, kind="stable")
        self._weights_mu = np.take_along_axis(weights_mt, self._draws_mu, axis=1)
        self._count_m = np.count_nonzero(weights_mt, axis=1)
        self._omega_m, self._targets = configurations.omega_u, targets
        self._mean_mj = np.empty((len(weights_mt), len(targets.flat_jt)))
        condition(targets.flat_jt, self._draws_mu, self._weights_mu, self._count_m, self._mean_mj)
        self._mean_mj[self._mean_mj < LEAST] = 0.0

    def gains(self, cells: Array, rows: Ints) -> Float64s:
        """Σ_m ω_m Σ_j v_j I(y; y_j | W_m) of the named cells."""
        from alcore.kernels.batch_epig import batch_epig as kernel

        single = cells.dtype == np.float32 and self._targets.single
        packed_qtj = self._targets.packed32 if single else self._targets.packed64
        ratios_mqj, columns_mqj = self._scales32 if single else self._scales64
        out = np.empty(len(rows))
        named = (self._draws_mu, self._weights_mu, self._count_m, self._omega_m)
        kernel(cells, rows, *named, packed_qtj, ratios_mqj, columns_mqj, single, out)
        return out

    @cached_property
    def _scales32(self) -> tuple[Array, Array]:
        return self._scales(np.float32)

    @cached_property
    def _scales64(self) -> tuple[Array, Array]:
        return self._scales(np.float64)

    def _scales(self, dtype: type[np.floating]) -> tuple[Array, Array]:
        """Prior mean over mean, and the mean times the target's weight."""
        targets = self._targets
        ratios_mj = targets.mean_j * reciprocal(self._mean_mj)
        return targets.chunked(ratios_mj, dtype), targets.chunked(self._mean_mj * targets.shares_j, dtype)


def reciprocal(values: Float64s) -> Float64s:
    """1 / value, and 0 where the value is nearly 0."""
    from alcore.kernels.measures import TINY

    return np.divide(1.0, values, out=np.zeros_like(values), where=values > TINY)
