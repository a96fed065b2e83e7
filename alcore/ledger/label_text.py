"""Labels: any JSON value, kept as its JSON text. In the cells of a table a string is written as it is."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

import numpy as np

from alcore.ledger.errors import LedgerError


def encode(label: Any, where: str) -> str:
    """The JSON text of a label. NumPy's numbers and arrays become numbers and lists."""
    text = _ENCODER.encode(_plain(label, where))
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise LedgerError(
            f"{where}: expected text, got half of a surrogate pair, {error.object[error.start]!r}. Replace it: "
            "text.encode('utf-8', 'replace').decode()."
        ) from error
    return text


def decode(text: str) -> Any:
    return json.loads(text)


def parse(text: str) -> Any:
    """A JSON value as in the standard. ValueError for NaN, infinity and nesting that is too deep."""
    try:
        return _DECODER.decode(text)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error


def to_cell(text: str) -> str:
    """How a table shows a label: a string as it is, unless it is empty or reads as JSON. Other values are JSON.

    >>> to_cell('"cat"'), to_cell('"3"'), to_cell("3"), to_cell("[1,2]"), to_cell('""')
    ('cat', '"3"', '3', '[1,2]', '""')
    """
    label = decode(text)
    if not isinstance(label, str) or not label.strip():
        return text
    try:
        parse(label)
    except ValueError:
        return label
    return text


def from_cell(cell: str, where: str) -> str | None:
    """The JSON text of a label in a table, None for an empty cell. The inverse of `to_cell`.

    >>> from_cell("cat", "label"), from_cell('"3"', "label"), from_cell("3", "label"), from_cell(" ", "label")
    ('"cat"', '"3"', '3', None)
    """
    if not cell.strip():
        return None
    try:
        label = parse(cell)
    except ValueError:
        label = cell
    return encode(label, where)


def no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError(f"{text} is too large")
    return number


# json.dumps and json.loads make one for each call: of a row of three values 9 µs instead of 6 and 4
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))
_DECODER = json.JSONDecoder(parse_constant=no_constant, parse_float=_finite)


def _plain(label: Any, where: str) -> Any:
    if hasattr(label, "__array__"):
        label = np.asarray(label).tolist()
    if label is None or isinstance(label, bool | int | str):
        return label
    if isinstance(label, float):
        if label != label or label in (float("inf"), float("-inf")):
            raise LedgerError(
                f"{where}: expected a JSON value, got {label}, which JSON does not have. Use None (null) for a missing value."
            )
        return label
    if isinstance(label, list | tuple):
        return [_plain(part, where) for part in label]
    if isinstance(label, Mapping):
        if not all(isinstance(key, str) for key in label):
            raise LedgerError(
                f"{where}: expected keys that are strings, as in JSON, got {list(label)!r}. Convert them: "
                "{str(key): value for key, value in label.items()}."
            )
        return {key: _plain(value, where) for key, value in label.items()}
    raise LedgerError(
        f"{where}: expected a JSON value (string, number, boolean, None, list or dictionary), got {type(label).__name__}. "
        "Convert it to one of these."
    )
