"""What cannot be predicted is refused before its first block ends, and the remedy that is printed works."""

from __future__ import annotations

import random
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl
from keras import ops

from tests.adapters.keras.architectures import Calls, Cell, layers
from tests.adapters.keras.predictions import BACKEND, ROWS, STEPS, assert_consistent, every_backend, predict


def around(function: Any) -> Any:
    return layers(kl.Dense(8), Calls(function, name="own"), kl.Dense(3), shape=(6,))


def assert_follows_its_seed(model: Any) -> None:
    """With plain draws: rows of their own, the same bits again."""
    found = predict(model, ROWS, consistent=False)
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    np.testing.assert_array_equal(found, predict(model, ROWS, consistent=False))


OF_ROWS = {
    "shuffle": lambda x: keras.random.shuffle(x, axis=0),
    "categorical": lambda x: x * ops.cast(keras.random.categorical(x, 1), "float32"),
    "gamma": lambda x: x * keras.random.gamma(ops.shape(x), ops.exp(x)),
}


@every_backend
@pytest.mark.parametrize("function", OF_ROWS)
def test_numbers_that_depend_on_the_row_are_refused_unless_rows_may_differ(function: str) -> None:
    """By the layer's name."""
    model = around(OF_ROWS[function])
    with pytest.raises(
        ValueError, match=f"layer 'own' of .*{function} (draws for all rows|depend on).*consistent=False"
    ):
        predict(model, ROWS)
    if function != "shuffle":  # of which a row is another's
        assert_follows_its_seed(model)


@every_backend
def test_numbers_that_do_not_depend_on_the_row_are_shared() -> None:
    """Gamma of one shape, normal numbers around what the row is, and an order of weights."""
    assert_consistent(around(lambda x: x * keras.random.gamma(ops.shape(x), 2.0)), ROWS)
    assert_consistent(around(lambda x: keras.random.uniform(ops.shape(x), ops.relu(x), ops.relu(x) + 1)), ROWS)
    order = lambda x: x * ops.cast(keras.random.shuffle(ops.arange(8)), "float32")  # noqa: E731
    found = predict(around(order), np.concatenate([ROWS, ROWS]))
    np.testing.assert_allclose(found[:20], found[20:], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-3).any()


