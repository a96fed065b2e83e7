"""Ledgers that are only read, and places that permissions or a mount keep from being written to."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from alcore import Ledger, LedgerError
from tests.ledger.children import Child, Send

FORMAT_1 = Path(__file__).parents[1] / "data" / "ledgers" / "format_1.db"
NOBODY = 65534  # a user whom permissions bind, as they do not bind root


def contents(folder: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and the time of its last write, and the folder's own time."""
    found = {one.name: (one.read_bytes(), one.stat().st_mtime_ns) for one in folder.iterdir()}
    return {**found, ".": (b"", folder.stat().st_mtime_ns)}


@contextmanager
def open_folder() -> Iterator[Path]:
    """A folder that every user can look into, which pytest's folders are not."""
    folder = Path(tempfile.mkdtemp(prefix="test-", dir="/tmp"))
    folder.chmod(0o755)
    try:
        yield folder
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


@contextmanager
def may_only_read(folder: Path) -> Iterator[None]:
    """Take from everybody the right to write into the folder and its files."""
    modes = {one: stat.S_IMODE(one.stat().st_mode) for one in (folder, *folder.iterdir())}
    for one in modes:
        one.chmod(0o555 if one == folder else 0o444)
    try:
        yield
    finally:
        for one, mode in modes.items():
            one.chmod(mode)


def as_nobody(work: Callable[[], Any]) -> Any:
    """What a function returns, any JSON value, in a process that permissions bind."""

    def run(send: Send) -> None:
        if os.geteuid() == 0:
            os.setegid(NOBODY)
            os.seteuid(NOBODY)
        send(work())

    killed, messages = Child(run).wait()
    assert not killed
    return messages[0]


def mounted_read_only(folder: Path, code: str) -> Any:
    """What Python code prints, a JSON value, where the folder is mounted to be read only. None where mounting is not allowed."""
    enter = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    if shutil.which("unshare") is None or subprocess.run([*enter, "true"], check=False).returncode:
        return None
    mount = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && ! touch "$0/x" 2> /dev/null && exec "$@"'
    command = [*enter, "sh", "-c", mount, str(folder), sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# --- ledgers ----------------------------------------------------------------------------------------------------------


def read(path: Path, **options: Any) -> list[int]:
    with Ledger.open(path, readonly=True, **options) as ledger:
        return [int(one) for one in ledger.labelled]


def killed(path: Path) -> None:
    """A process records labels and is killed: the log has them, and its index is there."""

    def work(send: Send) -> None:
        ledger = Ledger.open(path, 100)
        ledger.label({1: "cat"})
        ledger.label({2: "dog"})
        os.kill(os.getpid(), 9)

    assert Child(work).wait()[0]
    assert Path(f"{path}-wal").stat().st_size
    assert Path(f"{path}-shm").exists()


@contextmanager
def other_process(path: Path) -> Iterator[Callable[[int], None]]:
    """A process that has the ledger open: a function that lets it label an id, and it closes the ledger at the end."""
    reading, writing = os.pipe()

    def work(send: Send) -> None:
        os.close(writing)
        with Ledger.open(path, 100) as ledger, os.fdopen(reading) as told:
            for line in told:
                ledger.label({int(line): "cat"})
                send(int(line))

    child = Child(work)
    os.close(reading)

    def label(one: int) -> None:
        os.write(writing, f"{one}\n".encode())
        assert child.receive() == one

    try:
        yield label
    finally:
        os.close(writing)
        child.wait()


def make(state: str, path: Path) -> list[int]:
    """A ledger in the state in which its last process left it. Returns what is labelled."""
    if state == "format 1":
        shutil.copy(FORMAT_1, path)
        return [0, 38, 39]
    if state == "closed":
        with Ledger.open(path, 100) as ledger:
            ledger.label({1: "cat", 2: "dog"})
    else:
        killed(path)
    if state in ("without index", "lost"):
        Path(f"{path}-shm").unlink()
    if state == "lost":
        Path(f"{path}-wal").unlink()
    return [1, 2]


def numbers(path: Path) -> list[int] | str:
    try:
        with Ledger.open(path, readonly=True) as ledger:
            return [int(str(one).removeprefix("img-")) for one in ledger.labelled]
    except LedgerError as error:
        return str(error)
