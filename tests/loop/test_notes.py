"""What a step leaves behind is the same after a way through the ledger: infinity, NaN, classes of any format."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.loop.notes import as_note, as_past
from alcore.stopping import Past
from tests.loop.runs import make

counts = st.integers(0, 10**9)
optional_numbers = st.none() | st.floats(allow_nan=False)
pasts = st.builds(
    Past,
    step=counts,
    labelled=counts,
    bought=counts,
    size=counts,
    metrics=st.dictionaries(st.text(), st.floats(), max_size=3),
    mean_score=optional_numbers,
    max_score=optional_numbers,
    information=optional_numbers,
    predicted=st.none() | st.lists(st.integers(0, 2**31 - 1), min_size=1).map(np.array),
)


@given(pasts)
def test_any_step_comes_back_from_its_note(past: Past) -> None:
    text = json.dumps(as_note(past), allow_nan=False)
    found = as_past(json.loads(text))
    assert repr(replace(found, predicted=None)) == repr(replace(past, predicted=None))  # repr: NaN equals NaN
    assert (found.predicted is None) == (past.predicted is None)
    if found.predicted is not None and past.predicted is not None:
        assert found.predicted.dtype == past.predicted.dtype
        np.testing.assert_array_equal(found.predicted, past.predicted)


def test_the_ledger_gives_back_what_a_step_left_behind() -> None:
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
