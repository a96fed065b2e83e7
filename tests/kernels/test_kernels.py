"""The arithmetic under the measures, against 50 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numba.core.errors import TypingError

from alcore.kernels import jit
from alcore.kernels import log as kernels
from alcore.kernels.product import multiply
from alcore.kernels.softmax import exp_negative, softmax
from alcore.kernels.widen import widen

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


def relative_error(got: float, exact: mpmath.mpf) -> float:
    return float(abs((mpmath.mpf(float(got)) - exact) / exact)) if exact else abs(got)


@given(st.floats(SMALLEST_NORMAL, 1e300))
def test_log(x: float) -> None:
    assert relative_error(kernels.log(x), mpmath.log(mpmath.mpf(x))) < 4e-16


@given(st.floats(1e-16, 0.5), st.sampled_from([-1.0, 1.0]))
def test_log_near_one(distance: float, sign: float) -> None:
    x = 1 + sign * distance
    assert relative_error(kernels.log(x), mpmath.log(mpmath.mpf(x))) < 4e-16


@given(st.floats(1e-300, 1e6), st.sampled_from([-1.0, 1.0]))
def test_divergence(size: float, sign: float) -> None:
    delta = max(sign * size, -0.999999)
    exact = mpmath.mpf(delta)
    with mpmath.workdps(400):
        exact = (1 + exact) * mpmath.log1p(exact) - exact
    assert relative_error(kernels.divergence(delta), exact) < 1e-14 or exact < SMALLEST_NORMAL


def test_divergence_at_its_ends() -> None:
    assert kernels.divergence(0.0) == 0
    assert kernels.divergence(-1.0) == 1


@given(st.floats(0, 1, allow_subnormal=True), st.floats(1e-280, 1))
def test_log_ratio(p: float, mean: float) -> None:
    if p == 0:
        assert math.isfinite(kernels.log_ratio(p, mean, 1 / mean, math.log(mean)))
        return
    exact = mpmath.log(mpmath.mpf(p) / mpmath.mpf(mean))
    got = kernels.log_ratio(p, mean, 1 / mean, math.log(mean))
    assert float(abs(mpmath.mpf(got) - exact)) <= 1e-15 * max(1.0, float(abs(exact))) + 4e-16


@given(st.floats(np.finfo(np.float32).tiny, 1, width=32))
def test_xlogx32(x: float) -> None:
    exact = mpmath.mpf(x) * mpmath.log(mpmath.mpf(x))
    assert abs(float(kernels.xlogx32(np.float32(x))) - float(exact)) <= 1.5e-7 * abs(float(exact)) + 1e-45


def test_xlogx32_at_zero_and_below_normal_numbers() -> None:
    assert kernels.xlogx32(np.float32(0)) == 0
    assert abs(kernels.xlogx32(np.float32(1e-45))) < 1e-42


@given(st.floats(-707, 0))
def test_exp(x: float) -> None:
    assert relative_error(exp_negative(x), mpmath.exp(mpmath.mpf(x))) < 4e-16


def test_exp_at_its_ends() -> None:
    assert exp_negative(0.0) == 1
    assert exp_negative(-math.inf) == 0
    assert exp_negative(-1000.0) == 0
    assert math.isnan(exp_negative(math.nan))


def test_widen_is_exact_for_every_float16() -> None:
    bits = np.arange(1 << 16, dtype=np.uint16)
    out = np.empty(bits.size, np.float32)
    widen(bits, out)
    expected = bits.view(np.float16).astype(np.float32)
    np.testing.assert_array_equal(out, expected)
    np.testing.assert_array_equal(np.signbit(out), np.signbit(expected))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_softmax_tells_which_rows_it_cannot_take(dtype: type) -> None:
    rows = np.zeros((5, 3, 2), dtype)
    rows[0, 1, 0] = np.nan
    rows[1, 1, 0] = np.inf
    rows[2, :, 1] = -np.inf
    rows[3, 0, 0] = -np.inf
    probs, valid = np.empty_like(rows), np.empty(5, np.bool_)
    softmax(rows, probs, valid)
    assert valid.tolist() == [False, False, False, True, True]
    np.testing.assert_allclose(probs[3:].sum(axis=1), 1, rtol=1e-6)
    assert probs[3, 0, 0] == 0


def test_kernels_compile_where_no_cache_can_be_written(monkeypatch: pytest.MonkeyPatch) -> None:
    compiler = jit.numba.njit

    def read_only(*, cache: bool = False, **options: object) -> object:
        if cache:
            raise RuntimeError("cannot cache function: no locator available")
        return compiler(**options)

    monkeypatch.setattr(jit.numba, "njit", read_only)
    assert jit.kernel()(lambda x: x + 1)(1) == 2


@pytest.mark.parametrize("types", [(np.float32,) * 3, (np.float64,) * 3, (np.float64, np.float32, np.float64)])
@pytest.mark.parametrize("columns", [8, 16, 24, 40, 104, 208])
def test_products_of_any_size(columns: int, types: tuple[type, type, type]) -> None:
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


@pytest.mark.compiled
def test_a_product_is_the_same_bits_in_any_tile() -> None:
    rng = np.random.default_rng(0)
    a, b = rng.random((6, 50)).astype(np.float32), rng.random((50, 40)).astype(np.float32)
    whole, part = np.empty((6, 40), np.float32), np.empty((2, 8), np.float32)
    multiply(a, None, b, whole)
    for r in (0, 2, 4):
        for j in range(0, 40, 8):
            multiply(a[r : r + 2], None, np.ascontiguousarray(b[:, j : j + 8]), part)
            np.testing.assert_array_equal(part, whole[r : r + 2, j : j + 8])


@pytest.mark.compiled
def test_products_of_other_layouts_are_refused() -> None:
    a, b = np.ones((2, 4)), np.ones((4, 8))
    with pytest.raises(TypingError, match="contiguous matrices of one type"):
        multiply(a, None, np.asfortranarray(b), np.empty((2, 8)))
    with pytest.raises(TypingError, match="contiguous matrices of one type"):
        multiply(a.astype(np.float32), None, b.astype(np.float32), np.empty((2, 8)))
