"""Calibration: bins and scores by hand, what chance makes of good probabilities, and the temperature that mends others."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.bench import calibration, tempered
from alcore.bench.calibration import BINS

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
