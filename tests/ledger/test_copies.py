"""Copies, moves and places: each is right, or refused in one sentence whose remedy works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import database, places
from tests.ledger.children import Child, Send

LONG = 120.0  # seconds


def labelled(path: Path) -> list[int]:
    with Ledger.open(path) as ledger:
        return ledger.labelled.tolist()


def killed(path: Path, labels: int = 200) -> None:
    """A process records labels and is killed: they are in the log."""

    def work(send: Send) -> None:
        ledger = Ledger.open(path, 1000)
        for one in range(labels):
            ledger.label({one: "cat"})
        send("recorded")
        os.kill(os.getpid(), 9)

    assert Child(work).wait() == (True, ["recorded"])


def test_a_backup_is_whole_while_the_ledger_is_open(tmp_path: Path) -> None:
    path, copy = tmp_path / "run.db", tmp_path / "copy.db"
    with Ledger.open(path, 1000) as ledger, Ledger.open(path) as other:
        ledger.label(dict.fromkeys(range(200), "cat"))
        ledger.backup(copy)
        other.label({500: "later"})
        assert sorted(one.name for one in tmp_path.glob("copy*")) == ["copy.db"]
        with Ledger.open(copy) as again:
            assert again.labelled.tolist() == list(range(200))
            assert again.identity == ledger.identity
        with pytest.raises(LedgerError, match="copy.db: this file exists, and a backup overwrites nothing"):
            ledger.backup(copy)
    memory = Ledger(5)
    memory.label({1: "a"})
    memory.backup(tmp_path / "memory.db")
    assert labelled(tmp_path / "memory.db") == [1]


def test_a_copy_without_its_log_says_so(tmp_path: Path) -> None:
    """The case of CASES.md: cp of an open ledger had 0 of 200 acknowledged labels, and no word was said."""
    path, copy = tmp_path / "run.db", tmp_path / "copy.db"
    with Ledger.open(path, 1000) as ledger:
        ledger.label(dict.fromkeys(range(200), "cat"))
        shutil.copy(path, copy)
        with pytest.raises(LedgerError, match="copied or moved while it was open, without its log .*copy.db-wal"):
            Ledger.open(copy)
        shutil.copy(f"{path}-wal", f"{copy}-wal")  # the first remedy
        assert labelled(copy) == list(range(200))
        ledger.backup(tmp_path / "backup.db")  # the second
        assert labelled(tmp_path / "backup.db") == list(range(200))
    shutil.copy(path, tmp_path / "closed.db")  # a ledger that is closed is whole
    assert labelled(tmp_path / "closed.db") == list(range(200))


def time_with(sleep: Callable[[float], None]) -> Any:
    """The module ``time`` with another function ``sleep``."""
    return SimpleNamespace(sleep=sleep, monotonic=time.monotonic)


def test_a_copy_made_while_somebody_reads_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The mark that the file is open came into the log alone where somebody read when the first label was recorded."""
    path = tmp_path / "run.db"
    with Ledger.open(path, 1000) as ledger:
        ledger.label({1: "cat"})
    reads, waits = threading.Event(), threading.Event()

    def read() -> None:
        with Ledger.open(path) as own, own._database.reading() as connection:
            connection.execute("SELECT count(*) FROM items").fetchone()
            reads.set()
            assert waits.wait(LONG / 2)

    def sleep(seconds: float) -> None:
        waits.set()
        time.sleep(seconds)

    reader = threading.Thread(target=read)
    reader.start()
    assert reads.wait(LONG)
    monkeypatch.setattr(database, "PATIENCE", LONG)
    monkeypatch.setattr(database, "time", time_with(sleep))
    with Ledger.open(path) as ledger:
        ledger.label({2: "dog"})
        shutil.copy(path, tmp_path / "copy.db")
        reader.join()
    with pytest.raises(LedgerError, match="without its log"):
        Ledger.open(tmp_path / "copy.db")


def test_who_reads_for_long_does_not_keep_others_from_labelling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    path = tmp_path / "run.db"
    Ledger.open(path, 1000).close()
    with Ledger.open(path) as own, Ledger.open(path) as ledger:
        with own._database.reading() as connection:
            connection.execute("SELECT count(*) FROM items").fetchone()
            ledger.label({1: "cat"})
        ledger.label({2: "dog"})  # the mark comes into the file as soon as it can
        shutil.copy(path, tmp_path / "copy.db")
        with pytest.raises(LedgerError, match="without its log"):
            Ledger.open(tmp_path / "copy.db")


def test_others_that_close_leave_a_ledger_marked_or_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, 1000) as ledger:
        for other in range(3):
            with Ledger.open(path) as one:
                one.label({other: "cat"})
            ledger.label({10 + other: "dog"})
            shutil.copy(path, tmp_path / "copy.db")
            with pytest.raises(LedgerError, match="without its log"):
                Ledger.open(tmp_path / "copy.db")
    shutil.copy(path, tmp_path / "closed.db")
    assert labelled(tmp_path / "closed.db") == [0, 1, 2, 10, 11, 12]


