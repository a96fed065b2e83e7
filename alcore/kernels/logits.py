"""Row-wise measures of float32 logits with equal weights, without probabilities in between.

The entropy of a draw is log S - sum_c z p with p = e^z / S and S = sum_c e^z, where z is a logit minus the largest: one exponential
a number, one logarithm a draw. The contract is that of `measures`. A row is invalid where a logit is NaN or +inf, or where all
logits of a draw are -inf.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import weighted_means
from alcore.kernels.exponentials import exponentials, exponentials_and_inverses, parts, probabilities, rows_of_tile
from alcore.kernels.jit import kernel
from alcore.kernels.log import xlogx32
from alcore.kernels.measures import (
    ballot,
    entropy_of,
    entropy_of_draws,
    entropy_of_votes,
    least_confidence_of,
    margin_of,
    mean_divergence,
    std_of_draws,
    variation,
)
from alcore.kernels.pairwise_kl import row_score32

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Bools = npt.NDArray[np.bool_]

_ACCURATE_BELOW = 4e-3  # the mean of differences is off by 3e-6 where logits lie 27 under the largest of their row
_ZERO, _ONE = np.float32(0.0), np.float32(1.0)


@kernel()
def bald32(logits_rct: Float32s, accurate_below: float, out_r: Float64s, valid_r: Bools) -> None:
    """H[mean] - mean H; scores under ``accurate_below`` again from the probabilities, as `measures.bald` does."""
    rows, classes, draws = logits_rct.shape
    bound = math.log(min(classes, draws))
    weights_t, accurate_c = np.full(draws, 1.0 / draws), np.empty(classes, np.float64)
    tile, probs_ct = rows_of_tile(logits_rct), np.empty((classes, draws), np.float32)
    mean_rc, scratch = np.empty((tile, classes), np.float32), np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = _entropies(logits_rct, start, stop, scratch, mean_rc, out_r, valid_r)
        for r in range(start, stop):
            if valid_r[r]:
                score = _entropy32(mean_rc[r - start]) - out_r[r]
                if score < accurate_below:
                    probabilities(exp_ce, inverse_e, (r - start) * draws, probs_ct)
                    weighted_means(probs_ct, weights_t, accurate_c)
                    score = mean_divergence(probs_ct, weights_t, accurate_c)
                out_r[r] = min(score, bound)


@kernel()
def expected_entropy32(logits_rct: Float32s, out_r: Float64s, valid_r: Bools) -> None:
    """mean_t H[p_t]; small scores again from the probabilities."""
    rows, classes, draws = logits_rct.shape
    bound, weights_t = math.log(classes), np.full(draws, 1.0 / draws)
    xlogx_ct = np.empty((classes, draws), np.float64)
    tile, probs_ct = rows_of_tile(logits_rct), np.empty((classes, draws), np.float32)
    mean_rc, scratch = np.empty((tile, classes), np.float32), np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = _entropies(logits_rct, start, stop, scratch, mean_rc, out_r, valid_r)
        for r in range(start, stop):
            if out_r[r] < _ACCURATE_BELOW:
                probabilities(exp_ce, inverse_e, (r - start) * draws, probs_ct)
                out_r[r] = entropy_of_draws(probs_ct, weights_t, True, xlogx_ct)
            if valid_r[r]:
                out_r[r] = min(max(out_r[r], 0.0), bound)


@kernel()
def mean_std32(logits_rct: Float32s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.mean_std`, without a check that the probabilities are some."""
    rows, classes, draws = logits_rct.shape
    weights_t, mean_c = np.full(draws, 1.0 / draws), np.empty(classes, np.float64)
    tile, probs_ct = rows_of_tile(logits_rct), np.empty((classes, draws), np.float32)
    scratch = np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = exponentials_and_inverses(logits_rct, start, stop, scratch)
        for r in range(start, stop):
            probabilities(exp_ce, inverse_e, (r - start) * draws, probs_ct)
            weighted_means(probs_ct, weights_t, mean_c)
            out_r[r] = std_of_draws(probs_ct, weights_t, mean_c)
            valid_r[r] = out_r[r] == out_r[r]


