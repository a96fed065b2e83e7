"""What users say of layers: which are meant, and with what probability weights are dropped."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any


def as_rate(rate: float) -> float:
    """With what probability weights are dropped."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate: expected a probability of at least 0 and below 1, got {rate}.")
    return float(rate)


def is_among(name: str, layer: Any, layers: Iterable[type | str]) -> bool:
    """Whether a layer is meant: by its name or its type."""
    return any(name == one if isinstance(one, str) else isinstance(layer, one) for one in layers)
