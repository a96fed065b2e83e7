"""A model with its noise on as a pure function of a batch and a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax

from alcore_flax.dropconnect import DropConnect
from alcore_flax.given import as_given
from alcore_flax.network import as_network
from alcore_flax.noise import Noise, find


def stochastic(model: Any, *, noise: Noise = None) -> Callable[..., Any]:
    """``apply(x, key)``: what the model says of a batch with its noise on, plain, and everything else in inference.

    A pure function, to be jitted, mapped or differentiated; the model and its statistics stay as they are. The weights are those
    that the model has now.

    Args:
        model: a bound Linen module, an NNX module, or `DropConnect` of one.
        noise: layers that run as in training beside those that are found, as in `predict`.

    Returns: ``apply(x, key, *args, **kwargs)``; further arguments reach the model.

    >>> import alcore_flax, jax
    >>> from flax import nnx
    >>> model = nnx.Dropout(0.5, deterministic=True, rngs=nnx.Rngs(0))
    >>> apply = jax.jit(alcore_flax.stochastic(model))
    >>> sorted(set(apply(jax.numpy.ones(100), jax.random.key(0)).tolist()))
    [0.0, 2.0]
    """
    network, weights = as_network(model)

    def apply(x: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        found = find(network, weights, as_given((x, *args, kwargs)), noise, type(model).__name__)
        running = found.network
        if isinstance(model, DropConnect):
            running = replace(running, dropped=model.places(running.tree, found.flow))
        own, drop = jax.random.split(key)
        return running(running.drop(weights, drop), own, (x, *args), kwargs)

    return apply
