"""The ledger survives `kill -9`: what was told is there, nothing is asked twice, and the loop ends as if nobody had killed it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.ledger import campaign_loop
from tests.ledger.examples import found


def test_a_loop_that_is_killed_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    """Asks, tells in parts, withdrawals; labels told are there after each death, and the end is the same, pick for pick."""
    what = found("kills", tmp_path, 200)
    assert what["killed"] == 200
    assert what["ledgers"] > 0
    assert (what["lost"], what["twice"], what["different"]) == ([], [], [])


def test_the_uninterrupted_loop_does_all_of_that(tmp_path: Path) -> None:
    campaign_loop.go_on(tmp_path / "run.db", 1000, lambda said: None)
    there = campaign_loop.content(tmp_path / "run.db")
    actions = [action for _, _, action, *_ in there["history"]]
    assert set(actions) == {"asked", "labelled", "withdrawn", "aside", "restored"}
    assert actions.count("labelled") == campaign_loop.N
    assert campaign_loop.twice(there) == []
    campaign_loop.go_on(tmp_path / "run.db", 1000, lambda said: pytest.fail("it was at its end"))


def test_a_ledger_that_is_killed_while_it_is_made(tmp_path: Path) -> None:
    what = found("births", tmp_path, 40)
    assert what["made"] + len(what["refused"]) == 40
    for said in what["refused"]:
        assert said.startswith((": no such ledger. Say how many", ": holds nothing yet. Say how many"))


def test_who_holds_the_file_and_is_killed_keeps_nobody_waiting(tmp_path: Path) -> None:
    what = found("lock", tmp_path)  # with a timeout of 0, so that to wait at all is to be refused
    assert "others have been writing for 0 s" in what["refused"]
    assert (what["labelled"], what["asked"]) == ([1, 3], 0)
