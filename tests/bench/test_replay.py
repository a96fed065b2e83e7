"""Replay: Bayes' rule on saved draws, against exact inference; where it ends; what it may compare. `test_gaussian_replay` has the
other posterior."""

from __future__ import annotations

import sys
from functools import partial

import numpy as np
import pytest

import alcore
import alcore.bench
from alcore.bench import labelled
from alcore.bench.replay import METRICS

replay = partial(alcore.bench.replay, posterior="reweighted", size=1, steps=30)
RNG = np.random.default_rng(20261123)
PROBS = RNG.dirichlet(np.ones(3), size=(90, 24)).transpose(0, 2, 1)
TRUE = np.array([RNG.choice(3, p=row) for row in PROBS[..., 5]])  # one of the draws is right
POOL, TEST = labelled(PROBS[:60], TRUE[:60]), labelled(PROBS[60:], TRUE[60:])
HEURISTICS = {"bald": alcore.BALD(), "entropy": alcore.Entropy(), "random": alcore.Random()}


def beta_bernoulli(theta: np.ndarray, weights: np.ndarray | None, seed: int) -> tuple[float, int, int]:
    """Log-likelihood of one test row of each class after all labels of a seed's pool; how many there were, and of class 1."""
    labels = (np.arange(12) % 3 == 0).astype(np.int64)
    cell = np.stack([1 - theta, theta])
    pool, test = labelled(np.repeat(cell[None], 12, axis=0), labels), labelled(np.repeat(cell[None], 2, axis=0), [0, 1])
    found = replay({"random": alcore.Random()}, pool, test, steps=12, seeds=[seed], weights=weights)
    curve = found.curves["random"]
    rows = np.random.default_rng([seed, 0]).permutation(12)[1:]
    assert curve.labels[-1] == len(rows) == found.ended["random"][0]
    return float(curve.metrics["log-likelihood"][0, -1]), len(rows), int(labels[rows].sum())


@pytest.mark.parametrize("seed", range(4))
def test_the_posterior_is_that_of_exact_inference_on_a_grid(seed: int) -> None:
    theta = (np.arange(1_000) + 0.5) / 1_000
    found, count, ones = beta_bernoulli(theta, theta**1.0 * (1 - theta) ** 2.0, seed)  # Beta(2, 3)
    mean = (2 + ones) / (5 + count)
    assert found == pytest.approx((np.log(mean) + np.log(1 - mean)) / 2, abs=1e-5)


@pytest.mark.parametrize("seed", range(4))
def test_the_posterior_of_draws_is_within_their_monte_carlo_error(seed: int) -> None:
    theta = np.random.default_rng(seed).beta(2, 3, size=4_000)
    found, count, ones = beta_bernoulli(theta, None, seed)
    weights = theta**ones * (1 - theta) ** (count - ones)
    weights /= weights.sum()
    mean = (2 + ones) / (5 + count)
    error = np.sqrt((weights**2 * (theta - mean) ** 2).sum())  # of the self-normalised estimate of the mean
    slope, bend = abs(1 / mean - 1 / (1 - mean)) / 2, (1 / mean**2 + 1 / (1 - mean) ** 2) / 2
    assert abs(found - (np.log(mean) + np.log(1 - mean)) / 2) <= 3 * slope * error + bend * (3 * error) ** 2 / 2 + 1e-6


@pytest.mark.parametrize(
    "heuristic",
    [
        alcore.BALD(),
        alcore.Entropy(),
        alcore.MeanStd(),
        alcore.BatchBALD(),
        alcore.TwoBALD(),
        alcore.EPIG(PROBS[60:70]),
    ],
)
@pytest.mark.parametrize("size", [1, 4])
def test_weights_of_draws_equal_repeated_draws(heuristic: alcore.Heuristic, size: int) -> None:
    counts = np.tile([1, 3, 0, 2], 6)
    options = {"size": size, "steps": 8, "seeds": 3}
    weighted = replay({"": heuristic}, POOL, TEST, weights=counts, **options).curves[""]
    if isinstance(heuristic, alcore.EPIG):
        heuristic = alcore.EPIG(np.repeat(PROBS[60:70], counts, axis=-1))
    pool, test = (labelled(np.repeat(part.probs, counts, axis=-1), part.labels) for part in (POOL, TEST))
    repeated = replay({"": heuristic}, pool, test, **options).curves[""]
    common = min(len(weighted.labels), len(repeated.labels))
    assert common >= 3
    for metric in METRICS:
        np.testing.assert_allclose(
            weighted.metrics[metric][:, :common],
            repeated.metrics[metric][:, :common],
            rtol=0,
            atol=1e-5,
            err_msg=metric,
        )


