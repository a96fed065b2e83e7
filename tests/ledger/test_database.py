"""A ledger's SQLite file: what it remembers, and what is said where it cannot be written, read or reached."""

from __future__ import annotations

import os
import sqlite3
import threading
from pathlib import Path

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.examples import IMAGES, PROBS, N, filled


def test_a_file_remembers(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger:
        first = ledger.ask(alcore.BALD(), PROBS, 3)
        ledger.tell(first, ["a", "b", "c"], annotator="ann")
        query = ledger.ask(alcore.PowerBALD(), PROBS, 3, rng=0)
    with Ledger.open(path) as ledger:
        assert ledger.labels_of(first.ids) == ["a", "b", "c"]
        again = ledger.ask(alcore.BALD(), PROBS, 3)
        np.testing.assert_array_equal(again.ids, query.ids)
        np.testing.assert_array_equal(again.q, query.q)
        assert f"{N - 6} unlabelled, 3 asked, 3 labelled" in repr(ledger)
    assert sorted(path.parent.iterdir()) == [path]
    with pytest.raises(LedgerError, match="expected size=40, the number of its ids, got size=41"):
        Ledger.open(path, 41)
    with pytest.raises(LedgerError, match="its ids are the numbers 0 to 39, got names"):
        Ledger.open(path, ids=IMAGES)


def test_a_connection_is_durable(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run.db", N)
    with ledger._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    ledger.close()


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(LedgerError, match="no such ledger"):
        Ledger.open(tmp_path / "run.db")
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        assert len(ledger) == N


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    whole = bytearray(path.read_bytes())
    whole[4096:-4096] = os.urandom(len(whole) - 8192)
    path.write_bytes(whole)
    with pytest.raises(LedgerError, match="is damaged") as caught:  # noqa: PT012
        ledger = Ledger.open(path)
        ledger.label_randomly(500)
    assert str(caught.value).startswith(str(path))


def test_a_full_disk_records_nothing(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    ledger = Ledger.open(path, N)
    query = ledger.ask(alcore.BALD(), PROBS, 5)
    pages = ledger._database._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._database._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="the disk is full .*. This call recorded nothing"):
        ledger.tell(query, ["x" * 100_000] * 5)
    assert ledger.counts()["labelled"] == 0
    ledger._database._connection.execute("PRAGMA max_page_count = 1000000")
    ledger.tell(query, ["x" * 100_000] * 5)
    ledger.close()
    with Ledger.open(path) as again:
        assert again.counts()["labelled"] == 5


def test_others_that_write_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0.05) as hasty:
        with (
            ledger._database.writing(),
            pytest.raises(LedgerError, match="other processes have been writing for 0.05 s"),
        ):
            hasty.label({1: "a"})
        hasty.label({1: "a"})
        assert ledger.labelled.tolist() == [1]
        assert 1 not in ledger.pool


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    def work(name: str) -> None:
        while len(query := ledger.ask(alcore.Random(), None, 3, asker=name)):
            ledger.tell(query, [name] * len(query))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.counts()["labelled"] == N
    assert all(len(ledger.history(i)) == 2 for i in range(N))


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run.db", 40)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="run.db: this ledger is closed. Open its file again: Ledger.open"):
        ledger.counts()


def test_the_file_itself_keeps_names_different(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "run.db", ids=["a", "b"]) as ledger, ledger._database.writing() as connection:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO names VALUES (2, 'a')")
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT position FROM names WHERE name = 'a'").fetchall()
        assert "names_by_text" in str(plan)
