"""A ledger survives `kill -9`: labels are on disk, nothing is asked twice, and the loop ends as if nobody had killed it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import soak
from tests.ledger.campaign_loop import N, asked_or_labelled_twice, content, run_to_the_end
from tests.ledger.examples import run_scenario

Recorder = Callable[[str, object], None]


def test_a_loop_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path, record_property: Recorder) -> None:
    """Labels that `tell` recorded are there after each death, and the end is the same, pick for pick."""
    count = soak(25, 200)
    result = run_scenario("kills", tmp_path, count)
    record_property("kills", result["killed"])
    assert result["killed"] == count
    assert result["ledgers"] > 0
    assert (result["lost"], result["twice"], result["different"]) == ([], [], [])


def test_the_loop_that_is_killed_does_all_that_ledgers_do(tmp_path: Path) -> None:
    run_to_the_end(tmp_path / "run.db", 1000, lambda turn: None)
    tables = content(tmp_path / "run.db")
    actions = [action for _, _, action, *_ in tables["history"]]
    assert set(actions) == {"asked", "labelled", "withdrawn", "aside", "restored"}
    assert actions.count("labelled") == N
    assert asked_or_labelled_twice(tables) == []
    run_to_the_end(tmp_path / "run.db", 1000, lambda turn: pytest.fail("it was at its end"))


def test_a_ledger_that_is_killed_while_it_is_made(tmp_path: Path, record_property: Recorder) -> None:
    count = soak(10, 40)
    result = run_scenario("births", tmp_path, count)
    record_property("kills", count)
    assert result["made"] + len(result["refused"]) == count
    for refusal in result["refused"]:
        assert refusal.startswith(
            (": no such ledger. To make a new one", ": the file holds no ledger yet. To make one")
        )


def test_a_process_that_is_killed_with_the_file_held_keeps_nobody_waiting(tmp_path: Path) -> None:
    result = run_scenario(
        "killed_with_the_file_held", tmp_path
    )  # with a timeout of 0, so that to wait at all is to be refused
    assert result["holds"]
    assert "other processes have been writing for 0 s" in result["refused"]
    assert (result["labelled"], result["asked"]) == ([1, 3], 0)
