"""DropConnect: weights instead of activations are dropped. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as kl

from alcore.adapting import as_rate, is_among


class DropConnect:
    """A model whose weights are dropped with probability ``rate``, each anew for each draw, the rest scaled by 1/(1 − rate).

    It holds the model itself: its pretrained weights, strides, padding, groups and biases stay what they are. In
    `alcore_keras.predict` every row of a draw meets the same weights, and noise layers are on as well; elsewhere the
    model runs as it is. Masks are of every weight that multiplies activations, also in attention and recurrent layers; biases,
    embeddings and normalisations are kept. ``dropped`` and ``left`` list the paths of weights with two axes or more.

    Args:
        model: any model that is built.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: types or names of layers whose weights but biases are dropped; all by default.

    Raises: ValueError for another rate, for a model without weights yet, and where no layer has weights to drop.

    >>> import alcore_keras, keras, numpy as np
    >>> model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Conv2D(2, 3, strides=2)])
    >>> dropped = alcore_keras.DropConnect(model, 0.3)
    >>> next(alcore_keras.predict(dropped, np.ones((4, 8, 8, 1)), draws=5, kind="logits")).shape
    (4, 2, 3, 3, 5)
    """

    def __init__(
        self,
        model: keras.layers.Layer,
        rate: float = 0.5,
        layers: tuple[type[keras.layers.Layer] | str, ...] | None = None,
    ) -> None:
        if not model.built:
            raise ValueError(f"model: {model.name} has no weights yet. Build it, or call it on a batch, first.")
        self.model, self.rate = model, as_rate(rate)
        all_layers = model._flatten_layers()
        matrices = [
            (layer, one)
            for layer in all_layers
            for one in layer._trainable_variables
            if len(one.shape) > 1 and "bias" not in one.name
        ]
        if layers is None:
            found = [one for layer, one in matrices if _is_matrix(layer, one)]
        else:
            named = (layer for layer in all_layers if is_among(layer.name, layer, layers))
            found = [one for layer in named for one in layer.weights if "bias" not in one.name]
        self.kernels = list({id(one): one for one in found}.values())
        if not self.kernels:
            raise ValueError(f"layers: {model.name} has none with weights to drop.")
        self.dropped = [one.path for one in self.kernels]
        ours = {id(one) for one in self.kernels}
        self.left = list(dict.fromkeys(one.path for _, one in matrices if id(one) not in ours))

    def __repr__(self) -> str:
        count = len(self.dropped)
        return f"DropConnect({self.model.name}, {self.rate}): {count} of {count + len(self.left)} weight matrices are dropped"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def drop(self) -> None:
        """Drop weights, inside a ``keras.StatelessScope``, which ends with the weights what they were."""
        for kernel in self.kernels:
            kernel.assign(keras.random.dropout(keras.ops.convert_to_tensor(kernel), self.rate))


def _is_matrix(layer: Any, weight: Any) -> bool:
    """Whether a weight multiplies activations: Keras names those kernels; in other layers all but tables of embeddings are."""
    if type(layer).__module__.startswith("keras."):
        return "kernel" in weight.name
    return not isinstance(layer, kl.Embedding) and "embedding" not in f"{layer.name} {weight.name}".lower()
