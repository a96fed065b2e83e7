"""Logarithms without branches, so that a loop over them runs in vector registers.

A positive number is 2^k (1 + f) with 1 + f in [sqrt(1/2), sqrt(2)), found by integer operations on its bits. The polynomials
are minimax fits (Remez exchange at 50 digits) of log(1 + f). A change here is not seen by numba's disk
cache of the kernels that inline it: run ``make clean`` after it.
"""

from __future__ import annotations

import numpy as np

from alcore.kernels.jit import FORMULA, SUMS, kernel

_ROOT_HALF_32 = np.int32(0x3F3504F3)  # the bits of sqrt(1/2)
_EXPONENT_32 = np.int32(-0x800000)  # sign and exponent bits
_LN2_32 = np.float32(0.6931471805599453 / 2**23)  # for an exponent that was not shifted down
_ONE_32 = np.float32(1.0)
_HALF_32 = np.float32(0.5)
_LEAST_32 = np.float32(1e-30)
_ONE_BITS_32 = np.int32(0x3F800000)
# (log(1+f) - f + f^2/2) / f^3, relative error of the logarithm 3e-8
_P0 = np.float32(0.333339107366)
_P1 = np.float32(-0.250013370352)
_P2 = np.float32(0.199630638326)
_P3 = np.float32(-0.165775847332)
_P4 = np.float32(0.149147675972)
_P5 = np.float32(-0.142674865947)
_P6 = np.float32(0.0870043643166)

_ROOT_HALF_64 = np.uint64(0x3FE6A09E667F3BCD)
_TO_ONE_64 = np.uint64(0x3FF0000000000000 - 0x3FE6A09E667F3BCD)
_MANTISSA_64 = np.uint64(0x000FFFFFFFFFFFFF)
_SHIFT_64 = np.uint64(52)
_TWO_52_BITS = np.uint64(0x4330000000000000)
_TWO_52_BIASED = 4503599627370496.0 + 1023.0
_LN2 = 0.6931471805599453
_TWO_600 = 2.0**600
# (2 atanh(s) - 2 s) / s^3 over s^2, s = f / (2 + f); error of the logarithm 3e-18
_L0 = 0.66666666666667344605
_L1 = 0.39999999999414320427
_L2 = 0.28571428742474993471
_L3 = 0.22222198563476091292
_L4 = 0.1818356486706798906
_L5 = 0.15314036025827247
_L6 = 0.14796105510224017821


@kernel(SUMS)
def log32(x: np.float32) -> np.float32:
    """log x in float32, x positive and normal, relative error one unit in the last place; finite for 0 and subnormal x.

    Estrin's order of the polynomial: Horner's chain of dependent products took 0.39 ns an element, this 0.26 (Zen 3).
    """
    bits = np.float32(x).view(np.int32)
    exponent = np.int32(np.int32(bits - _ROOT_HALF_32) & _EXPONENT_32)
    f = np.float32(np.int32(bits - exponent).view(np.float32) - _ONE_32)
    f2 = f * f
    tail = (_P0 + _P1 * f) + f2 * ((_P2 + _P3 * f) + f2 * ((_P4 + _P5 * f) + f2 * _P6))
    return np.float32(exponent) * _LN2_32 + (f + f2 * (tail * f - _HALF_32))


@kernel(SUMS)
def xlogx32(x: np.float32) -> np.float32:
    """x log x in float32, x >= 0; 0 at 0."""
    return x * log32(x)


@kernel(FORMULA)
def split(x: float) -> tuple[float, float]:
    """k and f of x = 2^k (1 + f), for positive normal x (anything finite for 0 and subnormal x)."""
    bits = np.float64(x).view(np.uint64) + _TO_ONE_64
    # AVX2 has no conversion from 64-bit integers: k is read off as a number near 2^52.
    k = np.uint64((bits >> _SHIFT_64) | _TWO_52_BITS).view(np.float64) - _TWO_52_BIASED
    return k, np.uint64((bits & _MANTISSA_64) + _ROOT_HALF_64).view(np.float64) - 1.0


@kernel(FORMULA)
def shortfall(f: float) -> float:
    """f - log(1 + f) >= 0, full relative accuracy for 1 + f in [sqrt(1/2), sqrt(2))."""
    s = f / (2.0 + f)
    z = s * s
    z2 = z * z
    tail = (_L0 + _L1 * z) + z2 * ((_L2 + _L3 * z) + z2 * ((_L4 + _L5 * z) + z2 * _L6))
    half = 0.5 * f * f
    return half - s * (half + z * tail)


@kernel(FORMULA)
def log(x: float) -> float:
    """log x in float64 for positive normal x; finite for 0 and subnormal x, so that 0 log 0 = 0."""
    k, f = split(x)
    return k * _LN2 + (f - shortfall(f))


@kernel(FORMULA)
def relative(p: float, mean: float, inverse: float) -> float:
    """p / mean - 1, from 1 / mean: in the order written, where a reordered sum would divide once an element."""
    return (p - mean) * inverse


@kernel(FORMULA)
def log_ratio(p: float, mean: float, inverse: float, log_mean: float) -> float:
    """log(p / mean), accurate relative to p / mean - 1 near 0; finite at p = 0.

    Where p / mean would be subnormal, p is scaled by 2^600 instead (subnormal p included).
    """
    small = p < mean * 1e-290
    ratio = p * _TWO_600 if small else p * inverse
    k, f = split(ratio)
    f = relative(p, mean, inverse) if k == 0.0 else f
    shift = -600.0 * _LN2 - log_mean if small else 0.0
    return (k * _LN2 + (f - shortfall(f))) + shift


@kernel(FORMULA)
def divergence(delta: float) -> float:
    """(1 + d) log(1 + d) - d >= 0 with full relative accuracy near d = 0; 1 at d = -1.

    With u = d - log(1 + d) it is d^2 - (1 + d) u: no cancellation, since u is near d^2 / 2.
    """
    k, f = split(1.0 + delta)
    near = k == 0.0
    f = delta if near else f
    u = shortfall(f)
    far = (1.0 + delta) * (k * _LN2 + (f - u)) - delta
    return delta * delta - (1.0 + delta) * u if near else far


@kernel(FORMULA)
def divergence32(delta: np.float32) -> np.float32:
    """``divergence`` in float32, relative error under 1e-6; 1 for delta <= -1, which rounding may give.

    With 1 + d = 2^k (1 + f) it is d f + (1 + d) (k log 2 + 2^-k - 1 - u), u = f - log(1 + f): small terms where d is small, so no
    branch for k = 0: a third less time.
    """
    ratio = max(_ONE_32 + delta, _LEAST_32)
    bits = np.float32(ratio).view(np.int32)
    exponent = np.int32(np.int32(bits - _ROOT_HALF_32) & _EXPONENT_32)
    f = np.float32(np.int32(bits - exponent).view(np.float32) - _ONE_32)
    f = delta if exponent == 0 else f
    f2 = f * f
    tail = (_P0 + _P1 * f) + f2 * ((_P2 + _P3 * f) + f2 * ((_P4 + _P5 * f) + f2 * _P6))
    u = f2 * (_HALF_32 - tail * f)
    power = np.float32(exponent) * _LN2_32 + (np.int32(_ONE_BITS_32 - exponent).view(np.float32) - _ONE_32)
    return delta * f + ratio * (power - u)
