"""Which layers make noise or keep statistics, and how they are told what to do, whatever flags the model passes to them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from flax import linen, nnx

LINEN_NOISE = (linen.Dropout, linen.MultiHeadDotProductAttention)
NNX_LAYERS = (nnx.Dropout, nnx.MultiHeadAttention, nnx.BatchNorm, nnx.SpectralNorm)
FLAGS = ("deterministic", "rng", "rngs", "dropout_rng", "use_running_average", "update_stats")


def intercept(noisy: bool) -> Callable[..., Any]:
    """An interceptor of Linen: noise on or off, normalisation in inference."""

    def call(function: Callable[..., Any], args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if context.method_name != "__call__":
            return function(*args, **kwargs)
        if isinstance(module, linen.SpectralNorm):
            return function(*args, **{**kwargs, "update_stats": False})
        if isinstance(module, LINEN_NOISE):
            own = "deterministic", not noisy
        elif isinstance(module, linen.BatchNorm):
            own = "use_running_average", True
        else:
            return function(*args, **kwargs)
        args, kwargs = _without_flags(type(module).__call__, (module, *args), kwargs)
        with _set(module, *own):
            return function(*args[1:], **kwargs)

    return call


@contextmanager
def _set(module: Any, name: str, value: bool) -> Iterator[None]:
    """An attribute of a frozen module: of the copy that runs, not of the user's."""
    before = getattr(module, name)
    object.__setattr__(module, name, value)
    try:
        yield
    finally:
        object.__setattr__(module, name, before)


def tell(model: nnx.Module, noisy: bool) -> None:
    """The same for NNX, in place: attributes are set, and layers listen to nothing else."""
    model.set_attributes(deterministic=not noisy, use_running_average=True, raise_if_not_found=False)
    for _, module in list(nnx.iter_modules(model)):
        if not isinstance(module, NNX_LAYERS):
            continue
        module.__class__ = _deaf(type(module))
        if getattr(module, "rngs", 0) is None:  # were to come with each call
            module.rngs = nnx.data(nnx.Rngs(dropout=0).dropout.fork())


@lru_cache(maxsize=None)
def _deaf(layer: type) -> type:
    """A layer that does not hear the flags of a call: its attributes decide."""
    if getattr(layer, "hears_no_flags", False):
        return layer

    def call(self: Any, *args: Any, **kwargs: Any) -> Any:
        args, kwargs = _without_flags(layer.__call__, (self, *args), kwargs)
        return layer.__call__(*args, **kwargs)

    return type(layer.__name__, (layer,), {"__call__": call, "hears_no_flags": True})


def _without_flags(function: Callable[..., Any], args: Any, kwargs: Any) -> tuple[Any, Any]:
    bound = inspect.signature(function).bind(*args, **kwargs)
    for name in FLAGS:
        bound.arguments.pop(name, None)
    return bound.args, bound.kwargs
