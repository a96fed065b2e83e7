"""Measures equal the values that papers and public implementations gave."""

from __future__ import annotations

import numpy as np
import pytest

import alcore


def test_agrees_with_public_implementations(peers: dict[str, np.ndarray]) -> None:
    pool = peers["pool"]
    np.testing.assert_allclose(alcore.bald(pool), peers["baal_bald"], atol=2e-7)
    np.testing.assert_allclose(alcore.entropy(pool), peers["baal_entropy"], atol=2e-7)
    np.testing.assert_allclose(alcore.margin(pool), 1 - peers["baal_margin"], atol=1e-12)
    np.testing.assert_allclose(alcore.least_confidence(pool), 1 - peers["baal_certainty"], atol=1e-12)
    np.testing.assert_allclose(alcore.entropy(pool), peers["redux_entropy"], atol=1e-12)
    np.testing.assert_allclose(alcore.expected_entropy(pool), peers["redux_conditional_entropy"], atol=1e-12)
    difference = peers["redux_entropy"] - peers["redux_conditional_entropy"]
    np.testing.assert_allclose(alcore.bald(pool), difference, atol=1e-12)


def test_mean_std_is_the_root_of_the_variance_over_draws(peers: dict[str, np.ndarray]) -> None:
    expected = np.sqrt(peers["baal_variance_nc"]).mean(axis=1)
    np.testing.assert_allclose(alcore.mean_std(peers["pool"]), expected, atol=1e-9)


def line(start: list[float], stop: list[float], draws: int = 20) -> np.ndarray:
    return np.linspace(start, stop, draws).T[None]


@pytest.mark.parametrize(
    ("start", "stop"),
    [
        ([0.7, 0.1, 0.1, 0.1], [0.3, 0.3, 0.2, 0.2]),
        ([0.1, 0.7, 0.1, 0.1], [0.2, 0.3, 0.3, 0.2]),
        ([0.1, 0.1, 0.7, 0.1], [0.2, 0.2, 0.3, 0.3]),
        ([0.1, 0.1, 0.1, 0.7], [0.3, 0.2, 0.2, 0.3]),
    ],
)
def test_bald_of_lines_equals_the_published_value(start: list[float], stop: list[float]) -> None:
    np.testing.assert_allclose(alcore.bald(line(start, stop)), 0.030715639666234695, rtol=1e-13)


def test_bald_equals_the_published_divergence_to_the_consensus() -> None:
    probs = np.array([[[0.3, 0.2], [0.7, 0.8]], [[0.4, 0.5], [0.6, 0.5]]])
    np.testing.assert_allclose(alcore.bald(probs), [0.00670178182226764, 0.005059389928987596], rtol=1e-13)


def test_entropy_equals_the_published_values() -> None:
    probs = np.array([[[0.2], [0.5], [0.3]], [[0.1], [0.7], [0.2]]])
    np.testing.assert_allclose(alcore.entropy(probs), [1.029653014, 0.8018185525], atol=1e-9)
