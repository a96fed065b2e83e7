"""Batches of means by the determinant of their covariance over draws: what the noisy labels of a batch tell about the model."""

from __future__ import annotations

import warnings
from typing import Any, Unpack

import numpy as np

from alcore import door
from alcore.batches.batch import Batch
from alcore.batches.filling import FILL, SaturationWarning, describe, rest_of
from alcore.door import Array, Float64s, MeanOptions, Reading, Rng, shows_options
from alcore.scores.gaussian import score
from alcore.sources.axes import arranged, is_lazy
from alcore.sources.blocks import Block, lies_ready, map_blocks
from alcore.sources.names import with_names
from alcore.sources.reading import open_source
from alcore.sources.threads import in_parts

LEAST_SHARE = 0.01  # of the first gain: under it the draws are told apart, and what is left is rounding and noise
SLACK = 1e-12  # nats by which rounding may put the gain of several outputs above its bound
LEAST_ROWS = (
    8192  # a thread searches at least so many: 21 µs where none is brought up to date, and `in_parts` takes 100
)


@shows_options(MeanOptions)
def log_det(means: Any, k: int, *, fill: str = FILL, rng: Rng = None, **options: Unpack[MeanOptions]) -> Batch:
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
            if they are float32 or float64 and rows follow each other. Others are read into memory.
        k: query size. If k ≥ N, the batch has all N rows.
        fill: the rule that chooses the other rows once the draws are exhausted: "power-bald" (draws rows in proportion to their
            gain as a first pick), "random", "bald" (largest first) or "stop" (a shorter batch).
        rng: None, a seed or a `numpy.random.Generator`, for the rule `fill`.
        kind: "mean".
        axes: as in `bald`. C is the axis of the outputs.
        weights: (T,) one weight a draw, scaled to sum 1. The default is equal weights.
        variance: the variances of the noise, as in `bald`.

    Returns:
        A `Batch` in the order chosen. The bits are the same for any number of threads. The cost is at most O(N·D²·k·T) time, and
            O(N·D² + k·D·T) memory beside the means. The function looks again only at rows whose gain for an earlier pick exceeds
            the best gain now.

    Raises:
        TypeError: as `bald`.
        ValueError: as `bald` for means, for event axes, for `output_weights`, and for an unknown `fill`.

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
    search = _Search(means, reading)
    first_gains = 0.5 * search.bound_n
    size = min(count, len(first_gains))
    batch = _fill(search, first_gains, *_picks(search, size), size, rule, generator)
    return with_names(batch, means, reading)


def _picks(search: _Search, count: int) -> tuple[list[int], list[float]]:
    """Rows and their gains, until the draws are exhausted."""
    rows: list[int] = []
    gains: list[float] = []
    search.reserve(count)
    while len(rows) < count:
        row, value = search.best()
        if 0.5 * value <= (LEAST_SHARE * gains[0] if gains else 0.0):
            break
        rows.append(row)
        gains.append(0.5 * search.take(row))
    return rows, gains


def _fill(
    search: _Search,
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


class _Search:
    """Means of all rows in memory, and what each may still gain."""

    def __init__(self, means: Any, reading: Reading) -> None:
        source = open_source(means, reading)
        if source.events:
            door.refuse_event_axes("means", source.cell_shape)
        ready = _as_ready(means, reading)
        parts = list(map_blocks(source, lambda block: _read(block, keep_means=ready is None), reading))
        moments = np.concatenate([one for _, one in parts])
        self._means = np.concatenate([one for one, _ in parts]) if ready is None else ready
        self._means = self._means.view()
        self._means.flags.writeable = False  # one compiled kernel for writable and read-only input
        rows, outputs, self.draws = self._means.shape
        self._weights = door.as_shares(door.as_weights(reading.weights, self.draws), self.draws)
        self._centre, self._scale = moments[..., 0].copy(), 1 / np.sqrt(moments[..., 2])
        self._left, self.bound_n = np.empty((rows, outputs, outputs)), np.empty(rows)
        self._seen, self._known = np.zeros(rows, np.int32), 0
        self._columns = np.empty((0, self.draws))
        self._begin()

    def _begin(self) -> None:
        from alcore.kernels.log_det import begin

        def work(start: int, stop: int) -> None:
            begin(self._means, self._centre, self._scale, self._weights, self._left, self.bound_n, start, stop)

        in_parts(len(self.bound_n), work)

    def reserve(self, picks: int) -> None:
        """Room for the columns of so many picks."""
        self._columns = np.empty((picks * self._means.shape[1], self.draws))

    def best(self) -> tuple[int, float]:
        """The row that tells most beside the batch, and twice its gain."""
        from alcore.kernels.log_det import search

        found: list[tuple[float, int]] = []
        slack = SLACK if self._means.shape[1] > 1 else 0.0

        def work(start: int, stop: int) -> None:
            row, value = search(
                self._means, self._centre, self._scale, self._columns, self._known,
                self._left, self.bound_n, self._seen, slack, start, stop,
            )  # fmt: skip
            found.append((value, -row))

        in_parts(len(self.bound_n), work, LEAST_ROWS)
        value, row = max((one for one in found if one[1] <= 0), default=(0.0, 0))
        return -row, value

    def take(self, row: int) -> float:
        """Put a row into the batch. Twice its gain."""
        from alcore.kernels.log_det import TAKEN, take

        value = take(self._means[row], self._centre[row], self._scale[row], self._weights, self._columns, self._known)
        self._known += self._means.shape[1]
        self.bound_n[row] = TAKEN
        return float(value)


def _as_ready(means: Any, reading: Reading) -> Array | None:
    """The array (N, D, T), if it lies in memory (or is mapped) as the kernels read it."""
    if not (isinstance(means, np.ndarray) or hasattr(means, "__dlpack__")):
        return None
    array = arranged(means, reading, "means")
    if is_lazy(array):
        return None
    array = door.as_array(array, "means")
    return array if lies_ready(array, "probs") else None


def _read(block: Block, *, keep_means: bool) -> tuple[Array, Float64s]:
    """The means of a block as the kernels read them, and their moments (n, D, 4)."""
    n, outputs, draws = block.array.shape
    means_parts: list[Array] = []
    moments_parts = [np.empty((0, outputs, 4))]

    def keep(means: Array, moments: Float64s, weights: Float64s, factors: Float64s, out: Float64s) -> None:
        moments_parts.append(moments)
        if keep_means:
            means_parts.append(means.copy())
        out[:] = 0.0

    if n:
        score(block, keep, "log_det")
    empty = np.empty((0, outputs, draws), np.float32)
    return np.concatenate(means_parts) if means_parts else empty, np.concatenate(moments_parts)
