"""Configurations of labels: all of them with their probabilities, or sampled ones whose labels are stratified."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import alcore
from alcore.batches.search.configurations import Configurations
from alcore.batches.search.levels import merged, packed, second_moment_of
from tests.batches import oracle as oracle
from tests.batches.oracle import dyadic, one_hot
from tests.cases import dirichlet
from tests.conftest import soak

BATCH = dirichlet(4, 3, 6, seed=81, alpha=0.6)
OTHERS = dirichlet(30, 3, 6, seed=82, alpha=0.6)
WEIGHTS = np.array([1, 3, 0, 2, 1, 1]) / 8


def after(
    batch: np.ndarray, weights: np.ndarray | None = None, *, samples: int = 600, exact: int = 0, seed: int = 0
) -> Configurations:
    configurations = Configurations(
        oracle.shares(weights, batch.shape[-1]), samples, exact, np.random.default_rng(seed), with_scatter=True
    )
    for row in batch:
        configurations.add(row)
    return configurations


# --- all of them ------------------------------------------------------------------------------------------------------


@pytest.mark.interpreted
@pytest.mark.parametrize("weights", [None, WEIGHTS])
@pytest.mark.parametrize("batch", [BATCH, dyadic(4, 3, 6, seed=2), one_hot(3, 4, 6)])
def test_kept_configurations_are_the_joint_distribution(batch: np.ndarray, weights: np.ndarray | None) -> None:
    omega, posterior = oracle.configurations(batch, weights)
    found = after(batch, weights, exact=1000)
    assert found.is_exact
    np.testing.assert_allclose(found.omega_u, omega, rtol=1e-5, atol=1e-12)
    np.testing.assert_allclose(found.rows_ut, posterior, rtol=1e-5, atol=1e-7)
    assert found.effective_draws == pytest.approx(oracle.effective_draws(batch, weights), rel=1e-5)


@pytest.mark.interpreted
@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_information_given_all_of_them_is_exact(weights: np.ndarray | None) -> None:
    pool = np.concatenate([BATCH, OTHERS])
    found = after(BATCH, weights, exact=1000)
    for row, gain in zip(pool, oracle.gains(pool, range(4), weights), strict=True):
        assert found.information(row) == pytest.approx((gain, 0.0), abs=1e-7)


def test_all_configurations_are_kept_while_they_are_few() -> None:
    configurations = after(BATCH[:0], exact=27)
    for row, is_exact in zip(BATCH, (True, True, True, False), strict=True):
        configurations.add(row)
        assert configurations.is_exact is is_exact


# --- sampled ----------------------------------------------------------------------------------------------------------


def labels(configurations: Configurations, batch: np.ndarray) -> np.ndarray:
    """(rows, M) the labels that were sampled, read off the posteriors, which differ from each other."""
    all_rows = np.array(np.meshgrid(*[np.arange(batch.shape[1])] * len(batch), indexing="ij")).reshape(len(batch), -1)
    posterior = oracle.configurations(batch)[1]
    rows = np.stack([configurations.of_each(column) for column in configurations.rows_ut.T], axis=1)
    return all_rows[:, abs(rows[:, None] - posterior[None]).sum(axis=2).argmin(axis=1)]


@pytest.mark.interpreted
def test_labels_of_every_row_are_stratified_for_every_owner() -> None:
    strata, batch = 50, BATCH[:3]
    labels_rot = labels(after(batch, samples=300), batch).reshape(3, 6, strata)
    for row, labels_os in zip(batch, labels_rot, strict=True):
        for owner in range(6):
            for label in range(3):
                expected = strata * row[: label + 1, owner].sum()
                assert abs((labels_os[owner] <= label).sum() - expected) <= 1 + 1e-9


def test_labels_of_different_rows_are_independent_given_the_owner() -> None:
    strata, batch, seeds = 20, BATCH[:2], soak(60, 1000)
    together = np.zeros((6, 3, 3))
    for seed in range(seeds):
        first, second = labels(after(batch, samples=120, seed=seed), batch)
        np.add.at(together, (np.repeat(np.arange(6), strata), first, second), 1 / (strata * seeds))
    expected = np.einsum("ct,dt->tcd", *batch)
    assert abs(together - expected).max() < 4 * 0.5 / np.sqrt(strata * seeds)


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_configurations_with_the_same_labels_share_a_row_and_keep_their_owners(weights: np.ndarray | None) -> None:
    found = after(BATCH, weights, samples=3000)
    owners = np.flatnonzero(oracle.shares(weights, 6))
    strata = 3000 // len(owners)
    assert not found.is_exact
    assert len(found.rows_ut) <= 3**4
    assert len({row.tobytes() for row in found.rows_ut}) == len(found.rows_ut)
    omega_m = np.repeat(oracle.shares(weights, 6)[owners], strata) / strata
    row_m = found.of_each(np.arange(len(found.rows_ut)))
    np.testing.assert_allclose(found.omega_u, np.bincount(row_m, omega_m))
    np.testing.assert_allclose(found.square_u, np.bincount(row_m, omega_m**2))
    # Sampled as often as they are probable.
    omega, posterior = oracle.configurations(BATCH, weights)
    place = abs(posterior[None] - found.rows_ut[:, None]).sum(axis=2).argmin(axis=1)
    assert abs(found.omega_u - omega[place]).max() < 0.02


def test_sampled_information_is_within_its_error() -> None:
    pool = np.concatenate([BATCH, OTHERS])
    found = after(BATCH, samples=3000)
    for row, gain in zip(OTHERS, oracle.gains(pool, range(4))[4:], strict=True):
        value, error = found.information(row)
        assert 0 < error < 0.02
        assert abs(value - gain) <= 4 * error


def test_the_first_sampled_pick_brings_labels_of_the_rows_before() -> None:
    late = after(BATCH, samples=3000, exact=9)  # two rows kept whole, sampled from the third on
    assert not late.is_exact
    assert len(late.total_m) == 3000
    np.testing.assert_allclose(late.rows_ut.sum(axis=1), 1, rtol=1e-5)
    assert late.effective_draws == pytest.approx(oracle.effective_draws(BATCH), rel=0.05)


def test_the_same_seed_gives_the_same_bits_on_any_threads() -> None:
    expected = after(BATCH, samples=900, seed=3)
    for threads in (1, 2, 3):
        alcore.set_threads(threads)
        found = after(BATCH, samples=900, seed=3)
        np.testing.assert_array_equal(found.rows_ut, expected.rows_ut)
        assert found.information(OTHERS[0]) == expected.information(OTHERS[0])
    assert after(BATCH, samples=900, seed=4).information(OTHERS[0]) != expected.information(OTHERS[0])


# --- bounds -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weights", [None, np.arange(12.0)])
@pytest.mark.parametrize("exact", [0, pytest.param(10_000, marks=pytest.mark.interpreted)])
def test_groups_never_bound_a_gain_from_below(weights: np.ndarray | None, exact: int) -> None:
    batch = dirichlet(6, 3, 12, seed=83, alpha=0.4)
    others = dirichlet(50, 3, 12, seed=84, alpha=0.4).astype(np.float32)
    others.flags.writeable = False
    found = after(batch, weights, samples=2400, exact=exact)
    gains = np.array([found.information(row.astype(float))[0] for row in others])
    levels = found.levels()
    assert len(levels) > 1
    finer = np.full(50, np.inf)
    sizes = []
    for level in levels:
        bound = level.bound(others, np.arange(50))
        assert (bound >= gains - 1e-6).all()
        if level is not levels[-1]:
            without = replace(level, scatter_tj=levels[-1].scatter_tj).bound(others, np.arange(50))
            assert (bound < without - 1e-5).mean() > 0.9
        assert (bound <= finer + 2e-3).all()  # what a coarse level may add for classes that tell little
        finer = bound
        sizes.append((level.omega_qj > 0).sum())
    np.testing.assert_allclose(finer, gains, rtol=0, atol=1e-6)
    assert sizes == sorted(sizes)


@pytest.mark.interpreted
@pytest.mark.parametrize("rows", [1, 63, 64, 65, 300])
@pytest.mark.parametrize("draws", [1, 2, 7, 33, 100])
def test_second_moments_are_those_of_numpy_on_any_number_of_threads(rows: int, draws: int) -> None:
    posteriors = dirichlet(rows, draws, 1, seed=87, alpha=0.1)[..., 0].astype(np.float32)
    omega = np.random.default_rng(88).dirichlet(np.ones(rows))
    expected = (posteriors.T * omega) @ posteriors.astype(np.float64)
    answers = []
    for threads in (1, 2, 3):
        alcore.set_threads(threads)
        found = second_moment_of(packed(posteriors), posteriors, omega)
        assert (found[:, draws:] == 0).all()
        np.testing.assert_allclose(found[:, :draws], expected, rtol=2e-6, atol=1e-9)
        answers.append(found)
    np.testing.assert_array_equal(answers[0], answers[1])
    np.testing.assert_array_equal(answers[0], answers[2])


@pytest.mark.parametrize("alpha", [0.02, pytest.param(0.3, marks=pytest.mark.interpreted), 5.0])
@pytest.mark.parametrize("classes", [2, 5])
def test_what_scatters_within_groups_is_never_more_than_they_lose(alpha: float, classes: int) -> None:
    """On rows that draws nearly agree about, that they contradict each other about, and that are certain."""
    batch = dirichlet(4, classes, 11, seed=89, alpha=alpha)
    pools = (dirichlet(20, classes, 11, seed=90, alpha=alpha), dirichlet(20, classes, 11, seed=91, alpha=50.0))
    others = np.concatenate([*pools, one_hot(20, classes, 11)]).astype(np.float32)
    found = after(batch, samples=1100)
    gains = np.array([found.information(row.astype(float))[0] for row in others])
    for level in found.levels():
        assert (level.bound(others, np.arange(60)) >= gains - 1e-6).all()


@pytest.mark.interpreted
def test_a_group_is_the_mean_of_its_configurations() -> None:
    rng = np.random.default_rng(0)
    rows, omega, key = rng.random((20, 5)).astype(np.float32), rng.random(20), rng.integers(0, 9, 20) * 3
    mean, total = merged(rows, omega, key)
    for place, one in enumerate(np.unique(key)):
        inside = key == one
        assert total[place] == pytest.approx(omega[inside].sum())
        np.testing.assert_allclose(mean[place], np.average(rows[inside], axis=0, weights=omega[inside]), rtol=1e-6)


@pytest.mark.parametrize("exact", [0, 10_000])
@pytest.mark.parametrize("rows", [1, pytest.param(5, marks=pytest.mark.interpreted), 400])
def test_the_descent_finds_the_largest_gains_on_any_number_of_threads(rows: int, exact: int) -> None:
    batch = dirichlet(5, 3, 12, seed=85, alpha=0.4)
    others = dirichlet(rows, 3, 12, seed=86, alpha=0.4).astype(np.float32)
    others.flags.writeable = False
    for picks in (1, 3, 5):  # one level, two, four
        found = after(batch[:picks], samples=2400, exact=exact)
        gains = np.array([found.information(row.astype(float))[0] for row in others])
        answers = []
        for threads in (1, 2, 3):
            alcore.set_threads(threads)
            bound = np.full(rows, 2.0)
            evaluated = found.descend(others, np.arange(rows), bound, -np.inf, 1e-6)
            np.testing.assert_allclose(bound[evaluated], gains[evaluated], rtol=0, atol=1e-6)
            assert (bound >= gains - 1e-6).all()
            assert set(np.flatnonzero(gains >= gains.max())) <= set(evaluated)
            answers.append((evaluated.tolist(), bound.tolist()))
        assert answers[0] == answers[1] == answers[2]
        assert rows < 400 or picks < 5 or len(evaluated) < 100
        floor = float(gains.max()) + 2e-6
        bound = np.full(rows, 2.0)
        none = found.descend(others, np.arange(rows), bound, floor, 1e-6)
        assert (bound[none] <= floor).all()
        assert (bound <= floor).all()


@pytest.mark.parametrize("tiny", [5e-324, 1e-300, 1e-60])
def test_a_draw_whose_weight_float32_has_not_owns_no_configuration(tiny: float) -> None:
    """Its posterior was 0 over 0 once a label asked for it that no other draw gives."""
    certain = one_hot(3, 3, 6)
    weights, none = [tiny, 1, 2, 1, 0, tiny], [0, 1, 2, 1, 0, 0]
    for function in (alcore.joint_entropy, lambda *args, **kwargs: alcore.batch_information(*args, [2, 0], **kwargs)):
        found = function(certain, samples=300, exact=0, weights=weights, rng=0)
        assert found == function(certain, samples=300, exact=0, weights=none, rng=0)
        assert np.isfinite(found.value)
    batch, expected = (
        alcore.batchbald(OTHERS, 4, samples=300, exact=0, weights=each, rng=0) for each in (weights, none)
    )
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_array_equal(batch.information, expected.information)
