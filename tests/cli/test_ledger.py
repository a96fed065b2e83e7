"""`alcore ledger`: a labelling campaign by command line alone; refusals are one sentence, exit code 2, and change nothing."""

from __future__ import annotations

import csv
import errno
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest
from typer.testing import CliRunner

import alcore
from alcore import Ledger
from alcore.cli import app

N = 30
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 6)).transpose(0, 2, 1).copy()
MAPS = np.random.default_rng(1).dirichlet(np.ones(3), size=(N, 2, 5)).transpose(0, 3, 1, 2).copy()
PADDING = np.random.default_rng(2).random((N, 2)) < 0.3
PADDING[:, 0] = False
TARGETS = PROBS[:4]
NAMES = [f"[red]{i}[/red].png" for i in range(N)]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with predictions and a ledger, the current one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    np.save("preds.npy", PROBS)
    np.save("maps.npy", MAPS)
    np.save("mask.npy", PADDING)
    np.savez("several.npz", pool=PROBS, target=TARGETS)
    Path("ids.txt").write_text("".join(f"{name}\n" for name in NAMES))
    Ledger.open("run.db", N).close()
    return tmp_path


def run(*arguments: object) -> Any:
    return CliRunner().invoke(app, ["ledger", *(str(argument) for argument in arguments)])


def done(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    assert not result.stderr
    return str(result.stdout)


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def ids_asked(*arguments: object) -> list[int]:
    return [int(row["id"]) for row in table(done("ask", "run.db", *arguments))]


def fill(name: str, labels: dict[str, str]) -> None:
    """What an annotator does in a spreadsheet."""
    rows = table(Path(name).read_text())
    for row in rows:
        row["label"] = labels.get(row["id"], row["label"])
    with open(name, "w", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


# --- a labelling round ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
def test_a_round_by_command_line_alone(here: Path, named: bool) -> None:
    given = ["--ids", "ids.txt"] if named else ["--size", N]
    assert done("create", "new.db", *given) == "30 ids -> new.db\n"
    shown = done(
        "ask", "new.db", "preds.npy", "-k", 4, "-H", "power-bald", "--seed", 3, "--asker", "ann", "-o", "todo.csv"
    )
    assert shown == "power-bald: query 1, 4 ids -> todo.csv\n"
    best = [str(i) if not named else NAMES[i] for i in alcore.PowerBALD().select(PROBS, 4, rng=3).indices]
    rows = table(Path("todo.csv").read_text())
    assert [row["id"] for row in rows] == best
    fill("todo.csv", {best[0]: "cat", best[1]: "[1,2]", best[3]: "[red]dog"})
    told = done("tell", "new.db", "todo.csv", "--annotator", "[bold]ann")
    assert told == "3 labels recorded, 1 ids without a label; still open: 1 of query 1 (ann)\n"
    shown = done("status", "new.db")
    words = shown.split()
    assert "[bold]ann" in words
    assert "[red]dog" in words
    assert "[1,2]" in words
    assert re.search(r"26 +1 +3 +0", shown)
    assert re.search(r"1 +ann +power-bald +1", shown)
    fill("todo.csv", {best[2]: "cat"})
    assert (
        done("tell", "new.db", "todo.csv")
        == "1 labels recorded, 3 there already, 0 ids without a label; nothing is open\n"
    )
    assert done("export", "new.db", "labels.jsonl", "--state", "labelled") == "4 rows -> labels.jsonl\n"
    lines = [json.loads(line) for line in Path("labels.jsonl").read_text().splitlines()]
    assert {str(line["id"]): line["label"] for line in lines} == dict(
        zip(best, ["cat", [1, 2], "cat", "[red]dog"], strict=True)
    )
    following = {row["id"] for row in table(done("ask", "new.db", "preds.npy", "-k", 5))}
    assert len(following - set(best)) == 5
    assert done("withdraw", "new.db", 2) == "query 2: 5 ids are free again\n"


def test_an_open_query_is_asked_again(here: Path) -> None:
    first = done("ask", "run.db", "preds.npy", "-k", 3)
    again = run("ask", "run.db", "-H", "random", "-k", 9)
    assert (again.exit_code, again.stdout) == (0, first)
    assert again.stderr == (
        "note: query 1 of default is open still, so it is asked again: 3 ids wait. "
        "Tell their labels, or take it back: alcore ledger withdraw run.db 1.\n"
    )
    assert "query 2" in done("ask", "run.db", "preds.npy", "--asker", "b", "-o", "todo.csv")
    assert done("status", "run.db").count("bald") == 2


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "json"])
def test_every_file_goes_out_and_comes_back(here: Path, suffix: str) -> None:
    name, ids = f"todo.{suffix}", alcore.BALD().select(PROBS, 3).indices.tolist()
    done(
        "ask",
        "run.db",
        "preds.npy",
        "-k",
        3,
        "-o",
        name,
        *(["--data", "image=https://h/{id}.png"] if suffix == "json" else []),
    )
    if suffix == "csv":
        fill(name, {str(one): "cat" for one in ids})
    elif suffix == "jsonl":
        rows = [json.loads(line) for line in Path(name).read_text().splitlines()]
        Path(name).write_text("".join(json.dumps({**row, "label": "cat"}) + "\n" for row in rows))
    elif suffix == "parquet":
        found = pyarrow.parquet.read_table(name)
        place = found.schema.get_field_index("label")
        pyarrow.parquet.write_table(found.set_column(place, "label", [["cat"] * 3]), name)
    else:
        tasks = json.loads(Path(name).read_text())
        assert [task["data"] for task in tasks] == [{"image": f"https://h/{one}.png", "id": one} for one in ids]
        assert tasks[0]["predictions"][0]["score"] == alcore.bald(PROBS)[ids[0]]
        chosen = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
        for task in tasks:
            task["annotations"] = [{"result": [chosen], "completed_by": {"email": "ann@host"}}]
        Path(name).write_text(json.dumps(tasks))
    assert done("tell", "run.db", name).endswith("; nothing is open\n")
    with Ledger.open("run.db") as ledger:
        assert ledger.labels_of(ids) == ["cat"] * 3


