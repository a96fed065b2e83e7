"""Batches of means by the determinant of their covariance over draws: what the noisy labels of a batch tell about the model."""

from __future__ import annotations

import warnings
from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.filling import FILL, SaturationWarning, describe, rest_of
from alcore.batches.search.candidates import MEMORY
from alcore.batches.search.determinant import Search
from alcore.door import Float64s, MeanOptions, Reading, Rng, shows_options
from alcore.sources.names import with_names

LEAST_SHARE = 0.01  # of the first gain: under it the draws are told apart, and what is left is rounding and noise


@shows_options(MeanOptions)
def log_det(
    means: Any, k: int, *, fill: str = FILL, memory: int = MEMORY, rng: Rng = None, **options: Unpack[MeanOptions]
) -> Batch:
    """The greedy batch of largest ½ log det(I + S^−½ Σ_BB S^−½): the information of noisy labels about the model, for numbers.

    Σ is the covariance over draws of the means of the batch, Σ_t w_t (μ_ti − μ̄_i)(μ_tj − μ̄_j), and S the diagonal matrix of their
    noise, Σ_t w_t σ²_ti. Each pick gains ½ log(1 + v / σ²), where v is the variance of its mean once the labels of the earlier
    picks are known. For Gaussian draws this is I(y_B; θ) exactly, as in a Gaussian process. It is what BatchBALD is for classes,
    without sampling. Papers: MacKay 1992 (doi.org/10.1162/neco.1992.4.4.590); Krause et al. 2008, "Near-optimal sensor placements
    in Gaussian processes".

    A row of several outputs adds all of them: the determinant is that of the outputs of all rows, with independent noise. Noise
    that varies between draws counts by its mean. The term of `bald` for its variation is left out, because it does not shrink as
    rows join the batch.

    The draws must be consistent: draw t is the same network for every row. An ensemble is consistent. Plain MC dropout takes a new
    mask for every row and is not consistent. The function cannot see this, and measures nothing.

    The batch has these attributes:

    - `scores`: the gain of each pick in nats, 0 for the rows of the rule `fill`.
    - `information`: the information of the batch in nats after each pick.
    - `fill`: the rule `fill` where it was used, None where all rows were chosen jointly.
    - `saturated_at`: how many rows were chosen jointly, where the draws were exhausted: the best gain was under 1 % of the first. A
      `SaturationWarning` tells this too.
    - `certified_until`: all picks.

    Args:
        means: (N, D, T) means from any source, or (N, T) for one output. Arrays in memory and .npy files are used where they lie,
            if they are float32 or float64 and rows follow each other. Other arrays and files are read once, and the rows of largest
            gain are kept in `memory`. If these no longer suffice for a pick, they are read again. The batch is the same. An
            iterable of blocks can be read only once, so all its rows are kept.
        k: query size. If k ≥ N, the batch has all N rows.
        fill: the rule that chooses the other rows once the draws are exhausted: "power-bald" (draws rows in proportion to their
            gain as a first pick), "random", "bald" (largest first) or "stop" (a shorter batch).
        memory: bytes that one read of a file may take, in addition to 40 + 32·D bytes a row and 8·k·D·T bytes. 128 MiB of them
            are for its blocks. Less memory means more reads.
        rng: None, a seed or a `numpy.random.Generator`, for the rule `fill`.
        kind: "mean".
        axes: as in `bald`. C is the axis of the outputs.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: the variances of the noise, as in `bald`.

    Returns:
        A `Batch` in the order chosen. The bits are the same for any source, `memory` and number of threads. The cost is at most
            O(N·D²·k·T) time, and O(N·D² + k·D·T) memory beside the means or `memory`. The function looks again only at rows whose
            gain for an earlier pick exceeds the best gain now. A zarr file of 400 MB, N = 1 000 000 and T = 100, took 447 MiB for
            k = 100 with the default and was read 7 times. With ``memory=160 << 20`` it took 202 MiB and was read 33 times.

    Raises:
        TypeError: as `bald`.
        ValueError: as `bald` for means, for event axes, for `output_weights`, for an unknown `fill`, and for too little
            `memory`.

    >>> import alcore, numpy
    >>> one, two = [2.0, -2.0, 2.0, -2.0], [1.0, 1.0, -1.0, -1.0]  # two quantities that vary apart, over four draws
    >>> batch = alcore.log_det(numpy.array([one, one, two]), k=2, variance=1.0)
    >>> batch.indices.tolist(), batch.scores.round(6).tolist()
    ([0, 2], [0.804719, 0.346574])
    """
    count, generator, rule = door.as_count(k), door.as_rng(rng), door.as_fill(fill)
    reading = Reading.of(options, MeanOptions)
    if reading.output_weights is not None:
        raise ValueError(
            "output_weights: log_det measures all outputs of a row together, got weights. Leave output_weights out. For an output "
            "that matters less pass a larger variance, or leave it out of the means."
        )
    search = Search(means, reading, door.as_count(memory, "memory"))
    first_gains = 0.5 * search.first
    size = min(count, len(first_gains))
    batch = _fill(search, first_gains, *_picks(search, size), size, rule, generator)
    return with_names(batch, means, reading)


def _picks(search: Search, count: int) -> tuple[list[int], list[float]]:
    """Rows and their gains, until the draws are exhausted."""
    rows: list[int] = []
    gains: list[float] = []
    search.reserve(count)
    while len(rows) < count:
        place, value = search.best()
        if 0.5 * value <= (LEAST_SHARE * gains[0] if gains else 0.0):
            break
        row, gain = search.take(place)
        rows.append(row)
        gains.append(0.5 * gain)
    return rows, gains


def _fill(
    search: Search,
    first_gains: Float64s,
    rows: list[int],
    gains: list[float],
    size: int,
    rule: str,
    rng: np.random.Generator,
) -> Batch:
    """The picks, then the rows that fill the batch, with gain 0."""
    chosen, ended_early = np.array(rows, np.int64), len(rows) < size
    rest = rest_of(chosen, first_gains, 0 if rule == "stop" else size - len(rows), rule, rng)
    if ended_early and rows:
        done = (
            f"the rest of the batch, {len(rest)} of {size}, was {describe(rule)}"
            if len(rest)
            else "the batch ends there"
        )
        warnings.warn(
            f"LogDet: the {search.draws} draws were exhausted after {len(rows)} of {size} picks: no row gains 1 % of what the "
            f"first pick gained. So {done} (fill={rule!r}). Predict with more draws, ask for a smaller batch, or draw the whole "
            f"batch: PowerBALD().select(means, {size}, kind='mean', variance=variance).",
            SaturationWarning,
            stacklevel=4,
        )
    scores = np.concatenate([np.array(gains, np.float64), np.zeros(len(rest))])
    return Batch(
        np.concatenate([chosen, rest.indices]),
        scores,
        np.concatenate([np.ones(len(rows)), rest.q]),
        np.concatenate([np.ones(len(rows), np.int64), rest.support]),
        information=np.cumsum(scores),
        saturated_at=len(rows) if ended_early and rows else None,
        fill=rule if ended_early else None,
        certified_until=len(scores),
    )
