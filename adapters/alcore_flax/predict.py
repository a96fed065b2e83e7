"""Predictions of a Flax model, or of several, draw after draw."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from alcore import SharedStore, adapting
from alcore.adapting import Request
from alcore_flax.noise import Noise
from alcore_flax.program import OPS, Output
from alcore_flax.run import Run
from alcore_flax.weights import Checkpoints


def predict(
    model: Any,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | SharedStore | None = None,
    rows: tuple[int, int] | None = None,
    dtype: np.typing.DTypeLike = "float32",
    output: Output = None,
    variance: Output = None,
    class_axis: int = -1,
    draw_axis: int | str | None = None,
    noise: Noise = None,
    kind: str = "probs",
    inputs: Callable[[Any], Any] | None = None,
    mask: str | Callable[[Any], Any] | None = None,
    ids: str | int | Callable[[Any], Any] | None = None,
    batch_size: int = 128,
    progress: bool = True,
) -> Any:
    """Predict with a model whose noise is on, draw after draw: blocks (n, C, ..., T).

    Draw t of row n is p(y | xₙ, θₜ): the class probabilities by the network θₜ. Layers that draw random numbers in training run as
    in training, and everything else runs as in inference. The flags train, training, is_training, deterministic and
    use_running_average do not matter, in the model or in its call. A trace of the first block shows these layers and their random
    streams. Each row is mapped alone. The model is not changed. Gal & Ghahramani 2016 (arXiv:1506.02142).

    Cost is N·T forward passes in blocks, compiled once for each shape of a block. What comes before the first noise is computed
    once for each block, in consistent and in plain draws. Memory is one block, n·C·T numbers, and at most 64 MiB of what the draws
    of a block share.

    Args:
        model: a bound Linen module (``module.bind(variables)``), an NNX module, or a list of several, an ensemble.
            The draws of one member follow those of the other along T.
            The noise of members is on too, so pass draws=1 for an ensemble of networks without noise. `Checkpoints` is an ensemble
            on disk. `DropConnect(model)` drops weights instead of activations.
        data: an array (N, ...), a dictionary of these, or an iterable of blocks, such as a DataLoader of PyTorch that does not
            shuffle.
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
            function: ``variance=lambda returned: jnp.exp(returned["log_variance"])``. The blocks are then pairs
            (means, variances). With ``out`` the file is (N, 2·D, ..., T), the means first, and a pair is returned.
        class_axis: the axis of the output that holds the classes, counted without the axis of draws. The default is the last.
        draw_axis: for a model that makes M draws in one forward pass: the axis of the output that holds them, such as 0 in
            (M, N, C). "draws-first" or "rows-first" where draws and rows share axis 0, (M·N, C) or (N·M, C). T is then M times
            ``draws``.
        noise: layers that run as in training beside those that the adapter finds: types, names, paths ("encoder/drop"), functions
            (name, layer) -> bool, or a tuple of these.
        kind: what the model returns: "probs", which are kept as they are, or "logits", of which the adapter takes the softmax.
            "binary" or "binary_logits" where it returns one number a row: pass the predictions with kind="binary" then, of shape
            (N, 1, ..., T). "multilabel" or "multilabel_logits" where it returns several labels, each of them yes or no: pass the
            predictions with kind="multilabel". "mean" for the means of numbers, (N,) or (N, D, ...).
        inputs: a function of a block that gives what the model is called with. A tuple becomes positional arguments, a dictionary
            keyword arguments. A dictionary at the end of a tuple becomes keyword arguments too:
            ``inputs=lambda x: (x, {"train": False})``. By default it is the first part of a tuple or list (x, y), or the whole
            block. The first array has rows on axis 0, and so have other arrays of its length. All rows share an array that had
            another length in any block so far, and an array that must be shared so that rows are predicted alike alone and
            together. Numbers, strings and booleans are constants.
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
        ValueError: where the model draws no random numbers and draws > 1, because all draws would be the same. Where the prediction
            of a row depends on the other rows, or on its place among them. For what `alcore.adapting.predict` refuses.
        TypeError: for a model, data or an output of another type.

    Warns:
        SilentNoiseWarning: where layers that draw random numbers in training stay off, hold a rate and draw nothing, or draw the
            same numbers in every draw.

    Examples:
        >>> import alcore, alcore_flax, jax
        >>> from flax import linen as nn
        >>> module = nn.Sequential([nn.Dense(16), nn.relu, nn.Dropout(0.5, deterministic=True), nn.Dense(3)])
        >>> rows = jax.random.normal(jax.random.key(0), (100, 4))
        >>> model = module.bind(module.init(jax.random.key(1), rows))
        >>> preds = alcore_flax.predict(model, rows, draws=20, kind="logits", seed=1)
        >>> len(alcore.BatchBALD().select(preds, k=5, rng=0))
        5
    """
    stored = model if isinstance(model, Checkpoints) else None
    members = adapting.as_members(stored.model if stored else model, object, "a model")
    if class_axis is None:
        raise TypeError("class_axis: expected an integer, got None. For the last axis, pass class_axis=-1.")
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    output, request = adapting.with_variance(output, variance, request, OPS)
    given: dict[str, Any] = {"mask": adapting.as_mask(mask), "progress": progress}
    given["rows"], given["ids"] = adapting.known_rows(data, ids), adapting.as_ids(ids)
    runs = [Run(one, request, output, inputs, noise) for one in members]
    given["out"] = adapting.as_out(out, rows, given["rows"], request, lambda: [run.held for run in runs], stored)
    batches = partial(adapting.as_batches, data, batch_size)
    loads = [partial(runs[0].load, stored, place) for place in range(len(stored.paths))] if stored else None
    return adapting.predict_members(runs, batches, request, loads, **given)
