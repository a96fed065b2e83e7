"""The ledger survives: kill -9, forks, many processes, full disks. `killed.py` beside this has a process of its own for each."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import file_check
from tests.ledger import killed

SCRIPT = Path(__file__).with_name("killed.py")
FULL = "the disk is full or refuses to be written .*; nothing of this was recorded. Make room and try again"


def found(what: str, folder: Path, *numbers: int) -> Any:
    """What a process of its own finds; one that does not come to an end fails."""
    command = [sys.executable, str(SCRIPT), what, str(folder), *map(str, numbers)]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- kill -9 ----------------------------------------------------------------------------------------------------------


def test_a_loop_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Asks, tells in parts, withdrawals; labels told are there after each death, and the end is the same, pick for pick."""
    what = found("kills", tmp_path, 200)
    assert what["killed"] == 200
    assert what["ledgers"] > 0
    assert (what["lost"], what["twice"], what["different"]) == ([], [], [])


def test_the_uninterrupted_loop_does_all_of_that(tmp_path: Path) -> None:
    killed.go_on(tmp_path / "run.db", 1000, lambda said: None)
    there = killed.content(tmp_path / "run.db")
    actions = [action for _, _, action, *_ in there["history"]]
    assert set(actions) == {"asked", "labelled", "withdrawn", "aside", "restored"}
    assert actions.count("labelled") == killed.N
    assert killed.twice(there) == []
    killed.go_on(tmp_path / "run.db", 1000, lambda said: pytest.fail("it was at its end"))


def test_a_ledger_that_is_killed_while_it_is_made(tmp_path: Path) -> None:
    what = found("births", tmp_path, 40)
    assert what["made"] + len(what["refused"]) == 40
    for said in what["refused"]:
        assert said.startswith((": no such ledger. Say how many", ": holds nothing yet. Say how many"))


def test_who_holds_the_file_and_is_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    what = found("lock", tmp_path)  # with a timeout of 0, so that to wait at all is to be refused
    assert "others have been writing for 0 s" in what["refused"]
    assert (what["labelled"], what["asked"]) == ([1, 3], 0)


# --- processes and forks ----------------------------------------------------------------------------------------------


def test_processes_ask_and_tell_at_the_same_time(tmp_path: Path) -> None:
    what = found("processes", tmp_path, 2_000, 8, 10)
    assert what["asked"] == what["different"] == 2_000
    assert what["counts"] == {"unlabelled": 0, "asked": 0, "labelled": 2_000, "aside": 0}
    assert what["events of each item"] == [2]  # asked once, labelled once
    assert what["check"] == [["ok"]]


def test_parent_and_child_go_on_after_a_fork(tmp_path: Path) -> None:
    what = found("forks", tmp_path)
    assert what["labelled"] == [0, 1, 2, 3]
    assert what["asked"] == sorted(one for query in what["queries"] for one in query)
    assert len(set(what["asked"])) == 6


def test_forks_that_cannot_go_on_say_so(tmp_path: Path) -> None:
    what = found("forks_refused", tmp_path)
    assert what["memory"].startswith(
        "ledger in memory: belongs to the process that made it. For several processes: Ledger.open"
    )
    for way in ("another thread", "the same thread"):
        assert what[way].startswith("/run.db: this process was forked while a call of the ledger was under way")
    assert what["afterwards"]["labelled"] == 1


def test_a_file_that_is_opened_twice_keeps_its_locks(tmp_path: Path) -> None:
    assert found("second_look", tmp_path) == [1, 2, 3]


# --- full disks -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("limit", [2_000, 20_000, 40_000, 80_000, 120_000, 200_000])
def test_no_file_may_grow(tmp_path: Path, limit: int) -> None:
    what = found("full", tmp_path, limit)
    assert what["refused"].startswith(f"{tmp_path / 'run.db'}: the disk is full or refuses to be written")
    assert "\n" not in what["refused"]
    assert what["same"], "nothing of the refused call is recorded"
    assert what["kept"] == what["told"]
    assert what["right"]
    assert what["end"] == 400
    assert what["told"] > 0 or limit < 120_000


