"""What a step leaves behind is the same after a way through the ledger: infinity, NaN, classes of any format."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from tests.loop.runs import make


def test_what_was_noted_comes_back() -> None:
    """Infinite scores, metrics that diverged, classes that were predicted."""
    loop = make(
        heuristic=alcore.PairwiseKL(),
        predict=lambda model, ids: np.stack([model[ids] > 0, model[ids] <= 0], axis=1).astype(float),
        metrics=lambda model: {"a": float("nan"), "b": float("-inf"), "c": 0.1 + 0.2},
        predicted=lambda model: (model.mean(axis=1) > 0).astype(np.int16),
    )
    step = next(iter(loop))
    (past,) = loop.history
    assert past.max_score == np.inf
    assert np.isnan(past.metrics["a"])
    assert past.metrics["b"] == -np.inf
    assert past.metrics["c"] == 0.1 + 0.2
    assert past.predicted is not None
    assert past.predicted.dtype == np.int16
    np.testing.assert_array_equal(past.predicted, (step.model.mean(axis=1) > 0).astype(np.int16))


@pytest.mark.parametrize("kind", [">i4", "<u2", "i8"])
def test_classes_come_back_in_any_byte_order(kind: str) -> None:
    loop = make(predicted=lambda model: np.arange(300).astype(kind)[::-1])
    loop.run()
    assert all((past.predicted == np.arange(300)[::-1]).all() for past in loop.history)
