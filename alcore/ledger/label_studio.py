"""Label Studio's tasks (labelstud.io/guide/task_format), as its import takes them: what to show, the score, labels there are.

A string becomes the only choice of a ``choices`` result. A list of results, such as boxes, stays as it is. Any other JSON value
becomes the text of a ``textarea``. Label Studio numbers tasks itself, so the id is in the task's data. ``tools.label_studio`` reads
what comes back.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from alcore.ledger.columns import PAST, Row, json_text
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, encode
from alcore.ledger.label_type import LabelType
from alcore.ledger.layout import Layout
from alcore.ledger.tools.label_studio import CONTROL, label_of

NAME = re.compile(r"\{\{|\}\}|\{([^{}]*)\}")
OWN = ("id", "ledger")  # names in a task's data that say which item of which ledger it is
META = ("ledger", "query", "q", "score")


def as_data(data: Mapping[str, str] | None, names: Collection[str] = ()) -> dict[str, str]:
    """Templates of a task's data, such as {"image": "https://host/{id}.png"}. They may use the id and these names."""
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise TypeError(
            f"data: expected {{name: template}}, such as {{'image': 'https://host/{{id}}.png'}}, got {data!r}."
        )
    known = ["id", *(name for name in names if name != "id")]
    for name, template in data.items():
        if not isinstance(name, str) or not isinstance(template, str):
            raise TypeError(f"data: expected names and templates that are strings, got {name!r}: {template!r}.")
        if name in OWN:
            raise LedgerError(
                f"data: expected other names than {name!r}, which the ledger uses itself. Rename it, such as 'item'."
            )
        for found in NAME.finditer(template):
            if found[1] is not None and found[1] not in known:
                raise LedgerError(
                    f"data: expected names that exist in the template of {name!r}, got {found[0]}. There are: "
                    f"{', '.join(f'{{{one}}}' for one in known)}. Write a brace of your own twice: {{{{."
                )
    return dict(data)


def scaled(score: float) -> float:
    """A score as Label Studio takes it, between 0 and 1: a larger score stays larger, whatever else there is.

    >>> scaled(0.0), scaled(1.0), scaled(3.0), scaled(-1.0)
    (0.5, 0.75, 0.875, 0.25)
    """
    return 1.0 - 0.5 / (1.0 + score) if score >= 0 else 0.5 / (1.0 - score)  # each step keeps the order, rounded too


def write_tasks(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    """Write an array with one task per line. Earlier picks are left out."""
    count = 0
    for row in rows:
        if row["state"] == PAST:
            continue
        stream.write(b",\n" if count else b"[\n")
        stream.write(json_text(task_of(row, layout)).encode())
        count += 1
    stream.write(b"\n]\n" if count else b"[]\n")
    return count


def task_of(row: Row, layout: Layout, version: str | None = None) -> dict[str, Any]:
    """A task, in a file and in a push alike. The score is scaled, and ``meta`` has the real one.

    ``version`` is the model version of the score, the heuristic's name by default.
    """
    own = layout.items.get(row["id"], {})
    shown = {name: _filled(template, {**own, "id": row["id"]}) for name, template in layout.data.items()}
    data = {**shown, **{name: value for name, value in own.items() if name not in shown}, "id": row["id"]}
    shows = next(iter(data))
    if row.get("ledger") is not None:
        data["ledger"] = row["ledger"]
    task: dict[str, Any] = {"data": data}
    if meta := meta_of(row):
        task["meta"] = meta
    if row["heuristic"] is not None:
        score = {} if row["score"] is None else {"score": scaled(row["score"])}
        task["predictions"] = [{"model_version": version or row["heuristic"], **score, "result": []}]
    if row["label"] is not None:
        task["annotations"] = [{"result": results_of(decode(row["label"]), shows), **_completed_by(row["annotator"])}]
    return task


def meta_of(row: Row) -> dict[str, Any]:
    """Which ledger asked for the item in which query, with what probability and score."""
    return {name: row[name] for name in META if row.get(name) is not None}


def _filled(template: str, values: Mapping[str, Any]) -> str:
    """The template with the values. In web addresses their special characters are escaped."""
    web = template.startswith(("http://", "https://"))

    def fill(found: re.Match[str]) -> str:
        if found[1] is None:
            return found[0][0]
        value = values.get(found[1])
        text = value if isinstance(value, str) else json_text(value)
        return quote(text, safe="/") if web and found.start() else text

    return NAME.sub(fill, template)


def _completed_by(annotator: str | None) -> dict[str, Any]:
    """Label Studio knows annotators by e-mail or number. It refuses to import other names, so they are left out."""
    if annotator is None:
        return {}
    if "@" in annotator:
        return {"completed_by": {"email": annotator}}
    return {"completed_by": int(annotator)} if annotator.isdecimal() and annotator.isascii() else {}


def results_of(label: Any, shows: str) -> list[Any]:
    """The results of an annotation for a label. Reading them gives the label back.

    >>> results_of("cat", "image")
    [{'from_name': 'label', 'to_name': 'image', 'type': 'choices', 'value': {'choices': ['cat']}}]
    >>> results_of(3, "image")[0]["value"]
    {'text': ['3']}
    """
    names = {"from_name": CONTROL, "to_name": shows}
    if isinstance(label, str):
        return [{**names, "type": "choices", "value": {"choices": [label]}}]
    own = isinstance(label, list) and all(isinstance(one, dict) and "type" in one for one in label)
    if own and read_back(label) == encode(label, "label"):
        return list(label)
    return [{**names, "type": "textarea", "value": {"text": [encode(label, "label")]}}]


def read_back(results: list[Any]) -> str | None:
    return label_of(results, LabelType(), "label")


def read_items(
    records: Iterable[tuple[int, Row]], path: Path, ids: Collection[Any]
) -> tuple[dict[Any, dict[str, Any]], list[str]]:
    """What a file of items has for each of these ids, all its columns but the id and the label, and the names of all columns."""
    by_text, found = {str(one): one for one in ids}, dict[Any, dict[str, Any]]()
    names: dict[str, None] = {}
    for number, record in records:
        names |= dict.fromkeys(name for name in record if name not in (*OWN, "label"))
        if "id" not in record:
            raise LedgerError(
                f'{path}, record {number}: expected an item with an id, such as {{"id": 1, "text": "..."}}, got the keys '
                f"{', '.join(record) or 'none'}."
            )
        one = by_text.get(str("" if record["id"] is None else record["id"]))
        if one is None or isinstance(record["id"], bool):
            continue
        if one in found:
            raise LedgerError(f"{path}, record {number}: expected each id once, got {one!r} again. Remove one.")
        found[one] = {name: value for name, value in record.items() if name not in (*OWN, "label")}
    if missing := [one for one in ids if one not in found]:
        raise LedgerError(
            f"{path}: expected an item for each id of the query, but {missing[0]!r} is not there"
            f"{f', nor are {len(missing) - 1} more' if len(missing) > 1 else ''}. Add them to the file."
        )
    return found, list(names)
