"""Arguments about layers: which ones, with what probability their weights are dropped, and which of them make noise."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

One: TypeAlias = type | str | Callable[[str, Any], bool]
Layers: TypeAlias = One | tuple[One, ...]  # types, names, or predicates of a name and a layer


def as_rate(rate: float) -> float:
    """The probability with which weights are dropped, in [0, 1)."""
    if not 0 <= rate < 1:
        raise ValueError(f"rate: expected a probability of at least 0 and below 1, got {rate}.")
    return float(rate)


def as_layers(layers: Layers | None, option: str = "noise") -> tuple[One, ...]:
    """A type, a name, a predicate, or several of them, as a tuple."""
    found = () if layers is None else tuple(layers) if isinstance(layers, tuple | list) else (layers,)
    for one in found:
        if not isinstance(one, type | str) and not callable(one):
            raise TypeError(
                f"{option}: expected types or names of layers, or functions of a name and a layer, got {type(one).__name__}."
            )
    return found


def is_among(name: str, layer: Any, layers: Iterable[One]) -> bool:
    """Whether a user said this layer: by its name, its type, or a predicate of both."""
    return any(
        name == one if isinstance(one, str) else isinstance(layer, one) if isinstance(one, type) else one(name, layer)
        for one in layers
    )


def check_layers(layers: Iterable[One], named: Iterable[tuple[str, Any]], option: str = "noise") -> None:
    """Refuse what fits none of a model's layers."""
    own = list(named)
    for one in layers:
        if not any(is_among(name, layer, (one,)) for name, layer in own):
            said = one if isinstance(one, str) else getattr(one, "__name__", str(one))
            has = ", ".join(repr(name) for name, _ in own[:8] if name)
            raise ValueError(
                f"{option}: no layer of the model is {said!r}. It has {has or 'none'}{', ...' if len(own) > 8 else ''}."
            )


class SilentNoiseWarning(UserWarning):
    """Layers that draw random numbers in training stay off while a model predicts."""


def warn_of_silent(model: str, silent: dict[str, str]) -> None:
    """``silent``: by name of a layer, why it stays off."""
    if silent:
        listed = "; ".join(f"{name or 'the model itself'} ({why})" for name, why in list(silent.items())[:8])
        more = f"; and {len(silent) - 8} more" if len(silent) > 8 else ""
        warnings.warn(
            f"noise: layers of {model} that draw random numbers in training are off: {listed}{more}. Their noise is not in the "
            "predictions. To switch some on, name them: noise=(...).",
            SilentNoiseWarning,
            stacklevel=2,
        )
