"""BatchBALD: its gains against all label configurations, exact and sampled; saturation; any source."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from tests.batches import oracle as oracle
from tests.batches.oracle import WIDE, dyadic, one_hot, small_buffer
from tests.cases import dirichlet, near_certain, special
from tests.conftest import INTERPRETED
from tests.memory import growth
from tests.sources.every_source import SOURCES

POOL = dirichlet(40, 3, 8, seed=31, alpha=0.6)
WEIGHTS = np.array([3, 1, 0, 2, 1, 5, 1, 2])
REPORTED = ("scores", "information", "effective_draws")


def assert_same_bits(batch: alcore.Batch, expected: alcore.Batch) -> None:
    for field in ("indices", *REPORTED, "q", "support"):
        np.testing.assert_array_equal(getattr(batch, field), getattr(expected, field), err_msg=field)
    assert (batch.exact_until, batch.saturated_at, batch.fill) == (
        expected.exact_until,
        expected.saturated_at,
        expected.fill,
    )


def assert_equals(batch: alcore.Batch, expected: oracle.Greedy, tolerance: float) -> None:
    assert expected.gap > 10 * tolerance, "the pool nearly ties: take another seed"
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=0, atol=tolerance)
    np.testing.assert_allclose(batch.information, expected.information, rtol=0, atol=tolerance * len(batch))
    np.testing.assert_allclose(batch.effective_draws, expected.effective_draws, rtol=100 * tolerance)


# --- exact phase ------------------------------------------------------------------------------------------------------


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
def test_lazy_equals_full_evaluation(weights: Any) -> None:
    for seed in range(6):
        pool = dirichlet(40, 3, 8, seed=seed, alpha=0.6)
        expected = oracle.batchbald(pool, 6, weights)
        assert_equals(alcore.batchbald(pool, 6, weights=weights, rng=seed), expected, min(WIDE, expected.gap / 20))


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


def test_row_0_of_certain_opposed_and_tiny_rows() -> None:
    rows = np.concatenate([special(4, 6), dirichlet(4, 4, 6, seed=9)])
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, WIDE)):
        pool = rows.astype(dtype)
        assert pool[5].min() > 0  # 1e-38 is there
        assert_equals(alcore.batchbald(pool, 5, rng=0), oracle.batchbald(pool, 5), tolerance)


def test_published_four_points() -> None:
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


def test_published_random_pool() -> None:
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


@pytest.mark.compiled
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


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_duplicates_have_their_true_gain_and_the_lowest_row_is_picked(dtype: type) -> None:
    three = dirichlet(3, 3, 9, seed=12, alpha=0.5).astype(dtype)
    for order in ([0, 1, 0, 1, 2, 2], [2, 0, 0, 0, 1, 1, 2], [1, 1, 1, 1, 1, 0, 2, 0]):
        pool = three[order]
        assert_equals(alcore.batchbald(pool, 5, rng=0), oracle.batchbald(pool, 5), 1e-6)


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("exact", [10_000, 0])
def test_equal_rows_are_picked_in_order(dtype: type, exact: int) -> None:
    one = dirichlet(1, 3, 10, seed=3, alpha=0.8).astype(dtype)
    batch = alcore.batchbald(np.repeat(one, 3000, axis=0), 6, exact=exact, rng=0)
    assert batch.indices.tolist() == [0, 1, 2, 3, 4, 5]
    expected = oracle.batchbald(np.repeat(one, 6, axis=0), 6)
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=0, atol=1e-6 if exact else 5e-3)


@pytest.mark.compiled
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


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, WIDE), (np.float32, 1e-6)])
def test_draw_weights_equal_repeated_draws(dtype: type, tolerance: float) -> None:
    pool = POOL.astype(dtype)
    expected = oracle.batchbald(pool, 5, WEIGHTS)
    assert_equals(alcore.batchbald(pool, 5, weights=WEIGHTS, rng=0), expected, tolerance)
    repeated = alcore.batchbald(np.repeat(pool, WEIGHTS, axis=-1), 5, rng=0)
    assert repeated.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(repeated.scores, expected.gains, rtol=0, atol=tolerance)


def test_draws_without_weight_are_as_if_they_were_not_there() -> None:
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
def test_one_draw_with_all_the_weight_knows_everything() -> None:
    batch = alcore.batchbald(POOL, 3, weights=[0, 0, 1, 0, 0, 0, 0, 0], rng=0)
    assert batch.saturated_at == 0
    np.testing.assert_allclose(batch.scores, 0, atol=1e-6)


@pytest.mark.compiled
def test_draw_weights_equal_repeated_draws_in_distribution_when_sampling() -> None:
    pool = dirichlet(4, 3, 5, seed=7, alpha=0.5)
    counts = np.array([3, 1, 0, 2, 4])
    truth = oracle.joint_information(pool, counts)
    ways = [(pool, counts), (np.repeat(pool, counts, axis=-1), None)]
    for probs, weights in ways:  # all rows are picked: only their order is chosen by noisy gains
        found = np.array(
            [
                alcore.batchbald(probs, 4, weights=weights, samples=400, exact=0, rng=seed).information[-1]
                for seed in range(60)
            ]
        )
        assert abs(found.mean() - truth) <= 4 * found.std() / np.sqrt(len(found)) + 1e-3


# --- sampling ---------------------------------------------------------------------------------------------------------


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
    for seed in range(2 if INTERPRETED else 5):
        pool = dirichlet(*shape, seed=seed, alpha=0.6).astype(dtype)
        batch = alcore.batchbald(pool, 4, samples=samples, exact=0, rng=seed)
        assert batch.exact_until == 1
        assert_picks_are_near_the_best(pool, batch, samples)
        weights = np.arange(1, shape[2] + 1) % 4
        batch = alcore.batchbald(pool, 4, samples=samples, exact=0, weights=weights, rng=seed)
        assert_picks_are_near_the_best(pool, batch, samples // 8, weights)


@pytest.mark.compiled
def test_sampled_information_is_unbiased() -> None:
    """Of a batch that is the whole pool, so that nothing is selected but the order."""
    pool = dirichlet(5, 3, 10, seed=2, alpha=0.6)
    truth = oracle.joint_information(pool)
    for samples in (10, 200, 1000):
        found = np.array(
            [alcore.batchbald(pool, 5, samples=samples, exact=0, rng=seed).information[-1] for seed in range(100)]
            if samples > 10
            else [_without_saturation(pool, samples, seed) for seed in range(100)]
        )
        found = found[np.isfinite(found)]
        assert len(found) > 50
        allowed = 4 * found.std() / np.sqrt(len(found)) + (1e-3 if samples > 10 else 2e-2)
        assert abs(found.mean() - truth) <= allowed
        assert found.std() > 0


def _without_saturation(pool: np.ndarray, samples: int, seed: int) -> float:
    """NaN where the few samples could not tell the gain from nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        batch = alcore.batchbald(pool, 5, samples=samples, exact=0, rng=seed)
    return float(batch.information[-1]) if batch.saturated_at is None else np.nan


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_more_draws_than_samples() -> None:
    pool = dirichlet(30, 3, 50, seed=5, alpha=0.5)
    batch = alcore.batchbald(pool, 4, samples=10, exact=0, rng=0)
    assert len(set(batch.indices.tolist())) == 4
    truth = oracle.joint_information(pool[batch.indices])
    assert abs(batch.information[-1] - truth) < 0.25  # 50 configurations, one a draw
    assert batch.exact_until == 1


