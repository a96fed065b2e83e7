"""No lock is held while a model predicts, and an interrupt at any moment leaves the ledger usable, here and elsewhere."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import database
from tests.ledger.children import Child, Send, interruptible

N = 60
LONG = 600.0  # seconds that a call would wait that does not hear an interrupt
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 8)).transpose(0, 2, 1)


def blocks(between: Callable[[int], Any]) -> Iterator[np.ndarray]:
    """A stream that calls something before each block, as a model that predicts would let others run."""
    for start in range(0, N, 20):
        between(start)
        yield PROBS[start : start + 20]


HEURISTICS = {"top": alcore.BALD(), "power": alcore.PowerBALD(), "joint": alcore.BatchBALD(), "ical": alcore.ICAL()}


@pytest.mark.parametrize("name", HEURISTICS)
def test_others_tell_while_a_stream_is_ranked(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:
        theirs = other.ask(alcore.Precomputed(-np.arange(float(N))), None, 3, asker="bob")
        told = {0: "a", 20: "b", 40: "c"}

        def tell(start: int) -> None:
            other.tell(theirs, {int(theirs.ids[start // 20]): told[start]})

        query = ledger.ask(HEURISTICS[name], blocks(tell), 5, rng=0)
        assert len(query) == 5
        assert not set(query.ids.tolist()) & set(theirs.ids.tolist())
        assert other.counts() == {"unlabelled": N - 8, "asked": 5, "labelled": 3, "aside": 0}


@pytest.mark.parametrize("name", ["top", "power"])
def test_what_others_take_meanwhile_is_not_asked_twice(tmp_path: Path, name: str) -> None:
    """q and support are those of the rows that were free in the end."""
    path = tmp_path / "run.db"
    best = np.argsort(-alcore.bald(PROBS))
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:
        query = ledger.ask(
            HEURISTICS[name], blocks(lambda start: other.set_aside(best[start // 10 : start // 10 + 2])), 4, rng=0
        )
        gone = set(best[:6].tolist())
        assert not gone & set(query.ids.tolist())
        free = [row for row in range(N) if row not in gone]
        if name == "top":
            assert query.ids.tolist() == [row for row in best.tolist() if row not in gone][:4]
        else:
            scores = alcore.bald(PROBS)[free]
            assert query.q[0] == pytest.approx(scores[free.index(int(query.ids[0]))] / scores.sum())
            assert query.support[0] == len(free)


@pytest.mark.parametrize("name", ["joint", "ical"])
def test_a_joint_batch_loses_what_others_took(tmp_path: Path, name: str) -> None:
    path = tmp_path / "run.db"
    alone = Ledger(N).ask(HEURISTICS[name], PROBS, 5, rng=0).ids.tolist()
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:
        query = ledger.ask(HEURISTICS[name], blocks(lambda start: start or other.set_aside(alone[:2])), 5, rng=0)
        assert query.ids.tolist() == alone[2:]  # a stream cannot be read again
    with Ledger(N) as ledger:
        calls = []

        class Array:  # one that can: the batch is chosen anew
            shape, dtype = PROBS.shape, PROBS.dtype

            def __getitem__(self, key: Any) -> np.ndarray:
                if not calls:
                    calls.append(ledger.set_aside(alone[:2]))
                return PROBS[key]

        query = ledger.ask(HEURISTICS[name], Array(), 5, rng=0)
        assert len(query) == 5
        assert not set(query.ids.tolist()) & set(alone[:2])


def test_nothing_is_asked_where_others_took_every_pick(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    alone = Ledger(N).ask(alcore.BatchBALD(), PROBS, 2, rng=0).ids.tolist()
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:
        with pytest.raises(LedgerError, match="others asked for all picks of this batch.*Call ask again"):
            ledger.ask(alcore.BatchBALD(), blocks(lambda start: start or other.set_aside(alone)), 2, rng=0)
        assert len(ledger.ask(alcore.BatchBALD(), PROBS, 2, rng=0)) == 2  # the remedy


def test_random_ids_of_ten_million_cost_what_is_asked() -> None:
    ledger = Ledger(10_000_000)
    query = ledger.label_randomly(3, rng=0, labels=lambda ids: [1] * len(ids))
    assert query.q.tolist() == [1 / (10_000_000 - m) for m in range(3)]
    assert query.support.tolist() == [10_000_000, 9_999_999, 9_999_998]


def test_random_ids_are_uniform_and_all_different() -> None:
    counts = np.zeros(12)
    for seed in range(3000):
        ledger = Ledger(12)
        ledger.set_aside([3, 7])
        ids = ledger.label_randomly(4, rng=seed).ids
        assert len(set(ids.tolist())) == 4
        counts[ids] += 1
    assert counts[[3, 7]].tolist() == [0, 0]
    expected = 3000 * 4 / 10
    assert np.abs(np.delete(counts, [3, 7]) - expected).max() < 5 * (expected * 0.6) ** 0.5


# --- interrupts -------------------------------------------------------------------------------------------------------


def test_an_interrupt_while_a_call_waits_for_its_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, go = tmp_path / "run.db", tmp_path / "go"
    with Ledger.open(path, N) as ledger:
        ledger.label({0: "before"})

        def wait(send: Send) -> None:
            interruptible()
            with Ledger.open(path, timeout=LONG) as own:
                while not go.exists():
                    time.sleep(0.01)
                monkeypatch.setattr(database, "time", telling(send, "waits"))
                try:
                    own.label({1: "interrupted"})
                except KeyboardInterrupt:
                    send("interrupted")
                own.label({2: "goes on"})
                send("done")

        child = Child(wait)
        with ledger._database.writing():
            go.touch()
            assert child.receive() == "waits"
            started = time.monotonic()
            os.kill(child.pid, signal.SIGINT)
            assert child.receive() == "interrupted"
            assert time.monotonic() - started < LONG / 2
        assert child.receive() == "done"
        child.wait()
        assert ledger.labelled.tolist() == [0, 2]
        ledger.label({3: "after"})


def telling(send: Send, message: str) -> Any:
    """The module ``time``, which sends a message before its first sleep."""
    messages = [message]

    def sleep(seconds: float) -> None:
        if messages:
            send(messages.pop())
        time.sleep(seconds)

    return SimpleNamespace(sleep=sleep, monotonic=time.monotonic)


def test_interrupts_at_any_moment_leave_the_ledger_usable(tmp_path: Path) -> None:
    """The moments come later where no label was recorded in time, and sooner where one was, on a disk of any speed."""
    path = tmp_path / "run.db"
    rng = np.random.default_rng(0)

    def labels(send: Send) -> None:
        interruptible()
        signal.signal(
            signal.SIGALRM, lambda *_: signal.raise_signal(signal.SIGINT)
        )  # a Ctrl-C that comes when it is to come
        recorded, latest = list[int](), 0.01
        with Ledger.open(path, 5000) as ledger, Ledger.open(path, timeout=1) as other:
            for one in range(300):
                try:
                    signal.setitimer(signal.ITIMER_REAL, float(rng.uniform(1e-5, latest)))
                    ledger.label({one: "own"})
                    recorded.append(one)
                    for _ in range(100):  # in short pieces: after a long sleep the interrupt could come behind the try
                        time.sleep(0.01)
                except KeyboardInterrupt:
                    if one % 20 == 0:
                        other.label({one + 1000: "theirs"})  # nothing is locked
                latest = min(0.5, latest * (0.9 if one in recorded else 1.1))
        send(recorded)

    recorded = Child(labels).wait()[1][0]
    with Ledger.open(path) as ledger:
        assert 10 < len(recorded) < 290
        assert set(recorded) <= set(ledger.labelled.tolist())
        assert set(range(1000, 1300, 20)) <= set(ledger.labelled.tolist())


@pytest.mark.parametrize("call", ["note", "stream"])
def test_a_callback_that_fails_leaves_nothing_behind(tmp_path: Path, call: str) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("the model broke")

    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0) as other:
        given = (PROBS, fail) if call == "note" else (blocks(fail), None)
        with pytest.raises(RuntimeError, match="the model broke"):
            ledger.ask(alcore.BALD(), given[0], 3, note=given[1])
        assert other.counts()["asked"] == 0
        other.label({0: "a"})
        assert len(ledger.ask(alcore.BALD(), PROBS, 3)) == 3


def test_calls_from_within_a_call_are_right_or_refused(tmp_path: Path) -> None:
    """A stream that asks for somebody else is a call like any other. A note is written in the call that it is of."""
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        query = ledger.ask(alcore.BALD(), blocks(lambda start: ledger.label_randomly(1, asker=f"b{start}")), 3)
        assert ledger.counts()["asked"] == 6
        ledger.tell(query, ["a"] * 3)
        with pytest.raises(LedgerError, match="calls that write one after the other"):
            ledger.ask(alcore.BALD(), PROBS, 3, note=lambda batch: ledger.label({int(ledger.pool[0]): "n"}))
        assert ledger.ask(alcore.BALD(), PROBS, 3, note=lambda batch: len(ledger.pool)).asker == "default"
        assert ledger.counts()["labelled"] == 3
