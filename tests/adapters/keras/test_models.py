"""Models of every kind have consistent draws and stay as they are."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import BACKEND, ROWS, STEPS, around, assert_consistent, every_backend, predict


class Plain(keras.Model):
    """Built when it is called; a layer's flag given by hand, before a normalisation."""

    def __init__(self, forced: bool = False) -> None:
        super().__init__()
        self.forced = {"training": True} if forced else {}
        self.hidden, self.drop, self.norm, self.last = (
            kl.Dense(8),
            kl.Dropout(0.4),
            kl.BatchNormalization(),
            kl.Dense(3),
        )

    def call(self, x: Any) -> Any:
        return self.last(self.norm(self.drop(self.hidden(x), **self.forced)))


class MCDropout(kl.Dropout):
    """Dropout that is always on, as many write it."""

    def call(self, inputs: Any) -> Any:
        return super().call(inputs, training=True)


class OwnNoise(kl.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.seed_generator = keras.random.SeedGenerator(3)

    def call(self, inputs: Any) -> Any:
        return keras.random.dropout(inputs, 0.5, seed=self.seed_generator)


class Untraceable(kl.Layer):
    def compute_output_spec(self, inputs: Any) -> Any:
        return keras.KerasTensor(inputs.shape, inputs.dtype)

    def call(self, inputs: Any) -> Any:
        return inputs * (2.0 if float(as_numpy(inputs)[0, 0]) < np.inf else 1.0)


@pytest.mark.parametrize("forced", [False, True])
def test_subclassed_models_have_consistent_draws_and_use_no_statistics_of_the_batch(forced: bool) -> None:
    """Also where the model itself forces its dropout on."""
    model = Plain(forced)
    assert_consistent(model, ROWS)
    mean = np.array(as_numpy(model.norm.moving_mean))
    half = predict(model, ROWS[:8], batch_size=8)
    np.testing.assert_allclose(half, predict(model, ROWS)[:8], rtol=0, atol=1e-5)  # no statistics of the batch
    np.testing.assert_array_equal(mean, as_numpy(model.norm.moving_mean))


def test_models_that_are_not_built_have_consistent_draws() -> None:
    """They are built on the first batch."""
    assert_consistent(keras.Sequential([kl.Dense(8), kl.Dropout(0.4), kl.Dense(3)]), ROWS)


def test_nested_models_called_in_inference_have_consistent_draws() -> None:
    """A frozen part that the model calls with ``training=False``."""
    inner = keras.Sequential([keras.Input((6,)), kl.Dense(8), kl.BatchNormalization(), kl.Dropout(0.4)])
    inner.trainable = False
    x = keras.Input((6,))
    assert_consistent(keras.Model(x, kl.Dense(3)(inner(x, training=False))), ROWS)


def test_dropout_that_is_always_on_has_consistent_draws() -> None:
    """By a subclass and by a flag, as many write it."""
    assert_consistent(around(MCDropout(0.4), (6,)), ROWS)
    x = keras.Input((6,))
    assert_consistent(keras.Model(x, kl.Dense(3)(kl.Dropout(0.4)(x, training=True))), ROWS)


@every_backend
def test_layers_with_noise_of_their_own_have_consistent_draws() -> None:
    """Which they ask of keras.random with a seed of theirs."""
    assert_consistent(around(OwnNoise(), (6,)), ROWS)


@every_backend
def test_models_that_cannot_be_traced_run_as_they_are() -> None:
    """A layer that looks at its numbers."""
    assert_consistent(keras.Sequential([keras.Input((6,)), Untraceable(), kl.Dropout(0.4), kl.Dense(3)]), ROWS)


@every_backend
def test_models_that_run_eagerly_predict_the_same() -> None:
    """As the compiled ones."""
    model = around(kl.Dropout(0.4), (6,))
    found = predict(model, ROWS)
    model.run_eagerly = True
    np.testing.assert_allclose(predict(model, ROWS), found, rtol=0, atol=1e-6)


@every_backend
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch traces nothing")
def test_a_model_is_traced_once_for_each_shape() -> None:
    """Not for a draw, not for a block, and not when predict is called again."""

    class Counting(kl.Layer):
        def call(self, inputs: Any) -> Any:
            calls.append(inputs.shape)
            return inputs

    calls: list[Any] = []
    model = keras.Sequential([keras.Input((6,)), Counting(), kl.Dropout(0.4), kl.Dense(3)])
    calls.clear()
    found = predict(model, np.concatenate([ROWS, ROWS]), draws=10, batch_size=16)  # and a shorter block of 8
    assert [shape[0] for shape in calls if shape[0] > 3] == [16, 8]  # it is looked at with 2 rows and with 3
    calls.clear()
    np.testing.assert_array_equal(predict(model, np.concatenate([ROWS, ROWS]), draws=10, batch_size=16), found)
    assert calls == []


def test_models_with_tied_and_frozen_weights_have_consistent_draws() -> None:
    """And DropConnect of them."""
    shared, x = kl.Dense(6), keras.Input((6,))
    shared.trainable = False
    model = keras.Model(x, kl.Dense(3)(kl.Dropout(0.4)(shared(kl.Dropout(0.4)(shared(x))))))
    assert_consistent(model, ROWS)
    assert_consistent(alcore_keras.DropConnect(model, 0.3), ROWS)


@every_backend
def test_the_softmax_is_not_taken_in_half_precision() -> None:
    """Probabilities of a model with mixed precision sum to one."""
    keras.config.set_dtype_policy("mixed_bfloat16" if BACKEND != "jax" else "mixed_float16")
    try:
        model = around(kl.Dropout(0.4), (6,))
    finally:
        keras.config.set_dtype_policy("float32")
    found = predict(model, ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


@every_backend
def test_models_are_as_they_were_after_data_that_break() -> None:
    """After an error in the data, another shape, and a prediction that is not finished."""
    model = around(kl.LSTM(4, dropout=0.4), (5, 6))
    said = as_numpy(model(STEPS))

    def broken() -> Iterator[np.ndarray]:
        yield STEPS
        raise OSError("the disk is gone")

    for data in (broken(), [STEPS, STEPS[:, :, :3]]):
        with pytest.raises(Exception, match=".+"):
            predict(model, data)
        assert not any("call" in vars(layer) for layer in model._flatten_layers())
        np.testing.assert_array_equal(as_numpy(model(STEPS)), said)
    assert model.layers[2].use_cudnn == "auto"
    blocks = alcore_keras.predict(model, [STEPS, STEPS], draws=2, progress=False)
    next(blocks)
    del blocks
    np.testing.assert_array_equal(as_numpy(model(STEPS)), said)


@every_backend
def test_stochastic_is_the_model_with_its_noise_on_and_its_own_mean() -> None:
    """To five standard errors of 400 draws; it shares the weights, and statistics stay as they were."""
    model = around(kl.Dropout(0.5), (6,))
    noisy = alcore_keras.stochastic(model)
    said = as_numpy(model(ROWS))
    statistics = np.array(as_numpy(model.layers[1].moving_mean))
    assert (as_numpy(noisy(ROWS)) != as_numpy(noisy(ROWS))).any()
    np.testing.assert_array_equal(as_numpy(model(ROWS)), said)
    np.testing.assert_array_equal(statistics, as_numpy(model.layers[1].moving_mean))
    many = as_numpy(noisy(np.repeat(ROWS, 400, axis=0))).reshape(20, 400, 3)  # every row has noise of its own
    assert (np.abs(many.mean(axis=1) - said) < 5 * many.std(axis=1) / np.sqrt(400)).all()
    model.layers[-1].bias.assign(np.full(3, 50.0))
    assert as_numpy(noisy(ROWS)).mean() > 30  # weights are shared
    assert noisy.predict(ROWS, verbose=0).shape == (20, 3)
    assert_consistent(noisy, ROWS)
