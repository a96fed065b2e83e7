"""Classes: fewer in some members, of one type in all, and two at least."""

from __future__ import annotations

from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.tree import DecisionTreeClassifier

import alcore
from tests.adapters.sklearn.refused import predicted, refused
from tests.adapters.sklearn.stand_ins import CatBoostClassifier, XGBClassifier

X, NUMBERS = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]


class Rare(DecisionTreeClassifier):
    """Takes no weights, so that bagging fits it on the rows that it drew, and on their classes alone."""

    def fit(self, x: Any, y: Any) -> Any:
        return super().fit(x, y)


def test_members_that_met_one_class_give_it_all() -> None:
    """In bagging and in a list, at a cold start where a class is rare; means are those of the ensemble."""
    rows = np.r_[0:6, 60]
    model = BaggingClassifier(Rare(), 20, random_state=0).fit(X[rows], Y[rows])
    assert {len(one.classes_) for one in model.estimators_} == {1, 2}
    found = predicted(model, X)
    np.testing.assert_allclose(found.mean(axis=-1), model.predict_proba(X), atol=1e-12)
    one, other = (DecisionTreeClassifier().fit(X[rows], Y[rows]) for rows in (slice(0, 50), slice(50, 150)))
    found = predicted([one, other], X)
    assert (found[:, 0, 0] == 1).all()
    assert (found[:, 1:, 0] == 0).all()
    np.testing.assert_array_equal(found[:, 1:, 1], other.predict_proba(X))
    forest = RandomForestClassifier(5, random_state=0).fit(X[rows], Y[rows])
    np.testing.assert_allclose(predicted(forest, X).mean(axis=-1), forest.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("make", [RandomForestClassifier, lambda: BaggingClassifier(DecisionTreeClassifier())])
def test_a_model_of_one_class_is_refused_with_what_to_do(make: Any) -> None:
    """Which is done; its class can be asked for."""
    model = make().fit(X[:50], Y[:50])
    for one in (model, [model, DecisionTreeClassifier().fit(X[:50], Y[:50])]):
        refused(one, X, "fitted on one class, 'setosa'.*Label rows of a second class", ValueError)
        assert alcore_sklearn.classes(one).tolist() == ["setosa"]
    assert predicted(make().fit(X[:55], Y[:55]), X).shape[1] == 2


MIXED = {
    "int (member 0) and str (member 2)": (int, int, str),
    "int (member 0) and float (member 1)": (int, float, float),
    "bool (member 0) and int (member 1)": (bool, int, int),
}


@pytest.mark.parametrize("said", MIXED)
def test_classes_of_several_types_are_refused_by_their_types(said: str) -> None:
    """Whether "1" is 1 is not guessed; labels of one type are the remedy."""
    labels = [(NUMBERS > 0).astype(kind) if kind is bool else NUMBERS.astype(kind) for kind in MIXED[said]]
    parts = [slice(start, None, 3) for start in range(3)]
    models = [GaussianNB().fit(X[one], own[one]) for one, own in zip(parts, labels, strict=True)]
    for asked in (lambda: predicted(models, X), lambda: alcore_sklearn.classes(models)):
        with pytest.raises(TypeError) as caught:
            asked()
        assert f"classes are of one type, got {said}" in str(caught.value)
    assert "y.astype(str)" in refused(models, X, "one type")
    again = [GaussianNB().fit(X[one], NUMBERS.astype(str)[one]) for one in parts]
    assert alcore_sklearn.classes(again).tolist() == ["0", "1", "2"]
    assert alcore.bald(predicted(again, X)).max() > 0


def test_texts_are_the_same_classes_whatever_holds_them() -> None:
    """NumPy's texts, objects and texts of another width; numbers of another width too; a list of classes."""
    objects = np.array([np.str_(label) if place % 2 else str(label) for place, label in enumerate(Y)], dtype=object)
    models = [GaussianNB().fit(X[start::3], own[start::3]) for start, own in enumerate((Y, objects, Y.astype("U40")))]
    assert alcore_sklearn.classes(models).tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_array_equal(predicted(models, X)[..., 1], models[1].predict_proba(X))
    numbers = [GaussianNB().fit(X[start::2], NUMBERS[start::2].astype(kind)) for start, kind in enumerate(("u1", "i8"))]
    assert alcore_sklearn.classes(numbers).tolist() == [0, 1, 2]
    boosted = [XGBClassifier().fit(X[::2], Y[::2]), CatBoostClassifier().fit(X[1::2], objects[1::2])]
    assert alcore_sklearn.classes(boosted).tolist() == ["setosa", "versicolor", "virginica"]
    assert predicted(boosted, X).shape == (150, 3, 2)
    truth = [
        LogisticRegression(max_iter=500).fit(X[rows], NUMBERS[rows] > 0) for rows in (slice(0, 80), slice(30, 150))
    ]
    assert alcore_sklearn.classes(truth).tolist() == [False, True]


class Mixed(CatBoostClassifier):
    """Its classes are a list of what it was given."""

    @property
    def classes_(self) -> list[Any]:
        return [1, "1"]


class Renamed(GaussianNB):
    """Knows classes by other names than it was fitted on."""

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        super().fit(x, y, sample_weight)
        self.classes_ = self.classes_ + 7
        return self


def test_classes_that_a_member_mixes_or_renames_are_refused() -> None:
    """Texts are not made of numbers in silence; a member's classes are those of the ensemble."""
    refused([Mixed().fit(X, NUMBERS > 0)], X, r"got int \(member 0\) and str \(member 0\)")
    model = BaggingClassifier(Renamed(), 3).fit(X, NUMBERS)
    refused(model, X, "Renamed has the class 7, which the ensemble does not know")
