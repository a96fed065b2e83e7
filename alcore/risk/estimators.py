"""Unbiased estimates of a pool's mean loss from picks that were not drawn uniformly.

The pool had N rows at the start. M of them were picked and labelled one after the other, pick m with probability q_m given the
earlier picks. If rows with large losses are picked more often, the plain mean of the losses is too large. Weights correct this.
Farquhar et al. 2021 (arXiv:2101.11665); for test data Kossen et al. 2021 (arXiv:2103.05331).
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Float64s
from alcore.scores.estimate import Estimate


def lure_weights(q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Float64s:
    """LURE weights v_m = 1 + (N − M)/(N − m)·(1/((N − m + 1) q_m) − 1) of the picks m = 1 … M.

    The weighted mean of the picks' losses, mean_m v_m ℓ_m, is an unbiased estimate of the mean loss of the whole pool. So you can
    also weight a training loss with them. LURE is the levelled unbiased risk estimator.
    Paper: Farquhar et al. 2021 (arXiv:2101.11665).

    Args:
        q: (M,) the probability of each pick given the earlier picks, in the order of the picks, as ``batch.q``. If you asked for
            several batches, concatenate them.
        pool_size: N, how many rows the pool had at the first pick. It includes the rows picked since.
        support: (M,) how many rows had a chance at each pick, as ``batch.support``. The default is all rows left, N − m + 1.
            Pass it if you can: `q` alone does not show that a row had no chance.

    Returns:
        (M,) float64, no unit, above 0. The weights are 1 where `q` is uniform and where M = N. Each weight has mean 1 over all
            rows that could be picked. The cost is O(M).

    Raises:
        TypeError: `q` is not an array of numbers, or `pool_size` or `support` are not whole numbers.
        ValueError: there is no pick, a `q` is outside 0 … 1, there are more picks than rows, or no weights make the picks
            unbiased. The last happens where a row had no chance (`power` draws no score ≤ 0 before the others) and where a pick
            was certain (deterministic batches).

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
    """PURE weights u_m = 1/(N q_m) + (M − m)/N of the picks m = 1 … M.

    The weighted mean of the picks' losses, mean_m u_m ℓ_m, is an unbiased estimate of the mean loss of the whole pool. These
    weights vary more than `lure_weights`. They depend on the order of the picks even where `q` is uniform. They are not 1 where
    M = N.
    PURE is the plain unbiased risk estimator. Paper: Farquhar et al. 2021 (arXiv:2101.11665).

    Args:
        q: as in `lure_weights`.
        pool_size: as in `lure_weights`.
        support: as in `lure_weights`.

    Returns:
        (M,) float64, no unit, above 0. The cost is O(M).

    Raises:
        TypeError: as `lure_weights`.
        ValueError: as `lure_weights`.

    >>> import alcore
    >>> alcore.pure_weights([0.5, 0.5], pool_size=4).tolist()
    [0.75, 0.5]
    """
    q_m, rows = door.as_picks(q, pool_size, support)
    return np.asarray(1.0 / (rows * q_m) + np.arange(q_m.size)[::-1] / rows, np.float64)


def lure(losses: npt.ArrayLike, q: npt.ArrayLike, pool_size: int, *, support: npt.ArrayLike | None = None) -> Estimate:
    """LURE, the pool's mean loss from M of its N rows: mean_m v_m ℓ_m with the weights v of `lure_weights`.

    It is unbiased however you drew the rows. The standard error is sqrt(Σ_m c_m² (a_m − LURE)²)/M with
    a_m = ℓ_m/(N q_m) + Σ_{s<m} ℓ_s/N and c_m = N (N − M)/((N − m)(N − m + 1)). From 20 picks on it is within a few per cent of the
    true spread. If the picks' losses hardly differ, the error is small, even if the other rows' losses are different. Where
    mistakes are rare, pick until some mistakes are among the picks.
    Papers: Farquhar et al. 2021 (arXiv:2101.11665); for test data Kossen et al. 2021 (arXiv:2103.05331).

    Args:
        losses: (M,) finite, in any unit: the loss of each pick in the order of the picks. Booleans are the zero-one loss.
        q: as in `lure_weights`.
        pool_size: as in `lure_weights`.
        support: as in `lure_weights`.

    Returns:
        An `Estimate` in the unit of the losses. Where M = N the value is their mean and the error is 0. One pick of several rows
            shows no spread, so its error is infinity, and value ± error still covers the truth. The cost is O(M).

    Raises:
        TypeError: as `lure_weights`.
        ValueError: as `lure_weights`, and for losses that are not M finite numbers.

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
    """PURE, the pool's mean loss from M of its N rows: the mean of a_m = ℓ_m/(N q_m) + Σ_{s<m} ℓ_s/N.

    It is unbiased, with more spread than `lure`. Each a_m is unbiased by itself, and they are uncorrelated. So the standard error
    is sqrt(Σ_m (a_m − ā)²/(M (M − 1))). The estimate varies even where M = N. Paper: Farquhar et al. 2021 (arXiv:2101.11665).

    Args:
        losses: as in `lure`.
        q: as in `lure_weights`.
        pool_size: as in `lure_weights`.
        support: as in `lure_weights`.

    Returns:
        An `Estimate` in the unit of the losses. One pick shows no spread, so its error is infinity (0 where N = 1). The cost is
            O(M).

    Raises:
        TypeError: as `lure`.
        ValueError: as `lure`.

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
    """a_m: what pick m, drawn from the rows left, and the rows before it tell about the pool's mean."""
    before_m = np.concatenate([[0.0], np.cumsum(losses_m)[:-1]])
    return np.asarray(losses_m / (rows * q_m) + before_m / rows, np.float64)


def _estimate(value: float, error: float) -> Estimate:
    if not math.isfinite(value) or math.isnan(error):
        door.refuse_overflowing_losses()
    return Estimate(value, error)
