"""One answer of one annotator, and what each tool's file has to say about its records."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeAlias

from alcore.door.wording import word
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_type import LabelType, TypedColumn
from alcore.ledger.tools.keys import MISSING, Keys, as_words, refuse_missing, value_at

LABELS = ("spans", "entities", "labels", "cats", "bbox", "segmentation", "relations")  # where tools have labels
Record: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """A label as JSON text, None for none, who gave it, and whether it was marked as the ground truth."""

    label: str | None
    annotator: str | None = None
    truth: bool = False


NOTHING = Answer(None)


@dataclass(frozen=True)
class Asked:
    """A record, and all that reading it needs."""

    record: Record
    where: str
    keys: Keys
    labels: LabelType | TypedColumn
    cells: bool  # values are text that people typed, as in CSV

    def at(self, key: str | None, usual: str, option: str) -> Any:
        """The value of the key that the caller named, else of the usual one. A named key has to be there in a table."""
        value = value_at(self.record, key or usual)
        if value is MISSING and key is not None and self.cells:
            raise refuse_missing(self.where, key, option, self.record)
        return value

    def label(self, value: Any) -> str | None:
        """The JSON text of a label. None, empty text and empty lists are no label."""
        if value is MISSING or value == "" or value == []:
            return None
        return self.cell(value)

    def cell(self, value: Any) -> str | None:
        """The JSON text of a label in a table, where None and empty text are no label."""
        if value is None:
            return None
        if isinstance(value, str) and self.cells:
            return self.labels.from_text(value, f"{self.where}: label")
        return self.labels.from_value(value, f"{self.where}: label")

    def annotator(self, usual: str) -> str | None:
        return as_annotator(self.at(self.keys.annotator, usual, "annotator_key (--annotator-key)"))

    def needed(self, value: Any, usual: str) -> Any:
        """Refuse a record that was answered and has no key for a label."""
        if value is MISSING and self.keys.label is None:
            key = next((key for key in LABELS if key in self.record), "KEY")
            raise LedgerError(
                f"{self.where}: expected the label in {usual}, got the keys {', '.join(self.record)}. Name the key: "
                f"label={key!r} (--label {word(key)})."
            )
        return value

    def counts(self) -> bool:
        """Whether the record has the answer that the caller asked for."""
        if self.keys.answer is None:
            return True
        key, wanted = self.keys.answer
        value = value_at(self.record, key)
        if value is MISSING:
            raise refuse_missing(self.where, key, "answer (--answer)", self.record)
        return as_words(value) == wanted


@dataclass(frozen=True)
class Tool:
    """What a tool's records look like.

    Attributes:
        name: as its makers write it.
        marks: whether a record is one of this tool. The second argument is True for a record of a table.
        own_id: the value of the id of ours, MISSING where the record has none.
        answers: the answers of a record, none if nobody answered.
        numbers: keys that hold the tool's own numbers in every record, and never an id of ours.
        remedy: what helps where no id of ours is in the file.
        others: the names under which a record has answers, to say if none has the name that counts.
    """

    name: str
    marks: Callable[[Record, bool], bool]
    own_id: Callable[[Record], Any]
    answers: Callable[[Asked], Iterator[Answer]]
    numbers: tuple[str, ...] = ()
    remedy: str = ""
    others: Callable[[Record], set[str]] = lambda record: set()


def as_annotator(value: Any) -> str | None:
    """The name of who answered: a text, a number, or the e-mail, name or number of a user."""
    if isinstance(value, dict):
        value = next((value[key] for key in ("email", "username", "id") if value.get(key)), None)
    return str(value) if isinstance(value, int | str) and not isinstance(value, bool) and value != "" else None
