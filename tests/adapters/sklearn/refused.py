"""What a refusal may say: names of arguments that its reader can pass, to predict or to a class that it names."""

from __future__ import annotations

import re
from collections.abc import Iterable
from inspect import signature
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.utils import all_estimators

from tests.adapters.sklearn import stand_ins

CLASSES = {**dict(all_estimators()), **{name: one for name, one in vars(stand_ins).items() if isinstance(one, type)}}
TAKEN = set(signature(alcore_sklearn.predict).parameters)


def check_names(message: str) -> None:
    """Each ``name=`` is a parameter of `alcore_sklearn.predict`, or of a class that the message names."""
    taken = TAKEN.union(*(signature(CLASSES[one]).parameters for one in re.findall(r"\w+", message) if one in CLASSES))
    assert set(re.findall(r"(\w+)=", message)) <= taken, message


def predicted(model: Any, data: Any, **options: Any) -> np.ndarray:
    """All blocks, at once."""
    given = {"batch_size": 40, "progress": False, "dtype": "float64", **options}
    return np.concatenate(list(alcore_sklearn.predict(model, data, **given)))


def refused(model: Any, data: Any, match: str, errors: Any = (TypeError, ValueError), **options: Any) -> str:
    """The message with which a model is refused."""
    with pytest.raises(errors, match=match) as caught:
        predicted(model, data, **options)
    check_names(str(caught.value))
    return str(caught.value)


def fitted(model: Any, x: Any, y: Any, seeds: Iterable[int] = range(3), **settings: Any) -> list[Any]:
    """Models of a class, with a seed each."""
    return [model(random_state=seed, **settings).fit(x, y) for seed in seeds]
