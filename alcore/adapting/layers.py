"""Arguments about layers: which layers a user names, how often weights are dropped, and which layers make noise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

One: TypeAlias = type | str | Callable[[str, Any], bool]
Layers: TypeAlias = One | tuple[One, ...]  # types, names, or functions of a name and a layer


def as_rate(rate: float) -> float:
    """The probability with which weights are dropped, in [0, 1).

    Raises:
        ValueError: for another number.
    """
    if not 0 <= rate < 1:
        raise ValueError(
            f"rate: expected a probability of at least 0 and below 1, got {rate}. The default is rate=0.5."
        )
    return float(rate)


def as_layers(layers: Layers | None, option: str = "noise") -> tuple[One, ...]:
    """A type, a name, a function of a name and a layer, or several of them, as a tuple.

    Raises:
        TypeError: for anything else.
    """
    found = () if layers is None else tuple(layers) if isinstance(layers, tuple | list) else (layers,)
    for one in found:
        if not isinstance(one, type | str) and not callable(one):
            raise TypeError(
                f"{option}: expected types or names of layers, or functions of a name and a layer, got {type(one).__name__}. For "
                f"example: {option}=lambda name, layer: 'drop' in name."
            )
    return found


def is_among(name: str, layer: Any, layers: Iterable[One]) -> bool:
    """Whether a user named this layer: by its name, by its type, or by a function of name and layer."""
    return any(
        name == one if isinstance(one, str) else isinstance(layer, one) if isinstance(one, type) else one(name, layer)
        for one in layers
    )


def check_layers(layers: Iterable[One], named: Iterable[tuple[str, Any]], option: str = "noise") -> None:
    """Refuse a name, a type or a function that fits none of a model's layers.

    Raises:
        ValueError: with the names of the layers that the model has.
    """
    own = list(named)
    for one in layers:
        if not any(is_among(name, layer, (one,)) for name, layer in own):
            said = one if isinstance(one, str) else getattr(one, "__name__", str(one))
            names = [repr(name) for name, _ in own[:8] if name]
            remedy = f" Name one of them: {option}={names[0]}." if names else ""
            raise ValueError(
                f"{option}: no layer of the model is {said!r}. It has {', '.join(names) or 'none'}"
                f"{' and others' if len(own) > 8 else ''}.{remedy}"
            )


class SilentNoiseWarning(UserWarning):
    """Some layers that draw random numbers in training stay off while a model predicts, so predictions lack their noise."""


def warn_of_silent(model: str, silent: dict[str, str], example: str | None = None) -> None:
    """Warn of layers that stay off. ``silent`` has the reason for each, by the name of the layer. ``example``: the layer that the
    remedy names, where the first of these is not one layer. Empty for no remedy.
    """
    if not silent:
        return
    listed = "; ".join(f"{name or 'the model itself'} ({why})" for name, why in list(silent.items())[:8])
    more = f"; and {len(silent) - 8} more" if len(silent) > 8 else ""
    named = (next(iter(silent)) if example is None else example,)
    remedy = "" if example == "" else f" To switch a layer on, name it: noise={named!r}."
    warnings.warn(
        f"noise: layers of {model} that draw random numbers in training are off: {listed}{more}. Their noise is not in the "
        f"predictions.{remedy}",
        SilentNoiseWarning,
        stacklevel=2,
    )
