"""The networks of the laws in Flax Linen."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import numpy as np
from flax import linen as nn

from tests.adapters.framework import CLASSES, EPSILON, HIDDEN, MEAN, VARIANCE, Framework, Weights


class _Network(nn.Module):
    rate: float
    in_a_dict: bool = False

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.Dense(HIDDEN, name="first")(x)
        x = nn.relu(nn.BatchNorm(use_running_average=not train, epsilon=EPSILON, name="norm")(x))
        hidden = nn.Dropout(self.rate, deterministic=not train)(x)
        logits = nn.Dense(CLASSES, name="last")(hidden)
        return {"logits": logits, "hidden": hidden} if self.in_a_dict else logits


class _Linear(nn.Module):
    rate: float | None

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = x if self.rate is None else nn.Dropout(self.rate)(x, deterministic=True)
        return nn.Dense(self.features(), use_bias=False, name="dense")(x)

    def features(self) -> int:
        return int(self.get_variable("params", "dense")["kernel"].shape[1])


class LinenFramework(Framework):
    """Weights are NumPy arrays, which ``spoil`` can write to."""

    adapter = alcore_flax

    def network(self, weights: Weights, rate: float) -> Any:
        return _Network(rate).bind(_variables(weights))

    def linear(self, w: np.ndarray, rate: float | None) -> Any:
        return _Linear(rate).bind({"params": {"dense": {"kernel": w.copy()}}})

    def in_a_dict(self, weights: Weights, rate: float) -> Any:
        return _Network(rate, in_a_dict=True).bind(_variables(weights))

    def infer(self, model: Any, x: np.ndarray) -> np.ndarray:
        return np.asarray(model(x))

    def state(self, model: Any) -> list[np.ndarray]:
        return [np.array(leaf) for leaf in jax.tree.leaves(model.variables)]

    def spoil(self, model: Any) -> None:
        model.variables["params"]["first"]["kernel"][:] = 0


def _variables(weights: Weights) -> dict[str, Any]:
    ones, zeros = np.ones(HIDDEN, np.float32), np.zeros(HIDDEN, np.float32)
    return {
        "params": {
            "first": {"kernel": weights.w1.copy(), "bias": weights.b1.copy()},
            "norm": {"scale": ones, "bias": zeros},
            "last": {"kernel": weights.w2.copy(), "bias": weights.b2.copy()},
        },
        "batch_stats": {"norm": {"mean": MEAN.astype(np.float32), "var": VARIANCE.astype(np.float32)}},
    }
