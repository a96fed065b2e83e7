"""Mappings with an entry for each head of a model."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, NoReturn

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


def refuse_other_names(
    name: str, other: str, at: tuple[int, Any, Any], in_order: str | None, without: str, each: str
) -> NoReturn:
    """Rows with names that are not those of another array, or not in its order.

    ``at``: the first row whose names differ, and both names. ``in_order``: code for the rows in the other's order, where both have
    the same names. ``without``: code for the rows without names. ``each``: "row" or "draw".
    """
    place, got, expected = at
    said = (
        f"{name}: expected the names of the {each}s of {other}, in their order, but {each} {place} is named {shown(got)}, and "
        f"{each} {place} of {other} is named {shown(expected)}. "
    )
    if in_order is not None:
        raise ValueError(f"{said}Put the {each}s in one order: {in_order}.")
    raise ValueError(
        f"{said}Pass the same {each}s in both. If the {each}s are the same and lie in one order, leave their names out: {without}."
    )


def refuse_other_dimension(name: str, got: str, other: str, expected: str) -> NoReturn:
    raise ValueError(
        f"{name}: expected rows along the dimension {expected!r}, as {other} has, got {got!r}, and not both name their rows. "
        f"If the rows are the same and lie in one order, rename the dimension: {name}.rename({{{got!r}: {expected!r}}})."
    )
