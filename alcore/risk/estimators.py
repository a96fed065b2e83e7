"""Unbiased estimates of a pool's mean loss from picks that were not drawn uniformly, and what to pick for them.

N rows could be picked at the start, M were picked and labelled one after the other, pick m with probability q_m given the earlier
ones. Rows picked because their loss is large make the plain mean of the losses too large; weights of each pick undo that.
Farquhar et al. 2021 (arXiv:2101.11665); active testing: Kossen et al. 2021 (arXiv:2103.05331).
"""

from __future__ import annotations

import math
from typing import Any, Unpack

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Array, Bools, Float64s, Kind, Reading, ReadingOptions, shows_options
from alcore.scores.estimate import Estimate
from alcore.sources.blocks import Block, map_blocks, read_rows
from alcore.sources.reading import Source, open_source, refuse_events


def lure_weights(q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Float64s:
    """Weights v_m = 1 + (N − M)/(N − m)·(1/((N − m + 1) q_m) − 1) under which the mean over picks is that of the pool.

    m counts from 1. A training loss weighted by them, mean_m v_m ℓ_m, is unbiased for the mean loss of the whole pool. LURE, the
    levelled unbiased risk estimator, of Farquhar et al. 2021 (arXiv:2101.11665).

    Args:
        q: (M,) the probability of each pick given the earlier ones, in the order of the picks, as ``batch.q``. Batches that
            followed each other are concatenated.
        pool_size: N, the rows that the first pick was drawn from, those picked since included.
        support: (M,) how many rows had a chance at each pick, as ``batch.support``; default all that were left, N − m + 1. Pass
            it: it shows what q cannot, rows without a chance.

    Returns: (M,) float64, no unit, above 0; 1 where q is uniform or M = N; each has mean 1 over all that could be picked.
    Cost O(M). Raises: TypeError or ValueError for no pick, q outside 0 … 1, more picks than rows, and where no weights make the
        picks unbiased: some row left had no chance (power draws of scores ≤ 0), or a pick was certain (deterministic batches).

    >>> import alcore
    >>> batch = alcore.power([4.0, 1.0, 1.0, 2.0], k=2, rng=0)
    >>> batch.indices.tolist(), batch.q.round(6).tolist()
    ([3, 2], [0.25, 0.166667])
    >>> alcore.lure_weights(batch.q, pool_size=4, support=batch.support).round(6).tolist()
    [1.0, 2.0]
    """
    return _levelled(*door.as_picks(q, pool_size, support))


def _levelled(q_m: Float64s, rows: int) -> Float64s:
    if q_m.size == rows:
        return np.ones(rows)
    left_m = rows - np.arange(q_m.size)
    return np.asarray(1.0 + (rows - q_m.size) / (left_m - 1) * (1.0 / (left_m * q_m) - 1.0), np.float64)


def pure_weights(q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Float64s:
    """Weights u_m = 1/(N q_m) + (M − m)/N under which the mean over picks is that of the pool; `lure_weights` vary less.

    Args, cost, errors: as `lure_weights`.
    Returns: (M,) float64, no unit, above 0. They depend on the order even where q is uniform, and do not become 1 at M = N.
    PURE, the plain unbiased risk estimator, of Farquhar et al. 2021 (arXiv:2101.11665).

    >>> import alcore
    >>> alcore.pure_weights([0.5, 0.5], pool_size=4).tolist()
    [0.75, 0.5]
    """
    q_m, rows = door.as_picks(q, pool_size, support)
    return np.asarray(1.0 / (rows * q_m) + np.arange(q_m.size)[::-1] / rows, np.float64)


def lure(losses: npt.ArrayLike, q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Estimate:
    """The pool's mean loss from M of its N rows, mean_m v_m ℓ_m with `lure_weights` v: unbiased however the rows were drawn.

    Standard error sqrt(Σ_m c_m² (a_m − LURE)²)/M, a_m = ℓ_m/(N q_m) + Σ_{s<m} ℓ_s/N, c_m = N (N − M)/((N − m)(N − m + 1)): within
    a few per cent of the true spread from 20 picks on. Losses that hardly differ have a small error whatever the rows not seen are
    like: where mistakes are rare, pick until some are among the picks. LURE: Farquhar et al. 2021 (arXiv:2101.11665); of test
    data: Kossen et al. 2021 (arXiv:2103.05331).

    Args:
        losses: (M,) finite, any unit, the loss of each pick in the order of the picks; booleans are the zero-one loss.
        q, pool_size, support: as `lure_weights`.

    Returns: an `Estimate` in the unit of the losses; where M = N it is their mean and the error 0; one pick of more rows says
        nothing of the spread, and its error is infinity, so that value ± error still covers the truth.
    Cost O(M). Raises: as `lure_weights`, and for losses that are not M finite numbers.

    >>> import alcore
    >>> scores, true_losses = [4.0, 1.0, 1.0, 2.0], [3.0, 1.0, 0.0, 2.0]  # of mean 1.5
    >>> batch = alcore.power(scores, k=2, rng=0)
    >>> losses = [true_losses[i] for i in batch.indices]
    >>> round(alcore.lure(losses, batch.q, len(scores), support=batch.support).value, 6)
    1.0
    """
    q_m, rows = door.as_picks(q, pool_size, support)
    losses_m, picks = door.as_losses(losses, q_m.size), q_m.size
    with np.errstate(over="ignore", invalid="ignore"):
        value = float((_levelled(q_m, rows) * losses_m).mean())
        after_m = rows - 1.0 - np.arange(picks)
        if picks == rows:
            return _estimate(value, 0.0)
        c_m = rows * (rows - picks) / (after_m * (after_m + 1))
        apart_m = c_m * (_accumulated(losses_m, q_m, rows) - value)
    return _estimate(value, math.hypot(*apart_m) / picks if picks > 1 else math.inf)


def pure(losses: npt.ArrayLike, q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Estimate:
    """The pool's mean loss from M of its N rows, the mean of a_m = ℓ_m/(N q_m) + Σ_{s<m} ℓ_s/N: unbiased, spread wider than `lure`.

    Every a_m is unbiased by itself, and they are uncorrelated: standard error sqrt(Σ_m (a_m − ā)²/(M (M − 1))). It varies even
    where M = N. PURE: Farquhar et al. 2021 (arXiv:2101.11665).

    Args, cost, errors: as `lure`.
    Returns: an `Estimate` in the unit of the losses; of one pick the spread is unknown, and the error infinity (0 where N = 1).

    >>> import alcore
    >>> alcore.pure([3.0, 2.0], [0.5, 0.5], pool_size=4).value
    1.625
    """
    q_m, rows = door.as_picks(q, pool_size, support)
    losses_m, picks = door.as_losses(losses, q_m.size), q_m.size
    with np.errstate(over="ignore", invalid="ignore"):
        a_m = _accumulated(losses_m, q_m, rows)
        value = float(a_m.mean())
        apart_m = a_m - value
    if picks == 1:
        return _estimate(value, math.inf if rows > 1 else 0.0)
    return _estimate(value, math.hypot(*apart_m) / math.sqrt(picks * (picks - 1)))


def _accumulated(losses_m: Float64s, q_m: Float64s, rows: int) -> Float64s:
    """a_m: what pick m, drawn from what was left, and the rows before it say of the pool's mean."""
    before_m = np.concatenate([[0.0], np.cumsum(losses_m)[:-1]])
    return np.asarray(losses_m / (rows * q_m) + before_m / rows, np.float64)


def _estimate(value: float, error: float) -> Estimate:
    if not math.isfinite(value) or math.isnan(error):
        door.refuse_overflowing_losses()
    return Estimate(value, error)


@shows_options()
def expected_loss(
    predictions: Any,
    predicted: npt.ArrayLike | None = None,
    *,
    loss: str = "log",
    floor: float = 0.1,
    **options: Unpack[ReadingOptions],
) -> Float64s:
    """The loss that a model's prediction f of each row is expected to have, Σ_y p̄_y ℓ(f, y), p̄ = Σ_t w_t p_t: which rows to test.

    "log": −Σ_y p̄_y log f_y; "zero-one": 1 − p̄_y of the most probable class y of f (ties to the lowest); "brier": the mean over y of
    Σ_c (f_c − [c = y])². Drawn in proportion, by `power`, a few labelled rows tell the loss of the whole test set: `lure`. Active
    testing, Kossen et al. 2021 (arXiv:2103.05331): draws of another model than the one tested also find where that is surely wrong.

    Args:
        predictions: (N, C, T) probabilities or logits from any source: draws of any model, the tested one or another.
        predicted: (N, C) what the model under test says; default the mean of the draws, whose expected losses are `entropy`,
            `least_confidence` and the Gini index.
        loss: "log", "zero-one" or "brier".
        kind: "probs" or "logits", of both.
        weights: (T,) one weight a draw, scaled to sum 1; default equal. The same as repeating draws.
        floor: 0 … 1, the share of the mean score that no score is under: rows whose loss seems to be 0 keep a chance, without
            which no estimate is unbiased, and no weight is much over 1/floor. 0 leaves the scores as they are.

    Returns: (N,) float64, at least 0; "log" in nats, "zero-one" up to 1 and "brier" up to 2, no unit. All are 0 where no loss is
        expected anywhere; `power` then draws uniformly.
    Cost O(N·C·T) time, one read; O(block) memory and what ``predicted`` takes.
    Raises: as `entropy`; ValueError for event axes, a ``predicted`` of other rows or classes, an unknown loss or floor, and a 0 in
        ``predicted`` under the log loss, which may be infinite then: clip it as the losses will be. (Zeros of a forest taken as the
        smallest float64 outweighed all else: 50 labels of digits then erred three times as much as at random.)

    >>> import alcore, numpy
    >>> draws = numpy.array([[[0.9, 0.7], [0.1, 0.3]], [[0.5, 0.5], [0.5, 0.5]]])
    >>> says = numpy.array([[0.9, 0.1], [0.9, 0.1]])
    >>> alcore.expected_loss(draws, says, loss="zero-one").round(6)
    array([0.2, 0.5])
    """
    kernel, share = _KERNELS[door.as_loss(loss)], door.as_least_share(floor)
    reading, source = Reading.of(options, ReadingOptions), open_source(predictions, "predictions")
    refuse_events(source, "predictions")
    predicted_nc = None if predicted is None else _read_predicted(predicted, source, reading.kind)
    if predicted_nc is not None and loss == "log":
        door.check_above_zero(predicted_nc)

    def work(block: Block) -> Float64s:
        mean_nc = _means(block)
        return _losses(kernel, mean_nc, mean_nc if predicted_nc is None else _rows_of(block, predicted_nc))

    scores = np.concatenate(list(map_blocks(source, work, reading, name="predictions")))
    if predicted_nc is not None and len(predicted_nc) != len(scores):
        door.refuse_unequal_rows("predicted", len(scores), len(predicted_nc), "predictions")
    return np.maximum(scores, share * scores.mean()) if scores.size else scores


_KERNELS = {"log": "log_loss", "zero-one": "zero_one", "brier": "brier"}


def _read_predicted(predicted: npt.ArrayLike, source: Source, kind: Kind) -> Array:
    """(N, C) probabilities, float32 or float64."""
    array = door.as_array(np.asarray(predicted) if isinstance(predicted, list | tuple) else predicted, "predicted")
    door.check_predicted(array.shape, source.cell_shape[0])
    if source.rows is not None and len(array) != source.rows:
        door.refuse_unequal_rows("predicted", source.rows, len(array), "predictions")
    return np.asarray(read_rows(array[..., None], kind=kind, name="predicted")[..., 0])


def _rows_of(block: Block, predicted_nc: Array) -> Float64s:
    stop = block.start + len(block)
    if stop > len(predicted_nc):
        door.refuse_unequal_rows("predicted", stop, len(predicted_nc), "predictions (at least)")
    return predicted_nc[block.start : stop].astype(np.float64)


def _means(block: Block) -> Float64s:
    """The mean over draws of each row, checked: (n, C)."""
    from alcore.kernels.risk import means

    parts: list[Float64s] = [np.empty((0, block.array.shape[1]))]

    def keep(cells: Array, weights: Float64s | None, tolerance: float, out: Float64s, valid: Bools) -> None:
        mean_rc = np.zeros(cells.shape[:2])
        means(cells, door.as_shares(weights, cells.shape[-1]), tolerance, mean_rc, valid)
        parts.append(mean_rc)

    block.score(keep)
    return np.concatenate(parts)


def _losses(kernel: str, mean_nc: Float64s, predicted_nc: Float64s) -> Float64s:
    from alcore.kernels import risk as kernels

    losses_n = np.empty(len(mean_nc))
    getattr(kernels, kernel)(mean_nc, predicted_nc, losses_n)
    return losses_n
