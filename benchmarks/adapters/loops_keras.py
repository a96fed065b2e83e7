"""The network of the adapters' table in Keras, and compiled loops over draws as one writes them by hand."""

from __future__ import annotations

import keras
import numpy as np
import tensorflow as tf
from keras import layers, ops


def network() -> keras.Model:
    keras.utils.set_random_seed(0)
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(16, 3, padding="same", activation="relu"),
            layers.MaxPooling2D(),
            layers.Conv2D(32, 3, padding="same"),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dropout(0.5),
            layers.Dense(64, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10),
        ]
    )


def plain(model: keras.Model, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    """A mask for every row; batch norm stays in inference."""
    if not hasattr(model, "by_hand"):

        def forward(x: tf.Tensor) -> tf.Tensor:
            for layer in model.layers:
                x = layer(x, training=True) if isinstance(layer, layers.Dropout) else layer(x)
            return ops.softmax(x)

        model.by_hand = tf.function(forward)
    cut = [images[start : start + batch] for start in range(0, len(images), batch)]
    blocks = [np.stack([model.by_hand(tf.constant(x)).numpy() for _ in range(draws)], -1) for x in cut]
    return np.concatenate(blocks)


def consistent(model: keras.Model, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    """Masks of each draw are made once and kept."""
    if not hasattr(model, "masks"):
        rng = np.random.default_rng(0)
        model.masks = [tf.constant((rng.random((draws, 1, n)) >= 0.5) * 2.0, tf.float32) for n in (512, 64)]

        def forward(x: tf.Tensor, draw: tf.Tensor) -> tf.Tensor:
            masks = iter(model.masks)
            for layer in model.layers:
                x = x * next(masks)[draw] if isinstance(layer, layers.Dropout) else layer(x)
            return ops.softmax(x)

        model.with_masks = tf.function(forward)
    cut = [images[start : start + batch] for start in range(0, len(images), batch)]
    numbers = [tf.constant(draw) for draw in range(draws)]
    blocks = [np.stack([model.with_masks(tf.constant(x), draw).numpy() for draw in numbers], -1) for x in cut]
    return np.concatenate(blocks)


def eager(model: keras.Model, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    """A mask for every row, layer by layer, without compiling."""

    def forward(x: tf.Tensor) -> tf.Tensor:
        for layer in model.layers:
            x = layer(x, training=True) if isinstance(layer, layers.Dropout) else layer(x)
        return ops.softmax(x)

    cut = [images[start : start + batch] for start in range(0, len(images), batch)]
    return np.concatenate([np.stack([forward(tf.constant(x)).numpy() for _ in range(draws)], -1) for x in cut])
