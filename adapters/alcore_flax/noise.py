"""A model as a pure function of its weights, a key and what it is called with: noise on, all else in inference."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from alcore_flax.dropconnect import DropConnect, places

LINEN_NOISE = (linen.Dropout, linen.MultiHeadDotProductAttention)
LINEN_NORMS = (linen.BatchNorm, linen.SpectralNorm)
NNX = (nnx.Dropout, nnx.MultiHeadAttention, nnx.BatchNorm, nnx.SpectralNorm)
FLAGS = ("deterministic", "rng", "rngs", "dropout_rng", "use_running_average", "update_stats")


def intercept(noisy: bool) -> Callable[..., Any]:
    """An interceptor of Linen: noise on or off, normalisation in inference."""

    def call(function: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if context.method_name != "__call__" or not isinstance(module, LINEN_NOISE + LINEN_NORMS):
            return function(*args, **kwargs)
        if isinstance(module, linen.SpectralNorm):
            return function(*args, **{**kwargs, "update_stats": False})
        args, kwargs = _without_flags(type(module).__call__, (module, *args), kwargs)
        noise = isinstance(module, LINEN_NOISE)  # set is an attribute of the copy that ``apply`` runs
        object.__setattr__(module, *(("deterministic", not noisy) if noise else ("use_running_average", True)))
        return function(*args[1:], **kwargs)

    return call


def switch_noise_on(model: nnx.Module) -> None:
    """The same for NNX, in place: attributes are set, and layers take nothing else."""
    model.set_attributes(deterministic=False, use_running_average=True, raise_if_not_found=False)
    for module in [module for _, module in nnx.iter_modules(model) if isinstance(module, NNX)]:
        module.__class__ = _ignoring_flags(type(module))
        if getattr(module, "rngs", 0) is None:  # were to come with each call
            module.rngs = nnx.data(nnx.Rngs(dropout=0).dropout.fork())  # type: ignore[union-attr]


@cache
def _ignoring_flags(layer: type) -> type:
    """A layer that ignores the flags of a call: its attributes decide."""

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _without_flags(layer.__call__, (self, *args), kwargs)
        return layer.__call__(*args, **kwargs)

    return type(layer.__name__, (layer,), {"__call__": call})


def _without_flags(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    bound = inspect.signature(function).bind(*args, **kwargs)
    for name in FLAGS:
        bound.arguments.pop(name, None)
    return bound.args, bound.kwargs


# --- the function ----------------------------------------------------------------------------------------------------


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
        fresh = [jax.random.split(jax.random.fold_in(key, place), leaf.shape) for place, leaf in enumerate(leaves)]
        begun = jax.tree.map(jnp.zeros_like, counts)
        model = nnx.merge(self.skeleton, jax.tree.unflatten(tree, fresh), begun, rest)
        model.set_attributes(deterministic=not noisy, raise_if_not_found=False)
        return model(*args, **kwargs)


def as_network(model: Any) -> tuple[Network, list[Any]]:
    """The network of a model, and its weights. The model itself is not touched, then or later."""
    if isinstance(model, DropConnect):
        network, weights = as_network(model.model)
        return replace(network, dropped=places(model.model, network.tree, model.layers), rate=model.rate), weights
    if not isinstance(model, nnx.Module) and getattr(model, "scope", None) is None:
        wanted = "a Linen module with its weights, module.bind(variables), an NNX module, or several"
        raise TypeError(f"model: expected {wanted}, got {type(model).__name__}.")
    if isinstance(model, linen.Module):
        module, variables = model.unbind()
        weights, tree = jax.tree.flatten(variables)
        return Network(module, tree, tuple(dict.fromkeys(("params", "dropout", *model.scope.rngs)))), weights  # type: ignore[union-attr]
    copy = nnx.clone(model)
    switch_noise_on(copy)
    graph, *state = nnx.split(copy, nnx.RngKey, nnx.RngCount, ...)
    weights, tree = jax.tree.flatten(tuple(state))
    return Network(graph, tree), weights


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
    network, weights = as_network(model)

    def apply(x: Any, key: Any, *args: Any, **kwargs: Any) -> Any:
        noise, drop = jax.random.split(key)
        return network(network.drop(weights, drop), noise, (x, *args), kwargs)

    return apply
