"""The names of a ledger, many at once: the same as one by one, whatever they hold, and whoever adds more of them."""

from __future__ import annotations

import shutil
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.ledger import ids, names
from alcore.ledger.beside import Beside
from tests.ledger.children import Child
from tests.ledger.hostile_names import NAMES

pytestmark = pytest.mark.interpreted
texts = st.lists(st.text(st.characters(codec="utf-8"), max_size=3), unique=True, max_size=40)
PLAIN = [f"row {number}" for number in range(23)]


@pytest.fixture(autouse=True, scope="module")
def few() -> Any:
    """Four ids are many, and five of them a text. Two threads work at once, whatever the machine."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ids, "MANY", 3)
        patch.setattr(names, "CHUNK", 5)
        patch.setattr(names, "at_once", lambda: 2)
        yield


def looked_up(ledger: alcore.Ledger, wanted: Any) -> list[int]:
    with ledger._database.reading() as connection:
        return ids.positions_of(connection, wanted, ledger._pool.names).tolist()


@given(texts, st.data())
def test_many_names_are_what_they_are_one_by_one(given: list[str], data: st.DataObject) -> None:
    ledger = alcore.Ledger(ids=given)
    taken = data.draw(st.lists(st.integers(0, max(len(given) - 1, 0)), unique=True, max_size=len(given)))
    if taken:
        ledger.set_aside([given[row] for row in taken])
    for _ in range(2):  # read, and kept
        assert ledger.ids.tolist() == given
        assert ledger.pool.tolist() == [name for row, name in enumerate(given) if row not in taken]
        assert ledger.aside.tolist() == [given[row] for row in sorted(taken)]
    assert ledger.pool.dtype == object


@given(texts, st.data())
def test_positions_of_many_names_in_any_order(given: list[str], data: st.DataObject) -> None:
    ledger = alcore.Ledger(ids=given)
    shuffled = data.draw(st.permutations(range(len(given))))
    for read in (False, True):
        if read:
            assert ledger.ids.tolist() == given
        for rows in (sorted(shuffled[::2]), shuffled, [*range(len(given))]):
            assert looked_up(ledger, [given[row] for row in rows]) == list(rows)


@pytest.mark.parametrize("read", [False, True])
def test_hostile_names_keep_their_positions(read: bool) -> None:
    ledger = alcore.Ledger(ids=[*PLAIN, *NAMES, "a\0b", "a", ""])
    every = [*PLAIN, *NAMES, "a\0b", "a", ""]
    assert not read or ledger.ids.tolist() == every
    assert looked_up(ledger, every) == [*range(len(every))]
    assert looked_up(ledger, every[::-1]) == [*range(len(every))][::-1]
    plain = alcore.Ledger(ids=PLAIN)
    assert not read or plain.ids.tolist() == PLAIN
    for wrong in ("row 1\nrow 2", "row", "ow 1", "", "a\0b"):
        with pytest.raises(alcore.LedgerError, match="which it does not have"):
            looked_up(plain, [*PLAIN[:4], wrong])
    for twice in ([*PLAIN[:5], PLAIN[4]], [*PLAIN, PLAIN[0]]):
        with pytest.raises(alcore.LedgerError, match="is there twice"):
            looked_up(plain, twice)


def test_names_that_others_add_are_seen(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        reader = alcore.Ledger.open(tmp_path / "run.db", readonly=True)
        for more in (["x"], ["y1", "y2", "y3", "y4"], [f"z{number}" for number in range(9)]):
            every = [*ledger.ids.tolist(), *more]
            with alcore.Ledger.open(tmp_path / "run.db") as other:
                assert other.ids.tolist() == every[: -len(more)]
                other.add(more)
            for one in (ledger, reader):
                assert one.ids.tolist() == one.pool.tolist() == every
                assert looked_up(one, every[::2]) == [*range(0, len(every), 2)]
                assert looked_up(one, every[:-1]) == [*range(len(every) - 1)]


def test_an_add_that_fails_leaves_no_names(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        assert ledger.ids.tolist() == PLAIN
        with pytest.raises(alcore.LedgerError, match="has 'row 3' already"):
            ledger.add(["new", "row 3"])
        assert ledger.ids.tolist() == PLAIN
        ledger.add(["newer"])
        assert ledger.ids.tolist() == [*PLAIN, "newer"]


def test_a_copy_that_went_on_differently_is_read_anew(tmp_path: Path) -> None:
    """It has the same identity. `Ledger` refuses a file of another."""
    here, there = tmp_path / "run.db", tmp_path / "other.db"
    alcore.Ledger.open(here, ids=PLAIN).close()
    shutil.copy(here, there)
    with alcore.Ledger.open(there) as ledger:
        ledger.add(["there"])
        every = ledger.ids.tolist()
    with alcore.Ledger.open(here) as ledger:
        ledger.add(["here"])
    reader = alcore.Ledger.open(here, readonly=True)
    assert reader.ids.tolist() == [*PLAIN, "here"]
    there.replace(here)
    assert reader.ids.tolist() == every
    assert looked_up(reader, every[2:]) == [*range(2, len(every))]


@pytest.mark.parametrize(
    ("missing", "expected"), [(7, "5 names expected from 5 on, 4 found"), (20, "1 names expected from 20")]
)
def test_names_that_are_missing_from_the_file_are_refused(tmp_path: Path, missing: int, expected: str) -> None:
    alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN[:21]).close()
    with sqlite3.connect(tmp_path / "run.db") as connection:
        connection.execute("DELETE FROM names WHERE position = ?", (missing,))
    connection.close()
    with alcore.Ledger.open(tmp_path / "run.db") as ledger:
        for _ in range(2):
            with pytest.raises(alcore.LedgerError, match=expected):
                np.asarray(ledger.ids)


def test_a_damaged_file_is_refused_and_leaves_no_thread(tmp_path: Path) -> None:
    """Every page from the 20th on, of which most hold names."""
    path = tmp_path / "run.db"
    alcore.Ledger.open(path, ids=[f"{number:0100}" for number in range(2_000)]).close()
    whole = path.read_bytes()
    path.write_bytes(whole[: 20 * 4096] + b"\xff" * (len(whole) - 20 * 4096))
    before = threading.active_count()
    with alcore.Ledger.open(path, readonly=True) as ledger:
        for _ in range(2):
            with pytest.raises(alcore.LedgerError, match="the file is damaged"):
                np.asarray(ledger.ids)
            assert threading.active_count() == before


def test_ask_among_many_names_of_the_pool() -> None:
    ledger = alcore.Ledger(ids=PLAIN)
    ledger.label({"row 4": 0})
    among = ledger.pool[::2]
    query = ledger.ask(alcore.Precomputed(np.arange(len(among))), None, 3, ids=among)
    assert query.ids.tolist() == among[::-1][:3].tolist()


# --- what comes while names are read ----------------------------------------------------------------------------------


@contextmanager
def before_the_text_from(first: int, call: Callable[[], object]) -> Iterator[None]:
    """``call`` comes before the text of names from a position on is read."""

    class Slow(names.Chunk):
        def __init__(self, connection: sqlite3.Connection, start: int, stop: int) -> None:
            if start == first:
                call()
            super().__init__(connection, start, stop)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(names, "Chunk", Slow)
        yield


def test_an_interrupt_while_names_are_read_leaves_no_thread_and_no_half(tmp_path: Path) -> None:
    before = threading.active_count()
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        with before_the_text_from(15, lambda: signal.raise_signal(signal.SIGINT)), pytest.raises(KeyboardInterrupt):
            np.asarray(ledger.ids)
        assert threading.active_count() == before
        assert ledger.ids.tolist() == PLAIN
        ledger.add(["more"])
        assert ledger.ids.tolist() == [*PLAIN, "more"]
    assert threading.active_count() == before


def test_names_that_others_add_meanwhile_come_with_the_next_call(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger, alcore.Ledger.open(tmp_path / "run.db") as other:
        other.write_note(1, step=0)  # the first write of a connection waits for those who read
        with before_the_text_from(20, lambda: other.add(["x", "y\nz", "u", "v"])):
            assert ledger.ids.tolist() == PLAIN
        assert ledger.ids.tolist() == ledger.pool.tolist() == [*PLAIN, "x", "y\nz", "u", "v"]


def test_threads_that_read_the_names_of_one_ledger_at_once(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=[*PLAIN, *NAMES]) as ledger, ThreadPoolExecutor(8) as threads:
        ledger.set_aside(PLAIN[3:8])
        found = [one.result() for one in [threads.submit(lambda: (ledger.pool, ledger.ids)) for _ in range(40)]]
    for pool, every in found:
        assert every.tolist() == [*PLAIN, *NAMES]
        assert pool.tolist() == [*PLAIN[:3], *PLAIN[8:], *NAMES]


def test_a_fork_has_all_names_whether_they_were_read_before_or_are_just_read(tmp_path: Path) -> None:
    with alcore.Ledger.open(tmp_path / "run.db", ids=PLAIN) as ledger:
        begun, forked = threading.Event(), threading.Event()

        def wait() -> None:
            begun.set()
            forked.wait(0.2)  # the fork waits for the call

        with ThreadPoolExecutor(1) as threads, before_the_text_from(10, wait):
            reading = threads.submit(lambda: ledger.ids.tolist())
            assert begun.wait(60)
            child = Child(lambda send: send([ledger.ids.tolist(), ledger.pool.tolist()]))
            forked.set()
            assert reading.result() == PLAIN
        after = Child(lambda send: send([ledger.ids.tolist(), ledger.pool.tolist()]))
        for one in (child, after):
            assert one.wait() == (False, [[PLAIN, PLAIN]])
        assert ledger.ids.tolist() == PLAIN


@pytest.mark.parametrize("threads", [1, 2])
def test_the_same_names_with_one_thread_and_where_none_can_start(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    def refuse(_: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(names, "at_once", lambda: threads)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    ledger = alcore.Ledger(ids=[*PLAIN, *NAMES])
    ledger.set_aside(PLAIN[:12])
    for _ in range(2):
        assert ledger.pool.tolist() == [*PLAIN[12:], *NAMES]
        assert ledger.aside.tolist() == PLAIN[:12]
        assert ledger.ids.tolist() == [*PLAIN, *NAMES]


def made_beside(
    threaded: bool, calls: list[tuple[Callable[..., object], object]], raised: type[Exception] | None
) -> None:
    with Beside(threaded) as beside:
        for call, argument in calls:
            beside.do(call, argument)
        if raised is not None:
            raise raised


@pytest.mark.parametrize("threaded", [False, True])
def test_beside_makes_calls_in_order_and_raises_the_first_error_at_its_end(threaded: bool) -> None:
    found: list[object] = []
    made_beside(threaded, [(found.append, number) for number in range(100)], None)
    assert found == [*range(100)]
    with pytest.raises(ValueError, match="invalid literal"):
        made_beside(threaded, [(int, "x"), (found.append, 100)], None)
    assert found == [*range(100)], "no call comes after one that failed"
    with pytest.raises(KeyError):  # what the block raises
        made_beside(threaded, [(found.append, 100)], KeyError)
    assert found == [*range(101)]


def test_a_thread_beside_ends_where_its_block_never_ended() -> None:
    before = set(threading.enumerate())
    beside = Beside(True).__enter__()
    (thread,) = set(threading.enumerate()) - before
    del beside
    thread.join(60)
    assert not thread.is_alive()
