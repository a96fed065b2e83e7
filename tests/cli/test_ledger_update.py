"""`alcore ledger ask --update`: labels that came since the predictions were made, by command line alone."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, Update
from tests.cli.ledger_commands import PROBS, TARGETS, N, done, make_folder, run, table

TRUTH = np.random.default_rng(3).integers(0, 3, N)


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model trained on three labels, whose first query has its labels since."""
    folder = make_folder(tmp_path, monkeypatch)
    with Ledger.open("run.db") as ledger:
        ledger.label({one: int(TRUTH[one]) for one in (3, 11, 20)})
    done("export", "run.db", "old.csv", "--state", "labelled")
    Path("old.txt").write_text("3\n11\n20\n")
    done("ask", "run.db", "preds.npy", "-k", 4, "-o", "todo.csv")
    with Ledger.open("run.db") as ledger:
        (query,) = ledger.open_queries()
        ledger.tell(query, TRUTH[query.ids].tolist())
    return folder


def asked(*arguments: object) -> tuple[list[int], str]:
    result = run("ask", "run.db", "preds.npy", "-k", 5, "--seed", 2, *arguments)
    assert result.exit_code == 0, result.output
    rows = table(result.stdout)
    done("withdraw", "run.db", rows[0]["query"])
    return [int(row["id"]) for row in rows], result.stderr


def expected(heuristic: Any, **options: Any) -> list[int]:
    with Ledger.open("run.db") as ledger:
        query = ledger.ask(heuristic, PROBS, 5, asker="check", rng=2, update=Update([3, 11, 20], **options))
        ledger.withdraw(query)
        return [int(one) for one in query.ids]


@pytest.mark.parametrize("what", ["old.csv", "old.txt", "1"])
def test_what_the_model_was_trained_on_is_told_by_a_file_or_a_query(here: Path, what: str) -> None:
    best = expected(alcore.BatchBALD())
    ids, said = asked("-H", "batchbald", "--update", "--trained-on", what)
    assert ids == best
    assert re.match(
        r"note: 4 labels were learned that came since the model was trained on 3 \(scale [\d.]+, effective", said
    )
    done("unlabel", "run.db", 3)
    ids, said = asked("-H", "batchbald", "--update", "--trained-on", what)
    assert "4 labels were learned" in said


def test_options_of_the_update_and_targets(here: Path) -> None:
    best = expected(alcore.EPIG(TARGETS), scale=3.0, draws=40)
    np.save("targets.npy", TARGETS)
    given = ("-H", "epig", "--targets", "targets.npy", "--update", "--trained-on", "old.txt")
    ids, said = asked(*given, "--scale", 3, "--draws", 40)
    assert ids == best
    assert "(scale 3, " in said
    ids, said = asked("--update", "--trained-on", "none")
    assert "note: 7 labels were learned that came since the model was trained on 0" in said
    done("export", "run.db", "all.jsonl", "--state", "labelled")
    ids, said = asked("--update", "--trained-on", "all.jsonl")
    assert said == "note: no label came since the model was trained, so the predictions were ranked as they are.\n"
    assert ids == asked()[0]


def test_without_saying_what_was_trained_on_nothing_is_asked(here: Path) -> None:
    """Each way that the refusal names works."""
    result = run("ask", "run.db", "preds.npy", "--update")
    assert result.exit_code == 2
    ways = re.findall(r"--trained-on (labels\.csv|3|none)\b", " ".join(result.stderr.split()))
    assert ways == ["labels.csv", "3", "none"]
    done("export", "run.db", "labels.csv", "--state", "labelled")
    for way in ("labels.csv", "1", "none"):
        asked("--update", "--trained-on", way)
    for option in ("--trained-on none", "--scale 2", "--classes a,b,c"):
        result = run("ask", "run.db", "preds.npy", *option.split())
        assert result.exit_code == 2
        assert "Add --update" in result.stderr
    for wrong in ("nowhere.csv", "9"):
        result = run("ask", "run.db", "preds.npy", "--update", "--trained-on", wrong)
        assert result.exit_code == 2
        assert "expected a" in result.stderr
    Ledger.open("other.db", N).close()
    with Ledger.open("other.db") as other:
        other.label({1: 2})
        other.export("other.csv")
    result = run("ask", "run.db", "preds.npy", "--update", "--trained-on", "other.csv")
    assert "Name an export of this ledger" in " ".join(result.stderr.split())
    done("export", "run.db", "free.csv", "--state", "unlabelled")
    result = run("ask", "run.db", "preds.npy", "--update", "--trained-on", "free.csv")
    text = " ".join(result.stderr.split())
    command = re.search(r"alcore ledger (export run\.db FILE --state labelled)", text)
    assert command is not None
    done(*shlex.split(command.group(1).replace("FILE", "labelled.csv")))
    asked("--update", "--trained-on", "labelled.csv")


