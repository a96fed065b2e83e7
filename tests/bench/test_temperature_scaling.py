"""Temperature scaling: the temperature that labels ask for, and predictions tempered with it."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.bench import temperature, tempered
from alcore.bench.labels import labelled
from alcore.bench.temperature_scaling import temper

RNG = np.random.default_rng(3)


def drawn(rows: int, power: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, 4) and labels that follow them, or follow their powers."""
    probs = RNG.dirichlet(np.full(4, 0.6), size=rows)
    truth = probs**power / (probs**power).sum(axis=1, keepdims=True)
    return probs, (truth.cumsum(axis=1) < RNG.random((rows, 1))).sum(axis=1).clip(0, 3)


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
