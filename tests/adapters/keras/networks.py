"""The networks of the laws, in Keras on the backend that is set."""

from __future__ import annotations

from typing import Any

import alcore_keras
import keras
import numpy as np
from alcore_keras import compiled
from keras import layers as kl

from tests.adapters.framework import CLASSES, EPSILON, FEATURES, HIDDEN, MEAN, VARIANCE, Framework, Weights


def as_numpy(value: Any) -> Any:
    """A tensor of any backend, or a variable, as an array."""
    return compiled.as_numpy(value.value if isinstance(value, keras.Variable) else value)


class KerasFramework(Framework):
    adapter = alcore_keras

    def network(self, weights: Weights, rate: float) -> Any:
        x = keras.Input((FEATURES,))
        return keras.Model(x, self._layers(weights, rate, x)[1])

    def linear(self, w: np.ndarray, rate: float | None) -> Any:
        drop = [] if rate is None else [kl.Dropout(rate)]
        model = keras.Sequential([keras.Input((len(w),)), *drop, kl.Dense(w.shape[1], use_bias=False)])
        model.set_weights([w])
        return model

    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        x = keras.Input((FEATURES,))
        hidden, logits = self._layers(weights, rate, x)
        return keras.Model(x, {"logits": logits, "hidden": hidden})

    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        return as_numpy(model(x, training=False))

    def state(self, model: Any) -> list[np.ndarray]:
        return [np.array(as_numpy(variable)) for variable in model.variables]

    def spoil(self, model: Any) -> None:
        model.weights[0].assign(np.zeros(model.weights[0].shape))

    def _layers(self, weights: Weights, rate: float, x: Any) -> tuple[Any, Any]:
        dense, norm, last = kl.Dense(HIDDEN), kl.BatchNormalization(epsilon=EPSILON), kl.Dense(CLASSES)
        hidden = kl.Dropout(rate)(kl.ReLU()(norm(dense(x))))
        logits = last(hidden)
        dense.set_weights([weights.w1, weights.b1])
        norm.set_weights([np.ones(HIDDEN), np.zeros(HIDDEN), MEAN, VARIANCE])
        last.set_weights([weights.w2, weights.b2])
        return hidden, logits
