"""The networks of the laws in Flax NNX."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx

from tests.adapters.framework import CLASSES, EPSILON, FEATURES, HIDDEN, MEAN, VARIANCE, Framework, Weights


class _Network(nnx.Module):
    def __init__(self, weights: Weights, rate: float, in_a_dict: bool = False) -> None:
        rngs = nnx.Rngs(0)
        self.first, self.last = nnx.Linear(FEATURES, HIDDEN, rngs=rngs), nnx.Linear(HIDDEN, CLASSES, rngs=rngs)
        self.norm = nnx.BatchNorm(HIDDEN, epsilon=EPSILON, rngs=rngs)
        self.dropout, self.in_a_dict = nnx.Dropout(rate, rngs=rngs), in_a_dict
        self.first.kernel[...], self.first.bias[...] = jnp.array(weights.w1), jnp.array(weights.b1)
        self.last.kernel[...], self.last.bias[...] = jnp.array(weights.w2), jnp.array(weights.b2)
        self.norm.mean[...], self.norm.var[...] = jnp.array(MEAN), jnp.array(VARIANCE)

    def __call__(self, x: Any) -> Any:
        hidden = self.dropout(nnx.relu(self.norm(self.first(x))))
        logits = self.last(hidden)
        return {"logits": logits, "hidden": hidden} if self.in_a_dict else logits


class NnxFramework(Framework):
    adapter = alcore_flax

    def network(self, weights: Weights, rate: float) -> Any:
        return _Network(weights, rate)

    def linear(self, w: np.ndarray, rate: float | None) -> Any:
        dense = nnx.Linear(*w.shape, use_bias=False, rngs=nnx.Rngs(0))
        dense.kernel[...] = jnp.array(w)
        return dense if rate is None else nnx.Sequential(nnx.Dropout(rate, rngs=nnx.Rngs(1)), dense)

    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        return _Network(weights, rate, in_a_dict=True)

    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        view = nnx.clone(model)
        view.eval()
        return np.asarray(view(x))

    def state(self, model: Any) -> list[np.ndarray]:
        """Keys and counts of random streams too, and the flags of layers."""
        keys, rest = nnx.state(model, nnx.RngKey), nnx.state(model, nnx.Not(nnx.RngKey))
        flags = [
            getattr(one, "deterministic", getattr(one, "use_running_average", None))
            for _, one in nnx.iter_modules(model)
        ]
        return [
            *(np.array(jax.random.key_data(leaf)) for leaf in jax.tree.leaves(keys)),
            *(np.array(leaf) for leaf in jax.tree.leaves(rest)),
            np.array([flag is True for flag in flags]),
        ]

    def spoil(self, model: Any) -> None:
        model.first.kernel[...] = jnp.zeros_like(model.first.kernel[...])
