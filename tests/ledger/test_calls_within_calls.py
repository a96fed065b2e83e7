"""Functions that a ledger calls may read it. They may not write to it, for that would be one transaction with the call."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alcore import Entropy, Ledger, LedgerError, Precomputed, Random

SCORES = np.arange(8.0)
WRITES: dict[str, Callable[[Ledger], Any]] = {
    "ask": lambda ledger: ledger.ask(Precomputed(SCORES), None, 2, asker="other"),
    "ask at random": lambda ledger: ledger.ask(Random(), None, 2, asker="other"),
    "label": lambda ledger: ledger.label({0: "cat"}),
    "set aside": lambda ledger: ledger.set_aside([0]),
    "add": lambda ledger: ledger.add(2),
    "note": lambda ledger: ledger.write_note(1, step=0, asker="other"),
}


@pytest.fixture(params=["file", "memory"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    with Ledger(8) if request.param == "memory" else Ledger.open(tmp_path / "run.db", 8) as made:
        yield made


@pytest.mark.parametrize("heuristic", [Precomputed(SCORES), Random()], ids=["scores", "random"])
@pytest.mark.parametrize("name", WRITES)
def test_a_note_that_writes_is_refused_and_nothing_is_recorded(ledger: Ledger, name: str, heuristic: Any) -> None:
    with pytest.raises(LedgerError, match="expected calls that write one after the other, got one from inside another"):
        ledger.ask(heuristic, None, 2, rng=0, note=lambda batch: WRITES[name](ledger))
    assert ledger.counts() == {"unlabelled": 8, "asked": 0, "labelled": 0, "aside": 0}
    WRITES[name](ledger)  # and the ledger is usable
    query = ledger.ask(heuristic, None, 2, ids=list(range(8)), rng=0, note=len)
    assert ledger.notes() == [2]
    assert len(set(ledger.asked.tolist())) == len(ledger.asked) == len(query) + (2 if "ask" in name else 0)


def test_a_note_may_read(ledger: Ledger) -> None:
    query = ledger.ask(Precomputed(SCORES), None, 2, note=lambda batch: ledger.counts())
    assert ledger.notes() == [{"unlabelled": 6, "asked": 2, "labelled": 0, "aside": 0}]
    assert query.ids.tolist() == [7, 6]


def test_a_note_that_swallows_the_refusal_is_recorded_alone(ledger: Ledger) -> None:
    def note(batch: Any) -> str:
        try:
            ledger.label({0: "cat"})
        except LedgerError:
            return "refused"
        return "written"

    ledger.ask(Precomputed(SCORES), None, 2, note=note)
    assert ledger.notes() == ["refused"]
    assert ledger.counts() == {"unlabelled": 6, "asked": 2, "labelled": 0, "aside": 0}


def test_a_note_that_fails_records_nothing(ledger: Ledger) -> None:
    def note(batch: Any) -> Any:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ledger.ask(Precomputed(SCORES), None, 2, note=note)
    assert ledger.counts() == {"unlabelled": 8, "asked": 0, "labelled": 0, "aside": 0}
    assert ledger.ask(Precomputed(SCORES), None, 2).ids.tolist() == [7, 6]


def test_ids_that_write_while_they_are_read_are_refused(ledger: Ledger) -> None:
    def ids() -> Any:
        ledger.label({0: "cat"})
        yield 1

    for call in (ledger.set_aside, ledger.labels_of):
        with pytest.raises(LedgerError, match="from inside another call"):
            call(ids())
    assert ledger.counts() == {"unlabelled": 8, "asked": 0, "labelled": 0, "aside": 0}


def test_predictions_and_labels_may_call_the_ledger(ledger: Ledger) -> None:
    """Nothing is locked while a model predicts or an oracle answers."""

    def blocks() -> Any:
        ledger.label({7: "cat"})
        yield np.full((8, 2, 3), 0.5)

    query = ledger.ask(Entropy(), blocks(), 3)
    assert 7 not in query.ids.tolist()
    ledger.tell(query, (ledger.labels_of([7])[0] for _ in query.ids))
    ledger.label_randomly(1, rng=0, labels=lambda ids: [ledger.counts()["labelled"]], asker="other")
    assert ledger.counts() == {"unlabelled": 3, "asked": 0, "labelled": 5, "aside": 0}
