"""What a network computes before its first noise runs once a block and changes no draw."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from alcore_flax import prefix, program
from alcore_flax.flow import kept
from flax import linen as nn
from flax import nnx

from tests.adapters.flax.predictions import IMAGES, KEY, ROWS, Block, Recurrent, bound, predict
from tests.adapters.laws import CONSISTENT_FIRST


class Late(nn.Module):
    """Two dense layers, then noise, then one. The noise is in a part of the program that is called as a whole."""

    kind: str = "plain"

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.relu(nn.Dense(7)(nn.relu(nn.Dense(5)(x))))
        around = {"plain": nn.Dropout, "jit": nn.jit(nn.Dropout), "remat": nn.remat(nn.Dropout)}[self.kind]
        return nn.Dense(3)(around(0.5, deterministic=True)(x))


class Shared(nn.Module):
    """One layer runs before the noise and after it, and what comes before the noise is read after it too."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        dense, last = nn.Dense(6), nn.Dense(3)
        first = nn.relu(dense(x))
        return last(dense(nn.Dropout(0.5, deterministic=True)(first)) + first * (x @ jnp.ones((6, 6))))


class Images(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.max_pool(nn.relu(nn.Conv(4, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.BatchNorm(use_running_average=True)(x).reshape(len(x), -1)
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)(x))


class Early(nn.Module):
    """Noise comes first."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)(x))


MODELS: dict[str, Any] = {
    "plain": lambda: (bound(Late(), ROWS), ROWS),
    "in a function that is compiled by itself": lambda: (bound(Late("jit"), ROWS), ROWS),
    "in a part that is computed again": lambda: (bound(Late("remat"), ROWS), ROWS),
    "a shared layer": lambda: (bound(Shared(), ROWS), ROWS),
    "convolutions": lambda: (bound(Images(), IMAGES), IMAGES),
    "noise first": lambda: (bound(Early(), ROWS), ROWS),
    "recurrent": lambda: (bound(Recurrent(), ROWS), ROWS),
    "attention in NNX": lambda: (Block(), ROWS),
    "weights are dropped": lambda: (alcore_flax.DropConnect(bound(Late(), ROWS), 0.4, ("Dense_2",)), ROWS),
}
SPLIT = [name for name in MODELS if name not in ("noise first", "recurrent")]


@pytest.fixture(autouse=True)
def nothing_compiled(monkeypatch: pytest.MonkeyPatch) -> None:
    """What other tests compiled is not met here."""
    monkeypatch.setattr("alcore_flax.run.compiled", kept(program.Compiled))


@pytest.fixture
def blocks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry each time that what draws share is computed."""
    ran: list[int] = []

    def counted(traced: Any, key: int) -> Any:
        parts = prefix.split(traced, key)
        if parts is None:
            return None
        shared = lambda *given: jax.debug.callback(lambda: ran.append(1)) or parts[0](*given)  # noqa: E731
        return shared, parts[1]

    monkeypatch.setattr("alcore_flax.program.split", counted)
    return ran


@CONSISTENT_FIRST
@pytest.mark.parametrize("name", MODELS)
def test_draws_are_those_of_the_whole_program(name: str, consistent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the same masks: probabilities agree as far as the compiler may add in another order."""
    model, data = MODELS[name]()
    found = predict(model, data, consistent=consistent)
    monkeypatch.setattr("alcore_flax.program.split", lambda *_: None)
    monkeypatch.setattr("alcore_flax.run.compiled", kept(program.Compiled))
    np.testing.assert_allclose(found, predict(model, data, consistent=consistent), rtol=0, atol=1e-6)
    assert (np.ptp(found, axis=-1) > 1e-4).any()


@CONSISTENT_FIRST
@pytest.mark.parametrize("name", SPLIT)
def test_what_draws_share_runs_once_a_block(name: str, consistent: bool, blocks: list[int]) -> None:
    """However many draws there are."""
    model, data = MODELS[name]()
    predict(model, data, draws=9, batch_size=15, consistent=consistent)
    jax.effects_barrier()
    assert len(blocks) == 2


def test_nothing_is_split_where_no_product_comes_before_the_noise(blocks: list[int]) -> None:
    model, data = MODELS["noise first"]()
    predict(model, data)
    jax.effects_barrier()
    assert not blocks


def products(function: Any, *given: Any) -> int:
    """How many products a function computes."""
    return sum(map(prefix._multiplies, jax.make_jaxpr(function)(*given).jaxpr.eqns))


@pytest.mark.parametrize("kind", ["plain", "jit", "remat"])
def test_a_draw_computes_only_what_comes_after(kind: str) -> None:
    """Of three products one is left, also where the noise is in a part that is called as a whole."""
    module = Late(kind)
    weights = module.init(KEY, ROWS)
    made = module.bind(weights)

    def draw(x: Any, seed: Any) -> Any:
        return alcore_flax.stochastic(made)(x, jax.random.wrap_key_data(seed))

    seed = np.zeros(2, np.uint32)
    parts = prefix.split(jax.make_jaxpr(draw)(ROWS, seed), 1)
    assert parts is not None
    shared, drawn = parts
    before = shared(ROWS)
    assert [one.shape for one in before if one.size > 1] == [(30, 7)]
    assert (products(shared, ROWS), products(drawn, before, ROWS, seed)) == (2, 1)
    np.testing.assert_allclose(drawn(before, ROWS, seed), draw(ROWS, seed), rtol=0, atol=1e-6)


def test_a_block_that_would_keep_too_much_runs_whole(monkeypatch: pytest.MonkeyPatch, blocks: list[int]) -> None:
    """And gives the same."""
    model, data = MODELS["plain"]()
    found = predict(model, data)
    jax.effects_barrier()
    assert len(blocks) == 2
    monkeypatch.setattr("alcore_flax.run.compiled", kept(program.Compiled))
    monkeypatch.setattr("alcore_flax.prefix.KEPT", 100)
    np.testing.assert_allclose(found, predict(model, data), rtol=0, atol=1e-6)
    jax.effects_barrier()
    assert len(blocks) == 2


def test_more_draws_and_more_blocks_begin_with_the_same_bits() -> None:
    model, data = MODELS["convolutions"]()
    found = predict(model, data, draws=9)
    np.testing.assert_array_equal(found[..., :5], predict(model, data, draws=5))
    np.testing.assert_array_equal(found[:15], predict(model, data[:15], draws=9))


def test_new_weights_are_seen_in_what_draws_share() -> None:
    """A program that was compiled for others is used again."""
    model = nnx.Sequential(
        nnx.Linear(6, 8, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(1)), nnx.Linear(8, 3, rngs=nnx.Rngs(2))
    )
    found = predict(model, ROWS)
    model.layers[0].kernel[...] *= 2
    assert np.abs(predict(model, ROWS) - found).max() > 0.01
