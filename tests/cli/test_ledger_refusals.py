"""`alcore ledger`: refusals are one sentence, exit code 2, and change nothing."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import alcore
from alcore import Ledger
from tests.cli.ledger_commands import (
    PROBS,
    N,
    done,
    make_folder,
    run,
    table,
)
from tests.cli.wrong_usage import assert_wrong_usage


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


REFUSALS: list[tuple[Sequence[str], str]] = [
    (["create", "run.db", "--size", "3"], "run.db: this file exists already. .* alcore ledger status run.db"),
    (["create", "preds.npy", "--size", "3"], "preds.npy: this file exists already"),
    (["create", "x.db"], "size: expected either --size N, or --ids FILE"),
    (["create", "x.db", "--size", "3", "--ids", "ids.txt"], "size: expected either"),
    (["create", "x.db", "--size", "-1"], "size: expected at least 0, got -1"),
    (["create", "x.db", "--ids", "nope.txt"], "nope.txt: no such file"),
    (["create", "x.db", "--ids", "."], ".: expected a file, got a folder"),
    (["create", "x.db", "--ids", "preds.npy"], "preds.npy: expected a text file in UTF-8 with one id per line"),
    (["create", "x.db", "--ids", "twice.txt"], "ids: expected different names, but 'a' is there twice"),
    (["create", "no/x.db", "--size", "3"], "the folder .* does not exist"),
    (["status", "nope.db"], "nope.db: no such ledger. Make it: alcore ledger create nope.db --size N"),
    (["status", "preds.npy"], "expected a ledger, but it is not an SQLite file. Nothing was changed"),
    (["status", "."], "expected a file, got a folder"),
    (["ask", "nope.db", "preds.npy"], "nope.db: no such ledger"),
    (
        ["ask", "run.db"],
        "bald: expected a file of predictions: alcore ledger ask run.db PREDICTIONS. Without predictions: --heuristic random",
    ),
    (["ask", "run.db", "nope.npy"], "nope.npy: no such file"),
    (["ask", "run.db", "preds.npy", "-H", "bold"], "'bold'"),
    (["ask", "run.db", "preds.npy", "-k", "0"], "k: expected at least 1, got 0"),
    (["ask", "run.db", "preds.npy", "--seed", "-1"], "--seed: expected a seed of at least 0, got -1"),
    (["ask", "run.db", "preds.npy", "--asker", ""], "asker: expected a name, a string that is not empty, got ''"),
    (["ask", "run.db", "maps.npy"], "Reduce them: --reduce mean"),
    (
        ["ask", "run.db", "preds.npy", "-o", "todo.txt"],
        "todo.txt: expected a file that ends in .csv, .tsv, .jsonl",
    ),
    (["ask", "run.db", "preds.npy", "-o", "no/todo.csv"], "the folder no does not exist"),
    (
        ["ask", "run.db", "preds.npy", "-o", "t.csv", "--data", "image=x"],
        "--data: this option works only with Label Studio's tasks",
    ),
    (["ask", "run.db", "preds.npy", "-o", "t.json", "--data", "x"], "--data: expected name=template, .* got 'x'"),
    (["ask", "run.db", "preds.npy", "-o", "t.json", "--data", "id=x"], "data: expected other names than 'id'"),
    (["ask", "run.db", "preds.npy", "--ids", "few.txt"], "expected 2 rows, as ids has, got 30"),
    (["ask", "run.db", "preds.npy", "--ids", "ids.txt"], r"ids.txt, id 1: expected a whole number, .* got '\[red\]0"),
    (["tell", "run.db", "nope.csv"], "nope.csv: no such file"),
    (["tell", "run.db", "preds.npy"], "preds.npy: expected a file that ends in .csv"),
    (
        ["tell", "run.db", "markup.csv"],
        r"markup.csv, line 2: expected an id that is a whole number .* got '\[red\]x\[/\]'",
    ),
    (["tell", "run.db", "unasked.csv"], "unasked.csv, line 2: expected an id that was asked, got 5"),
    (["tell", "run.db", "unasked.csv", "--query", "7"], "expected a query of this ledger, got 7"),
    (["tell", "run.db", "unasked.csv", "--query", "-1"], "query: expected at least 0, got -1"),
    (["tell", "run.db", "unasked.csv", "--annotator", ""], "annotator: expected a name"),
    (["withdraw", "run.db", "1"], "query: expected a query that waits for labels, got 1"),
    (["export", "run.db", "a.xlsx"], "a.xlsx: expected a file that ends in .csv"),
    (["export", "run.db", "run.db"], "run.db: expected a file that ends in .csv"),
    (["export", "run.db", "a.csv", "--state", "labeled"], "states: expected some of unlabelled, .* got 'labeled'"),
    (["export", "run.db", "a.csv", "--data", "image=x"], "--data: this option works only with Label Studio's tasks"),
    (["export", "run.db", "no/a.csv"], "the folder no does not exist"),
    (["import", "run.db", "a.json"], "a.json: no such file"),
    (["import", "run.db", "bad.json"], "bad.json, line 1: expected JSON, but it cannot be read"),
    (["import", "run.db", "bad.parquet"], "bad.parquet: expected a Parquet file, but it cannot be read"),
    (["import", "run.db", "half.csv"], "half.csv, line 3: expected 2 cells"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), REFUSALS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_refusals_are_one_sentence_and_change_nothing(here: Path, arguments: Sequence[str], said: str) -> None:
    Path("twice.txt").write_text("a\nb\na\n")
    Path("few.txt").write_text("3\n4\n")
    Path("markup.csv").write_text("id,label\n[red]x[/],cat\n")
    Path("unasked.csv").write_text("id,label\n5,cat\n")
    Path("half.csv").write_text("id,label\n5,cat\n6\n")
    Path("bad.json").write_text('[{"data": ')
    Path("bad.parquet").write_text("PAR1")
    before = {path: path.read_bytes() for path in here.iterdir()}
    result = run(*arguments)
    assert result.exit_code == 2
    assert not result.stdout
    assert re.search(said, result.stderr)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    after = {path: path.read_bytes() for path in here.iterdir()}
    assert after.keys() == before.keys()
    assert all(after[path] == before[path] for path in before if path.name != "run.db")
    with Ledger.open("run.db") as ledger:
        assert ledger.counts() == {"unlabelled": N, "asked": 0, "labelled": 0, "aside": 0}


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "x.db", "--size", "x"],
        ["create", "x.db", "--size", "[/red]"],
        ["status"],
        ["ask", "run.db", "preds.npy", "-k", "ten"],
        ["ask", "run.db", "preds.npy", "--nope"],
        ["tell", "run.db"],
        ["tell", "run.db", "a.csv", "--query", "x"],
        ["withdraw", "run.db"],
        ["withdraw", "run.db", "first"],
        ["export", "run.db"],
        ["import", "run.db"],
        ["nope"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_leaves_no_file(here: Path, arguments: Sequence[str]) -> None:
    assert_wrong_usage(lambda: run(*arguments))


def test_without_a_command_the_help_is_shown(here: Path) -> None:
    result = run()
    assert result.exit_code == 2
    first = ("create", "status", "ask", "show", "tell", "withdraw", "export", "import", "backup")
    for name in (*first, "set-aside", "restore", "unlabel", "add", "history"):
        assert name in result.stdout
        assert "RUN.db" in done(name, "--help")


def test_a_query_that_could_not_be_written_is_asked_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        result = run("ask", "run.db", "preds.npy", "-k", 3, "-o", "todo.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: todo.csv: cannot be written (No space left on device). No file was made. Free some space, or name another file. "
        "Query 1 is recorded. Run the same command again to write it.\n"
    )
    assert not Path("todo.csv").exists()
    again = run("ask", "run.db", "preds.npy", "-k", 9, "-o", "todo.csv")
    assert again.stdout == "bald: query 1, 3 ids -> todo.csv\n"
    rows = table(Path("todo.csv").read_text())
    assert [int(row["id"]) for row in rows] == alcore.BALD().select(PROBS, 3).indices.tolist()


def test_an_export_that_could_not_be_written(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    before = sorted(os.listdir())
    monkeypatch.setattr(os, "fsync", full)
    result = run("export", "run.db", "all.csv")
    assert result.exit_code == 2
    assert result.stderr.startswith("error: all.csv: cannot be written (No space left on device)")
    assert sorted(os.listdir()) == before


def test_a_ledger_that_could_not_be_made_is_not_there(here: Path) -> None:
    line = f'ulimit -f 4; "{sys.executable}" -m alcore.cli ledger create large.db --ids many.txt'
    Path("many.txt").write_text("".join(f"a rather long name of item {i}\n" for i in range(20_000)))
    result = subprocess.run(["bash", "-c", line], capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    assert [name for name in os.listdir() if name.startswith("large")] == []
    assert done("create", "large.db", "--ids", "many.txt") == "20,000 ids -> large.db\n"
