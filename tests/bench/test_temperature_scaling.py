"""Temperature scaling: the temperature that labels ask for, and predictions tempered with it."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.bench import temperature, tempered
from alcore.bench.labels import labelled
from alcore.bench.temperature_scaling import temper
from tests.bench.labelled_predictions import labels_of, probs_and_labels


@pytest.mark.parametrize("power", [0.4, 1.0, 2.5])
def test_a_temperature_finds_the_power_that_labels_follow(power: float) -> None:
    probs, labels = probs_and_labels(6_000, power)
    assert temperature(probs[..., None], labels) == pytest.approx(1 / power, rel=0.1)


def test_tempering_draws() -> None:
    probs = np.random.default_rng(4).dirichlet(np.ones(3), size=(50, 6)).transpose(0, 2, 1)
    for dtype in (np.float16, np.float32, np.float64):
        half_as_sure = tempered(probs.astype(dtype), 2.0)
        assert half_as_sure.dtype == dtype
        expected = np.sqrt(probs) / np.sqrt(probs).sum(axis=1, keepdims=True)
        np.testing.assert_allclose(half_as_sure, expected, atol=2e-3 if dtype == np.float16 else 1e-6)
    np.testing.assert_allclose(tempered(probs, 1.0), probs, atol=1e-12)
    assert np.isfinite(tempered(np.array([[[1.0], [0.0]]], np.float32), 0.05)).all()


def test_draws_are_tempered_then_averaged() -> None:
    rng = np.random.default_rng(1)
    probs = rng.dirichlet(np.full(4, 0.4), size=(3_000, 5)).transpose(0, 2, 1)
    labels = labels_of(tempered(probs, 3.0).mean(axis=-1), rng)
    assert temperature(probs, labels) == pytest.approx(3.0, rel=0.15)
    test = labelled(probs[:1_500], labels[:1_500])
    found = temper(labelled(probs[1_500:], labels[1_500:]), test, None, np.random.default_rng(0))
    assert found.temperature == pytest.approx(3.0, rel=0.15)
    assert found.before.misleads
    assert found.after.error < found.before.error
    assert found.after.log_likelihood > found.before.log_likelihood
    alone = temper(None, test, None, np.random.default_rng(0))
    assert alone.after is alone.temperature is None


@pytest.mark.parametrize("draws", [1, 5])
def test_a_temperature_does_not_depend_on_which_class_is_which(draws: int) -> None:
    """Classes are swapped row by row until all labels are of one class: each row is as likely as before."""
    rng = np.random.default_rng(6)
    probs = rng.dirichlet(np.full(4, 0.5), size=(300, draws)).transpose(0, 2, 1)
    labels = rng.integers(4, size=300)
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
    rows = labelled(probs, labels)
    found = temper(rows, rows, None, np.random.default_rng(0))
    assert found.after is found.temperature is None
    wrong = np.where(np.arange(40) % 4 == 0, 2, labels)
    assert temper(labelled(probs, wrong), rows, None, np.random.default_rng(0)).temperature > 0.05


@pytest.mark.parametrize("wrong", [0, -1, np.inf])
def test_what_is_no_temperature_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="temperature"):
        tempered(np.full((1, 2, 1), 0.5), wrong)
