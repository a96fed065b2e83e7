"""Every remedy that `alcore_sklearn` prints is run. A refusal with code that no case raises fails."""

from __future__ import annotations

from typing import Any

import alcore_sklearn
import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, BaggingRegressor, RandomForestClassifier
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, WhiteKernel
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import all_estimators

import alcore
from tests.adapters.sklearn.refused import predicted
from tests.adapters.sklearn.remedy_cases import OF_SKLEARN
from tests.adapters.sklearn.stand_ins import LGBMClassifier
from tests.remedies import ROOT, Case, texts_of
from tests.remedy_runs import check_remedy, missing, refused

X, Y = (part[::3][:60] for part in load_iris(return_X_y=True))
X, Y = np.concatenate([X, X[:10] + 0.1]), np.concatenate([Y, Y[:10]])
NUMBERS = X @ [1.0, -2.0, 0.5, 1.0] + np.sin(9 * X[:, 0])
FRAME = pd.DataFrame(X, columns=list("abcd"))
TEXTS = [f"{'good' if i % 3 else 'bad'} film {'again' if i % 2 else ''}" for i in range(60)]


def shown(model: Any, x: Any = X) -> list[bool]:
    """Whether the draws are what the members predict, and whether they differ."""
    found = predicted(model, x)
    if isinstance(model, list):
        own = np.allclose(found, np.stack([one.predict_proba(x) for one in model], axis=-1))
    else:
        own = np.allclose(found.mean(axis=-1), model.predict_proba(x))
    return [own, bool(alcore.bald(found).max() > 1e-3)]


def shown_means(model: Any) -> list[bool]:
    found = predicted(model, X, kind="mean")[:, 0]
    if isinstance(model, list):
        own = np.allclose(found, np.stack([one.predict(X) for one in model], axis=-1))
    else:
        own = np.allclose(found.mean(axis=-1), model.predict(X))
    return [own, bool(found.var(axis=-1).max() > 1e-6)]


class Unfitted:
    """A classifier of another library before it is fitted."""

    def fit(self, x: Any, y: Any) -> Any: ...

    def predict_proba(self, x: Any) -> Any: ...


class Network:
    """Of a library that is not like scikit-learn."""

    def fit(self, x: Any, y: Any) -> Any: ...


class Deaf(GaussianNB):
    """Takes the weights by which bagging draws rows, and does not use them."""

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, Y)


class DeafLine(LinearRegression):
    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(X, NUMBERS)


@pytest.fixture(scope="module")
def fitted() -> dict[str, Any]:
    """Everything that cases name."""
    own = (alcore_sklearn, make_pipeline, shown, shown_means, Unfitted, Network, RBF, GridSearchCV, LGBMClassifier)
    forest = RandomForestClassifier(5, random_state=0)
    process = GaussianProcessRegressor(RBF(1.0), alpha=0.5, optimizer=None)
    noisy = GaussianProcessRegressor(RBF(1.0) + WhiteKernel(), optimizer=None)
    return {
        **dict(all_estimators()),
        **{one.__name__: one for one in own},
        "np": np,
        "numpy": np,
        "predict": predicted,
        "first_of": lambda model: predicted(model, X)[..., :1],
        "x": X,
        "y": Y,
        "numbers": NUMBERS,
        "both": np.stack([NUMBERS > 0, np.sin(9 * X[:, 0]) > 0], axis=1),
        "frame": FRAME,
        "texts": TEXTS,
        "of_texts": make_pipeline(CountVectorizer(), RandomForestClassifier(5)).fit(TEXTS, Y[:60]),
        "forest": forest.fit(X, Y),
        "forest_of_frame": RandomForestClassifier(5).fit(FRAME, Y),
        "columns": ColumnTransformer([("scaled", StandardScaler(), [0, 1])]),
        "logistic": LogisticRegression(max_iter=500),
        "process": process.fit(X[:30], NUMBERS[:30]),
        "noisy": noisy.fit(X[:30], NUMBERS[:30]),
        "deaf": BaggingClassifier(Deaf(), 3).fit(X, Y),
        "deaf_regressor": BaggingRegressor(DeafLine(), 3).fit(X, NUMBERS),
    }


@pytest.mark.parametrize("case", OF_SKLEARN, ids=lambda case: f"{case.call} | {case.remedy}")
def test_the_remedy_gives_what_the_definition_says(case: Case, fitted: dict[str, Any]) -> None:
    check_remedy(case, dict(fitted))


def test_every_text_with_code_is_raised_by_a_case(fitted: dict[str, Any]) -> None:
    said = [refused(case, dict(fitted)) for case in OF_SKLEARN]
    left = missing(texts_of(sorted((ROOT / "adapters" / "alcore_sklearn").glob("*.py"))), (), said)
    assert not left, "\n".join(left)
