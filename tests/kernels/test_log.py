"""Logarithms without branches, against 50 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.kernels import log as kernels
from tests.kernels.digits import relative_error

pytestmark = pytest.mark.interpreted

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


@given(st.floats(SMALLEST_NORMAL, 1e300))
def test_the_logarithm_is_right_to_the_last_bits(x: float) -> None:
    assert relative_error(kernels.log(x), mpmath.log(mpmath.mpf(x))) < 4e-16


@given(st.floats(1e-16, 0.5), st.sampled_from([-1.0, 1.0]))
def test_the_logarithm_is_right_to_the_last_bits_near_one(distance: float, sign: float) -> None:
    x = 1 + sign * distance
    assert relative_error(kernels.log(x), mpmath.log(mpmath.mpf(x))) < 4e-16


@given(st.floats(1e-300, 1e6), st.sampled_from([-1.0, 1.0]))
def test_the_divergence_keeps_its_relative_accuracy(size: float, sign: float) -> None:
    delta = max(sign * size, -0.999999)
    exact = mpmath.mpf(delta)
    with mpmath.workdps(400):
        exact = (1 + exact) * mpmath.log1p(exact) - exact
    assert relative_error(kernels.divergence(delta), exact) < 1e-14 or exact < SMALLEST_NORMAL


def test_the_divergence_is_exact_at_its_ends() -> None:
    assert kernels.divergence(0.0) == 0
    assert kernels.divergence(-1.0) == 1


@given(st.floats(0, 1, allow_subnormal=True), st.floats(1e-280, 1))
def test_the_logarithm_of_a_ratio_is_right_however_small_the_ratio(p: float, mean: float) -> None:
    if p == 0:
        assert math.isfinite(kernels.log_ratio(p, mean, 1 / mean, math.log(mean)))
        return
    exact = mpmath.log(mpmath.mpf(p) / mpmath.mpf(mean))
    got = kernels.log_ratio(p, mean, 1 / mean, math.log(mean))
    assert float(abs(mpmath.mpf(got) - exact)) <= 1e-15 * max(1.0, float(abs(exact))) + 4e-16


@given(st.floats(np.finfo(np.float32).tiny, 1, width=32))
def test_x_log_x_in_float32_is_right_to_float32(x: float) -> None:
    exact = mpmath.mpf(x) * mpmath.log(mpmath.mpf(x))
    assert abs(float(kernels.xlogx32(np.float32(x))) - float(exact)) <= 1.5e-7 * abs(float(exact)) + 1e-45


def test_x_log_x_in_float32_is_0_at_0_and_tiny_below_normal_numbers() -> None:
    assert kernels.xlogx32(np.float32(0)) == 0
    assert abs(kernels.xlogx32(np.float32(1e-45))) < 1e-42


@given(st.floats(-1, 1e6, width=32))
def test_the_divergence_in_float32_is_right_to_float32(delta: float) -> None:
    exact = kernels.divergence(delta)
    assert abs(float(kernels.divergence32(np.float32(delta))) - exact) <= 1e-6 * exact + 1e-38
