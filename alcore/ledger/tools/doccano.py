"""doccano's exports (JSONL, JSON, CSV): a key ``Comments``, or a text with a list of labels. Its ``id`` is a number of doccano."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.tools.answers import Answer, Asked, Record, Tool
from alcore.ledger.tools.keys import MISSING

SHOWN = {"text", "data", "filename"}
SEVERAL = "#"
LISTS = ("label", "labels", "cats", "entities", "bbox", "segmentation")


def _marks(record: Record, cells: bool) -> bool:
    if "annotation_approver" in record:
        return True
    if not SHOWN & record.keys():
        return False
    return "Comments" in record or ("query" not in record and any(isinstance(record.get(key), list) for key in LISTS))


def _own_id(record: Record) -> Any:
    """doccano writes an item's own columns over its own, so a row with a ledger has its id."""
    return record.get("id", MISSING) if record.get("ledger") else MISSING


def _answers(asked: Asked) -> Iterator[Answer]:
    value = asked.needed(asked.at(asked.keys.label, "label", "label (--label)"), "label")
    if asked.cells and asked.keys.label is None and isinstance(value, str) and SEVERAL in value:
        raise LedgerError(
            f"{asked.where}: label: expected one label, got {shown(value)}, which may be several: doccano writes {SEVERAL} between "
            "them in CSV. Export as JSONL, or say that it is one label: label='label' (--label label)."
        )
    if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str):
        value = value[0]
    yield Answer(asked.label(value), asked.annotator("annotator"))


DOCCANO = Tool("doccano", _marks, _own_id, _answers, remedy="If its id is yours: id='id' (--id id). ")
