"""Label Studio's tasks (labelstud.io/guide/task_format): the score is that of the prediction, labels are annotations.

A string becomes the only choice of a ``choices`` result. A list of results, such as boxes, stays as it is. Any other JSON value
becomes the text of a ``textarea``. Label Studio numbers tasks itself, so the id is in the task's data.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any
from urllib.parse import quote

from alcore.ledger.columns import PAST, Row, json_text, shown
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, encode, no_constant
from alcore.ledger.label_type import LabelType

CONTROL = "label"  # the name of the control in the labelling interface, whose object has the name of the data shown
CHUNK = 1 << 16
ANY = LabelType()
NEAR_THE_END = 16  # characters: an error so near the end of the text may mean only that the text is cut off


def as_data(data: Mapping[str, str] | None) -> dict[str, str]:
    """Templates of a task's data, such as {"image": "https://host/{id}.png"}."""
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        raise TypeError(
            f"data: expected {{name: template}}, such as {{'image': 'https://host/{{id}}.png'}}, got {data!r}."
        )
    for name, template in data.items():
        if not isinstance(name, str) or not isinstance(template, str):
            raise TypeError(f"data: expected names and templates that are strings, got {name!r}: {template!r}.")
        if name == "id":
            raise LedgerError(
                "data: expected other names than 'id', which the ledger uses itself. Rename it, such as 'item'."
            )
    return dict(data)


def write_tasks(stream: IO[bytes], rows: Iterable[Row], data: Mapping[str, str]) -> int:
    """Write an array with one task per line. Earlier picks are left out."""
    count, shows = 0, next(iter(data), "id")
    for row in rows:
        if row["state"] == PAST:
            continue
        stream.write(b",\n" if count else b"[\n")
        stream.write(json_text(_task(row, data, shows)).encode())
        count += 1
    stream.write(b"\n]\n" if count else b"[]\n")
    return count


def _task(row: Row, data: Mapping[str, str], shows: str) -> dict[str, Any]:
    task: dict[str, Any] = {"data": data_of(data, row["id"])}
    task["data"]["id"] = row["id"]
    if row["heuristic"] is not None:
        score = {} if row["score"] is None else {"score": row["score"]}
        task["predictions"] = [{"model_version": row["heuristic"], **score, "result": []}]
    task["meta"] = {name: row[name] for name in ("ledger", "query", "q") if row[name] is not None}
    if row["label"] is not None:
        task["annotations"] = [{"result": results_of(decode(row["label"]), shows), **_completed_by(row["annotator"])}]
    return task


def data_of(data: Mapping[str, str], one: Any) -> dict[str, Any]:
    """What Label Studio shows of an id: the templates with the id in them."""
    return {name: _filled(template, one) for name, template in data.items()}


def _filled(template: str, one: Any) -> str:
    """The template with the id. In web addresses special characters of the id are escaped."""
    web = template.startswith(("http://", "https://"))
    return template.replace("{id}", quote(str(one), safe="/") if web else str(one))


def _completed_by(annotator: str | None) -> dict[str, Any]:
    """Label Studio knows annotators by e-mail or number. It refuses to import other names, so they are left out."""
    if annotator is None:
        return {}
    if "@" in annotator:
        return {"completed_by": {"email": annotator}}
    return {"completed_by": int(annotator)} if annotator.isdecimal() and annotator.isascii() else {}


def results_of(label: Any, shows: str) -> list[Any]:
    """The results of an annotation for a label. `label_of` gives the label back.

    >>> results_of("cat", "image")
    [{'from_name': 'label', 'to_name': 'image', 'type': 'choices', 'value': {'choices': ['cat']}}]
    >>> results_of(3, "image")[0]["value"]
    {'text': ['3']}
    """
    names = {"from_name": CONTROL, "to_name": shows}
    if isinstance(label, str):
        return [{**names, "type": "choices", "value": {"choices": [label]}}]
    own = isinstance(label, list) and all(isinstance(one, dict) and "type" in one for one in label)
    if own and label_of(label, "label") == encode(label, "label"):
        return list(label)
    return [{**names, "type": "textarea", "value": {"text": [encode(label, "label")]}}]


def label_of(results: list[Any], where: str, labels: LabelType = ANY) -> str:
    """The JSON text of the label of an annotation's results."""
    only = results[0] if len(results) == 1 and isinstance(results[0], dict) else {}
    kind, value = only.get("type"), only.get("value")
    chosen = value.get("choices") if kind == "choices" and isinstance(value, dict) else None
    if isinstance(chosen, list) and chosen:
        return labels.from_value(chosen[0] if len(chosen) == 1 else chosen, where)
    text = value.get("text") if kind == "textarea" and isinstance(value, dict) else None
    if isinstance(text, list) and len(text) == 1:
        text = text[0]
    if isinstance(text, str) and (label := labels.from_text(text, where)) is not None:
        return label
    return labels.from_value(results, where)


