"""Numbers in any layout, copied by tiles of any size: NumPy's own copy, and its own conversion of float16."""

from __future__ import annotations

from itertools import permutations, product

import numpy as np
import pytest

from alcore.kernels import arrange as module
from alcore.kernels.arrange import arrange
from alcore.kernels.widen import widen

NUMBERS, DRAWS = (1, 2, 3, 7, 8, 14, 15, 17), (1, 3, 4, 5, 7, 8, 9, 15, 16, 21)


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


@pytest.mark.interpreted
def test_float16_of_every_size_becomes_float32() -> None:
    for numbers, draws in product(NUMBERS, DRAWS):
        for order in ((0, 1, 2, 3), (0, 1, 3, 2), (3, 2, 1, 0)):
            values = in_order((2, 3, numbers, draws), order, np.uint16)
            assert_copied(values, np.float32)
            assert_copied(values[:, :, ::-1, ::-2], np.float32)


@pytest.mark.interpreted
@pytest.mark.parametrize("draws", [2, 4, 8, 16, 32])
@pytest.mark.parametrize("order", [(0, 1, 2, 3), (0, 1, 3, 2)])
def test_every_float16_becomes_its_float32(draws: int, order: tuple[int, ...]) -> None:
    """Infinity, NaN, numbers under 2^-14 and both zeros."""
    numbers = (1 << 16) // draws
    bits = np.arange(1 << 16, dtype=np.uint16).reshape(1, 1, numbers, draws)
    laid = np.ascontiguousarray(bits.transpose(order)).transpose(np.argsort(order))
    laid.flags.writeable = False
    found = np.zeros(bits.shape, np.uint32)
    arrange(laid, found)
    widened = np.empty(bits.size, np.float32)
    widen(bits.reshape(-1), widened)
    number = ~np.isnan(widened)
    np.testing.assert_array_equal(found.reshape(-1)[number], widened.view(np.uint32)[number])
    assert np.isnan(found.view(np.float32).reshape(-1)[~number]).all()


def in_order(shape: tuple[int, ...], order: tuple[int, ...], bits: type) -> np.ndarray:
    """Numbers that lie in memory in this order of their axes, in the middle of an array."""
    laid = np.random.default_rng(0).integers(1, 1 << 16, [shape[axis] + 2 for axis in order]).astype(bits)
    values = laid.transpose(np.argsort(order))[1:-1, 1:-1, 1:-1, 1:-1]
    values.flags.writeable = False
    return values


def assert_copied(values: np.ndarray, wide: type | None = None) -> None:
    """Into the middle of an array, and nothing around it changes. ``wide``: the bits of float16 become those of this type."""
    expected = values if wide is None else np.ascontiguousarray(values).view(np.float16).astype(wide)
    around = np.zeros([size + 2 for size in values.shape], values.dtype if wide is None else np.uint32)
    found = around[1:-1, 1:-1, 1:-1, 1:-1]
    arrange(values, found)
    if wide is not None:
        found = np.ascontiguousarray(found).view(wide)
    np.testing.assert_array_equal(found, expected)
    assert np.count_nonzero(around) == values.size