@kernel()
def pairwise_kl32(logits_rct: Float32s, floor: float, accurate_below: float, out_r: Float64s, valid_r: Bools) -> None:
    """`pairwise_kl.pairwise_kl32`, without a check that the probabilities are some."""
    rows, classes, draws = logits_rct.shape
    tile, weights_t = rows_of_tile(logits_rct), np.full(draws, 1.0 / draws)
    probs_ct, q_ct, log_ct = (
        np.empty((classes, draws), np.float32),
        np.empty((classes, draws), np.float32),
        np.empty((classes, draws), np.float32),
    )
    scratch = np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = exponentials_and_inverses(logits_rct, start, stop, scratch)
        for r in range(start, stop):
            inverse = _sum(inverse_e[(r - start) * draws : (r - start + 1) * draws])
            valid_r[r] = inverse == inverse
            out_r[r] = np.nan
            if valid_r[r]:
                probabilities(exp_ce, inverse_e, (r - start) * draws, probs_ct)
                out_r[r] = row_score32(probs_ct, weights_t, floor, accurate_below, q_ct, log_ct)


@kernel()
def entropy32(logits_rct: Float32s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.entropy`."""
    mean_rc = _mean_probabilities(logits_rct)
    for r in range(len(mean_rc)):
        valid_r[r] = mean_rc[r, 0] == mean_rc[r, 0]
        out_r[r] = entropy_of(mean_rc[r]) if valid_r[r] else np.nan


@kernel()
def margin32(logits_rct: Float32s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.margin`."""
    mean_rc = _mean_probabilities(logits_rct)
    for r in range(len(mean_rc)):
        valid_r[r] = mean_rc[r, 0] == mean_rc[r, 0]
        out_r[r] = margin_of(mean_rc[r]) if valid_r[r] else np.nan


@kernel()
def least_confidence32(logits_rct: Float32s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.least_confidence`."""
    mean_rc = _mean_probabilities(logits_rct)
    for r in range(len(mean_rc)):
        valid_r[r] = mean_rc[r, 0] == mean_rc[r, 0]
        out_r[r] = least_confidence_of(mean_rc[r]) if valid_r[r] else np.nan


@kernel()
def _mean_probabilities(logits_rct: Float32s) -> Float64s:
    """mean_t p_t, (R, C), with sum 1 in float64; NaN where a row is invalid."""
    rows, classes, draws = logits_rct.shape
    mean_rc = np.empty((rows, classes), np.float64)
    tile = rows_of_tile(logits_rct)
    unscaled_rc, scratch = np.empty((tile, classes), np.float32), np.empty((2 * classes + 2) * tile * draws, np.float32)
    for start in range(0, rows, tile):
        stop = min(start + tile, rows)
        exp_ce, inverse_e = exponentials_and_inverses(logits_rct, start, stop, scratch)
        for r in range(stop - start):
            _means(exp_ce, inverse_e[r * draws : (r + 1) * draws], r * draws, unscaled_rc[r])
        for r in range(stop - start):
            total = 0.0
            for c in range(classes):
                total += np.float64(unscaled_rc[r, c])
            for c in range(classes):
                mean_rc[start + r, c] = np.float64(unscaled_rc[r, c]) / total
    return mean_rc


@kernel()
def _entropies(
    logits_rct: Float32s, start: int, stop: int, scratch: Float32s, mean_rc: Float32s, out_r: Float64s, valid_r: Bools
) -> tuple[Float32s, Float32s]:
    """For each row of a tile its mean probabilities and the mean of its draws' entropies. Returns e^z and 1 / S."""
    _, classes, draws = logits_rct.shape
    below_ce, exp_ce, log_e, sum_e = parts(scratch, classes, (stop - start) * draws)
    exponentials(logits_rct, start, stop, below_ce, exp_ce, log_e, sum_e)
    for e in range(sum_e.size):
        inverse = _ONE / sum_e[e]
        log_e[e] = xlogx32(sum_e[e]) * inverse
        sum_e[e] = inverse
    for r in range(start, stop):
        first = (r - start) * draws
        inverse_t = sum_e[first : first + draws]
        moment = _means_and_moment(below_ce, exp_ce, inverse_t, first, mean_rc[r - start])
        out_r[r] = (_sum(log_e[first : first + draws]) - moment) / draws
        valid_r[r] = out_r[r] == out_r[r]
    return exp_ce, sum_e


@kernel()
def _sum(values_t: Float32s) -> float:
    total = _ZERO
    for t in range(values_t.size):
        total += values_t[t]
    return np.float64(total)


@kernel()
def _means(exp_ce: Float32s, inverse_t: Float32s, first: int, mean_c: Float32s) -> None:
    """The mean probabilities of a row, whose draws lie from ``first`` on."""
    one_draw = np.float32(1.0 / inverse_t.size)
    for c in range(mean_c.size):
        exp_t, total = exp_ce[c, first : first + inverse_t.size], _ZERO
        for t in range(inverse_t.size):
            total += exp_t[t] * inverse_t[t]
        mean_c[c] = total * one_draw


@kernel()
def _means_and_moment(below_ce: Float32s, exp_ce: Float32s, inverse_t: Float32s, first: int, mean_c: Float32s) -> float:
    """``_means``. Returns sum_t sum_c z p."""
    one_draw, moment = np.float32(1.0 / inverse_t.size), 0.0
    for c in range(mean_c.size):
        below_t, exp_t = below_ce[c, first : first + inverse_t.size], exp_ce[c, first : first + inverse_t.size]
        total, product = _ZERO, _ZERO
        for t in range(inverse_t.size):
            p = exp_t[t] * inverse_t[t]
            total += p
            product += below_t[t] * p
        mean_c[c] = total * one_draw
        moment += np.float64(product)
    return moment


@kernel()
def _entropy32(mean_c: Float32s) -> float:
    """The entropy of means m with a sum s that is 1 but for rounding: log s - sum_c m log m / s."""
    total, products = _ZERO, _ZERO
    for c in range(mean_c.size):
        total += mean_c[c]
        products += xlogx32(mean_c[c])
    whole = np.float64(total)
    return math.log(whole) - np.float64(products) / whole


@kernel()
def variation_ratio(logits_rct: Floats, weights_t: Float64s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.variation_ratio`: the largest logit of a draw is its vote."""
    best_t, vote_t, votes_c = ballot(logits_rct)
    for r in range(len(logits_rct)):
        valid_r[r] = _are_logits(logits_rct[r], best_t)
        out_r[r] = variation(logits_rct[r], weights_t, best_t, vote_t, votes_c) if valid_r[r] else np.nan


@kernel()
def vote_entropy(logits_rct: Floats, weights_t: Float64s, out_r: Float64s, valid_r: Bools) -> None:
    """`measures.vote_entropy`: the largest logit of a draw is its vote."""
    best_t, vote_t, votes_c = ballot(logits_rct)
    for r in range(len(logits_rct)):
        valid_r[r] = _are_logits(logits_rct[r], best_t)
        out_r[r] = entropy_of_votes(logits_rct[r], weights_t, best_t, vote_t, votes_c) if valid_r[r] else np.nan


@kernel()
def _are_logits(logits_ct: Floats, max_t: Floats) -> bool:
    """Whether none is NaN or +inf, and each draw has a finite one."""
    classes, draws = logits_ct.shape
    wrong = False
    for t in range(draws):
        max_t[t] = logits_ct[0, t]
    for c in range(classes):
        for t in range(draws):
            z = logits_ct[c, t]
            wrong |= not (z < np.inf)
            max_t[t] = z if z > max_t[t] else max_t[t]
    for t in range(draws):
        wrong |= not (max_t[t] > -np.inf)
    return not wrong
