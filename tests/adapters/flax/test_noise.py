"""Which layers make noise is found, not listed; what stays off, or is the same in all draws, is named with a remedy that works."""

from __future__ import annotations

import random
import warnings
from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn
from flax import nnx

from alcore import adapting
from tests.adapters.flax.predictions import KEY, ROWS, bound, predict

FEW = ROWS[:6]


def noisy(model: Any, **options: Any) -> bool:
    return bool((np.ptp(predict(model, FEW, draws=3, batch_size=6, **options), axis=-1) > 1e-4).any())


class Tracked(nn.Module):
    """It draws noise in training, and writes to a statistic of its own."""

    @nn.compact
    def __call__(self, x: Any, train: bool) -> Any:
        scale = self.variable("stats", "scale", jnp.ones, ())
        if not train:
            return x
        scale.value = scale.value * 0.9
        return x + jax.random.normal(self.make_rng("noise"), x.shape)


class WithTracked(nn.Module):
    also: bool = False

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = Tracked(name="tracked")(nn.Dense(5)(x), train)
        return nn.Dense(3)(nn.Dropout(0.3)(x, deterministic=not train) if self.also else x)


class NnxTracked(nnx.Module):
    def __init__(self) -> None:
        self.rngs, self.count, self.training = nnx.Rngs(noise=0), nnx.BatchStat(jnp.zeros(())), False

    def __call__(self, x: Any) -> Any:
        if not self.training:
            return x
        self.count[...] += 1
        return x + jax.random.normal(self.rngs.noise(), x.shape)


