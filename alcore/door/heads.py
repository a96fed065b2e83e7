"""Mappings with an entry for each head of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from alcore.door.wording import shown


def as_heads(
    value: Any, name: str, each: str, *, among: Collection[str] | None = None, all_needed: bool = False
) -> dict[str, Any]:
    """A mapping of names of heads: at least one head, or names that are ``among`` those known."""
    if not isinstance(value, Mapping):
        heads = "the name of each head" if among is None else ", ".join(map(repr, among))
        raise TypeError(
            f"{name}: expected a mapping of {heads} to {each}, got {type(value).__name__}. "
            f"Pass a dictionary: {name}={{{shown(next(iter(among or ()), 'class'))}: ...}}."
        )
    for head in value:
        if not isinstance(head, str):
            raise TypeError(f"{name}: expected names of heads as strings, got {shown(head)}. Pass {{'class': ...}}.")
    if among is None:
        if not value:
            raise ValueError(f"{name}: expected at least one head, got none. Pass {{'class': ...}}.")
        return dict(value)
    known = ", ".join(map(repr, among))
    if unknown := [head for head in value if head not in among]:
        listed = ", ".join(map(shown, unknown))
        raise ValueError(f"{name}: expected the heads {known}, got the unknown {listed}. Leave {listed} out.")
    if missing := [head for head in among if head not in value] if all_needed else []:
        listed = ", ".join(map(shown, missing))
        raise ValueError(f"{name}: expected the heads {known}, but {listed} is missing. Add {each} for {listed}.")
    return dict(value)
