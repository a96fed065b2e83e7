"""The network of the adapters' table in Flax Linen, and compiled loops over draws as one writes them by hand."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import numpy as np


class Network(nn.Module):
    broadcast: tuple[int, ...] = ()

    @nn.compact
    def __call__(self, x: Any, train: bool = False) -> Any:
        x = nn.max_pool(nn.relu(nn.Conv(16, (3, 3))(x)), (2, 2), (2, 2))
        x = nn.relu(nn.BatchNorm(use_running_average=True)(nn.Conv(32, (3, 3))(x)))
        x = nn.Dropout(0.5, broadcast_dims=self.broadcast)(x.reshape(len(x), -1), deterministic=not train)
        x = nn.Dropout(0.5, broadcast_dims=self.broadcast)(nn.relu(nn.Dense(64)(x)), deterministic=not train)
        return nn.Dense(10)(x)


def network() -> Any:
    module = Network()
    return module.bind(module.init(jax.random.key(0), np.zeros((1, 8, 8, 1), np.float32)))


def plain(model: Any, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    return loop(model, images, draws, batch, ())


def consistent(model: Any, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    return loop(model, images, draws, batch, (0,))


_compiled: dict[tuple[int, ...], Any] = {}


def loop(model: Any, images: np.ndarray, draws: int, batch: int, broadcast: tuple[int, ...]) -> np.ndarray:
    """A key a draw; masks of all rows are one where the first axis is broadcast."""
    if broadcast not in _compiled:
        module = Network(broadcast)

        def forward(variables: Any, x: Any, key: Any) -> Any:
            return nn.softmax(module.apply(variables, x, train=True, rngs={"dropout": key}))

        _compiled[broadcast] = jax.jit(forward)
    keys = [jax.random.fold_in(jax.random.key(0), draw) for draw in range(draws)]
    blocks = [
        np.stack([np.asarray(_compiled[broadcast](model.variables, x, key)) for key in keys], -1)
        for x in (images[start : start + batch] for start in range(0, len(images), batch))
    ]
    return np.concatenate(blocks)
