"""The exponential against 50 digits, and softmax of rows that it cannot take."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.kernels.exponentials import exp32
from alcore.kernels.softmax import exp_negative, softmax, softmax32
from tests.kernels.digits import relative_error

pytestmark = pytest.mark.interpreted


@given(st.floats(-707, 0))
def test_the_exponential_is_right_to_the_last_bits(x: float) -> None:
    assert relative_error(exp_negative(x), mpmath.exp(mpmath.mpf(x))) < 4e-16


def test_the_exponential_is_exact_at_its_ends() -> None:
    assert exp_negative(0.0) == 1
    assert exp_negative(-math.inf) == 0
    assert exp_negative(-1000.0) == 0
    assert math.isnan(exp_negative(math.nan))


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


@given(st.floats(-86.875, 0, width=32))
def test_the_float32_exponential_is_right_to_two_last_bits(x: float) -> None:
    assert relative_error(float(exp32(np.float32(x))), mpmath.exp(mpmath.mpf(x))) < 2.5e-7


def test_the_float32_exponential_is_exact_at_its_ends() -> None:
    assert exp32(np.float32(0)) == 1
    assert exp32(np.float32(-87)) == 0
    assert math.isnan(exp32(np.float32(np.nan)))


@pytest.mark.parametrize("shape", [(5, 3, 2), (4, 10, 100), (1, 70, 67), (300, 2, 9)])
@pytest.mark.parametrize("spread", [0.0, 20.0, 60.0], ids=["together", "apart", "far apart"])
def test_softmax_in_float32_is_that_of_float64(shape: tuple[int, int, int], spread: float) -> None:
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=3, size=shape) + 1e3 + spread * rng.normal(size=(shape[0], 1, shape[2]))
    logits = logits.astype(np.float32)
    logits[0, 0, 0] = -np.inf
    expected = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    expected /= expected.sum(axis=1, keepdims=True)
    probs = np.empty_like(logits)
    softmax32(logits, probs)
    np.testing.assert_allclose(probs, expected, rtol=1e-4 if spread else 1e-5, atol=0)
    np.testing.assert_allclose(probs, expected, rtol=0, atol=4e-6 if spread else 5e-7)
    again = logits.copy()
    softmax32(again, again)
    np.testing.assert_array_equal(again, probs)


@pytest.mark.parametrize("value", [np.nan, -np.nan, np.inf])
def test_softmax_in_float32_makes_an_invalid_draw_nan(value: float) -> None:
    logits = np.zeros((3, 3, 4), np.float32)
    logits[1, 2, 1] = value
    logits[2, :, 3] = -np.inf
    probs = np.empty_like(logits)
    softmax32(logits, probs)
    assert np.isnan(probs[1, :, 1]).all()
    assert np.isnan(probs[2, :, 3]).all()
    assert np.isfinite(probs[0]).all()
