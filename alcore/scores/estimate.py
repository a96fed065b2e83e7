"""``Estimate``: what is known of a number that was sampled."""

from __future__ import annotations

from typing import NamedTuple


class Estimate(NamedTuple):
    """A value and its standard error: 0 where the value is exact, infinity where nothing tells how far off it is.

    >>> import alcore
    >>> alcore.Estimate(0.5, 0.01).value
    0.5
    """

    value: float
    standard_error: float
