"""What libraries of boosted trees bring: classifiers that are not built on scikit-learn's base, as their users meet them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import ClassifierTags, InputTags, Tags, TargetTags


class Booster:
    """A fitted model that lies outside Python: what it is may be read by its own way alone, or not at all."""

    def __init__(self, tree: DecisionTreeClassifier, seed: int | None) -> None:
        self.score = lambda x: tree.predict_proba(x).astype(np.float32)
        self.trees = b"".join(tree.tree_.__getstate__()["nodes"][name].tobytes() for name in ("feature", "threshold"))
        self.seed = seed

    def __getstate__(self) -> dict[str, bytes]:
        return {"handle": self.trees + f"seed={self.seed}".encode()}


class RawBooster(Booster):
    """As XGBoost's."""

    def save_raw(self) -> bytearray:
        return bytearray(self.trees)


class DumpedBooster(Booster):
    """As LightGBM's."""

    def dump_model(self) -> dict[str, Any]:
        return {"tree_info": list(self.trees)}


class ClosedBooster(Booster):
    """One that cannot be copied."""

    def __reduce_ex__(self, protocol: Any) -> Any:
        raise TypeError("cannot pickle 'ClosedBooster' object")


class Boosted:
    """The estimator around it. ``subsample`` alone lets the seed change what is fitted."""

    booster: Callable[..., Booster] = Booster

    def __init__(self, subsample: float = 1.0, random_state: int | None = None) -> None:
        self.subsample, self.random_state = subsample, random_state

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {"subsample": self.subsample, "random_state": self.random_state}

    def set_params(self, **params: Any) -> Any:
        vars(self).update(params)
        return self

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        rows, labels = np.asarray(x), np.asarray(y)
        taken = np.arange(len(rows))
        if self.subsample < 1:
            taken = np.random.default_rng(self.random_state).permutation(len(rows))[: int(self.subsample * len(rows))]
        weights = None if sample_weight is None else np.asarray(sample_weight)[taken]
        tree = DecisionTreeClassifier(max_depth=2, random_state=0).fit(rows[taken], labels[taken], weights)
        self._labels, self._Booster = tree.classes_, self.booster(tree, self.random_state)
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        return self._Booster.score(np.asarray(x))

    def predict(self, x: Any) -> np.ndarray:
        return self._labels[self.predict_proba(x).argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        """Without which scikit-learn's own BaggingClassifier does not take it."""
        return Tags("classifier", TargetTags(True), None, ClassifierTags(), None, input_tags=InputTags())


class XGBClassifier(Boosted):
    booster = RawBooster

    @property
    def classes_(self) -> np.ndarray:
        return self._labels


class LGBMClassifier(Boosted):
    """Its predict_proba takes the names of a data frame seriously. It draws rows where it is told how often."""

    booster = DumpedBooster

    def __init__(self, subsample: float = 1.0, subsample_freq: int = 0, random_state: int | None = None) -> None:
        super().__init__(subsample, random_state)
        self.subsample_freq = subsample_freq

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        return {**super().get_params(), "subsample_freq": self.subsample_freq}

    def fit(self, x: Any, y: Any, sample_weight: Any = None) -> Any:
        self.feature_name_ = list(getattr(x, "columns", ()))
        asked, self.subsample = self.subsample, self.subsample if self.subsample_freq else 1.0
        super().fit(x, y, sample_weight)
        self.subsample = asked
        return self

    def predict_proba(self, x: Any) -> np.ndarray:
        if self.feature_name_ and list(getattr(x, "columns", ())) != self.feature_name_:
            raise ValueError(f"names of features: expected {self.feature_name_}")
        return super().predict_proba(x)

    @property
    def classes_(self) -> np.ndarray:
        return self._labels


class CatBoostClassifier(Boosted):
    """Its classes are a list, and it does not say it is a classifier."""

    __sklearn_tags__ = property()  # type: ignore[assignment]

    @property
    def classes_(self) -> list[Any]:
        return self._labels.tolist()


class ClosedClassifier(XGBClassifier):
    booster = ClosedBooster
