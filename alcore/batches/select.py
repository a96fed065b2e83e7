"""Scores (N,) -> Batch: the k rows to label, chosen greedily or at random in proportion to the scores.

The stochastic selections draw without replacement, one row after the other, with weights that grow with the score
(Kirsch et al. 2023, arXiv:2106.12059); each pick carries its probability given the earlier picks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.batch import Batch
from alcore.door import Float64s, Rng

Rows = npt.NDArray[np.int64]

FAR = 1e6  # log weights that lie farther apart leave noise, and each other's differences, fewer than ten digits


def top(scores: npt.ArrayLike, k: int, *, rng: Rng = None) -> Batch:
    """The k rows of largest score, largest first; ties go to the lowest row.

    Args:
        scores: (N,) higher = ask first; +∞ and −∞ are ranked, NaN is refused.
        k: query size; where k ≥ N all N rows are returned, in order.
        rng: not used; taken so that all selections are called alike.

    Returns: a `Batch` with q = 1 and support = 1 (a deterministic pick tells risk estimators nothing about other rows).
    Cost O(N + k log k). Raises: TypeError or ValueError for NaN, another shape, or k < 0.

    >>> import alcore
    >>> alcore.top([0.3, 0.9, 0.3, 0.1], k=2).indices.tolist()
    [1, 0]
    """
    array, count = door.as_scores(scores), door.as_count(k)
    door.as_rng(rng)
    count = min(count, array.size)
    if count == 0:
        chosen = np.empty(0, np.int64)
    else:
        least = np.partition(array, array.size - count)[array.size - count]
        above = np.flatnonzero(array > least)
        level = np.flatnonzero(array == least)[: count - above.size]
        chosen = np.concatenate([above[np.argsort(-array[above], kind="stable")], level]).astype(np.int64)
    return Batch.certain(chosen, array[chosen])


def softmax(scores: npt.ArrayLike, k: int, *, beta: float = 1.0, rng: Rng = None) -> Batch:
    """Draw k rows without replacement, each in proportion to exp(β·score).

    Args:
        scores: (N,) finite.
        k: query size; where k ≥ N all rows are returned, in random order.
        beta: coldness β ≥ 0; 0 draws uniformly, large values approach `top`.
        rng: None for fresh entropy, a seed, or a numpy.random.Generator.

    Returns: a `Batch` whose q is the probability of each pick given the earlier ones and whose support counts the rows left.
    Cost O(N log N). Raises: TypeError or ValueError for NaN or infinite scores, or arguments out of range. arXiv:2106.12059.

    >>> import alcore
    >>> batch = alcore.softmax([0.0, 0.0, 0.0, 0.0], k=2, rng=0)
    >>> batch.q.round(6).tolist(), batch.support.tolist()
    ([0.25, 0.333333], [4, 3])
    """
    array, count = door.as_scores(scores, finite=True), door.as_count(k)
    return _draw(array, door.as_exponents(beta, array), count, door.as_rng(rng))


def power(scores: npt.ArrayLike, k: int, *, beta: float = 1.0, rng: Rng = None) -> Batch:
    """Draw k rows without replacement, each in proportion to score^β; rows of score ≤ 0 only after all positive ones.

    Once no positive row is left the rest are drawn uniformly; ``support`` then counts those.

    Args, returns, cost, errors: as `softmax`. Power acquisition of arXiv:2106.12059 (PowerBALD with BALD scores).

    >>> import alcore
    >>> batch = alcore.power([0.0, 3.0, 1.0], k=3, rng=0)
    >>> sorted(batch.indices[:2].tolist()), int(batch.indices[2]), batch.support.tolist()
    ([1, 2], 0, [2, 1, 1])
    """
    array, count = door.as_scores(scores, finite=True), door.as_count(k)
    generator = door.as_rng(rng)
    positive = np.flatnonzero(array > 0).astype(np.int64)
    first = _draw(array, door.as_exponents(beta, np.log(array[positive])), count, generator, positive)
    if len(first) == count or positive.size == array.size:
        return first
    rest = np.flatnonzero(array <= 0).astype(np.int64)
    second = _draw(array, np.zeros(rest.size), count - len(first), generator, rest)
    q, support = np.concatenate([first.q, second.q]), np.concatenate([first.support, second.support])
    chosen = np.concatenate([first.indices, second.indices])
    return Batch(chosen, array[chosen], q, support)


def softrank(scores: npt.ArrayLike, k: int, *, beta: float = 1.0, rng: Rng = None) -> Batch:
    """Draw k rows without replacement, each in proportion to rank^−β, the largest score having rank 1.

    Equal scores are ranked in row order. Infinite scores are refused, although only ranks count, as in the other draws.

    Args, returns, cost, errors: as `softmax`. arXiv:2106.12059.

    >>> import alcore
    >>> alcore.softrank([0.1, 0.5, 0.2], k=3, beta=50, rng=0).indices.tolist()
    [1, 2, 0]
    """
    array, count = door.as_scores(scores, finite=True), door.as_count(k)
    log_rank = np.empty(array.size)
    log_rank[np.argsort(-array, kind="stable")] = np.log(np.arange(1, array.size + 1))
    return _draw(array, -door.as_exponents(beta, log_rank), count, door.as_rng(rng))


def _draw(scores: Float64s, log_weights: Float64s, k: int, rng: np.random.Generator, rows: Rows | None = None) -> Batch:
    """Perturb log weights with standard Gumbel noise and take the top k: draws without replacement, in order.

    The probability of pick i is w_i over the sum of the rows not yet picked: the rows never picked plus the later picks.
    Those sums are built from the last pick backwards, in log space; subtracting from the total would cancel.
    """
    noise = rng.gumbel(size=log_weights.size)
    with np.errstate(over="ignore"):
        near = log_weights - (log_weights.max() if log_weights.size else 0.0)  # so that noise is not rounded off
    if near.min(initial=0.0) < -FAR:
        order = _order_of_sums(log_weights, noise)[:k]
        q = _chances(log_weights, order)
    else:
        order = top(near + noise, k).indices
        never = np.ones(near.size, np.bool_)
        never[order] = False
        rest = np.logaddexp.reduce(near[never], initial=-np.inf)
        left = np.logaddexp.accumulate(np.concatenate([[rest], near[order[::-1]]]))[:0:-1]
        q = np.exp(np.minimum(near[order] - left, 0.0))
    chosen = order if rows is None else rows[order]
    support = log_weights.size - np.arange(order.size, dtype=np.int64)
    return Batch(chosen, scores[chosen], q, support)


def _order_of_sums(large: Float64s, small: Float64s) -> Rows:
    """Rows by falling large + small, which float64 would round: each sum is taken with its error (Knuth's two-sum)."""
    total = large + small
    taken = total - large
    error = (large - (total - taken)) + (small - taken)
    return np.lexsort((-error, -total)).astype(np.int64)


def _chances(log_weights: Float64s, order: Rows) -> Float64s:
    """The probability of each pick given the earlier ones; sums are kept relative to their largest term, which changes."""
    never, q = np.delete(log_weights, order), np.empty(len(order))
    largest, total = float(never.max(initial=-np.inf)), 0.0
    with np.errstate(over="ignore"):
        if never.size:
            total = float(np.exp(never - largest).sum())
        for place in range(len(order) - 1, -1, -1):
            own = log_weights[order[place]]
            if own > largest:
                largest, total = own, total * np.exp(largest - own)
            total += np.exp(own - largest)
            q[place] = np.exp(own - largest) / total
    return q
