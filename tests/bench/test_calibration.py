"""Calibration: bins and scores by hand, and what chance makes of good probabilities."""

from __future__ import annotations

import numpy as np
import pytest

from alcore.bench import calibration
from alcore.bench.calibration import BINS
from tests.bench.labelled_predictions import probs_and_labels
from tests.conftest import soak


def test_scores_by_hand() -> None:
    probs, labels = probs_and_labels(400)
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
def test_good_probabilities_do_not_mislead(rows: int) -> None:
    assert not calibration(*probs_and_labels(rows)).misleads


@pytest.mark.parametrize("power", [0.3, 3.0])
def test_others_mislead_to_the_side_that_is_named(power: float) -> None:
    found = calibration(*probs_and_labels(soak(1_000, 5_000), power))
    assert found.misleads
    assert found.overconfident == (power < 1)


def test_labels_of_one_class_are_judged() -> None:
    probs, _ = probs_and_labels(500)
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
