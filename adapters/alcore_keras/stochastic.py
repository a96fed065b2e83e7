"""A model whose noise is always on."""

from __future__ import annotations

import warnings
from typing import Any

import keras

from alcore import adapting
from alcore.adapting import Request
from alcore_keras import compiled
from alcore_keras.drawing import Drawing
from alcore_keras.finding import Found
from alcore_keras.layers import Layers, is_on


class Stochastic(keras.Model):
    """A model in which noise is always on. See `stochastic`."""

    def __init__(self, model: keras.layers.Layer, noise: adapting.Layers | None = None) -> None:
        super().__init__(name=f"stochastic_{model.name}")
        self.model = model
        self.built = model.built
        self._noise = noise

    def call(self, inputs: Any) -> Any:
        if is_on(self.model):  # predict runs it
            return self.model(inputs, training=False)

        def look(layers: Layers, drawing: Drawing) -> None:
            compiled.run(self.model, layers, drawing, inputs, [])

        def make() -> compiled.Kept:
            found = Found(self.model, look, self._noise)
            if found.warning:
                warnings.warn(found.warning, adapting.SilentNoiseWarning, stacklevel=2)
            return compiled.Kept(self.model, found, Request(1), None)

        with adapting.global_generators_kept():
            kept = compiled.kept(self.model, ("stochastic", self._noise), make)
        with Layers(self.model, kept.on).running():
            return self.model(inputs, training=False)


def stochastic(model: keras.layers.Layer, noise: adapting.Layers | None = None) -> Stochastic:
    """A model in which noise is always on, and everything else runs as in inference.

    The layers that draw random numbers when the model runs as in training are on. It does not matter where they are in the model,
    or whether a part is called with ``training=False``. Every row has noise of its own, from the layers' own seeds. The new model
    shares the weights of the original, which stays as it is. The first call costs a few forward passes more. Gal & Ghahramani 2016
    (arXiv:1506.02142).

    Args:
        model: any model or layer.
        noise: layers that run as in training beside those that the adapter finds: types, names, paths, functions
            (name, layer) -> bool, or a tuple of these.

    Returns:
        A ``keras.Model`` that takes the inputs of the original and returns what it returns.

    Raises:
        ValueError: at the first call, for a name or a type in ``noise`` that the model lacks.
        TypeError: at the first call, for ``noise`` that is no type, name or function.

    Warns:
        SilentNoiseWarning: at the first call, where layers look noisy and stay off.

    Examples:
        >>> import alcore_keras, keras, numpy as np
        >>> model = keras.Sequential([keras.Input((100,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
        >>> noisy = alcore_keras.stochastic(model)
        >>> x = np.ones((1, 100), "float32")
        >>> bool(keras.ops.any(noisy(x) == 0)), bool(keras.ops.any(model(x) == 0))
        (True, False)
    """
    return Stochastic(model, noise)
