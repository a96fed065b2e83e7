"""Several processes and forks with one ledger: ids are asked once, and what cannot go on says so."""

from __future__ import annotations

from pathlib import Path

from tests.ledger.examples import found


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