class NnxWithTracked(nnx.Module):
    def __init__(self) -> None:
        self.tracked, self.last = NnxTracked(), nnx.Linear(6, 3, rngs=nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        return self.last(self.tracked(x))


def test_noise_that_writes_to_statistics_stays_off_and_is_named() -> None:
    """With dropout beside it in a warning, alone in the refusal; ``noise=`` switches it on, and what it writes is not kept."""
    model = bound(WithTracked(also=True), ROWS)
    with pytest.warns(
        UserWarning, match="'tracked' of WithTracked draw random numbers in training and write .* noise="
    ):
        found = predict(model, FEW, batch_size=6)
    assert (np.ptp(found, axis=-1) > 0).any()
    before = jax.tree.map(np.array, model.variables)
    for chosen in ("tracked", Tracked, lambda name, layer: name == "tracked", ("tracked", nn.Dropout)):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert (predict(model, FEW, batch_size=6, noise=chosen) != found).any()
    jax.tree.map(np.testing.assert_array_equal, before, model.variables)
    for alone in (bound(WithTracked(), ROWS), NnxWithTracked()):
        with pytest.raises(ValueError, match="would be the same.*'tracked' of .*noise="):
            noisy(alone)
        assert noisy(alone, noise="tracked")
    assert alone.tracked.count[...] == 0


def test_noise_names_layers_that_are_there() -> None:
    """Others are refused with those there are."""
    model = bound(WithTracked(), ROWS)
    with pytest.raises(ValueError, match=r"noise: no layer of WithTracked is 'drop'\. It calls .*'tracked'"):
        predict(model, FEW, noise=("tracked", "drop"))
    with pytest.raises(TypeError, match="noise: expected types or names"):
        predict(model, FEW, noise=3)


class OwnFlag(nn.Module):
    """A flag that no framework has."""

    rate: float = 0.5

    @nn.compact
    def __call__(self, x: Any, noisy: bool = False) -> Any:
        keep = 1 - self.rate
        return x * jax.random.bernoulli(self.make_rng("noise"), keep, x.shape) / keep if noisy else x


class WithOwnFlag(nn.Module):
    @nn.compact
    def __call__(self, x: Any, noisy: bool = False) -> Any:
        return nn.Dense(3)(OwnFlag(name="drop")(nn.Dense(5)(x), noisy))


def test_a_layer_that_holds_a_rate_and_stays_silent_is_named() -> None:
    """With the remedy: its flag is passed."""
    model = bound(WithOwnFlag(), ROWS)
    with pytest.warns(UserWarning, match="'drop' of WithOwnFlag hold a rate above 0 .*inputs="):
        predict(model, FEW, draws=1)
    with pytest.raises(ValueError, match="'drop' of WithOwnFlag hold a rate above 0 .*inputs="):
        noisy(model)
    assert noisy(model, inputs=lambda x: (x, {"noisy": True}))


class Fixed(nn.Module):
    dropout: bool

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dense(5)(x) * jax.random.bernoulli(jax.random.key(0), 0.5, (1, 5))
        return nn.Dense(3)(nn.Dropout(0.3, deterministic=not train)(x) if self.dropout else x)


def test_a_key_that_is_fixed_in_the_code_is_named() -> None:
    """In a warning beside other noise; alone it is refused, and the remedy, a key of make_rng, works."""
    with pytest.warns(UserWarning, match="'Fixed' of Fixed draw random numbers from a key that is fixed.*make_rng"):
        assert noisy(bound(Fixed(True), ROWS))
    with pytest.raises(ValueError, match="Fixed draws random numbers from a key that is fixed in its code.*make_rng"):
        noisy(bound(Fixed(False), ROWS))

    class Remedied(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dense(3)(x) * jax.random.bernoulli(self.make_rng("mask"), 0.5, (1, 3))

    assert noisy(bound(Remedied(), ROWS))


@pytest.mark.parametrize("generator", ["NumPy", "Python"])
def test_numbers_from_outside_of_jax_that_a_trace_freezes_are_refused(generator: str) -> None:
    """They would be constants of the program; the generators are as they were."""

    class Frozen(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool = False) -> Any:
            if train:
                x = x * (np.random.rand() if generator == "NumPy" else random.random())  # noqa: NPY002
            return nn.Dense(3)(nn.Dropout(0.5, deterministic=not train)(x))

    model = bound(Frozen(), ROWS)
    before = adapting.generator_states()
    with pytest.raises(ValueError, match=f"Frozen draws from {generator}.* when it is traced.*jax.random"):
        predict(model, FEW)
    assert before == adapting.generator_states()


class HostNoise(nn.Module):
    """Noise of Python, made while the program runs."""

    own: bool

    @nn.compact
    def __call__(self, x: Any) -> Any:
        rng = np.random.default_rng(0)
        draw = rng.normal if self.own else np.random.normal
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        noise = jax.pure_callback(lambda x: draw(size=x.shape).astype(x.dtype), shape, x, vmap_method="sequential")
        return nn.Dense(3)(x * noise)


def test_noise_of_python_follows_the_seed_or_is_refused() -> None:
    """The global generator of NumPy gives the same bits in plain draws and comes back; one of the layer's own cannot be set."""
    for consistent in (True, False):
        with pytest.raises(ValueError, match="seed: HostNoise predicts something else when it runs again"):
            predict(bound(HostNoise(True), ROWS), FEW, consistent=consistent)
    model = bound(HostNoise(False), ROWS)
    with pytest.raises(
        ValueError, match="HostNoise draws random numbers from NumPy's global generator.*consistent=False"
    ):
        predict(model, FEW)
    before = adapting.generator_states()
    found = predict(model, FEW, consistent=False)
    assert before == adapting.generator_states()
    np.testing.assert_array_equal(found, predict(model, FEW, consistent=False))
    assert (np.ptp(found, axis=-1) > 0).all()


class Labelled(nn.Module):
    """In training it wants labels."""

    @nn.compact
    def __call__(self, x: Any, labels: Any = None, train: bool = False) -> Any:
        logits = nn.Dense(3)(Loose(name="loose")(x, train))
        return logits if not train else (logits - jax.nn.one_hot(labels, 3)) ** 2


class Loose(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        return nn.Dropout(0.5, deterministic=not train)(x)


def test_a_model_that_fails_in_training_as_a_whole_is_searched_below() -> None:
    """What it says stays what it says in inference."""
    model = bound(Labelled(), ROWS)
    found = predict(model, ROWS, draws=50, kind="probs")
    assert np.abs(found.mean(axis=-1) - model(ROWS)).max() < 6 * found.std() / np.sqrt(50)
    assert noisy(model)


class Failing(nn.Module):
    @nn.compact
    def __call__(self, x: Any, deterministic: bool = True) -> Any:
        if not deterministic:
            raise RuntimeError("no teacher was given")
        return nn.Dropout(0.5, deterministic=deterministic)(x)


class WithFailing(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(Failing(name="inner")(x))


def test_a_layer_that_fails_in_training_is_said_and_noise_is_the_remedy() -> None:
    """Which names what runs as in training."""
    model = bound(WithFailing(), ROWS)
    with pytest.raises(ValueError, match="noise: WithFailing fails .*no teacher was given.* noise="):
        noisy(model)
    assert noisy(model, noise=nn.Dropout)


def test_a_layer_that_returns_more_in_training_stays_in_inference_where_it_draws_nothing() -> None:
    """Layers around the noise are on where they have to be, and no more."""

    class Heads(nn.Module):
        @nn.compact
        def __call__(self, x: Any, train: bool = False) -> Any:
            x = nn.Dropout(0.5, deterministic=not train)(x)
            logits = nn.Dense(3)(x)
            return (logits, nn.Dense(3)(x)) if train else logits

    module = Heads()
    model = module.bind(module.init({"params": KEY, "dropout": KEY}, ROWS, train=True))
    assert noisy(model)


def test_stochastic_takes_noise_too() -> None:
    """As predict does."""
    model = NnxWithTracked()
    apply = alcore_flax.stochastic(model, noise="tracked")
    assert (apply(FEW, KEY) != apply(FEW, jax.random.key(1))).all()
    off = alcore_flax.stochastic(model)
    np.testing.assert_array_equal(off(FEW, KEY), off(FEW, jax.random.key(1)))


class GatedSetup(nn.Module):
    """The layer that makes noise is there in training alone."""

    train: bool = False

    def setup(self) -> None:
        self.last = nn.Dense(3)
        if self.train:
            self.drop = nn.Dropout(0.5, deterministic=False)

    def __call__(self, x: Any) -> Any:
        return self.last(self.drop(x) if self.train else x)


class Bridge(nnx.Module):
    """A module of Linen in one of NNX."""

    def __init__(self) -> None:
        inner = nn.Sequential([nn.Dense(5), nn.Dropout(0.5, deterministic=True), nn.Dense(3)])
        self.inner = nnx.bridge.ToNNX(inner, rngs=nnx.Rngs(0)).lazy_init(FEW)

    def __call__(self, x: Any) -> Any:
        return self.inner(x)


class Counts(nn.Module):
    """Numbers that are rejected in a loop, from a sampler that takes keys of one kind."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        key = self.make_rng("noise")
        return nn.Dense(3)(x * jax.random.gamma(key, 2.0, x.shape) + jax.random.poisson(key, 3.0, x.shape))


@pytest.mark.parametrize("make", [lambda: bound(GatedSetup(), ROWS), Bridge, lambda: bound(Counts(), ROWS)])
def test_noise_is_found_wherever_it_is_made(make: Any) -> None:
    """In setup, in a bridge between Linen and NNX, in a loop that rejects; rows agree in every draw."""
    found = predict(make(), np.concatenate([FEW, FEW[::-1]]), batch_size=6, kind="probs")
    np.testing.assert_allclose(found[:6], found[:5:-1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
