"""Predictions of a Flax model, or of several, draw by draw."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from alcore import adapting
from alcore.adapting import Request
from alcore_flax.noise import Noise
from alcore_flax.program import Output
from alcore_flax.run import Run
from alcore_flax.weights import Checkpoints


def predict(
    model: Any,
    data: Any,
    *,
    draws: int,
    consistent: bool = True,
    seed: int = 0,
    out: str | os.PathLike[str] | None = None,
    dtype: np.typing.DTypeLike = "float32",
    output: Output = None,
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
    """Blocks (n, C, ..., T) of what a model with dropout says in ``draws`` draws; with ``out`` the file they are written to.

    Layers that draw random numbers in training run as in training, and everything else as in inference, whatever flags (train,
    training, is_training, deterministic, use_running_average) the model has or is called with; the model is not touched. Such
    layers are found in a trace of the first batch, and so are their random streams. Each row is mapped alone. With ``consistent``
    draws, which BatchBALD, EPIG, ICAL and replay need, draw t is one network: one mask for all rows of all blocks. Without, every
    row has masks of its own. Gal & Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: a bound Linen module (``module.bind(variables)``), an NNX module, or several of an ensemble (`Checkpoints`: on disk),
            whose draws stand one after the other along T; their dropout is on too, so an ensemble of plain networks has draws=1.
            `DropConnect(model)` drops weights instead.
        data: an array (N, ...) or a dictionary of such, cut by ``batch_size``, or batches; a torch DataLoader is one.
        draws: T, of each member.
        seed: the same seed and block size give the same bits; other block sizes the same masks, and probabilities to 1e-6.
        out: a .npy or .zarr file that does not exist, written block by block; a run that was killed goes on with the same bits.
        dtype: of what is kept: float16, float32 or float64.
        output: which of what the model returns: a key or attribute ("logits"), a place, or a function.
        class_axis: where the classes are in it, the axis of draws left out.
        draw_axis: of a model that makes M draws in a pass, the axis that holds them, or "draws-first" or "rows-first" where they
            are folded into the axis of rows; T is then draws times M.
        noise: layers that run as in training beside those that are found: types, names or paths ("Dropout_0", "encoder/drop"),
            functions (name, layer) -> bool, or several in a tuple.
        kind: what the model returns: "logits", whose softmax is taken, or "probs", passed on as they are.
        inputs: a batch -> what the model is called with: a dictionary becomes keyword arguments, a tuple positional ones, and
            a dictionary at its end keywords: ``inputs=lambda x: (x, {"train": False})``. The first array has rows on axis 0, and so
            have others of its length; an array of another length in any block so far is the same for all rows, and so is one
            with which alone rows are predicted alike alone and together. Numbers, strings and booleans are constants. By default
            the first part of a tuple or list (x, y), all of a dictionary, or the batch itself.
        mask: a batch -> True where a cell is padding, or the key of an attention mask; `Predictions.mask`, ``<name>.mask.npy``.
        ids: a batch -> which example each row is, or the key or place of that; `Predictions.ids`, ``<name>.ids.npy``. Each once;
            with them data may come in any order.
        batch_size: rows of a block, where data does not come in batches.
        progress: a bar on terminals after two seconds, where rich is installed.

    Returns: an iterator of NumPy blocks that every function of alcore takes, or with ``out`` the file, opened.
    Cost: N·T forward passes in batches, compiled once for each shape of a batch; memory of one block, n·C·T numbers.
    Raises: ValueError where no noise is active and draws > 1 (every draw would be the same), where a row's prediction depends on
    the other rows or its place among them, and as `alcore.adapting.predict`.

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
        raise TypeError("class_axis: expected an integer, got None. Classes on the last axis: class_axis=-1.")
    request = Request(draws, consistent, seed, dtype, kind, class_axis, len(members), draw_axis=draw_axis)
    given: dict[str, Any] = {"out": out, "mask": adapting.as_mask(mask), "progress": progress}
    given["rows"], given["ids"] = adapting.known_rows(data, ids), adapting.as_ids(ids)
    runs = [Run(one, request, output, inputs, noise) for one in members]
    batches = partial(adapting.as_batches, data, batch_size)
    loads = [partial(runs[0].load, stored, place) for place in range(len(stored.paths))] if stored else None
    return adapting.predict_members(runs, batches, request, loads, **given)
