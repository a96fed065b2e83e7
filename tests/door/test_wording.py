"""Refusals quote a value in a few words on one line, whatever it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import door
from tests.cases import dirichlet

PROBS = dirichlet(6, 3, 4)
SCORES = [0.1, 0.3, 0.2]


class TwoLines:
    def __repr__(self) -> str:
        return "two\nlines"


LONG: list[Any] = [
    "x" * 5000,
    list(range(5000)),
    np.zeros((40, 40)),
    np.array(["probs", "logits"]),
    np.array([]),
    TwoLines(),
]
OPTIONS: dict[str, Callable[[Any], Any]] = {
    "kind": lambda value: alcore.bald(PROBS, kind=value),
    "floor": lambda value: alcore.pairwise_kl(PROBS, floor=value),
    "k": lambda value: alcore.top(SCORES, value),
    "beta": lambda value: alcore.power(SCORES, 1, beta=value),
    "how": lambda value: alcore.reduce(PROBS, value),
    "loss": lambda value: alcore.expected_loss(PROBS, loss=value),
    "labels": lambda value: alcore.ical(PROBS, 1, labels=value),
    "pointwise": lambda value: alcore.ical(PROBS, 1, pointwise=value),
    "fill": lambda value: alcore.batchbald(PROBS, 1, fill=value),
    "heuristic": lambda value: alcore.Power(value),
}


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("value", LONG, ids=lambda value: type(value).__name__)
def test_a_value_of_many_lines_or_characters_is_cut_short(option: str, value: Any) -> None:
    with pytest.raises((ValueError, TypeError)) as refusal:
        OPTIONS[option](value)
    text = str(refusal.value)
    assert text.startswith(f"{option}: expected")
    assert "\n" not in text
    assert len(text) < 400


def test_a_number_of_more_digits_than_python_writes_is_called_by_its_type() -> None:
    assert door.shown(10**5000) == "int"
    with pytest.raises(ValueError, match="k: expected at least 0, got int"):
        alcore.top(SCORES, -(10**5000))
