"""What histories of labels tell about targets, against all label configurations."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from alcore.batches.search.configurations import Configurations
from alcore.batches.search.histories import Given, Histories
from tests.batches import oracle
from tests.cases import dirichlet


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-6), (np.float32, 1e-5)])
@pytest.mark.parametrize(("labels", "exact"), [(2, 1000), (8, 0)])
def test_gains_are_epig_under_each_posterior(labels: int, exact: int, dtype: type, tolerance: float) -> None:
    """More targets than a chunk, more pairs than a tile, draws that are ruled out."""
    pool, targets = dirichlet(40, 5, 23, seed=31, alpha=0.2), dirichlet(130, 5, 23, seed=32, alpha=0.2)
    pool, targets = pool.astype(dtype), targets.astype(dtype)
    pool.flags.writeable = False  # as the search has it: one kernel is compiled
    shares = np.arange(130) % 3 + 1.0
    configurations = Configurations(np.full(23, 1 / 23), 100, exact, np.random.default_rng(0))
    for row in pool[:labels]:
        configurations.add(row.astype(np.float64))
    assert len(configurations.omega_u) >= 20
    shares /= shares.sum()
    given_ = Given(configurations.rows_ut, configurations.omega_u, targets, shares)
    gains = given_.gains(pool[3:], dtype)
    assert np.array_equal(given_.gains(pool[7:9], dtype), gains[4:6])
    each = zip(configurations.rows_ut, configurations.omega_u, strict=True)
    expected = sum(omega * alcore.epig(pool, targets, target_weights=shares, weights=row) for row, omega in each)
    np.testing.assert_allclose(gains, expected[3:], rtol=tolerance)


@pytest.mark.parametrize("weighted", [False, True])
def test_many_histories_have_the_gains_of_all_configurations(weighted: bool) -> None:
    pool, targets = dirichlet(12, 3, 10, seed=71, alpha=0.4), dirichlet(4, 3, 10, seed=72, alpha=0.4)
    weights, shares = (np.array([3, 1, 0, 2, 1, 5, 1, 2, 0, 0]), np.arange(4)) if weighted else (None, None)
    w, v = oracle.shares(weights, 10), oracle.shares(shares, 4)
    histories = Histories(targets, v, w, 40_000, np.random.default_rng(0))
    for picks in range(1, 4):
        histories.add(pool[picks - 1])
        before = oracle.target_information(pool[:picks], targets, shares, weights)
        rows = [[*range(picks), b] for b in range(picks, 12)]
        exact = np.array([oracle.target_information(pool[row], targets, shares, weights) for row in rows]) - before
        gains = histories.of(2).gains(pool[picks:], np.float64)
        np.testing.assert_allclose(gains, exact, rtol=0, atol=0.003)
        assert histories.effective_draws == pytest.approx(oracle.effective_draws(pool[:picks], weights), rel=0.02)
        for step, near in ((0, 0.02), (1, 0.01)):  # a twentieth and a fifth of them
            np.testing.assert_allclose(histories.of(step).gains(pool[picks:]), exact, rtol=0, atol=near)


def test_owners_of_histories_are_stratified_over_targets_and_for_each() -> None:
    histories = Histories(dirichlet(8, 3, 8), np.full(8, 1 / 8), np.full(8, 1 / 8), 40 * 8, np.random.default_rng(0))
    owners = histories._owner_h.reshape(40, 8)
    assert [histories.of(step).rows_ut.shape for step in range(3)] == [(16, 8), (64, 8), (320, 8)]
    for rounds in (owners[:2], owners[2:8], owners[8:]):
        assert (np.bincount(rounds.ravel()) == len(rounds)).all()
    assert (np.stack([np.bincount(own, minlength=8) for own in owners[8:].T]) == 4).all()
