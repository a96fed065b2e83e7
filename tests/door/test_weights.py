"""Weights over draws: what is none is refused, and any size is taken."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import alcore
from tests.door.broken_pool import POOL, broken


@pytest.mark.parametrize(
    ("weights", "error", "said"),
    [
        ([1, 2], ValueError, r"expected shape \(5,\), one weight a draw .* got \(2,\)"),
        (np.ones((5, 1)), ValueError, r"got \(5, 1\)"),
        ([1, 2, -1, 1, 1], ValueError, r"weights\[2\] is -1"),
        ([1, 2, np.nan, 1, 1], ValueError, r"weights\[2\] is nan"),
        ([1, 2, np.inf, 1, 1], ValueError, r"weights\[2\] is inf"),
        ([0, 0, 0, 0, 0], ValueError, "only zeros"),
        (["a"] * 5, TypeError, "array of numbers"),
        ([True] * 5, TypeError, "got bool"),
        (np.ma.ones(5), TypeError, "masked"),
    ],
)
def test_weights_that_are_none_are_refused(weights: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.bald(POOL, weights=weights)


def test_weights_of_any_size_are_scaled_and_not_written_to() -> None:
    weights = np.array([1e308, 1e308, 0, 1e308, 1e308])
    before = weights.copy()
    np.testing.assert_allclose(alcore.bald(POOL, weights=weights), alcore.bald(POOL[..., [0, 1, 3, 4]]), rtol=1e-12)
    np.testing.assert_array_equal(weights, before)
    tiny = alcore.bald(POOL, weights=[1e-320, 0, 1e-320, 0, 0])
    np.testing.assert_allclose(tiny, alcore.bald(POOL[..., [0, 2]]), rtol=1e-3)


def test_a_draw_of_weight_0_is_checked_all_the_same() -> None:
    with pytest.raises(ValueError, match="nan"):
        alcore.bald(broken(np.nan), weights=[1, 1, 1, 0, 1])
