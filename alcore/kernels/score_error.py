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
    """phi_t up to a constant, and the score."""
    phi_t[:] = 0.0
    if measure == ENTROPY:
        return _of_entropy(probs_ct, mean_c, phi_t)
    if measure == EXPECTED_ENTROPY:
        return _of_expected_entropy(probs_ct, weights_t, phi_t)
    if measure == BALD:
        return _of_bald(probs_ct, weights_t, mean_c, phi_t)
    if measure == MARGIN:
        return _of_margin(probs_ct, mean_c, phi_t)
    if measure == LEAST_CONFIDENCE:
        first = mean_c.argmax()
        _add(probs_ct[first], mean_c[first], -1.0, phi_t)
        return float(1.0 - mean_c[first])
    if measure == MEAN_STD:
        return _of_mean_std(probs_ct, weights_t, mean_c, phi_t)
    return _of_votes(probs_ct, measure == VOTE_ENTROPY, weights_t, phi_t)


@kernel()
def _add(probs_t: Floats, mean: float, factor: float, phi_t: Float64s) -> None:
    for t in range(phi_t.size):
        phi_t[t] += factor * (np.float64(probs_t[t]) - mean)


@kernel()
def _of_entropy(probs_ct: Floats, mean_c: Float64s, phi_t: Float64s) -> float:
    """-sum_c (p_tc - mean_c) log mean_c."""
    score = 0.0
    for c in range(mean_c.size):
        if mean_c[c] > 0.0:
            log_mean = math.log(mean_c[c])
            score -= mean_c[c] * log_mean
            _add(probs_ct[c], mean_c[c], -log_mean, phi_t)
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
    """KL(p_t || mean) = sum_c mean_c [(1 + d) log(1 + d) - d] with d = p / mean - 1."""
    score = 0.0
    for c in range(mean_c.size):
        mean = mean_c[c]
        if mean > TINY:
            inverse = 1.0 / mean
            for t in range(phi_t.size):
                phi_t[t] += mean * divergence(relative(np.float64(probs_ct[c, t]), mean, inverse))
    for t in range(phi_t.size):
        score += weights_t[t] * phi_t[t]
    return score


@kernel()
def _of_margin(probs_ct: Floats, mean_c: Float64s, phi_t: Float64s) -> float:
    """The second most probable class less the most probable one."""
    first, second = 0, -1
    for c in range(1, mean_c.size):
        if mean_c[c] > mean_c[first]:
            first, second = c, first
        elif second < 0 or mean_c[c] > mean_c[second]:
            second = c
    _add(probs_ct[first], mean_c[first], -1.0, phi_t)
    if second < 0:
        return float(1.0 - mean_c[first])
    _add(probs_ct[second], mean_c[second], 1.0, phi_t)
    return float(1.0 - (mean_c[first] - mean_c[second]))


@kernel()
def _of_mean_std(probs_ct: Floats, weights_t: Float64s, mean_c: Float64s, phi_t: Float64s) -> float:
    """(1/C) sum_c (p_tc - mean_c)^2 / (2 sd_c). A class without spread adds nothing."""
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
                off = np.float64(probs_ct[c, t]) - mean_c[c]
                phi_t[t] += off * off / (2.0 * deviation * classes)
    return score


@kernel()
def _of_votes(probs_ct: Floats, entropy: bool, weights_t: Float64s, phi_t: Float64s) -> float:
    """-log v of the class that the draw votes for, or -1 where that is the modal class."""
    classes, draws = probs_ct.shape
    votes_c, vote_t = np.zeros(classes), np.zeros(draws, np.int64)
    for t in range(draws):
        for c in range(1, classes):
            if probs_ct[c, t] > probs_ct[vote_t[t], t]:
                vote_t[t] = c
        votes_c[vote_t[t]] += weights_t[t]
    modal, score = votes_c.argmax(), 0.0
    for t in range(draws):
        share = votes_c[vote_t[t]]
        if not entropy:
            phi_t[t] = -1.0 if vote_t[t] == modal else 0.0
        elif share > 0.0:
            phi_t[t] = -math.log(share)
        score += weights_t[t] * phi_t[t]
    return score if entropy else 1.0 + score
