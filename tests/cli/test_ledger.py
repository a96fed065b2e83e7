"""`alcore ledger`: a labelling campaign by command line alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet
import pytest

import alcore
from alcore import Ledger
from tests.cli.ledger_commands import (
    MAPS,
    NAMES,
    PADDING,
    PROBS,
    TARGETS,
    N,
    done,
    fill,
    ids_asked,
    make_folder,
    run,
    table,
)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


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
    shown = done("tell", "new.db", "todo.csv", "--annotator", "[bold]ann")
    assert shown == "3 labels recorded, 1 ids without a label; still open: 1 of query 1 (ann)\n"
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
        == "1 labels recorded, 3 known already, 0 ids without a label; no query is open\n"
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
        "note: query 1 of default is still open, so it is asked again: 3 ids wait for a label. "
        "Answer it: alcore ledger tell run.db FILE. Or take it back: alcore ledger withdraw run.db 1.\n"
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
        columns = pyarrow.parquet.read_table(name)
        place = columns.schema.get_field_index("label")
        pyarrow.parquet.write_table(columns.set_column(place, "label", [["cat"] * 3]), name)
    else:
        tasks = json.loads(Path(name).read_text())
        assert [(task["data"]["image"], task["data"]["id"]) for task in tasks] == [
            (f"https://h/{one}.png", one) for one in ids
        ]
        assert tasks[0]["meta"]["score"] == alcore.bald(PROBS)[ids[0]]
        chosen = {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
        for task in tasks:
            task["annotations"] = [{"result": [chosen], "completed_by": {"email": "ann@host"}}]
        Path(name).write_text(json.dumps(tasks))
    assert done("tell", "run.db", name).endswith("; no query is open\n")
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
    assert result.stderr.startswith("note: the targets are the member 'target' of several.npz")
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


def test_a_status_says_when_it_leaves_labels_out(here: Path) -> None:
    with Ledger.open("many.db", size=30) as ledger:
        ledger.label({i: f"label {i % 12}" for i in range(24)}, annotator="ann")
    shown = " ".join(done("status", "many.db").split())
    assert shown.count("the 10 most frequent") == 1
    assert "labels by label, the 10 most frequent" in shown
    assert len(re.findall(r"label \d+ +2", shown)) == 10


def test_the_pool_comes_to_an_end(here: Path) -> None:
    done("create", "two.db", "--size", 2)
    assert "2 ids" in done("ask", "two.db", "-H", "random", "-o", "todo.csv")
    result = run("ask", "two.db", "-H", "random", "--asker", "b")
    assert (result.exit_code, result.stdout) == (0, "id,label,annotator,query,score,q,ledger\n")
    assert result.stderr == "note: no id is free, so nothing was asked.\n"


def test_labels_that_differ_are_replaced_only_when_said(here: Path) -> None:
    (one,) = ids_asked("preds.npy", "-k", 1)
    for command in ("tell", "import"):
        Path("a.csv").write_text(f"id,label\n{one},cat\n")
        done(command, "run.db", "a.csv", "--overwrite")
        Path("a.csv").write_text(f"id,label\n{one},dog\n")
        result = run(command, "run.db", "a.csv")
        assert result.exit_code == 2
        assert f"a.csv, line 2: label: {one} has the label \"cat\" already, got 'dog'" in result.stderr
        assert done(command, "run.db", "a.csv", "--overwrite").startswith("1 labels recorded")


@pytest.mark.parametrize("name", ["[red]x.db", "[link=x]y.db", "x[.db", "ß ½.db"])
def test_names_are_printed_as_they_are(here: Path, name: str) -> None:
    assert done("create", name, "--size", 3) == f"3 ids -> {name}\n"
    assert name in done("status", name)
    done("ask", name, "-H", "random", "--asker", "[bold]a[/bold]", "-k", 1)
    assert "[bold]a[/bold]" in done("status", name)
    output = f"{name}.csv"
    assert done("export", name, output) == f"3 rows -> {output}\n"