def test_a_sampled_phase_that_follows_an_exact_one() -> None:
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


@pytest.mark.compiled
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
    again = alcore.batch_information(pool, batch.indices, rng=1)
    assert abs(batch.information[-1] - again.value) < 0.02 + 4 * again.standard_error


# --- reproducible bits ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{"exact": 300}, {"exact": 0, "samples": 300}, {"exact": 20, "samples": 300}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_seed_gives_the_same_bits_on_any_threads(options: dict[str, int], dtype: type) -> None:
    pool = dirichlet(*((12, 3, 6) if INTERPRETED else (700, 4, 12)), seed=8).astype(dtype)
    expected = alcore.batchbald(pool, 4, rng=3, **options)
    for threads in (1, 2):
        alcore.set_threads(threads)
        assert_same_bits(alcore.batchbald(pool, 4, rng=3, **options), expected)
        assert_same_bits(alcore.batchbald(pool, 4, rng=np.random.default_rng(3), **options), expected)


def test_seeds_differ_only_when_sampling() -> None:
    first, second = (alcore.batchbald(POOL, 5, exact=0, samples=500, rng=seed) for seed in (0, 1))
    assert (first.scores[1:] != second.scores[1:]).all()
    assert_same_bits(alcore.batchbald(POOL, 5, rng=0), alcore.batchbald(POOL, 5, rng=1))
    fresh = [alcore.batchbald(POOL, 3, exact=0, samples=500) for _ in range(2)]
    assert fresh[0].scores[-1] != fresh[1].scores[-1]


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 500}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_for_any_layout_and_inputs_stay_as_they_were(options: dict[str, int], dtype: type) -> None:
    pool, weights = POOL.astype(dtype), WEIGHTS.astype(float)
    expected = alcore.batchbald(pool.copy(), 4, weights=weights.copy(), rng=0, **options)
    backwards = np.ascontiguousarray(pool[::-1, :, ::-1])[::-1, :, ::-1]
    every_other = np.repeat(pool, 2, axis=0)[::2]
    swapped = pool.astype(pool.dtype.newbyteorder())
    for source in (pool, np.asfortranarray(pool), backwards, every_other, swapped):
        before = source.copy()
        source.flags.writeable = False
        weights.flags.writeable = False
        assert_same_bits(alcore.batchbald(source, 4, weights=weights, rng=0, **options), expected)
        np.testing.assert_array_equal(source, before)
        source.flags.writeable = True
        assert_same_bits(alcore.batchbald(source, 4, weights=weights, rng=0, **options), expected)
        np.testing.assert_array_equal(source, before)
    np.testing.assert_array_equal(weights, WEIGHTS)