@every_backend
@pytest.mark.parametrize("generator", ["NumPy", "Python"])
def test_numbers_of_other_generators_are_refused_where_they_would_be_compiled(generator: str) -> None:
    """Run eagerly each draw has its own, by the seed; and the generators come back as they were."""

    def function(x: Any) -> Any:
        return x * (float(np.random.normal()) if generator == "NumPy" else random.gauss(1, 1))  # noqa: NPY002

    model = around(function)
    if BACKEND != "torch":
        with pytest.raises(ValueError, match=f"from {generator}.*model.run_eagerly = True"):
            predict(model, ROWS)
        with pytest.raises(ValueError, match=r"from .*keras.random"):
            predict(model, ROWS, consistent=False)
    model.run_eagerly = True
    states = random.getstate(), np.random.get_state()[1].tobytes()  # noqa: NPY002
    found = predict(model, np.concatenate([ROWS, ROWS]))
    np.testing.assert_allclose(found[:20], found[20:], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    assert_follows_its_seed(model)
    assert states == (random.getstate(), np.random.get_state()[1].tobytes())  # noqa: NPY002


@every_backend
def test_as_many_numbers_of_other_generators_as_rows_are_refused_unless_rows_may_differ() -> None:
    """Whose framework's own functions are followed."""

    def function(x: Any) -> Any:
        size = (int(x.shape[0] or 1), 1)
        return x * ops.convert_to_tensor(np.random.normal(size=size).astype("float32"))  # noqa: NPY002

    model = around(function)
    model.run_eagerly = True
    with pytest.raises(ValueError, match="as many as there are rows.*consistent=False"):
        predict(model, ROWS)
    assert_follows_its_seed(model)
    assert_consistent(around(lambda x: x * keras.random.normal((ops.shape(x)[0], 1))), ROWS)


@every_backend
def test_keys_of_a_generator_are_followed_where_rows_have_no_part_in_them() -> None:
    """Where they have, it is refused unless rows may differ."""
    keys = keras.random.SeedGenerator(1)

    def normal(key: Any, shape: Any) -> Any:
        if BACKEND == "jax":
            import jax

            return jax.random.normal(key, shape)
        if BACKEND == "tensorflow":
            import tensorflow as tf

            return tf.random.stateless_normal(shape, key)
        import torch

        return torch.randn(tuple(shape), generator=torch.Generator().manual_seed(int(key[0])))

    found = predict(around(lambda x: x * normal(keys.next(), (8,))), np.concatenate([ROWS, ROWS]))
    np.testing.assert_allclose(found[:20], found[20:], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    model = around(lambda x: x * normal(keys.next(), ops.shape(x)))
    with pytest.raises(ValueError, match="'own' of .* a key outside keras.random.*consistent=False"):
        predict(model, ROWS)
    assert_follows_its_seed(model)


@every_backend
@pytest.mark.skipif(BACKEND == "jax", reason="JAX has none without a key")
def test_random_functions_of_the_backend_follow_the_seed() -> None:
    """TensorFlow's rows share them; PyTorch's are refused where there are as many as rows. Generators come back as they were."""
    if BACKEND == "torch":
        import torch

        before = torch.get_rng_state()
        model = around(lambda x: torch.nn.functional.dropout(x, 0.5))
        with pytest.raises(ValueError, match=r"PyTorch's generator, as many as there are rows"):
            predict(model, ROWS)
        weights = predict(around(lambda x: x * torch.randn(8)), np.concatenate([ROWS, ROWS]))
        np.testing.assert_allclose(weights[:20], weights[20:], rtol=0, atol=1e-5)
        assert_follows_its_seed(model)
        assert (before == torch.get_rng_state()).all()
        return
    import tensorflow as tf

    tf.random.set_seed(3)
    expected = tf.random.normal((3,)).numpy()
    tf.random.set_seed(3)
    assert_consistent(around(lambda x: tf.nn.dropout(x, 0.5) + tf.random.normal(tf.shape(x))), ROWS)
    np.testing.assert_array_equal(tf.random.normal((3,)).numpy(), expected)
    with pytest.raises(ValueError, match="'own' of .* TensorFlow's random_gamma.*keras.random"):
        predict(around(lambda x: x * tf.random.gamma(tf.shape(x), 2.0)), ROWS)


@pytest.mark.filterwarnings("ignore:draws. .* are the same to the last bit:UserWarning")  # of one row
def test_statistics_of_the_batch_are_refused_in_both_kinds_of_draws() -> None:
    """Also of one row a block; a normalisation of each row is taken."""
    model = layers(Calls(lambda x: x - ops.mean(x, axis=0)), kl.Dropout(0.4), kl.Dense(3), shape=(6,))
    for options in ({}, {"consistent": False}):
        with pytest.raises(ValueError, match="changes with the rows beside it.*keras.layers.LayerNormalization"):
            predict(model, ROWS, **options)
    with pytest.raises(ValueError, match="changes with the rows beside it"):
        predict(model, ROWS, batch_size=1)
    assert_consistent(layers(kl.LayerNormalization(), kl.Dropout(0.4), kl.Dense(3), shape=(6,)), ROWS)


@every_backend
def test_other_rows_than_were_given_are_refused_with_the_axis_that_fits() -> None:
    """In both kinds of draws: steps first, draws first, and draws folded into rows."""

    def model(function: Any) -> Any:
        x = keras.Input((5, 6))
        return keras.Model(x, Calls(function)(kl.Dense(3)(kl.Dropout(0.4)(x))))

    expected = predict(model(lambda x: x), STEPS)
    first = layers(kl.Dropout(0.4), kl.Dense(3), Calls(lambda x: ops.moveaxis(x, 0, 1)), shape=(5, 6))
    for options in ({}, {"consistent": False}):
        with pytest.raises(ValueError, match=r"20 rows on axis 0.*keras.ops.moveaxis\(made, 1, 0\).*draw_axis=0"):
            predict(first, STEPS, **options)
    steps = predict(first, STEPS, output=lambda made: keras.ops.moveaxis(made, 1, 0))
    assert steps.shape == expected.shape
    assert predict(first, STEPS, draw_axis=0).shape == (20, 3, 4 * 5)


@every_backend
def test_several_draws_of_a_pass_stand_along_the_draws() -> None:
    """On an axis, and folded into rows in either order."""
    plain = layers(kl.Dropout(0.4), kl.Dense(3), shape=(6,))
    expected = predict(plain, ROWS, kind="probs")
    for axis, fold, draw_axis in ((0, False, 0), (2, False, 2), (0, True, "draws-first"), (1, True, "rows-first")):

        def two(x: Any, axis: int = axis, fold: bool = fold) -> Any:
            made = ops.stack([x, 2 * x], axis)
            return ops.reshape(made, (-1, 3)) if fold else made

        model = keras.Sequential([*plain.layers, kl.Lambda(two)])
        model.build((None, 6))
        found = predict(model, ROWS, kind="probs", draw_axis=draw_axis)
        np.testing.assert_allclose(found[..., ::2], expected, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(found[..., 1::2], 2 * expected, rtol=1e-5, atol=1e-6)
        if fold:
            with pytest.raises(ValueError, match=f"draw_axis='{draw_axis}'"):
                predict(model, ROWS, kind="probs")


@every_backend
def test_recurrent_cells_that_draw_at_each_step_are_run_or_refused() -> None:
    """JAX compiles the loop over steps: there ``unroll`` is named."""

    model = layers(kl.RNN(Cell()), kl.Dense(3), shape=(5, 6))
    if BACKEND == "jax":
        with pytest.warns(UserWarning, match="unroll=True"), pytest.raises(ValueError, match="would be the same"):
            predict(model, STEPS)
        model = layers(kl.RNN(Cell(), unroll=True), kl.Dense(3), shape=(5, 6))
    assert_consistent(model, STEPS)


def test_models_without_noise_are_refused_and_every_remedy_works() -> None:
    """Noise layers, DropConnect, and several models."""
    model = layers(kl.Dense(3), shape=(6,))
    with pytest.raises(ValueError, match=r"Dropout.*noise=.*alcore_keras.DropConnect.*a list of models with draws=1"):
        predict(model, ROWS)
    assert_consistent(layers(kl.Dropout(0.4), model, shape=(6,)), ROWS)
    assert (np.ptp(predict(alcore_keras.DropConnect(model), ROWS), axis=-1) > 1e-3).any()
    assert predict([model, layers(kl.Dense(3), shape=(6,))], ROWS, draws=1).shape == (20, 3, 2)