def read_tasks(path: Path, labels: LabelType) -> Iterator[tuple[int, Row]]:
    """Tasks of an export as JSON, or of `write_tasks`, numbered from 1."""
    for number, task in enumerate(_array(path), 1):
        where = f"{path}, task {number}"
        data = task.get("data") if isinstance(task, dict) else None
        if not isinstance(data, dict) or "id" not in data:
            raise LedgerError(
                f"{where}: expected a task with an id in its data, as alcore wrote it, got {shown(task)}. "
                "In Label Studio, export as JSON, not as JSON-MIN."
            )
        label, annotator = _answer(task, where, labels)
        meta = task.get("meta")
        of = meta.get("ledger") if isinstance(meta, dict) else None
        yield number, {"id": data["id"], "label": label, "annotator": annotator, "ledger": of}


def _answer(task: dict[str, Any], where: str, labels: LabelType) -> tuple[str | None, str | None]:
    """The label and who gave it. Skipped annotations do not count, and several annotations have to agree."""
    annotations = task.get("annotations") or []
    if not isinstance(annotations, list) or not all(isinstance(one, dict) for one in annotations):
        raise LedgerError(f"{where}: expected annotations that are a list of objects, got {shown(annotations)}.")
    given: list[tuple[str, str | None]] = []
    for one in annotations:
        if one.get("was_cancelled"):
            continue
        if not isinstance(one.get("result"), list):
            raise LedgerError(f"{where}: expected an annotation with a list of results, got {shown(one)}.")
        given.append((label_of(one["result"], f"{where}: label", labels), _annotator(one.get("completed_by"))))
    for label, annotator in given:
        if label != given[0][0]:
            raise LedgerError(
                f"{where}: expected annotations that agree, got {shown(decode(given[0][0]))} by {given[0][1]} and "
                f"{shown(decode(label))} by {annotator}. Keep one of them in Label Studio, and export again."
            )
    return given[0] if given else (None, None)


def _annotator(completed_by: Any) -> str | None:
    if isinstance(completed_by, dict):
        completed_by = next((completed_by[key] for key in ("email", "username", "id") if completed_by.get(key)), None)
    return str(completed_by) if isinstance(completed_by, int | str) and completed_by != "" else None


def _array(path: Path) -> Iterator[Any]:
    """The values of a JSON array, one at a time."""
    with open(path, encoding="utf-8-sig") as file:
        reader = _Values(path, file)
        reader.expect("[")
        if reader.peek() != "]":
            yield reader.value()
            while reader.peek() == ",":
                reader.expect(",")
                yield reader.value()
        reader.expect("]")
        reader.end()


class _Values:
    """Reads the text of a file in parts, and takes JSON values from it."""

    def __init__(self, path: Path, file: IO[str]) -> None:
        self._path, self._file = path, file
        self._text, self._line = "", 1

    def peek(self) -> str:
        """The next character that is not a space, or "" at the end."""
        while True:
            rest = self._text.lstrip(" \t\r\n")
            self._line += self._text.count("\n", 0, len(self._text) - len(rest))
            self._text = rest
            if rest or not self._more(CHUNK):
                return rest[:1]

    def expect(self, character: str) -> None:
        if (got := self.peek()) != character:
            raise self._refuse(f"expected {character!r} of a JSON array of tasks, got {got or 'the end of the file'!r}")
        self._text = self._text[1:]

    def end(self) -> None:
        if got := self.peek():
            raise self._refuse(f"expected the end of the file after the array of tasks, got {got!r}")

    def value(self) -> Any:
        self.peek()
        size = CHUNK
        while True:
            try:
                value, stop = _DECODER.raw_decode(self._text)
            except json.JSONDecodeError as error:
                cut_off = error.pos > len(self._text) - NEAR_THE_END or error.msg.startswith("Unterminated string")
                if cut_off and self._more(size):
                    size *= 2
                    continue
                self._line += self._text.count("\n", 0, error.pos)
                raise self._refuse(f"expected JSON, but it cannot be read: {error.msg}") from error
            except (ValueError, RecursionError) as error:
                raise self._refuse(f"expected JSON, but it cannot be read: {error}") from error
            self._line += self._text.count("\n", 0, stop)
            self._text = self._text[stop:]
            return value

    def _more(self, size: int) -> bool:
        try:
            part = self._file.read(size)
        except UnicodeDecodeError as error:
            raise self._refuse(
                f"expected UTF-8, got the byte {error.object[error.start]:#04x} in or after this line. Save the file as UTF-8"
            ) from error
        self._text += part
        return bool(part)

    def _refuse(self, text: str) -> LedgerError:
        return LedgerError(f"{self._path}, line {self._line}: {text}.")


_DECODER = json.JSONDecoder(parse_constant=no_constant)
