"""How far a number is from an exact one."""

from __future__ import annotations

import mpmath


def relative_error(got: float, exact: mpmath.mpf) -> float:
    return float(abs((mpmath.mpf(float(got)) - exact) / exact)) if exact else abs(got)
