"""BatchBALD: its gains against all label configurations; ties, draw weights, order of rows, draws and classes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.batches import oracle as oracle
from tests.batches.compare import POOL, REPORTED, WEIGHTS, assert_equals
from tests.batches.oracle import WIDE, dyadic
from tests.cases import dirichlet, special


@pytest.mark.interpreted
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 1e-6)])
@pytest.mark.parametrize(
    ("shape", "k"), [((8, 4, 6), 5), ((8, 2, 9), 5), ((6, 3, 20), 5), ((7, 4, 41), 4), ((5, 2, 3), 2), ((1, 3, 4), 1)]
)
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_gains_equal_all_configurations(
    shape: tuple[int, int, int], k: int, seed: int, dtype: type, tolerance: float
) -> None:
    pool = dirichlet(*shape, seed=seed, alpha=0.7).astype(dtype)
    batch = alcore.batchbald(pool, k, rng=0)
    assert_equals(batch, oracle.batchbald(pool, k), tolerance)
    assert (batch.exact_until, batch.saturated_at, batch.fill, batch.certified_until) == (k, None, None, k)
    assert batch.q.tolist() == [1.0] * k
    assert batch.support.tolist() == [1] * k


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_rows_that_are_not_looked_at_again_would_not_have_been_picked(weights: Any) -> None:
    for seed in range(6):
        pool = dirichlet(40, 3, 8, seed=seed, alpha=0.6)
        expected = oracle.batchbald(pool, 6, weights)
        assert_equals(alcore.batchbald(pool, 6, weights=weights, rng=seed), expected, min(WIDE, expected.gap / 20))


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_every_dtype_holds_give_the_same_answer(dtype: type) -> None:
    pool = dyadic(20, 3, 7, seed=4)
    batch = alcore.batchbald(pool.astype(dtype), 5, rng=0)
    assert_equals(batch, oracle.batchbald(pool, 5), WIDE if dtype == np.float64 else 1e-6)


def test_k_of_1_is_the_row_of_largest_bald() -> None:
    for dtype in (np.float32, np.float64):
        for samples, exact in ((10_000, 10_000), (100, 0)):
            batch = alcore.batchbald(POOL.astype(dtype), 1, samples=samples, exact=exact, rng=0)
            bald = alcore.bald(POOL.astype(dtype))
            assert batch.indices.tolist() == alcore.top(bald, 1).indices.tolist()
            np.testing.assert_allclose(batch.scores, bald.max(), atol=1e-6)
            np.testing.assert_allclose(batch.information, batch.scores)


@pytest.mark.interpreted
def test_certain_opposed_and_tiny_rows_have_their_true_gains() -> None:
    rows = np.concatenate([special(4, 6), dirichlet(4, 4, 6, seed=9)])
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, WIDE)):
        pool = rows.astype(dtype)
        assert pool[5].min() > 0  # 1e-38 is there
        assert_equals(alcore.batchbald(pool, 5, rng=0), oracle.batchbald(pool, 5), tolerance)


def test_information_of_four_points_equals_the_published_values() -> None:
    ends = [
        ((0.7, 0.1, 0.1, 0.1), (0.3, 0.3, 0.2, 0.2)),
        ((0.1, 0.7, 0.1, 0.1), (0.2, 0.3, 0.3, 0.2)),
        ((0.1, 0.1, 0.7, 0.1), (0.2, 0.2, 0.3, 0.3)),
        ((0.1, 0.1, 0.1, 0.7), (0.3, 0.2, 0.2, 0.3)),
    ]
    pool = np.stack([np.linspace(first, last, 20).T for first, last in ends])
    information = [0.0307156396662, 0.0596195862716, 0.0869107051474, 0.1127530453247]
    for dtype, tolerance in ((np.float64, WIDE), (np.float32, 1e-6)):
        batch = alcore.batchbald(pool.astype(dtype), 4, rng=0)
        assert sorted(batch.indices.tolist()) == [0, 1, 2, 3]
        np.testing.assert_allclose(batch.information, information, rtol=0, atol=tolerance)


def test_information_of_a_random_pool_equals_the_published_values() -> None:
    probs_tnc = np.random.RandomState(0).random(4000).reshape(10, 200, 2)
    pool = (probs_tnc / probs_tnc.sum(axis=2, keepdims=True)).transpose(1, 2, 0)
    information = [
        0.26082314,
        0.51374565,
        0.73904867,
        0.93539168,
        1.11129073,
        1.26161867,
        1.39453590,
        1.51439710,
        1.61929299,
        1.71678973,
    ]
    batch = alcore.batchbald(pool, 10, rng=0)
    np.testing.assert_allclose(batch.information, information, rtol=0, atol=2e-7)
    assert batch.exact_until == 10


def test_agrees_with_the_public_implementation(peers: dict[str, np.ndarray]) -> None:
    for dtype, tolerance in ((np.float64, WIDE), (np.float32, 2e-6)):
        batch = alcore.batchbald(peers["pool"].astype(dtype), 5, rng=0)
        assert batch.indices.tolist() == peers["redux_batchbald_indices"].tolist()
        expected = peers["redux_batchbald_information"]
        np.testing.assert_allclose(batch.information, expected, rtol=0, atol=tolerance)


@pytest.mark.parametrize(
    ("exact", "until"), [(0, 1), (2, 1), (3, 2), (8, 2), (9, 3), (26, 3), (27, 4), (10_000, 5), (10**9, 5)]
)
def test_exact_until_counts_the_picks_whose_configurations_fit(exact: int, until: int) -> None:
    """Pick m is measured on the C^(m-1) configurations of the picks before; after it, C^m are kept where they fit."""
    batch = alcore.batchbald(POOL, 5, exact=exact, samples=4000, rng=0)
    assert batch.exact_until == until
    expected = oracle.batchbald(POOL, 5)
    assert batch.indices[:until].tolist() == expected.indices[:until].tolist()
    np.testing.assert_allclose(batch.scores[:until], expected.gains[:until], rtol=0, atol=WIDE)


@given(st.integers(0, 10_000), st.integers(2, 4), st.integers(1, 7), st.sampled_from([np.float32, np.float64]))
@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_gains_never_increase_and_information_is_bounded(seed: int, classes: int, draws: int, dtype: type) -> None:
    pool = dirichlet(7, classes, draws, seed=seed, alpha=0.4).astype(dtype)
    batch = alcore.batchbald(pool, 5, rng=seed)
    assert (np.diff(batch.scores) <= 1e-6).all()
    assert (batch.scores >= 0).all()
    np.testing.assert_allclose(batch.information, np.cumsum(batch.scores), rtol=0, atol=1e-6)
    bound = np.minimum(np.log(draws), np.arange(1, 6) * np.log(classes))
    assert (batch.information <= bound + 2e-6).all()
    assert (batch.effective_draws <= draws * (1 + 1e-5)).all()
    assert (batch.effective_draws >= 1 - 1e-5).all()


def test_permutations_permute_the_answer() -> None:
    rng = np.random.default_rng(0)
    expected = alcore.batchbald(POOL, 6, rng=0)
    rows, draws = rng.permutation(40), rng.permutation(8)
    moved = alcore.batchbald(POOL[rows], 6, rng=0)
    assert rows[moved.indices].tolist() == expected.indices.tolist()
    classes = np.stack([row[rng.permutation(3)] for row in POOL])  # each row's own order of classes
    for batch in (moved, alcore.batchbald(POOL[..., draws], 6, rng=0), alcore.batchbald(classes, 6, rng=0)):
        for field in REPORTED:
            np.testing.assert_allclose(getattr(batch, field), getattr(expected, field), rtol=WIDE)
    for batch in (alcore.batchbald(POOL[..., draws], 6, rng=0), alcore.batchbald(classes, 6, rng=0)):
        assert batch.indices.tolist() == expected.indices.tolist()


# --- ties -------------------------------------------------------------------------------------------------------------


@pytest.mark.interpreted
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_duplicates_have_their_true_gain_and_the_lowest_row_is_picked(dtype: type) -> None:
    three = dirichlet(3, 3, 9, seed=12, alpha=0.5).astype(dtype)
    for order in ([0, 1, 0, 1, 2, 2], [2, 0, 0, 0, 1, 1, 2], [1, 1, 1, 1, 1, 0, 2, 0]):
        pool = three[order]
        assert_equals(alcore.batchbald(pool, 5, rng=0), oracle.batchbald(pool, 5), 1e-6)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exact", [10_000, 0])
def test_equal_rows_are_picked_in_order(dtype: type, exact: int) -> None:
    one = dirichlet(1, 3, 10, seed=3, alpha=0.8).astype(dtype)
    batch = alcore.batchbald(np.repeat(one, 3000, axis=0), 6, exact=exact, rng=0)
    assert batch.indices.tolist() == [0, 1, 2, 3, 4, 5]
    expected = oracle.batchbald(np.repeat(one, 6, axis=0), 6)
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=0, atol=1e-6 if exact else 5e-3)


def test_equal_rows_among_others_are_equal_to_the_last_bit() -> None:
    """A matrix product rounds equal rows differently by their place: it must not decide."""
    for classes, draws, exact in ((3, 17, 10_000), (10, 100, 0), (5, 33, 0)):
        best = dirichlet(1, classes, draws, seed=1, alpha=0.05)[0]
        pool = dirichlet(203, classes, draws, seed=2, alpha=5.0).astype(np.float32)
        places = [5, 17, 64, 129, 200, 202]
        pool[places] = best
        batch = alcore.batchbald(pool, 3, exact=exact, samples=2000, rng=0)
        assert batch.indices[0] == 5
        second = [i for i in batch.indices[1:].tolist() if i in places]
        assert second == places[1 : 1 + len(second)]


# --- draw weights -----------------------------------------------------------------------------------------------------


@pytest.mark.interpreted
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 1e-6)])
def test_draw_weights_equal_repeated_draws(dtype: type, tolerance: float) -> None:
    pool = POOL.astype(dtype)
    expected = oracle.batchbald(pool, 5, WEIGHTS)
    assert_equals(alcore.batchbald(pool, 5, weights=WEIGHTS, rng=0), expected, tolerance)
    repeated = alcore.batchbald(np.repeat(pool, WEIGHTS, axis=-1), 5, rng=0)
    assert repeated.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(repeated.scores, expected.gains, rtol=0, atol=tolerance)


def test_draws_of_weight_0_are_as_if_they_were_not_there() -> None:
    weights = np.array([0, 2, 0, 2, 2, 0, 0, 2])
    left = alcore.batchbald(POOL[..., weights > 0], 4, rng=0)
    batch = alcore.batchbald(POOL, 4, weights=weights, rng=0)
    assert batch.indices.tolist() == left.indices.tolist()
    for field in REPORTED:
        np.testing.assert_allclose(getattr(batch, field), getattr(left, field), rtol=WIDE)
    sampled = alcore.batchbald(POOL, 4, weights=weights, samples=4000, exact=0, rng=0)
    assert np.isfinite(sampled.information).all()
    assert sampled.information[-1] <= np.log(4) + 0.05


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_one_draw_with_all_the_weight_leaves_nothing_to_learn() -> None:
    batch = alcore.batchbald(POOL, 3, weights=[0, 0, 1, 0, 0, 0, 0, 0], rng=0)
    assert batch.saturated_at == 0
    np.testing.assert_allclose(batch.scores, 0, atol=1e-6)
