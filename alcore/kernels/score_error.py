"""Standard errors of row-wise measures: each row of draws gives one number, the error of its score to first order.

A draw t moves a score by w_t phi_t, where phi is the influence function of the measure (the delta method). The error is
sqrt(sum_t w_t^2 (phi_t - mean)^2 / (1 - sum_t w_t^2)), which is sd(phi) / sqrt(T) with equal weights.
The contract is that of `measures`: a row that is not valid gets NaN. Arithmetic is float64.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.distributions import means
from alcore.kernels.jit import FORMULA, kernel
from alcore.kernels.log import divergence, log, relative
from alcore.kernels.measures import TINY

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

ENTROPY, EXPECTED_ENTROPY, BALD, MARGIN, LEAST_CONFIDENCE, VARIATION_RATIO, VOTE_ENTROPY, MEAN_STD = range(8)


@kernel()
def score_error(
    probs_rct: Floats, measure: int, weights_t: Float64s, tolerance: float, out_r: Float64s, valid_r: Bools
) -> None:
    """The error of the measure of each row."""
    rows, classes, draws = probs_rct.shape
    sums_t, mean_c, phi_t = np.empty(draws, probs_rct.dtype), np.empty(classes), np.empty(draws)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = means(probs_rct[r], weights_t, tolerance, sums_t, mean_c)
        if valid_r[r]:
            _influence(probs_rct[r], measure, weights_t, mean_c, phi_t)
            out_r[r] = _error(phi_t, weights_t)


@kernel()
def score_error_of_labels(
    probs_rlt: Floats,
    measure: int,
    largest: bool,
    weights_t: Float64s,
    tolerance: float,
    out_r: Float64s,
    valid_r: Bools,
) -> None:
    """The error of the sum over labels, each a probability of yes, or of the largest. Labels share draws: influences are added."""
    rows, labels, draws = probs_rlt.shape
    mean_c, phi_t, total_t = np.empty(2), np.empty(draws), np.empty(draws)
    pair_ct = np.empty((2, draws), probs_rlt.dtype)
    sums_t = np.empty(draws, probs_rlt.dtype)
    for r in range(rows):
        out_r[r] = np.nan
        valid_r[r] = True
        best = -np.inf
        total_t[:] = 0.0
        for label in range(labels):
            for t in range(draws):
                yes = probs_rlt[r, label, t]
                pair_ct[0, t], pair_ct[1, t] = yes, max(1 - yes, 0 * yes)
            valid_r[r] &= means(pair_ct, weights_t, tolerance, sums_t, mean_c)
            if valid_r[r]:
                score = _influence(pair_ct, measure, weights_t, mean_c, phi_t)
                if not largest:
                    total_t += phi_t
                elif score > best:
                    best = score
                    total_t[:] = phi_t
        if valid_r[r]:
            out_r[r] = _error(total_t, weights_t)


@kernel(FORMULA)
def _error(phi_t: Float64s, weights_t: Float64s) -> float:
    """Influences are taken from that of a draw with weight: where all are equal the error is exactly 0."""
    lead = 0
    while weights_t[lead] == 0.0:
        lead += 1
    mean, squares = 0.0, 0.0
    for t in range(phi_t.size):
        mean += weights_t[t] * (phi_t[t] - phi_t[lead])
        squares += weights_t[t] * weights_t[t]
    total = 0.0
    for t in range(phi_t.size):
        off = phi_t[t] - phi_t[lead] - mean
        total += weights_t[t] * weights_t[t] * off * off
    return math.sqrt(total / (1.0 - squares))


@kernel()
def _influence(probs_ct: Floats, measure: int, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """phi_t = (score - score without draw t) / r_t with r_t = w_t / (1 - w_t), up to a constant, and the score.

    Without draw t a mean m becomes m - r_t (p_t - m).
    """
    phi_t[:] = 0.0
    if measure == ENTROPY:
        return _of_entropy(probs_ct, weights_t, mean_c, phi_t)
    if measure == EXPECTED_ENTROPY:
        return _of_expected_entropy(probs_ct, weights_t, phi_t)
    if measure == BALD:
        return _of_bald(probs_ct, weights_t, mean_c, phi_t)
    if measure in (MARGIN, LEAST_CONFIDENCE):
        return _of_largest(probs_ct, measure == MARGIN, weights_t, mean_c, phi_t)
    if measure == MEAN_STD:
        return _of_mean_std(probs_ct, weights_t, mean_c, phi_t)
    return _of_votes(probs_ct, measure == VOTE_ENTROPY, weights_t, phi_t)


@kernel(FORMULA)
def _ratio(weight: float) -> float:
    """r = w / (1 - w)."""
    return weight / (1.0 - weight)


@kernel(FORMULA)
def _moved(delta: float, ratio: float) -> float:
    """KL(mean without the draw || mean) / (mean r), for a class where the draw is p = mean (1 + delta)."""
    return divergence(max(-1.0, -ratio * delta)) / ratio


@kernel()
def _of_entropy(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """-sum_c (p_tc - mean_c) log mean_c + KL(mean without t || mean) / r_t."""
    score = 0.0
    for c in range(mean_c.size):
        mean = mean_c[c]
        if mean > TINY:
            log_mean, inverse = math.log(mean), 1.0 / mean
            score -= mean * log_mean
            for t in range(phi_t.size):
                if weights_t[t] > 0.0:
                    delta = relative(np.float64(probs_ct[c, t]), mean, inverse)
                    phi_t[t] += mean * (_moved(delta, _ratio(weights_t[t])) - delta * log_mean)
    return score


@kernel()
def _of_expected_entropy(probs_ct: Floats, weights_t: Float64s, phi_t: Float64s) -> float:
    """H[p_t]."""
    score = 0.0
    for c in range(probs_ct.shape[0]):
        for t in range(phi_t.size):
            p = np.float64(probs_ct[c, t])
            phi_t[t] -= p * log(p)
    for t in range(phi_t.size):
        score += weights_t[t] * phi_t[t]
    return score


@kernel()
def _of_bald(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """KL(p_t || mean) + KL(mean without t || mean) / r_t: sums of mean_c [(1 + d) log(1 + d) - d], so accurate near 0."""
    score = 0.0
    for c in range(mean_c.size):
        mean = mean_c[c]
        if mean > TINY:
            inverse = 1.0 / mean
            for t in range(phi_t.size):
                if weights_t[t] > 0.0:
                    delta = relative(np.float64(probs_ct[c, t]), mean, inverse)
                    own = mean * divergence(delta)
                    score += weights_t[t] * own
                    phi_t[t] += own + mean * _moved(delta, _ratio(weights_t[t]))
    return score


@kernel()
def _of_largest(probs_ct: Floats, margin: bool, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """The lead of the most probable class, over the second one for the margin, without t less with all."""
    first, second = _two_largest(mean_c)
    lead = first - second if margin else first
    without_c = np.empty_like(mean_c)
    for t in range(phi_t.size):
        if weights_t[t] > 0.0:
            ratio = _ratio(weights_t[t])
            for c in range(mean_c.size):
                without_c[c] = mean_c[c] - ratio * (np.float64(probs_ct[c, t]) - mean_c[c])
            first, second = _two_largest(without_c)
            phi_t[t] = ((first - second if margin else first) - lead) / ratio
    return float(1.0 - lead)


@kernel(FORMULA)
def _two_largest(numbers: Float64s) -> tuple[float, float]:
    """The second one is 0 where there is one number."""
    first, second = numbers[0], 0.0
    for c in range(1, numbers.size):
        if numbers[c] > first:
            first, second = numbers[c], first
        elif c == 1 or numbers[c] > second:
            second = numbers[c]
    return first, second


@kernel()
def _of_mean_std(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """The mean over c of sd_c - sqrt((1 + r) (sd_c^2 - r (p_tc - mean_c)^2)), over r. A class without spread adds nothing."""
    classes, score = mean_c.size, 0.0
    for c in range(classes):
        variance = 0.0
        for t in range(phi_t.size):
            off = np.float64(probs_ct[c, t]) - mean_c[c]
            variance += weights_t[t] * off * off
        if variance > TINY:
            deviation = math.sqrt(variance)
            score += deviation / classes
            for t in range(phi_t.size):
                if weights_t[t] > 0.0:
                    off, ratio = np.float64(probs_ct[c, t]) - mean_c[c], _ratio(weights_t[t])
                    without = (1.0 + ratio) * max(0.0, variance - ratio * off * off)
                    phi_t[t] += (deviation - math.sqrt(without)) / (ratio * classes)
    return score


@kernel()
def _of_votes(probs_ct: Floats, entropy: bool, weights_t: Float64s, phi_t: Float64s) -> float:
    """The entropy of the votes, or 1 less the largest share, with all less without t."""
    classes, draws = probs_ct.shape
    votes_c, without_c, vote_t = np.zeros(classes), np.empty(classes), np.zeros(draws, np.int64)
    for t in range(draws):
        for c in range(1, classes):
            if probs_ct[c, t] > probs_ct[vote_t[t], t]:
                vote_t[t] = c
        votes_c[vote_t[t]] += weights_t[t]
    score = _entropy(votes_c) if entropy else float(1.0 - votes_c.max())
    for t in range(draws):
        if weights_t[t] > 0.0:
            ratio = _ratio(weights_t[t])
            for c in range(classes):
                without_c[c] = max(0.0, (1.0 + ratio) * votes_c[c] - (ratio if c == vote_t[t] else 0.0))
            less = _entropy(without_c) if entropy else float(1.0 - without_c.max())
            phi_t[t] = (score - less) / ratio
    return score


@kernel()
def _entropy(shares_c: Float64s) -> float:
    total = 0.0
    for c in range(shares_c.size):
        if shares_c[c] > 0.0:
            total -= shares_c[c] * math.log(shares_c[c])
    return total
