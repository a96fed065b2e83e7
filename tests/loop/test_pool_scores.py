"""A recording heuristic chooses as the one that it wraps, and keeps the pool's scores where that one scores rows."""

from __future__ import annotations

import numpy as np
import pytest

import alcore
from alcore.heuristics.subsets import without_rows
from alcore.loop.pool_scores import RecordingHeuristic
from tests.cases import dirichlet
from tests.loop.runs import HEURISTICS

PROBS = dirichlet(40, 3, 6)
SCORING = {name: HEURISTICS[name] for name in ("bald", "power", "sum")}
JOINT = {name: HEURISTICS[name] for name in ("random", "batchbald", "ical")}


@pytest.mark.parametrize("name", HEURISTICS)
def test_the_choice_is_that_of_the_heuristic(name: str) -> None:
    batch = RecordingHeuristic(HEURISTICS[name], {}).select(PROBS, 5, rng=0)
    expected = HEURISTICS[name].select(PROBS, 5, rng=0)
    np.testing.assert_array_equal(batch.indices, expected.indices)
    np.testing.assert_array_equal(batch.q, expected.q)


@pytest.mark.parametrize("name", SCORING)
def test_mean_and_largest_score_of_the_pool_are_kept(name: str) -> None:
    recording = RecordingHeuristic(SCORING[name], {})
    recording.select(PROBS, 5, rng=0)
    scores = SCORING[name].score(PROBS)
    assert recording.pool_scores == {"mean_score": scores.mean(), "max_score": scores.max()}
    np.testing.assert_array_equal(recording.score(PROBS), scores)


@pytest.mark.parametrize("name", JOINT)
def test_heuristics_that_score_no_rows_leave_nothing(name: str) -> None:
    recording = RecordingHeuristic(JOINT[name], {})
    recording.select(PROBS, 5, rng=0)
    assert recording.pool_scores == {}


def test_rows_that_are_left_out_are_left_out_of_the_scores_it_holds() -> None:
    scores = np.arange(10.0)
    recording = RecordingHeuristic(alcore.Precomputed(scores), {})
    fewer = without_rows(recording, np.array([0, 9]))
    assert fewer.select(None, 1).indices.tolist() == [7]  # of the eight rows that stay, the one that scores 8
    assert recording.pool_scores == {"mean_score": 4.5, "max_score": 8.0}
