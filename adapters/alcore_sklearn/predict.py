"""Predictions of an ensemble of scikit-learn, member after member."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

import numpy.typing as npt

from alcore import SharedStore, adapting
from alcore.adapting import Array, GlobalNumbers, Request, Twins, fitted_state
from alcore_sklearn.members import Members, batches_of, members_of
from alcore_sklearn.refusals import remedy_of
from alcore_sklearn.regression import mean_draws
from alcore_sklearn.wrappers import inside


def predict(
    model: Any,
    data: Any,
    *,
    draws: int | None = None,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | SharedStore | None = None,
    rows: tuple[int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 1024,
    progress: bool = True,
) -> Any:
    """Predict with the T members of an ensemble, one draw each: blocks (n, C, T).

    Draw t of row n is p(y | xₙ, θₜ): the class probabilities by member θₜ. They are in the order of the ensemble's classes
    (`classes`). A class that a member never met has probability 0. ``predict_proba`` gives probabilities with classes on axis 1, so
    this adapter has no ``class_axis``, ``output`` and ``mask``.

    With ``kind="mean"`` the model is a regressor, and draw t of row n is the mean of its number by member θₜ, as ``predict`` gives
    it: blocks (n, D, T). Pass the variance of the noise to alcore's heuristics: ``variance=1 / model.alpha_`` of BayesianRidge, the
    ``alpha`` of a Gaussian process, the mean squared error of a forest on rows out of its bag.

    Members that are the same model are refused, because all draws would be the same. Classifiers that are fitted on the same rows
    differ only by chance, and many draw no random numbers. A few members of an ensemble may be equal, as bootstrap samples may.

    Cost is that of the members' ``predict_proba``. Memory is one block, n·C·T numbers. Random forests: Breiman 2001
    (doi.org/10.1023/A:1010933404324).

    Args:
        model: a fitted ensemble, or a list of fitted classifiers. An ensemble is a random forest, extra trees, bagging, voting or
            AdaBoost classifier, or a CalibratedClassifierCV. A pipeline, search, threshold or FrozenEstimator may be around it. The
            draws of a CalibratedClassifierCV are its calibrated classifiers, one for each fold, or one with ``ensemble=False``. A
            list has one draw for each classifier. They may come from any library with ``predict_proba`` and ``classes_``, and their
            classes are joined and sorted. All members count alike. To weight them (``estimator_weights_``), use ``weights=`` of
            alcore's heuristics. With ``kind="mean"``: a forest, extra trees, bagging, voting or AdaBoost regressor, a list of
            regressors, BayesianRidge or ARDRegression (draws of the weights, N(coef_, sigma_)), or GaussianProcessRegressor
            (draws of the function, which need all rows in one block and O(N³) time).
        data: an array, a sparse matrix or a data frame (N, features), or an iterable of blocks.
        draws: how many members to use, from the first on. The default is all. With one draw, BALD is 0. Linear models and Gaussian
            processes make as many as you ask for.
        consistent: matters only for members that draw from NumPy's global generator when they predict. True: each block begins with
            the same numbers. Other members are the same classifier for every row in any case.
        seed: matters only for members that draw from NumPy's global generator, which is restored afterwards.
        out: a .npy or .zarr file that does not exist yet. It is written block by block. A run that was killed goes on with its file
            and gives the same bits. Or an `alcore.SharedStore`, beside ``rows``.
        rows: (start, stop) with a `SharedStore`: which of its rows the data are. Several processes predict one range each, with the
            same networks, into one zarr array. A range that is there is not predicted again.
        dtype: the type of the predictions: "float16", "float32" or "float64".
        kind: "probs" for classifiers, "mean" for regressors.
        inputs: a function of a block that gives the features. By default it is the first part of a tuple or list (x, y), or the
            whole block.
        ids: which example each row is: a function of a block that gives the ids of its rows, or their key or place in the block.
            Each id comes once. With ids, data may come in any order. `Predictions.ids` has them, or ``<name>.ids.npy`` beside the
            file.
        batch_size: the rows of one block, for data that does not come in blocks.
        progress: whether a bar shows. It comes on terminals after two seconds, where rich is installed.

    Returns:
        `Predictions`, an iterator of NumPy blocks (n, C, T) that every function of alcore takes. They are
            probabilities from 0 to 1, without a unit. With ``out``, the file, opened, and with ``rows`` the store.

    Raises:
        TypeError: for regressors without ``kind="mean"``, boosted sums of trees, single classifiers, members without
            ``predict_proba``, and classes of several types.
        ValueError: for models of several outputs, for one class, for members that are the same or return other rows, for more draws
            than members, and for what `alcore.adapting.predict` refuses.

    Warns:
        UserWarning: where an ensemble has one member and ``draws`` is not given. Also after the last block, where all members
            predict exactly the same for all rows and their fitted states do not explain it.

    Examples:
        >>> import alcore, alcore_sklearn
        >>> from sklearn.datasets import load_iris
        >>> from sklearn.ensemble import ExtraTreesClassifier
        >>> x, y = load_iris(return_X_y=True)
        >>> trees = ExtraTreesClassifier(10, max_depth=2, random_state=0).fit(x, y)
        >>> len(alcore.BatchBALD().select(alcore_sklearn.predict(trees, x), k=5, rng=0))
        5
    """
    if kind != "probs":
        asked = Request(draws or 1, consistent, seed, dtype, kind)
        return _predict_means(model, data, asked, draws, inputs, ids, batch_size, out, rows, progress)
    members = members_of(model)
    request = Request(len(members.all) if draws is None else draws, consistent, seed, dtype)
    if request.draws > len(members.all):
        raise ValueError(
            f"draws: expected at most {len(members.all)}, the members of {type(model).__name__}, got {draws}."
        )
    _check_can_vary(members, draws)
    drawn = [one.classifier for one in members.all[: request.draws]]
    numbers, twins = GlobalNumbers(in_ranges=rows is not None), _twins(drawn, members.ensemble)
    now: dict[int, Any] = {}  # the block that runs, as the members take it

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

    known, named = adapting.known_rows(data, ids), adapting.as_ids(ids)
    batches = batches_of(data, adapting.as_size(batch_size, "batch_size"))
    out = adapting.as_out(out, rows, known, request, lambda: fitted_state(model, inside)[0])
    return adapting.predict(twins.watch(batches), [forward], request, rows=known, out=out, ids=named, progress=progress)


def _predict_means(
    model: Any,
    data: Any,
    asked: Request,
    draws: int | None,
    inputs: Any,
    ids: Any,
    batch_size: int,
    out: Any,
    rows: Any,
    progress: bool,
) -> Any:
    """`predict` with a regressor."""
    if asked.kind != "mean":
        raise ValueError(f"kind: expected 'probs' or 'mean', got {asked.kind!r}. Leave kind out for classifiers.")
    drawn = mean_draws(model, int(asked.seed), draws)
    count = drawn.count if draws is None else draws
    if drawn.count is not None and draws is not None and draws > drawn.count:
        raise ValueError(f"draws: expected at most {drawn.count}, the members of {type(model).__name__}, got {draws}.")
    request = replace(asked, draws=count or asked.draws)
    twins = _twins(list(drawn.members[: request.draws]), drawn.ensemble)
    now: dict[int, Any] = {}  # the block that runs, as the draws take it

    def forward(batch: Any, block: int, draw: int) -> Array:
        if block > 0 and drawn.one_block:
            raise ValueError(
                f"data: {type(model).__name__} draws a function at all rows together, got several blocks. Pass an array, and "
                "batch_size=len(data)."
            )
        if block not in now:
            now.clear()
            now[block] = drawn.ready(_features(batch, inputs))
        means = drawn.means(now[block], draw)
        twins.hear(draw, means)
        return means

    size = adapting.as_size(batch_size, "batch_size")
    if drawn.one_block and hasattr(data, "shape"):
        size = max(1, data.shape[0])
    batches, named, known = batches_of(data, size), adapting.as_ids(ids), adapting.known_rows(data, ids)
    if drawn.one_block and rows is not None:
        adapting.refuse_ranges(f"{type(model).__name__} draws a function at all rows together")
    out = adapting.as_out(out, rows, known, request, lambda: fitted_state(model, inside)[0])
    return adapting.predict(twins.watch(batches), [forward], request, rows=known, out=out, ids=named, progress=progress)


def _twins(drawn: list[Any], ensemble: Any | None) -> Twins:
    names, remedy = [type(one).__name__ for one in drawn], partial(remedy_of, drawn, ensemble)
    return Twins(names, [partial(fitted_state, one, inside) for one in drawn], remedy, by_chance=ensemble is not None)


def _features(batch: Any, inputs: Callable[[Any], Any] | None) -> Any:
    if isinstance(batch, str):
        raise TypeError("data: expected blocks of rows, got a string. Pass numpy.asarray(texts, dtype=object).")
    return adapting.first_of(batch, inputs)


def _check_can_vary(members: Members, draws: int | None) -> None:
    """Refuse a model of one class, and warn of an ensemble of one member whose user may expect several."""
    if len(members.classes) == 1:
        raise ValueError(
            f"model: fitted on one class, {members.classes.tolist()[0]!r}, so it is sure of every row, and no row is worth more "
            "than another. Label rows of a second class, for example rows drawn at random, and call fit(x, y) again."
        )
    if len(members.all) == 1 and members.ensemble is not None and draws is None:
        name = type(members.ensemble).__name__
        warnings.warn(
            f"model: {name} has one member, so there is one draw and BALD is 0 everywhere. For several, fit BaggingClassifier "
            "around it. If you want one draw, pass draws=1.",
            UserWarning,
            stacklevel=3,
        )


def classes(model: Any) -> Array:
    """The labels of the classes, in the order of axis C of the predictions.

    Args:
        model: a model as `predict` takes it.

    Returns:
        (C,) labels. For a list of classifiers they are sorted, each once.

    Raises:
        TypeError: for a model that `predict` refuses, and for classes of several types.
        ValueError: for a model of several outputs.

    Examples:
        >>> import alcore_sklearn
        >>> from sklearn.dummy import DummyClassifier
        >>> ham, spam = (DummyClassifier().fit([[0], [0]], labels) for labels in (["egg", "ham"], ["egg", "spam"]))
        >>> alcore_sklearn.classes([ham, spam]).tolist()
        ['egg', 'ham', 'spam']
    """
    return members_of(model).classes
