"""Row-wise measures: each row of ``probs_rct`` (rows, classes, draws) gives one number.

All share one contract: ``probs_rct`` is C-contiguous float32 or float64, ``weights_t`` float64 with sum 1. A row whose draws
are distributions within ``tolerance`` gets its score and ``valid_r[r] = True``; any other gets NaN and False.
A score depends on its row alone, bit for bit. Arithmetic is float64 but for ``bald32`` and ``expected_entropy32``.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import binary_means32, is_distribution, means, means32, weighted_means
from alcore.kernels.jit import kernel
from alcore.kernels.log import divergence, log, relative, xlogx32

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]
Votes = npt.NDArray[np.int32]

_SEGMENT = 1024  # float32 sums are handed to float64 after so many elements
_TILE = 1 << 15  # elements: two passes over a tile of rows, the second from the L2 cache
_ZERO32, _ONE32 = np.float32(0.0), np.float32(1.0)
TINY = 1e-290  # a class of smaller mean adds less than this to any divergence, and 1 / mean could overflow


@kernel()
def entropy(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """H[mean]."""
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c = np.empty(draws, probs_rct.dtype), np.empty(classes, np.float64)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        if valid_r[r]:
            out_r[r] = entropy_of(mean_c)


@kernel()
def expected_entropy(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """sum_t w_t H[p_t]."""
    rows, classes, draws = probs_rct.shape
    sums_t, xlogx_ct = np.empty(draws, probs_rct.dtype), np.empty((classes, draws), np.float64)
    bound, equal = math.log(classes), are_equal(weights_t)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = is_distribution(probs_rct[r], tolerance, sums_t)
        if valid_r[r]:
            out_r[r] = min(max(entropy_of_draws(probs_rct[r], weights_t, equal, xlogx_ct), 0.0), bound)


@kernel()
def expected_entropy32(probs_rct: Float32s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """mean_t H[p_t] in float32, equal weights."""
    rows, classes, draws = probs_rct.shape
    sums_t = np.empty(draws, np.float32)
    bound = math.log(classes)
    tile = max(1, _TILE // (classes * draws))
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        _sum_xlogx32(probs_rct[start:stop].reshape(stop - start, classes * draws), out_r[start:stop])
        for r in range(start, stop):
            valid_r[r] = is_distribution(probs_rct[r], tolerance, sums_t)
            out_r[r] = min(max(-out_r[r] / draws, 0.0), bound) if valid_r[r] else np.nan


@kernel()
def bald(
    probs_rct: Floats, weights_t: Float64s, accurate_below: float, tolerance: float, out_r: Float64s, valid_r: Bools
) -> None:
    """H[mean] - sum_t w_t H[p_t]; a score under ``accurate_below`` is sum_c mean_c E_t[(1 + d) log(1 + d) - d] with
    d = p / mean - 1, which has relative accuracy however small it is.
    """
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c = np.empty(draws, probs_rct.dtype), np.empty(classes, np.float64)
    bound, xlogx_ct = math.log(min(classes, draws)), np.empty((classes, draws), np.float64)
    equal = are_equal(weights_t)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        if valid_r[r]:
            score = _entropy(mean_c) - entropy_of_draws(probs_rct[r], weights_t, equal, xlogx_ct)
            if score < accurate_below:
                score = mean_divergence(probs_rct[r], weights_t, mean_c)
            out_r[r] = min(score, bound)


@kernel()
def bald32(probs_rct: Float32s, accurate_below: float, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """H[mean] - mean H in float32, equal weights; scores under ``accurate_below`` again as ``bald`` does."""
    rows, classes, draws = probs_rct.shape
    weights_t, accurate_c = np.empty(draws), np.empty(classes, np.float64)
    weights_t[:] = 1.0 / draws  # np.full compiles for 0.14 s of the 3.4
    bound = math.log(min(classes, draws))
    tile = max(1, _TILE // (classes * draws))
    mean_rc, mean_xlogx_r = np.empty((tile, classes), np.float32), np.empty(tile)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        _sum_xlogx32(probs_rct[start:stop].reshape(stop - start, classes * draws), out_r[start:stop])
        if classes == 2:
            binary_means32(probs_rct[start:stop], np.float32(tolerance), mean_rc, valid_r[start:stop])
        else:
            means32(probs_rct[start:stop], np.float32(tolerance), mean_rc, valid_r[start:stop])
        _sum_xlogx32(mean_rc[: stop - start], mean_xlogx_r)
        for r in range(start, stop):
            score = np.nan
            if valid_r[r]:
                score = out_r[r] / draws - mean_xlogx_r[r - start]
                if score < accurate_below:
                    weighted_means(probs_rct[r], weights_t, accurate_c)
                    score = mean_divergence(probs_rct[r], weights_t, accurate_c)
            out_r[r] = min(score, bound)


@kernel()
def margin(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """1 - (largest mean - second largest mean)."""
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c = np.empty(draws, probs_rct.dtype), np.empty(classes, np.float64)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        if valid_r[r]:
            out_r[r] = margin_of(mean_c)


@kernel()
def least_confidence(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """1 - largest mean."""
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c = np.empty(draws, probs_rct.dtype), np.empty(classes, np.float64)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        if valid_r[r]:
            out_r[r] = least_confidence_of(mean_c)


@kernel()
def variation_ratio(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """The weight of the draws whose most probable class is not the modal one."""
    best_t, vote_t, votes_c = ballot(probs_rct)
    for r in range(len(probs_rct)):
        valid_r[r] = is_distribution(probs_rct[r], tolerance, best_t)
        out_r[r] = variation(probs_rct[r], weights_t, best_t, vote_t, votes_c) if valid_r[r] else np.nan


@kernel()
def vote_entropy(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """Entropy of the weights of the draws' most probable classes."""
    best_t, vote_t, votes_c = ballot(probs_rct)
    for r in range(len(probs_rct)):
        valid_r[r] = is_distribution(probs_rct[r], tolerance, best_t)
        out_r[r] = entropy_of_votes(probs_rct[r], weights_t, best_t, vote_t, votes_c) if valid_r[r] else np.nan


