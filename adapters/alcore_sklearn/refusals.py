"""Models without members, each refused with what it is and with a way that works. Also ways to get members that differ."""

from __future__ import annotations

from collections.abc import Sequence
from inspect import signature
from typing import Any, NoReturn

from sklearn.base import BaseEstimator, clone
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
    "transformer": "a transformer: it changes features. Put it before a classifier: ",
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

BAGGING = {False: ("BaggingClassifier", "DecisionTreeClassifier"), True: ("BaggingRegressor", "DecisionTreeRegressor")}


def check_classifier(model: Any) -> None:
    """Refuse anything but a fitted classifier or a fitted wrapper around one."""
    name = type(model).__name__
    if isinstance(model, type):
        name = model.__name__
        raise TypeError(
            f"model: expected {WANTED}, got the class {name} itself. Make one and fit it: {made(model)}.fit(x, y)."
        )
    if not hasattr(model, "fit"):
        raise TypeError(f"model: expected {WANTED}, got {name}.")
    kind = _kind_of(model)
    if kind in KINDS:
        piped = f"make_pipeline({in_code(model)}, RandomForestClassifier())" if kind == "transformer" else ""
        raise TypeError(f"model: {name} is {KINDS[kind]}{piped}.")
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
        raise TypeError(
            f"model: {name} has no predict_proba. Fit CalibratedClassifierCV({in_code(model)}) in its place."
        )
    raise TypeError(f"model: {name} has no predict_proba. Take one that has: BaggingClassifier(LogisticRegression()).")


def remedy_of(classifiers: Sequence[Any], ensemble: Any | None, number: int) -> str:
    """A sentence on how to get members that differ from member ``number``, in an ensemble or in a list."""
    if ensemble is None:
        return ways_to_differ(classifiers[number])
    if ensemble.get_params(deep=False).get("bootstrap") is False:
        return f"Fit {type(ensemble).__name__}(bootstrap=True)."
    bagging, tree = _bagging_of(classifiers[number])
    return f"Take members that change with the rows they are fitted on: {bagging}({tree}())."


def ways_to_differ(classifier: Any) -> str:
    """A sentence on how to fit several of a classifier so that they differ. Each way in it works."""
    drawn, bagging = differing(classifier), _bagging_of(classifier)[0]
    listed = f", or pass a list of {drawn}, i = 0, 1, 2" if drawn else ""
    return f"Fit each on a bootstrap sample of the rows, as {bagging} does{listed}."


def _bagging_of(model: Any) -> tuple[str, str]:
    """The names of the bagging ensemble and of the tree of the model's kind. Regressors have no probabilities."""
    return BAGGING[not hasattr(model, "predict_proba") and not hasattr(model, "classes_")]


def differing(model: Any) -> str | None:
    """Code that makes models that differ by their seed, random_state=i. None where the seed changes nothing."""
    taken = model.get_params(deep=False) if hasattr(model, "get_params") else {}
    way = next((way for needed, way in DRAWN.items() if needed in taken and "random_state" in taken), None)
    return f"{type(model).__name__}({way}, random_state=i)" if way else None


def made(kind: type) -> str:
    """Code that makes a model of that class, with the arguments that it asks for."""
    asked = signature(kind).parameters.values()
    names = [one.name for one in asked if one.default is one.empty and one.kind is one.POSITIONAL_OR_KEYWORD]
    return f"{kind.__name__}({', '.join(names)})"


def in_code(model: Any) -> str:
    """Code that makes the model anew, with its settings where it says them."""
    if not isinstance(model, BaseEstimator):
        return made(type(model))
    new = clone(model)
    if "random_state" in new.get_params(deep=False):
        new.set_params(random_state=None)
    return " ".join(repr(new).split())
