"""`alcore ledger`: commands that hand out a query again, change single ids, show their history, and copy the file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from alcore import Ledger
from tests.cli.ledger_commands import NAMES, N, done, fill, ids_asked, make_folder, run, table
from tests.cli.wrong_usage import assert_wrong_usage


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


def counts(name: str = "run.db") -> list[int]:
    with Ledger.open(name) as ledger:
        return list(ledger.counts().values())


def test_ids_are_set_aside_and_restored(here: Path) -> None:
    asked = ids_asked("preds.npy", "-k", 2)
    free = [one for one in range(N) if one not in asked][:2]
    assert done("set-aside", "run.db", asked[0], free[0]) == "2 ids set aside\n"
    assert counts() == [N - 3, 1, 0, 2]
    assert done("restore", "run.db", free[0]) == "1 id is free again\n"
    Path("many.txt").write_text(f"{free[0]}\n{free[1]}\n")
    assert done("set-aside", "run.db", "--ids-from", "many.txt") == "2 ids set aside\n"
    assert counts() == [N - 4, 1, 0, 3]


def test_a_label_is_removed_and_stays_in_the_history(here: Path) -> None:
    with Ledger.open("run.db") as ledger:
        ledger.label({3: "[red]cat", 4: "7", 5: 7}, annotator="ann@host")
        ledger.set_aside([6])
    assert done("unlabel", "run.db", 3) == "1 label removed, 1 id is free again\n"
    assert counts() == [N - 3, 0, 2, 1]
    shown = done("history", "run.db", 3, 4, 5, 6)
    lines = [line.split() for line in shown.splitlines() if re.match(r"\s*\d{4}-", line)]
    assert [line[1:] for line in lines] == [
        ["3", "labelled", "[red]cat", "ann@host"],
        ["4", "labelled", '"7"', "ann@host"],
        ["5", "labelled", "7", "ann@host"],
        ["6", "aside"],
        ["3", "unlabelled"],
    ]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line[0]) for line in lines)


def test_names_are_ids_as_they_are(here: Path) -> None:
    done("create", "named.db", "--ids", "ids.txt")
    assert done("set-aside", "named.db", NAMES[3], NAMES[4]) == "2 ids set aside\n"
    shown = done("history", "named.db", NAMES[3])
    assert NAMES[3] in shown
    assert "aside" in shown
    assert done("add", "named.db", "10", "--", "-x") == f"2 ids added -> {N + 2} ids\n"
    assert done("set-aside", "named.db", "--", "-x") == "1 id set aside\n"
    result = run("set-aside", "named.db", "--", "-x")
    assert result.stderr == (
        "error: ids: expected ids that are unlabelled or asked, but '-x' is set aside. See alcore ledger history named.db -- -x.\n"
    )
    Path("more.txt").write_text("a b\nc\n")
    assert done("add", "named.db", "--ids-from", "more.txt") == f"2 ids added -> {N + 4} ids\n"
    assert counts("named.db") == [N + 4 - 3, 0, 0, 3]


def test_numbers_are_added_by_their_count(here: Path) -> None:
    assert done("add", "run.db", 5) == f"5 ids added -> {N + 5} ids\n"
    assert done("set-aside", "run.db", N + 4) == "1 id set aside\n"


def test_an_open_query_is_handed_out_again(here: Path) -> None:
    first = done("ask", "run.db", "preds.npy", "-k", 3)
    assert done("show", "run.db") == first
    assert done("show", "run.db", 1, "-o", "todo.csv") == "bald: query 1, 3 ids -> todo.csv\n"
    assert Path("todo.csv").read_text() == first
    ids = [row["id"] for row in table(first)]
    fill("todo.csv", {ids[0]: "cat"})
    done("tell", "run.db", "todo.csv")
    assert [row["id"] for row in table(done("show", "run.db"))] == ids[1:]
    done("ask", "run.db", "-H", "random", "-k", 2, "--asker", "b")
    assert len(table(done("show", "run.db", 2))) == 2
    result = run("show", "run.db")
    assert result.stderr == (
        "error: query: expected the number of a query, as 2 are open: 1 (default), 2 (b). Name one: alcore ledger show run.db 1.\n"
    )
    tasks = done("show", "run.db", 1, "-o", "tasks.json", "--data", "image=https://h/{id}.png")
    assert tasks == "bald: query 1, 2 ids -> tasks.json\n"


def test_no_file_with_typed_labels_is_written_over(here: Path) -> None:
    done("ask", "run.db", "preds.npy", "-k", 3, "-o", "todo.csv")
    ids = [row["id"] for row in table(Path("todo.csv").read_text())]
    fill("todo.csv", dict.fromkeys(ids, "cat"))
    before = Path("todo.csv").read_bytes()
    for arguments in (
        ["ask", "run.db", "preds.npy"],
        ["ask", "run.db", "preds.npy", "--asker", "b"],
        ["show", "run.db"],
    ):
        result = run(*arguments, "-o", "todo.csv")
        assert result.exit_code == 2
        assert (
            "error: todo.csv: this file exists already, with 3 rows, 3 of them with a label, and may hold labels that were typed "
            "into it. Record them: alcore ledger tell run.db todo.csv. Then name another file, or replace it: --overwrite."
        ) in result.stderr
    assert Path("todo.csv").read_bytes() == before
    assert counts() == [N - 3, 3, 0, 0]
    assert done("tell", "run.db", "todo.csv").startswith("3 labels recorded")


def test_a_backup_has_everything_while_others_write(here: Path) -> None:
    with Ledger.open("run.db") as ledger:
        ledger.label({3: "cat"})
        assert done("backup", "run.db", "copy.db") == f"{N} ids -> copy.db\n"
    with Ledger.open("copy.db") as copy:
        assert copy.labels_of([3]) == ["cat"]
    result = run("backup", "run.db", "copy.db")
    assert result.exit_code == 2
    assert "copy.db" in result.stderr
    assert "exists" in result.stderr


def test_a_copy_without_its_log_is_copied_as_far_as_it_goes(here: Path) -> None:
    with Ledger.open("run.db") as ledger:
        ledger.label({3: "cat"})
        Path("copy.db").write_bytes(Path("run.db").read_bytes())
    refused = run("history", "copy.db", 3)
    assert refused.exit_code == 2
    assert refused.stderr.endswith("alcore ledger backup --lost-log copy.db COPY.\n")
    assert done("backup", "--lost-log", "copy.db", "found.db") == f"{N} ids -> found.db\n"
    assert f"{N} ids" in done("status", "found.db")


def test_an_empty_file_becomes_a_ledger(here: Path) -> None:
    Path("empty.db").touch()
    said = run("status", "empty.db").stderr
    assert "To make a new one: alcore ledger create empty.db --size N" in said
    assert done("create", "empty.db", "--size", 3) == "3 ids -> empty.db\n"


@pytest.mark.parametrize(("labels", "has"), [("text", "text"), ("json", "json"), ("cat, 7", ("cat", "7"))])
def test_a_ledger_is_made_with_the_type_of_its_labels(here: Path, labels: str, has: object) -> None:
    done("create", "typed.db", "--size", 3, "--labels", labels)
    with Ledger.open("typed.db") as ledger:
        assert ledger.label_type == has
    Path("a.csv").write_text("id,label\n0,7\n")
    done("import", "typed.db", "a.csv")
    shown = done("history", "typed.db", 0) + done("status", "typed.db")
    assert shown.count(" 7 ") == 2
    assert '"' not in shown


REFUSALS: list[tuple[Sequence[str], str]] = [
    (
        ["create", "new.db", "--size", "3", "--labels", "cat,cat"],
        "labels: expected classes that are written differently, got cat",
    ),
    (
        ["create", "new.db", "--size", "3", "--labels", ""],
        "labels: expected classes without spaces at their ends, got ''",
    ),
    (
        ["set-aside", "run.db"],
        "ids: expected at least one id, got none. Write them after RUN.db, or name a file: --ids-from",
    ),
    (["set-aside", "run.db", "x"], "id 1: expected a whole number, as this ledger's ids are, got 'x'"),
    (["set-aside", "run.db", "99"], "ids: expected whole numbers of at least 0 and under 30, got 99"),
    (["set-aside", "run.db", "3", "3"], "ids: expected different ids, but 3 is there twice"),
    (["set-aside", "run.db", "--ids-from", "nope.txt"], "nope.txt: no such file"),
    (["set-aside", "run.db", "--ids-from", "ids.txt"], r"ids.txt, id 1: expected a whole number, .* got '\[red\]0"),
    (["restore", "run.db", "3"], "but 3 is unlabelled. See alcore ledger history run.db 3"),
    (
        ["unlabel", "run.db", "3"],
        "expected ids that are labelled, but 3 is unlabelled. See alcore ledger history run.db 3",
    ),
    (["history", "run.db"], "ids: expected at least one id"),
    (["history", "nope.db", "3"], "nope.db: no such ledger"),
    (["add", "run.db"], "ids: expected how many ids to add, .* got nothing. Write: alcore ledger add run.db 10"),
    (["add", "run.db", "a", "b"], "ids: expected how many ids to add, .* got a b. Write: alcore ledger add run.db 10"),
    (["add", "run.db", "--ids-from", "ids.txt"], "ids: expected how many ids to add, .* got the file ids.txt"),
    (["add", "named.db"], "ids: expected names, got none"),
    (["add", "named.db", "[red]0[/red].png"], "but the ledger has .* already"),
    (["show", "run.db"], "query: no query of this ledger is open. Ask: alcore ledger ask run.db PREDICTIONS"),
    (["show", "asked.db", "7"], r"query: expected an open query, got 7. Open: 1 \(default\)"),
    (["show", "asked.db", "-o", "todo.txt"], "todo.txt: expected a file that ends in .csv"),
    (
        ["show", "asked.db", "-o", "t.csv", "--data", "image=x"],
        "--data: this option works only with Label Studio's tasks",
    ),
    (["show", "asked.db", "-o", "no/t.csv"], "the folder no does not exist"),
    (["backup", "nope.db", "copy.db"], "nope.db: no such ledger"),
]


@pytest.mark.parametrize(
    ("arguments", "said"), REFUSALS, ids=lambda value: " ".join(value) if isinstance(value, list) else ""
)
def test_refusals_are_one_sentence_and_change_nothing(here: Path, arguments: Sequence[str], said: str) -> None:
    Ledger.open("named.db", ids=NAMES).close()
    with Ledger.open("asked.db", 3) as ledger:
        ledger.label_randomly(1, rng=0)
    before = {path.name for path in here.iterdir()}, [counts(f"{name}.db") for name in ("run", "named", "asked")]
    result = run(*arguments)
    assert result.exit_code == 2
    assert not result.stdout
    assert re.search(said, result.stderr)
    assert result.stderr.startswith("error: ")
    assert result.stderr.count("\n") == 1
    after = {path.name for path in here.iterdir()}, [counts(f"{name}.db") for name in ("run", "named", "asked")]
    assert after == before


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["show", "run.db", "x"],
        ["set-aside"],
        ["restore"],
        ["unlabel", "-x"],
        ["add"],
        ["history"],
        ["backup", "run.db"],
    ],
)
def test_wrong_usage_is_exit_code_2_and_leaves_no_file(here: Path, arguments: Sequence[str]) -> None:
    assert_wrong_usage(lambda: run(*arguments))
    assert f"See alcore ledger {arguments[0]} --help." in run(*arguments).stderr
