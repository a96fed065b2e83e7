"""DropConnect drops kernels and leaves the model as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import IMAGES, RNG, ROWS, STEPS, assert_consistent, predict


def test_dropconnect_masks_the_kernel_and_keeps_the_bias() -> None:
    """Weights are dropped at the rate, scaled, alike in the same draw of another wrapper, and the model keeps its own."""
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


@pytest.mark.filterwarnings("ignore:draws. .* are the same to the last bit:UserWarning")  # rows of zeros
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
def test_dropconnect_of_every_kind_of_layer_keeps_its_mean_and_its_bias(
    make: Callable[[], Any], data: np.ndarray
) -> None:
    """All rows meet the same weights; called, it is the model as it is."""
    layer = make()
    model = keras.Sequential([keras.Input(data.shape[1:]), layer, kl.Flatten()])
    for weight in layer.weights:
        if "bias" in weight.name:
            weight.assign(RNG.normal(size=weight.shape))
    said = as_numpy(model(data))
    dropped = alcore_keras.DropConnect(model, 0.3)
    found = predict(dropped, np.concatenate([data, data[::-1]]), kind="probs", draws=40)
    np.testing.assert_allclose(found[:20], found[20:][::-1], rtol=0, atol=1e-5)
    nothing = np.zeros_like(data[:2])
    if "LSTM" not in type(layer).__name__ and "GRU" not in type(layer).__name__:
        off = np.abs(found[:20].mean(axis=-1) - said) / (found[:20].std(axis=-1) / np.sqrt(40) + 1e-4)
        assert (off < 6).mean() > 0.99
        assert np.sqrt((off**2).mean()) < 1.8  # standard errors; a scale that is missing makes it 3 and more
        still = predict(dropped, nothing, kind="probs")
        np.testing.assert_allclose(still, np.repeat(as_numpy(model(nothing))[..., None], 4, -1), rtol=0, atol=1e-6)
    np.testing.assert_array_equal(as_numpy(model(data)), said)


def test_dropconnect_of_named_layers_drops_beside_dropout() -> None:
    """Layers that are none and rates that are none are refused."""
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


def test_dropconnect_reaches_every_weight_matrix_and_says_how_many() -> None:
    """Of attention, recurrent, separable and own layers; embeddings and normalisations are left, and each mask has an effect."""

    class Own(kl.Layer):
        def build(self, shape: Any) -> None:
            self.w = self.add_weight(shape=(shape[-1], 6), name="w")

        def call(self, x: Any) -> Any:
            return keras.ops.matmul(x, self.w)

    x = keras.Input((5,), dtype="int32")
    y = kl.Embedding(10, 6, name="words")(x)
    y = kl.LayerNormalization()(kl.MultiHeadAttention(2, 3)(y, y))
    y = kl.SeparableConv1D(4, 2)(kl.GRU(6, return_sequences=True)(Own(name="own")(y)))
    model = keras.Model(x, kl.Dense(3)(kl.GlobalAveragePooling1D()(y)))
    dropped = alcore_keras.DropConnect(model, 0.3)
    assert len(dropped.dropped) == len(set(dropped.dropped)) == 4 + 2 + 2 + 1 + 1
    assert any(path.endswith("own/w") for path in dropped.dropped)
    assert [path.split("/")[-2:] for path in dropped.left] == [["words", "embeddings"]]
    assert "10 of 11 weight matrices" in repr(dropped)
    words = RNG.integers(0, 10, (20, 5))
    found = predict(dropped, np.concatenate([words, words[::-1]]))
    np.testing.assert_allclose(found[:20], found[20:][::-1], rtol=0, atol=1e-5)
    for layer in ("own", "multi_head_attention", "gru", "separable"):
        name = next(one.name for one in model.layers if one.name.startswith(layer))
        one = alcore_keras.DropConnect(model, 0.3, layers=(name,))
        assert (np.ptp(predict(one, words), axis=-1) > 1e-4).any()
        assert len(one.dropped) + len(one.left) == 11
