"""2-BALD: BALD minus what each earlier pick already tells about a row, pair by pair."""

from __future__ import annotations

from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.filling import FILL, fill_up
from alcore.batches.search.candidates import MEMORY, Pool
from alcore.batches.search.configurations import Configurations
from alcore.batches.search.greedy import Ints, Objective, choose
from alcore.door import Array, Float64s, Reading, ReadingOptions, Rng, shows_options
from alcore.scores.epig import Targets
from alcore.sources.names import with_names

LEAST_GAIN = 1e-6  # nats: a row of smaller value tells, pair by pair, only what the batch tells already
SAMPLES = 2_000  # configurations of labels that count the effective draws
SEPARATED = 1.2  # effective draws under which the batch has told the draws apart; BatchBALD ends at 1.05 to 1.12


@shows_options()
def two_bald(
    probs: Any, k: int, *, fill: str = FILL, memory: int = MEMORY, rng: Rng = None, **options: Unpack[ReadingOptions]
) -> Batch:
    """2-BALD, k-BALD with pairs: each pick has the largest BALD(b) − Σ_{i∈S} I(y_i; y_b) of the rows b that are left.

    I(y_i; y_b) is the information between the labels of two rows. The function computes it as `epig` does. These picks are
    deterministic, and the first two are those of BatchBALD. The function stops picking in this way when no row has a value above
    1e-6 nats, or when the batch tells the draws apart, which pairs alone do not show. Paper: Kirsch 2023 (arXiv:2301.09490).

    The draws must be consistent: draw t is the same network for every row. An ensemble is consistent. Plain MC dropout takes a new
    mask for every row and is not consistent. 2-BALD cannot see this, and is then the same as BALD.

    The arithmetic is float32 (relative error near 1e-6), or float64 where `probs` is. The bits are the same for any source and
    number of threads. The batch has these attributes:

    - `scores`: the value of each pick in nats when it was chosen, at most its `bald`. It is 0 for the rows of the rule `fill`.
    - `effective_draws`: mean number of draws that still explain the labels, after each pick, estimated.
    - `fill`: the rule `fill` where it was used, None where all rows were chosen by their value.
    - `saturated_at`: how many rows were chosen by their value, where fewer than 2 effective draws were left. A `SaturationWarning`
      tells this too.
    - `certified_until`: how many of the first picks are certain to be those of the whole pool.

    Args:
        probs: (N, C, T) probabilities or logits from any source. The function uses arrays in memory without a copy. Of files and
            streams it keeps the rows of largest BALD. If those rows are not enough, it reads files, lists and lazy arrays again.
        k: query size. If k ≥ N, the batch has all N rows.
        fill: the rule that chooses the other rows: "power-bald" (draws rows in proportion to their BALD), "random", "bald" (largest
            first) or "stop" (a shorter batch). With the first three, 50 labels from one network of 100 draws gave 3, 2 and −7
            points of accuracy more than 50 random labels.
        memory: bytes that one read of a file or a stream may take, in addition to its own blocks, the batch and 32 bytes a row. On
            a cluster each worker keeps as many bytes of predictions for later picks.
        rng: None, a seed or a `numpy.random.Generator`, for the rule `fill`.
        kind: as in `entropy`. Several labels, at most 10, are one label vector of 2^L values here.
        axes: as in `entropy`.
        over_labels: not used: rows are compared by their label vectors.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: of kind "mean", which this function refuses. `log_det` takes means.
        output_weights: of kind "mean", which this function refuses.

    Returns:
        A `Batch` in the order chosen. The cost is BALD of the pool, and O(C²·T) for each earlier pick and each row whose bound is
            not small enough. That is at most O(N·k·C²·T).

    Raises:
        TypeError: as `entropy`.
        ValueError: as `entropy`, for event axes, for an unknown `fill`, and for too little `memory`.

    >>> import alcore, numpy
    >>> one, two = [[1.0, 1, 0, 0], [0, 0, 1, 1]], [[1.0, 0, 1, 0], [0, 1, 0, 1]]  # two questions about four draws
    >>> batch = alcore.two_bald(numpy.array([one, one, two]), k=2)
    >>> batch.indices.tolist(), batch.scores.round(6).tolist()
    ([0, 2], [0.693147, 0.693147])
    """
    count, generator, rule = door.as_count(k), door.as_rng(rng), door.as_fill(fill)
    reading = Reading.of(options, ReadingOptions)
    pool = Pool(probs, reading, memory)
    draws = pool.cell_shape[-1]
    information = PairInformation(door.as_weights(reading.weights, draws), draws, pool.candidates.cells.dtype)
    chosen = choose(information, pool, count)
    batch = fill_up("2-BALD", chosen, pool, count, rule, generator, information.effective)
    return with_names(batch, probs, reading)


class PairInformation(Objective):
    """BALD minus the information with each row of the batch so far."""

    def __init__(self, weights_t: Float64s | None, draws: int, dtype: np.dtype[Any]) -> None:
        self._weights_t, self._dtype = weights_t, dtype
        self._batch: list[Targets] = []
        # Pairs do not see that three rows tell the draws apart: 50 picks of 300 draws summed to 9.9 nats where log T is 5.7.
        prior = door.as_shares(weights_t, draws)
        self._configurations = Configurations(prior, SAMPLES, SAMPLES, np.random.default_rng(0), with_noise=False)
        self.effective = [self._configurations.effective_draws]  # before the first pick, and after each

    @property
    def noise(self) -> float:
        return np.inf if self.effective[-1] < SEPARATED else LEAST_GAIN

    def bounds(self, cells: Array, slots: Ints, bound: Float64s, picks_seen: Ints, least: float) -> Float64s:
        """The gains themselves. ``bound`` was the gain after ``picks_seen`` rows. The later rows are subtracted in their order."""
        gains, cells_rct = bound.copy(), cells[slots]
        for place in range(int(picks_seen.min(initial=len(self._batch))), len(self._batch)):
            unaware = np.flatnonzero(picks_seen <= place)
            part_rct = cells_rct if len(unaware) == len(slots) else cells_rct[unaware]
            gains[unaware] -= self._shared(part_rct, self._batch[place])
        return gains

    def _shared(self, cells_rct: Array, picked: Targets) -> Float64s:
        cells_rct.flags.writeable = False  # one compiled kernel for writable and read-only input
        shared, valid = np.empty(len(cells_rct)), np.empty(len(cells_rct), np.bool_)
        picked.measure(cells_rct, self._weights_t, door.tolerance(cells_rct.shape[1]), shared, valid)
        return shared

    def decide(self, cells_ct: Float64s, gain: float) -> tuple[float, float]:
        return gain, 0.0

    def add(self, cells_ct: Float64s) -> None:
        self._batch.append(Targets(cells_ct[None].astype(self._dtype), None, self._weights_t))
        self._configurations.add(cells_ct)
        self.effective.append(self._configurations.effective_draws)
