"""What the scikit-learn adapter has to know: where ensembles keep their members, and what those call their classes."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from scipy.sparse import coo_matrix, csc_matrix, csr_matrix
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_iris
from sklearn.ensemble import (
    AdaBoostClassifier,
    BaggingClassifier,
    ExtraTreesClassifier,
    GradientBoostingClassifier,
    HistGradientBoostingClassifier,
    RandomForestClassifier,
    RandomForestRegressor,
    StackingClassifier,
    VotingClassifier,
)
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression, Ridge, RidgeClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

import alcore
from tests.adapters.framework import Picks

X, NUMBERS = load_iris(return_X_y=True)
Y = np.array(["setosa", "versicolor", "virginica"])[NUMBERS]
LOGISTIC = LogisticRegression(max_iter=500)


def predict(model: Any, data: Any = X, **options: Any) -> np.ndarray:
    given = {"batch_size": 40, "progress": False, "dtype": "float64", **options}
    return np.concatenate(list(alcore_sklearn.predict(model, data, **given)))


AVERAGED = {
    "forest": RandomForestClassifier(7, random_state=0),
    "extra trees": ExtraTreesClassifier(7, random_state=0),
    "bagging": BaggingClassifier(GaussianNB(), 7, random_state=0),
    "bagging of features": BaggingClassifier(GaussianNB(), 7, max_features=2, bootstrap_features=True, random_state=0),
    "bagging of few rows": BaggingClassifier(KNeighborsClassifier(1), 7, max_samples=3, random_state=0),
    "bagging of pipelines": BaggingClassifier(make_pipeline(StandardScaler(), GaussianNB()), 7, random_state=0),
    "voting": VotingClassifier([("logistic", LOGISTIC), ("bayes", GaussianNB()), ("none", "drop")], voting="soft"),
}


@pytest.mark.parametrize("labels", [NUMBERS, NUMBERS * 10 - 7, Y], ids=["numbers", "other numbers", "strings"])
@pytest.mark.parametrize("name", AVERAGED)
def test_the_mean_over_members_is_what_the_ensemble_predicts(name: str, labels: np.ndarray) -> None:
    """Whatever the labels are: numbers from 0, other numbers, strings."""
    model = AVERAGED[name].fit(X, labels)
    found = predict(model)
    assert found.shape == (150, 3, len(model.estimators_))
    np.testing.assert_allclose(found.mean(axis=-1), model.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(alcore_sklearn.classes(model), model.classes_)
    assert len(alcore.BALD().select(found, k=5)) == 5


def test_members_that_never_met_a_class_give_it_probability_zero() -> None:
    """In bagging, and in a list of classifiers of other classes."""
    few = AVERAGED["bagging of few rows"].fit(X, Y)
    assert any(len(one.classes_) < 3 for one in few.estimators_)
    np.testing.assert_allclose(predict(few).sum(axis=1), 1)
    two, other = LogisticRegression().fit(X[:100], Y[:100]), LogisticRegression().fit(X[50:], Y[50:])
    found = predict([two, other])
    assert alcore_sklearn.classes((two, other)).tolist() == ["setosa", "versicolor", "virginica"]
    np.testing.assert_allclose(found[:, :2, 0], two.predict_proba(X))
    np.testing.assert_allclose(found[:, 1:, 1], other.predict_proba(X))
    assert (found[:, 2, 0] == 0).all()
    assert (found[:, 0, 1] == 0).all()


def test_adaboost_and_voting_by_count_have_their_members_as_draws() -> None:
    """Though what they predict is no mean over members."""
    boosted = AdaBoostClassifier(n_estimators=6, random_state=0).fit(X, Y)
    found = predict(boosted)
    assert found.shape == (150, 3, len(boosted.estimators_))
    np.testing.assert_array_equal(found[..., 2], boosted.estimators_[2].predict_proba(X))
    hard = VotingClassifier([("logistic", LOGISTIC), ("bayes", GaussianNB())]).fit(X, Y)
    np.testing.assert_array_equal(predict(hard)[..., 1], hard.estimators_[1].predict_proba(X))


def test_pipelines_and_searches_have_the_members_of_the_ensemble_they_end_in() -> None:
    """One inside the other, too."""
    pipeline = make_pipeline(StandardScaler(), StandardScaler(), AVERAGED["forest"]).fit(X, Y)
    search = GridSearchCV(pipeline, {"randomforestclassifier__max_depth": [2, 3]}, cv=2).fit(X, Y)
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), AVERAGED["voting"])).fit(X, Y)
    inner = make_pipeline(GridSearchCV(AVERAGED["extra trees"], {"max_depth": [2]}, cv=2)).fit(X, Y)
    for model in (pipeline, search, nested, inner):
        np.testing.assert_allclose(predict(model).mean(axis=-1), model.predict_proba(X), atol=1e-12)
    np.testing.assert_array_equal(predict([pipeline, nested])[..., 1], nested.predict_proba(X))


def test_draws_are_the_first_members() -> None:
    """Of at most as many as there are, whatever the seed and the kind of draws."""
    model = AVERAGED["forest"].fit(X, Y)
    np.testing.assert_array_equal(predict(model, draws=3), predict(model)[..., :3])
    np.testing.assert_array_equal(predict(model, consistent=False, seed=5), predict(model))
    with pytest.raises(ValueError, match="at most 7, the members of RandomForestClassifier, got 8"):
        predict(model, draws=8)
    with pytest.raises(ValueError, match="draws"):
        predict(model, draws=0)


@pytest.mark.parametrize("kind", [csr_matrix, csc_matrix, coo_matrix])
@pytest.mark.parametrize("name", ["forest", "bagging of features", "voting"])
def test_sparse_matrices_predict_as_dense_ones_in_blocks_of_any_size(kind: Any, name: str) -> None:
    """Of three formats."""
    model = AVERAGED[name]
    if name == "bagging of features":
        model = BaggingClassifier(DecisionTreeClassifier(), 5, max_features=2, random_state=0)
    if name == "voting":
        model = VotingClassifier([("logistic", LOGISTIC), ("tree", DecisionTreeClassifier())])
    model.fit(kind(X), Y)
    np.testing.assert_allclose(predict(model, kind(X)), predict(model, kind(X), batch_size=150), atol=1e-12)
    np.testing.assert_allclose(predict(model, kind(X))[..., 0], predict(model)[..., 0], atol=1e-6)


class Frame:
    """What a data frame is, as far as scikit-learn and the adapter ask."""

    def __init__(self, values: np.ndarray, columns: list[str]) -> None:
        self.values, self.columns, self.shape, self.dtypes = (
            values,
            columns,
            values.shape,
            [values.dtype] * len(columns),
        )

    def __len__(self) -> int:
        return len(self.values)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(self.values, dtype=dtype)

    @property
    def iloc(self) -> Any:
        frame = self

        class Rows:
            def __getitem__(self, rows: slice) -> Frame:
                return Frame(frame.values[rows], frame.columns)

        return Rows()


@pytest.fixture
def named(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Frames whose names scikit-learn sees, as it does those of pandas."""
    pandas = sys.modules.get("pandas")
    if pandas is not None:
        return lambda values, columns: pandas.DataFrame(values, columns=columns)
    import sklearn.utils.validation as validation

    def names(x: Any) -> Any:
        return np.asarray(x.columns, dtype=object) if isinstance(x, Frame) else None

    monkeypatch.setattr(validation, "_get_feature_names", names)
    return Frame


