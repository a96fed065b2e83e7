"""Files that annotators hand in: a query's file with labels typed into it, and files with ids and labels of their own."""

from __future__ import annotations

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from alcore.ledger.spreadsheets import as_it_was, neutral

ENDINGS = (".csv", ".jsonl", ".json")


def fill(file: Path, labels: Mapping[str, str]) -> None:
    """Type labels into the file of a query, as people, programs and Label Studio do."""
    if file.suffix == ".csv":
        with open(file, newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        for row in rows:
            row["label"] = neutral(_cell(labels.get(as_it_was(row["id"]), "")))
        _write_csv(file, rows)
    elif file.suffix == ".jsonl":
        records = [json.loads(line) for line in file.read_text(encoding="utf-8").split("\n") if line]
        _write_lines(file, [record | _label(labels.get(record["id"])) for record in records])
    else:
        tasks = json.loads(file.read_text(encoding="utf-8"))
        for task in tasks:
            if (label := labels.get(task["data"]["id"])) is not None:
                task["annotations"] = [_annotation(label)]
        file.write_text(json.dumps(tasks), encoding="utf-8")


def write(file: Path, labels: Mapping[str, str]) -> None:
    """Labels of any ids."""
    if file.suffix == ".csv":
        _write_csv(file, [{"id": neutral(one), "label": neutral(_cell(label))} for one, label in labels.items()])
    elif file.suffix == ".jsonl":
        _write_lines(file, [{"id": one, "label": label} for one, label in labels.items()])
    else:
        tasks = [{"data": {"id": one}, "annotations": [_annotation(label)]} for one, label in labels.items()]
        file.write_text(json.dumps(tasks), encoding="utf-8")


def _cell(label: str) -> str:
    """A text that reads as JSON is typed in double quotes."""
    return json.dumps(label, ensure_ascii=False) if label.startswith(('"', "{")) else label


def _label(label: str | None) -> dict[str, str]:
    return {} if label is None else {"label": label}


def _annotation(label: str) -> dict[str, Any]:
    choice = {"from_name": "label", "to_name": "text", "type": "choices", "value": {"choices": [label]}}
    return {"id": 1, "result": [choice], "was_cancelled": False}


def _write_csv(file: Path, rows: list[dict[str, str]]) -> None:
    with open(file, "w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), quoting=csv.QUOTE_ALL)
        writer.writeheader()
        writer.writerows(rows)


def _write_lines(file: Path, records: list[dict[str, Any]]) -> None:
    lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    file.write_text("".join(lines), encoding="utf-8", newline="\n")
