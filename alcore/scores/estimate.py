"""``Estimate``: a sampled number and its standard error."""

from __future__ import annotations

from typing import NamedTuple


class Estimate(NamedTuple):
    """A value and its standard error, both in the unit of the value.

    The functions that return it say which unit that is. Creating one takes O(1).

    Attributes:
        value: the estimate.
        standard_error: at least 0. It is 0 where the value is exact. It is infinity where the data does not show the error.

    >>> import alcore
    >>> alcore.Estimate(0.5, 0.01).value
    0.5
    """

    value: float
    standard_error: float
