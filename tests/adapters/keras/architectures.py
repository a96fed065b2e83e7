"""Small models of many architectures, as people write them, each with data whose sizes coincide with the number of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import layers as kl
from keras import ops

from tests.adapters.keras.predictions import IMAGES, ROWS, STEPS

N = 8  # rows; as many tokens, units and channels
WORDS = np.random.default_rng(6).integers(0, N, (N, N)).astype(np.int32)
SQUARE = np.random.default_rng(5).normal(size=(N, N, 6)).astype(np.float32)


class Layer(kl.Layer):
    """Whose shape is known without a call: on JAX Keras builds no layer that draws without a seed in one."""

    def compute_output_shape(self, shape: Any) -> Any:
        return shape


class Own(Layer):
    """Noise of its own, without a seed; ``gated``: in training alone."""

    def __init__(self, gated: bool = False) -> None:
        super().__init__()
        self.gated = gated

    def call(self, x: Any, training: bool = False) -> Any:
        if training or not self.gated:
            x = keras.random.dropout(x, 0.4) + 0.1 * keras.random.normal(ops.shape(x))
        return x


class Calls(Layer):
    """A function as a layer."""

    def __init__(self, function: Any, **options: Any) -> None:
        super().__init__(**options)
        self.function = function

    def call(self, x: Any) -> Any:
        return self.function(x)


class Counts(kl.Layer):
    """Draws in training, and writes to a variable of its own there."""

    def build(self, shape: Any) -> None:
        self.seen = self.add_weight(shape=(), initializer="zeros", trainable=False)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            self.seen.assign_add(1)
            x = keras.random.dropout(x, 0.5)
        return x


class Cell(kl.Layer):
    """Draws at each step."""

    state_size = 8

    def __init__(self) -> None:
        super().__init__()
        self.dense = kl.Dense(8)

    def build(self, shape: Any) -> None:
        self.dense.build(shape)

    def call(self, x: Any, states: Any, training: bool = False) -> Any:
        h = self.dense(x) + states[0]
        h = keras.random.dropout(h, 0.3) if training else h
        return h, [h]


class Bayes(kl.Layer):
    """Weights that are drawn in every pass, as Bayes by backprop does; as many units as there are rows."""

    def build(self, shape: Any) -> None:
        self.mu = self.add_weight(shape=(N, shape[-1]), initializer="glorot_normal")
        self.rho = self.add_weight(shape=(N, shape[-1]), initializer=keras.initializers.Constant(-1.5))

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape[:-1], N)

    def call(self, x: Any) -> Any:
        return ops.matmul(x, ops.transpose(self.mu + ops.exp(self.rho) * keras.random.normal(self.mu.shape)))


class Windows(Layer):
    """Two windows of each row are folded into the axis of rows, with dropout there; ``apart``: all first ones before all second."""

    def __init__(self, apart: bool) -> None:
        super().__init__()
        self.order = (1, 0, 2) if apart else (0, 1, 2)

    def call(self, x: Any, training: bool = False) -> Any:
        apart = ops.transpose(ops.reshape(x, (-1, 2, 3)), self.order)
        folded = ops.reshape(apart, (-1, 3))
        folded = keras.random.dropout(folded, 0.4) if training else folded
        shape = (2, -1, 3) if self.order[0] else (-1, 2, 3)
        return ops.reshape(ops.transpose(ops.reshape(folded, shape), self.order), (-1, 6))


class Table(Layer):
    """Dropout of a table of embeddings, which has as many words as there are rows."""

    def build(self, shape: Any) -> None:
        self.table = self.add_weight(shape=(N, 6), initializer="glorot_normal")

    def compute_output_shape(self, shape: Any) -> Any:
        return (*shape, 6)

    def call(self, words: Any, training: bool = False) -> Any:
        table = ops.convert_to_tensor(self.table)
        return ops.take(keras.random.dropout(table, 0.3) if training else table, words, axis=0)


class Depth(Layer):
    """Stochastic depth: a branch is dropped for all of a row."""

    def __init__(self, branch: Any) -> None:
        super().__init__()
        self.branch = branch

    def call(self, x: Any, training: bool = False) -> Any:
        if not training:
            return x + self.branch(x)
        keep = keras.random.uniform((ops.shape(x)[0], *[1] * (len(x.shape) - 1))) < 0.6
        return x + self.branch(x) * ops.cast(keep, x.dtype) / 0.6


class Block(kl.Layer):
    """A transformer's, with positions and dropout that is called in training alone."""

    def __init__(self) -> None:
        super().__init__()
        self.attention, self.norm = kl.MultiHeadAttention(2, 3, dropout=0.3), kl.LayerNormalization()
        self.drop, self.positions = kl.Dropout(0.3), kl.Embedding(N, 6)

    def call(self, x: Any, training: bool = False) -> Any:
        places = self.positions(ops.arange(x.shape[1]))[None]
        x = x + (self.drop(places) if training else places)
        return self.norm(x + self.attention(x, x))


