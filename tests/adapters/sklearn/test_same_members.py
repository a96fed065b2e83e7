"""Members that are the same model are refused, with ways to others that work; those that differ never are."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    VotingClassifier,
)
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import alcore
from tests.adapters.sklearn.refused import check_names, fitted, predicted, refused
from tests.adapters.sklearn.stand_ins import (
    Boosted,
    CatBoostClassifier,
    ClosedClassifier,
    LGBMClassifier,
    XGBClassifier,
)
from tests.warned import what_one_says

X, NUMBERS = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]


def logistic(random_state: int | None = None, **settings: Any) -> LogisticRegression:
    return LogisticRegression(max_iter=500, random_state=random_state, **settings)


def bald(model: Any, data: Any = X) -> float:
    return float(alcore.bald(predicted(model, data)).max())


def histogram(**settings: Any) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(max_iter=3, **settings)


class Deaf(GaussianNB):
    """Takes the weights by which bagging draws rows, and does not use them."""

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        return super().fit(x, y)


SAME = {
    "XGBClassifier": XGBClassifier,
    "LGBMClassifier": LGBMClassifier,
    "LogisticRegression": logistic,
    "HistGradientBoostingClassifier": histogram,
    "GridSearchCV": lambda random_state: GridSearchCV(logistic(random_state), {"C": [1.0, 2.0]}, cv=2),
    "Pipeline": lambda random_state: make_pipeline(StandardScaler(), logistic(random_state)),
    "KNeighborsClassifier": lambda random_state: KNeighborsClassifier(),
    "MLPClassifier": lambda random_state: MLPClassifier(3, random_state=0, max_iter=2, solver="lbfgs"),
    "BaggingClassifier": lambda random_state: BaggingClassifier(GaussianNB(), 2, bootstrap=False),
}


@pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")
@pytest.mark.parametrize("name", SAME)
def test_a_list_of_one_and_the_same_model_is_refused(name: str) -> None:
    """Fitted with different seeds, which change nothing in them."""
    said = refused(fitted(SAME[name], X, Y), X, f"all 3 members are the same {name}.*BaggingClassifier")
    assert "bootstrap sample" in said


WAYS = {
    "GradientBoostingClassifier(subsample=0.5, random_state=i)": (GradientBoostingClassifier, {"subsample": 0.5}),
    "HistGradientBoostingClassifier(max_features=0.5, random_state=i)": (histogram, {"max_features": 0.5}),
    "XGBClassifier(subsample=0.5, random_state=i)": (XGBClassifier, {"subsample": 0.5}),
    "LGBMClassifier(subsample=0.5, subsample_freq=1, random_state=i)": (
        LGBMClassifier,
        {"subsample": 0.5, "subsample_freq": 1},
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_ways_to_members_that_differ_work(way: str) -> None:
    """Lists with what the refusals name, bootstrap samples by hand, and BaggingClassifier."""
    make, settings = WAYS[way]
    one = make(random_state=0).fit(X, Y)
    same = refused([one, one], X, "all 2 members are the same.*BaggingClassifier does, or pass a list of")
    assert way in same
    assert bald(fitted(make, X, Y, **settings)) > 0
    rows = np.random.default_rng(0).integers(len(X), size=(3, len(X)))
    assert bald([make().fit(X[one], Y[one]) for one in rows]) > 0
    assert bald(BaggingClassifier(make(), 3, random_state=0).fit(X, Y)) > 0
    if not isinstance(one, Boosted):
        assert way in refused(one, X, "is a sum of trees")


def test_some_members_that_are_the_same_are_named() -> None:
    """In a list and in a vote, where each was chosen; weights of alcore count a draw twice."""
    first, other, again = (logistic(C=c).fit(X, Y) for c in (1.0, 0.1, 1.0))
    refused([first, other, again], X, "members 0 and 2 are the same LogisticRegression.*weights", ValueError)
    refused([first, first, other, again, other], X, "members 0, 1 and 3; members 2 and 4 are the same")
    vote = VotingClassifier([("a", logistic()), ("b", GaussianNB()), ("c", logistic())]).fit(X, Y)
    refused(vote, X, "members 0 and 2")
    found = predicted([first, other], X)
    np.testing.assert_allclose(
        alcore.bald(found, weights=[2, 1]), alcore.bald(found[..., [0, 1, 0]]), rtol=1e-6, atol=1e-9
    )


def test_ensembles_that_drew_nothing_are_refused_with_what_makes_them_draw() -> None:
    """By forests without bootstrap and with all features, by bagging of all rows, by members that rows do not change."""
    forest = RandomForestClassifier(3, bootstrap=False, max_features=None, max_depth=1, random_state=0).fit(X[:, :1], Y)
    refused(forest, X[:, :1], r"members are the same Decision.*Fit RandomForestClassifier\(bootstrap=True\)")
    assert bald(RandomForestClassifier(3, bootstrap=True, random_state=0).fit(X, Y)) > 0
    bagging = BaggingClassifier(GaussianNB(), 3, bootstrap=False).fit(X, Y)
    refused(bagging, X, r"Fit BaggingClassifier\(bootstrap=True\)")
    assert bald(BaggingClassifier(GaussianNB(), 3, bootstrap=True, random_state=0).fit(X, Y)) > 0
    refused(BaggingClassifier(Deaf(), 3).fit(X, Y), X, r"BaggingClassifier\(DecisionTreeClassifier\(\)\)")
    assert bald(BaggingClassifier(DecisionTreeClassifier(), 3, random_state=0).fit(X, Y)) > 0


def test_members_of_an_ensemble_may_coincide_by_chance() -> None:
    """At a cold start, few rows have few bootstrap samples."""
    few = np.r_[0:2, 60:62]
    model = BaggingClassifier(DecisionTreeClassifier(), 30, random_state=0).fit(X[few], Y[few])
    trees = {tree.tree_.threshold.tobytes() + tree.classes_.tobytes() for tree in model.estimators_}
    assert len(trees) < 30
    assert predicted(model, X).shape == (150, 2, 30)


@pytest.mark.parametrize("rows", [1, 5])
def test_members_that_are_all_sure_of_few_rows_are_not_the_same(rows: int) -> None:
    """A forest of any kind, bagging, and lists: neither refused nor warned of."""
    forest = RandomForestClassifier(20, random_state=0).fit(X, Y)
    trees = [DecisionTreeClassifier(max_features=1, random_state=seed).fit(X, Y) for seed in range(3)]
    extra = ExtraTreesClassifier(20, random_state=0).fit(X, Y)
    bagging = BaggingClassifier(KNeighborsClassifier(1), 7, random_state=0).fit(X, Y)
    for model in (forest, trees, extra, bagging):
        found = predicted(model, X[:rows])
        assert (found == found[..., :1]).all()
        assert predicted(model, X, batch_size=rows).shape[0] == 150


@pytest.mark.parametrize("make", [CatBoostClassifier, ClosedClassifier, GradientBoostingClassifier, AdaBoostClassifier])
def test_members_that_never_differ_are_warned_of_at_the_end(make: Any) -> None:
    """Where their state cannot be compared, or differs in what changes nothing: once, after the last block."""
    models = fitted(make, X, Y)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        found = predicted(models, X)
    assert (found == found[..., :1]).all()
    said = what_one_says(caught, UserWarning)
    assert f"all 3 members predict exactly the same for all {len(X)} rows" in said
    check_names(said)


def test_members_that_differ_late_are_not_warned_of() -> None:
    """Rows of the first block are no more than a part."""
    models = [KNeighborsClassifier(k).fit(X, Y) for k in (1, 3, 9)]
    assert (np.ptp(predicted(models, X)[:40], axis=-1) == 0).all()
    assert bald(models) > 0


@pytest.mark.filterwarnings("ignore:divide by zero:RuntimeWarning")  # in AdaBoost's logarithm of a probability 0
def test_ensembles_of_one_member_are_warned_of_unless_one_is_meant() -> None:
    """Boosting stops at a first member that makes no mistake; the remedies of the warning work."""
    x, y = X[:100], Y[:100]
    model = AdaBoostClassifier(n_estimators=50).fit(x, y)
    assert len(model.estimators_) == 1
    with pytest.warns(UserWarning, match="AdaBoostClassifier has one member.*BaggingClassifier around it") as caught:
        assert predicted(model, x).shape == (100, 2, 1)
    check_names(what_one_says(caught, UserWarning))
    assert predicted(model, x, draws=1).shape == (100, 2, 1)
    assert bald(BaggingClassifier(model, 5, max_features=2, random_state=0).fit(X, Y)) > 0


def test_the_states_of_boosted_trees_are_their_trees() -> None:
    """Inside BaggingClassifier too; whether the library says its classes by a property or as a list."""
    for make in (XGBClassifier, LGBMClassifier):
        model = BaggingClassifier(make(), 4, random_state=0).fit(X, NUMBERS)
        np.testing.assert_allclose(predicted(model, X).mean(axis=-1), model.predict_proba(X), atol=1e-6)
        same = BaggingClassifier(make(), 4, bootstrap=False).fit(X, NUMBERS)
        refused(same, X, f"same {make.__name__}")
