"""A ledger that is only read in places where nothing can be written: it is right, and not one byte is written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import places, temporary_copy
from tests.ledger.children import Child, Send
from tests.ledger.read_only_places import (
    FORMAT_1,
    as_nobody,
    contents,
    killed,
    make,
    may_only_read,
    mounted_read_only,
    numbers,
    open_folder,
    other_process,
    read,
)

# --- places where nothing can be written ------------------------------------------------------------------------------

STATES = ("closed", "killed", "without index", "format 1", "lost")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A temporary folder of its own, for every user."""
    with open_folder() as folder:
        folder.chmod(0o777)
        monkeypatch.setenv("TMPDIR", str(folder))
        monkeypatch.setattr(tempfile, "tempdir", None)
        yield folder


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("place", ["open", "permissions", "mounted"])
def test_every_place(state: str, place: str, temporary: Path) -> None:
    """In an open folder the same must hold: no log is brought into the file, no index is made."""
    with open_folder() as folder:
        path = folder / "run.db"
        expected = make(state, path)
        before = contents(folder)

        def look() -> list[int] | str:
            with pytest.raises(PermissionError):
                (folder / "x").touch()
            return numbers(path)

        if place == "open":
            found = numbers(path)
        elif place == "permissions":
            with may_only_read(folder):
                found = as_nobody(look)
        else:
            code = "import json, pathlib; from tests.ledger.read_only_places import numbers; "
            code += f"print(json.dumps(numbers(pathlib.Path({str(path)!r}))))"
            found = mounted_read_only(folder, code)
            if found is None:
                pytest.skip("this user may not mount")
        if state == "lost":
            assert "without its log" in str(found)
        else:
            assert found == expected
        assert contents(folder) == before
    assert not list(temporary.iterdir())


@pytest.mark.skipif(os.geteuid() != 0, reason="needs two users")
def test_another_user_reads_beside_the_one_who_writes() -> None:
    with open_folder() as folder, other_process(folder / "run.db") as label:
        for one in range(3):
            label(one)
            before = contents(folder)
            assert as_nobody(lambda: numbers(folder / "run.db")) == list(range(one + 1))
            assert contents(folder) == before


def test_writing_in_a_read_only_place_names_the_remedy() -> None:
    with open_folder() as folder:
        path = folder / "run.db"
        make("closed", path)

        def work() -> str:
            with pytest.raises(LedgerError, match="is read-only") as caught:
                Ledger.open(path)
            assert numbers(path) == [1, 2]
            return str(caught.value)

        with may_only_read(folder):
            assert "Or only read it: Ledger.open(path, readonly=True)." in as_nobody(work)


