"""Histories to ask stopping criteria about, and the step at which one stops."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from alcore.stopping import Past, Stopping

NAN, INF = math.nan, math.inf
A, B, C = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 1], [1, 0, 0, 2, 1, 0]  # classes: kappa of A and B is 3/4


def steps(count: int, **columns: Sequence[Any]) -> list[Past]:
    """Steps that buy 10 labels each."""
    return [
        Past(
            step=i,
            labelled=5 + 10 * i,
            bought=10 * (i + 1),
            size=10,
            **{name: values[i] for name, values in columns.items()},
        )
        for i in range(count)
    ]


def with_metric(values: Sequence[float], name: str = "m") -> list[Past]:
    return steps(len(values), metrics=[{name: value} for value in values])


def one_step(**changes: Any) -> Past:
    return Past(**{"step": 0, "labelled": 5, "bought": 10, "size": 10, **changes})


def steps_to_stop(criterion: Stopping, history: Sequence[Past]) -> int | None:
    """How many steps there are when the criterion first says stop; None where it never does."""
    return next((n for n in range(len(history) + 1) if criterion(history[:n]) is not None), None)
