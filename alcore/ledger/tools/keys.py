"""Which keys of a file have the id, the label, the annotator and the answer, as a caller names them. Dots lead deeper."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError

MISSING: Final = object()
DEEP = 3  # keys in keys in keys: so deep a refusal looks for keys that it can name
NAMED = 12  # keys that a refusal names


@dataclass(frozen=True)
class Keys:
    """The keys that a caller named. None is the usual place of that tool."""

    id: str | None = None
    label: str | None = None
    annotator: str | None = None
    answer: tuple[str, str] | None = None  # records whose key has another value have no label

    def __bool__(self) -> bool:
        return (self.id, self.label, self.annotator, self.answer) != (None,) * 4

    @classmethod
    def of(cls, one: str | None, label: str | None, annotator_key: str | None, answer: str | None) -> Keys:
        """Check what a caller passes."""
        for argument, value in (("id", one), ("label", label), ("annotator_key", annotator_key), ("answer", answer)):
            if value is not None and (not isinstance(value, str) or not value):
                raise TypeError(
                    f"{argument}: expected the name of a key, such as 'meta.id', got {value!r}. "
                    f"Write {argument}={'answer=accept' if argument == 'answer' else 'meta.id'!r}."
                )
        if answer is None:
            return cls(one, label, annotator_key)
        key, sign, wanted = answer.partition("=")
        if not key or not sign:
            raise LedgerError(
                f"answer: expected a key and the value that counts, got {answer!r}. Write answer='answer=accept' "
                "(--answer answer=accept)."
            )
        return cls(one, label, annotator_key, (key, wanted))


def value_at(record: Any, key: str) -> Any:
    """The value of a key, else of a path such as ``annotations.0.label``, else MISSING."""
    if isinstance(record, Mapping) and key in record:
        return record[key]
    for part in key.split("."):
        if isinstance(record, Mapping) and part in record:
            record = record[part]
        elif isinstance(record, list) and part.isdecimal() and int(part) < len(record):
            record = record[int(part)]
        else:
            return MISSING
    return record


def has_column(header: Any, key: str) -> bool:
    """Whether a table with these columns can have the key: as a column, or inside of one."""
    return key in header or key.split(".")[0] in header


def as_words(value: Any) -> str:
    """A value as a caller types it on the command line."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return str(value)


def paths(record: Any, deep: int = DEEP) -> Iterator[str]:
    """Keys of a record that have a text or a number, with dots."""
    if not isinstance(record, Mapping) or not deep:
        return
    for key, value in record.items():
        if isinstance(value, str | int) and not isinstance(value, bool):
            yield key
        else:
            yield from (f"{key}.{path}" for path in paths(value, deep - 1))


def listed_paths(record: Any) -> str:
    found = list(paths(record))
    return ", ".join(found[:NAMED]) + (f" and {len(found) - NAMED} more" if len(found) > NAMED else "")


def suggested(record: Any, own: tuple[str, ...]) -> str:
    """The key that most looks like an id, for a refusal to name."""
    found = [path for path in paths(record) if path not in own]
    for wanted in ("id", "item", "name"):
        for path in found:
            if path.split(".")[-1].lower().endswith(wanted) and not path.split(".")[-1].startswith("_"):
                return path
    return "KEY"


def refuse_missing(where: str, key: str, option: str, record: Any) -> LedgerError:
    return LedgerError(
        f"{where}: expected the key {key!r}, as {option} says, got {shown(record)} without it. "
        f"Name another key. There are: {listed_paths(record) or 'none'}."
    )
