"""Labels of other tools' files: text that people typed, and values that are JSON already. One place reads both."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from alcore.ledger.label_text import encode, from_cell


class ReadsLabels(Protocol):
    """What makes the JSON text of a label. None is no label."""

    def from_text(self, cell: str, where: str) -> str | None: ...
    def from_value(self, value: Any, where: str) -> str: ...


@dataclass(frozen=True)
class AnyJson:
    """Labels are any JSON value: text that reads as JSON is that value, other text is a string."""

    def from_text(self, cell: str, where: str) -> str | None:
        return from_cell(cell, where)

    def from_value(self, value: Any, where: str) -> str:
        return encode(value, where)
