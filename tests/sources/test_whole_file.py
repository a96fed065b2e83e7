"""A file is written whole or not at all."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest

from alcore.sources.files import whole_file


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.npy"
    with whole_file(target) as file:
        file.write(b"half ")
        assert not target.exists()
        file.write(b"whole")
    assert target.read_bytes() == b"half whole"
    assert os.listdir(tmp_path) == ["x.npy"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException], old: bytes | None) -> None:
    target = tmp_path / "x.npy"
    if old is not None:
        target.write_bytes(old)

    def fail() -> None:
        with whole_file(target) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {target: old})


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.npy"
    target.write_bytes(b"old and longer")
    with whole_file(str(target)) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "x.npy"):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.npy").stat().st_mode) == mode


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"), whole_file(tmp_path / "no" / "x.npy"):
        pytest.fail("the body ran")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(OSError, match="directory"), whole_file(tmp_path / "x.npy"):
        pass
    assert os.listdir(tmp_path) == ["x.npy"]


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 251 + ".npy")
    with whole_file(target) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"


# --- nothing is replaced ----------------------------------------------------------------------------------------------


def without_links(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT."""

    def refuse(*_: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)


@pytest.mark.parametrize("links", [True, False])
def test_one_of_many_gets_the_name(tmp_path: Path, links: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    target, all_at_once, lost = tmp_path / "x.npy", threading.Barrier(8), []
    if not links:
        without_links(monkeypatch)

    def write(number: int) -> None:
        try:
            with whole_file(target, replace=False) as file:
                file.write(b"%d" % number)
                all_at_once.wait(120)
        except FileExistsError:
            lost.append(number)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(lost) == 7
    assert {int(target.read_bytes()), *lost} == set(range(8))
    assert os.listdir(tmp_path) == ["x.npy"]


def test_a_file_that_is_there_is_refused_before_the_work(tmp_path: Path) -> None:
    target = tmp_path / "x.npy"
    target.write_bytes(b"old")
    with pytest.raises(FileExistsError, match="exists.*x.npy"), whole_file(target, replace=False):
        pytest.fail("the body ran")
    assert target.read_bytes() == b"old"
