"""The columns of the files that a ledger exports and imports, and how a value of each is written and read."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

from alcore.ledger.errors import LedgerError

Row: TypeAlias = dict[str, Any]  # labels are JSON texts, times are seconds since 1970; None where there is nothing

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
LARGEST = 2**63 - 1

COLUMNS = {
    "id": "id",
    "state": "text",
    "label": "label",
    "annotator": "text",
    "time": "time",  # when it came into this state
    "query": "whole",
    "place": "whole",
    "asker": "text",
    "step": "whole",
    "heuristic": "text",
    "asked": "time",
    "withdrawn": "time",
    "free": "whole",
    "ranked": "whole",
    "score": "number",
    "q": "number",
    "support": "whole",
    "information": "number",
    "ledger": "text",  # the identity of the ledger that the row is of
}
QUERY_COLUMNS = ("id", "label", "annotator", "query", "score", "q", "ledger")  # what annotators get, and hand back
PAST = "past"  # the state of a row of a pick that no longer counts: withdrawn, unlabelled, asked again
STATES = ("unlabelled", "asked", "labelled", "aside", PAST)


@dataclass(frozen=True)
class FileRows:
    """A file's rows with their numbers, which ``unit`` counts."""

    path: Path
    unit: str
    rows: Iterator[tuple[int, Row]]

    def refuse(self, number: int, text: str) -> LedgerError:
        return LedgerError(f"{self.path}, {self.unit} {number}: {text}")


def time_text(seconds: float) -> str:
    """A time as ISO 8601 in UTC with microseconds. Reading it back gives the same seconds, to the microsecond.

    >>> time_text(1e9)
    '2001-09-09T01:46:40.000000Z'
    """
    return f"{(EPOCH + microseconds(seconds) * MICROSECOND).isoformat(timespec='microseconds').removesuffix('+00:00')}Z"


def microseconds(seconds: float) -> int:
    return round(seconds * 1e6)


def read_value(column: str, value: Any) -> Any:
    """A value of a file as a ledger keeps it. A ValueError says what was expected."""
    try:
        return _READERS[COLUMNS[column]](value)
    except (ValueError, TypeError, OverflowError):
        expected = _EXPECTED[COLUMNS[column]]
        raise ValueError(f"{column}: expected {expected}, got {shown(value)}.") from None


def shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value:
        raise ValueError
    value.encode()
    return value


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    number = int(value)
    if not 0 <= number <= LARGEST:
        raise ValueError
    return number


def _number(value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _time(value: Any) -> float:
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return ((moment - EPOCH) // MICROSECOND) / 1e6


_READERS: dict[str, Callable[[Any], Any]] = {"text": _text, "whole": _whole, "number": _number, "time": _time}
_EXPECTED = {
    "text": "a string that is not empty",
    "whole": "a whole number of at least 0",
    "number": "a finite number",
    "time": "a time with its UTC offset, such as 2026-01-31T12:00:00.000000Z",
}


def json_text(value: Any) -> str:
    return _ENCODER.encode(value)


_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False)  # json.dumps makes one for each call
