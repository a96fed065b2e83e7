"""BatchBALD: the batch whose labels together tell most about the model."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.filling import FILL, fill_up
from alcore.batches.search.candidates import MEMORY, Candidates, Pool
from alcore.batches.search.configurations import Configurations, bytes_of_configurations
from alcore.batches.search.greedy import ROUNDING, Ints, Objective, choose
from alcore.door import Array, Float64s, Reading, ReadingOptions, Rng, shows_options

LEAST_GAIN = 1e-6  # nats, what posteriors in float32 may be off by


@shows_options()
def batchbald(
    probs: Any,
    k: int,
    *,
    samples: int = 10_000,
    exact: int = 10_000,
    fill: str = FILL,
    memory: int = MEMORY,
    rng: Rng = None,
    **options: Unpack[ReadingOptions],
) -> Batch:
    """BatchBALD, the greedy batch of largest joint information I(y_S; θ) of labels and model.

    The draws must be consistent: draw t is the same network for every row (an ensemble is; plain MC dropout with a new mask for
    every row is not, and BatchBALD then silently measures nothing).

    Each pick gains I(y_b; θ | y_S) = Σ_m ω_m [H(Σ_t W_mt p_bt) − Σ_t W_mt H(p_bt)] over configurations m of the labels so far, with
    their posteriors W_m over draws: all configurations while they are few, sampled ones after that.
    Kirsch et al. 2019 (arXiv:1906.08158).

    Args:
        probs: (N, C, T) probabilities or logits from any source. Arrays in memory are read where they lie; of files and
            streams the rows of largest BALD are kept, and files, lists and lazy arrays are read again where those do not suffice.
        k: query size; where k ≥ N all N rows are returned.
        samples: configurations sampled, rounded down to a multiple of the draws, at least one a draw.
        exact: configurations × classes up to which gains are exact; 0 samples from the first pick on.
        kind: "probs" or "logits".
        weights: (T,) one weight a draw, scaled to sum 1; default equal. The same as repeating draws.
        fill: the rule of the rows that fill the batch where no row is worth choosing jointly any more: "power-bald" (drawn in
            proportion to their BALD), "random", "bald" (largest first) or "stop" (a shorter batch). With the largest first, 50
            labels from one network of 100 draws taught less than 50 random ones; drawn in proportion, more.
        memory: bytes that a pass over a file or a stream may take beyond its own blocks and 16 bytes a row.
        rng: None, a seed or a numpy.random.Generator.

    Returns: a `Batch` in the order chosen, scores = gains in nats, with
        information: I(y_S; θ) after each pick, at most min(log T, k log C) up to sampling error. It is measured on those
            configurations that chose the picks and so a little optimistic: `batch_information` estimates it afresh.
        effective_draws: mean number of draws that still explain the labels, after each pick.
        exact_until: how many gains are exact (to 1e-6 nats).
        fill: the rule of the rows that fill the batch, scored 0, once the best gain is under the standard error of the
            information so far (or 1e-6 nats); None where all rows were chosen jointly.
        saturated_at: how many rows were chosen jointly, where that end came because the draws were exhausted: fewer than 2
            effective draws were left. A `SaturationWarning` says so. None where the rows left are certain, or tell the same again.
        certified_until: the first picks that are certain to be those of the whole pool.
    The same seed gives the same bits on any number of threads.
    Cost: BALD of the pool, and a few hundred evaluations O(samples·C·T); O(samples·T) memory.
    Raises: as `entropy`; ValueError for event axes, negative samples or exact, or too little memory.

    >>> import alcore, numpy
    >>> one, two = [[1.0, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 0, 1, 0], [0, 1, 0, 1]]  # two questions about four draws
    >>> batch = alcore.batchbald(numpy.array([one, one, two]), k=2)
    >>> batch.indices.tolist(), batch.information.round(6).tolist()
    ([0, 2], [0.693147, 1.386294])
    """
    count, generator, rule = door.as_count(k), door.as_rng(rng), door.as_fill(fill)
    sampled, kept = door.as_count(samples, "samples"), door.as_count(exact, "exact")
    reading = Reading.of(options, ReadingOptions)
    pool = Pool(probs, reading, memory, lambda cell: bytes_of_configurations(cell, count, sampled, kept))
    draws = pool.cell_shape[-1]
    prior = door.as_shares(door.as_weights(reading.weights, draws), draws)
    information = JointInformation(Configurations(prior, sampled, kept, generator))
    chosen = choose(information, pool, count)
    batch = fill_up("BatchBALD", chosen, pool, count, rule, generator, information.effective)
    return replace(batch, information=np.cumsum(batch.scores), exact_until=information.exact_until)


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
        bound, live = bound.copy(), np.arange(len(slots))
        for level in self._configurations.levels():
            live = live[bound[live] >= least]
            bound[live] = level.bound(cells, slots[live])
        return bound

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
