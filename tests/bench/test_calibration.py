"""Calibration: bins and scores by hand, what chance makes of good probabilities, and the temperature that mends others."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.bench import calibration, temperature, tempered
from alcore.bench.calibration import BINS
from alcore.bench.labels import labelled
from alcore.bench.temperature_scaling import temper

RNG = np.random.default_rng(3)


def drawn(rows: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, 4) and labels that follow them, or follow their powers."""
    probs = RNG.dirichlet(np.full(4, 0.6), size=rows)
    truth = probs**power / (probs**power).sum(axis=1, keepdims=True)
    return probs, (truth.cumsum(axis=1) < RNG.random((rows, 1))).sum(axis=1).clip(0, 3)


def test_scores_by_hand() -> None:
    probs, labels = drawn(400)
    found = calibration(probs, labels)
    right = probs[np.arange(400), labels]
    assert found.rows == 400
    assert found.log_likelihood == pytest.approx(np.log(right).mean())
    assert found.brier == pytest.approx(((probs - np.eye(4)[labels]) ** 2).sum(axis=1).mean())
    assert found.accuracy == pytest.approx((probs.argmax(axis=1) == labels).mean())
    places = np.minimum(np.floor(probs.max(axis=1) * BINS), BINS - 1)
    error = 0.0
    for place in range(BINS):
        inside = places == place
        assert found.counts[place] == inside.sum()
        if not inside.any():
            assert np.isnan(found.confidence[place])
            continue
        accurate, sure = (probs.argmax(axis=1) == labels)[inside].mean(), probs.max(axis=1)[inside].mean()
        assert found.accuracy_of[place] == pytest.approx(accurate)
        assert found.confidence[place] == pytest.approx(sure)
        error += inside.mean() * abs(accurate - sure)
    assert found.error == pytest.approx(error)


@pytest.mark.parametrize("rows", [200, 5_000])
def test_good_probabilities_do_not_mislead_and_others_do(rows: int) -> None:
    assert not calibration(*drawn(rows)).misleads
    over, under = calibration(*drawn(5_000, power=0.3)), calibration(*drawn(5_000, power=3.0))
    assert over.misleads
    assert over.overconfident
    assert under.misleads
    assert not under.overconfident


@pytest.mark.parametrize("power", [0.4, 1.0, 2.5])
def test_a_temperature_finds_the_power_that_labels_follow(power: float) -> None:
    probs, labels = drawn(6_000, power)
    assert temperature(probs[..., None], labels) == pytest.approx(1 / power, rel=0.1)


def test_tempering_draws() -> None:
    probs = RNG.dirichlet(np.ones(3), size=(50, 6)).transpose(0, 2, 1)
    for dtype in (np.float16, np.float32, np.float64):
        own = tempered(probs.astype(dtype), 2.0)
        assert own.dtype == dtype
        expected = np.sqrt(probs) / np.sqrt(probs).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(own, expected, atol=2e-3 if dtype == np.float16 else 1e-6)
    np.testing.assert_allclose(tempered(probs, 1.0), probs, atol=1e-12)
    assert np.isfinite(tempered(np.array([[[1.0], [0.0]]], np.float32), 0.05)).all()


def test_draws_are_tempered_then_averaged() -> None:
    probs = RNG.dirichlet(np.full(4, 0.4), size=(3_000, 5)).transpose(0, 2, 1)
    truth = tempered(probs, 2.0).mean(axis=-1)
    labels = (truth.cumsum(axis=1) < RNG.random((3_000, 1))).sum(axis=1).clip(0, 3)
    assert temperature(probs, labels) == pytest.approx(2.0, rel=0.15)
    test = labelled(probs[:1_000], labels[:1_000])
    found = temper(labelled(probs[1_000:], labels[1_000:]), test, None, np.random.default_rng(0))
    assert found.temperature == pytest.approx(2.0, rel=0.15)
    assert found.before.misleads
    assert found.after.error < found.before.error
    assert found.after.log_likelihood > found.before.log_likelihood
    alone = temper(None, test, None, np.random.default_rng(0))
    assert alone.after is alone.temperature is None


def test_labels_of_one_class_are_judged() -> None:
    probs = RNG.dirichlet(np.full(4, 0.6), size=500)
    found = calibration(probs, np.full(500, 2))
    right = probs[:, 2]
    assert found.accuracy == pytest.approx((probs.argmax(axis=1) == 2).mean())
    assert found.log_likelihood == pytest.approx(np.log(right).mean())
    assert found.brier == pytest.approx(((probs - np.eye(4)[2]) ** 2).sum(axis=1).mean())
    bins = np.minimum(np.floor(probs.max(axis=1) * BINS), BINS - 1)
    gaps = [abs(((probs.argmax(axis=1) == 2) - probs.max(axis=1))[bins == place].sum()) for place in range(BINS)]
    assert found.error == pytest.approx(sum(gaps) / 500)
    assert found.misleads
    assert found.overconfident


@pytest.mark.parametrize("draws", [1, 5])
def test_a_temperature_does_not_depend_on_which_class_is_which(draws: int) -> None:
    """Classes are swapped row by row until all labels are of one class: each row is as likely as before."""
    probs = RNG.dirichlet(np.full(4, 0.5), size=(300, draws)).transpose(0, 2, 1)
    labels = RNG.integers(4, size=300)
    swapped, rows = probs.copy(), np.arange(300)
    swapped[rows, 0], swapped[rows, labels] = probs[rows, labels], probs[rows, 0]
    found = temperature(swapped, np.zeros(300, np.int64))
    assert 0.05 < found < 20
    assert found == pytest.approx(temperature(probs, labels), rel=1e-6)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("classes", [1, 3])
def test_the_temperature_of_rows_that_are_all_right_is_the_coldest(classes: int, dtype: type) -> None:
    labels = np.arange(40) % classes
    probs = np.full((40, 3, 6), 0.15, dtype)
    probs[np.arange(40), labels] = 0.7
    assert temperature(probs, labels) == 0.05
    own = labelled(probs, labels)
    found = temper(own, own, None, np.random.default_rng(0))
    assert found.after is found.temperature is None
    wrong = np.where(np.arange(40) % 4 == 0, 2, labels)
    assert temper(labelled(probs, wrong), own, None, np.random.default_rng(0)).temperature > 0.05


def test_refusals() -> None:
    with pytest.raises(ValueError, match="mean over draws"):
        calibration(np.ones((3, 2, 4)) / 2, [0, 1, 0])
    with pytest.raises(ValueError, match=r"predicted\[1\]"):
        calibration([[0.5, 0.5], [0.5, 0.9]], [0, 1])
    with pytest.raises(ValueError, match="from 0 to 1"):
        calibration([[0.5, 0.5], [0.5, 0.5]], [0, 2])
    for wrong in (0, -1, np.inf):
        with pytest.raises(ValueError, match="temperature"):
            tempered(np.full((1, 2, 1), 0.5), wrong)
