"""Ways to take a joint heuristic for a row-wise one, each of which is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

import alcore

COMBINATIONS: list[Callable[[Any], Any]] = [
    lambda own: own + alcore.BALD(),
    lambda own: alcore.BALD() + own,
    lambda own: own + own,
    lambda own: 2 * own,
    lambda own: own * 2,
    lambda own: own * 0.5,
    lambda own: sum([own]),
    lambda own: sum([own, alcore.BALD()]),
    lambda own: sum([alcore.BALD(), own]),
    lambda own: alcore.Sum(((1.0, own),)),
    alcore.Power,
    alcore.Softmax,
    alcore.SoftRank,
    alcore.Reduce,
]
each_combination = pytest.mark.parametrize("combine", COMBINATIONS)
