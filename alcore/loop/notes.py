"""The note of a step in the ledger: a `Past` to JSON and back, bit for bit."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.ledger import Moment
from alcore.loop.cycle import TRAINED_AT
from alcore.stopping.history import Past

_COUNTS = ("step", "labelled", "bought", "size")
_NUMBERS = ("mean_score", "max_score", "information")
_ASKED = "asked"  # the number of the step's query among those of its asker, None for a closing step


def as_note(past: Past, asked: int | None = None, moment: Moment | None = None) -> dict[str, Any]:
    """A step as JSON. Floats become texts, because JSON has no infinity and no NaN. ``moment``: of the training of a cycle."""
    note: dict[str, Any] = {name: getattr(past, name) for name in _COUNTS} | {_ASKED: asked}
    note["metrics"] = {name: repr(value) for name, value in past.metrics.items()}
    for name in _NUMBERS:
        value = getattr(past, name)
        note[name] = None if value is None else repr(value)
    if moment is not None:
        note[TRAINED_AT] = list(moment)
    if not past.trained:
        note["trained"] = False
    if past.predicted is not None:
        packed = zlib.compress(past.predicted.tobytes())
        note["predicted"] = [past.predicted.dtype.str, list(past.predicted.shape), base64.b64encode(packed).decode()]
    return note


def as_past(note: Mapping[str, Any]) -> Past:
    """The step that `as_note` wrote."""
    fields = {name: value for name, value in note.items() if name not in (_ASKED, TRAINED_AT)}
    fields["metrics"] = {name: float(value) for name, value in note["metrics"].items()}
    for name in _NUMBERS:
        fields[name] = None if note[name] is None else float(note[name])
    if "predicted" in note:
        dtype, shape, packed = note["predicted"]
        fields["predicted"] = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype).reshape(shape)
    return Past(**fields)


def is_of_query(note: Mapping[str, Any], step: int) -> bool:
    """Whether a note is of the query with this number among those of its asker. Notes of version 0.2.0 do not say."""
    return bool(note.get(_ASKED, step) == step)