def test_the_first_labels_by_hand() -> None:
    """One label at a time, every step of it computed again in plain NumPy."""
    found = replay({"bald": alcore.BALD()}, POOL, TEST, steps=6, seeds=[3])
    rows = np.random.default_rng([3, 0]).permutation(60)[6:].tolist()
    weights = np.full(24, 1 / 24)
    for step in range(len(found.curves["bald"].labels)):
        predicted = PROBS[60:] @ weights
        right = predicted[np.arange(30), TRUE[60:]]
        metrics = {name: values[0, step] for name, values in found.curves["bald"].metrics.items()}
        assert metrics["log-likelihood"] == pytest.approx(np.log(right).mean(), abs=1e-5)
        assert metrics["accuracy"] == pytest.approx((predicted.argmax(axis=1) == TRUE[60:]).mean())
        brier = ((predicted - np.eye(3)[TRUE[60:]]) ** 2).sum(axis=1).mean()
        assert metrics["Brier score"] == pytest.approx(brier, abs=1e-5)
        assert metrics["effective draws"] == pytest.approx(1 / (weights**2).sum(), rel=1e-4)
        scores = alcore.bald(PROBS[rows], weights=weights)
        row = rows.pop(int(scores.argmax()))
        weights = weights * PROBS[row, TRUE[row]]
        weights /= weights.sum()


def test_runs_end_where_draws_are_exhausted_and_curves_with_them() -> None:
    found = replay(HEURISTICS, POOL, TEST, steps=50, seeds=6)
    assert found.exhausted
    for name, curve in found.curves.items():
        assert (curve.metrics["effective draws"] >= 2).all()
        assert curve.labels[0] == 0
        assert (np.diff(curve.labels) == 1).all()
        assert curve.labels[-1] <= found.ended[name].min()
    assert found.horizon == min(int(curve.labels[-1]) for curve in found.curves.values())
    assert not replay(HEURISTICS, POOL, TEST, steps=2, seeds=3).exhausted


@pytest.mark.parametrize("size", [1, 3, 7])
def test_a_run_is_the_same_whatever_runs_beside_it(size: int) -> None:
    options = {"size": size, "steps": 9, "seeds": 4}
    alone, together = (replay(one, POOL, TEST, **options) for one in ({"entropy": alcore.Entropy()}, HEURISTICS))
    first, second = alone.curves["entropy"], together.curves["entropy"]
    for metric in first.metrics:
        np.testing.assert_array_equal(first.metrics[metric], second.metrics[metric])


def test_inputs_are_not_written_to() -> None:
    before = [array.copy() for array in (POOL.probs, POOL.labels, TEST.probs, TEST.labels)]
    replay(HEURISTICS, POOL, TEST, steps=9, seeds=2)
    for array, copy in zip((POOL.probs, POOL.labels, TEST.probs, TEST.labels), before, strict=True):
        np.testing.assert_array_equal(array, copy)


def test_a_stored_zero_does_not_rule_out_the_true_label() -> None:
    probs = np.full((4, 2, 3), 0.5, np.float16)
    probs[:2, :, 0] = [1, 0]  # draw 0 says what is not so
    pool = labelled(probs, [1, 1, 0, 1])
    found = replay({"random": alcore.Random()}, pool, pool, steps=1, seeds=8)
    assert np.isfinite(found.curves["random"].metrics["log-likelihood"]).all()
    assert pool.tiny == np.finfo(np.float16).smallest_subnormal


