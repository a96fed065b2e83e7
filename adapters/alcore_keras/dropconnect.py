"""DropConnect drops weights instead of activations. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as kl

from alcore.adapting import as_rate, is_among


class DropConnect:
    """A model that drops its weights with probability ``rate`` in each draw, and scales the others by 1/(1 − rate).

    In draw t, a weight W becomes W ∘ mₜ / (1 − rate), with mₜ ~ Bernoulli(1 − rate) for each of its numbers. In `predict`, all rows
    of a draw meet the same weights, and noise layers are on as well. Elsewhere the model runs as it is. It holds the model itself:
    its weights, strides, padding, groups and biases stay what they are. Each draw costs one forward pass and one mask of every
    dropped weight. Wan et al. 2013 (proceedings.mlr.press/v28/wan13).

    Args:
        model: any model that is built.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: the layers whose weights are dropped: types or names in a tuple. All their weights except biases are dropped. By
            default every weight that multiplies activations is dropped, also in attention and recurrent layers. Biases, embeddings
            and normalisations are kept.

    Attributes:
        dropped: paths of the weights that are dropped.
        left: paths of the other weights of two or more dimensions. ``repr`` gives both counts.

    Raises:
        ValueError: for a rate outside [0, 1), for a model that is not built, and where no layer has weights to drop.

    Examples:
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
            raise ValueError(f"model: {model.name} has no weights yet. Call it on one block first: model(block).")
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
            has = list(dict.fromkeys(layer.name for layer, _ in matrices))
            remedy = f" It has them in {', '.join(map(repr, has))}. Name a layer: layers=({has[0]!r},)." if has else ""
            raise ValueError(f"layers: {model.name} has none with weights to drop.{remedy}")
        self.dropped = [one.path for one in self.kernels]
        ours = {id(one) for one in self.kernels}
        self.left = list(dict.fromkeys(one.path for _, one in matrices if id(one) not in ours))

    def __repr__(self) -> str:
        count = len(self.dropped)
        return f"DropConnect({self.model.name}, {self.rate}): {count} of {count + len(self.left)} weight matrices are dropped"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    def drop(self) -> None:
        """Drop weights inside a ``keras.StatelessScope``. When the scope ends, the weights are what they were."""
        for kernel in self.kernels:
            kernel.assign(keras.random.dropout(keras.ops.convert_to_tensor(kernel), self.rate))


def _is_matrix(layer: Any, weight: Any) -> bool:
    """Whether a weight multiplies activations. Keras calls it a kernel. In layers of others, all but embeddings count."""
    if type(layer).__module__.startswith("keras."):
        return "kernel" in weight.name
    return not isinstance(layer, kl.Embedding) and "embedding" not in f"{layer.name} {weight.name}".lower()
