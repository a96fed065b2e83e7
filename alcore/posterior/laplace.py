"""Laplace's approximation: the mode of a Gaussian prior under labels, its curvature, and the evidence of the scale."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from alcore.door import Float64s
from alcore.posterior.likelihoods import Likelihood
from alcore.sources.threads import one_blas_thread

CONVERGED = 1e-20  # the squared Newton step in units of the posterior: far under the rounding of anything drawn from it
NEAR = 1e-6  # the same, where the steps are whole
SLOW = 1e-2  # the curvature is computed anew where the old one shortens the squared step by less than this
SMALLEST_STEP = 1e-9
MOST_STEPS = 200  # 4 to 12 are usual
SMALLEST_SCALE, LARGEST_SCALE = 0.03, 100.0
FITTED_ROWS = 500  # the most rows that a scale is fitted on
GRID = 9  # scales that are tried before the best is refined
PRECISION = 0.02  # of log s
SPREAD = np.log(3.0)  # of the prior of log s around 0: the scale of few labels stays near 1, that of tens is theirs


@dataclass(frozen=True, eq=False)
class Learned:
    """Labelled rows as the posterior sees them, before the scale: f = mean + s · directions · a."""

    means: Float64s  # (n, K)
    directions: Float64s  # (n, K, T)
    likelihood: Likelihood

    def joined(self, other: Learned) -> Learned:
        return Learned(
            np.concatenate([self.means, other.means]),
            np.concatenate([self.directions, other.directions]),
            self.likelihood.joined(other.likelihood),
        )

    def thinned(self, most: int) -> Learned:
        """At most so many of the rows, evenly spaced."""
        if len(self.means) <= most:
            return self
        rows = np.linspace(0, len(self.means) - 1, most).astype(np.int64)
        return Learned(self.means[rows], self.directions[rows], self.likelihood.of_rows(rows))


@dataclass(frozen=True, eq=False)
class Gaussian:
    """N(mode, H⁻¹) over the coefficients a of T directions. H = factor · factorᵀ, and ``factor`` is lower triangular."""

    mode: Float64s
    factor: Float64s
    log_evidence: float

    @cached_property
    @one_blas_thread()
    def covariance(self) -> Float64s:
        """(T, T) H⁻¹."""
        from scipy.linalg import cho_solve

        return np.asarray(cho_solve((self.factor, True), np.eye(len(self.mode))))

    @property
    def effective_dimension(self) -> float:
        """Σ_j λ_j / (1 + λ_j) of the eigenvalues λ of H − I: how many directions the labels have decided."""
        return max(0.0, len(self.mode) - float(np.trace(self.covariance)))

    @one_blas_thread()
    def coefficients(self, noise_tu: Float64s) -> Float64s:
        """(T, U) draws of a, from standard normal numbers."""
        from scipy.linalg import solve_triangular

        return np.asarray(self.mode[:, None] + solve_triangular(self.factor, noise_tu, lower=True, trans="T"))


def prior(draws: int) -> Gaussian:
    """N(0, I), before any label."""
    return Gaussian(np.zeros(draws), np.eye(draws), 0.0)


@one_blas_thread()
def updated(learned: Learned, scale: float, start: Float64s) -> Gaussian:
    """Newton's method on −Σ_i log p(y_i | f_i) + ½ |a|², with halved steps. It is convex, so any start ends at the mode.

    A step with the curvature of the step before costs O(n·K·T) instead of O(n·K·T²), and is taken while it is short enough.
    """
    from scipy.linalg import cho_solve

    directions = scale * learned.directions
    flat, likelihood = directions.reshape(-1, directions.shape[-1]), learned.likelihood

    def objective(a: Float64s) -> tuple[float, Float64s]:
        predictors = learned.means + (flat @ a).reshape(learned.means.shape)
        return likelihood.loss(predictors) + 0.5 * float(a @ a), predictors

    def newton(gradient: Float64s, factor: Float64s) -> tuple[Float64s, float]:
        step = np.asarray(cho_solve((factor, True), gradient))
        return step, float(gradient @ step)

    mode, last = start, np.inf
    value, predictors = objective(mode)
    factor, is_here = _factor(likelihood.curvature(predictors, directions)), True
    for _ in range(MOST_STEPS):
        gradient = flat.T @ likelihood.gradient(predictors).reshape(-1) + mode
        step, descent = newton(gradient, factor)
        if not is_here and (descent <= CONVERGED or descent > SLOW * last):
            factor, is_here = _factor(likelihood.curvature(predictors, directions)), True
            step, descent = newton(gradient, factor)
        if descent <= CONVERGED:
            break
        size = 1.0
        found, moved = objective(mode - step)
        # Near the mode a whole step is right, though rounding hides that the objective falls.
        while descent > NEAR and found > value - 1e-4 * size * descent and size > SMALLEST_STEP:
            size /= 2
            found, moved = objective(mode - size * step)
        mode, value, predictors, last, is_here = mode - size * step, found, moved, descent, False
    log_determinant = 2 * float(np.log(np.diag(factor)).sum())
    return Gaussian(mode, factor, -value - 0.5 * log_determinant)


def _factor(curvature: Float64s) -> Float64s:
    """Of the prior's curvature and that of the labels."""
    from scipy.linalg import cholesky

    curvature[np.diag_indices_from(curvature)] += 1
    return np.asarray(cholesky(curvature, lower=True))


@one_blas_thread()
def best_scale(learned: Learned) -> float:
    """The scale with the largest evidence of the labels, under a broad prior around 1."""
    from scipy.optimize import minimize_scalar

    learned, tried = learned.thinned(FITTED_ROWS), dict[float, Float64s]()  # log s -> s · mode

    def loss(log_scale: float) -> float:
        nearest = min(tried, key=lambda other: abs(other - log_scale), default=None)
        scale = float(np.exp(log_scale))
        start = np.zeros(learned.directions.shape[-1]) if nearest is None else tried[nearest] / scale
        found = updated(learned, scale, start)
        tried[log_scale] = scale * found.mode
        return float(0.5 * (log_scale / SPREAD) ** 2 - found.log_evidence)

    grid = np.linspace(np.log(SMALLEST_SCALE), np.log(LARGEST_SCALE), GRID)
    best = int(np.argmin([loss(float(one)) for one in grid]))
    bounds = grid[max(0, best - 1)], grid[min(GRID - 1, best + 1)]
    return float(np.exp(minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": PRECISION}).x))