@kernel()
def mean_std(probs_rct: Floats, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools) -> None:
    """mean_c sqrt(E_t[(p - mean)^2])."""
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c = np.empty(draws, probs_rct.dtype), np.empty(classes, np.float64)
    for r in range(rows):
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        out_r[r] = std_of_draws(probs_rct[r], weights_t, mean_c) if valid_r[r] else np.nan


@kernel()
def std_of_draws(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s) -> float:
    """The mean over classes of the standard deviation of draws."""
    total = 0.0
    for c in range(probs_ct.shape[0]):
        variance = 0.0
        for t in range(probs_ct.shape[1]):
            centred = np.float64(probs_ct[c, t]) - mean_c[c]
            variance += weights_t[t] * centred * centred
        total += math.sqrt(variance)
    return float(total / probs_ct.shape[0])


@kernel()
def _sum_xlogx32(values_rf: Float32s, out_r: Float64s) -> None:
    """sum x log x of each row, in float32 over equal segments that are added up in float64.

    One loop for a tile of rows, before anything else is done with them: inlined among the other loops of a row the compiler
    keeps the logarithm's constants in memory, 0.62 ns an element in all instead of 0.47.
    """
    size = values_rf.shape[1]
    segments = -(-size // _SEGMENT)
    length = size // segments
    for r in range(values_rf.shape[0]):
        total = 0.0
        for i in range(segments):
            partial = _ZERO32
            segment = values_rf[r, i * length : (i + 1) * length]
            for j in range(segment.size):
                partial += xlogx32(segment[j])
            total += np.float64(partial)
        partial = _ZERO32
        segment = values_rf[r, segments * length :]
        for j in range(segment.size):
            partial += xlogx32(segment[j])
        out_r[r] = total + np.float64(partial)


@kernel()
def entropy_of(mean_c: Float64s) -> float:
    """``entropy`` of the mean prediction."""
    return float(min(_entropy(mean_c), math.log(mean_c.size)))


@kernel()
def margin_of(mean_c: Float64s) -> float:
    """``margin`` of the mean prediction."""
    first, second = mean_c[0], 0.0
    for c in range(1, mean_c.size):
        second = max(second, min(mean_c[c], first))
        first = max(first, mean_c[c])
    return float(max(1.0 - (first - second), 0.0))


@kernel()
def least_confidence_of(mean_c: Float64s) -> float:
    """``least_confidence`` of the mean prediction."""
    return float(min(max(1.0 - mean_c.max(), 0.0), 1.0 - 1.0 / mean_c.size))


@kernel()
def _entropy(probs_c: Float64s) -> float:
    total = 0.0
    for c in range(probs_c.size):
        total -= probs_c[c] * log(probs_c[c])
    return max(total, 0.0)


@kernel()
def mean_divergence(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s) -> float:
    total = 0.0
    for c in range(probs_ct.shape[0]):
        mean = mean_c[c]
        if mean > TINY:
            inverse = 1.0 / mean
            of_class = 0.0
            for t in range(probs_ct.shape[1]):
                of_class += weights_t[t] * divergence(relative(np.float64(probs_ct[c, t]), mean, inverse))
            total += mean * of_class
    return total


@kernel()
def entropy_of_draws(probs_ct: Floats, weights_t: Float64s, equal: bool, xlogx_ct: Float64s) -> float:
    """sum_t w_t H[p_t]. Its logarithms are one long loop: the ends of short ones leave vector registers half empty."""
    probs_n, xlogx_n, total = probs_ct.reshape(-1), xlogx_ct.reshape(-1), 0.0
    if equal:
        for i in range(probs_n.size):
            p = np.float64(probs_n[i])
            total -= p * log(p)
        return float(total * weights_t[0])
    for i in range(probs_n.size):
        p = np.float64(probs_n[i])
        xlogx_n[i] = p * log(p)
    for c in range(probs_ct.shape[0]):
        for t in range(weights_t.size):
            total -= weights_t[t] * xlogx_ct[c, t]
    return total


@kernel()
def are_equal(weights_t: Float64s) -> bool:
    """Whether all draws have the same weight."""
    differing = False
    for t in range(weights_t.size):
        differing |= weights_t[t] != weights_t[0]
    return not differing


@kernel()
def ballot(values_rct: Floats) -> tuple[Floats, Votes, Float64s]:
    """Room for what `_count_votes` fills: the largest value of each draw, its class, the votes for each class."""
    _, classes, draws = values_rct.shape
    return np.empty(draws, values_rct.dtype), np.empty(draws, np.int32), np.empty(classes, np.float64)


@kernel()
def variation(values_ct: Floats, weights_t: Float64s, best_t: Floats, vote_t: Votes, votes_c: Float64s) -> float:
    """1 minus the share of the class with most votes."""
    _count_votes(values_ct, weights_t, best_t, vote_t, votes_c)
    votes_c[votes_c.argmax()] = 0.0
    return float(min(votes_c.sum(), 1.0 - 1.0 / min(values_ct.shape[0], values_ct.shape[1])))


@kernel()
def entropy_of_votes(values_ct: Floats, weights_t: Float64s, best_t: Floats, vote_t: Votes, votes_c: Float64s) -> float:
    """The entropy of the shares of votes."""
    _count_votes(values_ct, weights_t, best_t, vote_t, votes_c)
    return min(_entropy(votes_c), math.log(min(values_ct.shape[0], values_ct.shape[1])))


@kernel()
def _count_votes(probs_ct: Floats, weights_t: Float64s, best_t: Floats, vote_t: Votes, votes_c: Float64s) -> None:
    """The weight of the draws that find each class most probable; ties go to the lowest class."""
    classes, draws = probs_ct.shape
    for t in range(draws):
        best_t[t], vote_t[t] = probs_ct[0, t], np.int32(0)
    for c in range(1, classes):
        for t in range(draws):
            better = probs_ct[c, t] > best_t[t]
            best_t[t] = probs_ct[c, t] if better else best_t[t]
            vote_t[t] = np.int32(c) if better else vote_t[t]
    votes_c[:] = 0.0
    for t in range(draws):
        votes_c[vote_t[t]] += weights_t[t]
    if (votes_c > 0.0).sum() == 1:  # unanimous: exactly 1, whatever the weights round to
        votes_c[votes_c.argmax()] = 1.0
