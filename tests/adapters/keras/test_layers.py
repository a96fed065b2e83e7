"""What only the Keras adapter has to know: its layers, its kinds of models and of data, its backends."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

import alcore
from tests.adapters.framework import Picks
from tests.adapters.keras.networks import as_numpy

pytestmark = [
    pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:.*The given NumPy array is not writable:UserWarning"),
]
BACKEND = keras.backend.backend()
RNG = np.random.default_rng(0)
ROWS = RNG.normal(size=(20, 6)).astype(np.float32)
STEPS = RNG.normal(size=(20, 5, 6)).astype(np.float32)
IMAGES = RNG.normal(size=(20, 6, 6, 4)).astype(np.float32)
VIDEOS = RNG.normal(size=(20, 3, 4, 4, 2)).astype(np.float32)


@pytest.fixture(autouse=True)
def _seeds() -> None:
    keras.utils.set_random_seed(1)


def predict(model: Any, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 4, "batch_size": 16, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_keras.predict(model, data, **given)))


def assert_consistent(model: Any, data: np.ndarray, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ; and without consistency rows do."""
    found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[len(data) :][::-1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    same = np.concatenate([data[:1]] * 16)
    plain = predict(model, same, consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(16, -1).round(5), axis=0)) > 1
    np.testing.assert_array_equal(plain, predict(model, same, consistent=False, **options))
    return found


def around(layer: Any, shape: tuple[int, ...]) -> keras.Model:
    """The layer between a dense one and the classes, with a BatchNormalization whose statistics are not those of the data."""
    norm = kl.BatchNormalization()
    pooled = [kl.Flatten()]
    model = keras.Sequential([keras.Input(shape), kl.Dense(shape[-1]), norm, layer, *pooled, kl.Dense(3)])
    norm.moving_mean.assign(np.full(shape[-1], 0.3))
    return model


# --- layers -----------------------------------------------------------------------------------------------------------

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


@pytest.mark.parametrize("name", LAYERS)
def test_noise_layers_are_on_and_share_their_noise(name: str) -> None:
    make, data = LAYERS[name]
    model = around(make(), data.shape[1:])
    before = [np.array(as_numpy(variable)) for variable in model.variables]
    assert_consistent(model, data)
    for old, new in zip(before, model.variables, strict=True):
        np.testing.assert_array_equal(old, as_numpy(new))
    assert not any("call" in vars(layer) for layer in model._flatten_layers())


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


@pytest.mark.parametrize("kind", ["MultiHeadAttention", "GroupQueryAttention", "Attention", "AdditiveAttention"])
def test_attention_shares_its_noise(kind: str) -> None:
    assert_consistent(attention(kind), STEPS)


def test_attention_minds_masks() -> None:
    padded = STEPS.copy()
    padded[:, 3:] = 0
    assert_consistent(attention("Attention", masked=True), padded)


@pytest.mark.parametrize(
    ("layer", "variance"), [(kl.GaussianNoise(0.5), 0.25), (kl.GaussianDropout(0.3), 3 / 7), (kl.Dropout(0.3), 3 / 7)]
)
def test_noise_has_the_mean_and_the_variance_of_the_layer(layer: Any, variance: float) -> None:
    model = keras.Sequential([keras.Input((300,)), layer])
    for consistent in (True, False):
        found = predict(model, np.ones((4, 300)), draws=50, kind="probs", consistent=consistent)
        assert abs(found.mean() - 1) < 0.02
        assert abs(found.var(axis=-1).mean() / variance - 1) < 0.05


def test_alpha_dropout_keeps_mean_and_variance() -> None:
    model = keras.Sequential([keras.Input((300,)), kl.AlphaDropout(0.3)])
    found = predict(model, np.random.default_rng(1).normal(size=(50, 300)), draws=50, kind="probs")
    assert abs(found.mean()) < 0.02
    assert abs(found.var() - 1) < 0.03


def test_a_layer_called_twice_has_other_noise() -> None:
    drop, x = kl.Dropout(0.5), keras.Input((40,))
    model = keras.Model(x, kl.Concatenate()([drop(x), drop(x)]))
    for consistent in (True, False):
        found = predict(model, np.ones((3, 40)), kind="probs", consistent=consistent)
        assert (found[:, :40] != found[:, 40:]).any(axis=(1, 2)).all()


