"""DropConnect drops kernels and leaves the model as it was."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from tests.adapters.flax.predictions import (
    IMAGES,
    KEY,
    ROWS,
    TOKENS,
    Block,
    Recurrent,
    assert_consistent,
    bound,
    predict,
)


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(4, (3, 3), strides=2, feature_group_count=2, padding="VALID", name="grouped")(x)
        x = nn.ConvTranspose(2, (2, 2), strides=(2, 2), name="transposed")(nn.relu(x))
        return nn.Dense(3, name="last")(x.reshape(len(x), -1))


@pytest.mark.parametrize("layer", ["grouped", "transposed", "last"])
def test_dropconnect_of_one_layer_has_the_mean_of_the_network(layer: str) -> None:
    """To five standard errors of 1500 draws; called, it is the model as it is."""
    model = bound(Convolutional(), IMAGES)
    dropped = alcore_flax.DropConnect(model, 0.2, layers=(layer,))
    np.testing.assert_array_equal(dropped(IMAGES), model(IMAGES))
    if layer == "grouped":  # what follows is not linear: its own output is compared
        kernel, own = (
            model.variables["params"]["grouped"],
            nn.Conv(4, (3, 3), 2, feature_group_count=2, padding="VALID"),
        )
        model = own.bind({"params": kernel})
        dropped = alcore_flax.DropConnect(model, 0.2)
    found = predict(dropped, IMAGES[:4], draws=1500, kind="probs")
    said = np.asarray(model(IMAGES[:4]))
    error = np.moveaxis(found.std(axis=-1), 1, -1) / np.sqrt(1500)
    assert (np.abs(np.moveaxis(found.mean(axis=-1), 1, -1) - said) < 5 * error + 1e-6).all()
    assert (error > 0).mean() > 0.9


def test_dropconnect_of_named_layers_drops_beside_dropout() -> None:
    """Layers are named by their path; names that are none are refused with those that are."""
    model = Block()
    both = assert_consistent(alcore_flax.DropConnect(model, 0.3, layers=("last", "attention/query")), ROWS)
    assert (both[:30] != predict(model, ROWS)).any(axis=(1, 2)).all()
    with pytest.raises(ValueError, match=r"no weight of Block .*\('middle',\).*attention/query/kernel"):
        predict(alcore_flax.DropConnect(model, layers=("middle",)), ROWS)
    with pytest.raises(ValueError, match="It has none"):
        predict(alcore_flax.DropConnect(nnx.BatchNorm(6, rngs=nnx.Rngs(0))), ROWS)
    with pytest.raises(ValueError, match="rate"):
        alcore_flax.DropConnect(model, -0.1)
    with pytest.raises(TypeError, match="Linen"):
        predict(alcore_flax.DropConnect([model]), ROWS)


def test_dropconnect_of_recurrent_layers_is_the_same_for_all_rows() -> None:
    """And inside ``stochastic`` it follows the key."""
    dropped = alcore_flax.DropConnect(bound(Recurrent(), ROWS), 0.2, layers=("OptimizedLSTMCell_0",))
    found = predict(dropped, np.concatenate([ROWS, ROWS]))
    np.testing.assert_allclose(found[:30], found[30:], atol=1e-5)
    apply = jax.jit(alcore_flax.stochastic(dropped))
    assert (apply(ROWS, KEY) != apply(ROWS, jax.random.key(1))).any()


class Adapted(nnx.Module):
    """Weights of every name: of an einsum, of a low-rank adapter, of attention; tables that are looked up in, one of them tied."""

    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.words, self.places = nnx.Embed(50, 8, rngs=rngs), nnx.Param(jax.random.normal(KEY, (1, 7, 8)))
        self.mix = nnx.Einsum("abc,cd->abd", (8, 8), (8,), rngs=rngs)
        self.adapter, self.norm = nnx.LoRA(8, 2, 8, rngs=rngs), nnx.LayerNorm(8, rngs=rngs)
        self.attend = nnx.MultiHeadAttention(2, 8, decode=False, rngs=rngs)

    def __call__(self, tokens: Any) -> Any:
        x = self.mix(self.words(tokens) + self.places[...])
        x = x + self.attend(self.norm(x + self.adapter(x)))
        return self.words.attend(x)


class Shared(nn.Module):
    """The same in Linen: several axes, biases of two, layers in a loop."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.DenseGeneral((2, 4), name="general")(x)
        x = nn.DenseGeneral(6, axis=(-2, -1), name="back")(x)
        loop = nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True}, length=2)
        return nn.Dense(3)(loop(name="loop")(x, None)[0])


class Step(nn.Module):
    @nn.compact
    def __call__(self, x: Any, _: None) -> Any:
        return nn.LayerNorm()(x + nn.Dense(6)(x)), None


def test_dropconnect_reaches_weights_of_every_name_and_says_how_many() -> None:
    """And neither biases, nor normalisation, nor what is looked up in; before the first prediction it cannot say."""
    model = alcore_flax.DropConnect(Adapted(), 0.2)
    with pytest.raises(ValueError, match=r"DropConnect\(Adapted, rate=0.2\) is first predicted"):
        model.dropped  # noqa: B018
    assert (np.ptp(predict(model, TOKENS), axis=-1) > 1e-4).any()
    attention = [f"attend/{name}/kernel" for name in ("key", "out", "query", "value")]
    assert sorted(model.dropped) == ["adapter/lora_a", "adapter/lora_b", *attention, "mix/kernel"]
    assert {"words/embedding", "places", "mix/bias", "norm/scale", "attend/query/bias"} < set(model.left)
    assert repr(model) == f"DropConnect(Adapted, rate=0.2): drops 7 of {7 + len(model.left)} weights"
    shared = alcore_flax.DropConnect(bound(Shared(), ROWS), 0.2)
    assert (np.ptp(predict(shared, ROWS), axis=-1) > 1e-4).any()
    assert sorted(shared.dropped) == ["Dense_0/kernel", "back/kernel", "general/kernel", "loop/Dense_0/kernel"]
    assert "general/bias" in shared.left
