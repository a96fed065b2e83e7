"""Noise layers of every kind are on, and all rows of a draw share their noise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import (
    IMAGES,
    ROWS,
    STEPS,
    VIDEOS,
    around,
    assert_consistent,
    every_backend,
    predict,
)

LAYERS: dict[str, tuple[Callable[[], Any], np.ndarray]] = {
    "Dropout": (lambda: kl.Dropout(0.4), ROWS),
    "Dropout of steps": (lambda: kl.Dropout(0.4, noise_shape=(None, 1, None)), STEPS),
    "stochastic depth": (lambda: kl.Dropout(0.4, noise_shape=(None, 1, 1, 1)), IMAGES),
    "Dropout, seeded": (lambda: kl.Dropout(0.4, seed=3), ROWS),
    "SpatialDropout1D": (lambda: kl.SpatialDropout1D(0.4), STEPS),
    "SpatialDropout2D": (lambda: kl.SpatialDropout2D(0.4), IMAGES),
    "SpatialDropout2D, channels first": (lambda: kl.SpatialDropout2D(0.4, data_format="channels_first"), IMAGES),
    "SpatialDropout3D": (lambda: kl.SpatialDropout3D(0.4), VIDEOS),
    "AlphaDropout": (lambda: kl.AlphaDropout(0.4), ROWS),
    "AlphaDropout of steps": (lambda: kl.AlphaDropout(0.4, noise_shape=(None, 1, None)), STEPS),
    "GaussianDropout": (lambda: kl.GaussianDropout(0.4), ROWS),
    "GaussianNoise": (lambda: kl.GaussianNoise(0.4), ROWS),
    "LSTM": (lambda: kl.LSTM(4, dropout=0.4), STEPS),
    "LSTM, recurrent": (lambda: kl.LSTM(4, recurrent_dropout=0.4, return_sequences=True), STEPS),
    "GRU": (lambda: kl.GRU(4, dropout=0.4, recurrent_dropout=0.2), STEPS),
    "GRU, inputs": (lambda: kl.GRU(4, dropout=0.4), STEPS),
    "SimpleRNN": (lambda: kl.SimpleRNN(4, dropout=0.4, recurrent_dropout=0.2), STEPS),
    "Bidirectional": (lambda: kl.Bidirectional(kl.LSTM(4, dropout=0.4)), STEPS),
    "stacked cells": (lambda: kl.RNN([kl.LSTMCell(4, dropout=0.4), kl.GRUCell(5, recurrent_dropout=0.4)]), STEPS),
    "ConvLSTM1D": (lambda: kl.ConvLSTM1D(2, 2, dropout=0.4), IMAGES),
    "ConvLSTM2D": (lambda: kl.ConvLSTM2D(2, 2, dropout=0.4, recurrent_dropout=0.4), VIDEOS),
    "TimeDistributed": (lambda: kl.TimeDistributed(kl.Dropout(0.4)), STEPS),
    "TimeDistributed model": (lambda: kl.TimeDistributed(keras.Sequential([kl.Dense(4), kl.Dropout(0.4)])), STEPS),
}


ON_EVERY_BACKEND = ("Dropout of steps", "LSTM, recurrent", "MultiHeadAttention")


def named(names: Iterable[str]) -> list[Any]:
    return [pytest.param(name, marks=every_backend if name in ON_EVERY_BACKEND else ()) for name in names]


@pytest.mark.parametrize("name", named(LAYERS))
def test_noise_layers_are_on_and_all_rows_share_their_noise(name: str) -> None:
    """The model's variables and its layers' calls are as they were."""
    make, data = LAYERS[name]
    model = around(make(), data.shape[1:])
    before = [np.array(as_numpy(variable)) for variable in model.variables]
    assert_consistent(model, data)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, as_numpy(new))
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


ATTENTION = ("MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention")


def attention(kind: str, masked: bool = False) -> keras.Model:
    x = keras.Input((5, 6))
    y = kl.Masking(0.0)(x) if masked else x
    if kind == "MultiHeadAttention":
        y = kl.MultiHeadAttention(2, 3, dropout=0.4)(y, y)
    elif kind == "GroupQueryAttention":
        y = kl.GroupQueryAttention(4, 4, 2, dropout=0.4)(y, y)
    else:
        y = {"Attention": kl.Attention, "AdditiveAttention": kl.AdditiveAttention}[kind](dropout=0.4)([y, y])
    return keras.Model(x, kl.Dense(3)(kl.GlobalAveragePooling1D()(y)))


@pytest.mark.parametrize("kind", named(ATTENTION))
def test_the_dropout_of_attention_is_on_and_all_rows_share_it(kind: str) -> None:
    """Of each kind of attention."""
    assert_consistent(attention(kind), STEPS)


def test_the_dropout_of_attention_is_consistent_where_steps_are_masked() -> None:
    """Steps of zeros."""
    padded = STEPS.copy()
    padded[:, 3:] = 0
    assert_consistent(attention("Attention", masked=True), padded)


@pytest.mark.parametrize(
    ("layer", "variance"), [(kl.GaussianNoise(0.5), 0.25), (kl.GaussianDropout(0.3), 3 / 7), (kl.Dropout(0.3), 3 / 7)]
)
def test_noise_has_the_mean_and_the_variance_of_the_layer(layer: Any, variance: float) -> None:
    """To 2 % and 5 %, of 300 places in 50 draws."""
    model = keras.Sequential([keras.Input((300,)), layer])
    for consistent in (True, False):
        found = predict(model, np.ones((4, 300)), draws=50, kind="probs", consistent=consistent)
        assert abs(found.mean() - 1) < 0.02
        assert abs(found.var(axis=-1).mean() / variance - 1) < 0.05


def test_alpha_dropout_keeps_the_mean_and_the_variance() -> None:
    """Of normal numbers."""
    model = keras.Sequential([keras.Input((300,)), kl.AlphaDropout(0.3)])
    found = predict(model, np.random.default_rng(1).normal(size=(50, 300)), draws=50, kind="probs")
    assert abs(found.mean()) < 0.02
    assert abs(found.var() - 1) < 0.03


def test_a_layer_that_is_called_twice_has_other_noise_in_each_call() -> None:
    """With both kinds of draws."""
    drop, x = kl.Dropout(0.5), keras.Input((40,))
    model = keras.Model(x, kl.Concatenate()([drop(x), drop(x)]))
    for consistent in (True, False):
        found = predict(model, np.ones((3, 40)), kind="probs", consistent=consistent)
        assert (found[:, :40] != found[:, 40:]).any(axis=(1, 2)).all()


def test_two_layers_of_the_same_seed_have_noise_of_their_own() -> None:
    """The seed of a draw takes the place of theirs."""
    x = keras.Input((40,))
    model = keras.Model(x, kl.Concatenate()([kl.Dropout(0.5, seed=1)(x), kl.Dropout(0.5, seed=1)(x)]))
    found = predict(model, np.ones((3, 40)), kind="probs")
    assert (found[:, :40] != found[:, 40:]).any(axis=(1, 2)).all()


def test_layers_whose_rate_is_zero_are_no_noise_and_their_model_is_refused() -> None:
    """All draws would be the same."""
    with pytest.raises(ValueError, match="would be the same.*DropConnect"):
        predict(around(kl.Dropout(0), (6,)), ROWS)
    with pytest.raises(ValueError, match="would be the same"):
        predict(around(kl.LSTM(4), (5, 6)), STEPS)
