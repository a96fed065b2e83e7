"""Layers of NNX: noise is on, draws are consistent, and the module is not touched."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import numpy as np
import pytest
from flax import nnx

from tests.adapters.flax.predictions import KEY, ROWS, Block, assert_consistent, nnx_state, predict


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("mode", [pytest.param("train", marks=pytest.mark.soak), "eval"])
def test_nnx_noise_is_on_in_either_mode_and_the_module_is_not_touched(keep: bool, mode: str) -> None:
    """Weights, statistics, streams, types and flags are as they were."""
    model = Block(keep, spectral=keep)
    getattr(model, mode)()
    before = nnx_state(model)
    found = assert_consistent(model, ROWS)
    for train in (True, False):
        again = predict(model, np.concatenate([ROWS, ROWS[::-1]]), inputs=lambda x, train=train: (x, {"train": train}))
        np.testing.assert_array_equal(found, again)
    apply = jax.jit(alcore_flax.stochastic(model))
    assert (apply(ROWS, KEY) != apply(ROWS, jax.random.key(1))).any()
    for old, new in zip(before, nnx_state(model), strict=True):
        np.testing.assert_array_equal(old, new) if isinstance(old, np.ndarray) else None
        assert isinstance(old, np.ndarray) or old == new


class Stacked(nnx.Module):
    """Layers stacked along an axis of their weights and keys, run in a loop."""

    def __init__(self) -> None:
        @nnx.split_rngs(splits=3)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stack(rngs: nnx.Rngs) -> nnx.Sequential:
            return nnx.Sequential(nnx.Linear(6, 6, rngs=rngs), nnx.Dropout(0.5, rngs=rngs))

        self.layers = stack(nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def loop(x: Any, layer: Any) -> Any:
            return x + layer(x)

        return loop(x, self.layers)


def test_nnx_layers_in_a_loop_have_consistent_draws() -> None:
    """Layers stacked along an axis of their weights and keys."""
    assert_consistent(Stacked(), ROWS)


class OwnNoise(nnx.Module):
    """A layer of the user's that follows the framework's flags and streams."""

    def __init__(self) -> None:
        self.rngs, self.deterministic, self.last = nnx.Rngs(noise=0), True, nnx.Linear(6, 3, rngs=nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        return self.last(x if self.deterministic else x * jax.random.normal(self.rngs.noise(), x.shape))


def test_nnx_layers_of_the_user_have_consistent_draws() -> None:
    """Where they follow the framework's flags and streams."""
    assert_consistent(OwnNoise(), ROWS)


def test_nnx_draws_do_not_depend_on_how_far_the_streams_are() -> None:
    """The model may have been called before."""
    model = nnx.Sequential(nnx.Linear(6, 8, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(1)))
    before = predict(model, ROWS)
    model(ROWS)
    np.testing.assert_array_equal(before, predict(model, ROWS))
