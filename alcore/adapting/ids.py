"""Which example each row is: a block has ids for its rows, and they are kept beside the predictions."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from alcore.door import Array

Ids = Callable[[Any], Any]  # a block -> the ids of its rows


def as_ids(ids: str | int | Ids | None) -> Ids | None:
    """A function of a block that gives the ids of its rows.

    ``ids`` is that function, the key of the ids in a dictionary, or their place in a tuple or list.

    Raises:
        TypeError: for anything else.
    """
    if ids is None or callable(ids):
        return ids
    if isinstance(ids, bool) or not isinstance(ids, str | int):
        raise TypeError(
            f"ids: expected a key, a place or a function of a block, got {type(ids).__name__}. Name the part of a block that holds "
            "the ids: ids='id' or ids=1."
        )
    return Part(ids)


@dataclass(frozen=True)
class Part:
    """A place counts the parts of a tuple or list. A key is looked up in a dictionary: the block, or the first part that has it."""

    name: str | int
    option: str = "ids"  # or "mask", of an attention mask

    def __call__(self, batch: Any) -> Any:
        return self._find(batch)[0]

    def said(self, batch: Any) -> str:
        """The part in code, as a function of a block takes it."""
        return f"block{self._find(batch)[1]}"

    def _find(self, batch: Any) -> tuple[Any, str]:
        name, several = self.name, isinstance(batch, tuple | list)
        if several and isinstance(name, int) and -len(batch) <= name < len(batch):
            return batch[name], f"[{name}]"
        for place, part in enumerate(batch) if several else [(None, batch)]:
            if isinstance(part, Mapping) and name in part:
                return part[name], ("" if place is None else f"[{place}]") + f"[{name!r}]"
        keys = [list(part) for part in (batch if several else [batch]) if isinstance(part, Mapping)]
        has = f"{len(batch)} parts" if several else f"type {type(batch).__name__}"
        there = keys[0][-1] if keys and keys[0] else len(batch) - 1 if several and batch else None
        if self.option == "mask":
            remedy = _mask_of(batch)
        elif there is None:
            remedy = "Let the loader give blocks (x, ids), and pass ids=1."
        else:
            remedy = f"Name the part that holds the ids, for example ids={there!r}."
        raise ValueError(
            f"{self.option}: no {name!r} in a block of {has}{f' with the keys {keys}' if keys else ''}. {remedy}"
        )


def _mask_of(batch: Any) -> str:
    """The remedy for a key that is not there: that of an attention mask, or a function that compares what the model gets."""
    parts = list(enumerate(batch)) if isinstance(batch, tuple | list) else [(None, batch)]
    keys = [key for _, part in parts if isinstance(part, Mapping) for key in part]
    for key in keys:
        if "mask" in str(key):
            return f"Name the key of the attention mask: mask={key!r}."
    place, first = parts[0] if parts else (None, None)
    cells = "block" if place is None else f"block[{place}]"
    cells += f"[{next(iter(first))!r}]" if isinstance(first, Mapping) and first else ""
    return (
        f"Pass a function that gives True where a cell is padding. Where padding is 0: mask=lambda block: numpy.asarray({cells}) "
        "== 0."
    )


@dataclass(frozen=True)
class Before:
    """The ids of the rows in the draws that were made before, and the remedy where the order is another one now."""

    ids: Array
    remedy: str

    def check(self, ids: Array, start: int) -> None:
        """Refuse ids that are not the same as before. They belong to the rows from ``start`` on."""
        before = self.ids[start : start + len(ids)]
        if len(before) == len(ids) and (before == ids).all():
            return
        row = next((row for row, (one, now) in enumerate(zip(before, ids, strict=False)) if one != now), len(before))
        was = repr(before[row].item()) if row < len(before) else "not there"
        raise ValueError(
            f"ids: row {start + row} is {ids[row].item()!r}, and was {was} before. All draws need the same rows in the same "
            f"order. {self.remedy}"
        )


class RowIds:
    """The ids of all rows. Each comes once, and all are numbers or all are texts. A row takes about 100 bytes of memory."""

    def __init__(self, of: Ids, before: Before | None = None) -> None:
        self._of, self._before = of, before
        self._rows: dict[Any, int] = {}  # of each id
        self._kind = ""

    def read(self, batch: Any, rows: int) -> Array:
        """(rows,) integers or texts: the ids of the next block."""
        said = self._of.said(batch) if isinstance(self._of, Part) else "block[1]"
        ids, start = as_array(self._of(batch), rows, said), len(self._rows)
        if rows and self._kind not in ("", ids.dtype.kind):
            raise TypeError(
                f"ids: expected only numbers or only texts, got both: {ids[0].item()!r} in row {start}. Turn all into texts: "
                f"ids=lambda block: {_as_texts(said)}."
            )
        self._kind = ids.dtype.kind if rows else self._kind
        for row, one in enumerate(ids.tolist(), start):
            earlier = self._rows.setdefault(one, row)
            if earlier != row:
                raise ValueError(
                    f"ids: rows {earlier} and {row} have the same id, {one!r}. Each row must come once. Use a sampler without "
                    "replacement and a loader that repeats no rows, or give each row an id of its own."
                )
        if self._before is not None:
            self._before.check(ids, start)
        return ids


# --- checked ----------------------------------------------------------------------------------------------------------


def as_array(ids: Any, rows: int, said: str = "block[1]") -> Array:
    """(rows,) int64, or texts of a fixed width, from what a block has for ids. ``said``: where in the block, in code."""
    ids = ids.detach().cpu() if hasattr(ids, "detach") else ids
    if ids is None or isinstance(ids, str | bytes):
        _refuse(ids if ids is None else type(ids).__name__, rows)
    try:
        found = np.asarray(ids)
    except ValueError:
        _refuse("parts of several lengths", rows)
    if found.shape != (rows,):
        _refuse(f"shape {found.shape}", rows)
    elements = found.tolist() if isinstance(ids, np.ndarray) or hasattr(ids, "dtype") else list(ids)
    elements = [one.item() if hasattr(one, "item") else one for one in elements]
    kinds = {type(one) for one in elements}
    if kinds <= {int}:
        return _as_integers(elements, said)
    if kinds != {str}:
        _refuse(" and ".join(sorted(kind.__name__ for kind in kinds)), rows, said if bytes in kinds else None)
    texts = np.array(elements, np.str_)
    if texts.tolist() != elements:
        raise ValueError(
            "ids: expected texts that do not end in a null character, because files of NumPy lose it. Remove it: "
            f"ids=lambda block: [one.rstrip(chr(0)) for one in {said}]."
        )
    return texts


def _as_texts(said: str) -> str:
    """Code that makes texts of the ids. Elements of a tensor have a text of their own, so they become numbers first."""
    return f"list(map(str, numpy.asarray({said}, object)))"


def _as_integers(elements: list[int], said: str) -> Array:
    try:
        return np.array(elements, np.int64)
    except OverflowError as error:
        raise ValueError(
            f"ids: expected integers below 2**63, got {max(elements, key=abs)}. Turn them into texts: "
            f"ids=lambda block: {_as_texts(said)}."
        ) from error


def _refuse(got: Any, rows: int, in_bytes: str | None = None) -> NoReturn:
    remedy = "Name the part of a block that holds one id for each row: ids='id' or ids=1."
    if in_bytes is not None:
        remedy = f"Turn bytes into texts: ids=lambda block: [one.decode() for one in numpy.asarray({in_bytes})]."
    raise TypeError(f"ids: expected an integer or a text for each of the {rows} rows of a block, got {got}. {remedy}")
