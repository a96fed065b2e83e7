"""Numbers in any layout, copied by tiles of any size: NumPy's own copy."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from alcore.kernels import arrange as module
from alcore.kernels.arrange import arrange

NUMBERS, DRAWS = (1, 2, 3, 7, 8, 14, 15, 17), (1, 3, 4, 5, 7, 8, 9, 16, 21)


@pytest.mark.interpreted
@pytest.mark.parametrize("bits", [np.uint16, np.uint32, np.uint64])
def test_every_size_is_copied(bits: type) -> None:
    for numbers, draws in product(NUMBERS, DRAWS):
        for order in ((0, 1, 3, 2), (3, 2, 1, 0)):
            values = in_order((2, 3, numbers, draws), order, bits)
            assert_copied(values)
            assert_copied(values[:, :, ::-1, ::-2])


@pytest.mark.interpreted
def test_every_order_of_axes_is_copied() -> None:
    for order in permutations(range(4)):
        assert_copied(in_order((3, 2, 11, 13), order, np.uint32))


def test_runs_longer_than_are_read_at_a_time_are_copied() -> None:
    for draws in (8, 13):
        numbers = 2 * module.RUN // draws + 5
        assert_copied(in_order((1, 1, numbers, draws), (0, 1, 3, 2), np.uint16))


def in_order(shape: tuple[int, ...], order: tuple[int, ...], bits: type) -> np.ndarray:
    """Numbers that lie in memory in this order of their axes, in the middle of an array."""
    laid = np.random.default_rng(0).integers(1, 1 << 16, [shape[axis] + 2 for axis in order]).astype(bits)
    values = laid.transpose(np.argsort(order))[1:-1, 1:-1, 1:-1, 1:-1]
    values.flags.writeable = False
    return values


def assert_copied(values: np.ndarray) -> None:
    """Into the middle of an array, and nothing around it changes."""
    wide = np.zeros([size + 2 for size in values.shape], values.dtype)
    arrange(values, wide[1:-1, 1:-1, 1:-1, 1:-1])
    np.testing.assert_array_equal(wide[1:-1, 1:-1, 1:-1, 1:-1], values)
    assert np.count_nonzero(wide) == values.size
