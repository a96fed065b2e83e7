"""Commands of `alcore ledger` that only read work where nothing can be written, and write nothing anywhere."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from alcore import Ledger
from tests.cli.ledger_commands import N, done, make_folder, run
from tests.ledger.read_only_places import FORMAT_1, as_nobody, contents, may_only_read, open_folder, other_process

READ = {
    "status": ("status", "run.db"),
    "show": ("show", "run.db"),
    "show in a file": ("show", "run.db", "-o", "{out}/todo.csv"),
    "history": ("history", "run.db", "3"),
    "export": ("export", "run.db", "{out}/all.csv"),
    "backup": ("backup", "run.db", "{out}/copy.db"),
}
WRITE = {
    "ask": ("ask", "run.db", "-H", "random"),
    "tell": ("tell", "run.db", "labels.csv"),
    "import": ("import", "run.db", "labels.csv"),
    "withdraw": ("withdraw", "run.db", "1"),
    "set-aside": ("set-aside", "run.db", "4"),
    "unlabel": ("unlabel", "run.db", "3"),
    "add": ("add", "run.db", "3"),
    "show over a file": ("show", "run.db", "-o", "labels.csv"),
    "export over a file": ("export", "run.db", "labels.csv"),
}


@pytest.fixture
def places(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, Path]]:
    """The folder of a ledger with a label and an open query, and a folder to write into."""
    with open_folder() as folder, open_folder() as out:
        out.chmod(0o777)
        make_folder(folder, monkeypatch)
        (folder / "labels.csv").write_text("id,label\n5,cat\n")
        with Ledger.open("run.db") as ledger:
            ledger.label({3: "cat"})
            ledger.label_randomly(2, rng=0)
        yield folder, out


def said(*arguments: str) -> list[object]:
    result = run(*arguments)
    return [result.exit_code, result.stdout, result.stderr]


@pytest.mark.parametrize("name", READ)
def test_commands_that_read_work_where_nothing_can_be_written(name: str, places: tuple[Path, Path]) -> None:
    folder, out = places
    expected = done(*(word.format(out=out) for word in READ[name]))
    files = {one.name: one.read_bytes() for one in out.iterdir()}
    for one in out.iterdir():
        one.unlink()
    before = contents(folder)
    with may_only_read(folder):
        found = as_nobody(lambda: said(*(word.format(out=out) for word in READ[name])))
    assert found == [0, expected, ""]
    assert contents(folder) == before
    assert sorted(files) == sorted(one.name for one in out.iterdir())
    if name == "backup":
        with Ledger.open(out / "copy.db") as copy:
            assert copy.labelled.tolist() == [3]
    else:
        assert files == {one.name: one.read_bytes() for one in out.iterdir()}


@pytest.mark.parametrize("name", WRITE)
def test_commands_that_write_are_refused_there(name: str, places: tuple[Path, Path]) -> None:
    folder, _ = places
    before = contents(folder)
    with may_only_read(folder):
        code, shown, error = as_nobody(lambda: said(*WRITE[name]))
    assert code == 2
    assert not shown
    assert error.startswith("error: ")
    assert error.count("\n") == 1
    assert contents(folder) == before
    if "over a file" not in name:
        assert "chmod u+w" in error
        assert error.strip().endswith("Or only read it: alcore ledger status run.db.")  # the test above runs it


def test_status_leaves_a_ledger_that_others_use_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with other_process(tmp_path / "run.db") as label:
        label(1)
        before = contents(tmp_path)
        assert "99" in done("status", "run.db")
        assert "labelled" in done("history", "run.db", "1")
        assert contents(tmp_path) == before


def test_status_does_not_bring_an_older_file_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(FORMAT_1, "run.db")
    assert "40 ids" in done("status", "run.db")
    assert done("show", "run.db").count("\n") == 3
    assert Path("run.db").read_bytes() == FORMAT_1.read_bytes()
    assert os.listdir() == ["run.db"]


def test_an_export_replaces_a_file_only_when_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder(tmp_path, monkeypatch)
    assert done("export", "run.db", "all.csv") == f"{N} rows -> all.csv\n"
    assert done("export", "run.db", "all.csv") == f"{N} rows -> all.csv\n"  # it is there as it would be written
    typed = Path("all.csv").read_text().replace("\n3,unlabelled,,", "\n3,unlabelled,cat,")
    Path("all.csv").write_text(typed)
    refused = run("export", "run.db", "all.csv")
    assert refused.exit_code == 2
    assert refused.stderr == (
        "error: all.csv: this file exists already, with 30 rows, 1 of them with a label, and may hold labels that were typed into "
        "it. Record them: alcore ledger import run.db all.csv. Then name another file, or replace it: --overwrite.\n"
    )
    assert Path("all.csv").read_text() == typed
    done("import", "run.db", "all.csv")  # the remedies
    done("export", "run.db", "other.csv")
    replaced = run("export", "run.db", "all.csv", "--overwrite")
    assert replaced.exit_code == 0
    assert (
        replaced.stderr
        == "note: all.csv: this file exists already, with 30 rows, 1 of them with a label. It is replaced.\n"
    )
    assert Path("all.csv").read_bytes() == Path("other.csv").read_bytes()
    with Ledger.open("run.db") as ledger:
        assert ledger.labelled.tolist() == [3]
    assert run("export", "run.db", "run.db", "--overwrite").exit_code == 2