def test_a_ledger_moves_as_a_file(here: Path) -> None:
    query = ids_asked("preds.npy", "-k", 3)
    Path("a.csv").write_text(f"id,label\n{query[0]},cat\n")
    done("tell", "run.db", "a.csv", "--query", 1)
    assert done("export", "run.db", "all.csv") == "30 rows -> all.csv\n"
    done("create", "other.db", "--size", N)
    assert done("import", "other.db", "all.csv") == "30 ids restored, 1 labels recorded, 29 ids without a label\n"
    done("export", "other.db", "again.csv")
    assert Path("all.csv").read_bytes() == Path("again.csv").read_bytes()
    again = run("ask", "other.db", "preds.npy")
    assert [int(row["id"]) for row in table(again.stdout)] == query[1:]
    Path("b.csv").write_text("id,label\n1,bought\n")
    assert done("import", "other.db", "b.csv", "--annotator", "shop") == "1 labels recorded, 0 ids without a label\n"
    assert "shop" in done("status", "other.db")
    assert done("export", "other.db", "part.csv", "--state", "labelled", "--state", "asked") == "4 rows -> part.csv\n"


# --- heuristics -------------------------------------------------------------------------------------------------------


def test_options_of_heuristics_are_passed_on(here: Path) -> None:
    cases: list[tuple[alcore.Heuristic, np.ndarray, dict[str, Any], list[object]]] = [
        (alcore.Power(alcore.BALD(), 4.0), PROBS, {}, ["preds.npy", "-H", "power-bald", "--beta", 4, "--seed", 0]),
        (alcore.PairwiseKL(0.2), PROBS, {}, ["preds.npy", "-H", "pairwise-kl", "--floor", 0.2]),
        (alcore.EPIG(TARGETS), PROBS, {}, ["preds.npy", "-H", "epig", "--targets", "targets.npy"]),
        (alcore.BALD(), np.log(PROBS), {"kind": "logits"}, ["logits.npy", "--kind", "logits"]),
        (alcore.BALD(), PROBS, {"weights": np.arange(6.0)}, ["several.npz", "--member", "pool", "--weights", "w.npy"]),
        (
            alcore.Reduce(alcore.Entropy(), "top-mean", q=0.5),
            MAPS,
            {"mask": PADDING},
            ["maps.npy", "-H", "entropy", "--reduce", "top-mean", "--share", 0.5, "--mask", "mask.npy"],
        ),
        (
            alcore.BatchBALD(samples=60, exact=0),
            PROBS,
            {},
            ["preds.npy", "-H", "batchbald", "--samples", 60, "--exact", 0, "--seed", 0],
        ),
        (alcore.Random(), PROBS, {}, ["-H", "random", "--seed", 0]),
        (alcore.Random(), PROBS, {}, ["preds.npy", "-H", "random", "--seed", 0]),
    ]
    np.save("targets.npy", TARGETS)
    np.save("logits.npy", np.log(PROBS))
    np.save("w.npy", np.arange(6.0))
    for number, (heuristic, predictions, options, arguments) in enumerate(cases):
        done("create", f"{number}.db", "--size", N)
        rows = table(done("ask", f"{number}.db", *arguments, "-k", 4))
        with Ledger(N) as ledger:
            query = ledger.ask(heuristic, predictions, 4, rng=0, **options)
        assert [int(row["id"]) for row in rows] == query.ids.tolist()
        assert [float(row["q"]) for row in rows] == query.q.tolist()


