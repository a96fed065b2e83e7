"""Several processes and forks with one ledger: ids are asked once, and what cannot go on says so."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import soak
from tests.ledger.examples import run_scenario


def test_processes_ask_and_tell_at_the_same_time(
    tmp_path: Path, record_property: Callable[[str, object], None]
) -> None:
    items = soak(600, 2_000)
    result = run_scenario("processes", tmp_path, items, 8, 10)
    record_property("races", items)
    assert result["asked"] == result["different"] == items
    assert result["counts"] == {"unlabelled": 0, "asked": 0, "labelled": items, "aside": 0}
    assert result["events of each item"] == [2]  # asked once, labelled once
    assert result["check"] == [["ok"]]


def test_parent_and_child_go_on_after_a_fork(tmp_path: Path) -> None:
    result = run_scenario("forks", tmp_path)
    assert result["labelled"] == [0, 1, 2, 3]
    assert result["asked"] == sorted(one for query in result["queries"] for one in query)
    assert len(set(result["asked"])) == 6


def test_forks_that_cannot_go_on_say_so(tmp_path: Path) -> None:
    result = run_scenario("forks_refused", tmp_path)
    assert result["memory"].startswith(
        "ledger in memory: it belongs to the process that made it, and this is another process."
    )
    for way in ("another thread", "the same thread"):
        assert result[way].startswith("/run.db: this process was forked during a call of the ledger")
    assert result["afterwards"]["labelled"] == 1


def test_a_file_that_is_opened_twice_keeps_its_locks(tmp_path: Path) -> None:
    assert run_scenario("opened_twice", tmp_path) == [1, 2, 3]
