"""Labels of a ledger as the columns of predictions: classes, yes and no, lists of them, numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np

from alcore import door
from alcore.door import Kind
from alcore.ledger import label_type
from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, encode

SHOWN = 12  # classes in a refusal


def as_columns(texts: Sequence[str], ids: Sequence[Any], classes: tuple[Any, ...] | None, size: int, kind: Kind) -> Any:
    """Labels, given as JSON texts, as `alcore.Posterior.learn` takes them.

    ``classes`` are the labels of the classes in their order, None where labels are the numbers of classes. ``size`` is the number
    of classes, labels or outputs of the predictions.
    """
    family, values = door.family(kind), [decode(text) for text in texts]
    if family in ("mean", "multilabel"):
        return np.array([_row(value, one, size, family) for value, one in zip(values, ids, strict=True)]).reshape(
            -1, size
        )
    count = size if family == "classes" else 2
    if classes is None:
        return np.array(
            [_number(value, one, count, family, texts) for value, one in zip(values, ids, strict=True)], np.int64
        )
    _check_classes(classes, count, texts)
    place = {encode(one, "classes"): number for number, one in enumerate(classes)}
    for text, value, one in zip(texts, values, ids, strict=True):
        if text not in place:
            raise LedgerError(
                f"labels: expected one of the classes {_listed(classes)}, but the label of {one!r} is {shown(value)}. "
                f"{_remedy(one, _renamed(classes, texts), count)}"
            )
    return np.array([place[text] for text in texts], np.int64)


def _check_classes(classes: tuple[Any, ...], count: int, texts: Sequence[str]) -> None:
    if len(classes) != count:
        used = set(texts)
        first = sorted(range(len(classes)), key=lambda place: encode(classes[place], "classes") not in used)
        kept = [classes[place] for place in sorted(first[:count])]
        raise LedgerError(
            f"classes: expected {count} classes, as the predictions have, got {len(classes)}: {_listed(classes)}. Name one label "
            f"for each class, in the order of axis 1, such as classes=[{_written(kept, count)}]."
        )


def check_order(classes: tuple[Any, ...]) -> None:
    """Refuse a ledger's classes that are the numbers of the columns in another order: either order could be meant."""
    numbers = [one for one in classes if isinstance(one, int) and not isinstance(one, bool)]
    if len(numbers) == len(classes) and numbers != sorted(numbers) and sorted(numbers) == list(range(len(numbers))):
        raise LedgerError(
            f"classes: expected the numbers of the classes in their order, got {_listed(classes)}. Say which class each column "
            f"of axis 1 has: classes=[{_written(sorted(numbers), len(numbers))}] or "
            f"classes=[{_written(numbers, len(numbers))}]."
        )


def _number(value: Any, one: Any, count: int, family: str, texts: Sequence[str]) -> int:
    if isinstance(value, bool) and family == "binary":
        return int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < count:
        raise LedgerError(
            f"labels: expected whole numbers from 0 to {count - 1}, as the predictions have {count} classes, but the label of "
            f"{one!r} is {shown(value)}. {_remedy(one, _distinct(texts), count)}"
        )
    return value


def _row(value: Any, one: Any, size: int, family: str) -> list[float]:
    """A list of L of 0 and 1, or of D numbers. One number alone is a list of one."""
    row = value if isinstance(value, list) else [value]
    if family == "multilabel":
        if isinstance(value, list) and len(row) == size and all(cell in (0, 1) for cell in row):
            return [int(cell) for cell in row]
        _refuse_row(f"a list of {size} of 0 and 1", value, one)
    numbers = all(isinstance(cell, int | float) and not isinstance(cell, bool) for cell in row)
    if len(row) != size or not numbers:
        _refuse_row("a number" if size == 1 else f"a list of {size} numbers", value, one)
    return [float(cell) for cell in row]


def _refuse_row(expected: str, value: Any, one: Any) -> NoReturn:
    raise LedgerError(
        f"labels: expected {expected} for each id, but the label of {one!r} is {shown(value)}. {_replace(one)}"
    )


# --- what refusals print ----------------------------------------------------------------------------------------------


def _replace(one: Any) -> str:
    return f"Replace the label: {_relabel(one)}."


def _relabel(one: Any) -> str:
    return f"ledger.label({{{one!r}: label}}, overwrite=True)"


def _remedy(one: Any, classes: Sequence[Any], count: int) -> str:
    """To name the classes, which ``classes`` may be, or to replace the label. Only that if the labels are of more classes."""
    try:
        label_type.as_label_type(list(classes))
    except LedgerError:  # labels that cannot be classes, such as 1 beside "1"
        return _replace(one)
    if len(classes) > count:
        return _replace(one)
    return (
        "Name the label of each class, in the order of axis 1, such as "
        f"classes=[{_written(classes, count)}]. Or replace the label, if it is wrong: {_relabel(one)}."
    )


def _distinct(texts: Sequence[str]) -> list[Any]:
    """The labels, each once: numbers in their order, then the others by their texts."""
    numbers, others = list[Any](), list[Any]()
    for text in sorted(set(texts)):
        value = decode(text)
        (numbers if isinstance(value, int | float) else others).append(value)
    return [*sorted(numbers), *others]


def _renamed(classes: tuple[Any, ...], texts: Sequence[str]) -> list[Any]:
    """The classes with labels that are none of them in the places of those that no label has."""
    own, used = [encode(one, "classes") for one in classes], set(texts)
    others = [one for one in _distinct(texts) if encode(one, "labels") not in own]
    free = iter(others)
    kept = [one if text in used else next(free, one) for one, text in zip(classes, own, strict=True)]
    return [*kept, *free]


def _written(classes: Sequence[Any], count: int) -> str:
    """Classes as Python's list has them between its brackets, with dots for the rest of them."""
    rest = ["..."] if min(len(classes), SHOWN) < count else []
    return ", ".join([*map(repr, classes[:SHOWN]), *rest])


def _listed(classes: Sequence[Any]) -> str:
    named = ", ".join(map(str, classes[:SHOWN]))
    return named if len(classes) <= SHOWN else f"{named} and {len(classes) - SHOWN} more"
