"""Prodigy's exports (``prodigy db-out``): ``_input_hash`` and ``_task_hash``. It has no ids of its own, only hashes.

An answer counts if it is ``accept``. The label is the option chosen (``accept``), else the key ``label``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcore.ledger.tools.answers import NOTHING, Answer, Asked, Record, Tool
from alcore.ledger.tools.keys import MISSING

HASHES = ("_input_hash", "_task_hash")


def _marks(record: Record, cells: bool) -> bool:
    return "_input_hash" in record or "_task_hash" in record


def _own_id(record: Record) -> Any:
    return record.get("id", MISSING)


def _answers(asked: Asked) -> Iterator[Answer]:
    record = asked.record
    if asked.keys.answer is None and record.get("answer", "accept") != "accept":
        yield NOTHING
        return
    value = asked.at(asked.keys.label, "accept" if "accept" in record else "label", "label (--label)")
    value = asked.needed(value, "accept or label")
    if isinstance(value, list) and len(value) == 1 and not isinstance(value[0], dict | list):
        value = value[0]
    who = "_annotator_id" if record.get("_annotator_id") else "_session_id"
    yield Answer(asked.label(value), asked.annotator(who))


PRODIGY = Tool("Prodigy", _marks, _own_id, _answers, HASHES)
