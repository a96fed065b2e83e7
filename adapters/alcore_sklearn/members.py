"""The members of an ensemble, and where the classes of each stand among the ensemble's."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import is_regressor
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from alcore.adapting import Array

FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
ENSEMBLES = (*FORESTS, BaggingClassifier, VotingClassifier, AdaBoostClassifier)
BOOSTED = (GradientBoostingClassifier, HistGradientBoostingClassifier)
WANTED = "a fitted forest, bagging, voting or AdaBoost ensemble, or a list of fitted classifiers"


@dataclass(frozen=True)
class Member:
    """A classifier.

    Args:
        places: of its classes among the ensemble's.
        columns: that it was fitted on, None for all.
        bare: whether it was fitted on an array, without names of features.
    """

    classifier: Any
    places: Array
    columns: Array | None
    bare: bool

    def probs(self, x: Any, count: int) -> Array:
        """(n, C): 0 for classes that this member never met."""
        x = np.asarray(x) if self.bare and hasattr(x, "columns") else x
        said = self.classifier.predict_proba(x if self.columns is None else x[:, self.columns])
        found = np.zeros((len(said), count))
        found[:, self.places] = said
        return found


@dataclass(frozen=True)
class Members:
    """What an ensemble is made of: steps that transform data, then members; and the names of the features it was fitted on."""

    steps: tuple[Callable[[Any], Any], ...]
    all: tuple[Member, ...]
    classes: Array
    names: tuple[str, ...] | None = None

    def ready(self, x: Any) -> Any:
        """A batch as the members take it."""
        for step in self.steps:
            x = step(x)
        has = getattr(x, "columns", None)
        if has is not None and self.names is not None and tuple(has) != self.names:
            raise ValueError(
                f"data: expected the columns the model was fitted on, {list(self.names)}, got {list(has)}."
            )
        return np.asarray(x) if has is not None and all(one.bare for one in self.all) else x


def members_of(model: Any) -> Members:
    """The members of an ensemble, of a pipeline or a search around one, or of a list."""
    if isinstance(model, list | tuple):
        return _listed(model)
    _refuse(model)
    check_is_fitted(model)
    if isinstance(model, BaseSearchCV):
        return members_of(model.best_estimator_)
    if isinstance(model, Pipeline):
        inner = members_of(model.steps[-1][1])
        steps = (model[:-1].transform, *inner.steps) if len(model.steps) > 1 else inner.steps
        return replace(inner, steps=steps)
    if not isinstance(model, ENSEMBLES):
        name = type(model).__name__
        raise TypeError(f"model: expected {WANTED}, got {name}. One classifier: [model], or BaggingClassifier(model).")
    if not isinstance(model.classes_, np.ndarray) or getattr(model, "n_outputs_", 1) > 1:
        raise ValueError(f"model: {type(model).__name__} was fitted on several outputs. Fit one ensemble for each.")
    encoded = not isinstance(model, AdaBoostClassifier)  # the others' members know classes by number
    labels = np.arange(len(model.classes_)) if encoded else model.classes_
    columns = [None] * len(model.estimators_)
    if isinstance(model, BaggingClassifier):
        whole = np.arange(model.n_features_in_)
        columns = [None if np.array_equal(own, whole) else own for own in model.estimators_features_]
    bare = not isinstance(model, VotingClassifier)  # the others make an array of what they are fitted on
    found = tuple(_member(one, labels, own, bare) for one, own in zip(model.estimators_, columns, strict=True))
    names = getattr(model, "feature_names_in_", None)
    return Members((), found, model.classes_, None if names is None else tuple(names))


def _listed(models: Sequence[Any]) -> Members:
    if not models:
        raise TypeError(f"model: expected {WANTED}, got an empty {type(models).__name__}.")
    for one in models:
        _refuse(one, alone=False)
        check_is_fitted(one)
        if not isinstance(getattr(one, "classes_", None), np.ndarray):
            raise TypeError(f"model: expected classifiers of one output, got {type(one).__name__}.")
    labels = np.unique(np.concatenate([one.classes_ for one in models]))
    return Members((), tuple(_member(one, labels) for one in models), labels)


def _refuse(model: Any, alone: bool = True) -> None:
    if not hasattr(model, "fit"):
        raise TypeError(f"model: expected {WANTED}, got {type(model).__name__}.")
    if is_regressor(model):
        raise TypeError(f"model: {type(model).__name__} is a regressor: it predicts numbers, and classes are wanted.")
    if isinstance(model, BOOSTED) and alone:
        raise TypeError(
            f"model: {type(model).__name__} is a sum of trees, each fitted to what those before it left over: none is a draw of a "
            "classifier. Pass a list of them, fitted with different seeds."
        )
    if isinstance(model, StackingClassifier) and alone:
        raise TypeError(
            "model: StackingClassifier has one final classifier, so one draw. VotingClassifier, or a list of them."
        )


def _member(classifier: Any, labels: Array, columns: Array | None = None, bare: bool = False) -> Member:
    if not hasattr(classifier, "predict_proba"):
        raise TypeError(
            f"model: {type(classifier).__name__} has no predict_proba. Fit it inside "
            "sklearn.calibration.CalibratedClassifierCV, or take another classifier."
        )
    by_name = hasattr(classifier, "feature_names_in_") or isinstance(classifier, Pipeline | BaseSearchCV)
    return Member(classifier, np.searchsorted(labels, classifier.classes_), columns, bare or not by_name)


def rows_of(data: Any) -> int | None:
    return data.shape[0] if hasattr(data, "shape") else None


def batches_of(data: Any, size: int) -> Iterable[Any]:
    """Data cut by rows: of a sparse matrix, a data frame, an array; or the batches that it is."""
    if hasattr(data, "shape"):
        data = data.tocsr() if issparse(data) else data
        rows = getattr(data, "iloc", data)
        return (rows[start : start + size] for start in range(0, data.shape[0], size))
    if isinstance(data, str | bytes) or not isinstance(data, Iterable):
        raise TypeError(
            f"data: expected an array, a sparse matrix, a data frame or batches, got {type(data).__name__}."
        )
    return data
