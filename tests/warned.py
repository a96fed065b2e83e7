"""The one warning of a kind among those that pytest recorded.

A collector may run at any moment, and what it finds left open is warned of too: no test counts or indexes all warnings.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable


def the_one(recorded: Iterable[warnings.WarningMessage], kind: type[Warning]) -> warnings.WarningMessage:
    (found,) = [one for one in recorded if issubclass(one.category, kind)]
    return found


def what_one_says(recorded: Iterable[warnings.WarningMessage], kind: type[Warning]) -> str:
    return str(the_one(recorded, kind).message)
