"""The weighted training that the guide writes in Keras steps along the gradient of the weighted mean."""

from __future__ import annotations

import keras
import numpy as np
from keras import layers as kl

from tests.adapters.framework import Picks
from tests.adapters.keras.predictions import every_backend


@every_backend
def test_the_guides_weighted_training_steps_along_the_gradient_of_the_weighted_mean() -> None:
    """One step of gradient descent at a rate of 1, compared with the gradient in closed form."""
    picks = Picks.of("Keras")
    model = keras.Sequential([keras.Input((6,)), kl.Dense(3)])
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    w, b = model.get_weights()
    exec(picks.line, {"model": model, "x": picks.x, "y": picks.y, "v": picks.v})
    np.testing.assert_allclose(w - model.get_weights()[0], picks.gradient(w, b), rtol=1e-4, atol=1e-6)
