"""DropConnect drops kernels and leaves the model as it was."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from tests.adapters.flax.predictions import IMAGES, KEY, ROWS, Block, Recurrent, assert_consistent, bound, predict


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
    with pytest.raises(ValueError, match=r"no kernel of Block.*\('middle',\).*attention/query"):
        predict(alcore_flax.DropConnect(model, layers=("middle",)), ROWS)
    with pytest.raises(ValueError, match="it has none"):
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
