"""The classes of one classifier, and of several together. They must be of one output and of one type."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError

from alcore.adapting import Array


def classes_of(model: Any) -> Array:
    """(C,) the labels of a classifier's classes. ``classes_`` may be an attribute, a property or a list."""
    name, found = type(model).__name__, getattr(model, "classes_", None)
    if found is None and hasattr(model, "predict_proba"):
        raise NotFittedError(f"model: {name} has no classes_, so it is not fitted. Call its fit(x, y) first.")
    if found is None:
        raise TypeError(f"model: expected fitted classifiers, got {name}, which has no classes_. Fit it: fit(x, y).")
    if any(np.ndim(label) for label in found):
        raise TypeError(
            f"model: expected classifiers of one output, got {name}, fitted on several. Fit one for each: fit(x, y[:, i])."
        )
    return found if isinstance(found, np.ndarray) else _as_array(list(found))


def put_together(models: Sequence[Any]) -> Array:
    """(C,) the classes of several classifiers, sorted, each once. Classes of several types are refused: '1' may or may not be 1."""
    found = [classes_of(model) for model in models]
    first: dict[str, int] = {}  # the first member with labels of a type
    for number, labels in enumerate(found):
        for label in labels.tolist():
            first.setdefault(_type_of(label), number)
    if len(first) > 1:
        said = " and ".join(f"{kind} (member {number})" for kind, number in first.items())
        raise TypeError(
            f"model: expected members whose classes are of one type, got {said}. alcore does not guess whether '1', 1, 1.0 and "
            "True are one class. Fit all members on labels of one type: fit(x, y.astype(str))."
        )
    return np.unique(np.concatenate(found))


def places_of(model: Any, labels: Array) -> Array:
    """The places of a member's classes among the classes of all members."""
    place = {label: number for number, label in enumerate(labels.tolist())}
    own = classes_of(model).tolist()
    strange = [label for label in own if label not in place]
    if strange:
        raise ValueError(
            f"model: {type(model).__name__} has the class {strange[0]!r}, which the ensemble does not know. It knows "
            f"{list(place)}. Fit the ensemble again, all members at once."
        )
    return np.array([place[label] for label in own], dtype=np.intp)


def _as_array(labels: list[Any]) -> Array:
    mixed = len({_type_of(label) for label in labels}) > 1  # np.array would turn all into texts
    return np.array(labels, dtype=object if mixed else None)


def _type_of(label: Any) -> str:
    return type(label.item() if isinstance(label, np.generic) else label).__name__