def test_the_global_random_state_is_left_alone() -> None:
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not move
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    alcore.batchbald(POOL, 3, exact=0, samples=200)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_logits_equal_their_softmax() -> None:
    expected = alcore.batchbald(POOL, 5, rng=0)
    batch = alcore.batchbald(np.log(POOL) + 3, 5, kind="logits", rng=0)
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.scores, rtol=WIDE)
    with np.errstate(divide="ignore"):
        ruled_out = np.log(one_hot(12, 3, 4, seed=1))  # -inf
    certain = alcore.batchbald(ruled_out, 2, kind="logits", rng=0)
    information = oracle.batchbald(one_hot(12, 3, 4, seed=1), 2).information  # rows tie but for rounding
    np.testing.assert_allclose(certain.information, information, rtol=0, atol=WIDE)


# --- saturation -------------------------------------------------------------------------------------------------------


def fill_order(pool: np.ndarray, picked: np.ndarray, k: int) -> list[int]:
    """BALD order among the rows left."""
    order = alcore.top(alcore.bald(pool), len(pool)).indices.tolist()
    return [i for i in order if i not in picked.tolist()][:k]


def saturating(pool: np.ndarray, k: int, **options: Any) -> alcore.Batch:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warnings.simplefilter("ignore", RuntimeWarning)  # a hash wraps around: interpreted kernels say so
        batch = alcore.batchbald(pool, k, rng=0, **options)
    assert [w.category for w in caught] == [alcore.SaturationWarning]  # once
    said = str(caught[0].message)
    assert "more draws" in said
    assert "Power" in said or "stochastic" in said
    assert batch.saturated_at is not None
    return batch


def assert_filled(pool: np.ndarray, batch: alcore.Batch, k: int) -> None:
    at = batch.saturated_at
    assert at is not None
    assert len(batch) == k == len(set(batch.indices.tolist()))
    assert batch.fill == "bald"
    assert batch.indices[at:].tolist() == fill_order(pool, batch.indices[:at], k - at)
    assert batch.scores[at:].tolist() == [0.0] * (k - at)
    assert (batch.scores[:at] > 1e-6).all()
    np.testing.assert_array_equal(batch.information[at:], batch.information[at - 1] if at else 0.0)
    assert np.ptp(batch.effective_draws[max(at - 1, 0) :]) == 0  # nothing more is learned
    assert batch.q.tolist() == [1.0] * k
    assert batch.support.tolist() == [1] * k
    assert 0 <= batch.exact_until <= k
    assert batch.certified_until == k


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("exact", [10_000, 0])
def test_four_draws_that_are_certain_are_told_apart_by_two_rows(dtype: type, exact: int) -> None:
    pool = one_hot(40, 3, 4, seed=5).astype(dtype)
    expected = oracle.batchbald(pool, 2)
    assert expected.information[-1] == pytest.approx(np.log(4))
    batch = saturating(pool, 20, exact=exact, samples=400)
    assert batch.saturated_at == 2
    np.testing.assert_allclose(batch.information[:2], expected.information, rtol=1e-6)  # rows tie but for rounding
    np.testing.assert_allclose(batch.information[1:], np.log(4), rtol=1e-6)
    np.testing.assert_allclose(batch.effective_draws[1:], 1, rtol=1e-6)
    assert_filled(pool, batch, 20)


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 1000}, {"exact": 30, "samples": 1000}])
def test_few_draws_are_exhausted_and_the_rest_is_filled(options: dict[str, int]) -> None:
    pool = dirichlet(60, 3, 4, seed=3, alpha=0.1).astype(np.float32)
    batch = saturating(pool, 40, **options)
    assert 3 <= batch.saturated_at < 40
    assert_filled(pool, batch, 40)
    assert batch.information[-1] <= np.log(4) + 0.02
    assert batch.effective_draws[-1] < 1.1