def test_a_lost_log_can_be_given_up(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    make("lost", path)
    before = contents(tmp_path)
    with pytest.raises(LedgerError, match=r"Ledger.open\(path, lost_log=True\)"):
        read(path)
    assert read(path, lost_log=True) == []
    assert contents(tmp_path) == before


def test_a_log_without_its_file_and_beside_another_file(tmp_path: Path) -> None:
    path, backup = tmp_path / "run.db", tmp_path / "backup.db"
    killed(path)
    with Ledger.open(tmp_path / "run.db", readonly=True) as ledger:
        ledger.backup(backup)
    path.unlink()
    with pytest.raises(LedgerError, match="the file is missing, but its log"):
        read(path)
    shutil.copy(backup, path)
    with pytest.raises(LedgerError, match="the log .*run.db-wal beside it belongs to another file"):
        read(path)
    Path(f"{path}-wal").rename(tmp_path / "old")  # the remedy
    assert read(path) == [1, 2]


def test_an_index_that_may_not_be_read_is_not_needed() -> None:
    with open_folder() as folder:
        path = folder / "run.db"
        killed(path)
        Path(f"{path}-shm").chmod(0o600)
        assert as_nobody(lambda: numbers(path)) == [1, 2]
        Path(f"{path}-wal").chmod(0o600)
        if os.geteuid() == 0:
            said = as_nobody(lambda: numbers(path))
            assert "run.db: cannot be read (Permission denied). Allow reading: chmod u+r" in said


def test_a_journal_is_undone_in_a_copy(tmp_path: Path) -> None:
    """A process that was killed while it wrote without a log leaves a journal, which says what to undo."""
    path = tmp_path / "run.db"
    with Ledger.open(path, 100) as ledger:
        ledger.label({1: "cat"})

    def work(send: Send) -> None:
        with sqlite3.connect(path, isolation_level=None) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute("PRAGMA cache_size = 1")
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("DELETE FROM items")
            connection.executemany("INSERT INTO notes VALUES ('a', ?, ?)", [(i, '"x"' * 500) for i in range(200)])
            os.kill(os.getpid(), 9)

    Child(work).wait()
    assert Path(f"{path}-journal").stat().st_size
    before = contents(tmp_path)
    assert read(path) == [1]
    assert contents(tmp_path) == before


# --- copies -----------------------------------------------------------------------------------------------------------


def test_the_first_format_keeps_one_identity(tmp_path: Path) -> None:
    """What is exported from a copy can be told to the ledger after it was brought up."""
    path, todo = tmp_path / "run.db", tmp_path / "todo.csv"
    shutil.copy(FORMAT_1, path)
    with Ledger.open(path, readonly=True) as one, Ledger.open(path, readonly=True) as two:
        assert one.identity == two.identity
        query = one.open_queries()[0]
        query.export(todo)
    assert path.read_bytes() == FORMAT_1.read_bytes()
    todo.write_text("".join(f"{line}\n".replace(",,,", ",cat,,") for line in todo.read_text().splitlines()))
    with Ledger.open(path) as ledger:
        assert ledger.identity == query.ledger
        assert ledger.tell_file(todo).labels == len(query)


def test_a_copy_is_kept_until_the_file_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    killed(path)
    Path(f"{path}-shm").unlink()
    made: list[Path] = []
    whole = temporary_copy.copy_of_files
    monkeypatch.setattr(
        "alcore.ledger.readonly.copy_of_files", lambda file, stamps: made.append(file) or whole(file, stamps)
    )
    with Ledger.open(path, readonly=True) as ledger:
        assert ledger.labelled.tolist() == [1, 2]
        assert len(made) == 1
        with Ledger.open(path) as writer:
            writer.label({3: "cat"})
        assert ledger.labelled.tolist() == [1, 2, 3]
        assert len(made) == 1  # the log is gone, so the file is read itself


def test_files_that_change_while_they_are_copied_are_copied_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    killed(path)
    Path(f"{path}-shm").unlink()
    copies: list[str] = []
    copyfile = shutil.copyfile

    def slow(source: str, target: str) -> None:
        copyfile(source, target)
        copies.append(source)
        if len(copies) == 1:
            os.utime(path, ns=(1, 1))

    monkeypatch.setattr(shutil, "copyfile", slow)
    assert read(path) == [1, 2]
    assert len(copies) == 4  # file and log, twice

    def always(source: str, target: str) -> None:
        copyfile(source, target)
        os.utime(path, ns=(len(copies), len(copies)))
        copies.append(source)

    monkeypatch.setattr(shutil, "copyfile", always)
    with pytest.raises(
        LedgerError, match=r"other processes have been writing for 0.1 s.*Ledger.open\(path, timeout=600\)"
    ):
        read(path, timeout=0.1)


def test_files_that_were_written_just_now_are_looked_at_again(tmp_path: Path) -> None:
    """A second write in the same tick of the clock would not show."""
    path = tmp_path / "run.db"
    killed(path)
    ms, file, log = 10**6, 5 * 10**12, 6 * 10**12
    os.utime(path, ns=(file, file))
    os.utime(f"{path}-wal", ns=(log, log))
    stamps = temporary_copy.stamps_of(path)
    for now, settled in [
        (file, False),
        (file + 9 * ms, False),
        (log - 9 * ms, False),
        (file + 30 * ms, True),
        (1, True),
    ]:
        assert stamps.settled(now) is settled
    path.touch()
    Path(f"{path}-shm").unlink()
    assert read(path) == [1, 2]


def test_a_temporary_folder_without_space_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    killed(path)
    Path(f"{path}-shm").unlink()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "none"))
    with pytest.raises(LedgerError, match="the copy cannot be written into the temporary folder .No such file.*TMPDIR"):
        read(path)
    (tmp_path / "space").mkdir()  # the remedy
    monkeypatch.setenv("TMPDIR", str(tmp_path / "space"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    assert read(path) == [1, 2]
    assert not list((tmp_path / "space").iterdir())


# --- places that are refused to write ---------------------------------------------------------------------------------


def test_a_network_file_system_is_read_by_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No lock of SQLite is taken there."""
    path, mounts = tmp_path / "run.db", tmp_path / "mounts"
    with Ledger.open(path, 100) as ledger:
        ledger.label({1: "cat"})
    mounts.write_text(f"host:/share {tmp_path} nfs4 rw 0 0\n")
    monkeypatch.setattr(places, "MOUNTS", mounts)
    before = contents(tmp_path)
    with pytest.raises(LedgerError, match=r"To only read it: Ledger.open\(path, readonly=True\)"):
        Ledger.open(path)
    opened: list[str] = []
    connect = sqlite3.connect
    monkeypatch.setattr(
        sqlite3, "connect", lambda target, **options: opened.append(str(target)) or connect(target, **options)
    )
    assert read(path) == [1]
    assert opened
    assert not [one for one in opened if str(tmp_path) in one]
    assert contents(tmp_path) == before


def test_a_name_that_is_a_hard_link(tmp_path: Path) -> None:
    """The file says whether labels may be in a log. A log has the name of the file that was opened."""
    path, link = tmp_path / "run.db", tmp_path / "link.db"
    with Ledger.open(path, 100) as ledger:
        ledger.label({1: "cat"})
    os.link(path, link)
    assert read(path) == read(link) == [1]
    link.unlink()
    killed(path)
    os.link(path, link)
    assert read(path) == [1, 2]  # beside its log
    with pytest.raises(LedgerError, match="without its log"):
        read(link)
    link.unlink()
    with Ledger.open(path) as ledger:
        os.link(path, link)
        for name in (path, link):
            with pytest.raises(
                LedgerError, match="has 2 names .hard links., and this process writes to it.*ledger.close"
            ):
                read(name)
        assert ledger.labelled.tolist() == [1, 2]  # the remedies
    assert read(link) == [1, 2]
    first = tmp_path / "first.db"
    shutil.copy(FORMAT_1, tmp_path / "format.db")
    os.link(tmp_path / "format.db", first)
    with pytest.raises(LedgerError, match="another name may have a log .-wal. with labels"):
        Ledger.open(first, readonly=True)


def test_a_symbolic_link_is_the_file(tmp_path: Path) -> None:
    path, link = tmp_path / "run.db", tmp_path / "link.db"
    link.symlink_to(path)
    killed(path)
    assert read(link) == [1, 2]
    with Ledger.open(path) as ledger:
        ledger.label({3: "cat"})
        assert read(link) == [1, 2, 3]


def test_names_with_marks_of_addresses(tmp_path: Path) -> None:
    path = tmp_path / "50% ?mode=rwc#x.db"
    with Ledger.open(path, 100) as ledger:
        ledger.label({1: "cat"})
    assert read(path) == [1]
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_another_file_in_its_place(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 100).close()
    Ledger.open(tmp_path / "other.db", 50).close()
    with Ledger.open(path, readonly=True) as ledger:
        path.rename(tmp_path / "away.db")
        with pytest.raises(LedgerError, match="was moved or deleted since it was opened. Put it back"):
            ledger.counts()
        (tmp_path / "away.db").rename(path)  # the remedy
        assert len(ledger) == 100
        (tmp_path / "other.db").rename(path)
        with pytest.raises(LedgerError, match=r"replaced by another ledger.*Ledger.open\(path, readonly=True\)"):
            ledger.counts()
    with Ledger.open(path, readonly=True) as ledger:  # the remedy
        assert len(ledger) == 50
