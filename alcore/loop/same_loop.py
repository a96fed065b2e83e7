"""Which loop made a run: recorded in the run's ledger, so that another loop does not take its steps for its own."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np

from alcore import door
from alcore.heuristics import Heuristic
from alcore.ledger import Ledger, LedgerError

SETTINGS = ("k", "start", "sample", "kind", "axes", "over_labels", "variance", "train_every", "update", "seed")
ADDED = {"train_every": "1", "update": "None"}  # what earlier versions did, which did not record it
FUNCTIONS = ("train", "predict", "metrics", "targets", "predicted")


def settings_of(loop: Any) -> dict[str, str]:
    """What makes a loop's steps, as texts that can be compared: all but the budget, the oracle, and where files are."""
    functions = {name: _text(getattr(loop, name)) for name in FUNCTIONS}
    return {"heuristic": _text(loop.heuristic), **{name: _text(getattr(loop, name)) for name in SETTINGS}, **functions}


def check_same_loop(ledger: Ledger, asker: str, where: Path, settings: Mapping[str, str]) -> None:
    """Refuse a ledger whose steps another loop made. Record in a new one which loop makes them."""
    recorded = ledger.notes(_name(asker))
    if not recorded:
        ledger.write_note(dict(settings), step=0, asker=_name(asker))
        return
    before = ADDED | recorded[0]
    different = [name for name in settings if name in before and before[name] != settings[name]]
    if different:
        theirs = ", ".join(f"{name}={before.get(name)}" for name in different)
        own = ", ".join(f"{name}={settings[name]}" for name in different)
        raise LedgerError(
            f"{where}: expected a run of this loop, with {own}, got a run of another loop, with {theirs}. Nothing was changed. "
            "Name another folder, or another asker. To go on with that run, give the loop the values of the run."
        )


def _name(asker: str) -> str:
    """The name under which the ledger keeps it, beside the notes of the steps."""
    return f"{asker} (loop)"


def _text(value: Any) -> str:
    """A value in words that do not change when files move: functions by name, arrays by shape and contents."""
    if isinstance(value, Heuristic):
        return _of_heuristic(value)
    if value is None or isinstance(value, bool | int | float | str | np.generic):
        return door.without_secrets(str(value))
    if isinstance(value, list | tuple):
        return f"({', '.join(map(_text, value))})"
    if isinstance(value, Mapping):
        return f"{{{', '.join(f'{name}: {_text(one)}' for name, one in value.items())}}}"
    if isinstance(value, Path):
        return value.name
    if callable(value):
        return str(getattr(value, "__name__", type(value).__name__))
    return _of_array(value)


def _of_heuristic(heuristic: Heuristic) -> str:
    if not is_dataclass(heuristic):
        return heuristic.name
    own = [f"{field.name}={_text(getattr(heuristic, field.name))}" for field in fields(heuristic)]
    return f"{heuristic.name}({', '.join(own)})" if own else heuristic.name


def _of_array(value: Any) -> str:
    try:
        array = np.ascontiguousarray(value)
    except (TypeError, ValueError, RuntimeError):  # such as a tensor on a GPU
        return type(value).__name__
    if array.dtype == object:
        return type(value).__name__
    digest = hashlib.sha256(array.view(np.uint8).data if array.size else b"").hexdigest()
    return f"array {array.shape} {array.dtype} {digest[:12]}"
