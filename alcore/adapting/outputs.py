"""From what a model returns to the tensor of its classes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any


def pick(returned: Any, output: str | int | Callable[[Any], Any] | None) -> Any:
    """The tensor among what a model returned: by key or attribute, by place, or by a function."""
    if callable(output):
        return output(returned)
    if output is None:
        names = _names(returned)
        if names:
            raise TypeError(f"output: the model returns {type(returned).__name__} with {names}. Name one: output=...")
        return returned
    if isinstance(output, str) and not isinstance(returned, Mapping) and hasattr(returned, output):
        return getattr(returned, output)
    try:
        return returned[output]
    except (KeyError, IndexError, TypeError) as error:
        has = _names(returned) or "no parts"
        raise ValueError(f"output: no {output!r} in {type(returned).__name__}, which has {has}.") from error


def _names(returned: Any) -> str:
    """The parts that may be named, for a refusal; empty where there is one tensor."""
    if isinstance(returned, Mapping):
        return ", ".join(repr(key) for key in returned)
    if isinstance(returned, tuple | list):
        return f"{len(returned)} parts, 0 to {len(returned) - 1}"
    if hasattr(returned, "__dataclass_fields__") and not hasattr(returned, "__array__"):
        return ", ".join(repr(name) for name in returned.__dataclass_fields__)
    return ""