def test_a_small_disk(tmp_path: Path) -> None:
    if not shutil.which("mount"):
        pytest.skip("there is no mount")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=640k", "tmpfs", tmp_path], capture_output=True, text=True
    )
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    try:
        what = found("small_disk", tmp_path)
    finally:
        subprocess.run(["umount", tmp_path], check=True)
    assert "the disk is full" in what["refused"]
    assert what["same"]
    assert what["told"] > 0
    assert what["more"] == 3


# --- what a dead process leaves ---------------------------------------------------------------------------------------


@pytest.fixture
def left(tmp_path: Path) -> dict[str, bytes]:
    """The files of a ledger whose process is dead: not all of its log is in the file."""
    path = tmp_path / "alive.db"
    with Ledger.open(path, ids=[f"image {i}.png" for i in range(2_000)]) as ledger:
        ledger.label_randomly(300, rng=0, labels=list)
    with Ledger.open(path) as ledger:
        ledger.label_randomly(50, rng=0, labels=list)
        return {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")}


def put(folder: Path, left: dict[str, bytes]) -> Path:
    for suffix, content in left.items():
        (folder / f"run.db{suffix}").write_bytes(content)
    return folder / "run.db"


def refused(path: Path, said: str, **arguments: Any) -> None:
    """In one sentence, with file and log as they were."""
    before = {one: one.read_bytes() for one in path.parent.glob("run.db*")}
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger.open(path, **arguments)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert {one: one.read_bytes() for one in path.parent.glob("run.db*")} == before


def test_the_log_of_a_dead_process_is_read(tmp_path: Path, left: dict[str, bytes]) -> None:
    with Ledger.open(put(tmp_path, left)) as ledger:
        assert ledger.counts()["labelled"] == 350


def test_a_truncated_file_with_a_log(tmp_path: Path, left: dict[str, bytes]) -> None:
    for length in (0, 60, 4096, 8192, len(left[""]) // 2):
        refused(put(tmp_path, {**left, "": left[""][:length]}), f"is truncated: {length} bytes of", size=2_000)


def test_pages_that_the_log_still_holds_are_not_missed(tmp_path: Path, left: dict[str, bytes]) -> None:
    """A process killed while its log is moved into the file has written how long that is, and not all of it."""
    page = 4096
    frames = range(32, len(left["-wal"]), 24 + page)
    logged = {int.from_bytes(left["-wal"][at : at + 4], "big") for at in frames}
    last = len(left[""]) // page
    assert last in logged
    while last in logged:
        last -= 1
    with Ledger.open(put(tmp_path, {**left, "": left[""][: last * page]})) as ledger:
        assert ledger.counts()["labelled"] == 350
    refused(put(tmp_path, {**left, "": left[""][: (last - 1) * page]}), "is truncated")


def test_a_log_without_its_file(tmp_path: Path, left: dict[str, bytes]) -> None:
    path = put(tmp_path, {"-wal": left["-wal"]})
    refused(path, "is gone, but its log .*run.db-wal, which may hold labels, is not", size=2_000)


def test_a_file_whose_making_was_cut_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at while others make it: what seems foreign then is looked at again."""
    path = tmp_path / "run.db"
    Ledger.open(path, 40).close()
    whole = path.read_bytes()
    looks = [whole[:68] + bytes(4) + whole[72:100], whole[:100]]
    monkeypatch.setattr(file_check, "_header", lambda path: looks.pop(0) if len(looks) > 1 else looks[0])
    with Ledger.open(path) as ledger:
        assert len(ledger) == 40


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 40).close()

    def denied(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(LedgerError, match="cannot be read .Permission denied.. Give leave to read"):
        Ledger.open(path)


def test_a_closed_ledger_says_so(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run.db", 40)
    ledger.close()
    ledger.close()
    with pytest.raises(LedgerError, match="run.db: is closed. To go on with a file: Ledger.open"):
        ledger.counts()


def test_names_are_different_beyond_the_call(tmp_path: Path) -> None:
    with Ledger.open(tmp_path / "run.db", ids=["a", "b"]) as ledger, ledger._database.writing() as connection:
        with pytest.raises(sqlite3.IntegrityError):
            connection.execute("INSERT INTO names VALUES (2, 'a')")
        plan = connection.execute("EXPLAIN QUERY PLAN SELECT position FROM names WHERE name = 'a'").fetchall()
        assert "names_by_text" in str(plan)
