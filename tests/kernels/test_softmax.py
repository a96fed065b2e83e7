"""The exponential against 50 digits, and softmax of rows that it cannot take."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.kernels.softmax import exp_negative, softmax
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
