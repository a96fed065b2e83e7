"""A ledger knows who it is, and what belongs to another campaign is refused with both names."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pyarrow.parquet
import pytest

from alcore import Ledger, LedgerError


def test_every_ledger_has_an_identity_of_its_own(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "a.db", 5) as ledger:
        first = ledger.identity
    with Ledger.open(tmp_path / "a.db") as ledger:
        assert ledger.identity == first
        assert ledger.empty().identity != first
    assert re.fullmatch("[0-9a-f]{32}", first)
    assert Ledger(5).identity != Ledger(5).identity


def test_a_query_of_another_ledger_is_refused() -> None:
    own, other = Ledger(10), Ledger(10)
    query, foreign = own.label_randomly(3, rng=0), other.label_randomly(3, rng=0)
    assert (query.ledger, foreign.ledger) == (own.identity, other.identity)
    for call in (own.tell, lambda query, labels: own.withdraw(query)):
        with pytest.raises(LedgerError, match=f"{own.identity}.*of the ledger {other.identity}"):
            call(foreign, ["a", "b", "c"])
    assert own.counts()["labelled"] == 0
    other.tell(foreign, ["a", "b", "c"])  # the remedy


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".json"])
def test_a_file_of_another_ledger_is_refused(tmp_path: Path, suffix: str) -> None:
    own, other, path = Ledger(10), Ledger(10), tmp_path / f"todo{suffix}"
    own.label_randomly(3, rng=0)
    other.label_randomly(3, rng=0, labels=lambda ids: ids)
    other.export(path, states="labelled")
    for call in (own.tell_file, own.import_file):
        with pytest.raises(LedgerError, match=f"{own.identity}.*of the ledger {other.identity}"):
            call(path)
    assert own.counts()["labelled"] == 0
    assert other.import_file(path).unchanged == 3


def without_ledger(path: Path) -> None:
    """The remedy: remove the column."""
    if path.suffix == ".json":
        tasks = json.loads(path.read_text())
        for task in tasks:
            del task["data"]["ledger"], task["meta"]["ledger"]
        path.write_text(json.dumps(tasks))
    elif path.suffix == ".jsonl":
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.write_text("".join(json.dumps({**row, "ledger": None}) + "\n" for row in rows))
    elif path.suffix == ".parquet":
        pyarrow.parquet.write_table(pyarrow.parquet.read_table(path).drop_columns("ledger"), path)
    else:
        separator = "\t" if path.suffix == ".tsv" else ","
        lines = [line.rpartition(separator)[0] for line in path.read_text().splitlines()]
        path.write_text("\n".join(lines))


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".jsonl", ".parquet", ".json"])
@pytest.mark.parametrize("states", ["labelled", None])
def test_labels_of_another_campaign_do_not_go_into_an_empty_ledger(
    tmp_path: Path, suffix: str, states: str | None
) -> None:
    """Only a whole export, which restores everything, brings its identity."""
    other, path = Ledger(6), tmp_path / f"labels{suffix}"
    other.label_randomly(3, rng=0, labels=lambda ids: ids)
    other.export(path, states=states)
    empty = Ledger(6 if states or suffix == ".json" else 7)  # what is whole for 6 ids is not for 7
    before = empty.identity
    with pytest.raises(LedgerError, match=f"rows of this ledger .{before}.*of the ledger {other.identity}"):
        empty.import_file(path)
    assert (empty.identity, empty.counts()["labelled"]) == (before, 0)
    without_ledger(path)
    assert empty.import_file(path).labels == 3
    assert empty.identity == before


def test_tasks_carry_the_identity_the_query_and_q(tmp_path: Path) -> None:
    ledger, path = Ledger(10), tmp_path / "todo.json"
    query = ledger.label_randomly(2, rng=0)
    query.export(path, data={"image": "https://host/{id}.png"})
    tasks = json.loads(path.read_text())
    assert [task["meta"]["ledger"] for task in tasks] == [ledger.identity] * 2
    assert [task["meta"]["query"] for task in tasks] == [query.number] * 2
    assert [task["meta"]["q"] for task in tasks] == query.q.tolist()


def test_a_restored_ledger_is_the_same_campaign(tmp_path: Path) -> None:
    ledger, path = Ledger(6), tmp_path / "all.csv"
    query = ledger.label_randomly(2, rng=0)
    ledger.export(path)
    again = Ledger(6)
    assert again.import_file(path).restored
    assert again.identity == ledger.identity
    again.tell(query, ["a", "b"])


def test_rows_of_two_ledgers_do_not_go_into_one(tmp_path: Path) -> None:
    one, two, path = Ledger(2), Ledger(2), tmp_path / "a.csv"
    one.export(path)
    two.export(tmp_path / "b.csv")
    path.write_text("\n".join(path.read_text().splitlines()[:2] + (tmp_path / "b.csv").read_text().splitlines()[2:]))
    with pytest.raises(
        LedgerError,
        match=f"line 3: expected rows of the ledger of the first row .{one.identity}.* ledger {two.identity}",
    ):
        Ledger(2).import_file(path)
