"""What layers compute before the first noise runs once a block and changes no draw."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import numpy as np
import pytest
from alcore_keras import compiled, prefix
from keras import layers as kl
from keras import ops

from tests.adapters.keras.predictions import BACKEND, IMAGES, ROWS, STEPS, every_backend, predict


class Counts(kl.Layer):
    """Counts, in the program that runs, how many times it is called."""

    ran: ClassVar[list[int]] = []

    def compute_output_shape(self, shape: Any) -> Any:
        return shape

    def call(self, x: Any) -> Any:
        if BACKEND == "tensorflow":
            import tensorflow as tf

            ran = tf.py_function(lambda: self.ran.append(1) or 0, [], tf.int32)
            ran.set_shape(())
            return x + ops.cast(0 * ran, x.dtype)
        if BACKEND == "jax":
            import jax

            given = jax.pure_callback(
                lambda: self.ran.append(1) or np.zeros((), np.float32), jax.ShapeDtypeStruct((), np.float32)
            )
            return x + given
        self.ran.append(1)
        return x + 0


class Twice(keras.Model):
    """A layer and a part that run twice: before the noise, and on both sides of it."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last, self.drop = kl.Dense(6), kl.Dense(3), kl.Dropout(0.5)
        self.part = keras.Sequential([kl.Dense(6), kl.LayerNormalization()])

    def call(self, x: Any) -> Any:
        once = self.part(self.first(x))
        twice = self.part(self.first(once))
        return self.last(self.part(self.first(self.drop(twice))) + once)


class Gives(kl.Layer):
    """Keeps what it made until that is taken."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.made = kl.Dense(6), None

    def call(self, x: Any) -> Any:
        self.made = self.dense(x)
        return self.made

    def taken(self) -> Any:
        made, self.made = self.made, None
        return made


class Taking(keras.Model):
    """Takes later what a layer before the noise kept."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop, self.last = Gives(), kl.Dropout(0.5), kl.Dense(3)

    def call(self, x: Any) -> Any:
        return self.last(self.drop(self.first(x)) + self.first.taken())


class Several(kl.Layer):
    """Returns a dictionary."""

    def call(self, x: Any) -> dict[str, Any]:
        return {"low": x - 1, "high": ops.tanh(x)}


class OfSeveral(keras.Model):
    def __init__(self) -> None:
        super().__init__()
        self.first, self.drop, self.last = Several(), kl.Dropout(0.5), kl.Dense(3)

    def call(self, x: Any) -> Any:
        made = self.first(x)
        return self.last(self.drop(made["high"]) + made["low"])


def sequence(*layers: Any, shape: tuple[int, ...]) -> keras.Model:
    return keras.Sequential([keras.Input(shape), *layers])


def functional() -> keras.Model:
    """Two branches: one has noise, one has not, and ends after the first noise of the other."""
    x = keras.Input((6,))
    shared = kl.Dense(6, "tanh")(x)
    noisy = kl.Dense(4)(kl.Dropout(0.5)(shared))
    plain = kl.Dense(4, "tanh")(kl.Dense(5)(shared))
    return keras.Model(x, kl.Dense(3)(noisy + plain))


MODELS: dict[str, Any] = {
    "sequential": lambda: (sequence(kl.Dense(5), kl.Dropout(0.5), kl.Dense(3), shape=(6,)), ROWS),
    "convolutions": lambda: (
        sequence(
            kl.Conv2D(4, 3),
            kl.BatchNormalization(),
            kl.ReLU(),
            kl.Flatten(),
            kl.Dropout(0.5),
            kl.Dense(3),
            shape=(6, 6, 4),
        ),
        IMAGES,
    ),
    "functional": lambda: (functional(), ROWS),
    "a part of layers": lambda: (
        sequence(
            keras.Sequential([keras.Input((6,)), kl.Dense(6), kl.Dense(6)]),
            kl.GaussianNoise(0.5),
            kl.Dense(3),
            shape=(6,),
        ),
        ROWS,
    ),
    "noise inside a part": lambda: (
        sequence(keras.Sequential([keras.Input((6,)), kl.Dense(6), kl.Dropout(0.5), kl.Dense(3)]), shape=(6,)),
        ROWS,
    ),
    "called twice": lambda: (Twice(), ROWS),
    "kept for later": lambda: (Taking(), ROWS),
    "a dictionary": lambda: (OfSeveral(), ROWS),
    "masked": lambda: (
        sequence(kl.Masking(0.0), kl.Dense(4), kl.LSTM(5), kl.Dropout(0.5), kl.Dense(3), shape=(5, 6)),
        np.where(np.arange(5)[:, None] < np.arange(len(STEPS))[:, None, None] % 5 + 1, STEPS, 0).astype(np.float32),
    ),
    "noise first": lambda: (sequence(kl.Dropout(0.5), kl.Dense(3), shape=(6,)), ROWS),
}


def whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiled.Kept, "before", lambda *_: [])
    compiled.KEPT.clear()


@every_backend
@pytest.mark.parametrize("name", MODELS)
def test_draws_are_those_of_the_whole_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same masks: probabilities agree as far as a compiler may add in another order."""
    model, data = MODELS[name]()
    found = predict(model, data)
    whole(monkeypatch)
    np.testing.assert_allclose(found, predict(model, data), rtol=0, atol=1e-6)
    assert (np.ptp(found, axis=-1) > 1e-4).any()


@pytest.mark.parametrize("name", ["sequential", "called twice"])
def test_plain_draws_are_those_of_the_whole_model(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model, data = MODELS[name]()
    found = predict(model, data, consistent=False)
    whole(monkeypatch)
    np.testing.assert_allclose(found, predict(model, data, consistent=False), rtol=0, atol=1e-6)


def ran_in(model: Any, **options: Any) -> int:
    """How many times `Counts` ran for a block that nothing looks at: the third of three less the third of two blocks."""
    runs = []
    for rows in (2, 4, 3):  # what the first prediction finds is kept for the others
        Counts.ran.clear()
        predict(model, np.concatenate([ROWS[:5]] * rows), batch_size=5, **options)
        runs.append(len(Counts.ran))
    return runs[1] - runs[2]


@every_backend
def test_layers_before_the_first_noise_run_once_a_block() -> None:
    """Those after it run in each draw. On PyTorch plain draws run all layers in each."""
    model = sequence(kl.Dense(6), Counts(), kl.Dropout(0.5), kl.Dense(3), shape=(6,))
    assert ran_in(model, draws=7) == 1
    assert ran_in(model, draws=7, consistent=False) == (7 if BACKEND == "torch" else 1)
    after = sequence(kl.Dropout(0.5), Counts(), kl.Dense(3), shape=(6,))
    assert ran_in(after, draws=7) == 7


@every_backend
def test_layers_run_in_each_draw_where_little_may_be_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a layer that is called twice, the place of each call is known also where one result is not kept."""
    model, data = MODELS["called twice"]()
    found = predict(model, data)
    monkeypatch.setattr(prefix, "KEPT", 4 * 20 * 6)
    compiled.KEPT.clear()
    np.testing.assert_allclose(found, predict(model, data), rtol=0, atol=1e-6)
    layer = sequence(kl.Dense(6), Counts(), kl.Dropout(0.5), kl.Dense(3), shape=(6,))
    monkeypatch.setattr(prefix, "KEPT", 1)
    assert ran_in(layer, draws=7) in (7, 8)  # and once in the pass that ends at the noise, which JAX leaves out


@pytest.mark.skipif(BACKEND != "torch", reason="only PyTorch writes to tensors")
def test_a_result_that_is_written_to_later_is_computed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Writes(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.drop, self.last = kl.Dense(6), kl.Dropout(0.5), kl.Dense(3)

        def call(self, x: Any) -> Any:
            made = self.first(x)
            made *= self.drop(made)
            return self.last(made)

    model = Writes()
    found = predict(model, ROWS)
    whole(monkeypatch)
    np.testing.assert_array_equal(found, predict(model, ROWS))
