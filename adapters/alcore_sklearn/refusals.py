"""Models without members, each refused with what it is and with a way that works. Also ways to get members that differ."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

from sklearn.base import BaseEstimator
from sklearn.ensemble import GradientBoostingClassifier, HistGradientBoostingClassifier
from sklearn.multioutput import ClassifierChain, MultiOutputClassifier
from sklearn.utils.validation import check_is_fitted

WANTED = "a fitted forest, bagging, voting, AdaBoost or calibrated ensemble, or a list of fitted classifiers"
BOOSTED = (GradientBoostingClassifier, HistGradientBoostingClassifier)
KINDS = {
    "regressor": "a regressor: it predicts numbers. Pass kind='mean', or take a classifier: RandomForestClassifier()",
    "clusterer": "a clusterer: it groups rows without labels. Take a classifier: RandomForestClassifier()",
    "outlier_detector": "an outlier detector: it tells unusual rows from others. Take a classifier: RandomForestClassifier()",
    "density_estimator": "a density estimator: it knows no labels. Take a classifier: RandomForestClassifier()",
    "transformer": "a transformer: it changes features. Put it before a classifier: make_pipeline({0}(), RandomForestClassifier())",
}
SEVERAL_OUTPUTS = {
    MultiOutputClassifier: ". Pass one at a time, each an ensemble: alcore_sklearn.predict(model.estimators_[i], x).",
    ClassifierChain: ", which takes the labels before it as features. Fit MultiOutputClassifier around an ensemble in its place, "
    "and pass one at a time: alcore_sklearn.predict(model.estimators_[i], x).",
}
# Settings with which fits with other seeds differ, by a parameter of the classifier. LightGBM draws rows only with both of its two.
DRAWN = {
    "subsample_freq": "subsample=0.5, subsample_freq=1",
    "subsample": "subsample=0.5",
    "max_features": "max_features=0.5",
}


def check_classifier(model: Any) -> None:
    """Refuse anything but a fitted classifier or a fitted wrapper around one."""
    name = type(model).__name__
    if isinstance(model, type):
        name = model.__name__
        raise TypeError(
            f"model: expected {WANTED}, got the class {name} itself. Make one and fit it: {name}().fit(x, y)."
        )
    if not hasattr(model, "fit"):
        raise TypeError(f"model: expected {WANTED}, got {name}.")
    kind = _kind_of(model)
    if kind in KINDS:
        raise TypeError(f"model: {name} is {KINDS[kind].format(name)}.")
    if isinstance(model, BaseEstimator):
        check_is_fitted(model)


def _kind_of(model: Any) -> str | None:
    """The kind of an estimator. Tags have it since scikit-learn 1.6, an attribute has it before and in classes without its base."""
    if hasattr(model, "__sklearn_tags__"):
        kind = model.__sklearn_tags__().estimator_type
    else:
        kind = getattr(model, "_estimator_type", None)
    if kind is None and hasattr(model, "transform") and not hasattr(model, "predict"):
        return "transformer"
    return None if kind is None else str(kind)


def refuse_single(model: Any) -> NoReturn:
    """Refuse a classifier that is one draw, or none at all."""
    name = type(model).__name__
    for several, why in SEVERAL_OUTPUTS.items():
        if isinstance(model, several):
            raise TypeError(f"model: {name} has a classifier for each output{why}")
    check_probabilities(model)
    if isinstance(model, BOOSTED):
        raise TypeError(
            f"model: {name} is a sum of trees. Each tree is fitted to the errors of those before it, so none is a draw. "
            f"{ways_to_differ(model)}"
        )
    raise TypeError(
        f"model: expected {WANTED}, got {name}. Pass [model] for one draw, whose BALD is 0. For several that differ, fit "
        "BaggingClassifier around it, or pass a list of classifiers, each fitted on a bootstrap sample of the rows."
    )


def check_probabilities(model: Any) -> None:
    if hasattr(model, "predict_proba"):
        return
    name = type(model).__name__
    if hasattr(model, "decision_function"):
        raise TypeError(f"model: {name} has no predict_proba. Fit CalibratedClassifierCV({name}()) in its place.")
    raise TypeError(f"model: {name} has no predict_proba. Take one that has: BaggingClassifier(LogisticRegression()).")


def remedy_of(classifiers: Sequence[Any], ensemble: Any | None, number: int) -> str:
    """A sentence on how to get members that differ from member ``number``, in an ensemble or in a list."""
    if ensemble is None:
        return ways_to_differ(classifiers[number])
    if ensemble.get_params(deep=False).get("bootstrap") is False:
        return f"Fit {type(ensemble).__name__}(bootstrap=True)."
    return "Take members that change with the rows they are fitted on: BaggingClassifier(DecisionTreeClassifier())."


def ways_to_differ(classifier: Any) -> str:
    """A sentence on how to fit several of a classifier so that they differ. Each way in it works."""
    taken = classifier.get_params(deep=False) if hasattr(classifier, "get_params") else {}
    drawn = next((way for needed, way in DRAWN.items() if needed in taken and "random_state" in taken), None)
    listed = f", or pass a list of {type(classifier).__name__}({drawn}, random_state=i), i = 0, 1, 2" if drawn else ""
    return f"Fit each on a bootstrap sample of the rows, as BaggingClassifier does{listed}."
