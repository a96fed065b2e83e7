"""What the labels of a ledger are: any JSON value, texts, or one of some classes. Different labels never become one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from sqlite3 import Connection
from typing import Any

from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, encode, from_cell, to_cell


@dataclass(frozen=True)
class LabelType:
    """``kind`` is "json", "text" or "classes". The classes are JSON texts, in the order given."""

    kind: str = "json"
    classes: tuple[str, ...] = ()

    @property
    def named(self) -> str | tuple[Any, ...]:
        """As a user writes it: "json", "text", or the tuple of classes."""
        return tuple(decode(one) for one in self.classes) if self.kind == "classes" else self.kind

    def from_value(self, value: Any, where: str) -> str:
        """The JSON text of a label that is a value: of Python, or of a file whose values have types."""
        text = encode(value, where)
        if self.kind == "text" and not (isinstance(decode(text), str) and decode(text).strip()):
            raise LedgerError(
                f"{where}: expected a text, as this ledger's labels are texts, got {shown(decode(text))}. Pass it as a string."
            )
        return self._class_of(text, where) if self.kind == "classes" else text

    def from_text(self, cell: str, where: str, csv: bool = False) -> str | None:
        """The JSON text of a label that somebody typed into a cell, of a CSV file or of anything else. None for an empty one."""
        if not cell.strip():
            return None
        if self.kind == "text":
            return encode(cell, where)
        if self.kind == "classes":
            return self._class_of(encode(cell, where), where)
        text = from_cell(cell, where)
        if text is not None and not isinstance(decode(text), str) and _is_number(text) and text != cell.strip():
            raise LedgerError(
                f"{where}: expected a label that stays what was typed, but {cell.strip()!r} would become the number {text}. "
                f"For a text write it in double quotes: {_quoted(cell, where, csv)}. For texts everywhere make the ledger with "
                "labels='text' (alcore ledger create --labels text)."
            )
        return text

    def to_text(self, text: str) -> str:
        """How a cell shows a label. `from_text` gives it back."""
        if self.kind == "json":
            return to_cell(text)
        label = decode(text)
        return label if isinstance(label, str) else text

    def _class_of(self, text: str, where: str) -> str:
        """The class of a label: itself, or the one that is written alike, as 7 and "7" are."""
        if text in self.classes:
            return text
        written = _written(text)
        alike = [one for one in self.classes if _written(one) == written.strip()]
        if len(alike) == 1:
            return alike[0]
        classes = ", ".join(_written(one) for one in self.classes[:12])
        more = f" and {len(self.classes) - 12} more" if len(self.classes) > 12 else ""
        raise LedgerError(f"{where}: expected one of the classes {classes}{more}, got {shown(decode(text))}.")


class TypedColumn:
    """The labels of a column that people typed. It is of one type: texts beside numbers are refused, unless the texts are quoted.

    Postal codes are the case: 01234 is no number in JSON, and 12345 is one.
    """

    def __init__(self, labels: LabelType) -> None:
        self._labels = labels
        self._first: tuple[bool, str, str] | None = None  # whether it is a number, the cell, and where it stands

    def from_value(self, value: Any, where: str) -> str:
        return self._labels.from_value(value, where)

    def from_text(self, cell: str, where: str) -> str | None:
        text = self._labels.from_text(cell, where, csv=True)
        if self._labels.kind != "json" or text is None or cell.lstrip().startswith(('"', "[", "{")):
            return text
        number = _is_number(text)
        if self._first is None:
            self._first = number, cell.strip(), where
        elif self._first[0] != number:
            _, other, there = self._first
            raise LedgerError(
                f"{where}: expected labels of one type, got {cell.strip()!r} beside {other!r} ({there}): one is a text, the other "
                "a number. For texts make the ledger with labels='text' (alcore ledger create --labels text), or write each "
                f"text in double quotes: {_quoted(cell, where, csv=True)}."
            )
        return text


def as_label_type(labels: str | Iterable[Any] | None) -> LabelType | None:
    """What a caller says of labels. None where nothing is said."""
    if labels is None:
        return None
    if isinstance(labels, str):
        if labels in ("json", "text"):
            return LabelType(labels)
        raise LedgerError(
            f"labels: expected 'json', 'text' or a list of classes, got {labels!r}. One class: labels=[{labels!r}]."
        )
    classes = tuple(encode(one, "labels") for one in labels)
    written = [_written(one) for one in classes]
    if not classes:
        raise LedgerError("labels: expected 'json', 'text' or a list of classes, got an empty list. Name the classes.")
    for place, one in enumerate(written):
        if one in written[:place]:
            raise LedgerError(f"labels: expected classes that are written differently, got {one} twice. Remove one.")
        if one != one.strip() or not one:
            raise LedgerError(f"labels: expected classes without spaces at their ends, got {one!r}.")
    return LabelType("classes", classes)


def read(connection: Connection) -> LabelType:
    (kind,) = connection.execute("SELECT labels FROM about").fetchone()
    classes = connection.execute("SELECT label FROM classes ORDER BY place") if kind == "classes" else ()
    return LabelType(kind, tuple(label for (label,) in classes))


def write(connection: Connection, labels: LabelType) -> None:
    connection.execute("UPDATE about SET labels = ?", (labels.kind,))
    connection.executemany("INSERT INTO classes VALUES (?, ?)", enumerate(labels.classes))


def _written(text: str) -> str:
    label = decode(text)
    return label if isinstance(label, str) else text


def _quoted(cell: str, where: str, csv: bool) -> str:
    """What to type for a cell's text to stay a text. A text editor shows the quotes that CSV has around it as well."""
    text = encode(cell.strip(), where)
    return f"{text} (in a text editor: {_csv_cell(text)})" if csv else text


def _csv_cell(text: str) -> str:
    """A cell of a CSV file in its quotes. Those inside are twice there."""
    return '"' + text.replace('"', '""') + '"'


def _is_number(text: str) -> bool:
    return isinstance(decode(text), int | float) and not isinstance(decode(text), bool)
