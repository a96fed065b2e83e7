"""A step refuses what is no count, number or class, and keeps plain numbers of its own."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from tests.stopping.histories import INF, NAN, one_step


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"bought": -1}, ValueError, "bought: expected at least 0, got -1"),
        ({"size": True}, TypeError, "size: expected a whole number, got True"),
        ({"step": 1.0}, TypeError, "step: expected a whole number, got 1.0"),
        ({"metrics": [0.3]}, TypeError, "metrics: expected a mapping of names to numbers, got list"),
        ({"metrics": {3: 0.3}}, TypeError, "metrics: expected names as strings, got 3"),
        ({"metrics": {"m": "0.3"}}, TypeError, r"metrics\['m'\]: expected a number, got '0.3'"),
        ({"metrics": {"m": True}}, TypeError, r"metrics\['m'\]: expected a number, got True"),
        ({"mean_score": NAN}, ValueError, "mean_score: expected a number, or None where there is none, got nan"),
        ({"max_score": "high"}, TypeError, "max_score: expected a number"),
        ({"information": [0.3, 0.4]}, TypeError, "information: expected a number"),
        ({"predicted": [0.3, 0.7]}, TypeError, "predicted: expected classes as whole numbers, got float64"),
        ({"predicted": [True]}, TypeError, "predicted: expected classes as whole numbers, got bool"),
        ({"predicted": 3}, ValueError, r"predicted: expected shape \(N, ...\) with at least one class, got \(\)"),
        ({"predicted": []}, ValueError, r"predicted: expected shape .* got \(0,\)"),
        ({"predicted": np.ma.array([1, 2])}, TypeError, "predicted: expected a plain array of classes, got a masked"),
    ],
)
def test_invalid_steps_are_refused(changes: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        one_step(**changes)


def test_a_step_holds_plain_numbers_and_leaves_the_callers_own_writable() -> None:
    metrics, classes = {"m": np.float32(0.5), "loss": NAN}, np.array([1, 2], np.uint8)
    step = one_step(bought=np.int64(7), metrics=metrics, mean_score=np.float64(0.25), max_score=INF, predicted=classes)
    assert [type(value) for value in (step.bought, step.metrics["m"], step.mean_score)] == [int, float, float]
    metrics["m"], classes[0] = np.float32(0.9), 3
    assert step.metrics["m"] == 0.5
    assert step.predicted is not None
    assert not step.predicted.flags.writeable
    assert pickle.loads(pickle.dumps(step)).metrics["m"] == 0.5