class Subclassed(keras.Model):
    """Of a dictionary of inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.drop, self.last = kl.Dense(N), kl.Dense(N), kl.Dropout(0.4), kl.Dense(3)

    def call(self, given: Any) -> Any:
        return self.last(self.drop(ops.relu(self.a(given["a"]) + self.b(given["b"]))))


def layers(*inner: Any, shape: tuple[int, ...]) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *inner])


def words(*inner: Any) -> keras.Model:
    return keras.Sequential([keras.Input((N,), dtype="int32"), *inner])


def normal() -> Any:
    """Statistics that are not those of the data, which stay in training too."""
    return kl.BatchNormalization(moving_mean_initializer=keras.initializers.Constant(0.3), trainable=False)


def attention(kind: str) -> keras.Model:
    x = keras.Input((N, 6))
    y = kl.MultiHeadAttention(2, 3, dropout=0.4)(x, x) if kind == "heads" else kl.Attention(dropout=0.4)([x, x])
    return keras.Model(x, kl.Dense(3)(kl.GlobalAveragePooling1D()(y)))


def nested() -> keras.Model:
    x = keras.Input((6,))
    inner = layers(kl.Dense(N, "relu"), kl.Dropout(0.4), shape=(6,))
    return keras.Model(x, kl.Dense(3)(inner(x)))


def convolutional(*noise: Any) -> keras.Model:
    inner = kl.Conv2D(N, 3, padding="same"), normal(), kl.ReLU(), *noise
    return layers(*inner, kl.GlobalAveragePooling2D(), kl.Dense(3), shape=(6, 6, 4))


MODELS: dict[str, tuple[Callable[[], Any], Any]] = {
    "dense": (lambda: layers(kl.Dense(N, "relu"), kl.Dropout(0.4), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "convolutional": (lambda: convolutional(kl.Dropout(0.4)), IMAGES[:N]),
    "SpatialDropout": (lambda: convolutional(kl.SpatialDropout2D(0.4)), IMAGES[:N]),
    "GaussianNoise": (lambda: layers(kl.Dense(N), kl.GaussianNoise(0.4), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "LSTM": (lambda: layers(kl.LSTM(N, dropout=0.3, recurrent_dropout=0.3), kl.Dense(3), shape=(N, 6)), SQUARE),
    "GRU": (lambda: layers(kl.GRU(4, recurrent_dropout=0.4), kl.Dense(3), shape=(5, 6)), STEPS[:N]),
    "bidirectional": (
        lambda: layers(kl.Bidirectional(kl.LSTM(4, dropout=0.4)), kl.Dense(3), shape=(5, 6)),
        STEPS[:N],
    ),
    "MultiHeadAttention": (lambda: attention("heads"), SQUARE),
    "Attention": (lambda: attention("one"), SQUARE),
    "transformer": (lambda: layers(Block(), kl.GlobalAveragePooling1D(), kl.Dense(3), shape=(N, 6)), SQUARE),
    "own noise": (lambda: layers(kl.Dense(N), Own(), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "Bayes by backprop": (lambda: layers(Bayes(), kl.ReLU(), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "gated": (lambda: layers(kl.Dense(N), Own(gated=True), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "stochastic depth": (lambda: layers(Depth(kl.Dense(6)), Depth(kl.Dense(6)), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "Sequential in Functional": (nested, ROWS[:N]),
    "subclassed": (Subclassed, {"a": ROWS[:N], "b": -ROWS[:N]}),
    "windows": (lambda: layers(Windows(apart=False), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "windows apart": (lambda: layers(Windows(apart=True), kl.Dense(3), shape=(6,)), ROWS[:N]),
    "embedding table": (lambda: words(Table(), kl.GlobalAveragePooling1D(), kl.Dense(3)), WORDS),
    "segmentation": (
        lambda: layers(kl.Conv2D(N, 3, padding="same"), kl.SpatialDropout2D(0.4), kl.Conv2D(3, 1), shape=(6, 6, 4)),
        IMAGES[:N],
    ),
}
