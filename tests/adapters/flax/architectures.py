"""Networks that nobody wrote for alcore, each with the loop over draws that its author would write, and a batch of rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx

from tests.adapters.flax.predictions import KEY

RNG = np.random.default_rng(5)
VECTORS = RNG.normal(size=(6, 6)).astype(np.float32)
IMAGES = RNG.normal(size=(6, 6, 6, 1)).astype(np.float32)
SERIES = RNG.normal(size=(6, 5, 4)).astype(np.float32)
Own = Callable[[Any, Any, Any], Any]  # (model, rows, key) -> what it says in training


@dataclass(frozen=True)
class Architecture:
    make: Callable[[], Any]
    rows: Any
    own: Own
    linen: bool = True

    def __repr__(self) -> str:
        return self.make.__name__


def linen_loop(model: Any, rows: Any, key: Any) -> Any:
    given = rows if isinstance(rows, dict) else {"x": rows}
    streams = {name: jax.random.fold_in(key, place) for place, name in enumerate(("dropout", "noise", "weights"))}
    return model.apply(model.variables, **given, train=True, rngs=streams)


def nnx_loop(model: Any, rows: Any, key: Any) -> Any:
    graph, keys, counts, rest = nnx.split(model, nnx.RngKey, nnx.RngCount, ...)
    leaves, tree = jax.tree.flatten(keys)
    fresh = [jax.random.split(jax.random.fold_in(key, place), leaf.shape) for place, leaf in enumerate(leaves)]
    copy = nnx.merge(
        graph, jax.tree.unflatten(tree, fresh), jax.tree.map(jnp.zeros_like, counts), jax.tree.map(jnp.asarray, rest)
    )
    copy.set_attributes(deterministic=False, use_running_average=True, raise_if_not_found=False)
    return copy(rows)


# --- Linen ------------------------------------------------------------------------------------------------------------


class Dense(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dropout(0.4, deterministic=not train)(nn.relu(nn.Dense(16)(x)))
        return nn.Dense(3)(x)


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.BatchNorm(use_running_average=True)(nn.Conv(4, (3, 3))(x))
        x = nn.Dropout(0.3, broadcast_dims=(1, 2), deterministic=not train)(nn.relu(x))
        return nn.Dense(3)(nn.Dropout(0.3, deterministic=not train)(x.mean(axis=(1, 2))))


class RecurrentCell(nn.RNNCellBase):
    """Its recurrent state is dropped in each step."""

    train: bool = False

    @nn.compact
    def __call__(self, carry: Any, x: Any) -> Any:
        cell = nn.OptimizedLSTMCell(6)
        memory, hidden = carry
        return cell((memory, nn.Dropout(0.3, deterministic=not self.train)(hidden)), x)

    @nn.nowrap
    def initialize_carry(self, rng: Any, shape: Any) -> Any:
        return nn.OptimizedLSTMCell(6, parent=None).initialize_carry(rng, shape)

    @property
    def num_feature_axes(self) -> int:
        return 1


class Recurrent(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.RNN(RecurrentCell(train), split_rngs={"params": False, "dropout": True})(x)
        return nn.Dense(3)(x[:, -1])


class Attention(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dense(8)(x)
        x = x + nn.MultiHeadDotProductAttention(2, dropout_rate=0.3, deterministic=not train)(nn.LayerNorm()(x))
        return nn.Dense(3)(x)


class GaussianNoise(nn.Module):
    @nn.compact
    def __call__(self, x: Any, training: bool) -> Any:
        return x + 0.5 * jax.random.normal(self.make_rng("noise"), x.shape) if training else x


class OwnNoise(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        return nn.Dense(3)(GaussianNoise()(nn.Dense(8)(x), training=train))


class BayesByBackprop(nn.Module):
    """Weights are drawn in each call, from a stream of their own, whether it trains or not."""

    features: int = 3

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        shape = (x.shape[-1], self.features)
        mean = self.param("mean", nn.initializers.normal(1), shape)
        spread = self.param("spread", nn.initializers.constant(-1.0), shape)
        return x @ (mean + jnp.exp(spread) * jax.random.normal(self.make_rng("weights"), shape))


class Gated(nn.Module):
    """Noise of the layer itself and a layer that is called in training alone."""

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dense(12)(x)
        if train:
            x = x * (1 + 0.3 * jax.random.normal(self.make_rng("noise"), (len(x), 1)))
            x = nn.Dropout(0.3, deterministic=False)(x)
        return nn.Dense(3)(x)


class DropPath(nn.Module):
    """Stochastic depth: a whole branch of a row."""

    @nn.compact
    def __call__(self, x: Any, deterministic: bool) -> Any:
        if deterministic or not self.has_rng("noise"):
            return x
        return x * jax.random.bernoulli(self.make_rng("noise"), 0.7, (len(x), 1)) / 0.7


class StochasticDepth(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        for _ in range(2):
            x = x + DropPath()(nn.Dense(6)(nn.relu(x)), not train)
        return nn.Dense(3)(x)


class TwoInputs(nn.Module):
    @nn.compact
    def __call__(self, x: Any, scale: Any, train: bool = False) -> Any:
        return nn.Dense(3)(nn.Dropout(0.4, deterministic=not train)(nn.Dense(8)(x) * scale[:, None]))


class Step(nn.Module):
    train: bool

    @nn.compact
    def __call__(self, x: Any, _: None) -> Any:
        return x + nn.remat(nn.Dropout)(0.3, deterministic=not self.train)(nn.tanh(nn.Dense(6)(x))), None


class Scanned(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        loop = nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True, "dropout": True}, length=2)
        return nn.Dense(3)(loop(train)(x, None)[0])


class Segmentation(nn.Module):
    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dropout(0.3, deterministic=not train)(nn.relu(nn.Conv(4, (3, 3))(x)))
        return nn.ConvTranspose(3, (2, 2), strides=(2, 2))(x)


# --- NNX --------------------------------------------------------------------------------------------------------------


class NnxConvolutional(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0, dropout=1)
        self.conv, self.norm = nnx.Conv(1, 4, (3, 3), rngs=rngs), nnx.BatchNorm(4, rngs=rngs)
        self.drop, self.last = nnx.Dropout(0.4, rngs=rngs), nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(self.drop(nnx.relu(self.norm(self.conv(x))).mean(axis=(1, 2))))


class NnxAttention(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.attend = nnx.MultiHeadAttention(2, 4, dropout_rate=0.3, decode=False, rngs=rngs)
        self.last = nnx.Linear(4, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(x + self.attend(x))


class NnxLocked(nnx.Module):
    """One mask for all steps of a row, under a name and a flag that no list has."""

    def __init__(self, rngs: Any) -> None:
        self.rngs, self.deterministic = rngs, False

    def __call__(self, x: Any) -> Any:
        if self.deterministic:
            return x
        return x * jax.random.bernoulli(self.rngs.locked(), 0.6, (len(x), 1, x.shape[-1])) / 0.6


class NnxRecurrent(nnx.Module):
    def __init__(self) -> None:
        rngs = nnx.Rngs(0)
        self.locked, self.rnn = NnxLocked(rngs), nnx.RNN(nnx.GRUCell(4, 6, rngs=rngs))
        self.last = nnx.Linear(6, 3, rngs=rngs)

    def __call__(self, x: Any) -> Any:
        return self.last(self.rnn(self.locked(x))[:, -1])


class NnxBayes(nnx.Module):
    def __init__(self) -> None:
        self.mean = nnx.Param(jax.random.normal(KEY, (6, 3)))
        self.rngs = nnx.Rngs(weights=3)

    def __call__(self, x: Any) -> Any:
        return x @ (self.mean[...] + 0.4 * jax.random.normal(self.rngs.weights(), (6, 3)))


def _linen(kind: type[nn.Module], rows: Any) -> Architecture:
    def make() -> Any:
        module, keys = kind(), dict.fromkeys(("params", "dropout", "noise", "weights"), KEY)
        return module.bind(module.init(keys, **(rows if isinstance(rows, dict) else {"x": rows})))

    make.__name__ = kind.__name__
    return Architecture(make, rows, linen_loop)


ARCHITECTURES = [
    _linen(Dense, VECTORS),
    _linen(Convolutional, IMAGES),
    _linen(Recurrent, SERIES),
    _linen(Attention, SERIES),
    _linen(OwnNoise, VECTORS),
    _linen(BayesByBackprop, VECTORS),
    _linen(Gated, VECTORS),
    _linen(StochasticDepth, VECTORS),
    _linen(TwoInputs, {"x": VECTORS, "scale": VECTORS[:, 0]}),
    _linen(Scanned, VECTORS),
    _linen(Segmentation, IMAGES),
    Architecture(NnxConvolutional, IMAGES, nnx_loop),
    Architecture(NnxAttention, SERIES, nnx_loop),
    Architecture(NnxRecurrent, SERIES, nnx_loop),
    Architecture(NnxBayes, VECTORS, nnx_loop),
]
