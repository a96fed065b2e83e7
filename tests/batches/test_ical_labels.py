"""Labels that ICAL draws follow the probabilities and the weights of the draws."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.drawn_labels import draw_labels
from alcore.door import Reading
from tests.batches.ical_oracle import POOL
from tests.cases import dirichlet
from tests.conftest import soak


def labels_of(source: Any, seed: int = 0, **options: Any) -> np.ndarray:
    """(N, T) the labels that ICAL draws."""
    pool = draw_labels(
        source, Reading(options.pop("kind", "probs"), options.pop("weights", None)), np.random.default_rng(seed)
    )
    return pool.labels_nt


def test_labels_follow_the_probabilities() -> None:
    probs = np.repeat(dirichlet(1, 5, 40, seed=3), 100, axis=0)
    labels = labels_of(probs)
    shares = np.eye(5)[labels].mean(axis=(0, 1))
    expected = probs[0].mean(axis=1)
    assert (np.abs(shares - expected) < 5 * np.sqrt(expected / 4000)).all()
    assert len({row.tobytes() for row in labels}) == 100
    noise = labels - labels.mean(axis=0)
    for first, second in ((noise[:-1], noise[1:]), (noise[:, :-1], noise[:, 1:])):
        assert abs(np.corrcoef(first.ravel(), second.ravel())[0, 1]) < 0.06


@pytest.mark.interpreted
def test_what_has_no_probability_is_never_drawn() -> None:
    probs = np.zeros((50, 4, 20))
    probs[:, 2] = 1
    probs[25:, 1, ::2], probs[25:, 2, ::2] = 1, 0
    labels = labels_of(probs)
    assert (labels[:25] == 2).all()
    assert (labels[25:] == np.where(np.arange(20) % 2, 2, 1)).all()


@pytest.mark.interpreted
@pytest.mark.parametrize(("classes", "dtype"), [(2, np.uint8), (256, np.uint8), (257, np.uint16)])
def test_labels_take_the_smallest_integers(classes: int, dtype: type) -> None:
    labels = labels_of(dirichlet(3, classes, 2))
    assert labels.dtype == dtype
    assert labels.max() < classes


@pytest.mark.interpreted
def test_weights_resample_the_draws() -> None:
    counts = np.array([3, 0, 1, 0, 0, 2])
    repeated = np.repeat(POOL, counts, axis=-1)
    np.testing.assert_array_equal(labels_of(POOL, weights=counts), labels_of(repeated))
    for labels in ("drawn", "expected"):
        weighted = alcore.ical(POOL, 9, weights=counts, labels=labels, rng=1)
        expected = alcore.ical(repeated, 9, labels=labels, rng=1)
        np.testing.assert_array_equal(weighted.indices, expected.indices)
        np.testing.assert_array_equal(weighted.scores, expected.scores)


def test_weights_equal_repeated_draws_in_distribution() -> None:
    """Draw t names class t, so labels tell which draws were taken."""
    opposed = np.eye(4)[None]
    weights, taken, runs = np.array([0.1, 0.55, 0.05, 0.3]), np.zeros(4), soak(400, 10_000)
    for seed in range(runs):
        counts = np.bincount(labels_of(opposed, seed, weights=weights)[0], minlength=4)
        assert (np.abs(counts - 4 * weights) < 1).all()
        taken += counts
    np.testing.assert_allclose(taken / (4 * runs), weights, atol=0.03)
    assert (labels_of(opposed, weights=[0, 0, 1, 0]) == 2).all()
