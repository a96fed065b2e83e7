"""The network of the adapters' table in Flax NNX, and compiled loops over draws as one writes them by hand."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
from flax import nnx


class Network(nnx.Module):
    def __init__(self, rngs: nnx.Rngs, broadcast: tuple[int, ...] = ()) -> None:
        self.first = nnx.Conv(1, 16, (3, 3), rngs=rngs)
        self.second = nnx.Conv(16, 32, (3, 3), rngs=rngs)
        self.norm = nnx.BatchNorm(32, use_running_average=True, rngs=rngs)
        self.dense, self.last = nnx.Linear(512, 64, rngs=rngs), nnx.Linear(64, 10, rngs=rngs)
        self.drop = nnx.Dropout(0.5, broadcast_dims=broadcast, rngs=rngs)
        self.drop_again = nnx.Dropout(0.5, broadcast_dims=broadcast, rngs=rngs)

    def __call__(self, x: Any, rngs: nnx.Rngs | None = None) -> Any:
        x = nnx.max_pool(nnx.relu(self.first(x)), (2, 2), (2, 2))
        x = nnx.relu(self.norm(self.second(x))).reshape(len(x), -1)
        x = self.drop_again(nnx.relu(self.dense(self.drop(x, rngs=rngs))), rngs=rngs)
        return self.last(x)


def network() -> Network:
    return Network(nnx.Rngs(0))


def plain(model: Network, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    return loop(images, draws, batch, ())


def consistent(model: Network, images: np.ndarray, draws: int, batch: int) -> np.ndarray:
    return loop(images, draws, batch, (0,))


_compiled: dict[tuple[int, ...], tuple[Any, Any]] = {}


def loop(images: np.ndarray, draws: int, batch: int, broadcast: tuple[int, ...]) -> np.ndarray:
    """A key a draw; masks of all rows are one where the first axis is broadcast."""
    if broadcast not in _compiled:
        definition, state = nnx.split(Network(nnx.Rngs(0), broadcast))

        def forward(state: Any, x: Any, key: Any) -> Any:
            return jax.nn.softmax(nnx.merge(definition, state)(x, nnx.Rngs(dropout=key)))

        _compiled[broadcast] = jax.jit(forward), state
    compiled, state = _compiled[broadcast]
    keys = [jax.random.fold_in(jax.random.key(0), draw) for draw in range(draws)]
    blocks = [
        np.stack([np.asarray(compiled(state, x, key)) for key in keys], -1)
        for x in (images[start : start + batch] for start in range(0, len(images), batch))
    ]
    return np.concatenate(blocks)
