"""Wrappers around a classifier that predict as it does: searches, thresholds and frozen models."""

from __future__ import annotations

from typing import Any

from sklearn import model_selection
from sklearn.model_selection._search import BaseSearchCV

try:
    from sklearn.frozen import FrozenEstimator
except ImportError:  # before 1.6
    FrozenEstimator = ()
NAMES = ("FixedThresholdClassifier", "TunedThresholdClassifierCV")  # since 1.5
THRESHOLDS = tuple(getattr(model_selection, name) for name in NAMES if hasattr(model_selection, name))


def inside(model: Any) -> Any | None:
    """The fitted classifier inside a wrapper that has its probabilities. None where the model is no wrapper."""
    if isinstance(model, BaseSearchCV):
        if not model.refit:
            raise ValueError(
                f"model: {type(model).__name__} was fitted with refit=False, so it holds no model. Fit it with refit=True."
            )
        return model.best_estimator_
    if isinstance(model, THRESHOLDS):
        return model.estimator_
    return model.estimator if isinstance(model, FrozenEstimator) else None
