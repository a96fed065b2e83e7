"""Labels: any JSON value, kept as its text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.ledger.database import LedgerError


def encode(label: Any, where: str) -> str:
    """The JSON text of a label; NumPy's numbers and arrays are taken as what they hold."""
    return json.dumps(_plain(label, where), ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def decode(text: str) -> Any:
    return json.loads(text)


def _plain(label: Any, where: str) -> Any:
    if hasattr(label, "__array__"):
        label = np.asarray(label).tolist()
    if label is None or isinstance(label, bool | int | str):
        return label
    if isinstance(label, float):
        if label != label or label in (float("inf"), float("-inf")):
            raise LedgerError(
                f"{where}: expected a JSON value, got {label}, which JSON has not. null (None) stands for no value."
            )
        return label
    if isinstance(label, list | tuple):
        return [_plain(part, where) for part in label]
    if isinstance(label, Mapping):
        if not all(isinstance(key, str) for key in label):
            raise LedgerError(f"{where}: expected keys that are strings, as JSON has, got {list(label)!r}.")
        return {key: _plain(value, where) for key, value in label.items()}
    raise LedgerError(
        f"{where}: expected a JSON value (string, number, boolean, None, list or dictionary), got {type(label).__name__}."
    )
