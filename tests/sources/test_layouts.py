"""Cells in any layout are laid out as NumPy would."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources import blocks, layouts
from tests.cases import dirichlet

SIZES = st.sampled_from([1, 2, 3, 5, 8, 11])


@given(
    shape=st.tuples(SIZES, SIZES, SIZES, SIZES),
    order=st.permutations(range(4)),
    steps=st.tuples(*[st.sampled_from([1, 1, 2, -1])] * 4),
    dtype=st.sampled_from(["<f2", "<f4", "<f8", ">f2", ">f4", ">f8"]),
)
def test_any_layout_is_laid_out(shape: tuple[int, ...], order: list[int], steps: tuple[int, ...], dtype: str) -> None:
    wide = [size * abs(step) for size, step in zip(shape, steps, strict=True)]
    laid = np.random.default_rng(0).random([wide[axis] for axis in order]).astype(dtype)
    chunk = laid.transpose(np.argsort(order))[tuple(slice(None, None, step) for step in steps)]
    before = chunk.copy()
    found = layouts.lay_out(chunk)
    expected = np.dtype(np.float64 if chunk.itemsize == 8 else np.float32)
    assert (found.dtype, found.flags.c_contiguous, found.flags.aligned) == (expected, True, True)
    np.testing.assert_array_equal(found, before)
    np.testing.assert_array_equal(chunk, before)
    assert chunk.flags.writeable


def test_what_lies_ready_is_not_copied() -> None:
    ready = np.ones((3, 1, 4, 9), np.float32)
    assert np.shares_memory(layouts.lay_out(ready), ready)
    empty = np.ones((9, 0, 4), np.float32).transpose(1, 2, 0)[:, None]
    assert layouts.lay_out(empty).shape == (0, 1, 4, 9)


def test_cells_that_share_one_number_are_laid_out() -> None:
    few = np.random.default_rng(0).random((9, 3)).astype(np.float32).T
    chunk = np.broadcast_to(few[:, None, None, :], (3, 2, 4, 9))
    np.testing.assert_array_equal(layouts.lay_out(chunk), np.ascontiguousarray(chunk))


def test_unaligned_numbers_are_laid_out() -> None:
    text = b"-" + np.arange(2 * 3 * 9, dtype=np.float32).tobytes()
    chunk = np.ndarray((9, 2, 1, 3), np.float32, text, offset=1).transpose(1, 2, 3, 0)
    assert not chunk.flags.aligned
    np.testing.assert_array_equal(layouts.lay_out(chunk), np.arange(54.0).reshape(9, 2, 1, 3).transpose(1, 2, 3, 0))


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_maps_in_every_order_of_axes_score_the_same_bits(dtype: type, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = np.ascontiguousarray(
        dirichlet(70 * 6, 3, 9, seed=3).reshape(70, 2, 3, 3, 9).transpose(0, 3, 1, 2, 4)
    ).astype(dtype)
    expected = alcore.bald(maps)
    for chunk_bytes in (400, 1 << 19):
        monkeypatch.setattr(blocks, "CHUNK_BYTES", chunk_bytes)
        for order in permutations(range(5)):
            laid = np.ascontiguousarray(maps.transpose(order))
            axes = "".join("NCHWT"[axis] for axis in order)
            found = alcore.bald(laid, axes=axes)
            swapped = axes.index("W") < axes.index("H")  # event axes stay in the order of the caller's array
            np.testing.assert_array_equal(found.swapaxes(1, 2) if swapped else found, expected)


def test_as_many_rows_beside_each_other_are_laid_out_as_share_cache_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = np.ascontiguousarray(dirichlet(97, 4, 9, seed=2).transpose(2, 1, 0)).astype(np.float32)
    expected, sizes = alcore.bald(pool, axes="TCN"), []
    kept = layouts.lay_out
    monkeypatch.setattr(blocks, "lay_out", lambda chunk, space: sizes.append(len(chunk)) or kept(chunk, space))
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 1)
    alcore.set_threads(1)
    np.testing.assert_array_equal(alcore.bald(pool, axes="TCN"), expected)
    assert max(sizes) > 1
    monkeypatch.setattr(blocks, "MOST_BESIDE", 1)
    sizes.clear()
    np.testing.assert_array_equal(alcore.bald(pool, axes="TCN"), expected)
    assert max(sizes) == 1
