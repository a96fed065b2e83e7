"""predict: a Keras model, or several, to blocks (n, C, ..., T)."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import keras
import numpy.typing as npt

from alcore import adapting
from alcore.adapting import Request
from alcore_keras.dropconnect import DropConnect
from alcore_keras.forward import Network
from alcore_keras.weights import InitialWeights


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk: files of weights that are loaded into one model, one at a time.

    Args:
        model: the model the weights fit; its own are written back afterwards.
        paths: files written by ``model.save_weights(path)``, a member each.

    >>> import alcore_keras, keras, numpy as np, pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    >>> model.save_weights(folder / "0.weights.h5")
    >>> members = alcore_keras.Checkpoints(model, [folder / "0.weights.h5", folder / "0.weights.h5"])
    >>> alcore_keras.predict(members, np.ones((10, 4)), draws=1, kind="logits", out=folder / "preds.npy").shape
    (10, 3, 2)
    """


def predict(
    model: keras.layers.Layer | DropConnect | Sequence[keras.layers.Layer | DropConnect] | Checkpoints,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: npt.DTypeLike = "float32",
    output: str | int | Callable[[Any], Any] | None = None,
    class_axis: int = -1,
    draw_axis: int | str | None = None,
    noise: adapting.Layers | None = None,
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    mask: str | Callable[[Any], Any] | None = None,
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 128,
    progress: bool = True,
) -> Any:
    """Blocks (n, C, ..., T) of what a model with noise layers says in ``draws`` draws; with ``out`` the file they are written to.

    Noise layers (`alcore_keras.stochastic` says which) are on and everything else in inference; the model stays as it is, its
    statistics and seeds included. With ``consistent`` draws, which BatchBALD, EPIG, ICAL and replay need, draw t is one
    network: one mask for all rows of all blocks. Without, every row has masks of its own, as plain MC dropout. Gal &
    Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: a model, or several of an ensemble (`Checkpoints`: on disk), whose draws stand one after the other along T; their
            noise is on too, so an ensemble of plain networks has draws=1. `DropConnect(model)` drops weights instead.
        data: an array or tensor (N, ...), a dictionary of them, a PyDataset, a tf.data.Dataset or another iterable of
            batches. Its order must be that of the pool: shuffle nothing.
        draws: T, of each member.
        seed: the same seed and block size give the same bits; other block sizes the same masks, and probabilities to 1e-6.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        output: which of what the model returns: a key ("logits"), a place, or a function.
        class_axis: where the classes are in it, without the axis of draws.
        draw_axis: of a model that makes several draws in a pass, their axis; "draws-first" or "rows-first" where they are folded
            into the axis of rows. T is then ``draws`` times those.
        noise: types, names or paths of layers that make noise and are not found, or a predicate (name, layer) -> bool, or several.
            They run as in training, beside those that are found.
        kind: what the model returns: "logits", whose softmax is taken, or "probs", passed on as they are.
        inputs: a batch -> what the model is called with. By default the first part of a tuple or list (x, y), all of a
            dictionary, or the batch itself.
        mask: a batch -> True where a cell is padding, or the key of an attention mask; `Predictions.mask`, ``<name>.mask.npy``.
        ids: a batch -> which example each row is, or the key or place of that; `Predictions.ids`, ``<name>.ids.npy``. Each once;
            with them data may come in any order.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: N·T forward passes in batches, compiled by TensorFlow and JAX unless ``model.run_eagerly``; memory of one block, n·C·T
    numbers.
    Raises: ValueError where nothing draws random numbers and draws > 1 (every draw would be the same), where draws cannot be
    consistent (numbers of rows that depend on the row, from NumPy, or along sequences whose length is not the same in all batches),
    where a row's prediction depends on the rows beside it, and as `alcore.adapting.predict`.
    Warns: UserWarning, once, that names layers that look noisy and stay off.

    >>> import alcore, alcore_keras, keras, numpy as np
    >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
    >>> preds = alcore_keras.predict(model, np.eye(4)[np.arange(100) % 4], draws=20, kind="logits", seed=1)
    >>> len(alcore.BatchBALD().select(preds, k=3, rng=0))
    3
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, keras.layers.Layer | DropConnect, "a keras.Model")
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    runs = [Network(member, noise, request, output, inputs) for member in members]
    own = members[0].model if isinstance(members[0], DropConnect) else members[0]
    loads = [partial(own.load_weights, path) for path in stored.paths] if stored else None
    restore = InitialWeights(own).restore if stored else None
    rows = adapting.known_rows(data, ids)
    given: dict[str, Any] = {"rows": rows, "out": out, "mask": adapting.as_mask(mask), "progress": progress}
    given["ids"] = adapting.as_ids(ids)
    return adapting.predict_members(runs, partial(_batches, data, batch_size), request, loads, restore, **given)


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches is None:
            raise ValueError(f"data: expected an end, but {type(data).__name__}.num_batches is None.")
        return (data[place] for place in range(data.num_batches))
    said = "an array, a dictionary of arrays, a PyDataset, a tf.data.Dataset or batches"
    return adapting.as_batches(data, batch_size, said)
