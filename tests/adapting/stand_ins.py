"""Classes that say they come from a framework, which is not installed or not imported here."""

from __future__ import annotations

from typing import Any


def named(module: str, name: str, base: type = object, **members: Any) -> type:
    """A class of that module by its name."""
    return type(name, (base,), {"__module__": module, **members})