@pytest.mark.parametrize("name", [name for name in AVERAGED if name != "bagging of pipelines"])
def test_data_frames_reach_members_with_the_names_they_were_fitted_on(name: str, named: Any) -> None:
    """Or as arrays where they were fitted on arrays; other names are refused."""
    columns = ["a", "b", "c", "d"]
    frame, turned = named(X, columns), named(X[:, ::-1], columns[::-1])
    model = AVERAGED[name].fit(X, Y)
    expected = predict(model)
    np.testing.assert_array_equal(
        predict(model, frame), expected
    )  # names are new to it: an array is made, nothing is warned of
    model.fit(frame, Y)
    np.testing.assert_allclose(predict(model, frame), expected, atol=1e-12)
    with pytest.raises(ValueError, match=r"columns the model was fitted on, \['a', 'b', 'c', 'd'\], got \['d'"):
        predict(model, turned)
    members = [LogisticRegression(max_iter=500).fit(frame, Y), GaussianNB().fit(X, Y)]
    assert predict(members, frame).shape == (150, 3, 2)


def test_batches_and_files_hold_the_same_bits(tmp_path: Path) -> None:
    """Batches with labels, with ``inputs=``, and a file; what is no data is refused."""
    model = AVERAGED["forest"].fit(X, Y)
    expected = predict(model)
    cut = [slice(start, start + 40) for start in range(0, 150, 40)]
    for batches in ([X[one] for one in cut], ((X[one], Y[one]) for one in cut)):
        np.testing.assert_array_equal(predict(model, batches), expected)
    np.testing.assert_array_equal(predict(model, [{"x": X}], inputs=lambda batch: batch["x"]), expected)
    written = alcore_sklearn.predict(
        model, X, out=tmp_path / "preds.npy", batch_size=40, dtype="float64", progress=False
    )
    np.testing.assert_array_equal(written, expected)
    with pytest.raises(TypeError, match="dtype=object"):
        predict(model, ["one text", "another"])
    with pytest.raises(TypeError, match="data: expected an array"):
        predict(model, 3)


