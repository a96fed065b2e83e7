"""What ICAL refuses, and batches at the ends of their sizes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches.ical_oracle import POOL, each_kind_of_labels, each_rule


@each_rule
@each_kind_of_labels
def test_batches_have_at_least_no_row_and_at_most_all(labels: str, pointwise: bool) -> None:
    options = {"labels": labels, "pointwise": pointwise, "references": 5, "comparisons": 3, "rng": 0}
    assert len(alcore.ical(np.empty((0, 3, 2)), 3, **options)) == 0
    assert len(alcore.ical(POOL, 0, **options)) == 0
    one = alcore.ical(POOL[6:7], 4, **options)
    assert one.indices.tolist() == [0]
    assert sorted(alcore.ical(POOL, 99, **options).indices.tolist()) == list(range(30))
    assert alcore.ical(POOL, np.int64(2), **options).indices.dtype == np.int64


@each_rule
@each_kind_of_labels
@pytest.mark.parametrize("case", ["one draw", "all certain"])
def test_where_nothing_depends_the_lowest_rows_are_taken(labels: str, pointwise: bool, case: str) -> None:
    probs = POOL[:, :, :1] if case == "one draw" else np.repeat(POOL[:1], 9, axis=0)
    batch = alcore.ical(probs, 4, labels=labels, pointwise=pointwise, references=5, comparisons=3, rng=0)
    assert batch.indices.tolist() == [0, 1, 2, 3]
    assert batch.scores.tolist() == [0, 0, 0, 0]


@each_kind_of_labels
def test_inputs_are_not_written_to(labels: str) -> None:
    probs = POOL.copy()
    probs.flags.writeable = False
    alcore.ical(probs, 3, labels=labels, pointwise=True, references=5, weights=np.arange(1, 7), rng=0)
    np.testing.assert_array_equal(probs, POOL)


@each_kind_of_labels
@pytest.mark.parametrize("value", [np.nan, np.inf, -0.1, 0.5])
def test_invalid_rows_are_named(labels: str, value: float) -> None:
    bad = POOL.copy()
    bad[13, 2, 4] = value
    for source in (bad, [bad[:8], bad[8:]]):
        with pytest.raises(ValueError, match=r"probs\[13, "):
            alcore.ical(source, 2, labels=labels, rng=0)


@each_kind_of_labels
@pytest.mark.parametrize(
    ("probs", "options", "error", "text"),
    [
        (POOL, {"k": -1}, ValueError, "k: expected at least 0"),
        (POOL, {"k": 1.5}, TypeError, "k: expected a whole number"),
        (POOL, {"references": 0}, ValueError, "references: expected at least 1, got 0"),
        (POOL, {"comparisons": True}, TypeError, "comparisons: expected a whole number"),
        (POOL, {"pointwise": "no"}, TypeError, "pointwise: expected True or False, got 'no'"),
        (POOL, {"rng": "0"}, TypeError, "rng: expected None"),
        (POOL, {"kind": "p"}, ValueError, "kind: expected one of 'probs', 'logits'"),
        (POOL, {"weights": [1, 2]}, ValueError, r"weights: expected shape \(6,\)"),
        (POOL[:, :1], {}, ValueError, "at least 2 classes"),
        (POOL[:, :, 0], {}, ValueError, r"axes='NC'"),
        (POOL.reshape(5, 4, 6, 6), {}, ValueError, r"probs: expected shape \(N, C, T\), got \(N, 4, 6, 6\)"),
        (POOL.astype(int), {}, TypeError, "probs: expected float16"),
        (np.ma.masked_array(POOL), {}, TypeError, "without a mask"),
        ([], {}, ValueError, "at least one block"),
    ],
)
def test_arguments_that_do_not_fit_are_refused(
    labels: str, probs: Any, options: dict[str, Any], error: type[Exception], text: str
) -> None:
    with pytest.raises(error, match=text):
        alcore.ical(probs, **({"k": 2, "labels": labels} | options))


def test_expected_labels_of_a_generator_are_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match="read again.*labels='drawn' needs one.*list of blocks"):
        alcore.ical(iter([POOL]), 2, labels="expected")
    with pytest.raises(ValueError, match="labels: expected 'drawn' or 'expected', got 'mean'"):
        alcore.ical(POOL, 2, labels="mean")


class Shrinking(list):  # type: ignore[type-arg]
    """A list whose blocks are gone after some passes."""

    def __init__(self, passes: int) -> None:
        self.passes = passes

    def __iter__(self) -> Any:
        self.passes -= 1
        return iter([POOL if self.passes >= 0 else POOL[:3]])


@pytest.mark.parametrize("passes", [2, 3])
def test_a_source_that_changes_between_passes_is_refused(passes: int) -> None:
    with pytest.raises(ValueError, match="probs: expected .* rows, as the pass before has"):
        alcore.ical(Shrinking(passes), 2, labels="expected", rng=0)
    assert len(alcore.ical(Shrinking(4), 2, labels="expected", rng=0)) == 2
