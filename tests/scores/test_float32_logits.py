"""Measures of float32 logits, which need no probabilities in between, against float64 ones of the same numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import alcore

MEASURES: list[Callable[..., Any]] = [
    alcore.entropy,
    alcore.expected_entropy,
    alcore.bald,
    alcore.margin,
    alcore.least_confidence,
    alcore.variation_ratio,
    alcore.vote_entropy,
    alcore.mean_std,
    alcore.pairwise_kl,
]
SHAPES = [(300, 10, 20), (40, 10, 100), (3, 1000, 7), (400, 2, 33), (60, 3, 1)]
POOLS: dict[str, Callable[[np.random.Generator, tuple[int, ...]], npt.NDArray[np.float64]]] = {
    "a trained network": lambda rng, shape: 4 * rng.normal(size=(*shape[:2], 1)) + rng.normal(size=shape),
    "sure": lambda rng, shape: 12 * rng.normal(size=(*shape[:2], 1)) + rng.normal(size=shape),
    "draws that agree": lambda rng, shape: 3 * rng.normal(size=(*shape[:2], 1)) + 1e-3 * rng.normal(size=shape),
    "up to 100": lambda rng, shape: rng.uniform(-100, 100, size=shape),
    "huge offsets": lambda rng, shape: rng.normal(size=shape) + 2.0**14 * rng.integers(-4, 5, (shape[0], 1, shape[2])),
    "classes ruled out": lambda rng, shape: np.where(
        (rng.random(shape) < 0.3) & (np.arange(shape[1])[:, None] > 0), -np.inf, rng.normal(size=shape)
    ),
}


def _allowed(expected: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """What is promised of probabilities: relative 1e-3 above 1e-4, absolute 1e-7 below."""
    return np.where(expected > 1e-4, 1e-3 * expected, 1e-7)


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
@pytest.mark.parametrize("pool", POOLS)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_they_are_as_right_as_of_probabilities(
    measure: Callable[..., Any], pool: str, shape: tuple[int, int, int]
) -> None:
    logits = POOLS[pool](np.random.default_rng(0), shape).astype(np.float32)
    floor = {"floor": 1e-6} if measure is alcore.pairwise_kl else {}  # else a class at zero makes it infinite
    expected = measure(logits.astype(np.float64), kind="logits", **floor)
    found = measure(logits, kind="logits", **floor)
    assert (np.abs(found - expected) <= _allowed(expected)).all()
    assert (found >= 0).all()


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_equal_draws_disagree_by_nothing_and_no_offset_changes_that(measure: Callable[..., Any]) -> None:
    logits = np.repeat(np.random.default_rng(0).normal(size=(50, 10, 1)), 20, axis=2).astype(np.float32)
    shifted = logits + np.float32(2.0) ** np.arange(20, dtype=np.float32)  # rounds the logits themselves
    if measure in (alcore.bald, alcore.mean_std, alcore.pairwise_kl, alcore.variation_ratio, alcore.vote_entropy):
        assert (measure(logits, kind="logits") == 0).all()
    found, expected = (measure(shifted.astype(dtype), kind="logits") for dtype in (np.float32, np.float64))
    assert (np.abs(found - expected) <= _allowed(expected)).all()


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_distribution_is_refused_as_in_float64(measure: Callable[..., Any], value: float) -> None:
    logits = np.random.default_rng(0).normal(size=(6, 4, 3))
    logits[4, :, 1] = value
    said = []
    for dtype in (np.float32, np.float64):
        with pytest.raises(ValueError, match="row 4|\\[4") as refusal:
            measure(logits.astype(dtype), kind="logits")
        said.append(str(refusal.value))
    assert said[0] == said[1]


@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
@pytest.mark.parametrize("draws", [7, 20, 100])
def test_a_score_depends_on_its_row_alone(measure: Callable[..., Any], draws: int) -> None:
    logits = np.random.default_rng(0).normal(scale=9, size=(257, 10, draws)).astype(np.float32)
    whole = measure(logits, kind="logits")
    one_by_one = np.concatenate([measure(logits[[row]], kind="logits") for row in range(0, 257, 16)])
    np.testing.assert_array_equal(whole[::16], one_by_one)
    in_blocks = measure((logits[row : row + 50] for row in range(0, 257, 50)), kind="logits")
    np.testing.assert_array_equal(whole, in_blocks)


def test_a_million_draws_add_up() -> None:
    logits = (np.random.default_rng(0).normal(size=(1, 3, 1_000_000)) + 0.3).astype(np.float32)
    for measure in MEASURES:
        exact = measure(logits.astype(np.float64), kind="logits")
        np.testing.assert_allclose(measure(logits, kind="logits"), exact, rtol=1e-3)


@pytest.mark.interpreted
@pytest.mark.parametrize("measure", MEASURES, ids=lambda measure: measure.__name__)
def test_a_small_pool(measure: Callable[..., Any]) -> None:
    logits = np.array([[[5.0, 1.0], [2.0, -np.inf], [0.0, 1.0]], [[90.0, -90.0], [80.0, -99.0], [89.5, -90.5]]])
    expected = measure(logits, kind="logits")
    np.testing.assert_allclose(measure(logits.astype(np.float32), kind="logits"), expected, rtol=1e-5, atol=1e-7)
    weights = [0.25, 0.75]
    np.testing.assert_allclose(
        measure(logits.astype(np.float32), kind="logits", weights=weights),
        measure(logits, kind="logits", weights=weights),
        rtol=1e-5,
        atol=1e-7,
    )
