"""The tensor of the classes is found by key, attribute, place or function; without one of these nothing is guessed."""

from __future__ import annotations

import re
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from alcore import adapting
from alcore.adapting import Request
from tests.adapting.numpy_model import ROWS, NumpyRun


def test_the_output_is_found_by_what_names_it() -> None:
    @dataclass
    class Said:
        logits: Any = 1

    Pair = namedtuple("Pair", "logits loss")
    assert adapting.pick({"logits": 1}, "logits") == 1
    assert adapting.pick(Said(), "logits") == 1
    assert adapting.pick(Pair(1, 2), "logits") == 1
    assert adapting.pick((1, 2), 1) == 2
    assert adapting.pick((1, 2), sum) == 3
    assert adapting.pick(ROWS, None) is ROWS
    for returned, said in ((Said(), "'logits'"), ({"a": 1, "b": 2}, "'a', 'b'"), ((1, 2), "2 parts, 0 to 1")):
        with pytest.raises(TypeError, match=said):
            adapting.pick(returned, None)
    for returned, output in (({"a": 1}, "b"), ((1, 2), 5), (3, "b"), (Said(), "loss")):
        with pytest.raises(ValueError, match="no "):
            adapting.pick(returned, output)


# --- axes -------------------------------------------------------------------------------------------------------------

OPS = NumpyRun.ops


def arranged(shape: tuple[int, ...], rows: int = 4, **options: Any) -> np.ndarray:
    """Numbers in the order of their axes, as a model returned them, arranged."""
    made, request = np.arange(float(np.prod(shape))).reshape(shape), Request(2, **options)
    first = adapting.rows_first(made, rows, request, OPS)
    return np.asarray(adapting.arrange(made, rows, request, OPS, adapting.class_axis_of(first, request)))


@pytest.mark.parametrize("axis", [-1, 3])
def test_classes_move_to_the_second_axis(axis: int) -> None:
    made = np.arange(360.0).reshape(4, 5, 6, 3)
    np.testing.assert_array_equal(arranged(made.shape, class_axis=axis), np.moveaxis(made, -1, 1))


