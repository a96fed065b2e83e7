"""Whose a record is, and the rows that it makes: one for each answer, or one without a label."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alcore.door.wording import word
from alcore.ledger.columns import COLUMNS, Row, shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_type import LabelType, TypedColumn
from alcore.ledger.tools import label_studio
from alcore.ledger.tools.answers import NOTHING, Answer, Asked, Record, Tool
from alcore.ledger.tools.argilla import ARGILLA
from alcore.ledger.tools.doccano import DOCCANO
from alcore.ledger.tools.keys import MISSING, Keys, refuse_missing, suggested, value_at
from alcore.ledger.tools.prodigy import PRODIGY

TOOLS = (PRODIGY, ARGILLA, label_studio.TASKS, label_studio.CSV, label_studio.JSON_MIN, DOCCANO)
EMPTY: Row = dict.fromkeys(COLUMNS)
OF_A_QUERY = {"query", "score", "q"}  # columns that show that an item's row came from a ledger


@dataclass(frozen=True)
class Source:
    """A file: what its records are called, whether they are of a table, and whether people typed its cells."""

    path: Path
    unit: str
    cells: bool
    typed: bool


def tool_of(record: Record, cells: bool) -> Tool | None:
    """The tool whose marks a record has. None for rows as a ledger writes them, and for plain tables."""
    if record.keys() <= COLUMNS.keys():  # a ledger's own columns are no tool's marks
        return None
    return next((tool for tool in TOOLS if tool.marks(record, cells)), None)


def rows(
    records: Iterator[tuple[int, Record]], source: Source, keys: Keys, labels: LabelType
) -> Iterator[tuple[int, Row]]:
    """Rows of a file's records, as a ledger takes them. Records with several answers make several rows with one number."""
    names, typed, cells = _Names(keys), TypedColumn(labels), source.cells
    for number, record in records:
        column = (
            typed if source.typed and "state" not in record else labels
        )  # what people filled in, or a complete export
        asked = Asked(record, f"{source.path}, {source.unit} {number}", keys, column, cells)
        tool = tool_of(record, cells)
        if tool is None and not keys:
            yield number, _plain(asked)
            continue
        row = {"id": _id_of(tool, asked), **_asked_by(tool, record)}
        answers = [one for one in _answers(tool, asked) if one.label is not None] if asked.counts() else []
        names.note(tool, record, bool(answers))
        for answer in answers or [NOTHING]:
            yield number, {**row, "label": answer.label, "annotator": answer.annotator, "truth": answer.truth}
    names.check(source.path, source.unit)


class _Names:
    """Whether the names that a caller wrote, or that a tool is known for, are anywhere in the file."""

    def __init__(self, keys: Keys) -> None:
        self._keys = keys
        self._others, self._labelled, self._records = set[str](), False, 0
        named = ((keys.label, "label (--label)"), (keys.annotator, "annotator_key (--annotator-key)"))
        self._unseen = {key: option for key, option in named if key is not None}

    def note(self, tool: Tool | None, record: Record, labelled: bool) -> None:
        self._records += 1
        self._labelled = self._labelled or labelled
        if tool is not None and not self._labelled:
            self._others |= tool.others(record)
        if tool in (ARGILLA, label_studio.TASKS) and self._keys.label is not None:
            self._unseen.pop(self._keys.label, None)  # the name of a control or a question, which is no key
        for key in [key for key in self._unseen if value_at(record, key) is not MISSING]:
            del self._unseen[key]

    def check(self, path: Path, unit: str) -> None:
        wanted, others = self._keys.label or label_studio.CONTROL, sorted(self._others)
        if not self._labelled and others and wanted not in others:
            raise LedgerError(
                f"{path}: expected answers of the name {wanted!r}, got only those of {', '.join(others)}. "
                f"Name the one that counts: label={others[0]!r} (--label {word(others[0])})."
            )
        for key, option in self._unseen.items() if self._records else ():
            raise LedgerError(
                f"{path}: expected the key {key!r}, as {option} says, but no {unit} has it. Name another."
            )


def _plain(asked: Asked) -> Row:
    """A row as a ledger writes it. All its columns count."""
    record = asked.record
    if asked.cells:
        one = "" if record["id"] is None else record["id"]
        return {**record, "id": one, "label": asked.cell(record["label"])}
    if "id" not in record:
        raise _no_id(asked)
    label = asked.labels.from_value(record["label"], f"{asked.where}: label") if "label" in record else None
    return {**(EMPTY if "state" in record else {}), **record, "label": label}


def _no_id(asked: Asked) -> LedgerError:
    key = suggested(asked.record, ())
    return LedgerError(
        f'{asked.where}: expected a JSON object with an id, such as {{"id": 1, "label": "cat"}}, got {shown(asked.record)}. '
        f"Or name the key of the id: id={key!r} (--id {word(key)})."
    )


def _id_of(tool: Tool | None, asked: Asked) -> Any:
    named = asked.keys.id
    if tool is not None and named in tool.numbers:
        raise _refuse_number(tool, asked, f"and its key {named!r}, which is a number of that tool")
    if named is None:
        one = asked.record.get("id", MISSING) if tool is None else tool.own_id(asked.record)
        if one is MISSING and tool is not None:
            raise _refuse_number(tool, asked, "without one, as its own numbers do not count")
        if one is MISSING:
            raise _no_id(asked)
    else:
        one = value_at(asked.record, named)
        if one is MISSING:
            raise refuse_missing(asked.where, named, "id (--id)", asked.record)
    return "" if one is None and asked.cells else one


def _refuse_number(tool: Tool, asked: Asked, got: str) -> LedgerError:
    key = suggested(asked.record, ("id", *tool.numbers))
    return LedgerError(
        f"{asked.where}: expected an id of this ledger, got a record of {tool.name} {got}. {tool.remedy}"
        f"{'Or name' if tool.remedy else 'Name'} the key that has your id: id={key!r} (--id {word(key)})."
    )


def _answers(tool: Tool | None, asked: Asked) -> Iterator[Answer]:
    if tool is not None:
        yield from tool.answers(asked)
        return
    value = asked.at(asked.keys.label, "label", "label (--label)")
    yield Answer(asked.label(value), asked.annotator("annotator"))


def _asked_by(tool: Tool | None, record: Record) -> Row:
    """The query and the ledger that asked for an item, where its row, its task or its metadata says so."""
    kept = ("ledger",) if tool in (label_studio.CSV, label_studio.JSON_MIN) else ("ledger", "query")
    for source in (record.get("meta"), record.get("metadata"), record.get("data"), record):
        if isinstance(source, dict) and (source.get("ledger") or source.keys() >= OF_A_QUERY):
            return {name: source[name] for name in kept if source.get(name) not in (None, "")}
    return {}