def test_the_targets_of_the_predictions_own_file(here: Path) -> None:
    result = run("ask", "run.db", "several.npz", "-H", "epig", "-k", 2)
    assert result.stderr.startswith("note: targets are the member 'target' of several.npz")
    assert [int(row["id"]) for row in table(result.stdout)] == alcore.EPIG(TARGETS).select(PROBS, 2).indices.tolist()


@pytest.mark.parametrize("named", [False, True])
def test_predictions_of_a_subset(here: Path, named: bool) -> None:
    rows = [17, 3, 25, 9, 11]
    np.save("part.npy", PROBS[rows])
    if named:
        done("create", "named.db", "--ids", "ids.txt")
    Path("subset.txt").write_text("\n".join(NAMES[row] if named else str(row) for row in rows))
    shown = table(done("ask", "named.db" if named else "run.db", "part.npy", "-k", 2, "--ids", "subset.txt"))
    best = [rows[i] for i in alcore.BALD().select(PROBS[rows], 2).indices]
    assert [row["id"] for row in shown] == [NAMES[row] if named else str(row) for row in best]


def test_the_pool_comes_to_an_end(here: Path) -> None:
    done("create", "two.db", "--size", 2)
    assert "2 ids" in done("ask", "two.db", "-H", "random", "-o", "todo.csv")
    result = run("ask", "two.db", "-H", "random", "--asker", "b")
    assert (result.exit_code, result.stdout) == (0, "id,label,annotator,query,score,q\n")
    assert result.stderr == "note: no id is free, so nothing was asked.\n"


# --- what is refused --------------------------------------------------------------------------------------------------

