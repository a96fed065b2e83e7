"""Two campaigns with hostile ids, side by side. Kills, interrupts and copies at random moments lose nothing and mix up nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.conftest import soak
from tests.ledger.examples import run_scenario
from tests.ledger.two_campaigns import PROCESSES

Recorder = Callable[[str, object], None]
FIGURES = ("kills", "interrupts", "acknowledged", "foreign refused", "copies right", "copies refused")
SEEN = {
    "forget": "lost",
    "record_again": "twice",
    "move": "elsewhere",
    "exchange": "elsewhere",
    "ask_again": "asked twice",
    "lose_a_pick": "half",
    "cut_a_backup": "copies",
    "fail": "failed",
    "take_foreign": "elsewhere",
}


def test_two_campaigns_side_by_side(tmp_path: Path, record_property: Recorder) -> None:
    """Each label that was acknowledged is there, once, on its id and in its ledger. No id is asked twice at one time."""
    kills = soak(10, 500)
    result = run_scenario("two_campaigns", tmp_path, kills, seconds=1800)
    record_property("processes", PROCESSES)
    for name in FIGURES:
        record_property(name, result.get(name, 0))
    for kind, texts in result["wrong"].items():
        record_property(kind, len(texts))
    assert {kind: texts[:5] for kind, texts in result["wrong"].items() if texts} == {}
    assert result["kills"] == kills
    assert result["acknowledged"] > 0


def test_the_judge_sees_what_is_wrong(tmp_path: Path) -> None:
    found = run_scenario("tampered", tmp_path)
    assert found["nothing"] == []
    for way, kind in SEEN.items():
        assert kind in found[way], way
