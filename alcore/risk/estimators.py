"""Unbiased estimates of a pool's mean loss from picks that were not drawn uniformly.

N rows could be picked at the start, M were picked and labelled one after the other, pick m with probability q_m given the earlier
ones. Rows picked because their loss is large make the plain mean of the losses too large; weights of each pick undo that.
Farquhar et al. 2021 (arXiv:2101.11665); of test data: Kossen et al. 2021 (arXiv:2103.05331).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Float64s
from alcore.scores.estimate import Estimate


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
