"""A model as a pure function of its weights, a key and what it is called with: noise on, all else in inference."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from alcore_flax.dropconnect import DropConnect, places
from alcore_flax.layers import intercept, tell


@dataclass(frozen=True)
class Network:
    """A model without its weights, hashable, so that what was compiled for it is found again.

    Args:
        skeleton: a Linen module without variables, or the graph of an NNX module.
        tree: how the weights stand in their collections.
        streams: names of the random streams of a Linen module.
        dropped: which of the weights DropConnect drops, with what probability.
    """

    skeleton: Any
    tree: Any
    streams: tuple[str, ...] = ()
    dropped: tuple[int, ...] = ()
    rate: float = 0.0

    def drop(self, weights: Sequence[Any], key: Any) -> list[Any]:
        """The weights of one draw."""
        found = list(weights)
        for place in self.dropped:
            kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.rate, found[place].shape)
            found[place] = jnp.where(kept, found[place] / (1 - self.rate), 0)
        return found

    def __call__(self, weights: Sequence[Any], key: Any, args: Any, kwargs: Any, noisy: bool = True) -> Any:
        """What the model returns; nothing that it changes in itself is kept."""
        state = jax.tree.unflatten(self.tree, weights)
        if isinstance(self.skeleton, linen.Module):
            own = f"alcore, noise {noisy}"  # nn.jit takes a layer traced with other streams for another layer
            rngs = {name: jax.random.fold_in(key, place) for place, name in enumerate((*self.streams, own))}
            with linen.intercept_methods(intercept(noisy)):
                return self.skeleton.apply(state, *args, rngs=rngs, **kwargs)
        keys, counts, rest = state
        leaves, tree = jax.tree.flatten(keys)
        fresh = [_split(jax.random.fold_in(key, place), leaf.shape) for place, leaf in enumerate(leaves)]
        counts = jax.tree.map(jnp.zeros_like, counts)
        model = nnx.merge(self.skeleton, jax.tree.unflatten(tree, fresh), counts, rest)
        if not noisy:
            tell(model, noisy)
        return model(*args, **kwargs)


def _split(key: Any, shape: tuple[int, ...]) -> Any:
    return jax.random.split(key, shape) if shape else key


def taken(model: Any) -> tuple[Network, list[Any]]:
    """The network of a model, and its weights. The model itself is not touched, then or later."""
    if isinstance(model, DropConnect):
        network, weights = taken(model.model)
        return replace(network, dropped=places(model.model, network.tree, model.layers), rate=model.rate), weights
    if isinstance(model, linen.Module):
        bound = model.scope.rngs if model.scope is not None else {}
        module, variables = model.unbind()
        weights, tree = jax.tree.flatten(variables)
        return Network(module, tree, tuple(dict.fromkeys(("params", "dropout", *bound)))), weights
    copy = nnx.clone(model)
    tell(copy, noisy=True)
    graph, *state = nnx.split(copy, nnx.RngKey, nnx.RngCount, ...)
    weights, tree = jax.tree.flatten(tuple(state))
    return Network(graph, tree), weights


def is_model(model: Any) -> bool:
    return isinstance(model, DropConnect | linen.Module | nnx.Module)


def stochastic(model: Any) -> Callable[..., Any]:
    """``apply(x, key)``: what the model says of a batch with dropout on, plain noise, and everything else in inference.

    A pure function, to be jitted, mapped or differentiated; the model and its statistics stay as they are. The weights are those
    that the model has now.

    Args:
        model: a bound Linen module, an NNX module, or `DropConnect` of one.

    Returns: ``apply(x, key, *args, **kwargs)``; further arguments reach the model.

    >>> import alcore_flax, jax
    >>> from flax import nnx
    >>> model = nnx.Dropout(0.5, deterministic=True)
    >>> apply = jax.jit(alcore_flax.stochastic(model))
    >>> sorted(set(apply(jax.numpy.ones(100), jax.random.key(0)).tolist()))
    [0.0, 2.0]
    """
    network, weights = taken(model)

    def apply(x: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        noise, drop = jax.random.split(key)
        return network(network.drop(weights, drop), noise, (x, *args), kwargs)

    return apply
