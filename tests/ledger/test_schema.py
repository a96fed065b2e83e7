"""Formats of the file: a later one is refused, an earlier one brought up whole or not at all."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import schema
from tests.ledger.examples import filled, refused


def test_a_later_format_is_refused_and_an_earlier_one_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    filled(path)
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, "ALTER TABLE items ADD COLUMN minutes REAL"))
    with Ledger.open(path) as ledger, ledger._database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (3,)
        assert connection.execute("SELECT count(minutes) FROM items").fetchone() == (0,)
        assert ledger.counts()["labelled"] == 500
    monkeypatch.undo()
    refused(path, "later version of alcore wrote this file .format 3; this version reads formats up to 2.")


def test_a_format_is_brought_up_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    filled(path)
    steps = "ALTER TABLE items ADD COLUMN minutes REAL; CREATE TABLE items (x)"
    monkeypatch.setattr(schema, "STEPS", (*schema.STEPS, steps))
    with pytest.raises(LedgerError, match="already exists"):
        Ledger.open(path)
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.counts()["labelled"] == 500


DATA = Path(__file__).parents[1] / "data" / "ledgers"


def test_a_file_of_the_first_format_keeps_everything(tmp_path: Path) -> None:
    """It was written by alcore 0.1: 40 names, two queries, one of them withdrawn, labels that were replaced, an id set aside."""
    path = tmp_path / "run.db"
    shutil.copy(DATA / "format_1.db", path)
    with Ledger.open(path) as ledger:
        assert len(ledger.identity) == 32
        assert ledger.label_type == "json"
        assert ledger.counts() == {"unlabelled": 34, "asked": 2, "labelled": 3, "aside": 1}
        assert dict(zip(ledger.labelled, ledger.labels, strict=True)) == {"img-0": [1, 2], "img-38": 3, "img-39": "dog"}
        assert [event["label"] for event in ledger.history(["img-39"]) if event["action"] == "labelled"] == [
            "cat",
            "dog",
        ]
        assert ledger.notes("ann") == [{"k": 4}]
        ledger.export(tmp_path / "now.jsonl")
        (query,) = ledger.open_queries()
        ledger.tell(query, {"img-37": "cat"})
    now = [json.loads(line) for line in (tmp_path / "now.jsonl").read_text().splitlines()]
    before = [json.loads(line) for line in (DATA / "format_1.jsonl").read_text().splitlines()]
    assert [{name: row[name] for name in row if name != "ledger"} for row in now] == before
    with Ledger.open(path) as ledger:
        assert ledger.counts()["labelled"] == 4


def test_an_export_of_the_first_format_is_restored(tmp_path: Path) -> None:
    ledger = Ledger(ids=[f"img-{i}" for i in range(40)])
    assert ledger.import_file(DATA / "format_1.jsonl").restored
    assert ledger.counts() == {"unlabelled": 34, "asked": 2, "labelled": 3, "aside": 1}


def test_other_programs_read_labels_and_what_the_columns_mean(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, ids=["a", "b", "c"]) as ledger:
        ledger.label({"c": "cat", "a": 3}, annotator="ann")
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT id, label, annotator, time FROM labels").fetchall()
        schema_text = "".join(
            text for (text,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOT NULL")
        )
        wrong = pytest.raises(sqlite3.IntegrityError, match="CHECK")
        with wrong:
            connection.execute("UPDATE items SET state = 'lost'")
    assert [row[:3] for row in rows] == [("a", 3, "ann"), ("c", "cat", "ann")]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", row[3]) for row in rows)
    assert schema_text.count("--") > 15
