"""Imports: labels that annotators hand back are recorded whole, or refused with the place of what is wrong."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.examples import PROBS, N, begin, campaign


def test_a_labelling_round(tmp_path: Path) -> None:
    path, ledger = tmp_path / "todo.csv", Ledger(N)
    query = ledger.ask(alcore.PowerBALD(), PROBS, 5, rng=0)
    query.export(path)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "label", "annotator", "query", "score", "q", "ledger"]
    assert [int(row["id"]) for row in rows] == query.ids.tolist()
    assert [float(row["score"]) for row in rows] == query.scores.tolist()
    assert [float(row["q"]) for row in rows] == query.q.tolist()
    assert {(row["label"], row["query"]) for row in rows} == {("", "1")}
    for row in rows[1:4]:
        row["label"] = "cat"
    rows[2]["annotator"] = "bob"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([list(rows[0]), *(list(row.values()) for row in rows)])
    imported = ledger.tell_file(path, annotator="ann")
    assert (imported.labels, imported.unchanged, imported.unlabelled) == (3, 0, 2)
    assert ledger.open_queries()[0].ids.tolist() == query.ids[[0, 4]].tolist()
    assert ledger.count_labels("annotator") == [("ann", 2), ("bob", 1)]
    assert ledger.count_labels() == [("cat", 3)]
    imported = ledger.tell_file(path, query=query)
    assert (imported.labels, imported.unchanged, imported.unlabelled) == (0, 3, 2)
    assert [event["action"] for event in ledger.history(query.ids[1])] == ["asked", "labelled"]
    assert [event["query"] for event in ledger.history(query.ids[1])] == [1, 1]


def test_queries_of_several_askers_in_one_file(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    queries = [ledger.ask(alcore.BALD(), PROBS, 3, asker=name) for name in "ab"]
    path.write_text("id,label\n" + "".join(f"{one},x\n" for query in queries for one in query.ids))
    assert ledger.tell_file(path).labels == 6
    assert [ledger.history(query.ids[0])[-1]["query"] for query in queries] == [1, 2]


def test_tell_refuses_what_was_not_asked(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3)  # 0, 1, 2
    ledger.withdraw(ledger.ask(alcore.Precomputed(-np.arange(N)), None, 2, asker="b"))  # 3, 4
    ledger.ask(alcore.Precomputed(-np.arange(N)), None, 1, asker="c")  # 3
    for text, number, said in [
        (
            "id,label\n0,a\n9,b\n",
            None,
            "line 3: expected an id that was asked, got 9, which was not. .*import_file",
        ),
        ("id,label\n0,a\n3,b\n", 1, "line 3: expected an id of query 1, got 3, which it does not have"),
        ("id,label\n0,a\n", 7, "line 2: expected a query of this ledger, got 7"),
        ("id,label\n3,a\n", 2, "line 2: query 2 was withdrawn, and its ids may be in other queries"),
        ("id,label,query\n0,a,1\n1,b,2\n", None, "line 3: query 2 was withdrawn"),
        ("id,label,query\n0,a,1\n1,b,3\n", 1, "line 3: query: expected 1, the query that you named, got 3"),
        ("id,label,query\n0,a,x\n", None, "line 2: query: expected a whole number of at least 0, got 'x'"),
    ]:
        path.write_text(text)
        with pytest.raises(LedgerError, match=said):
            ledger.tell_file(path, query=number)
        assert ledger.counts()["labelled"] == 0
    ledger.set_aside([1])
    path.write_text("id,label\n0,a\n1,b\n")
    with pytest.raises(LedgerError, match="line 3: expected an id that can be labelled, but 1 was set aside"):
        ledger.tell_file(path)
    for wrong in (-1, 1.5, "1", True):
        with pytest.raises((ValueError, TypeError), match="query: expected"):
            ledger.tell_file(path, query=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="annotator: expected a name"):
        ledger.tell_file(path, annotator="")
    with pytest.raises(TypeError, match="overwrite: expected True or False"):
        ledger.tell_file(path, overwrite="yes")  # type: ignore[arg-type]


def test_labels_that_differ_are_refused_whole(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    ledger.label({1: "dog", 2: "3"}, annotator="ann")
    path.write_text('id,label\n0,cat\n1,cat\n2,"""3"""\n')
    with pytest.raises(
        LedgerError,
        match="line 3: label: 1 has the label \"dog\" already, got 'cat'. Nothing was recorded. .*overwrite",
    ):
        ledger.import_file(path)
    assert ledger.labelled.tolist() == [1, 2]
    imported = ledger.import_file(path, overwrite=True)
    assert (imported.labels, imported.unchanged) == (2, 1)
    assert ledger.labels == ["cat", "cat", "3"]
    assert [event["label"] for event in ledger.history(1)] == ["dog", "cat"]
    assert len(ledger.history(2)) == 1


def test_a_ledger_that_is_not_empty_imports_labels_alone(tmp_path: Path) -> None:
    whole, ledger, path = campaign(False), begin(False), tmp_path / "a.csv"
    whole.export(path)
    ledger.set_aside([int(whole.pool[0])])
    with pytest.raises(LedgerError, match=f"rows of this ledger .{ledger.identity}.*of the ledger {whole.identity}"):
        ledger.import_file(path)
    own = f"ledger$|{whole.identity}$".encode()  # its last column
    path.write_bytes(re.sub(own, b"", path.read_bytes(), flags=re.MULTILINE))
    imported = ledger.import_file(path)
    assert (imported.labels, imported.restored) == (len(whole.labelled), False)
    assert ledger.labels == whole.labels
    assert ledger.counts()["asked"] == 0
    assert ledger.aside.tolist() == [int(whole.pool[0])]


def test_labels_filled_into_a_whole_export(tmp_path: Path) -> None:
    ledger, again, path = Ledger(4), Ledger(4), tmp_path / "a.csv"
    query = ledger.label_randomly(2, rng=0)
    ledger.export(path)
    lines = [
        line.replace(",asked,,", ",asked,cat,").replace(",unlabelled,,", ",unlabelled,dog,")
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    assert again.import_file(path).restored
    assert again.counts()["labelled"] == 4
    assert again.labels_of(query.ids) == ["cat", "cat"]
    np.testing.assert_array_equal(again.history(query.ids[0])[-1]["query"], 1)


def test_a_full_disk_takes_no_part_of_a_file(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.csv", Ledger.open(tmp_path / "run.db", N)
    path.write_text("id,label\n" + "".join(f"{i},{'x' * 90_000}\n" for i in range(N)))
    with ledger._database.writing() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="the disk is full .*. This call recorded nothing"):
        ledger.import_file(path)
    assert ledger.counts()["labelled"] == 0
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.import_file(path).labels == N
    ledger.close()
