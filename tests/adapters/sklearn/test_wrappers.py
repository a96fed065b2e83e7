"""What is around an ensemble: opened where it predicts as what is in it, else refused with a way that works."""

from __future__ import annotations

from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.calibration import CalibratedClassifierCV
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.decomposition import PCA
from sklearn.ensemble import (
    BaggingClassifier,
    IsolationForest,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
)
from sklearn.experimental import enable_halving_search_cv  # noqa: F401 - what makes the search below importable
from sklearn.frozen import FrozenEstimator
from sklearn.gaussian_process import GaussianProcessClassifier
from sklearn.linear_model import LogisticRegression, RidgeClassifier
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import (
    FixedThresholdClassifier,
    GridSearchCV,
    HalvingGridSearchCV,
    RandomizedSearchCV,
    TunedThresholdClassifierCV,
)
from sklearn.multiclass import OneVsRestClassifier, OutputCodeClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import alcore
from tests.adapters.sklearn.refused import check_names, predicted, refused
from tests.adapters.sklearn.stand_ins import XGBClassifier

X, NUMBERS = load_iris(return_X_y=True)
TWO = np.array(["no", "yes"])[(NUMBERS > 0).astype(int)]
FOREST = RandomForestClassifier(5, random_state=0)
LOGISTIC = LogisticRegression(max_iter=500)
BOTH = np.stack([NUMBERS > 0, NUMBERS > 1], axis=1)


def bald(model: Any) -> float:
    return float(alcore.bald(predicted(model, X)).max())


OPENED = {
    "frozen": lambda: FrozenEstimator(FOREST.fit(X, TWO)),
    "a fixed threshold": lambda: FixedThresholdClassifier(FOREST, threshold=0.3).fit(X, TWO),
    "a tuned threshold": lambda: TunedThresholdClassifierCV(FOREST, cv=2).fit(X, TWO),
    "a threshold around a pipeline": lambda: FixedThresholdClassifier(make_pipeline(StandardScaler(), FOREST)).fit(
        X, TWO
    ),
    "a pipeline around a threshold": lambda: make_pipeline(StandardScaler(), FixedThresholdClassifier(FOREST)).fit(
        X, TWO
    ),
    "a search at random": lambda: RandomizedSearchCV(FOREST, {"max_depth": [2, 3]}, n_iter=1, cv=2).fit(X, TWO),
    "a halving search": lambda: HalvingGridSearchCV(FOREST, {"max_depth": [2, 3]}, cv=2).fit(X, TWO),
}


@pytest.mark.parametrize("name", OPENED)
def test_wrappers_have_the_members_of_what_is_in_them(name: str) -> None:
    """One inside the other too; a list of wrappers has a draw each."""
    model = OPENED[name]()
    found = predicted(model, X)
    assert found.shape == (150, 2, 5)
    np.testing.assert_allclose(found.mean(axis=-1), model.predict_proba(X), atol=1e-12)
    assert alcore_sklearn.classes(model).tolist() == ["no", "yes"]
    np.testing.assert_array_equal(predicted([model], X)[..., 0], model.predict_proba(X))


def test_calibrated_classifiers_are_the_draws_of_a_calibration() -> None:
    """One for each fold, calibrated, not the trees in them; without an ensemble there is one, of which a warning tells."""
    for inner, labels in (
        (FOREST, TWO),
        (RidgeClassifier(), NUMBERS),
        (make_pipeline(StandardScaler(), GaussianNB()), TWO),
    ):
        model = CalibratedClassifierCV(inner, cv=4).fit(X, labels)
        found = predicted(model, X)
        assert found.shape[-1] == 4
        np.testing.assert_allclose(found.mean(axis=-1), model.predict_proba(X), atol=1e-12)
        assert alcore.bald(found).max() > 0
    one = CalibratedClassifierCV(FOREST, ensemble=False).fit(X, TWO)
    with pytest.warns(UserWarning, match="CalibratedClassifierCV has one member"):
        assert predicted(one, X).shape == (150, 2, 1)
    assert bald(BaggingClassifier(one, 3, random_state=0).fit(X, TWO)) > 0


def test_a_search_that_kept_no_model_is_refused() -> None:
    """By itself, and in a list."""
    search = GridSearchCV(FOREST, {"max_depth": [2]}, cv=2, refit=False).fit(X, TWO)
    for model in (search, [search]):
        refused(model, X, r"GridSearchCV was fitted with refit=False.*Fit it with refit=True")
    assert bald(GridSearchCV(FOREST, {"max_depth": [2]}, cv=2, refit=True).fit(X, TWO)) > 0


def test_models_of_several_outputs_are_refused_with_a_way_for_each() -> None:
    """Each way is gone."""
    several = MultiOutputClassifier(FOREST).fit(X, BOTH)
    said = refused(several, X, "has a classifier for each output. Pass one at a time", TypeError)
    assert "alcore_sklearn.predict(model.estimators_[i], x)" in said
    assert all(predicted(several.estimators_[i], X).shape == (150, 2, 5) for i in range(2))
    chain = ClassifierChain(FOREST).fit(X, BOTH)
    refused(chain, X, "takes the labels before it as features. Fit MultiOutputClassifier around an ensemble")
    for model in (several, chain, FOREST.fit(X, BOTH)):
        refused([model], X, r"of one output, got \w+, fitted on several. Fit one for each: fit\(x, y\[:, i\]\)")
    refused(FOREST.fit(X, BOTH), X, r"several outputs. Fit one for each: fit\(x, y\[:, i\]\)", ValueError)
    assert bald(FOREST.fit(X, BOTH[:, 1])) > 0


