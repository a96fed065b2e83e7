"""alcore for scikit-learn: a fitted ensemble, or several fitted classifiers, become predictions (N, C, T), T = members.

`predict` is where to start. ``fit`` begins anew each time, and classifiers have no noise of their own. So this adapter needs no
``InitialWeights``, ``DropConnect``, ``Checkpoints`` and ``stochastic``, which the others have. Imports scikit-learn and the public
names of `alcore.adapting`. A new kind of ensemble joins `members`.

>>> import alcore_sklearn
>>> from sklearn.datasets import load_iris
>>> from sklearn.ensemble import RandomForestClassifier
>>> x, y = load_iris(return_X_y=True)
>>> forest = RandomForestClassifier(20, random_state=0).fit(x, y)
>>> next(alcore_sklearn.predict(forest, x)).shape
(150, 3, 20)
"""

from __future__ import annotations

from alcore.adapting import refuse_missing

try:
    import sklearn as _sklearn  # noqa: F401 - said once, here
except ImportError as error:
    raise refuse_missing("sklearn", error) from error

from alcore_sklearn.predict import classes, predict

__all__ = ["classes", "predict"]
