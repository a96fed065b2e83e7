"""A ledger may close while another closes, and while open ledgers are looked through: another thread or the collector closes it."""

from __future__ import annotations

import faulthandler
import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alcore import Ledger
from alcore.ledger.database import Database
from alcore.ledger.forks import OPEN
from tests.ledger.children import Child, Send

PATIENCE = 60.0  # seconds after which a child that waits for itself ends, and says where


def let_go(path: Path, label: int) -> None:
    """A ledger that nobody has any more, and that only the collector finds: it is in a circle."""
    ledger = Ledger.open(path, 10)
    ledger.label({label: "of the collector"})
    circle: list[Any] = [ledger]
    circle.append(circle)


def collecting(function: Callable[..., Any]) -> Callable[..., Any]:
    def collected_first(*arguments: Any) -> Any:
        gc.collect()
        return function(*arguments)

    return collected_first


@pytest.mark.parametrize("same", [False, True], ids=["another file", "the same file"])
def test_the_collector_closes_a_ledger_while_another_closes(
    same: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    other = path if same else tmp_path / "other.db"

    def work(send: Send) -> None:
        faulthandler.dump_traceback_later(PATIENCE, exit=True)
        ledger = Ledger.open(path, 10)
        ledger.label({1: "own"})
        gc.disable()
        let_go(other, 2)
        monkeypatch.setattr(Database, "_mark_closed", collecting(Database._mark_closed))
        ledger.close()
        send("closed")

    assert Child(work).wait() == (False, ["closed"])
    assert sorted(tmp_path.iterdir()) == sorted({path, other})  # no log is left
    for file, labels in ((path, [1, 2]), (path, [1, 2])) if same else ((path, [1]), (other, [2])):
        with Ledger.open(file, readonly=True) as found:
            assert found.labelled.tolist() == labels


def test_a_ledger_that_closes_while_open_files_are_looked_through(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    others = [Ledger.open(tmp_path / f"{number}.db", 10) for number in range(5)]
    of_database = Database.writes_to

    def writes_to(own: Database) -> Path | None:
        found = of_database.fget(own)  # type: ignore[attr-defined]
        if others:
            others.pop().close()
        return found  # type: ignore[no-any-return]

    with Ledger.open(path, 10) as ledger:
        monkeypatch.setattr(Database, "writes_to", property(writes_to))
        assert OPEN.is_open(path)
        assert not OPEN.is_open(tmp_path / "0.db")
        ledger.label({1: "a"})
    assert not others