def test_pools_without_information_are_saturated_from_the_start() -> None:
    certain = np.repeat(special()[:1], 5, axis=0)
    agreeing = np.repeat(dirichlet(6, 3, 1, seed=2), 7, axis=2)
    single = dirichlet(6, 3, 1, seed=2)
    for pool in (certain, agreeing, single):
        for dtype in (np.float32, np.float64):
            batch = saturating(pool.astype(dtype), 3)
            assert batch.saturated_at == 0
            assert_filled(pool.astype(dtype), batch, 3)


def test_saturation_beyond_the_picks_asked_for_is_not_said() -> None:
    batch = alcore.batchbald(one_hot(40, 3, 4, seed=5), 2, rng=0)
    assert (batch.saturated_at, batch.fill) == (None, None)


@pytest.mark.compiled
def test_saturation_is_noticed_and_not_computed() -> None:
    pool = dirichlet(400, 5, 6, seed=4, alpha=0.2).astype(np.float32)
    batch = saturating(pool, 400, samples=2000)
    assert sorted(batch.indices.tolist()) == list(range(400))
    assert_filled(pool, batch, 400)


# --- edges ------------------------------------------------------------------------------------------------------------


def assert_empty(batch: alcore.Batch) -> None:
    assert len(batch) == 0
    for field in ("indices", *REPORTED, "q", "support"):
        assert getattr(batch, field).shape == (0,)
    assert (batch.exact_until, batch.saturated_at, batch.fill, batch.certified_until) == (0, None, None, 0)


def test_empty_pools_and_queries() -> None:
    for exact in (10_000, 0):
        assert_empty(alcore.batchbald(POOL, 0, exact=exact, rng=0))
        assert_empty(alcore.batchbald(np.empty((0, 3, 2)), 3, exact=exact, rng=0))
        assert_empty(alcore.batchbald([POOL[:0]], 3, exact=exact, rng=0))


def test_more_picks_than_rows() -> None:
    pool = dirichlet(3, 3, 30, seed=2, alpha=0.6)
    for k in (3, 4, 99):
        batch = alcore.batchbald(pool, k, rng=0)
        assert sorted(batch.indices.tolist()) == [0, 1, 2]
        assert_equals(batch, oracle.batchbald(pool, 3), WIDE)
    one = alcore.batchbald(pool[:1], 5, exact=0, rng=0)
    assert one.indices.tolist() == [0]
    assert one.scores[0] == pytest.approx(oracle.bald(pool)[0], abs=WIDE)


def test_what_it_reports_cannot_be_changed() -> None:
    batch = alcore.batchbald(POOL, 3, rng=0)
    for field in REPORTED:
        assert getattr(batch, field).dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            getattr(batch, field)[0] = 9


@pytest.mark.parametrize("name", ["k", "samples", "exact", "memory"])
@pytest.mark.parametrize("value", [1.5, "2", None, True])
def test_numbers_are_whole(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name}: expected a whole number"):
        alcore.batchbald(POOL, **{"k": 2, name: value})


@pytest.mark.parametrize(("name", "value"), [("k", -1), ("samples", -3), ("exact", -1)])
def test_numbers_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected at least .*got {value}"):
        alcore.batchbald(POOL, **{"k": 2, name: value})


