"""The estimators of risk and their weights, by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore

LOSSES = np.array([3.0, 0.25, -1.0, 0.0, 7.5])
ESTIMATORS: dict[str, Callable[..., alcore.Estimate]] = {"lure": alcore.lure, "pure": alcore.pure}
WEIGHTS: dict[str, Callable[..., np.ndarray]] = {"lure": alcore.lure_weights, "pure": alcore.pure_weights}
each_estimator = pytest.mark.parametrize("name", ESTIMATORS)
ALL = {**ESTIMATORS, **{f"{name}_weights": weights for name, weights in WEIGHTS.items()}}
each_function = pytest.mark.parametrize("name", ALL)


def call(name: str, q: Any, pool_size: Any, support: Any = None) -> Any:
    """Any of the four, with losses that are right."""
    losses = (np.ones(len(q)),) if name in ESTIMATORS else ()
    return ALL[name](*losses, q, pool_size, support=support)