def test_labels_like_random_by_hand() -> None:
    """Curves that are straight lines: twice as steep takes half the labels."""
    labels = np.arange(11)
    steep, flat = np.tile(labels * 2.0, (5, 1)), np.tile(labels * 1.0, (5, 1))
    curves = {
        name: alcore.Curves(labels, {"log-likelihood": values}, np.arange(5))
        for name, values in (("steep", steep), ("random", flat), ("still", flat * 0))
    }
    found = alcore.bench.Replay(1, 10, curves, {})
    shares = found.labels_like()
    assert shares["steep"] == (10, 0.5, 0.5, 0.5)
    assert shares["still"] == (10, np.inf, np.inf, np.inf)
    assert "random" not in shares
    assert np.isnan(found.labels_like("still")["steep"].share)
    assert found.labels_like("nobody") == {} == found.gains_over("nobody")
    assert found.gains_over()["steep"] == (10, 10.0, 10.0, 10.0)


def test_scores_of_rows_made_before_are_left_out() -> None:
    asked = {"mine": alcore.Power(alcore.Precomputed(np.arange(60.0))), **HEURISTICS}
    found = replay(asked, POOL, TEST, steps=2, seeds=2)
    assert list(found.left_out) == ["mine"]
    assert set(found.curves) == set(HEURISTICS)
    with pytest.raises(ValueError, match="at least one"):
        replay({"mine": asked["mine"]}, POOL, TEST)


def test_improbable_draws_are_left_out_and_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sharp = np.full((40, 2, 30), 0.5)
    sharp[:, 0, 10:] = 1e-9
    sharp[:, 1, 10:] = 1 - 1e-9
    sharp[:, 0, :10] = np.random.default_rng(0).uniform(0.3, 0.7, size=(40, 10))
    sharp[:, 1, :10] = 1 - sharp[:, 0, :10]
    pool = labelled(sharp, [0] * 39 + [1])
    asked = {"bald": alcore.BALD(), "epig": alcore.Power(alcore.EPIG(sharp[:5])), "batchbald": alcore.BatchBALD()}
    quick = replay(asked, pool, pool, size=2, steps=8, seeds=3)
    monkeypatch.setattr(sys.modules["alcore.bench.reweighted"], "NEGLIGIBLE", -1.0)
    slow = replay(asked, pool, pool, size=2, steps=8, seeds=3)
    for name in asked:
        np.testing.assert_array_equal(quick.curves[name].labels, slow.curves[name].labels)
        for metric in METRICS:
            np.testing.assert_allclose(quick.curves[name].metrics[metric], slow.curves[name].metrics[metric], atol=1e-5)


def test_a_test_set_of_one_class_is_judged_by_hand() -> None:
    one_class = labelled(PROBS[60:], np.full(30, 2))
    found = replay({"random": alcore.Random()}, POOL, one_class, steps=3, seeds=2).curves["random"].metrics
    predicted = PROBS[60:].mean(axis=-1)
    assert found["log-likelihood"][:, 0] == pytest.approx(np.log(predicted[:, 2]).mean(), abs=1e-6)
    assert found["accuracy"][:, 0] == pytest.approx((predicted.argmax(axis=1) == 2).mean())
    assert found["Brier score"][:, 0] == pytest.approx(((predicted - np.eye(3)[2]) ** 2).sum(axis=1).mean(), abs=1e-6)
    assert all(np.isfinite(values).all() for values in found.values())


def test_refusals() -> None:
    with pytest.raises(ValueError, match="effective draws before any label"):
        replay(HEURISTICS, POOL, TEST, weights=[1] + [0] * 23)
    with pytest.raises(ValueError, match="size"):
        replay(HEURISTICS, POOL, TEST, size=0)
    with pytest.raises(ValueError, match="seeds"):
        replay(HEURISTICS, POOL, TEST, seeds=0)
    with pytest.raises(TypeError, match="'bald'"):
        replay({"bald": "bald"}, POOL, TEST)
    one_class = labelled(PROBS, np.ones(90, int))
    with pytest.raises(
        ValueError,
        match=r"pool.labels: expected several classes, but all 90 labels are class 1, so there is nothing to learn",
    ):
        replay(HEURISTICS, one_class, TEST)