@pytest.mark.parametrize("memory", [0, 1, 1 << 20])
def test_too_little_memory_is_refused_with_what_is_enough(memory: int) -> None:
    for source in (iter([POOL]), [POOL]):
        with pytest.raises(ValueError, match="memory: expected at least"):
            alcore.batchbald(source, 2, memory=memory)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"kind": "prob"}, ValueError, "kind: expected 'probs' or 'logits'"),
        ({"weights": [1, 2]}, ValueError, "weights: expected shape"),
        ({"weights": np.zeros(8)}, ValueError, "only zeros"),
        ({"rng": "0"}, TypeError, "rng: expected None, an int"),
        ({"rng": -1}, ValueError, "rng: expected a seed"),
    ],
)
def test_other_arguments_are_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.batchbald(POOL, 2, **options)


def never() -> Iterator[np.ndarray]:
    raise AssertionError("the source was read")
    yield


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": -1}, "k"),
        ({"samples": -1}, "samples"),
        ({"exact": -1}, "exact"),
        ({"rng": -1}, "rng"),
        ({"kind": 3}, "kind"),
    ],
)
def test_arguments_are_refused_before_anything_is_read(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"{said}: expected"):
        alcore.batchbald(never(), **{"k": 2, **options})


@pytest.mark.parametrize("k", [0, 2])
def test_invalid_rows_are_named(k: int) -> None:
    for value, said in ((np.nan, r"probs\[33, 1, 2\] is nan"), (np.inf, r"probs\[33, 1, 2\] is inf")):
        bad = POOL.copy()
        bad[33, 1, 2] = value
        for source in (bad, [bad[:30], bad[30:]], iter([bad[:7], bad[7:]])):
            with pytest.raises(ValueError, match=said):
                alcore.batchbald(source, k, rng=0)


def test_logits_that_are_not_said_are_refused() -> None:
    logits = np.random.default_rng(0).normal(scale=4, size=(10, 3, 5))
    with pytest.raises(ValueError, match="pass kind='logits'"):
        alcore.batchbald(logits, 2)


@pytest.mark.parametrize("k", [0, 1])
def test_event_axes_are_refused_with_the_remedy(k: int) -> None:
    maps = dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3)
    for source in (maps, iter([maps[:2], maps[2:]])):
        with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\).*reshape"):
            alcore.batchbald(source, k)


