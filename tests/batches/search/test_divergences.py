"""The bound on gains from divergences of draws: never under a gain, and no pick changes with it."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from alcore.batches.search import divergences
from alcore.batches.search.configurations import Configurations
from alcore.kernels import divergences as kernels
from tests.cases import dirichlet


def entropy(p: np.ndarray, axis: int) -> np.ndarray:
    return -(p * np.log(np.maximum(p, 1e-300))).sum(axis=axis)


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("classes", "draws"), [(1, 1), (2, 3), (17, 2), (40, 5)])
def test_divergences_are_those_of_every_two_draws(classes: int, draws: int, dtype: type) -> None:
    probs_ct = dirichlet(1, classes, draws, seed=draws, alpha=0.5)[0].astype(dtype)
    p = probs_ct.astype(np.float64)
    logs = np.log(np.maximum(p, 1e-30))
    exact = np.einsum("ct,ct->t", p, logs)[:, None] - p.T @ logs
    found = np.empty(draws**2, np.float32)
    kernels.divergences(probs_ct, found)
    found_tv = found.reshape(draws, draws)
    np.testing.assert_allclose(found_tv, np.maximum(exact, 0), rtol=1e-5, atol=1e-4)
    assert (found_tv >= exact - 1e-12).all()
    assert (found_tv.diagonal() == 0).all()


@pytest.mark.parametrize("exact", [0, 10_000])
def test_the_bound_is_never_under_the_gain(exact: int) -> None:
    """Rows of draws alike and apart, with zeros, under prior weights, before the first pick and after others."""
    alphas = np.array([0.02, 0.1, 1.0, 10.0])
    probs = np.concatenate([dirichlet(20, 60, 6, seed=n, alpha=alpha) for n, alpha in enumerate(alphas)])
    probs = np.where(probs < 1e-4, 0.0, probs)
    probs /= probs.sum(axis=1, keepdims=True)
    weights = np.array([1.0, 2, 0, 1, 3, 1]) / 8
    configurations = Configurations(weights, 600, exact, np.random.default_rng(0))
    found = np.empty(36, np.float32)
    for row in (70, 30, 5):
        configurations.add(probs[row])
        configurations.levels()
        weight_v = divergences.weight_of_pairs(configurations._leader_u, configurations.rows_ut, configurations.omega_u)
        posteriors, omega = configurations.rows_ut.astype(np.float64), configurations.omega_u
        for probs_ct in probs:
            kernels.divergences(probs_ct, found)
            within = posteriors @ entropy(probs_ct, 0)
            gain = omega @ (entropy(posteriors @ probs_ct.T, 1) - within)
            assert kernels.mean_divergence(weight_v, found) >= gain - 1e-9


@pytest.mark.parametrize("held", [0, 7, 1 << 20])
def test_no_pick_depends_on_how_many_rows_have_divergences(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    probs = dirichlet(60, 48, 6, seed=3, alpha=0.2)
    expected = alcore.batchbald(probs, 4, samples=600, exact=100, rng=1)
    monkeypatch.setattr(divergences, "BYTES", held * 4 * 36)
    found = alcore.batchbald(probs, 4, samples=600, exact=100, rng=1)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)
