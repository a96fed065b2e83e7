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
    """A model in which noise is always on; see `stochastic`."""

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
    """The model with its noise on and normalisation and all else in inference; weights are shared, the original stays as it is.

    On are the layers in whose call random numbers are drawn when it runs as in training, wherever they are in the model, also in
    parts that are called with ``training=False``; and those that ``noise`` names, as in `predict`. Every row has noise of its own,
    from the layers' own seeds.

    >>> import alcore_keras, keras, numpy as np
    >>> model = keras.Sequential([keras.Input((100,)), keras.layers.BatchNormalization(), keras.layers.Dropout(0.5)])
    >>> noisy = alcore_keras.stochastic(model)
    >>> x = np.ones((1, 100), "float32")
    >>> bool(keras.ops.any(noisy(x) == 0)), bool(keras.ops.any(model(x) == 0))
    (True, False)
    """
    return Stochastic(model, noise)
