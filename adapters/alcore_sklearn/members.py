"""The members of an ensemble, and the places of their classes among the classes of the ensemble."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.sparse import issparse
from sklearn.base import BaseEstimator
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.model_selection._search import BaseSearchCV
from sklearn.pipeline import Pipeline

from alcore.adapting import Array, as_batches
from alcore_sklearn.labels import places_of, put_together
from alcore_sklearn.refusals import WANTED, check_classifier, check_probabilities, refuse_single
from alcore_sklearn.wrappers import inside

FORESTS = (RandomForestClassifier, ExtraTreesClassifier)
ENSEMBLES = (*FORESTS, BaggingClassifier, VotingClassifier, AdaBoostClassifier, CalibratedClassifierCV)


@dataclass(frozen=True)
class Member:
    """One member of an ensemble.

    Args:
        classifier: the fitted classifier.
        places: the places of its classes among the classes of the ensemble.
        columns: the columns that it was fitted on. None for all.
        bare: whether it was fitted on an array, without names of features.
    """

    classifier: Any
    places: Array
    columns: Array | None
    bare: bool

    def probs(self, x: Any, classes: int, number: int) -> Array:
        """(n, C) probabilities of member ``number``, with 0 for classes that it never met."""
        x = np.asarray(x) if self.bare and hasattr(x, "columns") else x
        said = np.asarray(self.classifier.predict_proba(x if self.columns is None else x[:, self.columns]))
        expected = (_length(x), len(self.places))
        if said.shape != expected:
            raise ValueError(
                f"model: member {number}, {type(self.classifier).__name__}, was given {expected[0]} rows and has {expected[1]} "
                f"classes: expected an array {expected} from its predict_proba, got {said.shape}. Let predict_proba return one row "
                "for each row, and one column for each of its classes_."
            )
        found = np.zeros((len(said), classes))
        found[:, self.places] = said
        return found


@dataclass(frozen=True)
class Members:
    """The parts of an ensemble.

    Args:
        steps: functions that transform the data before the members see it.
        all: the members.
        classes: the labels of the classes, in the order of axis C.
        names: the names of the features that it was fitted on. None where it was fitted on an array.
        ensemble: the ensemble that drew its members at random. None for members that the user chose one by one.
    """

    steps: tuple[Callable[[Any], Any], ...]
    all: tuple[Member, ...]
    classes: Array
    names: tuple[str, ...] | None = None
    ensemble: Any | None = None

    def ready(self, x: Any) -> Any:
        """A block as the members take it."""
        rows = _length(x)
        for step in self.steps:
            x = step(x)
        if _length(x) != rows:
            raise ValueError(
                f"model: the steps before the ensemble made {_length(x)} rows of {rows}. Remove the steps that drop or add rows."
            )
        has = getattr(x, "columns", None)
        if has is not None and self.names is not None and tuple(has) != self.names:
            raise ValueError(
                f"data: expected the columns the model was fitted on, {list(self.names)}, got {list(has)}. Pass "
                "x[model.feature_names_in_]."
            )
        return np.asarray(x) if has is not None and all(one.bare for one in self.all) else x


def members_of(model: Any) -> Members:
    """The members of an ensemble, of a pipeline or a wrapper around one, or of a list."""
    if isinstance(model, list | tuple):
        return _listed(model)
    check_classifier(model)
    held = inside(model)
    if held is not None:
        return members_of(held)
    if isinstance(model, Pipeline):
        inner = members_of(model.steps[-1][1])
        steps = (model[:-1].transform, *inner.steps) if len(model.steps) > 1 else inner.steps
        return replace(inner, steps=steps)
    if not isinstance(model, ENSEMBLES):
        refuse_single(model)
    if not isinstance(model.classes_, np.ndarray) or getattr(model, "n_outputs_", 1) > 1:
        raise ValueError(
            f"model: {type(model).__name__} was fitted on several outputs. Fit one for each: fit(x, y[:, i])."
        )
    names = getattr(model, "feature_names_in_", None)
    chance = None if isinstance(model, VotingClassifier) else model
    return Members((), _fitted(model), model.classes_, None if names is None else tuple(names), chance)


def _fitted(model: Any) -> tuple[Member, ...]:
    """The members that an ensemble holds."""
    if isinstance(model, CalibratedClassifierCV):  # each member gives all classes, in the order of the ensemble
        places = np.arange(len(model.classes_))
        return tuple(Member(one, places, None, _is_bare(one.estimator)) for one in model.calibrated_classifiers_)
    encoded = not isinstance(model, AdaBoostClassifier)  # the others' members know classes by number
    labels = np.arange(len(model.classes_)) if encoded else model.classes_
    columns = [None] * len(model.estimators_)
    if isinstance(model, BaggingClassifier):
        whole = np.arange(model.n_features_in_)
        columns = [None if np.array_equal(own, whole) else own for own in model.estimators_features_]
    bare = not isinstance(model, VotingClassifier)  # the others make an array of what they are fitted on
    return tuple(_member(one, labels, own, bare) for one, own in zip(model.estimators_, columns, strict=True))


def _listed(models: Sequence[Any]) -> Members:
    if not models:
        raise TypeError(f"model: expected {WANTED}, got an empty {type(models).__name__}.")
    for one in models:
        check_classifier(one)
        inside(one)
    labels = put_together(models)
    return Members((), tuple(_member(one, labels) for one in models), labels)


def _member(classifier: Any, labels: Array, columns: Array | None = None, bare: bool = False) -> Member:
    check_probabilities(classifier)
    return Member(classifier, places_of(classifier, labels), columns, bare or _is_bare(classifier))


def _is_bare(classifier: Any) -> bool:
    """Whether scikit-learn would warn of names it has not seen. A classifier of another library takes frames as they are."""
    if isinstance(classifier, Pipeline | BaseSearchCV) or not isinstance(classifier, BaseEstimator):
        return False
    return not hasattr(classifier, "feature_names_in_")


def _length(x: Any) -> int:
    return int(x.shape[0]) if getattr(x, "shape", ()) else len(x)


def batches_of(data: Any, size: int) -> Iterable[Any]:
    """Blocks of rows: cut from a sparse matrix, a data frame or an array, or the blocks that the data already is."""
    if not hasattr(data, "shape"):
        return as_batches(data, size, "an array, a sparse matrix, a data frame or blocks")
    data = data.tocsr() if issparse(data) else data
    rows = getattr(data, "iloc", data)
    return (rows[start : start + size] for start in range(0, data.shape[0], size))
