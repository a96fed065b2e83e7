"""DropConnect: weights instead of activations are dropped. Wan et al. 2013 (proceedings.mlr.press/v28/wan13)."""

from __future__ import annotations

from typing import Any

import keras
from keras import layers as kl

from alcore.adapting import as_rate, is_among

LAYERS = (
    *(kl.Dense, kl.EinsumDense, kl.Conv1D, kl.Conv2D, kl.Conv3D),
    *(kl.Conv1DTranspose, kl.Conv2DTranspose, kl.Conv3DTranspose),
    *(kl.DepthwiseConv1D, kl.DepthwiseConv2D, kl.SeparableConv1D, kl.SeparableConv2D),
    *(kl.RNN, kl.SimpleRNNCell, kl.LSTMCell, kl.GRUCell),
)


class DropConnect:
    """A model whose weights are dropped with probability ``rate``, each anew for each draw, the rest scaled by 1/(1 − rate).

    It holds the model itself: its pretrained weights, strides, padding, groups and biases stay what they are. In
    `alcore_keras.predict` every row of a draw meets the same weights, and noise layers are on as well; elsewhere the
    model runs as it is. Masks are of the kernels of dense, convolutional and recurrent layers; biases are kept.

    Args:
        model: any model that is built.
        rate: the probability of dropping a weight, 0 ≤ rate < 1.
        layers: types or names of layers whose weights but biases are dropped; all of those above by default.

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
        kernels = {
            id(variable): variable
            for layer in model._flatten_layers()
            if is_among(layer.name, layer, LAYERS if layers is None else layers)
            for variable in layer.weights
            if ("kernel" in variable.name if layers is None else "bias" not in variable.name)
        }
        if not kernels:
            raise ValueError(f"layers: {model.name} has none with weights to drop.")
        self._kernels = list(kernels.values())
        self._seeds = [keras.random.SeedGenerator(0) for _ in self._kernels]

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.model(*args, **kwargs)

    @property
    def states(self) -> list[Any]:
        """What the masks depend on, a variable for each kernel."""
        return [seed.state for seed in self._seeds]

    def drop(self) -> None:
        """Drop weights, inside a ``keras.StatelessScope``, which ends with the weights what they were."""
        for kernel, seed in zip(self._kernels, self._seeds, strict=True):
            kernel.assign(keras.random.dropout(keras.ops.convert_to_tensor(kernel), self.rate, seed=seed))