def test_two_layers_have_other_noise() -> None:
    x = keras.Input((40,))
    model = keras.Model(x, kl.Concatenate()([kl.Dropout(0.5, seed=1)(x), kl.Dropout(0.5, seed=1)(x)]))
    found = predict(model, np.ones((3, 40)), kind="probs")
    assert (found[:, :40] != found[:, 40:]).any(axis=(1, 2)).all()


def test_layers_without_a_rate_are_no_noise() -> None:
    with pytest.raises(ValueError, match="would be the same.*DropConnect"):
        predict(around(kl.Dropout(0), (6,)), ROWS)
    with pytest.raises(ValueError, match="would be the same"):
        predict(around(kl.LSTM(4), (5, 6)), STEPS)


# --- sequences of other lengths ---------------------------------------------------------------------------------------


def test_other_lengths_are_refused_where_the_masks_of_a_draw_would_change() -> None:
    model = keras.Sequential([keras.Input((None, 6)), kl.Dropout(0.4, name="along"), kl.Dense(3)])
    batches = [STEPS, STEPS[:, :4]]
    with pytest.raises(ValueError, match="'along' had noise of shape \\(5, 6\\).*\\(4, 6\\).*Pad"):
        predict(model, batches)
    blocks = alcore_keras.predict(model, batches, draws=2, consistent=False, progress=False)
    assert [block.shape for block in blocks] == [(20, 3, 5, 2), (20, 3, 4, 2)]
    x = keras.Input((None, 6))
    model = keras.Model(x, kl.Dense(3)(kl.MultiHeadAttention(2, 3, dropout=0.4)(x, x)))
    with pytest.raises(ValueError, match="had noise of shape \\(2, 5, 5\\).*Pad"):
        predict(model, batches)


@pytest.mark.parametrize(
    "layer", [lambda: kl.SpatialDropout1D(0.4), lambda: kl.LSTM(4, dropout=0.4, return_sequences=True)]
)
def test_other_lengths_have_the_same_masks_where_noise_is_not_along_them(layer: Callable[[], Any]) -> None:
    model = keras.Sequential([keras.Input((None, 6)), layer(), kl.Dense(3)])
    long, short = alcore_keras.predict(model, [STEPS, STEPS[:, :4]], draws=3, progress=False)
    np.testing.assert_allclose(long[:, :, :4], short, rtol=0, atol=1e-5)


# --- models -----------------------------------------------------------------------------------------------------------


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
def test_a_subclassed_model(forced: bool) -> None:
    model = Plain(forced)
    assert_consistent(model, ROWS)
    mean = np.array(as_numpy(model.norm.moving_mean))
    half = predict(model, ROWS[:8], batch_size=8)
    np.testing.assert_allclose(half, predict(model, ROWS)[:8], rtol=0, atol=1e-5)  # no statistics of the batch
    np.testing.assert_array_equal(mean, as_numpy(model.norm.moving_mean))


def test_a_sequential_model_that_is_not_built() -> None:
    assert_consistent(keras.Sequential([kl.Dense(8), kl.Dropout(0.4), kl.Dense(3)]), ROWS)


def test_nested_models_and_parts_called_in_inference() -> None:
    inner = keras.Sequential([keras.Input((6,)), kl.Dense(8), kl.BatchNormalization(), kl.Dropout(0.4)])
    inner.trainable = False
    x = keras.Input((6,))
    assert_consistent(keras.Model(x, kl.Dense(3)(inner(x, training=False))), ROWS)


def test_dropout_that_is_always_on() -> None:
    assert_consistent(around(MCDropout(0.4), (6,)), ROWS)
    x = keras.Input((6,))
    assert_consistent(keras.Model(x, kl.Dense(3)(kl.Dropout(0.4)(x, training=True))), ROWS)


def test_layers_with_noise_of_their_own_are_refused_unless_rows_may_differ() -> None:
    model = around(OwnNoise(), (6,))
    with pytest.raises(ValueError, match="consistent=False"):
        predict(model, ROWS)
    found = predict(model, ROWS, consistent=False)
    assert (np.ptp(found, axis=-1) > 1e-3).any()
    np.testing.assert_array_equal(found, predict(model, ROWS, consistent=False))


def test_what_cannot_be_traced_runs_as_it_is() -> None:
    assert_consistent(keras.Sequential([keras.Input((6,)), Untraceable(), kl.Dropout(0.4), kl.Dense(3)]), ROWS)


def test_eager_models_say_the_same() -> None:
    model = around(kl.Dropout(0.4), (6,))
    found = predict(model, ROWS)
    model.run_eagerly = True
    np.testing.assert_allclose(predict(model, ROWS), found, rtol=0, atol=1e-6)


