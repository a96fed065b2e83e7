"""A model whose noise is on, as a pure function of a block and a key."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax

from alcore_flax.dropconnect import DropConnect
from alcore_flax.given import as_given, row_count
from alcore_flax.network import as_network
from alcore_flax.noise import Noise, find


def stochastic(model: Any, *, noise: Noise = None) -> Callable[..., Any]:
    """A pure function ``apply(x, key)`` that calls a model with its noise on, and everything else as in inference.

    You can jit it, map it or differentiate it. The model and its statistics stay as they are. The function keeps the weights that
    the model has now. Every row has noise of its own. The first call costs a few traces more, which compute nothing. Gal &
    Ghahramani 2016 (arXiv:1506.02142).

    Args:
        model: a bound Linen module, an NNX module, or `DropConnect` of one.
        noise: layers that run as in training beside those that the adapter finds: types, names, paths, functions
            (name, layer) -> bool, or a tuple of these.

    Returns:
        The function ``apply(x, key, *args, **kwargs)``. It passes further arguments on to the model, and returns what the model
            returns.

    Raises:
        TypeError: for a model of another type, and when ``apply`` is called without an array.
        ValueError: when ``apply`` is first called, for a name or a type in ``noise`` that the model lacks.

    Examples:
        >>> import alcore_flax, jax
        >>> from flax import nnx
        >>> model = nnx.Dropout(0.5, deterministic=True, rngs=nnx.Rngs(0))
        >>> apply = jax.jit(alcore_flax.stochastic(model))
        >>> sorted(set(apply(jax.numpy.ones(100), jax.random.key(0)).tolist()))
        [0.0, 2.0]
    """
    network, weights = as_network(model)

    def apply(x: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        given = as_given((x, *args, kwargs))
        if row_count(given) < 0:
            raise TypeError(f"x: expected an array, got {type(x).__name__}. Pass one: jax.numpy.asarray(x).")
        found = find(network, weights, given, noise, type(model).__name__)
        running = found.network
        if isinstance(model, DropConnect):
            running = replace(running, dropped=model.places(running.tree, found.flow))
        own, drop = jax.random.split(key)
        return running(running.drop(weights, drop), own, (x, *args), kwargs)

    return apply
