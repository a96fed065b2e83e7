"""Predictions of an ensemble of scikit-learn, member by member."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy.typing as npt

from alcore import adapting
from alcore.adapting import Array, Request
from alcore_sklearn.members import batches_of, members_of, rows_of


def predict(
    model: Any,
    data: Any,
    *,
    draws: int | None = None,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = "float32",
    inputs: Callable[[Any], Any] | None = None,
    batch_size: int = 1024,
    progress: bool = True,
) -> Any:
    """Blocks (n, C, T) of what the T members of an ensemble say; with ``out`` the file they are written to.

    Each member is a draw. Its classes stand where the ensemble's ``classes_`` have them (`classes`), with probability 0 for
    those it never met. ``predict_proba`` gives probabilities with classes on axis 1, so ``class_axis``, ``kind``, ``output`` and
    ``mask`` of the other adapters are not taken.

    Args:
        model: a fitted random forest, extra trees, bagging, voting or AdaBoost classifier; a pipeline or a search that ends in
            one; or a list of fitted classifiers, a draw each, whose classes are put together and sorted. Members count alike:
            weights that the ensemble gives them (``estimator_weights_``) are for alcore's ``weights=``.
        data: an array, a sparse matrix or a data frame (N, features), cut by ``batch_size``; or an iterable of batches.
        draws: how many members, from the first on; all by default.
        consistent: without effect: a member is the same classifier for every row, whatever is asked.
        seed: without effect: members are as they were fitted.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        inputs: a batch -> features. By default the first part of a tuple or list (x, y), or the batch itself.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: that of the members' ``predict_proba``; memory of one block, n·C·T numbers.
    Raises: TypeError for regressors, boosted sums of trees, single classifiers and members without ``predict_proba``; ValueError
    for models of several outputs, more draws than members, and as `alcore.adapting.predict`.

    >>> import alcore, alcore_sklearn
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import ExtraTreesClassifier
    >>> x, y = load_iris(return_X_y=True)
    >>> trees = ExtraTreesClassifier(10, max_depth=2, random_state=0).fit(x, y)
    >>> len(alcore.BatchBALD().select(alcore_sklearn.predict(trees, x), k=5, rng=0))
    5
    """
    members = members_of(model)
    request = Request(len(members.all) if draws is None else draws, consistent, seed, dtype)
    if request.draws > len(members.all):
        raise ValueError(
            f"draws: expected at most {len(members.all)}, the members of {type(model).__name__}, got {draws}."
        )
    now: dict[int, Any] = {}  # the block that is predicted, as the members take it

    def forward(batch: Any, block: int, draw: int) -> Array:
        if block not in now:
            if isinstance(batch, str):
                raise TypeError(
                    "data: expected batches of rows, got a string. Texts: numpy.asarray(texts, dtype=object)."
                )
            now.clear()
            now[block] = members.ready(adapting.first_of(batch, inputs))
        return members.all[draw].probs(now[block], len(members.classes))

    batches = batches_of(data, adapting.as_size(batch_size, "batch_size"))
    return adapting.predict(batches, [forward], request, rows=rows_of(data), out=out, progress=progress)


def classes(model: Any) -> Array:
    """(C,) the labels of the classes, in the order of axis C.

    >>> import alcore_sklearn
    >>> from sklearn.dummy import DummyClassifier
    >>> ham, spam = (DummyClassifier().fit([[0], [0]], labels) for labels in (["egg", "ham"], ["egg", "spam"]))
    >>> alcore_sklearn.classes([ham, spam]).tolist()
    ['egg', 'ham', 'spam']
    """
    return members_of(model).classes
