"""BatchBALD: the batch whose labels together tell most about the model."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.filling import FILL, fill_up
from alcore.batches.label_vectors import LabelsInformation
from alcore.batches.positions import PositionsInformation, PositionsPool
from alcore.batches.search.candidates import MEMORY, ROUNDING, Candidates, Pool
from alcore.batches.search.configurations import Configurations, bytes_of_configurations
from alcore.batches.search.greedy import Ints, Objective, choose
from alcore.batches.search.levels import Level
from alcore.batches.search.rereading import found_by
from alcore.door import Array, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.sources.names import with_names

NEAR, CROWD = 0.75, 1_000  # rows of so much of the largest BALD, from so many of which on rows compete for every pick
LEAST_GAIN = 1e-6  # nats, what posteriors in float32 may be off by


@shows_options()
def batchbald(
    probs: Any,
    k: int,
    *,
    samples: int = 10_000,
    exact: int = 10_000,
    fill: str = FILL,
    positions: int | None = None,
    mask: npt.ArrayLike | None = None,
    ignore_index: int | None = None,
    memory: int = MEMORY,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """BatchBALD, the greedy batch of largest joint information I(y_S; θ) of labels and model.

    Each pick gains I(y_b; θ | y_S) = Σ_m ω_m [H(Σ_t W_mt p_bt) − Σ_t W_mt H(p_bt)] over configurations m of the labels so far,
    where W_m is the posterior over draws after the labels m. The function keeps all configurations while they are few, and samples
    them after that. Paper: Kirsch et al. 2019 (arXiv:1906.08158).

    The draws must be consistent: draw t is the same network for every row. An ensemble is consistent. Plain MC dropout takes a new
    mask for every row and is not consistent. BatchBALD cannot see this, and measures nothing.

    The vectors of more than 10 labels, kind "multilabel", are sampled: I(y_b; θ | y_S) = Σ_l I(y_bl; θ | y_S, y_b1 … y_b,l−1). The
    labels before l are drawn for each configuration. No gain is exact then. With 10 000 configurations its standard error is near
    0.001 nats at the first pick, and near 0.003 when most draws are ruled out.

    When no row is worth choosing jointly any more, the rule `fill` chooses the other rows. That is when the best gain is under the
    standard error of the information so far, or under 1e-6 nats. The batch has these attributes:

    - `scores`: the gain of each pick in nats, 0 for the rows of the rule `fill`.
    - `information`: I(y_S; θ) in nats after each pick, at most min(log T, k log C) up to sampling error. The configurations that
      chose the picks measure it, so it is a little optimistic. `batch_information` estimates it with fresh configurations.
    - `effective_draws`: mean number of draws that still explain the labels, after each pick.
    - `exact_until`: how many gains are exact (to 1e-6 nats).
    - `fill`: the rule `fill` where it was used, None where all rows were chosen jointly.
    - `saturated_at`: how many rows were chosen jointly before the draws were exhausted, which means that fewer than 2 effective
      draws were left. A `SaturationWarning` tells this too. None where the rows left are certain, or tell only what the batch tells
      already.
    - `certified_until`: how many of the first picks are certain to be those of the whole pool.

    Args:
        probs: (N, C, T) probabilities or logits from any source. The function uses arrays in memory without a copy. Of files and
            streams it keeps the rows of largest BALD. If those rows are not enough, it reads files, lists and lazy arrays again.
        k: query size. If k ≥ N, the batch has all N rows.
        samples: how many configurations to sample. The function rounds it down to a multiple of the draws, but takes at least one
            a draw.
        exact: gains are exact while configurations × classes are at most this number. With 0 all gains are sampled.
        fill: "power-bald" (draws rows in proportion to their BALD), "random", "bald" (largest first) or "stop" (a shorter batch).
            With "bald", 50 labels from one network of 100 draws gave 6 points of accuracy less than 50 random labels. With
            "power-bald" and "random" they gave 4 points more.
        positions: for maps and sequences (N, C, ..., T): at how many positions (pixels, tokens) rows are compared. `rng` draws
            them once, the same for every row. The information of a batch is then the mean over the positions of I(y_S; θ), in nats
            a position. It is no information of whole maps. Cost and memory grow with the number of positions.
        mask: (N, ...) bool, True where a cell is padding, with `positions` only. Padding is certain: its label tells nothing. So a
            row that the mask hides whole gains 0. Where all rows have padding no position is drawn. With `ignore_index`: (N, ...)
            labels.
        ignore_index: the label of cells that do not count, as in `reduce`.
        memory: bytes that one read of a file or a stream may take, in addition to its own blocks and 32 bytes a row. On a cluster
            each worker keeps as many bytes of predictions for later picks.
        rng: None, a seed or a `numpy.random.Generator`. The same seed gives the same bits on any number of threads.
        kind: as in `entropy`. Several labels are one label vector of 2^L values here. More than 10 are sampled.
        axes: as in `entropy`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch` in the order chosen. The cost is BALD of the pool and a few hundred evaluations of O(samples·C·T), and
            O(samples·T) memory, with at most 64 MiB more for rows of 8 or more classes a draw. With more than 10 labels an
            evaluation takes O(samples·L·T), memory O(samples·(L + T)). Rows that tell alike are evaluated nearly all.

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for event axes or a `mask` without `positions`, for a negative `samples` or `exact`, for an
            unknown `fill`, and for too little `memory`.

    >>> import alcore, numpy
    >>> one, two = [[1.0, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 0, 1, 0], [0, 1, 0, 1]]  # two questions about four draws
    >>> batch = alcore.batchbald(numpy.array([one, one, two]), k=2)
    >>> batch.indices.tolist(), batch.information.round(6).tolist()
    ([0, 2], [0.693147, 1.386294])
    """
    count, generator, rule = door.as_count(k), door.as_rng(rng), door.as_fill(fill)
    sampled, kept = door.as_count(samples, "samples"), door.as_count(exact, "exact")
    Reading.of(options, ReadingOptions)
    reading = Reading.of({**options, "mask": mask, "ignore_index": ignore_index})
    if reading.mask is not None and positions is None:
        door.refuse_mask_of_rows("batchbald")
    door.check_mask_of(probs, reading.mask)
    pool: Pool
    if positions is None:
        pool = Pool(
            probs, reading, memory, lambda cell: bytes_of_configurations(cell, count, sampled, kept), many_labels=True
        )
    else:
        pool = PositionsPool(
            probs, reading, door.as_count(memory, "memory"), door.as_size(positions, "positions"), generator
        )
    draws = pool.cell_shape[-1]
    prior = door.as_shares(door.as_weights(reading.weights, draws), draws)
    information: JointInformation | PositionsInformation | LabelsInformation
    if isinstance(pool, PositionsPool):
        information = PositionsInformation(pool, prior, sampled, kept, generator)
    elif not pool.bounds_are_gains:
        information = LabelsInformation(prior, sampled, pool.cell_shape[0], generator)
    else:
        with_scatter = bool((pool.scores > NEAR * pool.scores.max(initial=0.0)).sum() >= CROWD)
        information = JointInformation(Configurations(prior, sampled, kept, generator, with_scatter=with_scatter))
    chosen = choose(information, pool, count)
    batch = fill_up("BatchBALD", chosen, pool, count, rule, generator, information.effective)
    batch = replace(batch, information=np.cumsum(batch.scores), exact_until=information.exact_until)
    return with_names(batch, probs, reading)


class JointInformation(Objective):
    """I(y_S; θ) of the batch so far, from its configurations."""

    def __init__(self, configurations: Configurations) -> None:
        self._configurations = configurations
        self.effective = [configurations.effective_draws]  # before the first pick, and after each
        self.exact_until = 0

    @property
    def noise(self) -> float:
        return max(LEAST_GAIN, self._configurations.noise)

    def bounds(self, cells: Array, slots: Ints, bound: Float64s, picks_seen: Ints, least: float) -> Float64s:
        return found_by(self.screens(cells[slots], bound, picks_seen, least), bound, least)

    def screens(self, cells: Array, bound: Float64s, picks_seen: Ints, least: float) -> list[Float64s]:
        return self.for_workers().screens(cells, bound, picks_seen, least)

    def for_workers(self) -> Levels:
        return Levels(self._configurations.levels())

    def search(self, candidates: Candidates, slots: Ints, picks: int, floor: float) -> Ints:
        bound = candidates.bound[slots]
        evaluated = self._configurations.descend(candidates.cells, slots, bound, floor, ROUNDING)
        candidates.bound[slots] = bound
        candidates.picks_seen[slots[evaluated]] = picks
        return slots[evaluated]

    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        return self._configurations.information(cells_ct)

    def add(self, cells_ct: Float64s) -> None:
        self.exact_until += self._configurations.is_exact
        self._configurations.add(cells_ct)
        self.effective.append(self._configurations.effective_draws)


@dataclass(frozen=True, eq=False)
class Levels:
    """From a few groups of configurations to all of them. A row that one level bounds by too little is left out by the next."""

    levels: list[Level]

    def screens(self, cells: Array, bound: Float64s, picks_seen: Ints, least: float) -> list[Float64s]:
        found, known = list[Float64s](), bound.copy()
        for level in self.levels:
            rows = np.flatnonzero(known >= least)
            found.append(level.bound(cells, rows))
            known[rows] = np.minimum(known[rows], found[-1])
        return found
