"""A block has rows, classes, event axes and draws in this order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tests.adapting.numpy_model import halves, predictions


def test_several_draws_of_a_pass_stand_side_by_side() -> None:
    """T is passes times draws of a pass."""

    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.stack([halves(batch, block, 2 * draw), halves(batch, block, 2 * draw + 1)], axis=-1)

    found = np.concatenate(list(predictions(run, draw_axis=0)))
    np.testing.assert_array_equal(found, np.concatenate(list(predictions(draws=6))))


def test_draws_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match=r"draw 1: expected shape \(4, 2, 1\).*got \(3, 2, 1\)"):
        next(predictions(lambda batch, block, draw: halves(batch[draw:], block, draw)))