@pytest.mark.parametrize(
    ("array", "error", "said"),
    [
        (np.ones((3, 1, 4)), ValueError, "at least 2 classes"),
        (np.ones((3, 2, 4), int), TypeError, "expected float16"),
        (np.full((3, 2), 0.5), ValueError, "add the axis of draws"),
        (None, TypeError, "probs: expected an array"),
    ],
)
def test_arrays_that_are_not_predictions_are_refused(array: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.batchbald(array, 1)


# --- sources ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_from_any_source(source: str, dtype: type, tmp_path: Path) -> None:
    pool = dirichlet(97, 3, 6, seed=21).astype(dtype)
    for options in ({}, {"exact": 0, "samples": 300}):
        folder = tmp_path / f"{len(options)}"
        folder.mkdir()
        expected = alcore.batchbald(pool, 4, rng=0, weights=[1, 2, 3, 1, 1, 1], **options)
        batch = alcore.batchbald(SOURCES[source](pool, folder), 4, rng=0, weights=[1, 2, 3, 1, 1, 1], **options)
        assert_same_bits(batch, expected)
        assert batch.certified_until == expected.certified_until == 4


REREAD = ["array", "memmap", "npy", "zarr", "hdf5", "list of blocks", "dask"]


def certified(pool: np.ndarray, rows: int, k: int) -> int:
    """How many picks among the ``rows`` rows of largest BALD gain more than the largest BALD let go, by brute force."""
    bald = oracle.bald(pool)
    order = np.argsort(-bald, kind="stable")
    held, let_go = np.sort(order[:rows]), bald[order[rows]]
    within = oracle.batchbald(pool[held], k).gains - let_go
    assert abs(within).min() > 1e-4, "too near to the largest BALD let go: take another seed"
    return int(np.argmin(np.append(within > 0, False)))


@pytest.mark.parametrize("source", REREAD)
def test_a_source_that_can_be_read_again_gives_the_picks_of_memory(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    assert certified(pool, 8, 5) < 5  # one pass is not enough
    expected = alcore.batchbald(pool, 5, rng=0)
    small_buffer(monkeypatch, 8)
    batch = alcore.batchbald(SOURCES[source](pool, tmp_path), 5, rng=0)
    assert batch.certified_until == 5
    assert_same_bits(batch, expected)


@pytest.mark.parametrize("rows", [5, 8, 20, 60, 96])
def test_a_stream_says_up_to_which_pick_it_is_certain(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    expected = alcore.batchbald(pool, 5, rng=0)
    small_buffer(monkeypatch, rows)
    batch = alcore.batchbald(iter([pool[:30], pool[30:31], pool[31:]]), 5, rng=0)
    until = batch.certified_until
    assert until == certified(pool, rows, 5)
    assert batch.indices[:until].tolist() == expected.indices[:until].tolist()
    np.testing.assert_array_equal(batch.scores[:until], expected.scores[:until])
    held = np.argsort(-oracle.bald(pool), kind="stable")[:rows]
    assert set(batch.indices.tolist()) <= set(held.tolist())
    assert len(set(batch.indices.tolist())) == 5


def test_streams_of_all_sizes_are_seen_by_these_tests() -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    found = [certified(pool, rows, 5) for rows in (5, 8, 20, 60, 96)]
    assert min(found) < 3
    assert max(found) == 5


def test_a_tie_with_a_row_let_go_is_not_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = np.repeat(dirichlet(1, 3, 10, seed=3), 20, axis=0)
    small_buffer(monkeypatch, 5)
    batch = alcore.batchbald((pool[i : i + 3] for i in range(0, 20, 3)), 3, rng=0)
    assert batch.indices.tolist() == [0, 1, 2]
    assert batch.certified_until <= 1  # the first has the largest BALD, and rows let go come after
    again = alcore.batchbald([pool[:7], pool[7:]], 3, rng=0)
    assert again.indices.tolist() == [0, 1, 2]
    assert again.certified_until == 3


@settings(max_examples=4 if INTERPRETED else 30)
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(3, 20),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    exact=st.sampled_from([0, 9, 10_000]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_any_cutting_and_any_buffer(seed: int, rows: int, cuts: list[int], exact: int, dtype: type) -> None:
    pool = dirichlet(40, 3, 7, seed=seed, alpha=0.5).astype(dtype)
    if seed % 3 == 0:
        pool[10:] = pool[seed % 10]  # ties
    blocks = [pool[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), 40])]
    expected = alcore.batchbald(pool, 3, exact=exact, samples=200, rng=seed)
    with pytest.MonkeyPatch.context() as patched:
        small_buffer(patched, rows)
        again = alcore.batchbald(blocks, 3, exact=exact, samples=200, rng=seed)
        once = alcore.batchbald(iter(blocks), 3, exact=exact, samples=200, rng=seed)
    assert_same_bits(again, expected)
    assert again.certified_until == 3
    until = once.certified_until
    assert 0 <= until <= 3
    assert once.indices[:until].tolist() == expected.indices[:until].tolist()
    np.testing.assert_array_equal(once.scores[:until], expected.scores[:until])


@pytest.mark.parametrize("saturating_draws", [4])
def test_a_stream_that_saturates_fills_in_the_order_of_bald(
    saturating_draws: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = one_hot(40, 3, saturating_draws, seed=5)
    with pytest.warns(alcore.SaturationWarning):
        expected = alcore.batchbald(pool, 10, rng=0)
    with pytest.warns(alcore.SaturationWarning):
        batch = alcore.batchbald([pool[:9], pool[9:]], 10, rng=0)
    assert_same_bits(batch, expected)
    small_buffer(monkeypatch, 12)
    with pytest.warns(alcore.SaturationWarning):
        once = alcore.batchbald(iter([pool[:9], pool[9:]]), 10, rng=0)
    assert len(set(once.indices.tolist())) == 10
    assert once.fill == "bald"
    with pytest.warns(alcore.SaturationWarning):
        again = alcore.batchbald([pool[:9], pool[9:]], 10, rng=0)
    assert_same_bits(again, expected)


@pytest.mark.compiled
def test_a_stream_takes_bounded_memory() -> None:
    grown = growth(
        """
        def blocks():
            rng = np.random.default_rng(0)
            for _ in range(14):  # of 64 MiB
                block = rng.random((16_777, 10, 100), dtype=np.float32) + np.float32(0.01)
                block /= block.sum(axis=1, keepdims=True)
                yield block

        def work():
            batch = alcore.batchbald(blocks(), 5, samples=1000, rng=0, memory=150 << 20)
            assert len(batch) == 5
        """
    )
    assert grown <= 150 + 300
