"""Means and noise variances of numbers, all sums in float64: moments over draws, and the measures that follow from them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel
from alcore.kernels.log import log, shortfall, split

Floats = npt.NDArray[np.floating]
Float64s = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

_LOG_2PIE = math.log(2.0 * math.pi * math.e)
_LN2 = math.log(2.0)
_TWO_600 = 2.0**600
_LEAST = 1e-290  # of a mean variance: under it the mean loses digits, or its inverse overflows


@kernel()
def moments(
    means_rdt: Floats, variance_rdu: Floats, weights_t: Float64s, moments_rdm: Float64s, valid_r: Bools
) -> None:
    """For each output the mean, Var_t mean, mean_t variance, and log mean_t variance - mean_t log variance."""
    rows, outputs, draws = means_rdt.shape
    lead = 0
    while weights_t[lead] == 0.0:
        lead += 1
    for r in range(rows):
        valid = True
        for d in range(outputs):
            centre = np.float64(means_rdt[r, d, lead])
            mean = 0.0
            for t in range(draws):
                mean += weights_t[t] * (np.float64(means_rdt[r, d, t]) - centre)
            spread, wrong = 0.0, 0.0
            for t in range(draws):
                x = np.float64(means_rdt[r, d, t])
                deviation = (x - centre) - mean
                spread += weights_t[t] * (deviation * deviation)
                wrong += 0.0 if x - x == 0.0 else 1.0
            noise, uneven = _noise(variance_rdu[r, d], weights_t, lead)
            valid = valid and wrong == 0.0 and noise > _LEAST and spread < np.inf and noise < np.inf
            moments_rdm[r, d, 0] = centre + mean
            moments_rdm[r, d, 1] = spread
            moments_rdm[r, d, 2] = noise
            moments_rdm[r, d, 3] = uneven
        valid_r[r] = valid


@kernel()
def _noise(variance_u: Floats, weights_t: Float64s, lead: int) -> tuple[float, float]:
    """The mean variance, and log mean - mean log = E[d - log(1 + d)] with d = variance / mean - 1. NaN where one is no variance."""
    if variance_u.size == 1:
        only = np.float64(variance_u[0])
        return only if only > 0.0 else np.nan, 0.0
    first, mean, wrong, differing = np.float64(variance_u[lead]), 0.0, 0.0, 0.0
    for t in range(variance_u.size):
        s = np.float64(variance_u[t])
        wrong += 0.0 if (s > 0.0) & (s < np.inf) else 1.0
        mean += weights_t[t] * s
        differing += weights_t[t] if s != first else 0.0
    if wrong > 0.0 or mean == 0.0:
        return np.nan, np.nan
    if differing == 0.0:
        return first, 0.0
    inverse, uneven = 1.0 / mean, 0.0
    for t in range(variance_u.size):
        uneven += weights_t[t] * _excess(np.float64(variance_u[t]), mean, inverse)
    return mean, max(uneven, 0.0)


@kernel(FORMULA)
def _excess(variance: float, mean: float, inverse: float) -> float:
    """d - log(1 + d) >= 0 with d = variance / mean - 1, with full relative accuracy near d = 0."""
    d = (variance - mean) * inverse
    k, _ = split(1.0 + d)
    if k == 0.0:
        return shortfall(d)
    tiny = variance < 1e-290  # which may be subnormal, and `log` takes normal numbers
    logarithm = log(variance * _TWO_600) - 600.0 * _LN2 if tiny else log(variance)
    return d - logarithm + log(mean)


@kernel(FORMULA)
def bald(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d / 2 (log(1 + Var / noise) + log noise - mean_t log variance)."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            spread, noise, uneven = moments_rdm[r, d, 1], moments_rdm[r, d, 2], moments_rdm[r, d, 3]
            ratio = spread / noise
            gained = math.log1p(ratio) if ratio < np.inf else math.log(spread) - math.log(noise)
            total += factors_d[d] * 0.5 * (gained + uneven)
        out_r[r] = total


@kernel(FORMULA)
def entropy(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d / 2 log(2 pi e (Var + noise))."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * 0.5 * (_LOG_2PIE + math.log(moments_rdm[r, d, 1] + moments_rdm[r, d, 2]))
        out_r[r] = total


@kernel(FORMULA)
def expected_entropy(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d / 2 (log(2 pi e) + mean_t log variance)."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * 0.5 * (_LOG_2PIE + math.log(moments_rdm[r, d, 2]) - moments_rdm[r, d, 3])
        out_r[r] = total


@kernel(FORMULA)
def epistemic(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d Var."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * moments_rdm[r, d, 1]
        out_r[r] = total


@kernel(FORMULA)
def aleatoric(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d noise."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * moments_rdm[r, d, 2]
        out_r[r] = total


@kernel(FORMULA)
def total(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d (Var + noise)."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * (moments_rdm[r, d, 1] + moments_rdm[r, d, 2])
        out_r[r] = total


@kernel(FORMULA)
def mean_std(moments_rdm: Float64s, factors_d: Float64s, out_r: Float64s) -> None:
    """sum_d a_d sqrt(Var) / D."""
    for r in range(out_r.size):
        total = 0.0
        for d in range(factors_d.size):
            total += factors_d[d] * math.sqrt(moments_rdm[r, d, 1])
        out_r[r] = total / factors_d.size


@kernel()
def epig(
    means_rdt: Floats,
    moments_rdm: Float64s,
    weights_t: Float64s,
    targets_dtj: Float64s,
    shares_j: Float64s,
    factors_d: Float64s,
    out_r: Float64s,
) -> None:
    """sum_d a_d sum_j v_j (-1/2) log(1 - rho^2). ``targets_dtj``: deviations over their noisy standard deviation."""
    rows, outputs, draws = means_rdt.shape
    targets = shares_j.size
    rho_j = np.empty(targets)
    for r in range(rows):
        score = 0.0
        for d in range(outputs):
            scale = 1.0 / math.sqrt(moments_rdm[r, d, 1] + moments_rdm[r, d, 2])
            mean = moments_rdm[r, d, 0]
            rho_j[:] = 0.0
            for t in range(draws):
                deviation = weights_t[t] * (np.float64(means_rdt[r, d, t]) - mean) * scale
                targets_j = targets_dtj[d, t]
                for j in range(targets):
                    rho_j[j] += deviation * targets_j[j]
            of_output = 0.0
            for j in range(targets):
                of_output -= shares_j[j] * math.log1p(-min(rho_j[j] * rho_j[j], 1.0 - 1e-16))
            score += factors_d[d] * 0.5 * of_output
        out_r[r] = score
