"""Keras networks that return means of numbers and the variances of their noise."""

from __future__ import annotations

import alcore_keras
import keras
import numpy as np
import pytest

import alcore

X = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)


def test_blocks_are_pairs_of_the_same_passes() -> None:
    keras.utils.set_random_seed(0)
    given = keras.Input((4,))
    hidden = keras.layers.Dropout(0.5)(keras.layers.Dense(8, "relu")(given))
    heads = {"mean": keras.layers.Dense(2)(hidden), "log_variance": keras.layers.Dense(2)(hidden)}
    model = keras.Model(given, heads)
    options = {"kind": "mean", "draws": 5, "batch_size": 4, "output": "mean"}
    variance = {"variance": lambda returned: keras.ops.exp(returned["log_variance"])}
    blocks = list(alcore_keras.predict(model, X, **options, **variance))
    means, noise = (np.concatenate([pair[place] for pair in blocks]) for place in (0, 1))
    np.testing.assert_allclose(means, np.concatenate(list(alcore_keras.predict(model, X, **options))), rtol=1e-6)
    logs = np.concatenate(list(alcore_keras.predict(model, X, **(options | {"output": "log_variance"}))))
    np.testing.assert_allclose(noise, np.exp(logs), rtol=1e-5)
    stream = alcore_keras.predict(model, X, **options, **variance)
    scores = alcore.bald(stream, kind="mean")
    np.testing.assert_allclose(scores, alcore.bald(means, kind="mean", variance=noise), rtol=1e-6)
    with pytest.raises(ValueError, match="variance: expected kind='mean' beside it"):
        alcore_keras.predict(model, X, draws=2, variance="log_variance")
