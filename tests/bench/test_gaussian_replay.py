"""Replay by a Gaussian posterior: each step of it by hand, how far it looks, what it fits, and labels that tell."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
import alcore.bench
from alcore.bench import labelled, labelled_means, replay
from alcore.bench.gaussian import fit

RNG = np.random.default_rng(7)
CENTRES = RNG.normal(size=(140, 3, 1)) + 0.3 * RNG.normal(size=(140, 3, 40))
LOGITS = CENTRES - np.log(np.exp(CENTRES).sum(axis=1, keepdims=True))
PROBS = np.exp(LOGITS)
A_TRUE = RNG.normal(size=40)
MEAN = LOGITS.mean(axis=-1)
TRUE = (MEAN + 4 * ((LOGITS - MEAN[..., None]) @ A_TRUE) / np.sqrt(40)).argmax(axis=1)  # s = 4
POOL, TEST = labelled(PROBS[:90], TRUE[:90]), labelled(PROBS[90:], TRUE[90:])
HEURISTICS = {"bald": alcore.BALD(), "entropy": alcore.Entropy(), "random": alcore.Random()}


def test_each_step_by_hand() -> None:
    found = replay({"bald": alcore.BALD()}, POOL, TEST, size=5, steps=15, seeds=[3], scale=2.0)
    curve = found.curves["bald"]
    assert curve.labels.tolist() == [0, 5, 10, 15]
    assert (found.posterior, found.scale, found.fitted, found.horizon) == ("gaussian", 2.0, 0, 15)
    rows = np.random.default_rng([3, 0]).permutation(90)[9:]
    posterior = alcore.Posterior({"pool": LOGITS[rows], "test": LOGITS[90:]}, kind="logits", scale=2.0)
    left = np.arange(len(rows))
    for place, step in enumerate(curve.labels.tolist()):
        drawn = np.asarray(posterior.draws("test", 200, rng=np.random.default_rng([3, 3, step])))
        predicted = drawn.mean(axis=-1)
        metrics = {name: values[0, place] for name, values in curve.metrics.items()}
        assert metrics["accuracy"] == pytest.approx((predicted.argmax(axis=1) == TRUE[90:]).mean())
        assert metrics["log-likelihood"] == pytest.approx(np.log(predicted[np.arange(50), TRUE[90:]]).mean(), abs=1e-5)
        assert metrics["effective dimension"] == pytest.approx(posterior.effective_dimension, abs=1e-6)
        pool = np.asarray(posterior.draws("pool", 100, rng=np.random.default_rng([3, 2, step])))
        bought = left[alcore.BALD().select(pool[left], 5).indices]
        posterior.learn(bought, TRUE[:90][rows][bought])
        left = np.setdiff1d(left, bought)


def test_labels_teach_and_curves_go_far_beyond_those_of_reweighted_draws() -> None:
    sure = np.exp(4 * LOGITS) / np.exp(4 * LOGITS).sum(axis=1, keepdims=True)
    pool, test = labelled(sure[:90], TRUE[:90]), labelled(sure[90:], TRUE[90:])
    found = replay(HEURISTICS, pool, test, size=5, steps=40, seeds=4)
    exact = replay(HEURISTICS, pool, test, size=5, steps=40, seeds=4, posterior="reweighted")
    assert found.horizon >= 20 > 10 > exact.horizon
    assert exact.scale is None
    accuracy = found.curves["entropy"].metrics["accuracy"].mean(axis=0)
    assert accuracy[-1] > accuracy[0] + 0.05


def test_the_scale_is_fitted_on_labels_that_no_run_buys() -> None:
    found = replay(HEURISTICS, POOL, TEST, size=5, steps=5, seeds=2)
    weights = np.full(40, 1 / 40)
    how = fit(POOL, weights, None)
    assert found.fitted == how.rows == 18
    assert len(how.pool.labels) == 72
    assert found.scale == pytest.approx(how.scale)
    chosen = np.random.default_rng(0).permutation(90)[:18]
    np.testing.assert_array_equal(how.pool.labels, np.delete(TRUE[:90], chosen))
    again = alcore.Posterior(PROBS[:90])
    assert again.fit_scale(chosen, TRUE[chosen]) == pytest.approx(how.scale, rel=1e-3)
    assert fit(labelled(PROBS[:4], TRUE[:4]), weights, None).rows == 0


def test_a_run_ends_when_the_labels_have_decided_the_directions() -> None:
    few = labelled(PROBS[:90, :, :4], TRUE[:90]), labelled(PROBS[90:, :, :4], TRUE[90:])
    found = replay(HEURISTICS, *few, size=2, steps=60, seeds=3, scale=20.0)
    assert found.exhausted
    for name, curve in found.curves.items():
        assert (curve.metrics["effective dimension"] <= 0.9 * 3).all()
        assert curve.labels[-1] < found.ended[name].min()
    assert not replay(HEURISTICS, POOL, TEST, size=5, steps=5, seeds=2).exhausted


@pytest.mark.parametrize("size", [1, 4])
def test_a_run_is_the_same_whatever_runs_beside_it_and_however_many_threads(size: int) -> None:
    options = {"size": size, "steps": 8, "seeds": 3}
    alone, together = (replay(one, POOL, TEST, **options) for one in ({"entropy": alcore.Entropy()}, HEURISTICS))
    threads = alcore.get_threads()
    alcore.set_threads(1)
    try:
        single = replay(HEURISTICS, POOL, TEST, **options)
    finally:
        alcore.set_threads(threads)
    for other in (together, single):
        for metric, values in alone.curves["entropy"].metrics.items():
            np.testing.assert_allclose(values, other.curves["entropy"].metrics[metric], atol=1e-6)


def test_targets_are_updated_as_the_same_networks() -> None:
    """A target that equals a row of the pool is drawn as that row, so EPIG of it is its own information."""
    asked = {"epig": alcore.EPIG(PROBS[90:100]), "sum": alcore.BALD() + alcore.EPIG(PROBS[90:100])}
    found = replay(asked, POOL, TEST, size=5, steps=10, seeds=2, scale=2.0)
    rows = np.random.default_rng([0, 0]).permutation(90)[9:]
    posterior = alcore.Posterior(
        {"pool": LOGITS[rows], "targets": LOGITS[90:100], "test": LOGITS[90:]}, kind="logits", scale=2.0
    )
    pool, targets = (
        np.asarray(posterior.draws(part, 100, rng=np.random.default_rng([0, 2, 0]))) for part in ("pool", "targets")
    )
    bought = alcore.EPIG(targets).select(pool, 5).indices
    posterior.learn(bought, TRUE[:90][rows][bought])
    predicted = np.asarray(posterior.draws("test", 200, rng=np.random.default_rng([0, 3, 5]))).mean(axis=-1)
    assert found.curves["epig"].metrics["accuracy"][0, 1] == pytest.approx(
        (predicted.argmax(axis=1) == TRUE[90:]).mean()
    )
    assert found.curves["sum"].labels.tolist() == [0, 5, 10]


def test_a_stored_zero_does_not_rule_out_the_true_label() -> None:
    votes = np.eye(3)[RNG.integers(3, size=(40, 12))].transpose(0, 2, 1).astype(np.float16)
    pool = labelled(votes, RNG.integers(3, size=40))
    found = replay({"random": alcore.Random()}, pool, pool, size=2, steps=8, seeds=3)
    assert np.isfinite(found.curves["random"].metrics["log-likelihood"]).all()


def test_numbers_are_replayed_by_closed_form_regression() -> None:
    means = RNG.normal(size=(80, 30))
    labels = means[:, 4] + 0.1 * RNG.normal(size=80)
    pool, test = labelled_means(means[:50], labels[:50], 0.01), labelled_means(means[50:], labels[50:], 0.01)
    found = replay({"bald": alcore.BALD(), "log-det": alcore.LogDet()}, pool, test, size=3, steps=12, seeds=3)
    error = found.curves["log-det"].metrics["RMSE"].mean(axis=0)
    assert error[-1] < 0.95 * error[0]
    noise = labelled_means(means[:50], labels[:50], np.full((50, 30), 0.01))
    targets = alcore.EPIG(means[50:60], target_variance=np.full((10, 30), 0.01))
    assert replay({"epig": targets}, noise, test, size=3, steps=6, seeds=2).horizon == 6


def test_weights_of_draws_are_lengths_of_directions() -> None:
    weights = np.r_[np.zeros(10), np.ones(30)]
    cut = labelled(PROBS[:90, :, 10:], TRUE[:90]), labelled(PROBS[90:, :, 10:], TRUE[90:])
    first = replay({"random": alcore.Random()}, POOL, TEST, size=5, steps=10, seeds=2, weights=weights)
    second = replay({"random": alcore.Random()}, *cut, size=5, steps=10, seeds=2)
    assert first.scale == pytest.approx(second.scale, rel=1e-3)
    for metric in ("effective dimension", "log-likelihood"):
        np.testing.assert_allclose(
            first.curves["random"].metrics[metric], second.curves["random"].metrics[metric], atol=0.12
        )


def test_what_is_refused() -> None:
    with pytest.raises(ValueError, match="posterior: expected 'gaussian' or 'reweighted', got 'exact'"):
        replay(HEURISTICS, POOL, TEST, posterior="exact")
    with pytest.raises(ValueError, match="Leave scale out"):
        replay(HEURISTICS, POOL, TEST, posterior="reweighted", scale=2.0)
    with pytest.raises(ValueError, match="scale: expected a number above 0"):
        replay(HEURISTICS, POOL, TEST, scale=-1)
    with pytest.raises(ValueError, match="posterior: expected"):
        alcore.bench.compare(PROBS, posterior="exact")
