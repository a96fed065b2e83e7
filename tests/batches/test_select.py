"""Selections: different rows, the probability of each pick, ties to the lowest row."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.conftest import soak

SCORES = np.array([0.3, 0.9, 0.0, 0.5, 0.3])
LOG_WEIGHTS: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "softmax": lambda s, beta: beta * s,
    "power": lambda s, beta: beta * np.log(s),
    "softrank": lambda s, beta: -beta * np.log(np.argsort(np.argsort(-s, kind="stable")) + 1),
}
DRAWS: dict[str, Callable[..., alcore.Batch]] = {
    "softmax": alcore.softmax,
    "power": alcore.power,
    "softrank": alcore.softrank,
}
each_draw = pytest.mark.parametrize("name", DRAWS)
score_lists = st.lists(st.floats(0, 10), min_size=0, max_size=12)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, math.inf, -math.inf, 0.25]), max_size=30), st.integers(0, 35))
def test_top_is_a_stable_sort(scores: list[float], k: int) -> None:
    batch = alcore.top(scores, k)
    expected = sorted(range(len(scores)), key=lambda i: (-scores[i], i))[:k]
    assert batch.indices.tolist() == expected
    assert batch.scores.tolist() == [scores[i] for i in expected]
    assert set(batch.q.tolist()) <= {1.0}
    assert set(batch.support.tolist()) <= {1}


def test_the_top_of_many_rows_is_a_stable_sort() -> None:
    scores = np.random.default_rng(0).integers(0, 50, 10_000) / 7
    for k in (1, 10, 999, 10_000):
        np.testing.assert_array_equal(alcore.top(scores, k).indices, np.argsort(-scores, kind="stable")[:k])


@each_draw
@given(scores=score_lists, k=st.integers(0, 15), seed=st.integers(0, 2**32))
def test_draws_are_different_rows_and_reproducible(name: str, scores: list[float], k: int, seed: int) -> None:
    batch, again = DRAWS[name](scores, k, rng=seed), DRAWS[name](scores, k, rng=np.random.default_rng(seed))
    assert len(batch) == min(k, len(scores)) == len(set(batch.indices.tolist()))
    np.testing.assert_array_equal(batch.indices, again.indices)
    np.testing.assert_array_equal(batch.q, again.q)
    np.testing.assert_array_equal(batch.scores, np.asarray(scores, float)[batch.indices])
    assert ((batch.q >= 0) & (batch.q <= 1)).all()


@each_draw
@pytest.mark.parametrize("beta", [0.0, 0.5, 1.0, 3.0])
def test_q_is_the_probability_given_the_earlier_picks(name: str, beta: float) -> None:
    scores = np.array([0.3, 0.9, 0.1, 0.5, 0.3])
    weights = np.exp(LOG_WEIGHTS[name](scores, beta))
    batch = DRAWS[name](scores, 5, beta=beta, rng=3)
    left = set(range(5))
    for pick, q, support in zip(batch.indices.tolist(), batch.q, batch.support, strict=True):
        assert q == pytest.approx(weights[pick] / sum(weights[i] for i in left), rel=1e-12)
        assert support == len(left)
        left.remove(pick)


@each_draw
def test_each_batch_is_as_frequent_as_its_probability_says(name: str) -> None:
    scores, k, runs = np.array([0.2, 1.0, 0.6, 0.4]), 2, soak(4000, 100_000)
    weights = np.exp(LOG_WEIGHTS[name](scores, 1.5))
    rng = np.random.default_rng(0)
    seen = Counter(tuple(DRAWS[name](scores, k, beta=1.5, rng=rng).indices.tolist()) for _ in range(runs))
    for first, second in itertools.permutations(range(4), k):
        p = weights[first] / weights.sum() * weights[second] / (weights.sum() - weights[first])
        assert abs(seen[first, second] / runs - p) < 5 * math.sqrt(p * (1 - p) / runs)


@each_draw
def test_extreme_weights_neither_overflow_nor_cancel(name: str) -> None:
    scores = np.array([1e-300, 1.0, 2.0, 1000.0])
    batch = DRAWS[name](scores, 4, beta=500, rng=0)
    assert np.isfinite(batch.q).all()
    assert batch.q[-1] == 1
    assert sorted(batch.indices.tolist()) == [0, 1, 2, 3]


def test_q_of_a_million_rows_keeps_its_digits() -> None:
    scores = np.ones(100_000)
    batch = alcore.softmax(scores, 1000, rng=0)
    np.testing.assert_allclose(batch.q, 1 / (100_000 - np.arange(1000)), rtol=1e-10)


@pytest.mark.parametrize("beta", [0, 1, 4])
def test_power_draws_zeros_and_negatives_last_and_uniformly(beta: float) -> None:
    scores = np.array([0.0, 0.2, -1.0, 0.4, 0.0])
    lasts = Counter()
    for seed in range(400):
        batch = alcore.power(scores, 5, beta=beta, rng=seed)
        assert set(batch.indices[:2].tolist()) == {1, 3}
        np.testing.assert_allclose(batch.q[2:], [1 / 3, 1 / 2, 1])
        assert batch.support.tolist() == [2, 1, 3, 2, 1]
        lasts[int(batch.indices[2])] += 1
    assert set(lasts) == {0, 2, 4}
    assert min(lasts.values()) > 90


def test_power_of_zeros_alone_is_uniform() -> None:
    batch = alcore.power(np.zeros(4), 2, rng=0)
    np.testing.assert_allclose(batch.q, [1 / 4, 1 / 3])
    assert batch.support.tolist() == [4, 3]


def test_large_beta_approaches_top() -> None:
    scores = np.array([0.3, 0.9, 0.1, 0.5])
    for name, draw in DRAWS.items():
        assert draw(scores, 4, beta=10_000, rng=0).indices.tolist() == [1, 3, 0, 2], name


@pytest.mark.parametrize(
    ("name", "scores", "beta"),
    [
        ("softmax", [1e30, 0.0, 1.0], 1.0),
        ("softmax", [1e308, -1e308, 0.0, 1.0], 1.0),
        ("power", [2.0, 1.0, 1.0 + 1e-12], 1e12),
        ("softrank", [3.0, 2.0, 1.0], 1e12),
    ],
)
def test_rows_that_lie_far_below_others_are_drawn_as_likely_as_q_says(name: str, scores: list, beta: float) -> None:
    """Their differences are rounded off beside the largest exponent, and so is the noise."""
    log_weights = LOG_WEIGHTS[name](np.array(scores), beta) if name != "softmax" else beta * np.array(scores)
    counts: Counter[tuple[int, ...]] = Counter()
    for seed in range(300):
        batch = DRAWS[name](scores, len(scores), beta=beta, rng=seed)
        counts[tuple(batch.indices.tolist())] += 1
        for place, row in enumerate(batch.indices):
            with np.errstate(over="ignore"):
                chance = 1 / np.exp(log_weights[batch.indices[place:]] - log_weights[row]).sum()
            assert batch.q[place] == pytest.approx(chance, rel=1e-9)
    assert all(order[0] == 0 for order in counts)
    expected = 300 / (1 + math.exp(-1)) if name != "softrank" else 300
    assert max(counts.values()) == pytest.approx(expected, abs=5 * math.sqrt(300 / 4))


def test_softrank_ranks_equal_scores_in_row_order() -> None:
    batch = alcore.softrank([1.0, 1.0, 1.0], 3, beta=1, rng=0)
    weights = np.array([1, 1 / 2, 1 / 3])
    assert batch.q[0] == pytest.approx(weights[batch.indices[0]] / weights.sum())


ALL: dict[str, Callable[..., alcore.Batch]] = {"top": alcore.top, **DRAWS}


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    ("scores", "error", "said"),
    [
        ([0.1, math.nan], ValueError, r"scores\[1\] is nan"),
        ([[0.1, 0.2]], ValueError, r"expected shape \(N,\), one score a row, got \(1, 2\).*Reduce"),
        (0.5, ValueError, r"got \(\)"),
        (["a"], TypeError, "array of numbers"),
        ([None], TypeError, "array of numbers"),
        ([True, False], TypeError, "got bool"),
        ([1 + 2j], TypeError, "got complex128"),
        (np.ma.masked_array([1.0, 2.0]), TypeError, "masked"),
    ],
)
def test_scores_that_are_none_are_refused(name: str, scores: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        ALL[name](scores, 1)


@pytest.mark.parametrize("name", ALL)
def test_integer_scores_and_float16_are_taken(name: str) -> None:
    assert len(ALL[name]([3, 1, 2], 2)) == 2
    assert len(ALL[name](np.array([3, 1, 2], np.float16), 2)) == 2
    assert len(ALL[name](np.array([3, 1, 2], ">f4"), 2)) == 2


@each_draw
def test_infinite_scores_are_refused_by_draws(name: str) -> None:
    for value in (math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"scores\[1\] is infinite. .*floor="):
            DRAWS[name]([0.1, value], 1)


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize("k", [1.5, "2", None, True, np.float64(2)])
def test_k_is_a_whole_number(name: str, k: Any) -> None:
    with pytest.raises(TypeError, match="k: expected a whole number"):
        ALL[name](SCORES, k)


@pytest.mark.parametrize("name", ALL)
def test_batches_have_at_least_no_row_and_at_most_all(name: str) -> None:
    with pytest.raises(ValueError, match="k: expected at least 0, got -1"):
        ALL[name](SCORES, -1)
    assert len(ALL[name](SCORES, 0)) == 0
    assert len(ALL[name]([], 3)) == 0
    assert sorted(ALL[name](SCORES, 99).indices.tolist()) == [0, 1, 2, 3, 4]
    assert len(ALL[name](SCORES, np.int8(2))) == 2


@each_draw
@pytest.mark.parametrize("beta", [-1, math.nan, math.inf])
def test_beta_out_of_range_is_refused(name: str, beta: float) -> None:
    with pytest.raises(ValueError, match="beta: expected a finite number >= 0"):
        DRAWS[name](SCORES, 1, beta=beta)
    with pytest.raises(TypeError, match="beta: expected a number"):
        DRAWS[name](SCORES, 1, beta="1")


def test_a_beta_that_overflows_is_refused() -> None:
    for draw in DRAWS.values():
        with pytest.raises(ValueError, match="overflows. Take a smaller beta, or `top`"):
            draw([1e10, *range(1, 30)], 1, beta=1e308)
    assert len(alcore.softmax([0.0, 1e-300], 2, beta=1e308, rng=0)) == 2
    assert len(alcore.power([1e-300, 1.0], 2, beta=1e300, rng=0)) == 2


@pytest.mark.parametrize("name", ALL)
def test_scores_are_not_written_to(name: str) -> None:
    scores = SCORES.copy()
    scores.flags.writeable = False
    ALL[name](scores, 3)
    np.testing.assert_array_equal(scores, SCORES)


def test_the_global_random_state_is_left_alone() -> None:
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not move
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    for draw in DRAWS.values():
        draw(SCORES, 3, rng=None)
        draw(SCORES, 3, rng=1)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


@pytest.mark.parametrize("scores", [[1e17] * 4, [4e15, 4e15 + 1]])
def test_large_exponents_are_drawn_as_q_says(scores: list[float]) -> None:
    weights = np.exp(np.array(scores) - max(scores))
    first = np.zeros(len(scores))
    for seed in range(400):
        batch = alcore.softmax(scores, len(scores), rng=seed)
        assert batch.q[0] == pytest.approx(weights[batch.indices[0]] / weights.sum())
        first[batch.indices[0]] += 1
    np.testing.assert_allclose(first / 400, weights / weights.sum(), atol=0.12)
