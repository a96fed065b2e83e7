"""Predictions of a Keras model, or of several, draw after draw."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import keras
import numpy.typing as npt

from alcore import SharedStore, adapting
from alcore.adapting import Request
from alcore_keras.compiled import OPS
from alcore_keras.dropconnect import DropConnect
from alcore_keras.forward import Network
from alcore_keras.weights import InitialWeights


class Checkpoints(adapting.Checkpoints):
    """An ensemble on disk. Its files of weights are loaded into one model, one at a time.

    `predict` runs all rows with one member before it loads the next. So it needs ``out``, where a file joins the draws. Deep
    ensembles: Lakshminarayanan et al. 2017 (arXiv:1612.01474).

    Args:
        model: the model that the weights fit. Its own weights are written back afterwards.
        paths: files that ``model.save_weights(path)`` wrote, one for each member.

    Examples:
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
    out: str | os.PathLike[str] | SharedStore | None = None,
    rows: tuple[int, int] | None = None,
    dtype: npt.DTypeLike = "float32",
    output: str | int | Callable[[Any], Any] | None = None,
    variance: str | int | Callable[[Any], Any] | None = None,
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
    """Predict with a model whose noise is on, draw after draw: blocks (n, C, ..., T).

    Draw t of row n is p(y | xₙ, θₜ): the class probabilities by the network θₜ. Layers that draw random numbers in training run as
    in training, and everything else runs as in inference (see `stochastic`). The model stays as it is, its statistics and seeds
    included. Gal & Ghahramani 2016 (arXiv:1506.02142).

    Cost is N·T forward passes in blocks. TensorFlow and JAX compile them, unless ``model.run_eagerly`` is True. Layers that end
    before the first noise run once for each block. In plain draws that are not compiled they run in each draw. Memory is one
    block, n·C·T numbers, and at most 64 MiB of what those layers returned.

    Args:
        model: a model, or a list of several, an ensemble. The draws of one member follow those of the other along T.
            The noise of members is on too, so pass draws=1 for an ensemble of networks without noise. `Checkpoints` is an ensemble
            on disk. `DropConnect(model)` drops weights instead of activations.
        data: an array or tensor (N, ...), a dictionary of these, a PyDataset, a tf.data.Dataset or another iterable of blocks. Do
            not shuffle it: row i of the predictions is example i.
        draws: how many draws each member makes. T is ``draws`` times the number of members.
        consistent: True: draw t is one network, so all rows of all blocks share its masks and weights. BatchBALD, EPIG, ICAL and
            replay need this. False: every row has noise of its own, as in plain MC dropout.
        seed: the same seed and block size give the same bits. Another block size gives the same masks, and probabilities that are
            equal to 1e-6.
        out: a .npy or .zarr file that does not exist yet. It is written block by block. A run that was killed goes on with its file
            and gives the same bits. Or an `alcore.SharedStore`, beside ``rows``.
        rows: (start, stop) with a `SharedStore`: which of its rows the data are. Several processes predict one range each, with the
            same networks, into one zarr array. A range that is there is not predicted again.
        dtype: the type of the predictions: "float16", "float32" or "float64".
        output: the tensor to take from what the model returns: a key or an attribute ("logits"), a place, or a function.
        variance: of kind "mean", the tensor with the variances of the noise, named as `output` is. For a head of logarithms pass a
            function: ``variance=lambda returned: keras.ops.exp(returned["log_variance"])``. The blocks are then pairs
            (means, variances). With ``out`` the file is (N, 2·D, ..., T), the means first, and a pair is returned.
        class_axis: the axis of the output that holds the classes, counted without the axis of draws. The default is the last.
        draw_axis: for a model that makes M draws in one forward pass: the axis of the output that holds them, such as 0 in
            (M, N, C). "draws-first" or "rows-first" where draws and rows share axis 0, (M·N, C) or (N·M, C). T is then M times
            ``draws``.
        noise: layers that run as in training beside those that the adapter finds: types, names, paths, functions
            (name, layer) -> bool, or a tuple of these.
        kind: what the model returns: "probs", which are kept as they are, or "logits", of which the adapter takes the softmax.
            "binary" or "binary_logits" where it returns one number a row: pass the predictions with kind="binary" then, of shape
            (N, 1, ..., T). "multilabel" or "multilabel_logits" where it returns several labels, each of them yes or no: pass the
            predictions with kind="multilabel". "mean" for the means of numbers, (N,) or (N, D, ...).
        inputs: a function of a block that gives what the model is called with. By default it is the first part of a tuple or list
            (x, y), or the whole block.
        mask: a function of a block that gives True where a cell is padding, or the key of an attention mask, which is 0 there.
            `Predictions.mask` has it, or ``<name>.mask.npy`` beside the file.
        ids: which example each row is: a function of a block that gives the ids of its rows, or their key or place in the block.
            Each id comes once. With ids, data may come in any order. `Predictions.ids` has them, or ``<name>.ids.npy`` beside the
            file.
        batch_size: the rows of one block, for data that does not come in blocks.
        progress: whether a bar shows. It comes on terminals after two seconds, where rich is installed.

    Returns:
        `Predictions`, an iterator of NumPy blocks (n, C, ..., T) that every function of alcore takes. They are
            probabilities from 0 to 1, without a unit. With ``out``, the file, opened, and with ``rows`` the store.

    Raises:
        ValueError: where the model draws no random numbers and draws > 1, because all draws would be the same. Where draws cannot
            be consistent: numbers depend on the row, come from NumPy, or run along sequences whose length differs between blocks.
            Where the prediction of a row depends on the rows beside it. For what `alcore.adapting.predict` refuses.
        TypeError: for a model, data or an output of another type.

    Warns:
        SilentNoiseWarning: once, where layers look noisy and stay off. It names them.
        UserWarning: where the model draws random numbers and all draws of the first block are the same.

    Examples:
        >>> import alcore, alcore_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((4,)), keras.layers.Dropout(0.5), keras.layers.Dense(3)])
        >>> preds = alcore_keras.predict(model, np.eye(4)[np.arange(100) % 4], draws=20, kind="logits", seed=1)
        >>> len(alcore.BatchBALD().select(preds, k=3, rng=0))
        3
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, keras.layers.Layer | DropConnect, "a keras.Model")
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    output, request = adapting.with_variance(output, variance, request, OPS)
    runs = [Network(member, noise, request, output, inputs) for member in members]
    own = members[0].model if isinstance(members[0], DropConnect) else members[0]
    loads = [partial(own.load_weights, path) for path in stored.paths] if stored else None
    restore = InitialWeights(own).restore if stored else None
    known = adapting.known_rows(data, ids)
    out = adapting.as_out(out, rows, known, request, lambda: [run.held for run in runs], stored)
    given: dict[str, Any] = {"rows": known, "out": out, "mask": adapting.as_mask(mask), "progress": progress}
    given["ids"] = adapting.as_ids(ids)
    return adapting.predict_members(runs, partial(_batches, data, batch_size), request, loads, restore, **given)


def _batches(data: Any, batch_size: int) -> Iterable[Any]:
    if isinstance(data, keras.utils.PyDataset):
        if data.num_batches is None:
            raise ValueError(f"data: expected an end, but {type(data).__name__}.num_batches is None. Give it a number.")
        return (data[place] for place in range(data.num_batches))
    said = "an array, a dictionary of arrays, a PyDataset, a tf.data.Dataset or blocks"
    return adapting.as_batches(data, batch_size, said)
