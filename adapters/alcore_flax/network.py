"""A model as a pure function of its weights, a key and its input. Chosen layers run as in training, all else as in inference."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from functools import cache, partial
from typing import Any

import jax
import jax.numpy as jnp
from flax import linen, nnx

from alcore_flax.dropconnect import DropConnect
from alcore_flax.flow import mark

FLAGS = {"train": True, "training": True, "is_training": True, "deterministic": False}  # of a layer that is on
INFERENCE = {"use_running_average": True, "update_stats": False}  # of every layer
OWN_KEYS = ("rng", "rngs", "dropout_rng")  # optional arguments in which a caller passes a key


@dataclass
class Seen:
    """What one trace showed: layers that were called, random streams that they used, and layers that wrote to their statistics."""

    layers: dict[str, Any] = field(default_factory=dict)
    streams: dict[str, None] = field(default_factory=dict)
    writers: dict[str, str] = field(default_factory=dict)  # and the collection


@dataclass(frozen=True)
class Network:
    """A model without its weights. It has a hash, so that what was compiled for it is found again.

    Args:
        skeleton: a Linen module without variables, or the graph of an NNX module.
        tree: the structure of the weights in their collections.
        streams: names of the random streams of a Linen module.
        on: names of the layers that run as in training.
        but: True where ``on`` names the layers that do not.
        written: collections of a Linen module that layers in ``on`` write to. What they write is not kept.
        dropped: places of the weights that DropConnect drops.
        rate: the probability with which it drops them.
    """

    skeleton: Any
    tree: Any
    streams: tuple[str, ...] = ()
    on: frozenset[str] = frozenset()
    but: bool = False
    written: tuple[str, ...] = ()
    dropped: tuple[int, ...] = ()
    rate: float = 0.0

    def drop(self, weights: Sequence[Any], key: Any) -> list[Any]:
        """The weights of one draw."""
        found = list(weights)
        for place in self.dropped:
            kept = jax.random.bernoulli(jax.random.fold_in(key, place), 1 - self.rate, found[place].shape)
            found[place] = jnp.where(kept, found[place] / (1 - self.rate), 0)
        return found

    def __call__(self, weights: Sequence[Any], key: Any, args: Any, kwargs: Any, seen: Seen | None = None) -> Any:
        """What the model returns. What it changes in itself is not kept."""
        state = jax.tree.unflatten(self.tree, weights)
        linear = isinstance(self.skeleton, linen.Module)
        return (self._linen if linear else self._nnx)(state, key, args, kwargs, seen)

    def is_on(self, layer: str) -> bool:
        """Whether a layer runs as in training."""
        return (layer in self.on) != self.but

    # --- Linen --------------------------------------------------------------------------------------------------------

    def _linen(self, state: Any, key: Any, args: Any, kwargs: Any, seen: Seen | None) -> Any:
        # For nn.jit, a layer with other streams is another layer.
        own = f"alcore, {self.but} {sorted(self.on)}"
        rngs = {name: jax.random.fold_in(key, place) for place, name in enumerate((*self.streams, own))}
        written = self.written if seen is None else tuple(name for name in state if name != "params")
        with linen.intercept_methods(partial(self._intercept, seen)):
            returned, after = self.skeleton.apply(state, *args, rngs=rngs, mutable=written, **kwargs)
        if seen is not None:
            before = dict(_with_paths({name: state[name] for name in written}))
            for path, leaf in _with_paths(after):
                if before.get(path) is not leaf and path[0] != "intermediates":
                    seen.writers["/".join(path[1:-1])] = path[0]
        return returned

    def _intercept(self, seen: Seen | None, function: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if module.scope is None:
            return function(*args, **kwargs)
        name = "/".join(module.path)
        if seen is not None:
            seen.layers[name] = module
            module.scope.rngs = _Asked(module.scope.rngs, seen.streams)
        flags, method = _flags(self.is_on(name)), context.orig_method.func  # a partial function of the module
        for one in flags.keys() & module.__dataclass_fields__:
            object.__setattr__(module, one, flags[one])  # of the copy that ``apply`` runs
        args, kwargs = _flagged(method, (module, *args), kwargs, flags, set(module.__dataclass_fields__))
        with jax.named_scope(mark(name)):
            return function(*args[1:], **kwargs)

    # --- NNX ----------------------------------------------------------------------------------------------------------

    def _nnx(self, state: Any, key: Any, args: Any, kwargs: Any, seen: Seen | None) -> Any:
        keys, counts, rest = state
        leaves, tree = jax.tree.flatten(keys)
        fresh = [jax.random.split(jax.random.fold_in(key, place), leaf.shape) for place, leaf in enumerate(leaves)]
        begun = jax.tree.map(jnp.zeros_like, counts)
        model = nnx.merge(self.skeleton, jax.tree.unflatten(tree, fresh), begun, rest)
        for place, (path, module) in enumerate(list(nnx.iter_modules(model)), len(leaves)):
            if vars(module).get("rngs", 0) is None:  # a call would pass them
                module.rngs = nnx.data(nnx.Rngs(jax.random.fold_in(key, place)))
            name = "/".join(map(str, path))
            module.__class__ = _hooked(type(module), name, self.is_on(name))
            _set_flags(module, self.is_on(name))
        before = dict(_statistics(model)) if seen is not None else {}
        token = _SEEN.set(seen)
        try:
            with linen.intercept_methods(partial(self._intercept, seen)):  # modules of Linen in a bridge
                returned = model(*args, **kwargs)
        finally:
            _SEEN.reset(token)
        if seen is not None:
            for path, leaf in _statistics(model):
                if before.get(path) is not leaf:
                    seen.writers["/".join(map(str, path[:-1]))] = ""
        return returned


def as_network(model: Any) -> tuple[Network, list[Any]]:
    """The network of a model, and its weights. The model itself is never changed."""
    if isinstance(model, DropConnect):
        network, weights = as_network(model.model)
        return replace(network, rate=model.rate), weights
    if not isinstance(model, nnx.Module) and getattr(model, "scope", None) is None:
        wanted = "a bound Linen module, an NNX module, or a list of several"
        raise TypeError(
            f"model: expected {wanted}, got {type(model).__name__}. Bind Linen modules: module.bind(variables)."
        )
    if isinstance(model, linen.Module):
        module, variables = model.unbind()
        weights, tree = jax.tree.flatten(variables)
        return Network(module, tree, tuple(dict.fromkeys(("params", "dropout", *model.scope.rngs)))), weights  # type: ignore[union-attr]
    copy = nnx.clone(model)
    for _, module in nnx.iter_modules(copy):  # a model is the same in training and in inference
        _set_flags(module, False)
    graph, *state = nnx.split(copy, nnx.RngKey, nnx.RngCount, ...)
    weights, tree = jax.tree.flatten(tuple(state))
    return Network(graph, tree), weights


# --- flags ------------------------------------------------------------------------------------------------------------


def _flags(on: bool) -> dict[str, bool]:
    return {**{name: value == on for name, value in FLAGS.items()}, **INFERENCE}


def _set_flags(module: Any, on: bool) -> None:
    for name, value in _flags(on).items():
        if name in vars(module):
            setattr(module, name, value)


def _flagged(function: Any, args: Any, kwargs: Any, values: dict[str, bool], attributes: set[str]) -> tuple[Any, Any]:
    """The arguments of a call with the right flags. Where the layer also has the flag as an attribute, the attribute decides."""
    taken = _parameters(function)
    if not taken & {*values, *OWN_KEYS}:
        return args, kwargs
    signature = inspect.signature(function)
    bound = signature.bind(*args, **kwargs)
    for name in [name for name in signature.parameters if name in values or name in OWN_KEYS]:
        optional = signature.parameters[name].default is not inspect.Parameter.empty
        if optional and (name in OWN_KEYS or name in attributes):
            bound.arguments.pop(name, None)
        elif name in values:
            bound.arguments[name] = values[name]
    return bound.args, bound.kwargs


@cache
def _parameters(function: Callable[..., Any]) -> frozenset[str]:
    return frozenset(inspect.signature(function).parameters)


_SEEN: ContextVar[Seen | None] = ContextVar("seen", default=None)  # by the NNX modules that are being traced


@cache
def _hooked(layer: type, name: str, on: bool) -> type:
    """A class of a layer whose methods run in its scope with the right flags. Its attributes stay as they are."""
    methods = {
        one: _hook(method, name, on)
        for one, method in inspect.getmembers(layer, inspect.isfunction)
        if one == "__call__" or (one not in {*dir(nnx.Module), "set_view"} and _parameters(method) & {*FLAGS})
    }
    kept = {"pytree": layer._pytree__is_pytree}  # type: ignore[attr-defined]
    return types.new_class(layer.__name__, (layer,), kept, lambda own: own.update(methods)) if methods else layer


def _hook(method: Callable[..., Any], name: str, on: bool) -> Callable[..., Any]:
    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        if (seen := _SEEN.get()) is not None:
            seen.layers[name] = self
        args, kwargs = _flagged(method, (self, *args), kwargs, _flags(on), set(vars(self)))
        with jax.named_scope(mark(name)):
            return method(*args, **kwargs)

    return call


# --- what a trace met -------------------------------------------------------------------------------------------------


class _Asked(dict[str, Any]):
    """The random streams of a scope of Linen. They record which streams were asked for."""

    def __init__(self, streams: dict[str, Any], asked: dict[str, None]) -> None:
        super().__init__(streams)
        self.asked = asked

    def __contains__(self, name: object) -> bool:
        self.asked[str(name)] = None
        return super().__contains__(name)


def _with_paths(tree: Any) -> Iterator[tuple[tuple[str, ...], Any]]:
    for path, leaf in jax.tree_util.tree_leaves_with_path(tree):
        yield tuple(str(part.key) for part in path if hasattr(part, "key")), leaf


def _statistics(model: nnx.Module) -> Iterator[tuple[Any, Any]]:
    """The arrays of variables that are neither weights nor random streams."""
    state = nnx.state(model, nnx.Not(nnx.Any(nnx.Param, nnx.RngState, nnx.Intermediate)))
    for path, variable in nnx.to_flat_state(state):
        yield path, variable.get_value() if isinstance(variable, nnx.Variable) else variable
