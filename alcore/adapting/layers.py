"""Arguments about layers: which ones, and with what probability their weights are dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def as_rate(rate: float) -> float:
    """The probability with which weights are dropped, in [0, 1)."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate: expected a probability of at least 0 and below 1, got {rate}.")
    return float(rate)


def is_among(name: str, layer: Any, layers: Iterable[type | str]) -> bool:
    """Whether a user named this layer, by its name or its type."""
    return any(name == one if isinstance(one, str) else isinstance(layer, one) for one in layers)
