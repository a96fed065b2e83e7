"""Scores (N,) -> Batch: the k rows to label, chosen greedily or at random in proportion to the scores.

The stochastic selections draw without replacement, one row after the other, with weights that grow with the score
(Kirsch et al. 2023, arXiv:2106.12059). Each pick has its probability given the earlier picks.
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
    """The k rows of largest score, largest first. Among equal scores the lowest row comes first.

    Args:
        scores: (N,) higher = ask first. The function ranks +∞ and −∞ and refuses NaN.
        k: query size. If k ≥ N, the batch has all N rows, largest score first.
        rng: not used. All selections take it, so that you can call them alike.

    Returns:
        A `Batch` with q = 1 and support = 1. A deterministic pick tells risk estimators nothing about other rows. The cost is
            O(N + k log k).

    Raises:
        TypeError: `scores` is not an array of numbers, or `k` is not a whole number.
        ValueError: `scores` has NaN or another shape, or k < 0.

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


def uniform(rows: int, k: int, rng: np.random.Generator) -> Batch:
    """k of so many rows, each with the same chance, in time and memory of k: no number is drawn for the others."""
    count = min(k, rows)
    chosen = rng.choice(rows, count, replace=False).astype(np.int64) if count else np.empty(0, np.int64)
    left = rows - np.arange(count)
    return Batch(chosen, np.zeros(count), 1 / left, left)


def softmax(scores: npt.ArrayLike, k: int, *, beta: float = 1.0, rng: Rng = None) -> Batch:
    """Draw k rows without replacement, each in proportion to exp(β·score).

    Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        scores: (N,) finite, higher = ask first.
        k: query size. If k ≥ N, the batch has all N rows in random order.
        beta: coldness β ≥ 0. With 0 all rows are drawn uniformly. With a large β the batch is nearly that of `top`.
        rng: None for a fresh random state, a seed, or a `numpy.random.Generator`.

    Returns:
        A `Batch`. Its `q` is the probability of each pick given the earlier picks, above 0 and at most 1. Its `support` is the
            number of rows left. The cost is O(N log N).

    Raises:
        TypeError: `scores` is not an array of numbers, or another argument has the wrong type.
        ValueError: a score is NaN or infinite, or an argument is out of range.

    >>> import alcore
    >>> batch = alcore.softmax([0.0, 0.0, 0.0, 0.0], k=2, rng=0)
    >>> batch.q.round(6).tolist(), batch.support.tolist()
    ([0.25, 0.333333], [4, 3])
    """
    array, count = door.as_scores(scores, finite=True), door.as_count(k)
    return _draw(array, door.as_exponents(beta, array), count, door.as_rng(rng))


def power(scores: npt.ArrayLike, k: int, *, beta: float = 1.0, rng: Rng = None) -> Batch:
    """Draw k rows without replacement, each in proportion to score^β. Rows of score ≤ 0 come after all positive ones.

    When no positive row is left, the function draws the other rows uniformly. `support` then counts those rows. With BALD scores
    this is PowerBALD. Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        scores: as in `softmax`.
        k: as in `softmax`.
        beta: as in `softmax`.
        rng: as in `softmax`.

    Returns:
        A `Batch`, as `softmax`, at the same cost O(N log N).

    Raises:
        TypeError: as `softmax`.
        ValueError: as `softmax`.

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
    """Draw k rows without replacement, each in proportion to rank^−β. The largest score has rank 1.

    Equal scores are ranked in row order. Only ranks count, but the function refuses infinite scores, as the other draws do.
    Paper: Kirsch et al. 2023 (arXiv:2106.12059).

    Args:
        scores: as in `softmax`.
        k: as in `softmax`.
        beta: as in `softmax`.
        rng: as in `softmax`.

    Returns:
        A `Batch`, as `softmax`, at the same cost O(N log N).

    Raises:
        TypeError: as `softmax`.
        ValueError: as `softmax`.

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