SINGLE = {
    "OneVsRestClassifier": OneVsRestClassifier(LOGISTIC),
    "StackingClassifier": StackingClassifier([("bayes", GaussianNB()), ("logistic", LOGISTIC)], cv=2),
    "GaussianProcessClassifier": GaussianProcessClassifier(),
    "MLPClassifier": MLPClassifier((3,), solver="lbfgs", max_iter=400, random_state=0),
    "LogisticRegression": LOGISTIC,
    "XGBClassifier": XGBClassifier(),
}


@pytest.mark.parametrize("name", SINGLE)
def test_single_classifiers_are_refused_with_bagging_and_with_lists(name: str) -> None:
    """Each way is gone; one draw has a BALD of 0, as the refusal says."""
    model = SINGLE[name].fit(X, NUMBERS)
    refused(model, X, rf"got {name}\. Pass \[model\] for one draw, whose BALD is 0.*BaggingClassifier around")
    assert bald([model]) == 0
    assert bald(BaggingClassifier(model, 3, random_state=0).fit(X, NUMBERS)) > 0


def test_a_single_classifier_in_a_pipeline_is_refused_and_listed() -> None:
    """A list of pipelines has a draw each."""
    pipeline = make_pipeline(StandardScaler(), LOGISTIC).fit(X, NUMBERS)
    refused(pipeline, X, r"got LogisticRegression\. Pass \[model\] for one draw")
    assert predicted([pipeline], X).shape == (150, 3, 1)
    other = make_pipeline(StandardScaler(), LOGISTIC).fit(X[::2], NUMBERS[::2])
    found = predicted([pipeline, make_pipeline(PCA(2), GaussianNB()).fit(X, NUMBERS), other], X)
    np.testing.assert_array_equal(found[..., 2], other.predict_proba(X))


def test_classifiers_without_probabilities_are_refused_with_what_gives_them() -> None:
    """By themselves, in a list and in bagging: calibrated, or another one."""
    ridge, codes = RidgeClassifier().fit(X, NUMBERS), OutputCodeClassifier(LOGISTIC, random_state=0).fit(X, NUMBERS)
    for model in (ridge, [ridge], BaggingClassifier(RidgeClassifier(), 3).fit(X, NUMBERS)):
        refused(model, X, r"RidgeClassifier has no predict_proba. Fit CalibratedClassifierCV\(RidgeClassifier\(\)\)")
    calibrated = CalibratedClassifierCV(RidgeClassifier())
    assert bald(calibrated.fit(X, NUMBERS)) > 0
    assert bald([calibrated, GaussianNB().fit(X, NUMBERS)]) > 0
    assert bald(BaggingClassifier(calibrated, 3, random_state=0).fit(X, NUMBERS)) > 0
    for model in (codes, [codes]):
        refused(model, X, r"OutputCodeClassifier has no predict_proba.*BaggingClassifier\(LogisticRegression\(\)\)")
    assert bald(BaggingClassifier(LOGISTIC, 3, random_state=0).fit(X, NUMBERS)) > 0


OTHERS = {
    "RandomForestRegressor is a regressor: it predicts numbers. Pass kind='mean'": RandomForestRegressor(2),
    "KMeans is a clusterer": KMeans(2, n_init=1),
    "IsolationForest is an outlier detector": IsolationForest(n_estimators=2),
    "GaussianMixture is a density estimator": GaussianMixture(2),
    r"PCA is a transformer.*make_pipeline\(PCA\(n_components=2\), RandomForestClassifier\(\)\)": PCA(2),
    "Pipeline is a regressor": make_pipeline(StandardScaler(), RandomForestRegressor(2)),
}


@pytest.mark.parametrize("match", OTHERS)
def test_what_is_no_classifier_is_named_as_what_it_is(match: str) -> None:
    """By itself and in a list; what is to be taken in its place works."""
    model = OTHERS[match].fit(X, NUMBERS)
    assert "RandomForestClassifier()" in refused(model, X, match, TypeError)
    refused([model], X, match, TypeError)
    assert bald(RandomForestClassifier(random_state=0).fit(X, NUMBERS)) > 0
    assert bald(make_pipeline(PCA(), RandomForestClassifier(5, random_state=0)).fit(X, NUMBERS)) > 0


class Bare:
    """Has what an estimator has, and was fitted on nothing."""

    def fit(self, x: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        return np.full((len(x), len(self.classes_)), 1 / len(self.classes_))


class Network:
    """Of a library that is not like scikit-learn."""

    def fit(self, x: Any, y: Any) -> None:
        raise AssertionError


def test_classes_networks_and_classifiers_that_were_not_fitted_are_refused() -> None:
    """Each in a sentence."""
    said = refused(
        RandomForestClassifier, X, r"got the class RandomForestClassifier itself.*RandomForestClassifier\(\)\.fit"
    )
    check_names(said)
    refused([GaussianNB], X, "got the class GaussianNB itself")
    refused([Bare()], X, r"Bare has no classes_, so it is not fitted. Call its fit\(x, y\) first")
    assert predicted([Bare().fit(X, NUMBERS), GaussianNB().fit(X, NUMBERS)], X).shape == (150, 3, 2)
    refused([Network()], X, "expected fitted classifiers, got Network, which has no classes_")
    refused(Network(), X, "Network has no predict_proba")
