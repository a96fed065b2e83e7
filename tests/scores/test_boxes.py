"""Boxes of several draws are matched as the rule says, found here in another way."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore

pytestmark = pytest.mark.interpreted


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union, by counting unit squares."""

    def squares(box: np.ndarray) -> set[tuple[int, int]]:
        x1, y1, x2, y2 = map(int, box)
        return {(x, y) for x in range(x1, x2) for y in range(y1, y2)}

    union = squares(one) | squares(other)
    return len(squares(one) & squares(other)) / len(union) if union else 0.0


def matched(boxes: list[np.ndarray], iou: float) -> list[list[int]]:
    """The rule, word by word: the best pair of all that are left, again and again."""
    founders: list[np.ndarray] = []
    rows: list[list[int]] = []
    for t, draw in enumerate(boxes):
        for row in rows:
            row.append(-1)
        known, free = list(range(len(rows))), list(range(len(draw)))
        while pairs := [(overlap(founders[j], draw[b]), -j, -b) for j in known for b in free]:
            share, j, b = max(pairs)
            if share < iou:
                break
            rows[-j][t] = -b
            known.remove(-j)
            free.remove(-b)
        for b in free:
            founders.append(draw[b])
            rows.append([-1] * t + [b])
    return rows


BOX = st.tuples(st.integers(0, 4), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)).map(
    lambda box: (box[0], box[1], box[0] + box[2], box[1] + box[3])
)
DRAWS = st.lists(st.lists(BOX, max_size=5).map(lambda rows: np.array(rows, float).reshape(-1, 4)), max_size=5)


@given(boxes=DRAWS, iou=st.sampled_from([0.05, 0.25, 0.5, 1.0]))
def test_equals_the_rule_word_by_word(boxes: list[np.ndarray], iou: float) -> None:
    found = alcore.match_boxes(boxes, iou=iou)
    assert found.dtype == np.int64
    assert found.shape == (len(found), len(boxes))
    assert found.tolist() == matched(boxes, iou)


@given(boxes=DRAWS)
def test_every_box_is_in_one_object(boxes: list[np.ndarray]) -> None:
    found = alcore.match_boxes(boxes)
    for t, draw in enumerate(boxes):
        assert sorted(found[:, t][found[:, t] >= 0].tolist()) == list(range(len(draw)))


def test_the_same_boxes_in_another_order_are_the_same_objects() -> None:
    rng = np.random.default_rng(0)
    corners = np.tile(rng.uniform(0, 100, (12, 2)), 2) + np.array([0, 0, 10, 10])
    orders = [rng.permutation(12) for _ in range(6)]
    found = alcore.match_boxes([corners[order] + rng.normal(0, 0.01, (12, 4)) for order in orders], iou=0.9)
    assert found.shape == (12, 6)
    for row in found:
        assert len({orders[t][b] for t, b in enumerate(row)}) == 1


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.int64])
def test_any_numbers_are_taken(dtype: type) -> None:
    boxes = np.array([[[0, 0, 4, 4]], [[0, 0, 4, 3]]], dtype)
    assert alcore.match_boxes(boxes, iou=0.75).tolist() == [[0, 0]]  # 3/4 exactly
    assert alcore.match_boxes(boxes.tolist(), iou=0.76).tolist() == [[0, -1], [-1, 0]]


@pytest.mark.parametrize(
    ("boxes", "options", "error", "said"),
    [
        (np.ones((2, 4)), {}, TypeError, r"boxes: expected a list of arrays \(d, 4\).*pass \[boxes\]"),
        (3, {}, TypeError, "boxes: expected a list of arrays"),
        ([[["a", "b", "c", "d"]]], {}, TypeError, r"boxes\[0\]: expected an array of numbers"),
        ([np.ma.masked_array(np.ones((1, 4)))], {}, TypeError, r"boxes\[0\]: expected an array without a mask"),
        ([np.ones((2, 5))], {}, ValueError, r"boxes\[0\]: expected shape \(d, 4\).*got \(2, 5\)"),
        ([[], [1, 2, 3, 4]], {}, ValueError, r"boxes\[1\]: expected shape \(d, 4\).*pass \[box\]"),
        ([[[0, 0, 1, 1], [0, 0, np.nan, 1]]], {}, ValueError, r"boxes\[0\]: expected finite numbers, but box 1"),
        ([[[5, 5, 2, 2]]], {}, ValueError, r"boxes\[0\]: expected corners x1 <= x2 .*width, height"),
        ([[]], {"iou": 0}, ValueError, "iou: expected a share of overlap"),
        ([[]], {"iou": 1.1}, ValueError, "iou: expected a share of overlap"),
        ([[]], {"iou": "0.5"}, TypeError, "iou: expected a number"),
    ],
)
def test_what_are_no_boxes_is_refused(boxes: Any, options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.match_boxes(boxes, **options)


def test_the_remedy_for_width_and_height() -> None:
    b = np.array([[5.0, 5.0, 2.0, 2.0], [5.0, 5.0, 2.0, 1.9]])
    corners = np.concatenate([b[:, :2], b[:, :2] + b[:, 2:]], axis=1)
    assert alcore.match_boxes([corners[:1], corners[1:]], iou=0.9).tolist() == [[0, 0]]


def test_no_draws_and_no_boxes() -> None:
    assert alcore.match_boxes([]).shape == (0, 0)
    assert alcore.match_boxes([[], np.empty((0, 4))]).shape == (0, 2)
