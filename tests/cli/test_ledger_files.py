"""`alcore ledger` with files of other tools: keys by name, annotators who differ, items to show, files that are there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from alcore import Ledger
from tests.cli.ledger_commands import N, done, fill, make_folder, run


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


def test_what_annotators_differ_on_is_listed(here: Path) -> None:
    done("ask", "run.db", "-H", "random", "-k", N, "-o", "todo.csv")
    Path("a.csv").write_text("id,label,annotator\n1,cat,ann\n1,[red]dog,bob\n2,fox,ann\n2,fox,\n3,,\n")
    assert done("tell", "run.db", "a.csv") == (
        "1 labels recorded, 1 ids without a label; still open: 29 of query 1 (default)\n"
        "1 disputed, as annotators differ. They stay as they were:\n"
        "  1: cat (ann), [red]dog (bob)\n"
    )
    assert done("import", "run.db", "a.csv", "--agree", "one=bob").startswith("1 labels recorded, ")
    with Ledger.open("run.db") as ledger:
        assert ledger.labels_of([1, 2]) == ["[red]dog", "fox"]


@pytest.mark.parametrize("command", ["tell", "import"])
def test_keys_are_named(here: Path, command: str) -> None:
    done("ask", "run.db", "-H", "random", "-k", N, "-o", "todo.csv")
    record = {"_input_hash": 1, "meta": {"id": 4}, "tag": "cat", "by": "ann", "answer": "reject"}
    Path("a.jsonl").write_text(json.dumps(record))
    result = run(command, "run.db", "a.jsonl")
    assert result.exit_code == 2
    assert "a record of Prodigy without one" in result.stderr
    assert "--id meta.id" in result.stderr
    keys = ["--id", "meta.id", "--label", "tag", "--annotator-key", "by", "--answer", "answer=reject"]
    assert done(command, "run.db", "a.jsonl", *keys).startswith("1 labels recorded")
    with Ledger.open("run.db") as ledger:
        assert ledger.count_labels("annotator") == [("ann", 1)]


def test_items_are_shown(here: Path) -> None:
    Path("items.jsonl").write_text("".join(json.dumps({"id": i, "text": f"text {i}"}) + "\n" for i in range(N)))
    given = ["ask", "run.db", "preds.npy", "-k", 2, "--data-from", "items.jsonl"]
    for more, said in [
        (["-o", "a.json", "--data", "x={txt}"], "got {txt}. There are: {id}, {text}"),
        (["-o", "a.csv"], "--data-from: this option works only with Label Studio's tasks"),
        ([], "--data-from: this option works only with Label Studio's tasks"),
        (["-o", "items.jsonl"], "items.jsonl: this file is an input"),
        (
            ["-o", "a.json", "--data-from", "items.json"],
            "items.json: expected a file of items that ends in .jsonl, .csv, .tsv",
        ),
    ]:
        result = run(*given, *more)
        assert result.exit_code == 2
        assert said in result.stderr
    with Ledger.open("run.db") as ledger:
        assert not ledger.open_queries()
    done(*given, "-o", "a.json", "--data", "title=No. {id}: {text}")
    for task in json.loads(Path("a.json").read_text()):
        one = task["data"]["id"]
        assert len(task["data"].pop("ledger")) == 32
        assert task["data"] == {"title": f"No. {one}: text {one}", "text": f"text {one}", "id": one}


def test_names_that_items_do_not_have_are_refused_before_anything_is_pushed(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LABEL_STUDIO_API_KEY", "x")
    Path("items.tsv").write_text("id\ttext\n0\tof 0\n")
    server = ["--label-studio", "http://localhost:1", "--project", 1]
    for items, said in [
        ("items.tsv", "data: expected names that exist in the template of 'x', got {txt}. There are: {id}, {text}."),
        ("no.tsv", "no.tsv: no such file."),
    ]:
        result = run("sync", "run.db", *server, "--data-from", items, "--data", "x={txt}")
        assert result.exit_code == 2
        assert said in result.stderr
    result = run("sync", "run.db", *server, "--data-from", "items.tsv", "--data", "x={text}")  # the remedy
    assert "Label Studio did not answer" in result.stderr


def test_tab_separated_files(here: Path) -> None:
    done("ask", "run.db", "-H", "random", "-k", 2, "--seed", 0, "-o", "todo.tsv")
    header, *rows = Path("todo.tsv").read_text().splitlines()
    assert header == "id\tlabel\tannotator\tquery\tscore\tq\tledger"
    Path("done.tsv").write_text("\n".join([header, *(row.replace("\t\t", "\tcat, small\t", 1) for row in rows)]))
    assert done("tell", "run.db", "done.tsv").startswith("2 labels recorded")
    assert done("import", "run.db", "done.tsv").startswith("0 labels recorded, 2 known already")
    done("export", "run.db", "all.tsv")
    done("create", "copy.db", "--size", N)
    assert done("import", "copy.db", "all.tsv").startswith(f"{N} ids restored, 2 labels recorded")
    with Ledger.open("copy.db") as ledger:
        assert ledger.labels == ["cat, small"] * 2


def test_a_file_that_is_there_is_written_over_only_when_said(here: Path) -> None:
    done("ask", "run.db", "preds.npy", "-k", 2, "-o", "todo.csv")
    again = run("ask", "run.db", "preds.npy", "-o", "todo.csv")
    assert again.exit_code == 0  # the same query, and nobody typed
    one = Path("todo.csv").read_text().splitlines()[1].split(",")[0]
    fill("todo.csv", {one: "cat"})
    before = Path("todo.csv").read_bytes()
    refused = run("ask", "run.db", "preds.npy", "-o", "todo.csv")
    assert refused.exit_code == 2
    assert "todo.csv: this file exists already, with 2 rows, 1 of them with a label" in refused.stderr
    other = run("ask", "run.db", "preds.npy", "--asker", "b", "-o", "todo.csv")
    assert other.exit_code == 2
    assert "Record them: alcore ledger tell run.db todo.csv." in other.stderr
    with Ledger.open("run.db") as ledger:
        assert len(ledger.open_queries()) == 1  # nothing was asked for b
    assert Path("todo.csv").read_bytes() == before
    said = run("ask", "run.db", "preds.npy", "--asker", "b", "-k", 3, "-o", "todo.csv", "--overwrite")
    assert said.exit_code == 0
    assert (
        said.stderr
        == "note: todo.csv: this file exists already, with 2 rows, 1 of them with a label. It is replaced.\n"
    )
    assert len(Path("todo.csv").read_text().splitlines()) == 4