def test_a_call_that_was_refused_leaves_no_mark(tmp_path: Path) -> None:
    """The error keeps the frames of the call, and with them a statement that is not finished: the log cannot be moved then."""
    path = tmp_path / "run.db"
    Ledger.open(path, ids=["a", "b"]).close()
    with pytest.raises(LedgerError, match="already") as refusal, Ledger.open(path) as ledger:
        ledger.add(["a"])
    assert "already" in str(refusal.value)
    assert labelled(path) == []


def test_two_that_close_at_the_same_time_leave_no_mark(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    for turn in range(20):
        both = [Ledger.open(path, 1000), Ledger.open(path, 1000)]
        both[0].label({turn: "cat"})
        threads = [threading.Thread(target=ledger.close) for ledger in both]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        shutil.copy(path, tmp_path / "copy.db")
        assert labelled(tmp_path / "copy.db") == list(range(turn + 1))


def test_two_processes_that_close_at_the_same_time_leave_no_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"

    def hold(send: Send) -> None:
        with Ledger.open(path, 1000) as ledger:
            ledger.label({1: "cat"})
            send("open")
            time.sleep(10 * LONG)

    other = Child(hold)
    assert other.receive() == "open"
    ledger = Ledger.open(path)
    ledger.label({2: "dog"})

    def it_ends_without_moving_the_log(_: float) -> None:
        other.kill()
        other.wait()

    monkeypatch.setattr(database, "time", time_with(it_ends_without_moving_the_log))
    ledger.close()
    monkeypatch.undo()
    shutil.copy(path, tmp_path / "copy.db")
    assert labelled(tmp_path / "copy.db") == [1, 2]


def test_a_file_that_was_moved_after_a_kill_says_so(tmp_path: Path) -> None:
    path, moved = tmp_path / "run.db", tmp_path / "moved.db"
    killed(path)
    path.rename(moved)
    with pytest.raises(LedgerError, match="without its log"):
        Ledger.open(moved)
    with Ledger.open(moved, lost_log=True) as ledger:  # the last remedy: what the file holds
        ledger.label({999: "on"})
    assert 999 in labelled(moved)


def test_a_killed_ledger_goes_on_in_its_place(tmp_path: Path) -> None:
    killed(tmp_path / "run.db")
    assert labelled(tmp_path / "run.db") == list(range(200))
    assert labelled(tmp_path / "run.db") == list(range(200))


def test_a_ledger_that_nobody_closed_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    code = f"import alcore; ledger = alcore.Ledger.open({str(path)!r}, 10); ledger.label({{1: 'a'}})"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert labelled(path) == [1]
    ledger = Ledger.open(path)
    ledger.label({2: "b"})
    del ledger
    shutil.copy(path, tmp_path / "copy.db")
    assert labelled(tmp_path / "copy.db") == [1, 2]


def test_a_log_without_its_file_and_a_backup_beside_an_old_log(tmp_path: Path) -> None:
    path, backup = tmp_path / "run.db", tmp_path / "backup.db"
    with Ledger.open(path, 1000) as ledger:
        ledger.label({1: "a"})
        ledger.backup(backup)
    killed_path = tmp_path / "later.db"
    killed(killed_path)
    killed_path.unlink()
    with pytest.raises(LedgerError, match="the file is missing, but its log"):
        Ledger.open(killed_path, 1000)
    shutil.copy(backup, killed_path)
    with pytest.raises(LedgerError, match="the log .*later.db-wal beside it belongs to another file"):
        Ledger.open(killed_path)
    Path(f"{killed_path}-wal").rename(tmp_path / "old")  # the remedy
    assert labelled(killed_path) == [1]


def test_a_hard_link_is_refused_and_a_symbolic_one_is_the_file(tmp_path: Path) -> None:
    path, link, soft = tmp_path / "run.db", tmp_path / "link.db", tmp_path / "soft.db"
    with Ledger.open(path, 10) as ledger:
        ledger.label({1: "a"})
    os.link(path, link)
    for name in (path, link):
        with pytest.raises(LedgerError, match="has 2 names .hard links."):
            Ledger.open(name)
    subprocess.run(f"cp {link} {link}.new && mv {link}.new {link}", shell=True, check=True)  # the remedy
    assert labelled(link) == [1]
    soft.symlink_to(path)
    for first, second, new in ((soft, path, 2), (path, soft, 3)):
        with Ledger.open(first) as one:
            one.label({new: "b"})
            with Ledger.open(second) as other:
                assert new in other.labelled


def test_a_network_file_system_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/sda / ext4 rw 0 0\nhost:/share {tmp_path} nfs4 rw 0 0\nproc /proc proc rw 0 0\n")
    monkeypatch.setattr(places, "MOUNTS", mounts)
    assert places.file_system_of(Path("/")) == "ext4"
    with pytest.raises(LedgerError, match="on a network file system .nfs4."):
        Ledger.open(tmp_path / "run.db", 10)
    with tempfile.TemporaryDirectory() as elsewhere:
        link = Path(elsewhere) / "link.db"
        link.symlink_to(tmp_path / "run.db")
        with pytest.raises(LedgerError, match="on a network file system .nfs4."):
            Ledger.open(link, 10)
    monkeypatch.setattr(places, "MOUNTS", tmp_path / "none")
    assert places.file_system_of(tmp_path) == ""
    with Ledger.open(tmp_path / "run.db", 10) as ledger:
        ledger.label({1: "a"})
