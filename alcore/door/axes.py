"""The order of axes: what a string such as "TNC" says of an array, and what such a string may not say."""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

from alcore.door.arrays import Array
from alcore.door.wording import shown

LETTERS = "N rows, C classes, T draws (or S and D, chains and draws), any other capital letter an event axis"


@dataclass(frozen=True)
class Axes:
    """Where the axes of an array lie.

    Attributes:
        text: the letters, one an axis, in the order of the array.
        rows: the place of N.
        classes: the place of C. None where the array has no such axis.
        events: the places of the event axes, in their order.
        draws: the places of the draws: one, two for chains and draws, none where a row has one prediction.
    """

    text: str
    rows: int
    classes: int | None
    events: tuple[int, ...]
    draws: tuple[int, ...]

    @classmethod
    def plain(cls, count: int) -> Axes:
        """(N, C, ..., T) with ``count`` axes."""
        events = tuple(range(2, count - 1))
        return cls("NC" + "".join(chr(ord("a") + place) for place in events) + "T", 0, 1, events, (count - 1,))

    @property
    def order(self) -> tuple[int, ...]:
        """The places in the order (N, C, ..., T)."""
        return (self.rows, *(() if self.classes is None else (self.classes,)), *self.events, *self.draws)

    @property
    def is_plain(self) -> bool:
        """Whether an array lies as (N, C, ..., T) already."""
        complete = self.classes is not None and len(self.draws) == 1
        return complete and self.order == tuple(range(len(self.text)))

    @property
    def without_draws(self) -> Axes:
        """The axes of an array of the same cells with one number for all draws."""
        kept = [place for place in range(len(self.text)) if place not in self.draws]
        now = {place: number for number, place in enumerate(kept)}
        classes = None if self.classes is None else now[self.classes]
        events = tuple(now[place] for place in self.events)
        return Axes("".join(self.text[place] for place in kept), now[self.rows], classes, events, ())

    @property
    def without_events(self) -> str:
        """The letters of predictions of the same model for one label a row, such as targets."""
        return "".join(letter for place, letter in enumerate(self.text) if place not in self.events)

    def check(self, shape: tuple[int, ...], name: str) -> None:
        """Refuse an array with another number of axes."""
        if len(shape) != len(self.text):
            raise ValueError(
                f"axes: {self.text!r} names {len(self.text)} axes, and {name} has shape {shape}. Write one letter an axis, in the "
                f"order of {name}: {LETTERS}."
            )

    def shape_of(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The shape (N, C, ..., T) of an array of the given shape."""
        events = tuple(shape[place] for place in self.events)
        draws = 1
        for place in self.draws:
            draws *= shape[place]
        return (shape[self.rows], 1 if self.classes is None else shape[self.classes], *events, draws)

    def arrange(self, array: Array) -> Array:
        """The array as (N, C, ..., T): a view, except where chains and draws do not lie side by side in memory."""
        return array.transpose(self.order).reshape(self.shape_of(array.shape))

    def index(self, rows: Any) -> tuple[Any, ...]:
        """What takes these rows from the array as it lies."""
        return tuple(rows if place == self.rows else slice(None) for place in range(len(self.text)))


def as_axes(axes: Any, *, classes_required: bool = True) -> Axes | None:
    """The axes that a string names. None stays None: the array is (N, C, ..., T)."""
    if axes is None:
        return None
    if not isinstance(axes, str):
        raise TypeError(
            f"axes: expected a string such as 'TNC', got {shown(axes)}. Write one letter an axis: {LETTERS}."
        )
    if not axes or any(letter not in string.ascii_uppercase for letter in axes):
        _refuse(axes, "expected one capital letter an axis, such as 'TNC'")
    for letter in axes:
        if axes.count(letter) > 1:
            _refuse(axes, f"expected each letter once, but {letter} is there {axes.count(letter)} times")
    if "N" not in axes:
        _refuse(axes, "expected the letter N, the rows")
    if classes_required and "C" not in axes:
        _refuse(axes, "expected the letter C, the classes")
    draws = _draws(axes)
    events = tuple(place for place, letter in enumerate(axes) if letter not in "NC" and place not in draws)
    if events and not draws:
        names = " and ".join(axes[place] for place in events)
        _refuse(axes, f"expected the letter T, the draws, beside {names}")
    return Axes(axes, axes.index("N"), axes.index("C") if "C" in axes else None, events, draws)


def axes_of_sample(draws: int, count: int, name: str) -> Axes:
    """The axes of a sample that says where its draws lie: rows are the first of the other axes, classes the last (probly)."""
    if count != 3:
        raise ValueError(
            f"{name}: expected a sample with rows, classes and draws, got {count} axes. Say their order: axes='NTC', or 'NHWTC'."
        )
    others = iter("NC")
    axes = as_axes("".join("T" if place == draws else next(others) for place in range(count)))
    assert axes is not None
    return axes


def _draws(axes: str) -> tuple[int, ...]:
    """The places of the draws. D beside T is an event axis, such as depth."""
    if "S" not in axes:
        return (axes.index("T"),) if "T" in axes else ()
    if "T" in axes or "D" not in axes:
        _refuse(axes, "expected S beside D, as chains and draws, and without T")
    return (axes.index("S"), axes.index("D"))


def _refuse(axes: str, expected: str) -> NoReturn:
    raise ValueError(f"axes: {expected}, got {shown(axes)}. The letters are: {LETTERS}.")


# --- arrays whose axes have names -------------------------------------------------------------------------------------

DRAW_NAMES = ({"chain", "draw"}, {"draw"}, {"sample"}, {"T"})
CLASS_NAMES = ("class", "classes", "C")
ROW_NAMES = ("obs", "obs_id", "row", "rows", "N")


def axes_of_names(names: tuple[str, ...], axes: Any, name: str, *, classes_required: bool = True) -> Axes:
    """The axes of an array that names them, as xarray and ArviZ do. ``axes`` may say which name is which letter."""
    if isinstance(axes, Mapping):
        return _axes_said(names, axes, classes_required)
    draws = next((found for found in DRAW_NAMES if found <= set(names)), set())
    classes = [one for one in names if one in CLASS_NAMES]
    left = [one for one in names if one not in draws and one not in classes]
    rows = left if len(left) == 1 else [one for one in left if one in ROW_NAMES]
    if len(classes) > 1 or (classes_required and not classes) or len(rows) != 1 or not draws:
        free = iter([*left, *classes, "obs", "class"])
        example = {
            "N": next(free),
            "C": next(free),
            "T": tuple(one for one in names if one in draws) or ("chain", "draw"),
        }
        raise ValueError(
            f"{name}: expected dimensions with the names of draws (chain and draw, draw, sample or T), of classes "
            f"({', '.join(CLASS_NAMES)}) and of rows ({', '.join(ROW_NAMES)}, or the only one left), got {names}. Say which is "
            f"which, such as axes={example}."
        )
    said = {"N": rows[0], "T": tuple(one for one in names if one in draws)}
    return _axes_said(names, {**said, **({"C": classes[0]} if classes else {})}, classes_required)


def _axes_said(names: tuple[str, ...], axes: Mapping[Any, Any], classes_required: bool) -> Axes:
    """The axes of a mapping from the letters N, C and T to names. T may have two names. Names that it leaves out are event axes."""
    letters = {key: (value,) if isinstance(value, str) else tuple(value) for key, value in axes.items()}
    wanted = [one for value in letters.values() for one in value]
    needed = {"N", "T"} | ({"C"} if classes_required else set())
    sizes_fit = all(1 <= len(value) <= (2 if key == "T" else 1) for key, value in letters.items())
    if not (needed <= set(letters) <= {"N", "C", "T"} and sizes_fit and len(set(wanted)) == len(wanted)):
        raise ValueError(
            f"axes: expected the letters N, C and T with one name each, or two for T, got {dict(axes)}. Dimensions that are not "
            "named are event axes."
        )
    if unknown := [one for one in wanted if one not in names]:
        raise ValueError(f"axes: expected dimensions of the array, {names}, got {unknown[0]!r}.")
    places = {key: tuple(names.index(one) for one in value) for key, value in letters.items()}
    events = tuple(place for place, one in enumerate(names) if one not in wanted)
    spare = iter(letter for letter in string.ascii_uppercase if letter not in "NCTSD")
    text = "".join(_letter(place, places) or next(spare) for place in range(len(names)))
    classes = places["C"][0] if "C" in places else None
    return Axes(text, places["N"][0], classes, events, places["T"])


def _letter(place: int, places: Mapping[str, tuple[int, ...]]) -> str:
    for letter, taken in places.items():
        if place in taken:
            return letter if len(taken) == 1 else "SD"[taken.index(place)]
    return ""
