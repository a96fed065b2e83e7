"""Files of labels with damaged bytes are refused in a sentence that names them, with the ledger as it was, or read right."""

from __future__ import annotations

import csv
import io
import json
import math
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest

import alcore
from tests.ledger.examples import campaign, named_as
from tests.soak.damaged_bytes import at_one_time, damaged, within_limits, within_time
from tests.soak.hostile_numbers import pick
from tests.soak.laws import Counts, check_sentence, each_part, numbers

INPUTS = 50_000  # each more than a millisecond
NAMES = [f"image {i}.png" for i in range(5)]
VALUES: list[Any] = ["cat", 3, None, [1, 2.5], {"box": "ü"}]
# What is no refusal in a sentence today: the kind of error and its beginning. The ledger stays as it was.
KNOWN_FAULTS: list[tuple[type[Exception], str]] = [
    (alcore.LedgerError, "ledger in memory: date value out of range"),
    (UnicodeDecodeError, "'utf-8' codec can't decode byte"),  # of a text in a Parquet file
]
Labels = dict[Any, Any]


# --- what files say, read by the standard library and pyarrow -----------------------------------------------------------


def label_in_cell(cell: str) -> Any:
    """A cell of a table: JSON where it reads as that, else the text."""
    try:
        return json.loads(cell, parse_constant=_refused, parse_float=_finite)
    except (ValueError, RecursionError):
        return cell


def _refused(name: str) -> Any:
    raise ValueError(name)


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refused(text)


def in_csv(path: Path) -> Labels:
    rows = csv.DictReader(io.StringIO(path.read_bytes().decode("utf-8-sig"), newline=""), strict=True)
    return {
        row["id"]: label_in_cell(row["label"]) for row in rows if row["label"].strip() and row.get("state") != "past"
    }


def in_jsonl(path: Path) -> Labels:
    lines = path.read_bytes().decode("utf-8-sig").split("\n")
    rows = [json.loads(line) for line in lines if line.strip()]
    return {row["id"]: row["label"] for row in rows if "label" in row and row.get("state") != "past"}


def in_parquet(path: Path) -> Labels:
    rows = pyarrow.parquet.read_table(path).to_pylist()
    kept = [row for row in rows if row["label"] is not None and row.get("state") != "past"]
    texts = [row for row in kept if not isinstance(row["label"], str) or row["label"].strip()]
    return {row["id"]: label_in_cell(row["label"]) if isinstance(row["label"], str) else row["label"] for row in texts}


def in_tasks(path: Path) -> Labels:
    """Label Studio's control ``label``: one choice is a string, a text is a cell, anything else stands for itself."""
    found: Labels = {}
    for task in json.loads(path.read_bytes().decode("utf-8-sig")):
        for one in task.get("annotations") or []:
            results = [part for part in one["result"] if isinstance(part, dict) and part.get("from_name") == "label"]
            if results and not one.get("was_cancelled") and not one.get("skipped"):
                label = _result(results)
                if label is not NO_LABEL:
                    found[task["data"]["id"]] = label
    return found


NO_LABEL = object()


def _result(results: list[Any]) -> Any:
    value = results[0].get("value")
    if len(results) == 1 and isinstance(value, dict):
        if results[0].get("type") == "choices" and isinstance(choices := value.get("choices"), list):
            return NO_LABEL if not choices else choices[0] if len(choices) == 1 else choices
        if results[0].get("type") == "textarea":
            text = value.get("text")
            lines = text if isinstance(text, list) else [text]
            if not any(isinstance(line, str) and line.strip() for line in lines):
                return NO_LABEL
            if len(lines) == 1:
                return label_in_cell(lines[0])
    return results


FORMATS: dict[str, Callable[[Path], Labels]] = {
    "csv": in_csv,
    "jsonl": in_jsonl,
    "parquet": in_parquet,
    "json": in_tasks,
}


# --- the law ----------------------------------------------------------------------------------------------------------


def valid_files(suffix: str, folder: Path) -> list[tuple[bytes, bool, str]]:
    """Files that an import takes, whether their ids are names, and whose they are: labels alone, and a whole campaign."""
    found = []
    for named in (True, False):
        ledger = alcore.Ledger(ids=NAMES) if named else alcore.Ledger(len(NAMES))
        ledger.label(dict(zip(ledger.ids.tolist(), VALUES, strict=True)), annotator="ann")
        for number, one in enumerate((ledger, campaign(named))):
            path = folder / f"{named} {number}.{suffix}"
            one.export(path)
            found.append((path.read_bytes(), named, one.identity))
    return found


def state_of(ledger: alcore.Ledger) -> Any:
    return ledger.counts(), ledger.labels


def import_into(ledger: alcore.Ledger, before: Any, path: Path, counts: Counts, read: Callable[[Path], Labels]) -> bool:
    """Whether the ledger took the file; it then has the labels that the file says."""
    counts.inputs += 1
    try:
        with within_time():
            ledger.import_file(path)
    except Exception as error:
        assert state_of(ledger) == before
        if any(isinstance(error, kind) and re.match(said, str(error)) for kind, said in KNOWN_FAULTS):
            counts.known_faults += 1
            return False
        if not isinstance(error, alcore.LedgerError):
            raise
        check_sentence(str(error), (str(path),))
        counts.refused += 1
        return False
    named = ledger.named
    try:
        said = {(one if named else int(one)): json.dumps(label) for one, label in read(path).items()}
    except pyarrow.ArrowInvalid:  # columns of unequal lengths, which a ledger takes today
        counts.known_faults += 1
        return True
    there = dict(zip(ledger.labelled.tolist(), map(json.dumps, ledger.labels), strict=True))
    assert there == said
    counts.answered += 1
    return True


@each_part
@pytest.mark.parametrize("suffix", FORMATS)
def test_damaged_files_of_labels_are_refused_or_read_right(
    suffix: str, part: int, tmp_path: Path, counts: Counts
) -> None:
    with at_one_time():
        valid = valid_files(suffix, tmp_path)
    empty: dict[tuple[bool, str], tuple[alcore.Ledger, Any]] = {}
    with within_limits():
        for number in numbers(part, INPUTS):
            rng = np.random.default_rng([zlib.crc32(suffix.encode()), number])
            whole, named, identity = pick(rng, valid)
            size = 40 if len(whole) > 2 * min(len(data) for data, *_ in valid) else len(NAMES)
            if (named, identity) not in empty:
                ledger = named_as(identity, begin(named, size))
                empty[named, identity] = ledger, state_of(ledger)
            path = tmp_path / f"x.{suffix}"
            path.write_bytes(damaged(rng, whole) if rng.random() < 0.97 else whole)
            try:
                if import_into(*empty[named, identity], path, counts, FORMATS[suffix]):
                    del empty[named, identity]
            except Exception as error:
                raise AssertionError(f"{suffix}, input {number}: {error!r}") from error
    assert counts.refused
    assert counts.answered


def begin(named: bool, size: int) -> alcore.Ledger:
    from tests.ledger.examples import begin as campaigns

    if size > len(NAMES):
        return campaigns(named)
    return alcore.Ledger(ids=NAMES) if named else alcore.Ledger(len(NAMES))