REFUSED = {
    "RandomForestRegressor is a regressor": RandomForestRegressor(3).fit(X, NUMBERS),
    "Ridge is a regressor": [Ridge().fit(X, NUMBERS)],
    "GradientBoostingClassifier is a sum of trees.*a list of": GradientBoostingClassifier(n_estimators=2).fit(X, Y),
    "HistGradientBoostingClassifier is a sum": HistGradientBoostingClassifier(max_iter=2).fit(X, Y),
    r"got StackingClassifier\. Pass \[model\] for one draw": StackingClassifier([("bayes", GaussianNB())], cv=2).fit(
        X, Y
    ),
    r"got GaussianNB\. Pass \[model\] for one draw": GaussianNB().fit(X, Y),
    "got str": "forest",
    "got an empty list": [],
    "got int": [3],
    "RidgeClassifier has no predict_proba.*Calibrated": [RidgeClassifier().fit(X, Y)],
    "RidgeClassifier has no": VotingClassifier([("ridge", RidgeClassifier()), ("bayes", GaussianNB())]).fit(X, Y),
}


@pytest.mark.parametrize("match", REFUSED)
def test_models_that_have_no_members_are_refused_with_the_remedy(match: str) -> None:
    """Each with what it is."""
    with pytest.raises(TypeError, match=match):
        predict(REFUSED[match])


def test_several_outputs_and_models_that_were_not_fitted_are_refused() -> None:
    """In an ensemble and in a list."""
    both = np.stack([NUMBERS, NUMBERS > 0], axis=1)
    with pytest.raises(ValueError, match="several outputs"):
        predict(RandomForestClassifier(3).fit(X, both))
    with pytest.raises(TypeError, match="one output"):
        predict([DecisionTreeClassifier().fit(X, both)])
    for model in (RandomForestClassifier(), [GaussianNB()], make_pipeline(StandardScaler(), RandomForestClassifier())):
        with pytest.raises(NotFittedError):
            predict(model)


def test_a_list_takes_every_classifier_that_has_probabilities() -> None:
    """Boosted trees, which are no ensemble of draws by themselves, and calibrated classifiers."""
    models = [
        HistGradientBoostingClassifier(max_iter=3, random_state=seed).fit(X[seed::2], Y[seed::2]) for seed in range(2)
    ]
    models.append(CalibratedClassifierCV(RidgeClassifier(), cv=2).fit(X, Y))
    found = predict(models)
    for t, model in enumerate(models):
        np.testing.assert_array_equal(found[..., t], model.predict_proba(X))


def test_the_guides_weighted_training_ends_where_the_gradient_of_the_weighted_mean_is_zero() -> None:
    """But for the penalty; training with equal weights ends elsewhere."""
    picks, model = Picks.of("scikit-learn"), LogisticRegression(C=100, max_iter=5000, tol=1e-9)
    exec(picks.line, {"model": model, "x": picks.x, "y": picks.y, "v": picks.v})
    assert sorted(model.classes_) == [0, 1, 2]
    shrinking = model.coef_.T / (100 * len(picks.v))  # of its penalty
    np.testing.assert_allclose(picks.gradient(model.coef_.T, model.intercept_), -shrinking, atol=1e-4)
    model.fit(picks.x, picks.y)
    assert np.abs(picks.gradient(model.coef_.T, model.intercept_) + shrinking).max() > 1e-3
