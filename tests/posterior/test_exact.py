"""Laplace's approximation against the true posterior of two classes: quadrature in one dimension, MCMC in ten.

The bias of the predictive is stated on the guide's page and in the docstring of `alcore.Posterior`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

import alcore
from tests.conftest import soak
from tests.posterior.test_laplace import directions, draws_of, labels_of, softmax

CHAINS, WARM_UP = 50, 200
Numbers = np.ndarray


class Case:
    """Labels of two classes, drawn at random, on the first rows of random logits."""

    def __init__(self, draws: int, labels: int, scale: float) -> None:
        logits, self.rows = draws_of(6, (30, 2, draws)), np.arange(labels)
        self.labels = labels_of("logits", labels, 2)
        self.mean, self.phi = directions(logits, np.full(draws, 1 / draws), scale)
        self.posterior = alcore.Posterior(logits, kind="logits", scale=scale)
        self.posterior.learn(self.rows, self.labels)

    def log_likelihood(self, a_tu: Numbers) -> Numbers:
        f = self.mean[self.rows, :, None] + self.phi[self.rows] @ a_tu
        return np.asarray((f - np.logaddexp(f[:, 0], f[:, 1])[:, None])[self.rows, self.labels].sum(axis=0))

    def predictive(self, a_tu: Numbers) -> Numbers:
        return np.asarray(softmax(self.mean[:, :, None] + self.phi @ a_tu).mean(axis=-1))


def slice_sampled(log_likelihood: Callable[[Numbers], Numbers], size: int, steps: int) -> list[Numbers]:
    """Elliptical slice sampling (Murray et al. 2010) of N(0, I) times a likelihood: (size, CHAINS) at each step."""
    rng = np.random.default_rng(0)
    a = rng.normal(size=(size, CHAINS))
    level, kept = log_likelihood(a), list[Numbers]()
    for _ in range(WARM_UP + steps):
        other, least = rng.normal(size=a.shape), level + np.log(rng.random(CHAINS))
        angle = rng.random(CHAINS) * 2 * np.pi
        low, high, left = angle - 2 * np.pi, angle.copy(), np.ones(CHAINS, np.bool_)
        moved = a.copy()
        while left.any():
            tried = a * np.cos(angle) + other * np.sin(angle)
            found = log_likelihood(tried)
            taken = left & (found > least)
            moved[:, taken], level[taken] = tried[:, taken], found[taken]
            left &= ~taken
            low, high = np.where(left & (angle < 0), angle, low), np.where(left & (angle >= 0), angle, high)
            angle = np.where(left, low + (high - low) * rng.random(CHAINS), angle)
        a = moved
        kept.append(a)
    return kept[WARM_UP:]


def by_mcmc(case: Case) -> tuple[Numbers, Numbers]:
    """The predictive, and its standard error from the spread over chains."""
    steps = slice_sampled(case.log_likelihood, case.phi.shape[-1], soak(300, 3_000))
    chains = [case.predictive(np.stack([step[:, chain] for step in steps], axis=1)) for chain in range(CHAINS)]
    return np.mean(chains, axis=0), np.std(chains, axis=0, ddof=1) / np.sqrt(CHAINS)


def by_quadrature(case: Case) -> Numbers:
    """Two draws have one direction (a_1 - a_2) / √2 in which they differ. The other one does not matter."""
    along = np.linspace(-8, 8, 4_001)
    a = np.stack([along, -along]) / np.sqrt(2)
    log_weight = case.log_likelihood(a) - 0.5 * along**2
    weight = np.exp(log_weight - log_weight.max())
    return np.asarray(softmax(case.mean[:, :, None] + case.phi @ a) @ (weight / weight.sum()))


def test_mcmc_equals_quadrature_in_one_dimension() -> None:
    case = Case(2, 8, 2.0)
    found, error = by_mcmc(case)
    assert error.max() < 0.01
    assert (np.abs(found - by_quadrature(case)) < 4.5 * error + 1e-4).all()


def test_the_predictive_of_one_direction_is_near_exact_inference() -> None:
    """Laplace's bias here is 0.04 at most, beside the noise of 20 000 draws. The labels moved predictions by 0.1 and more."""
    case = Case(2, 8, 2.0)
    exact, found = by_quadrature(case), case.posterior.predictive(count=20_000)
    assert np.abs(found - exact).max() < 0.04 + 4 * 0.5 / np.sqrt(20_000)
    before = case.predictive(np.random.default_rng(1).normal(size=(2, 20_000)))
    assert np.abs(exact - before).max() > 0.1


@pytest.mark.parametrize(
    ("scale", "mean_bias", "largest"), [(1.0, 0.015, 0.04), (2.0, 0.034, 0.095), (5.0, 0.087, 0.19)]
)
def test_the_predictive_of_ten_draws_has_the_stated_bias(scale: float, mean_bias: float, largest: float) -> None:
    """Towards one half, the more the larger the scale: on average and at most over 30 rows, as the page says."""
    case = Case(10, 8, scale)
    exact, error = by_mcmc(case)
    found = case.posterior.predictive(count=20_000)
    off, noise = np.abs(found - exact), float(error.mean()) + 0.5 / np.sqrt(20_000)
    assert off.max() < largest + 4 * (float(error.max()) + 0.5 / np.sqrt(20_000))
    assert abs(off.mean() - mean_bias) < 0.3 * mean_bias + noise
    if scale > 1:
        assert (np.abs(found - 0.5) - np.abs(exact - 0.5)).mean() < -0.5 * mean_bias
