"""Matrix products of any size, the same bits in any tile, of the layouts they are written for."""

from __future__ import annotations

import numpy as np
import pytest
from numba.core.errors import TypingError

from alcore.kernels.product import multiply


@pytest.mark.interpreted
@pytest.mark.parametrize("types", [(np.float32,) * 3, (np.float64,) * 3, (np.float64, np.float32, np.float64)])
@pytest.mark.parametrize("columns", [8, 16, 24, 40, 104, 208])
def test_products_equal_those_of_numpy_at_any_size(columns: int, types: tuple[type, type, type]) -> None:
    rng = np.random.default_rng(columns)
    for rows in (2, 4, 6, 8, 14):
        for draws in (1, 2, 7, 100):
            a, b = rng.random((rows, draws)).astype(types[0]), rng.random((draws, columns)).astype(types[1])
            out = np.full((rows, columns), np.nan, types[2])
            multiply(a, None, b, out)
            exact = a.astype(np.float64) @ b.astype(np.float64)
            np.testing.assert_allclose(out, exact, rtol=100 * np.finfo(types[2]).eps)
            named = rng.integers(0, draws, size=rng.integers(1, draws + 1))
            multiply(a, named, b, out)
            exact = a[:, : len(named)].astype(np.float64) @ b[named].astype(np.float64)
            np.testing.assert_allclose(out, exact, rtol=100 * np.finfo(types[2]).eps)


def test_a_product_is_the_same_bits_in_any_tile() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((6, 50)).astype(np.float32), rng.random((50, 40)).astype(np.float32)
    whole, part = np.empty((6, 40), np.float32), np.empty((2, 8), np.float32)
    multiply(a, None, b, whole)
    for r in (0, 2, 4):
        for j in range(0, 40, 8):
            multiply(a[r : r + 2], None, np.ascontiguousarray(b[:, j : j + 8]), part)
            np.testing.assert_array_equal(part, whole[r : r + 2, j : j + 8])


def test_products_of_other_layouts_are_refused() -> None:
    a, b = np.ones((2, 4)), np.ones((4, 8))
    with pytest.raises(TypingError, match="contiguous matrices of one type"):
        multiply(a, None, np.asfortranarray(b), np.empty((2, 8)))
    with pytest.raises(TypingError, match="contiguous matrices of one type"):
        multiply(a.astype(np.float32), None, b.astype(np.float32), np.empty((2, 8)))
