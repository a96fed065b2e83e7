"""Layers that make noise are found by looking; those that stay off are named, with the way to switch them on."""

from __future__ import annotations

from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl
from keras import ops

from tests.adapters.keras.architectures import Counts, Own, layers
from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import IMAGES, ROWS, STEPS, assert_consistent, every_backend, predict
from tests.warned import the_one


class Heads(keras.Model):
    """Returns a second head in training, where it draws too."""

    def __init__(self) -> None:
        super().__init__()
        self.last, self.drop = kl.Dense(3), kl.Dropout(0.4)

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            return self.last(keras.random.dropout(x, 0.5)), self.last(x)
        return self.last(self.drop(x))


class Labelled(kl.Layer):
    """Cannot run in training without labels."""

    def call(self, x: Any, training: bool = False) -> Any:
        if training:
            raise RuntimeError("no labels")
        return x


def spread(model: Any, **options: Any) -> float:
    return float(predict(model, ROWS, draws=30, **options).std(axis=-1).mean())


@every_backend
def test_dropout_without_a_seed_has_a_mask_of_its_own_in_each_draw() -> None:
    """As many masks as draws, alike for all rows and drawn independently; with an integer seed it is no noise."""
    model = layers(kl.Lambda(lambda x: keras.random.dropout(x, 0.5)), shape=(40,))
    found = predict(model, np.ones((5, 40)), draws=30, kind="probs")
    assert len(np.unique(found[0], axis=1).T) == 30
    assert (found == found[:1]).all()
    fixed = layers(kl.Lambda(lambda x: x * keras.random.normal((40,), seed=3)), kl.Dropout(0.5), shape=(40,))
    found = predict(fixed, np.ones((5, 40)), draws=30, kind="probs")
    kept = np.where(found == 0, np.nan, found)
    assert (np.nanmax(kept, axis=-1) == np.nanmin(kept, axis=-1)).all()


@every_backend
def test_noise_that_is_gated_is_on_beside_dropout() -> None:
    """Its variance is that of the model in training."""
    model = layers(Own(gated=True), kl.Dropout(0.1), kl.Dense(3), shape=(6,))
    copies = np.repeat(ROWS, 200, axis=0)
    theirs = as_numpy(ops.softmax(model(copies, training=True))).reshape(20, 200, 3).std(axis=1).mean()
    assert abs(spread(model) / theirs - 1) < 0.15
    assert abs(spread(model, consistent=False) / theirs - 1) < 0.15


def test_layers_that_write_in_training_stay_off_and_are_named_until_noise_names_them() -> None:
    """Their variables are what they were in either case."""
    model = layers(Counts(name="counts"), kl.Dropout(0.2), kl.Dense(3), shape=(6,))
    with pytest.warns(UserWarning, match=r"'counts'\. Pass noise=\('counts',\)") as caught:
        off = spread(model)
    the_one(caught, UserWarning)
    remedy = {"noise": ("counts",)}
    assert spread(model, **remedy) > 1.3 * off
    assert as_numpy(model.layers[0].seen) == 0


def test_parts_that_return_something_else_in_training_stay_off_and_are_named() -> None:
    """On, what they return is named by ``output``."""
    model = Heads()
    with pytest.warns(UserWarning, match=r"off: 'heads'\. Pass noise=\('heads',\)"):
        assert_consistent(model, ROWS)
    found = predict(model, ROWS, noise=("heads",), output=0)
    assert found.shape == (20, 3, 4)


def test_augmentation_stays_off_and_is_named_until_noise_names_it() -> None:
    """Of images that are flipped."""
    model = layers(kl.RandomFlip(name="flip"), kl.Flatten(), kl.Dropout(0.1), kl.Dense(3), shape=(6, 6, 4))
    with pytest.warns(UserWarning, match=r"noise=\('flip',\) to switch"):
        off = predict(model, IMAGES, draws=20)
    on = predict(model, IMAGES, draws=20, noise=("flip",))
    assert on.std(axis=-1).mean() > 1.2 * off.std(axis=-1).mean()


@every_backend
def test_models_that_do_not_run_in_training_keep_the_noise_that_is_known() -> None:
    """And say so."""
    model = layers(Labelled(), kl.Dropout(0.4), kl.Dense(3), shape=(6,))
    with pytest.warns(UserWarning, match="Others are not known.*RuntimeError.*no labels"):
        assert_consistent(model, ROWS)


def test_noise_takes_types_names_paths_and_predicates() -> None:
    """Each switches the layer on; what names none, and what is neither, is refused."""
    model = layers(Counts(name="counts"), kl.Dropout(0.2), kl.Dense(3), shape=(6,))
    path = model.layers[0].path
    found = predict(model, ROWS, noise="counts")
    for noise in (Counts, path, lambda name, layer: name == "counts", (kl.Dense, Counts), ["counts"]):
        np.testing.assert_array_equal(predict(model, ROWS, noise=noise), found)
    with pytest.raises(ValueError, match="noise: 'count' is no layer of .* which has .*'counts'"):
        predict(model, ROWS, noise="count")
    with pytest.raises(TypeError, match="noise: expected"):
        predict(model, ROWS, noise=3)


def test_a_layer_that_holds_a_rate_and_draws_nothing_is_named() -> None:
    """Where it is called."""

    class Asks(kl.Layer):
        drawing = False  # a flag of its own

        def __init__(self, **options: Any) -> None:
            super().__init__(**options)
            self.drop_prob = 0.5

        def call(self, x: Any) -> Any:
            return keras.random.dropout(x, self.drop_prob) if self.drawing else x

    model = layers(kl.Dropout(0.4), Asks(name="asks"), kl.Dense(3), shape=(6,))
    with pytest.warns(UserWarning, match="stay off: 'asks'"):
        off = spread(model)
    Asks.drawing = True
    model.layers[1].drop_prob = 0.6
    assert spread(model) > 1.3 * off


def test_stochastic_has_the_noise_that_is_found_and_named() -> None:
    """Gated noise, and noise that is off without a name."""
    model = layers(Own(gated=True), kl.Dense(3), shape=(6,))
    noisy = alcore_keras.stochastic(model)
    assert (as_numpy(noisy(ROWS)) != as_numpy(noisy(ROWS))).any()
    model = layers(Counts(name="counts"), kl.Dense(3), shape=(6,))
    noisy = alcore_keras.stochastic(model, noise="counts")
    assert (as_numpy(noisy(ROWS)) != as_numpy(noisy(ROWS))).any()


def test_models_that_take_batches_of_one_size_are_looked_at_whole() -> None:
    """Whose rows are not known, so consistent draws are refused, and rows that may differ are predicted."""
    x = keras.Input(batch_shape=(20, 5, 6))
    model = keras.Model(x, kl.Dense(3)(kl.LSTM(4, stateful=True, dropout=0.3)(x)))
    with pytest.raises(ValueError, match="it does not run on one row more.*consistent=False"):
        predict(model, STEPS)
    found = predict(model, STEPS, consistent=False)
    np.testing.assert_array_equal(found, predict(model, STEPS, consistent=False))
    assert (np.ptp(found, axis=-1) > 1e-3).any()
