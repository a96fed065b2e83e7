"""Formats of the file: a later one is refused, an earlier one brought up whole or not at all."""

from __future__ import annotations

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
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, "ALTER TABLE items ADD COLUMN minutes REAL"))
    with Ledger.open(path) as ledger, ledger._database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT count(minutes) FROM items").fetchone() == (0,)
        assert ledger.counts()["labelled"] == 500
    monkeypatch.undo()
    refused(path, "later version of alcore wrote this file .format 2; this version reads formats up to 1.")


def test_a_format_is_brought_up_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    filled(path)
    steps = "ALTER TABLE items ADD COLUMN minutes REAL; CREATE TABLE items (x)"
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, steps))
    with pytest.raises(LedgerError, match="already exists"):
        Ledger.open(path)
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.counts()["labelled"] == 500
