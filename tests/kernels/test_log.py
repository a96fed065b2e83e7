"""Logarithms without branches, against 50 digits."""

from __future__ import annotations

import math

import mpmath
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from alcore.kernels import log as kernels
from tests.kernels.digits import relative_error

SMALLEST_NORMAL = float(np.finfo(np.float64).tiny)


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
