"""BatchBALD with sampled label configurations: picks within their error of the best, unbiased information."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches import oracle as oracle
from tests.batches.compare import REPORTED
from tests.batches.oracle import WIDE
from tests.cases import dirichlet, near_certain
from tests.conftest import soak


def test_draw_weights_equal_repeated_draws_in_distribution_when_sampling() -> None:
    pool = dirichlet(4, 3, 5, seed=7, alpha=0.5)
    counts = np.array([3, 1, 0, 2, 4])
    truth = oracle.joint_information(pool, counts)
    ways = [(pool, counts), (np.repeat(pool, counts, axis=-1), None)]
    for probs, weights in ways:  # all rows are picked: only their order is chosen by noisy gains
        found = np.array(
            [
                alcore.batchbald(probs, 4, weights=weights, samples=400, exact=0, rng=seed).information[-1]
                for seed in range(soak(60, 1000))
            ]
        )
        assert abs(found.mean() - truth) <= 4 * found.std() / np.sqrt(len(found)) + 1e-3


def assert_picks_are_near_the_best(pool: np.ndarray, batch: alcore.Batch, samples: int, weights: Any = None) -> None:
    """Each pick's true gain against the best true one, in standard errors of their difference on ``samples`` configurations."""
    for i, pick in enumerate(batch.indices.tolist()):
        before = batch.indices[:i].tolist()
        true = oracle.gains(pool, before, weights)
        true[before] = -np.inf
        omega, given = oracle.entropies_given(pool, before, weights)
        error = np.sqrt(omega @ (given - omega @ given) ** 2 / samples)
        difference = given - given[:, [pick]]
        apart = np.sqrt(omega @ (difference - omega @ difference) ** 2 / samples)
        assert (true <= true[pick] + 4 * apart + 1e-3).all()
        assert abs(batch.scores[i] - true[pick]) <= 5 * error[pick] + 1e-3


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("shape", "samples"), [((40, 3, 8), 2000), ((30, 4, 25), 5000), ((25, 2, 50), 5000)])
def test_sampled_picks_are_within_their_error_of_the_best(
    shape: tuple[int, int, int], samples: int, dtype: type
) -> None:
    for seed in range(soak(5, 40)):
        pool = dirichlet(*shape, seed=seed, alpha=0.6).astype(dtype)
        batch = alcore.batchbald(pool, 4, samples=samples, exact=0, rng=seed)
        assert batch.exact_until == 1
        assert_picks_are_near_the_best(pool, batch, samples)
        weights = np.arange(1, shape[2] + 1) % 4
        batch = alcore.batchbald(pool, 4, samples=samples, exact=0, weights=weights, rng=seed)
        assert_picks_are_near_the_best(pool, batch, samples // 8, weights)


def test_sampled_information_is_unbiased() -> None:
    """Of a batch that is the whole pool, so that nothing is selected but the order."""
    pool = dirichlet(5, 3, 10, seed=2, alpha=0.6)
    truth = oracle.joint_information(pool)
    for samples in (10, 200, 1000):
        runs = soak(100, 2000)
        found = np.array([_information(pool, samples, seed) for seed in range(runs)])
        assert samples == 10 or np.isfinite(found).all()
        found = found[np.isfinite(found)]
        assert len(found) > runs / 2
        allowed = 4 * found.std() / np.sqrt(len(found)) + (1e-3 if samples > 10 else 2e-2)
        assert abs(found.mean() - truth) <= allowed
        assert found.std() > 0


def _information(pool: np.ndarray, samples: int, seed: int) -> float:
    """NaN where the few samples cannot tell the gain from nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        batch = alcore.batchbald(pool, 5, samples=samples, exact=0, rng=seed)
    return float(batch.information[-1]) if batch.saturated_at is None else np.nan


@pytest.mark.interpreted
@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_with_more_draws_than_samples_each_draw_has_one_configuration() -> None:
    pool = dirichlet(30, 3, 50, seed=5, alpha=0.5)
    batch = alcore.batchbald(pool, 4, samples=10, exact=0, rng=0)
    assert len(set(batch.indices.tolist())) == 4
    truth = oracle.joint_information(pool[batch.indices])
    assert abs(batch.information[-1] - truth) < 0.25  # 50 configurations, one a draw
    assert batch.exact_until == 1


def test_sampled_picks_that_follow_exact_ones_are_near_the_best() -> None:
    pool = dirichlet(30, 3, 12, seed=6, alpha=0.6)
    for seed in range(3):
        batch = alcore.batchbald(pool, 6, exact=9, samples=3000, rng=seed)
        assert batch.exact_until == 3
        assert_picks_are_near_the_best(pool, batch, 3000)
        truth = oracle.joint_information(pool[batch.indices])
        assert abs(batch.information[-1] - truth) < 0.03
        np.testing.assert_allclose(batch.information, np.cumsum(batch.scores), rtol=WIDE, atol=WIDE)
        left = [oracle.effective_draws(pool[batch.indices[: i + 1]]) for i in range(6)]
        np.testing.assert_allclose(batch.effective_draws, left, rtol=0.1)


def test_fifty_picks_of_ten_classes_stay_finite() -> None:
    """Joint probabilities would underflow in float32 near pick 43."""
    pool = near_certain(60, 10, 40, spread=0.15, seed=1).astype(np.float32)
    batch = alcore.batchbald(pool, 50, samples=4000, rng=0)
    for field in REPORTED:
        assert np.isfinite(getattr(batch, field)).all()
    assert batch.saturated_at is None
    assert (batch.scores > 0).all()
    assert (np.diff(batch.information) > 0).all()
    assert batch.information[-1] <= np.log(40)
    assert len(set(batch.indices.tolist())) == 50
    again = alcore.batch_information(pool, batch.indices, samples=20_000, rng=1)
    assert abs(batch.information[-1] - again.value) < 0.02 + 4 * again.standard_error
