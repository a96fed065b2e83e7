"""What is compiled is kept from call to call, and what changes in a model is seen."""

from __future__ import annotations

import gc
import weakref
from typing import Any

import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.architectures import layers
from tests.adapters.keras.predictions import BACKEND, ROWS, every_backend, predict


def counting(calls: list[Any]) -> Any:
    class Counting(kl.Layer):
        def call(self, inputs: Any) -> Any:
            calls.append(inputs.shape)
            return inputs

    return layers(Counting(), kl.Dropout(0.4, name="drop"), kl.Dense(3), shape=(6,))


@every_backend
@pytest.mark.skipif(BACKEND == "torch", reason="PyTorch compiles nothing")
def test_nothing_is_traced_when_the_model_is_asked_again() -> None:
    """Also by another kind of draws in between, and after new weights, which are seen."""
    calls: list[Any] = []
    model = counting(calls)
    found, plain = predict(model, ROWS), predict(model, ROWS, consistent=False)
    calls.clear()
    np.testing.assert_array_equal(predict(model, ROWS, draws=7)[..., :4], found)
    np.testing.assert_array_equal(predict(model, ROWS, consistent=False), plain)
    model.layers[-1].bias.assign([50.0, 0, 0])
    assert (predict(model, ROWS, seed=3)[:, 0] > 0.9).all()
    assert calls == []


@every_backend
def test_a_rate_and_a_layer_that_changed_are_seen() -> None:
    """As in a new model of the same weights."""
    model = layers(kl.Dense(30), kl.Dropout(0.4), kl.Dense(3), shape=(6,))
    first = predict(model, ROWS)
    model.layers[1].rate = 0.1
    found = predict(model, ROWS)
    other = layers(kl.Dense(30), kl.Dropout(0.1), kl.Dense(3), shape=(6,))
    other.set_weights(model.get_weights())
    np.testing.assert_allclose(found, predict(other, ROWS), rtol=0, atol=1e-6)
    assert (found != first).any()
    model.layers[-1].activation = lambda x: 3 * x
    assert np.abs(predict(model, ROWS) - found).max() > 0.01
    model.layers[1].rate = 0
    with pytest.raises(ValueError, match="would be the same"):
        predict(model, ROWS)


@every_backend
def test_a_model_that_is_let_go_of_is_freed() -> None:
    """With what was compiled of it."""
    model = layers(kl.Dropout(0.4), kl.Dense(3), shape=(6,))
    predict(model, ROWS)
    gone = weakref.ref(model)
    del model
    gc.collect()
    assert gone() is None
