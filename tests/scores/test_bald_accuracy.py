"""BALD keeps its relative accuracy however small it is, in float32 and float64."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from tests.cases import CASES, Case, dirichlet, each_measure, near_certain, oracle_scores

BALD_CASE = next(case for case in CASES if case.name == "bald")


@pytest.mark.parametrize("spread", [1e-6, 1e-4, 1e-3, 3e-3, 1e-2, 3e-2, 0.1, 1.0])
def test_bald_of_float32_has_relative_accuracy(spread: float) -> None:
    probs = near_certain(12, 6, 40, spread=spread, seed=11).astype(np.float32)
    exact, scores = oracle_scores(BALD_CASE, probs), alcore.bald(probs)
    assert (scores >= 0).all()
    error = np.abs(scores - exact)
    assert (error <= np.where(exact >= 1e-4, 1e-3 * exact, 1e-7)).all()


@pytest.mark.interpreted
@pytest.mark.parametrize("spread", [1e-5, 1e-3, 1e-2, 0.1, 1.0, 5.0])
def test_bald_of_float64_has_relative_accuracy(spread: float) -> None:
    probs = near_certain(12, 6, 20, spread=spread, seed=12)
    exact = oracle_scores(BALD_CASE, probs)
    error = np.abs(alcore.bald(probs) - exact)
    assert (error[exact >= 1e-6] <= 1e-12 * exact[exact >= 1e-6]).all()
    assert (error[exact < 1e-6] <= 1e-18).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("classes", "draws"), [(2, 100), (10, 7), (100, 33)])
def test_identical_draws_carry_no_information(dtype: type, classes: int, draws: int) -> None:
    one = dirichlet(20, classes, 1, seed=13).astype(dtype)
    scores = alcore.bald(np.repeat(one, draws, axis=-1))
    assert (scores >= 0).all()
    assert (scores <= 1e-7).all()


def test_bald_of_many_classes_and_draws_in_float32_agrees_with_float64() -> None:
    probs = dirichlet(2, 300, 64, seed=14).astype(np.float32)
    np.testing.assert_allclose(alcore.bald(probs), alcore.bald(probs.astype(float)), rtol=2e-5)


@pytest.mark.interpreted
def test_the_smallest_numbers_keep_their_accuracy() -> None:
    for dtype in (np.float32, np.float64):
        least = np.finfo(dtype).smallest_subnormal
        row = np.array([[[least, 0.5], [1.0, 0.5]]], dtype)
        for case in CASES:
            if case.name != "pairwise-kl":
                np.testing.assert_allclose(case.function(row), oracle_scores(case, row), rtol=1e-6, err_msg=case.name)
        pairwise = next(case for case in CASES if case.name == "pairwise-kl")
        np.testing.assert_allclose(alcore.pairwise_kl(row), oracle_scores(pairwise, row), rtol=1e-13)


@each_measure
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_draws_that_agree_leave_no_rounding_residue(case: Case, dtype: type) -> None:
    for draws in (1, 2, 3, 6, 7, 10, 49, 100, 300):
        certain = np.zeros((1, 3, draws), dtype)
        certain[:, 1] = 1
        weights = np.random.default_rng(draws).random(draws) + 0.1
        assert case.function(certain)[0] == 0
        assert case.function(certain, weights=weights)[0] == 0
        if case.name in ("bald", "mean-std", "pairwise-kl", "variation-ratio", "vote-entropy"):
            alike = np.repeat(dirichlet(5, 3, 1, seed=draws).astype(dtype), draws, axis=-1)
            assert not case.function(alike).any()
            assert not case.function(alike, weights=weights).any()


@pytest.mark.interpreted
def test_a_draw_of_weight_0_does_not_count_as_disagreement() -> None:
    probs = np.repeat(dirichlet(1, 3, 1), 5, axis=-1)
    probs[:, :, [0, 3]] = dirichlet(1, 3, 2, seed=5)
    for case in CASES:
        if case.name in ("bald", "mean-std", "pairwise-kl"):
            assert case.function(probs, weights=[0, 1, 2, 0, 1])[0] == 0


@pytest.mark.parametrize(("classes", "draws", "spread"), [(1000, 1000, 0.046), (10, 1000, 0.05), (4, 200_000, 0.06)])
def test_bald_of_float32_is_accurate_where_one_formula_takes_over_from_the_other(
    classes: int, draws: int, spread: float
) -> None:
    probs = near_certain(8, classes, draws, spread=spread, seed=3).astype(np.float32)
    exact = alcore.bald(probs.astype(np.float64))
    assert (np.abs(alcore.bald(probs) - exact) <= 1e-3 * exact).all()