def test_labels_that_are_no_numbers_need_classes(here: Path) -> None:
    done("create", "names.db", "--size", N)
    with Ledger.open("names.db") as ledger:
        ledger.label({1: "dog", 2: "cat"})
    given = ("ask", "names.db", "preds.npy", "-k", 2, "--update", "--trained-on", "none")
    result = run(*given)
    assert result.exit_code == 2
    assert "in the order of axis 1, such as --classes cat,dog,OTHERS." in " ".join(result.stderr.split())
    result = run(*given, "--classes", "cat,dog,bird", "--seed", 0)
    assert result.exit_code == 0, result.output
    with Ledger.open("names.db") as ledger:
        (query,) = ledger.open_queries()
        ledger.withdraw(query)
        again = ledger.ask(alcore.BALD(), PROBS, 2, rng=0, update=Update([], classes=["cat", "dog", "bird"]))
        assert again.ids.tolist() == query.ids.tolist()


def test_labels_without_a_row_are_left_out_where_it_is_said(here: Path) -> None:
    np.save("half.npy", PROBS[:25])
    Path("half.txt").write_text("".join(f"{one}\n" for one in range(25)))
    with Ledger.open("run.db") as ledger:
        ledger.label({one: 0 for one in range(25, N) if one in ledger.pool})
    given = ("ask", "run.db", "half.npy", "--ids", "half.txt", "-k", 2, "--update", "--trained-on", "old.txt")
    result = run(*given)
    assert result.exit_code == 2
    assert "leave their labels out: --leave-out." in " ".join(result.stderr.split())
    result = run(*given, "--leave-out")
    assert result.exit_code == 0, result.output
    assert "have no row and were left out" in " ".join(result.stderr.split())


def test_show_and_history_say_what_was_learned(here: Path) -> None:
    """While the query is open, and after its labels came. Nothing is said of queries that learned nothing."""
    run("ask", "run.db", "preds.npy", "-k", 2, "--seed", 2, "-o", "next.csv", "--update", "--trained-on", "old.txt")
    with Ledger.open("run.db", readonly=True) as ledger:
        (query,) = ledger.open_queries()
        assert ledger.updates() == {2: query.update}
        assert query.update is not None
        scale, dimension = query.update["scale"], query.update["effective_dimension"]
        first = next(int(event["id"]) for event in ledger.history(ledger.labelled) if event["query"] == 1)
    words = "4 labels were learned that came since the model was trained on 3 "
    words += f"(scale {scale:.3g}, effective dimension {dimension:.1f})."
    shown = run("show", "run.db")
    assert shown.exit_code == 0
    assert shown.stderr == f"note: {words}\n"
    assert len(table(shown.stdout)) == 2
    one = int(query.ids[0])
    assert done("history", "run.db", one).splitlines()[-1] == f"query 2: {words}"
    with Ledger.open("run.db") as ledger:
        ledger.tell(query, TRUTH[query.ids].tolist())
    assert done("history", "run.db", one, first).splitlines()[-1] == f"query 2: {words}"
    assert "learned" not in done("history", "run.db", first)


def test_one_label_is_one(here: Path) -> None:
    from alcore.cli.ledger_update import in_words

    said = in_words({"learned": 1, "left_out": 1, "trained_on": 3, "scale": 1.0, "effective_dimension": 0.9})
    assert said.startswith("1 label was learned that came")
    assert said.endswith(" 1 label has no row and was left out.")