@pytest.mark.parametrize(
    ("shape", "axis", "said"),
    [
        ((4,), 1, "class_axis"),
        ((4, 2), 2, "class_axis"),
        ((4, 2), 0, "class_axis"),
        ((4, 2), -2, "class_axis"),
        ((4, 1), 1, "at least 2 classes.*kind='binary'.*kind='binary_logits'"),
    ],
)
def test_shapes_that_are_no_predictions_are_refused(shape: tuple[int, ...], axis: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        arranged(shape, class_axis=axis)


@pytest.mark.parametrize(
    ("shape", "axis"),
    [((5, 4, 3), 0), ((4, 5, 3), 1), ((4, 3, 5), -1), ((20, 3), "draws-first"), ((20, 3), "rows-first")],
)
def test_draws_of_one_pass_stand_last(shape: tuple[int, ...], axis: int | str) -> None:
    """On an axis of their own, or folded into that of rows in either order; classes are counted without them."""
    made = np.arange(60.0).reshape(shape)
    found = arranged(shape, class_axis=-1, draw_axis=axis)
    assert found.shape == (4, 3, 5)
    for row, label, draw in np.ndindex(4, 3, 5):
        place = {0: (draw, row, label), 1: (row, draw, label), -1: (row, label, draw)}.get(axis)  # type: ignore[call-overload]
        if place is None:
            place = (draw * 4 + row if axis == "draws-first" else row * 5 + draw, label)
        assert found[row, label, draw] == made[place]


def test_a_softmax_is_taken_of_logits_along_the_classes() -> None:
    found = arranged((5, 4, 3), class_axis=1, draw_axis=0, kind="logits")
    np.testing.assert_allclose(found.sum(axis=1), 1)


@pytest.mark.parametrize(("shape", "axis"), [((4,), 1), ((4, 1), 1), ((4, 1), -1), ((4, 1, 6), 1), ((4, 6, 1), -1)])
def test_one_number_a_row_is_a_probability_of_yes(shape: tuple[int, ...], axis: int) -> None:
    made = np.arange(float(np.prod(shape))).reshape(shape)
    found = arranged(shape, class_axis=axis, kind="binary")
    assert found.shape == (4, 1, *((6,) if len(shape) == 3 else ()))
    np.testing.assert_array_equal(found.ravel(), made.ravel())
    logits = arranged(shape, class_axis=axis, kind="binary_logits")
    np.testing.assert_allclose(logits, 1 / (1 + np.exp(-found)))


def test_labels_have_probabilities_of_their_own() -> None:
    found = arranged((4, 3), class_axis=1, kind="multilabel_logits")
    np.testing.assert_allclose(found, 1 / (1 + np.exp(-np.arange(12.0).reshape(4, 3))))
    drawn = arranged((5, 4), class_axis=1, draw_axis=0, kind="binary")
    assert drawn.shape == (4, 1, 5)
    assert drawn[2, 0, 3] == 3 * 4 + 2
    with pytest.raises(ValueError, match="one number on axis 1 for kind='binary'.*kind='multilabel'"):
        arranged((4, 3), class_axis=1, kind="binary")


def test_a_map_of_yes_or_no_asks_for_no_axis_of_classes_that_it_lacks() -> None:
    """(n, H, W) has one number for each place, and no axis to name: the refusal says how the output gets one."""
    made = np.random.default_rng(0).random((4, 5, 6))
    for kind in ("binary", "binary_logits"):
        request = Request(2, class_axis=None, kind=kind)
        with pytest.raises(ValueError, match=r"got shape \(4, 5, 6\)") as refusal:
            adapting.class_axis_of(made, request)
        assert "expected class_axis=" not in str(refusal.value)
        found = re.search(r"output=(lambda made: [^.]*)\.", str(refusal.value))
        assert found is not None
        shown = adapting.pick(made, eval(found[1]))
        assert adapting.class_axis_of(shown, request) == 1
        arranged_map = adapting.arrange(shown, 4, request, OPS, 1)
        expected = made if kind == "binary" else 1 / (1 + np.exp(-made))
        np.testing.assert_allclose(arranged_map, expected[:, None])
    for shape, axis in (((4, 1, 6), 1), ((4, 6, 1), 2), ((4, 1, 1), 1)):
        assert adapting.class_axis_of(np.ones(shape), Request(2, class_axis=None, kind="binary")) == axis


def test_rows_that_come_out_are_those_that_went_in() -> None:
    """A refusal names the axis that fits and both readings of more rows; each of its ways is right."""
    with pytest.raises(
        ValueError, match=r"expected 4 rows on axis 0.*got shape \(7, 4, 3\).*numpy\.moveaxis\(made, 1, 0\)"
    ):
        arranged((7, 4, 3), class_axis=-1)
    assert arranged(np.moveaxis(np.ones((7, 4, 3)), 1, 0).shape, class_axis=-1).shape == (4, 3, 7)
    with pytest.raises(ValueError, match=r"got shape \(20, 3\).*5 draws of each row.*'draws-first'.*'rows-first'"):
        arranged((20, 3))
    with pytest.raises(ValueError, match=r"expected a multiple of 4 rows .* got shape \(18, 3\)"):
        arranged((18, 3), draw_axis="draws-first")
    with pytest.raises(ValueError, match=r"draw_axis: expected an axis .* got 5 of shape \(4, 3, 2\)"):
        arranged((4, 3, 2), draw_axis=5)
    assert arranged((20, 3), rows=-1).shape == (20, 3)  # of objects rows are those that come out


def test_classes_of_three_axes_are_found_in_probabilities_and_asked_for_in_logits() -> None:
    """Of tokens or of steps: nothing is decided from sizes. Pixels follow the framework's own convention."""
    probs = np.random.default_rng(0).dirichlet(np.ones(3), (4, 3))
    for axis, made in ((2, probs), (1, probs.swapaxes(1, 2))):
        assert adapting.class_axis_of(made, Request(2, class_axis=None)) == axis
        with pytest.raises(ValueError, match=r"expected class_axis=1 or class_axis=2.*\(4, 3, 3\)"):
            adapting.class_axis_of(made, Request(2, class_axis=None, kind="logits"))
        assert adapting.class_axis_of(made, Request(2, class_axis=axis, kind="logits")) == axis
    with pytest.raises(ValueError, match="either axis may hold the classes"):
        adapting.class_axis_of(np.full((4, 3, 3), 1 / 3), Request(2, class_axis=None))
    assert adapting.class_axis_of(np.ones((4, 3, 8, 8)), Request(2, class_axis=None, kind="logits")) == 1
