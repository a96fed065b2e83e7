"""Unbiased risk over simulated runs on digits: unbiased, with errors that are the spread."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest

import alcore
from tests.conftest import soak
from tests.risk.every_estimator import ESTIMATORS, each_estimator

RUNS, ROWS = soak(1000, 20_000), 300


class Digits(NamedTuple):
    scores: np.ndarray  # (N,) what is expected of each loss by models that saw other labels
    losses: np.ndarray  # (N,)


@cache
def digits() -> Digits:
    """The log losses of a logistic regression on 300 digits, and what five others expect of them."""
    from sklearn.datasets import load_digits
    from sklearn.linear_model import LogisticRegression

    images, labels = load_digits(return_X_y=True)
    order = np.random.default_rng(0).permutation(len(images))
    pool, rest = order[:ROWS], order[ROWS:]

    def predict(train: np.ndarray) -> np.ndarray:
        return LogisticRegression(max_iter=2000).fit(images[train] / 16, labels[train]).predict_proba(images[pool] / 16)

    predicted = predict(rest[:100])
    draws = np.stack([predict(rest[100 + 100 * t :][:100]) for t in range(5)], axis=-1)
    return Digits(alcore.expected_loss(draws, predicted), -np.log(predicted[np.arange(ROWS), labels[pool]]))


@cache
def simulate(picks: int) -> dict[str, np.ndarray]:
    """Estimates and their errors of many runs, (runs, 2), and the plain means of the same picks, (runs,)."""
    scores, losses = digits()
    rng = np.random.default_rng(picks)
    batches = [alcore.power(scores, k=picks, rng=rng) for _ in range(RUNS)]
    found = {
        name: np.array([one(losses[b.indices], b.q, ROWS, support=b.support) for b in batches])
        for name, one in ESTIMATORS.items()
    }
    return {**found, "plain": np.array([losses[b.indices].mean() for b in batches])}


def spreads_off(values: np.ndarray) -> float:
    """How far the mean of the runs is from that of the pool, in standard deviations of a run."""
    return float((values.mean() - digits().losses.mean()) / values.std(ddof=1))


def test_the_scores_go_with_the_losses() -> None:
    assert np.corrcoef(digits().scores, digits().losses)[0, 1] > 0.3


@each_estimator
@pytest.mark.parametrize("picks", [30, 100])
def test_simulated_estimates_are_unbiased_and_their_plain_mean_is_not(name: str, picks: int) -> None:
    assert abs(spreads_off(simulate(picks)[name][:, 0])) <= 3 / math.sqrt(RUNS)
    assert spreads_off(simulate(picks)["plain"]) > 1.118  # 50 standard errors of 2000 runs


@each_estimator
@pytest.mark.parametrize("picks", [30, 100])
def test_the_errors_reported_are_the_spread(name: str, picks: int) -> None:
    values, errors = simulate(picks)[name].T
    assert errors.mean() == pytest.approx(values.std(ddof=1), rel=0.15)
    covered = np.abs(values - digits().losses.mean()) <= 2 * errors
    assert 0.9 <= covered.mean() <= 0.98


def test_picks_of_large_losses_tell_more_than_uniform_ones() -> None:
    losses = digits().losses
    uniform = math.sqrt(losses.var(ddof=1) / 30 * (1 - 30 / ROWS))
    assert simulate(30)["lure"][:, 0].std() < 0.8 * uniform


def test_lure_spreads_less_than_pure_when_much_of_the_pool_is_picked() -> None:
    assert simulate(100)["lure"][:, 0].std() < simulate(100)["pure"][:, 0].std()


def test_two_batches_one_after_the_other_are_unbiased() -> None:
    scores, losses = digits().scores[:40], digits().losses[:40]
    rng, values = np.random.default_rng(5), []
    for _ in range(RUNS):
        first = alcore.softrank(scores, k=6, rng=rng)
        left = np.setdiff1d(np.arange(40), first.indices)
        second = alcore.power(scores[left], k=9, rng=rng)
        rows = np.concatenate([first.indices, left[second.indices]])
        q, support = np.concatenate([first.q, second.q]), np.concatenate([first.support, second.support])
        values.append(alcore.lure(losses[rows], q, 40, support=support).value)
    assert abs(np.mean(values) - losses.mean()) <= 3 * np.std(values) / math.sqrt(RUNS)
