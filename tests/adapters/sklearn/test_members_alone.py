"""What a member may do: give a row for each row, draw from NumPy's generator, take a frame. And what predict names."""

# ruff: noqa: NPY002 - members that draw from the global generator are what is tested

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import BaggingClassifier, RandomForestClassifier
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from tests.adapters.sklearn.refused import CLASSES, TAKEN, predicted, refused
from tests.adapters.sklearn.stand_ins import CatBoostClassifier, LGBMClassifier
from tests.adapters.sklearn.test_members import Frame

X, Y = load_iris(return_X_y=True)
SOURCES = sorted(Path(alcore_sklearn.__file__).parent.glob("*.py"))


class Shaped(GaussianNB):
    """Returns its probabilities in another shape."""

    def __init__(self, shape: Any = None) -> None:
        super().__init__()
        self.shape = shape

    def predict_proba(self, x: Any) -> Any:
        return self.shape(super().predict_proba(x))


SHAPES = {
    r"given 40 rows and has 3 classes: expected an array \(40, 3\) from its predict_proba, got \(39, 3\)": lambda p: p[
        1:
    ],
    r"got \(41, 3\)": lambda p: np.vstack([p, p[:1]]),
    r"got \(40,\)": lambda p: p[:, 0],
    r"got \(40, 1\)": lambda p: p[:, :1],
    r"got \(3, 40, 2\)": lambda p: [np.stack([1 - p[:, c], p[:, c]], axis=1) for c in range(3)],
}


@pytest.mark.parametrize("match", SHAPES)
def test_a_member_that_gives_other_rows_or_columns_is_refused_by_name(match: str) -> None:
    """The first member or another; in words of this adapter."""
    good, bad = GaussianNB().fit(X, Y), Shaped(SHAPES[match]).fit(X, Y)
    for place, models in enumerate(([bad, good], [good, bad])):
        refused(models, X, f"member {place}, Shaped, was.*{match}.*one row for each row", ValueError)
    assert predicted([good, Shaped(lambda p: p**2 / (p**2).sum(axis=1, keepdims=True)).fit(X, Y)], X).shape == (
        150,
        3,
        2,
    )


def test_steps_that_drop_rows_are_refused() -> None:
    """Row i of the predictions is row i of the data."""
    model = make_pipeline(FunctionTransformer(lambda x: x[: len(x) // 30 * 30]), RandomForestClassifier(3)).fit(X, Y)
    refused(model, X, "the steps before the ensemble made 30 rows of 40", ValueError)


class Noisy(ClassifierMixin, BaseEstimator):
    """Draws from NumPy's global generator when it predicts."""

    def fit(self, x: Any, y: Any) -> Any:
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        self.first = np.random.standard_normal()  # one more of a pair stays behind
        return np.random.dirichlet(np.ones(len(self.classes_)), len(x))


class Failing(Noisy):
    """Seeds the generator, and fails."""

    def predict_proba(self, x: Any) -> np.ndarray:
        np.random.seed(0)
        raise RuntimeError("no more")


def state() -> list[Any]:
    now = np.random.get_state(legacy=False)
    return [now["bit_generator"], repr(now["state"]), now.get("has_gauss"), now.get("gauss")]


@pytest.fixture(params=["MT19937", "PCG64"])
def generator(request: Any) -> Any:
    """NumPy's global generator as it comes, and another that the user put in its place; half of a pair is kept for later."""
    before, numbers = np.random.get_bit_generator(), np.random.get_state(legacy=False)
    if request.param == "PCG64":
        np.random.set_bit_generator(np.random.PCG64(3))
    np.random.standard_normal()
    yield
    np.random.set_bit_generator(before)
    np.random.set_state(numbers)


@pytest.mark.usefixtures("generator")
def test_members_that_draw_from_numpys_generator_repeat_and_leave_it_as_it_was() -> None:
    """The same seed gives the same bits whatever was drawn before; after the run, between blocks, and after a failure."""
    models = [DummyClassifier(strategy="stratified").fit(X, Y), Noisy().fit(X, Y), Noisy().fit(X, Y)]
    before = state()
    found = predicted(models, X, seed=5)
    assert state() == before
    assert (found[..., 1] != found[..., 2]).all()
    blocks = alcore_sklearn.predict(models, X, batch_size=40, progress=False)
    next(blocks)
    assert state() == before
    np.random.standard_normal(3)
    np.testing.assert_array_equal(predicted(models, X, seed=5), found)
    assert (predicted(models, X, seed=6)[..., 1] != found[..., 1]).any()
    np.testing.assert_array_equal(found[:40, :, 1], found[40:80, :, 1])  # draw t is one stream for every block
    rowwise = predicted(models, X, seed=5, consistent=False)
    assert (rowwise[:40, :, 1] != rowwise[40:80, :, 1]).any()
    before = state()
    with pytest.raises(RuntimeError, match="no more"):
        predicted([*models, Failing().fit(X, Y)], X)
    assert state() == before


def test_a_classifier_of_another_library_gets_the_frame_with_its_names() -> None:
    """LightGBM's checks them; one fitted on a frame that says nothing of names gets the frame too."""
    frame = Frame(X, ["a", "b", "c", "d"])
    models = [LGBMClassifier().fit(frame, Y), CatBoostClassifier(subsample=0.5, random_state=0).fit(frame, Y)]
    np.testing.assert_array_equal(predicted(models, frame)[..., 0], models[0].predict_proba(frame))
    assert predicted(BaggingClassifier(GaussianNB(), 3, random_state=0).fit(X, Y), frame).shape == (150, 3, 3)


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: path.name)
def test_texts_name_arguments_that_their_reader_has(path: Path) -> None:
    """Each ``name=`` in a text is a parameter of predict, or of some class of scikit-learn or a library of boosted trees."""
    tree = ast.parse(path.read_text())
    docs = {id(node.body[0].value) for node in ast.walk(tree) if hasattr(node, "body") and _is_doc(node)}
    texts = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docs
    ]
    known = TAKEN.union(
        {"variance"},  # of alcore's heuristics
        *(one.__init__.__code__.co_varnames for one in CLASSES.values() if hasattr(one.__init__, "__code__")),
    )
    for text in texts:
        named = set(re.findall(r"(\w+)=", text))
        assert named <= known, text
        assert not named & {"class_axis", "output", "mask"}, text


def _is_doc(node: Any) -> bool:
    body = node.body
    return (
        isinstance(body, list)
        and bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
    )
