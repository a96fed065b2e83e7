"""Label Studio's exports (labelstud.io/guide/export): JSON with all annotations, CSV and JSON-MIN with one row for each.

Only results of the control ``label`` count, or of the control that the caller named. In JSON and JSON-MIN the key ``id`` of a
record is Label Studio's number. In CSV the data's own ``id`` takes its place, and the data's ``ledger`` shows that it did.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from alcore.ledger.columns import shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, from_cell
from alcore.ledger.label_type import LabelType, TypedColumn
from alcore.ledger.tools.answers import Answer, Asked, Record, Tool, as_annotator
from alcore.ledger.tools.keys import MISSING, value_at

CONTROL = "label"  # the name of the control in the labelling interface
OF_EACH_ROW = {"annotation_id", "lead_time"}
OF_A_TASK = {"annotations", "predictions", "drafts", "meta", "project", "inner_id", "total_annotations"}
IN_JSON = "Export as JSON, which has the tasks' data as you imported it. "
OVERWRITTEN = "If the tasks had an id in their data: id='id' (--id id). "


def _task_marks(record: Record, cells: bool) -> bool:
    return isinstance(record.get("data"), dict) and (len(record) == 1 or not OF_A_TASK.isdisjoint(record))


def _task_id(record: Record) -> Any:
    return record["data"].get("id", MISSING)


def _task_answers(asked: Asked) -> Iterator[Answer]:
    record, keys = asked.record, asked.keys
    annotations = record.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise LedgerError(f"{asked.where}: expected annotations that are a list of objects, got {shown(annotations)}.")
    if keys.label is not None and keys.label.split(".")[0] in record:
        yield Answer(asked.label(asked.at(keys.label, "", "label (--label)")), asked.annotator(""))
        return
    for one in annotations:
        if one.get("was_cancelled") or one.get("skipped"):
            continue
        results = one.get("result")
        if not isinstance(results, list):
            raise LedgerError(f"{asked.where}: expected an annotation with a list of results, got {shown(one)}.")
        who = asked.annotator("") if keys.annotator else as_annotator(one.get("completed_by"))
        yield Answer(
            label_of(results, asked.labels, f"{asked.where}: label", keys.label or CONTROL),
            who,
            bool(one.get("ground_truth")),
        )


def label_of(results: Sequence[Any], labels: LabelType | TypedColumn, where: str, control: str = CONTROL) -> str | None:
    """The JSON text of the label of an annotation's results, None if the control has none."""
    own = [one for one in results if isinstance(one, dict) and one.get("from_name") == control]
    if not own:
        return None
    kind, value = own[0].get("type"), own[0].get("value")
    if len(own) == 1 and isinstance(value, dict) and not _of_a_region(own[0], results):
        if kind == "choices" and isinstance(chosen := value.get("choices"), list):
            return labels.from_value(chosen[0] if len(chosen) == 1 else chosen, where) if chosen else None
        if kind == "textarea":
            text = value.get("text")
            lines = text if isinstance(text, list) else [text]
            if not any(isinstance(line, str) and line.strip() for line in lines):
                return None
            if len(lines) == 1:
                return labels.from_text(str(lines[0]), where)
    relations = [one for one in results if isinstance(one, dict) and one.get("type") == "relation"]
    return labels.from_value(own + relations, where)


def _of_a_region(result: Record, results: Sequence[Any]) -> bool:
    """Whether the result is about one region of the item, a box for example, which other results describe too."""
    same = [one for one in results if isinstance(one, dict) and one.get("id") and one.get("id") == result.get("id")]
    return len(same) > 1


def _controls(record: Record) -> set[str]:
    """Controls of a task that have results."""
    found = set()
    for annotation in record.get("annotations") or []:
        if isinstance(annotation, dict) and isinstance(annotation.get("result"), list):
            found |= {
                one["from_name"] for one in annotation["result"] if isinstance(one, dict) and one.get("from_name")
            }
    return found


def _row_marks(record: Record, cells: bool) -> bool:
    return cells and record.keys() >= OF_EACH_ROW


def _row_id(record: Record) -> Any:
    """The id is ours where the data had one, as it had a ledger. Else it is Label Studio's number."""
    return record.get("id", MISSING) if record.get("ledger") else MISSING


def _row_answers(asked: Asked) -> Iterator[Answer]:
    key = asked.keys.label or CONTROL
    cell = value_at(asked.record, key)
    if cell is MISSING:
        raise LedgerError(
            f"{asked.where}: expected the column {key}, the control of that name, got the columns "
            f"{', '.join(asked.record)}. Name your control: label=NAME (--label NAME)."
        )
    several = _choices(decode(text) if (text := from_cell(cell or "", asked.where)) else None)
    yield Answer(asked.label(cell if several is None else several), asked.annotator("annotator"))


def _min_marks(record: Record, cells: bool) -> bool:
    return not cells and record.keys() >= OF_EACH_ROW and not isinstance(record.get("data"), dict)


def _min_answers(asked: Asked) -> Iterator[Answer]:
    value = value_at(asked.record, asked.keys.label or CONTROL)
    several = _choices(value)
    yield Answer(asked.label(value if several is None else several), asked.annotator("annotator"))


def _choices(value: Any) -> list[Any] | None:
    """Several choices, as Label Studio writes them into a cell: {"choices": ["a", "b"]}."""
    only = isinstance(value, dict) and value.keys() == {"choices"} and isinstance(value["choices"], list)
    return value["choices"] if only else None


TASKS = Tool("Label Studio", _task_marks, _task_id, _task_answers, ("id", "annotations.0.id"), others=_controls)
CSV = Tool(
    "Label Studio",
    _row_marks,
    _row_id,
    _row_answers,
    ("annotation_id",),
    IN_JSON + OVERWRITTEN,
)
JSON_MIN = Tool(
    "Label Studio (JSON-MIN)", _min_marks, lambda record: MISSING, _min_answers, ("id", "annotation_id"), IN_JSON
)
