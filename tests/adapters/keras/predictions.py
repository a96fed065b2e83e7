"""Predictions of small Keras networks on small data, and the check that draws are consistent."""

from __future__ import annotations

from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

BACKEND = keras.backend.backend()
every_backend = pytest.mark.every_backend  # the rest is long where models are compiled: there `make soak` runs it
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(20, 6)).astype(np.float32)
STEPS = RNG.normal(size=(20, 5, 6)).astype(np.float32)
IMAGES = RNG.normal(size=(20, 6, 6, 4)).astype(np.float32)
VIDEOS = RNG.normal(size=(20, 3, 4, 4, 2)).astype(np.float32)


def predict(model: Any, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 4, "batch_size": 20, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_keras.predict(model, data, **given)))


def assert_consistent(model: Any, data: np.ndarray, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ; in plain draws rows differ, with the same bits
    for the same seed. All blocks have one shape, for which a model is compiled once.
    """
    found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[len(data) :][::-1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    same = np.concatenate([data[:1]] * 20)
    plain = predict(model, same, consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(20, -1).round(5), axis=0)) > 1
    np.testing.assert_array_equal(plain, predict(model, same, consistent=False, **options))
    return found


def around(layer: Any, shape: tuple[int, ...]) -> keras.Model:
    """The layer between a dense one and the classes, with a BatchNormalization whose statistics are not those of the data."""
    norm = kl.BatchNormalization()
    pooled = [kl.Flatten()]
    model = keras.Sequential([keras.Input(shape), kl.Dense(shape[-1]), norm, layer, *pooled, kl.Dense(3)])
    norm.moving_mean.assign(np.full(shape[-1], 0.3))
    return model
