"""Predictions of small Flax networks on small data, and the check that draws are consistent."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import linen as nn
from flax import nnx

ROWS = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(30, 8, 8, 2)).astype(np.float32)
TOKENS = np.random.default_rng(2).integers(0, 50, (30, 7))
KEY = jax.random.key(0)


def predict(model: Any, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 5, "batch_size": 15, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_flax.predict(model, data, **given)))


def bound(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    return module.bind(module.init({"params": KEY, "dropout": KEY, "noise": KEY}, *args, **kwargs))


def assert_consistent(model: Any, data: np.ndarray, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ; in plain draws rows differ.

    All blocks have one shape, for which a model is compiled once.
    """
    found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[: len(data) - 1 : -1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    plain = predict(model, np.concatenate([data[:1]] * 30), consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(30, -1).round(6), axis=0)) > 8
    return found


class DropPath(nn.Module):
    """A layer that makes its own noise, in a stream of its own."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return x * jax.random.bernoulli(self.make_rng("noise"), 0.5, x.shape)


class Layers(nn.Module):
    """Whatever is asked for, between a dense layer and the classes; dropout is off by every kind of flag there is."""

    kind: str

    @nn.compact
    def __call__(self, x: Any, deterministic: bool = True) -> Any:
        x = nn.relu(nn.Dense(16)(x))
        if self.kind == "by attribute":
            x = nn.Dropout(0.5, deterministic=True)(x)
        elif self.kind == "by argument":
            x = nn.Dropout(0.5)(x, deterministic=deterministic)
        elif self.kind == "by place":
            x = nn.Dropout(0.5)(x, deterministic)
        elif self.kind == "with a key":
            x = nn.Dropout(0.5)(x, deterministic=deterministic, rng=jax.random.key(7))
        elif self.kind == "other stream":
            x = nn.Dropout(0.5, rng_collection="noise", deterministic=True)(x)
        elif self.kind == "remat":
            x = nn.remat(nn.Dropout)(0.5, deterministic=True)(x)
        elif self.kind == "jit":
            x = JITTED(0.5, deterministic=True)(x)
        elif self.kind == "own noise":
            x = nn.Dense(16)(x) + DropPath()(x)
        return nn.Dense(3)(x)


JITTED = nn.jit(nn.Dropout)


class Recurrent(nn.Module):
    time_major: bool = False

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = jnp.stack([x, x + 1, x - 1], axis=0 if self.time_major else 1)
        x = nn.Dropout(0.3, deterministic=True)(x)
        x = nn.RNN(nn.OptimizedLSTMCell(8), time_major=self.time_major)(x)
        return nn.Dense(3)(x[-1] if self.time_major else x[:, -1])


class Block(nnx.Module):
    """Attention, dropout and normalisation, with flags at the call and streams that are kept or not."""

    def __init__(self, keep: bool = True, spectral: bool = False) -> None:
        rngs = nnx.Rngs(3)
        self.first, self.last = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)
        self.norm: Any = nnx.BatchNorm(8, rngs=rngs)
        if spectral:
            self.norm = nnx.SpectralNorm(nnx.Linear(8, 8, rngs=rngs), rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, 8, dropout_rate=0.3, decode=False, keep_rngs=keep, rngs=rngs)
        self.dropout = nnx.Dropout(0.4, rngs=rngs if keep else None)

    def __call__(self, x: Any, train: bool | None = None, rngs: Any = None) -> Any:
        x = self.norm(self.first(x))
        flags = {} if train is None else {"deterministic": not train}
        x = x[:, None] + self.attention(jnp.stack([x, x + 1], axis=1), rngs=rngs, **flags)
        return self.last(self.dropout(x, rngs=rngs, **flags).mean(axis=1))


def nnx_state(model: nnx.Module) -> list[Any]:
    keys, rest = nnx.state(model, nnx.RngKey), nnx.state(model, nnx.Not(nnx.RngKey))
    leaves = [np.array(jax.random.key_data(leaf)) for leaf in jax.tree.leaves(keys)] + [
        np.array(leaf) for leaf in jax.tree.leaves(rest)
    ]
    modules = [one for _, one in nnx.iter_modules(model)]
    kinds = [(type(one), getattr(one, "deterministic", None), getattr(one, "rngs", None) is None) for one in modules]
    return [*leaves, kinds]
