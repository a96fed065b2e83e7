"""Pairwise KL where draws rule classes out, and its floor."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet

pytestmark = pytest.mark.interpreted


def test_pairwise_kl_is_infinite_where_one_draw_rules_out_what_another_allows() -> None:
    opposed = np.array([[[1.0, 0.0], [0.0, 1.0]], [[0.7, 0.7], [0.3, 0.3]]])
    np.testing.assert_array_equal(alcore.pairwise_kl(opposed), [np.inf, 0.0])


def test_pairwise_kl_ignores_a_class_that_every_draw_rules_out() -> None:
    probs = np.array([[[0.7, 0.2], [0.3, 0.8], [0.0, 0.0]]])
    np.testing.assert_allclose(alcore.pairwise_kl(probs), alcore.pairwise_kl(probs[:, :2]), rtol=1e-14)


def test_pairwise_kl_ignores_a_draw_of_weight_0() -> None:
    probs = np.array([[[0.7, 0.2, 1.0], [0.3, 0.8, 0.0]]])
    assert np.isfinite(alcore.pairwise_kl(probs, weights=[1, 2, 0]))


def test_pairwise_kl_of_a_class_that_is_next_to_impossible_is_that_of_the_others() -> None:
    probs = np.array([[[0.7, 0.2], [0.3, 0.8], [1e-300, 2e-300]]])
    np.testing.assert_allclose(alcore.pairwise_kl(probs), alcore.pairwise_kl(probs[:, :2]), rtol=1e-14)


def test_floor_raises_small_probabilities() -> None:
    probs = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    floored = np.maximum(probs[0], 1e-3)
    expected = 0.25 * sum(np.sum(p * np.log(p / q)) for p in floored.T for q in floored.T)
    np.testing.assert_allclose(alcore.pairwise_kl(probs, floor=1e-3), expected, rtol=1e-12)


@pytest.mark.parametrize("floor", [-0.1, 1.0, np.nan, np.inf])
def test_floor_out_of_range_is_refused(floor: float) -> None:
    with pytest.raises(ValueError, match="floor: expected a smallest probability, at least 0 and under 1"):
        alcore.pairwise_kl(dirichlet(1, 2, 2), floor=floor)
