"""How far a number is from one of 50 digits."""

from __future__ import annotations

import mpmath

mpmath.mp.dps = 50


def relative_error(got: float, exact: mpmath.mpf) -> float:
    return float(abs((mpmath.mpf(float(got)) - exact) / exact)) if exact else abs(got)
