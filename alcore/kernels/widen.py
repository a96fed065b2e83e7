"""float16 to float32, by integer operations: numba has no float16 on CPUs, and NumPy's conversion takes 2 ns an element."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from alcore.kernels.jit import FORMULA, kernel

_MAGNITUDE = np.int32(0x7FFF)
_SIGN = np.int32(0x8000)
_SMALLEST_NORMAL = np.int32(0x0400)
_INFINITY = np.int32(0x7C00)
_TO_FLOAT32 = np.int32(13)  # bits that the mantissa gains
_REBIAS = np.int32(112 << 23)  # exponent bias 127 - 15
_SUBNORMAL_UNIT = np.float32(2.0**-24)


@kernel(FORMULA)
def widen(bits_n: npt.NDArray[np.uint16], out_n: npt.NDArray[np.float32]) -> None:
    """The float32 of each float16 given by its bits; exact, subnormals, infinity and NaN included."""
    for i in range(bits_n.size):
        bits = np.int32(bits_n[i])
        magnitude = np.int32(bits & _MAGNITUDE)
        normal = np.int32(np.int32(magnitude << _TO_FLOAT32) + _REBIAS)
        if magnitude >= _INFINITY:
            normal = np.int32(normal + _REBIAS)
        value = np.int32(normal).view(np.float32)
        if magnitude < _SMALLEST_NORMAL:
            value = np.float32(magnitude) * _SUBNORMAL_UNIT
        out_n[i] = -value if bits & _SIGN else value