REFUSALS: list[tuple[Sequence[str], str]] = [
    (["create", "run.db", "--size", "3"], "run.db: is there already. .* alcore ledger status run.db"),
    (["create", "preds.npy", "--size", "3"], "preds.npy: is there already"),
    (["create", "x.db"], "size: expected either --size N or --ids FILE"),
    (["create", "x.db", "--size", "3", "--ids", "ids.txt"], "size: expected either"),
    (["create", "x.db", "--size", "-1"], "size: expected at least 0, got -1"),
    (["create", "x.db", "--ids", "nope.txt"], "nope.txt: no such file"),
    (["create", "x.db", "--ids", "."], ".: expected a file, got a folder"),
    (["create", "x.db", "--ids", "preds.npy"], "preds.npy: expected a text file in UTF-8 with an id a line"),
    (["create", "x.db", "--ids", "twice.txt"], "ids: expected different names, but 'a' stands there twice"),
    (["create", "no/x.db", "--size", "3"], "the folder .* does not exist"),
    (["status", "nope.db"], "nope.db: no such ledger. Make it: alcore ledger create nope.db --size N"),
    (["status", "preds.npy"], "expected a ledger, but it is no SQLite file. Nothing was changed"),
    (["status", "."], "expected a file, got a folder"),
    (["ask", "nope.db", "preds.npy"], "nope.db: no such ledger"),
    (
        ["ask", "run.db"],
        "bald: expected predictions: alcore ledger ask run.db PREDICTIONS. Without: --heuristic random",
    ),
    (["ask", "run.db", "nope.npy"], "nope.npy: no such file"),
    (["ask", "run.db", "preds.npy", "-H", "bold"], "'bold'"),
    (["ask", "run.db", "preds.npy", "-k", "0"], "k: expected at least 1, got 0"),
    (["ask", "run.db", "preds.npy", "--seed", "-1"], "rng: expected"),
    (["ask", "run.db", "preds.npy", "--asker", ""], "asker: expected a name, got ''"),
    (["ask", "run.db", "maps.npy"], "Reduce them: --reduce mean"),
    (["ask", "run.db", "preds.npy", "-o", "todo.txt"], "todo.txt: expected a file that ends in .csv or .jsonl"),
    (["ask", "run.db", "preds.npy", "-o", "no/todo.csv"], "the folder no does not exist"),
    (["ask", "run.db", "preds.npy", "-o", "t.csv", "--data", "image=x"], "--data: is for Label Studio's tasks"),
    (["ask", "run.db", "preds.npy", "-o", "t.json", "--data", "x"], "--data: expected name=template, .* got 'x'"),
    (["ask", "run.db", "preds.npy", "-o", "t.json", "--data", "id=x"], "data: expected other names than id"),
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
    (["withdraw", "run.db", "1"], "query: 1 waits for no label"),
    (["export", "run.db", "a.xlsx"], "a.xlsx: expected a file that ends in .csv"),
    (["export", "run.db", "run.db"], "run.db: expected a file that ends in .csv"),
    (["export", "run.db", "a.csv", "--state", "labeled"], "states: expected some of unlabelled, .* got 'labeled'"),
    (["export", "run.db", "a.csv", "--data", "image=x"], "--data: is for Label Studio's tasks"),
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
    before = sorted(os.listdir())
    result = run(*arguments)
    assert result.exit_code == 2
    assert re.fullmatch(r"error: .+ See alcore --help\.\n", result.stderr)
    assert sorted(os.listdir()) == before


def test_without_a_command_the_help_is_shown(here: Path) -> None:
    result = run()
    assert result.exit_code == 2
    for name in ("create", "status", "ask", "tell", "withdraw", "export", "import"):
        assert name in result.stdout
        assert "RUN.db" in done(name, "--help")


def test_labels_that_differ_are_replaced_only_when_said(here: Path) -> None:
    (one,) = ids_asked("preds.npy", "-k", 1)
    for command in ("tell", "import"):
        Path("a.csv").write_text(f"id,label\n{one},cat\n")
        done(command, "run.db", "a.csv", "--overwrite")
        Path("a.csv").write_text(f"id,label\n{one},dog\n")
        result = run(command, "run.db", "a.csv")
        assert result.exit_code == 2
        assert f"a.csv, line 2: label: {one} is labelled \"cat\" already, got 'dog'" in result.stderr
        assert done(command, "run.db", "a.csv", "--overwrite").startswith("1 labels recorded")


# --- files that cannot be written -------------------------------------------------------------------------------------


def test_a_query_that_could_not_be_written_is_asked_again(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(os, "fsync", full)
        result = run("ask", "run.db", "preds.npy", "-k", 3, "-o", "todo.csv")
    assert result.exit_code == 2
    assert result.stderr == (
        "error: todo.csv: cannot be written (No space left on device); nothing of it was. Make room, or name another place. "
        "Query 1 is recorded: ask again to have it written.\n"
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


@pytest.mark.parametrize("name", ["[red]x.db", "[link=x]y.db", "x[.db", "ß ½.db"])
def test_names_are_printed_as_they_are(here: Path, name: str) -> None:
    assert done("create", name, "--size", 3) == f"3 ids -> {name}\n"
    assert name in done("status", name)
    done("ask", name, "-H", "random", "--asker", "[bold]a[/bold]", "-k", 1)
    assert "[bold]a[/bold]" in done("status", name)
    output = f"{name}.csv"
    assert done("export", name, output) == f"3 rows -> {output}\n"
