"""Files that are no ledgers, cut off, read-only, or left_files by a process that died: read or refused as they are."""

from __future__ import annotations

import os
import sqlite3
import stat
from pathlib import Path
from typing import Any

import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import file_check
from tests.ledger.examples import N, filled, refused


def test_files_that_are_no_ledgers_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    for content in (b"id,label\n1,cat\n", b"SQLite format 3\x00 but no more", os.urandom(8192)):
        path.write_bytes(content)
        refused(path, "is not an SQLite file|is truncated", size=N)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    refused(path, "another program's SQLite file", size=N)
    with pytest.raises(LedgerError, match="no such ledger"):
        Ledger.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(LedgerError, match="the folder .* does not exist"):
        Ledger.open(tmp_path / "none" / "run.db", N)
    with pytest.raises(LedgerError, match="expected a file, got a folder"):
        Ledger.open(tmp_path, N)


def test_truncated_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 4096, 60, 17):
        path.write_bytes(whole[:length])
        refused(path, "is truncated")


def test_read_only_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    path.chmod(stat.S_IRUSR)
    refused(path, "is read-only")


# --- what a dead process leaves ---------------------------------------------------------------------------------------


@pytest.fixture
def left_files(tmp_path: Path) -> dict[str, bytes]:
    """The files of a ledger whose process is dead: not all of its log is in the file."""
    path = tmp_path / "alive.db"
    with Ledger.open(path, ids=[f"image {i}.png" for i in range(2_000)]) as ledger:
        ledger.label_randomly(300, rng=0, labels=list)
    with Ledger.open(path) as ledger:
        ledger.label_randomly(50, rng=0, labels=list)
        return {suffix: Path(f"{path}{suffix}").read_bytes() for suffix in ("", "-wal")}


def write_files(folder: Path, left_files: dict[str, bytes]) -> Path:
    for suffix, content in left_files.items():
        (folder / f"run.db{suffix}").write_bytes(content)
    return folder / "run.db"


def test_the_log_of_a_dead_process_is_read(tmp_path: Path, left_files: dict[str, bytes]) -> None:
    with Ledger.open(write_files(tmp_path, left_files)) as ledger:
        assert ledger.counts()["labelled"] == 350


def test_a_truncated_file_with_a_log_is_refused(tmp_path: Path, left_files: dict[str, bytes]) -> None:
    for length in (0, 60, 4096, 8192, len(left_files[""]) // 2):
        refused(
            write_files(tmp_path, {**left_files, "": left_files[""][:length]}),
            f"is truncated: {length} of",
            size=2_000,
        )


def test_pages_that_the_log_still_holds_are_not_missed(tmp_path: Path, left_files: dict[str, bytes]) -> None:
    """A process killed while its log is moved into the file has written how long that is, and not all of it."""
    page = 4096
    frames = range(32, len(left_files["-wal"]), 24 + page)
    logged = {int.from_bytes(left_files["-wal"][at : at + 4], "big") for at in frames}
    last = len(left_files[""]) // page
    assert last in logged
    while last in logged:
        last -= 1
    with Ledger.open(write_files(tmp_path, {**left_files, "": left_files[""][: last * page]})) as ledger:
        assert ledger.counts()["labelled"] == 350
    refused(write_files(tmp_path, {**left_files, "": left_files[""][: (last - 1) * page]}), "is truncated")


def test_a_log_that_lost_its_file_is_refused(tmp_path: Path, left_files: dict[str, bytes]) -> None:
    path = write_files(tmp_path, {"-wal": left_files["-wal"]})
    refused(path, "the file is missing, but its log .*run.db-wal is there and may hold labels", size=2_000)


def test_a_file_that_others_are_making_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Looked at while others make it: what seems foreign then is looked at again."""
    path = tmp_path / "run.db"
    Ledger.open(path, 40).close()
    whole = path.read_bytes()
    looks = [whole[:68] + bytes(4) + whole[72:100], whole[:100]]
    monkeypatch.setattr(file_check, "_header", lambda path: looks.pop(0) if len(looks) > 1 else looks[0])
    with Ledger.open(path) as ledger:
        assert len(ledger) == 40


def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    Ledger.open(path, 40).close()

    def denied(*_: Any) -> Any:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", denied)
    with pytest.raises(LedgerError, match="cannot be read .Permission denied.. Allow reading and writing: chmod"):
        Ledger.open(path)
