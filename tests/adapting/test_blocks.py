"""A block has rows, classes, event axes and draws in this order, whatever axis the model has its classes on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.adapting.numpy_model import halves, predictions


def test_classes_move_to_the_second_axis() -> None:
    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.broadcast_to(np.arange(3.0), (len(batch), 5, 6, 3))

    for axis in (-1, 3):
        block = next(predictions(run, class_axis=axis))
        assert block.shape == (4, 3, 5, 6, 3)
        assert (block[:, 1] == 1).all()


@pytest.mark.parametrize(
    ("shape", "axis", "said"),
    [
        ((4,), 1, "class_axis"),
        ((4, 2), 2, "class_axis"),
        ((4, 2), 0, "class_axis"),
        ((4, 2), -2, "class_axis"),
        ((4, 1), 1, "at least 2 classes.*p and 1 - p"),
    ],
)
def test_shapes_that_are_no_predictions_are_refused(shape: tuple[int, ...], axis: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        next(predictions(lambda batch, block, draw: np.ones(shape), class_axis=axis))


def test_draws_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"draw 1: expected shape \(4, 2\).*got \(3, 2\)"):
        next(predictions(lambda batch, block, draw: halves(batch[draw:], block, draw)))
