"""What the estimators of risk refuse."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

import alcore
from tests.cases import dirichlet
from tests.risk.every_estimator import ESTIMATORS, call, each_estimator, each_function


@each_function
@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.1, math.nan, math.inf, 1e-310])
def test_what_is_no_probability_of_a_pick_is_refused(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=r"q: expected probabilities above 0 and at most 1, but q\[1\] is"):
        call(name, [0.5, wrong, 0.5], 9)


@each_function
def test_sizes_that_do_not_fit_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"q: expected shape \(M,\), the probability of each pick, at least one"):
        call(name, [], 9)
    with pytest.raises(ValueError, match=r"q: expected shape \(M,\).*got \(1, 2\)"):
        call(name, [[0.5, 0.5]], 9)
    with pytest.raises(ValueError, match="pool_size: expected at least 3, one row a pick, got 2. It counts"):
        call(name, [0.5, 0.3, 0.5], 2)
    with pytest.raises(TypeError, match="pool_size: expected a whole number"):
        call(name, [0.5], 9.0)
    with pytest.raises(ValueError, match=r"support: expected shape \(2,\), one number a pick as q has, got \(3,\)"):
        call(name, [0.5, 0.3], 9, [9, 8, 7])
    for support in ([9.0, 8.0], np.ma.masked_array([9, 8]), ["9", "8"]):
        with pytest.raises(TypeError, match=r"support: expected whole numbers, got .*Pass batch.support"):
            call(name, [0.5, 0.3], 9, support)
    with pytest.raises(TypeError, match="support: expected whole numbers, got list"):
        call(name, [0.5, 0.3], 9, [[9], [9, 8]])
    with pytest.raises(TypeError, match="q: expected an array of numbers"):
        call(name, ["a"], 9)


@each_function
@pytest.mark.parametrize(
    "choose",
    [
        lambda preds: alcore.BALD().select(preds, k=5),
        lambda preds: alcore.power([1.0, *[0.0] * 19], k=5, rng=0),
    ],
    ids=["top", "one score above 0"],
)
def test_picks_that_were_certain_are_refused(name: str, choose: Callable[[np.ndarray], alcore.Batch]) -> None:
    batch = choose(dirichlet(20, 3, 8))
    for support in (batch.support, None):
        with pytest.raises(
            ValueError, match=r"q: pick 0 was certain \(q = 1\) while 20 rows were left.*draw picks with Power"
        ):
            call(name, batch.q, 20, support)


@each_function
def test_rows_that_had_no_chance_are_refused(name: str) -> None:
    batch = alcore.power([0.5, 0.0, 0.25, 1.0, 0.0], k=2, rng=0)
    with pytest.raises(ValueError, match="support: pick 0 was drawn from 3 of the 5 rows left.*add a small constant"):
        call(name, batch.q, 5, batch.support)
    call(name, *(lambda b: (b.q, 5, b.support))(alcore.power(np.array([0.5, 0.0, 0.25, 1.0, 0.0]) + 0.01, k=2, rng=0)))
    ranked = alcore.softmax(np.zeros(50), k=4, rng=0)  # a part of a pool of 80
    with pytest.raises(ValueError, match="drawn from 50 of the 80 rows left.*from all rows that pool_size counts"):
        call(name, ranked.q, 80, ranked.support)


@each_function
def test_a_pool_size_that_picks_contradict_is_refused(name: str) -> None:
    batch = alcore.softmax(np.zeros(50), k=4, rng=0)
    with pytest.raises(
        ValueError, match="pool_size: .*pick 0 was drawn from 50 rows while this number leaves 10.*not of those picked"
    ):
        call(name, batch.q, 10, batch.support)
    with pytest.raises(ValueError, match="pool_size: .*this number leaves one row for the last pick, whose q is 0.02"):
        call(name, batch.q, len(batch))


@each_estimator
def test_what_are_no_losses_is_refused(name: str) -> None:
    q = [0.3, 0.3]
    with pytest.raises(
        ValueError, match=r"losses: expected shape \(2,\), one loss a pick in the order of q, got \(3,\)"
    ):
        ESTIMATORS[name]([1.0, 2.0, 3.0], q, 9)
    for wrong in (math.nan, math.inf, -math.inf):
        with pytest.raises(ValueError, match=r"losses: expected finite numbers, but losses\[1\] is .*clip"):
            ESTIMATORS[name]([1.0, wrong], q, 9)
    for nothing in (["a", "b"], [None, 1.0], np.ma.masked_array([1.0, 2.0]), np.ma.masked_array([True, False])):
        with pytest.raises(TypeError, match="losses: expected an array"):
            ESTIMATORS[name](nothing, q, 9)
    with pytest.raises(ValueError, match="overflows. Scale the losses down"):
        ESTIMATORS[name]([1e308, 1e308], [1e-5, 1e-5], 9)


@pytest.mark.parametrize("above", [np.nextafter(1.0, 2), float(np.nextafter(np.float32(1), np.float32(2)))])
@pytest.mark.parametrize("estimate", [alcore.lure, alcore.pure], ids=["lure", "pure"])
def test_a_certain_last_pick_may_exceed_1_by_rounding(estimate: Callable[..., alcore.Estimate], above: float) -> None:
    assert estimate([1.0, 0.0], [0.5, above], 2) == estimate([1.0, 0.0], [0.5, 1.0], 2)


def test_a_probability_above_1_is_shown_with_all_its_digits() -> None:
    with pytest.raises(ValueError, match=r"at most 1, but q\[1\] is 1\.00001\."):
        alcore.lure_weights([0.5, 1.00001], 2)
