"""The parts of a posterior, and its scale."""

from __future__ import annotations

from typing import Any, NoReturn

from alcore.door.numbers import as_finite
from alcore.door.wording import shown


def as_scale(scale: Any) -> float:
    """A finite number above 0."""
    number = as_finite(scale, "scale")
    if not number > 0:
        raise ValueError(
            f"scale: expected a number above 0, got {shown(scale)}. 1 keeps the spread of the draws. None chooses it by evidence."
        )
    return number


def refuse_part(name: Any, parts: list[str]) -> NoReturn:
    all_parts = ", ".join(f"{one!r}: {one}" for one in [*parts, name])
    raise ValueError(
        f"part: expected one of {', '.join(map(repr, parts))}, got {shown(name)}. Name it where the posterior is made: "
        f"alcore.Posterior({{{all_parts}}})."
    )


def refuse_no_parts() -> NoReturn:
    raise ValueError("parts: expected predictions, got an empty mapping. Pass {'pool': predictions}.")


def refuse_part_without_variance(part: str, named: list[str]) -> NoReturn:
    raise ValueError(
        f"variance: expected one for each part, got none for {part!r}, only for {', '.join(map(repr, named)) or 'no part'}. Add an "
        f"entry {part!r}, or pass one number for all parts."
    )


def refuse_other_part(name: str, got: tuple[int, ...], other: str, expected: tuple[int, ...]) -> NoReturn:
    raise ValueError(
        f"{name}: expected shape (N, {', '.join(map(str, expected))}), as {other} has, got (N, {', '.join(map(str, got))}). "
        "Predict all parts with the same draws of the same model."
    )
