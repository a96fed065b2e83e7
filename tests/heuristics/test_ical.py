"""ICAL as an object: it selects as the function, has no score of a row and does not combine."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches.ical_oracle import POOL, each_kind_of_labels, each_rule
from tests.heuristics.combinations import each_combination


@each_rule
@each_kind_of_labels
def test_the_object_selects_as_the_function(labels: str, pointwise: bool) -> None:
    options = {"pointwise": pointwise, "labels": labels, "references": 7, "comparisons": 4}
    object_ = alcore.ICAL(**options)
    found, expected = (
        object_.select(POOL, 5, rng=1, weights=[1, 2, 1, 1, 3, 1]),
        alcore.ical(POOL, 5, rng=1, weights=[1, 2, 1, 1, 3, 1], **options),
    )
    np.testing.assert_array_equal(found.indices, expected.indices)
    assert object_.name == ("ical-pointwise" if pointwise else "ical")
    named = alcore.heuristic(object_.name, labels=labels, references=7, comparisons=4)
    assert named == object_
    assert eval(repr(object_), vars(alcore)) == object_


@each_combination
def test_it_does_not_combine_and_says_why(combine: Any) -> None:
    with pytest.raises(
        TypeError, match="ical: expected a row-wise heuristic .*chooses its batch jointly.*row scores to add"
    ):
        combine(alcore.ICAL())


def test_it_has_no_scores_and_takes_no_mask() -> None:
    with pytest.raises(TypeError, match=r"ical: has no score .*select\(predictions, k\)"):
        alcore.ICAL().score(POOL)
    with pytest.raises(ValueError, match="mask: ical compares rows"):
        alcore.ICAL().select(POOL, 2, mask=np.zeros((30, 1), bool))


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"references": 0}, ValueError),
        ({"labels": "p"}, ValueError),
        ({"pointwise": 1}, TypeError),
        ({"comparisons": 0.5}, TypeError),
    ],
)
def test_options_are_checked_when_the_object_is_made(options: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error, match=f"{next(iter(options))}: expected"):
        alcore.ICAL(**options)