@pytest.mark.skipif(BACKEND == "torch", reason="nothing is traced there")
def test_a_forward_is_traced_once_a_shape() -> None:
    class Counting(kl.Layer):
        def call(self, inputs: Any) -> Any:
            calls.append(inputs.shape)
            return inputs

    calls: list[Any] = []
    model = keras.Sequential([keras.Input((6,)), Counting(), kl.Dropout(0.4), kl.Dense(3)])
    calls.clear()
    predict(model, np.concatenate([ROWS, ROWS]), draws=10)  # blocks of 16, 16, 8
    checks = 2 if BACKEND == "tensorflow" else 0  # of a new number of rows, without a trace
    assert [shape[0] for shape in calls] == [16] * (1 + checks) + [8] * (1 + checks)


def test_tied_and_frozen_weights() -> None:
    shared, x = kl.Dense(6), keras.Input((6,))
    shared.trainable = False
    model = keras.Model(x, kl.Dense(3)(kl.Dropout(0.4)(shared(kl.Dropout(0.4)(shared(x))))))
    assert_consistent(model, ROWS)
    assert_consistent(alcore_keras.DropConnect(model, 0.3), ROWS)


def test_mixed_precision() -> None:
    keras.config.set_dtype_policy("mixed_bfloat16" if BACKEND != "jax" else "mixed_float16")
    try:
        model = around(kl.Dropout(0.4), (6,))
    finally:
        keras.config.set_dtype_policy("float32")
    found = predict(model, ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_models_give_back_what_they_take_when_data_break() -> None:
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


# --- data -------------------------------------------------------------------------------------------------------------


class Batches(keras.utils.PyDataset):
    def __len__(self) -> int:
        return 3

    def __getitem__(self, place: int) -> tuple[np.ndarray, np.ndarray]:
        return ROWS[place * 8 : place * 8 + 8], np.zeros(8)


def test_kinds_of_data_say_the_same() -> None:
    model = around(kl.Dropout(0.4), (6,))
    found = predict(model, ROWS, batch_size=8)
    tensor = keras.ops.convert_to_tensor(ROWS)
    named = [{"x": ROWS[start : start + 8]} for start in (0, 8, 16)]
    for data, options in (
        (tensor, {"batch_size": 8}),
        (Batches(), {}),
        ([(ROWS[:8], 1), (ROWS[8:16], 1), [ROWS[16:], 1]], {}),
        (named, {"inputs": lambda batch: batch["x"]}),
        (ROWS.astype(np.float64), {"batch_size": 8}),
    ):
        np.testing.assert_array_equal(predict(model, data, **options), found)


def test_tf_data() -> None:
    tf = pytest.importorskip("tensorflow", reason="tf.data is TensorFlow's")
    model = around(kl.Dropout(0.4), (6,))
    data = tf.data.Dataset.from_tensor_slices((ROWS, np.zeros(20))).batch(8)
    np.testing.assert_array_equal(predict(model, data), predict(model, ROWS, batch_size=8))


def test_several_inputs() -> None:
    a, b = keras.Input((6,), name="a"), keras.Input((5, 6), name="b")
    model = keras.Model({"a": a, "b": b}, kl.Dense(3)(kl.Dropout(0.4)(kl.Concatenate()([a, kl.Flatten()(b)]))))
    found = predict(model, {"a": ROWS, "b": STEPS})
    assert found.shape == (20, 3, 4)
    np.testing.assert_array_equal(
        found, predict(model, [{"a": ROWS[:16], "b": STEPS[:16]}, {"a": ROWS[16:], "b": STEPS[16:]}])
    )
    with pytest.raises(ValueError, match="same number of rows"):
        predict(model, {"a": ROWS, "b": STEPS[:3]})
    pair = keras.Model([a, b], model({"a": a, "b": b}))
    np.testing.assert_allclose(predict(pair, [((ROWS[:16], STEPS[:16]), 0)]), found[:16], rtol=0, atol=1e-6)


def test_padding_is_handed_on(tmp_path: Path) -> None:
    ids, kept = keras.Input((5, 6), name="x"), keras.Input((5,), name="attention_mask")
    model = keras.Model(
        {"x": ids, "attention_mask": kept}, kl.Dense(3)(kl.SpatialDropout1D(0.4)(ids) * kept[..., None])
    )
    there = np.ones((20, 5), np.float32)
    there[:, 4] = 0
    for data in ({"x": STEPS, "attention_mask": there}, [({"x": STEPS, "attention_mask": there}, 0)]):
        preds = alcore_keras.predict(model, data, draws=2, kind="logits", mask="attention_mask", progress=False)
        assert next(preds).shape == (20, 3, 5, 2)
        np.testing.assert_array_equal(preds.mask, there == 0)


def test_outputs_are_named() -> None:
    x = keras.Input((6,))
    y = kl.Dropout(0.4)(x)
    model = keras.Model(x, {"logits": kl.Dense(3)(y), "hidden": y})
    assert predict(model, ROWS, output="logits").shape == (20, 3, 4)
    assert predict(model, ROWS, output=lambda said: said["logits"][:, :2]).shape == (20, 2, 4)
    with pytest.raises(TypeError, match="Name one"):
        predict(model, ROWS)


# --- stochastic, DropConnect, checkpoints, initial weights ------------------------------------------------------------


def test_stochastic_is_the_model_with_noise_on() -> None:
    model = around(kl.Dropout(0.5), (6,))
    noisy = alcore_keras.stochastic(model)
    said = as_numpy(model(ROWS))
    statistics = np.array(as_numpy(model.layers[1].moving_mean))
    assert (as_numpy(noisy(ROWS)) != as_numpy(noisy(ROWS))).any()
    np.testing.assert_array_equal(as_numpy(model(ROWS)), said)
    np.testing.assert_array_equal(statistics, as_numpy(model.layers[1].moving_mean))
    many = np.mean([as_numpy(noisy(ROWS)) for _ in range(400)], axis=0)
    np.testing.assert_allclose(many, said, atol=0.6)
    model.layers[-1].bias.assign(np.full(3, 50.0))
    assert as_numpy(noisy(ROWS)).mean() > 30  # weights are shared
    assert noisy.predict(ROWS, verbose=0).shape == (20, 3)
    assert_consistent(noisy, ROWS)


def test_dropconnect_masks_the_kernel_and_keeps_the_bias() -> None:
    model = keras.Sequential([keras.Input((6,)), kl.Dense(3)])
    kernel, bias = RNG.normal(size=(6, 3)).astype(np.float32), np.float32([1, 2, 3])
    model.set_weights([kernel, bias])
    dropped = alcore_keras.DropConnect(model, 0.4)
    found = predict(dropped, np.eye(6), kind="probs", draws=30) - bias[None, :, None]
    scaled = kernel[..., None] / 0.6
    kept = np.isclose(found, scaled, atol=1e-5)
    assert (kept | np.isclose(found, 0, atol=1e-5)).all()
    assert abs(kept.mean() - 0.6) < 0.08
    np.testing.assert_array_equal(as_numpy(dropped(np.eye(6))), as_numpy(model(np.eye(6))))
    np.testing.assert_array_equal(model.get_weights()[0], kernel)
    np.testing.assert_array_equal(predict(dropped, np.eye(6)), predict(alcore_keras.DropConnect(model, 0.4), np.eye(6)))
    assert (np.ptp(predict(dropped, np.ones((40, 6)), consistent=False)[..., 0], axis=0) > 1e-4).any()  # other blocks


@pytest.mark.parametrize(
    ("make", "data"),
    [
        (lambda: kl.Conv2D(4, 3, strides=2, groups=2, padding="same"), IMAGES),
        (lambda: kl.Conv2D(4, 3, dilation_rate=2), IMAGES),
        (lambda: kl.Conv1D(4, 2, padding="causal"), STEPS),
        (lambda: kl.Conv2DTranspose(4, 3, strides=2), IMAGES),
        (lambda: kl.DepthwiseConv2D(3, depth_multiplier=2), IMAGES),
        (lambda: kl.SeparableConv2D(4, 3), IMAGES),
        (lambda: kl.EinsumDense("abc,cd->abd", (5, 4), bias_axes="d"), STEPS),
        (lambda: kl.LSTM(4), STEPS),
        (lambda: kl.GRU(4), STEPS),
        (lambda: kl.ConvLSTM1D(2, 2), IMAGES),
    ],
)
def test_dropconnect_of_a_layer(make: Callable[[], Any], data: np.ndarray) -> None:
    layer = make()
    model = keras.Sequential([keras.Input(data.shape[1:]), layer, kl.Flatten()])
    for weight in layer.weights:
        if "bias" in weight.name:
            weight.assign(RNG.normal(size=weight.shape))
    said = as_numpy(model(data))
    dropped = alcore_keras.DropConnect(model, 0.3)
    found = predict(dropped, np.concatenate([data, data[::-1]]), kind="probs", draws=60)
    np.testing.assert_allclose(found[:20], found[20:][::-1], rtol=0, atol=1e-5)
    nothing = np.zeros_like(data[:2])
    if "LSTM" not in type(layer).__name__ and "GRU" not in type(layer).__name__:
        error = found[:20].std(axis=-1) / np.sqrt(60)
        assert (np.abs(found[:20].mean(axis=-1) - said) < 6 * error + 1e-4).mean() > 0.99
        still = predict(dropped, nothing, kind="probs")
        np.testing.assert_allclose(still, np.repeat(as_numpy(model(nothing))[..., None], 4, -1), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(as_numpy(model(data)), said)


def test_dropconnect_of_chosen_layers_and_beside_dropout() -> None:
    model = keras.Sequential([keras.Input((6,)), kl.Dense(8, name="first"), kl.Dropout(0.4), kl.Dense(3)])
    assert_first = alcore_keras.DropConnect(model, 0.5, layers=("first",))
    assert (predict(assert_first, ROWS) != predict(model, ROWS)).any()
    assert_consistent(assert_first, ROWS)
    with pytest.raises(ValueError, match="layers"):
        alcore_keras.DropConnect(model, 0.5, layers=(kl.Conv2D,))
    with pytest.raises(ValueError, match="rate"):
        alcore_keras.DropConnect(model, 1.0)
    with pytest.raises(ValueError, match="no weights yet"):
        alcore_keras.DropConnect(keras.Sequential([kl.Dense(3)]))


@pytest.mark.parametrize("suffix", [".npy", ".zarr"])
def test_checkpoints_are_the_ensemble(tmp_path: Path, suffix: str) -> None:
    members = [around(kl.Dropout(0.4), (6,)) for _ in range(3)]
    paths = [tmp_path / f"{place}.weights.h5" for place in range(3)]
    for member, path in zip(members, paths, strict=True):
        member.save_weights(path)
    model = around(kl.Dropout(0.4), (6,))
    before = model.get_weights()
    on_disk = alcore_keras.Checkpoints(model, paths)
    options = {"draws": 4, "kind": "logits", "progress": False, "batch_size": 16}
    found = alcore_keras.predict(on_disk, ROWS, out=tmp_path / f"preds{suffix}", **options)
    np.testing.assert_allclose(np.asarray(found[:]), predict(members, ROWS), rtol=0, atol=1e-6)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    with pytest.raises(ValueError, match="out"):
        alcore_keras.predict(on_disk, ROWS, **options)


def test_initial_weights_leave_the_optimizer_alone() -> None:
    model = around(kl.Dropout(0.4), (6,))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    initial = alcore_keras.InitialWeights(model)
    before, own = model.get_weights(), model.weights[0]
    model.fit(ROWS, np.arange(20) % 3, verbose=0)
    steps = int(as_numpy(model.optimizer.iterations))
    assert steps > 0
    assert (model.get_weights()[0] != before[0]).any()
    initial.restore()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert own is model.weights[0]
    assert int(as_numpy(model.optimizer.iterations)) == steps
    found = predict(model, ROWS)
    model.fit(ROWS, np.arange(20) % 3, verbose=0)  # and it can be trained again
    assert (predict(model, ROWS) != found).any()


def test_predictions_are_selected_from(tmp_path: Path) -> None:
    out = tmp_path / "preds.npy"
    alcore_keras.predict(around(kl.Dropout(0.4), (6,)), ROWS, draws=10, kind="logits", out=out, progress=False)
    assert len(alcore.BatchBALD().select(out, k=3, rng=0)) == 3


def test_without_keras_the_remedy_is_named() -> None:
    code = "import sys; sys.modules['keras'] = None\nimport alcore_keras"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'alcore[keras]'" in done.stderr


def test_the_readmes_weighted_training_steps_along_the_gradient_of_the_weighted_mean() -> None:
    picks = Picks.of("Keras")
    model = keras.Sequential([keras.Input((6,)), kl.Dense(3)])
    model.compile(keras.optimizers.SGD(1.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    w, b = model.get_weights()
    exec(picks.line, {"model": model, "x": picks.x, "y": picks.y, "v": picks.v})
    np.testing.assert_allclose(w - model.get_weights()[0], picks.gradient(w, b), rtol=1e-4, atol=1e-6)
