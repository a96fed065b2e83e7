"""Unbiased risk: over every order of a small pool, term by term, and at its ends."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.risk.every_estimator import ESTIMATORS, LOSSES, WEIGHTS, each_estimator

# --- the definition ---------------------------------------------------------------------------------------------------


def orders(rows: int, picks: int, seed: int) -> Iterator[tuple[tuple[int, ...], list[float]]]:
    """Every order of so many picks with the probability of each pick, which depends on all that went before."""
    for order in itertools.permutations(range(rows), picks):
        q = []
        for m, pick in enumerate(order):
            chances = np.random.default_rng([seed, 99, *order[:m]]).exponential(size=rows) + 0.02
            chances[list(order[:m])] = 0
            q.append(float(chances[pick] / chances.sum()))
        yield order, q


@each_estimator
@pytest.mark.parametrize("picks", [1, 2, 3, 4, 5])
def test_the_expectation_over_every_order_is_the_pools_mean(name: str, picks: int) -> None:
    for seed in range(3):
        expectation = total = 0.0
        for order, q in orders(5, picks, seed):
            expectation += math.prod(q) * ESTIMATORS[name](LOSSES[list(order)], q, 5).value
            total += math.prod(q)
        assert total == pytest.approx(1, abs=1e-12)
        assert expectation == pytest.approx(LOSSES.mean(), abs=1e-12)


@pytest.mark.parametrize("picks", [1, 2, 4, 5])
def test_each_lure_weight_is_one_on_average(picks: int) -> None:
    mean = sum(math.prod(q) * alcore.lure_weights(q, 5) for _, q in orders(5, picks, 7))
    np.testing.assert_allclose(mean, 1, atol=1e-12)


def by_hand(name: str, losses: list[float], q: list[float], rows: int) -> tuple[float, float, list[float]]:
    """Value, standard error and weights, term by term."""
    picks = len(q)
    terms = [losses[m] / (rows * q[m]) + sum(losses[:m]) / rows for m in range(picks)]
    if name == "pure":
        value = sum(terms) / picks
        error = math.sqrt(sum((a - value) ** 2 for a in terms) / (picks * (picks - 1)))
        return value, error, [1 / (rows * q[m - 1]) + (picks - m) / rows for m in range(1, picks + 1)]
    c = [rows * (rows - picks) / ((rows - m) * (rows - m + 1)) for m in range(1, picks + 1)]
    value = sum(a * b for a, b in zip(c, terms, strict=True)) / picks
    error = math.sqrt(sum((b * (a - value)) ** 2 for a, b in zip(terms, c, strict=True))) / picks
    spread = [1 / ((rows - m + 1) * q[m - 1]) - 1 for m in range(1, picks + 1)]
    return value, error, [1 + (rows - picks) / (rows - m) * spread[m - 1] for m in range(1, picks + 1)]


@each_estimator
@pytest.mark.parametrize("rows", [7, 40, 1000])
def test_values_errors_and_weights_are_those_of_the_papers(name: str, rows: int) -> None:
    rng = np.random.default_rng(rows)
    batch = alcore.power(rng.exponential(size=rows) + 0.1, k=6, rng=rng)
    losses = rng.normal(size=6)
    value, error, weights = by_hand(name, losses.tolist(), batch.q.tolist(), rows)
    found = ESTIMATORS[name](losses, batch.q, rows, support=batch.support)
    assert found == pytest.approx((value, error), rel=1e-12)
    np.testing.assert_allclose(WEIGHTS[name](batch.q, rows, support=batch.support), weights, rtol=1e-12)
    assert found.value == pytest.approx((WEIGHTS[name](batch.q, rows) * losses).mean(), rel=1e-12)


# --- identities and ends ----------------------------------------------------------------------------------------------


@given(st.integers(1, 30), st.integers(0, 30))
def test_uniform_picks_weigh_alike(picks: int, more: int) -> None:
    rows = picks + more
    q = 1.0 / (rows - np.arange(picks))
    np.testing.assert_allclose(alcore.lure_weights(q, rows), 1, rtol=1e-12)
    losses = np.random.default_rng(picks).normal(size=picks)
    assert alcore.lure(losses, q, rows).value == pytest.approx(losses.mean(), abs=1e-12)


@given(st.integers(2, 12), st.integers(0, 2**32))
def test_the_whole_pool_is_its_mean(rows: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = alcore.power(rng.random(rows) + 0.05, k=rows, rng=rng)
    losses = rng.normal(size=rows)
    np.testing.assert_array_equal(alcore.lure_weights(batch.q, rows, support=batch.support), 1)
    assert alcore.lure(losses, batch.q, rows, support=batch.support) == (pytest.approx(losses.mean()), 0.0)
    assert alcore.pure(losses, batch.q, rows, support=batch.support).standard_error > 0


@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 2**32))
def test_weights_are_above_zero(picks: int, more: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    batch = alcore.softmax(rng.normal(scale=3, size=picks + more), k=picks, rng=rng)
    for weights in WEIGHTS.values():
        assert (weights(batch.q, picks + more, support=batch.support) > 0).all()


@each_estimator
def test_the_error_of_one_pick_is_infinite(name: str) -> None:
    assert ESTIMATORS[name]([2.0], [0.25], 8) == (pytest.approx(1.0), math.inf)
    assert ESTIMATORS[name]([2.0], [1.0], 1) == (2.0, 0.0)


@each_estimator
def test_any_numbers_in_any_layout_are_taken_and_left_alone(name: str) -> None:
    losses, q, support = np.array([0.5, 2.0, 0.25]), np.array([0.125, 0.25, 0.5]), np.array([9, 8, 7])
    expected = ESTIMATORS[name](losses, q, 9, support=support)
    for kept in (losses, q, support):
        kept.flags.writeable = False
    wide = np.zeros(6)
    wide[::-2] = losses
    for form in (list, tuple, np.float32, np.float16, lambda values: np.asarray(values, ">f8"), lambda values: values):
        assert ESTIMATORS[name](form(losses), form(q), np.int32(9), support=support.tolist()) == expected
    assert ESTIMATORS[name](wide[::-2], q, 9, support=support.astype(np.uint8)) == expected
    assert (losses.tolist(), q.tolist(), support.tolist()) == ([0.5, 2.0, 0.25], [0.125, 0.25, 0.5], [9, 8, 7])
    wrong = np.array([True, False, True])
    for form in (list, lambda values: values):
        assert ESTIMATORS[name](form(wrong), q, 9) == ESTIMATORS[name](wrong.astype(float), q, 9)
    assert ESTIMATORS[name]([1, 0, 3], q, 9).value == ESTIMATORS[name]([1.0, 0.0, 3.0], q, 9).value


@pytest.mark.parametrize("size", [1e-200, 1.0, 1e200])
def test_losses_of_any_size_keep_their_errors(size: float) -> None:
    for estimator in ESTIMATORS.values():
        expected = estimator([0.5, 2.0, 1.0], [0.2, 0.3, 0.4], 9)
        found = estimator(np.array([0.5, 2.0, 1.0]) * size, [0.2, 0.3, 0.4], 9)
        assert found == pytest.approx((expected.value * size, expected.standard_error * size), rel=1e-12)
