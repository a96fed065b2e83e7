"""Predictions of an ensemble of scikit-learn, member by member."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy.typing as npt

from alcore import adapting
from alcore.adapting import Array, GlobalNumbers, Request, Twins, fitted_state
from alcore_sklearn.members import Members, batches_of, members_of
from alcore_sklearn.refusals import remedy_of
from alcore_sklearn.wrappers import inside


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
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 1024,
    progress: bool = True,
) -> Any:
    """Blocks (n, C, T) of what the T members of an ensemble say; with ``out`` the file they are written to.

    Each member is a draw. Its classes stand where the ensemble's ``classes_`` have them (`classes`), with probability 0 for
    those it never met. ``predict_proba`` gives probabilities with classes on axis 1, so ``class_axis``, ``kind``, ``output`` and
    ``mask`` of the other adapters are not taken.

    Members that are one and the same model are refused, because every draw would say the same: classifiers that were fitted on the
    same rows differ by chance alone, and many draw nothing. Some members of an ensemble may coincide, as bootstrap samples do.

    Args:
        model: a fitted random forest, extra trees, bagging, voting or AdaBoost classifier; a CalibratedClassifierCV, whose draws
            are its calibrated classifiers, one for each fold (not the trees in it; one with ``ensemble=False``); a pipeline,
            search, threshold or FrozenEstimator around one of these; or a list of fitted classifiers, a draw each, of any library
            with ``predict_proba`` and ``classes_``, whose classes are put together and sorted. Members count alike: weights that
            the ensemble gives them (``estimator_weights_``) are for alcore's ``weights=``.
        data: an array, a sparse matrix or a data frame (N, features), cut by ``batch_size``; or an iterable of batches.
        draws: how many members, from the first on; all by default. One draw has a BALD of 0.
        consistent: whether a member that draws from NumPy's global generator when it predicts begins each block with the same
            numbers. Others are the same classifier for every row, whatever is asked.
        seed: for members that draw from NumPy's global generator, which is given back as it was. Others are as they were fitted.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        inputs: a batch -> features. By default the first part of a tuple or list (x, y), or the batch itself.
        ids: a batch -> which example each row is, or the key or place of that; `Predictions.ids`, ``<name>.ids.npy``. Each once;
            with them data may come in any order.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: that of the members' ``predict_proba``; memory of one block, n·C·T numbers.
    Raises: TypeError for regressors, boosted sums of trees, single classifiers, members without ``predict_proba`` and classes of
    several types; ValueError for models of several outputs, one class, members that are the same or return other rows, more draws
    than members, and as `alcore.adapting.predict`.
    Warns: UserWarning where an ensemble has one member and ``draws`` was not given; and after the last block where all members said
    exactly the same of all rows, and what they were fitted to does not say why.

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
    _check_can_vary(members, draws)
    drawn = [one.classifier for one in members.all[: request.draws]]
    numbers, twins = GlobalNumbers(), _twins(drawn, members.ensemble)
    now: dict[int, Any] = {}  # the block that is predicted, as the members take it

    def forward(batch: Any, block: int, draw: int) -> Array:
        numbers.lend(request.seed_of(draw, block))
        try:
            if block not in now:
                now.clear()
                now[block] = members.ready(_features(batch, inputs))
            probs = members.all[draw].probs(now[block], len(members.classes), draw)
        except BaseException:
            numbers.give_back()
            raise
        if draw == request.draws - 1:
            numbers.give_back()
        twins.hear(draw, probs)
        return probs

    rows, named = adapting.known_rows(data, ids), adapting.as_ids(ids)
    batches = batches_of(data, adapting.as_size(batch_size, "batch_size"))
    return adapting.predict(twins.watch(batches), [forward], request, rows=rows, out=out, ids=named, progress=progress)


def _twins(drawn: list[Any], ensemble: Any | None) -> Twins:
    names, remedy = [type(one).__name__ for one in drawn], partial(remedy_of, drawn, ensemble)
    return Twins(names, [partial(fitted_state, one, inside) for one in drawn], remedy, by_chance=ensemble is not None)


def _features(batch: Any, inputs: Callable[[Any], Any] | None) -> Any:
    if isinstance(batch, str):
        raise TypeError("data: expected batches of rows, got a string. Texts: numpy.asarray(texts, dtype=object).")
    return adapting.first_of(batch, inputs)


def _check_can_vary(members: Members, draws: int | None) -> None:
    """Refuse one class, of which all are sure; warn of one member where its user may think that there are several."""
    if len(members.classes) == 1:
        raise ValueError(
            f"model: fitted on one class, {members.classes.tolist()[0]!r}, so it is sure of every row, and no row is worth more "
            "than another. Label rows of a second class, such as rows drawn at random, and fit it again."
        )
    if len(members.all) == 1 and members.ensemble is not None and draws is None:
        name = type(members.ensemble).__name__
        warnings.warn(
            f"model: {name} has one member, so one draw, and BALD is 0 everywhere. BaggingClassifier around it has several; "
            "draws=1 says that one is meant.",
            UserWarning,
            stacklevel=3,
        )


def classes(model: Any) -> Array:
    """(C,) the labels of the classes, in the order of axis C.

    >>> import alcore_sklearn
    >>> from sklearn.dummy import DummyClassifier
    >>> ham, spam = (DummyClassifier().fit([[0], [0]], labels) for labels in (["egg", "ham"], ["egg", "spam"]))
    >>> alcore_sklearn.classes([ham, spam]).tolist()
    ['egg', 'ham', 'spam']
    """
    return members_of(model).classes
