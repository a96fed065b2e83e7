"""Files with bytes flipped, cut, doubled or moved, and with headers that claim huge sizes; and what reading one may cost."""

from __future__ import annotations

import re
import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from tests.soak.hostile_numbers import pick

HEAD = 256  # bytes, where most files say what follows
WORDS = [
    b"\0" * 4,
    b"\xff" * 4,
    b"\xff" * 8,
    b"\x7f" + b"\xff" * 7,
    b"\0" * 7 + b"\x40",
    b"\0\0\0\x40",
    b"\x40\0\0\0",
    b"\x01" * 8,
]
NUMBERS = [
    b"0",
    b"-1",
    b"1000000000000",
    b"9" * 30,
    b"1e400",
    b"nan",
    b"4611686018427387904",
    b"2147483648",
    b"3.5",
    b"true",
    b"null",
]
MEMORY = 2 << 30  # bytes of address space beyond what the process has
GROWTH = 64 << 10  # KiB that a refusal or a small file may take
SECONDS = 60


@contextmanager
def at_one_time() -> Iterator[None]:
    """Files say when they were written: with the same time in each run an input is the same too."""
    with mock.patch("time.time", return_value=1_800_000_000.0):
        yield


def damaged(rng: np.random.Generator, data: bytes) -> bytes:
    """One to three changes, half of them in the head of the file."""
    for _ in range(pick(rng, (1, 1, 2, 3))):
        data = _changed(rng, data)
    return data


def _changed(rng: np.random.Generator, data: bytes) -> bytes:
    size = len(data)
    if not size:
        return bytes(rng.integers(256, size=3, dtype=np.uint8))
    at = int(rng.integers(min(size, HEAD) if rng.random() < 0.5 else size))
    to = min(size, at + int(rng.integers(1, 65)))
    how = int(rng.random() * 9)
    if how <= 1:
        return data[:at] + bytes([data[at] ^ (1 << int(rng.integers(8)))]) + data[at + 1 :]
    if how == 2:
        return data[:at] + bytes(rng.integers(256, size=1, dtype=np.uint8)) + data[at + 1 :]
    if how == 3:
        return data[:at]
    if how == 4:
        return data[:at] + data[to:]
    if how == 5:
        return data[:to] + data[at:]
    if how == 6:
        word = pick(rng, WORDS)
        return data[:at] + word + data[at + len(word) :]
    if how == 7 and (numbers := list(re.finditer(rb"\d+", data))):
        found = pick(rng, numbers)
        return data[: found.start()] + pick(rng, NUMBERS) + data[found.end() :]
    return data[:at] + bytes(rng.integers(256, size=int(rng.integers(1, 9)), dtype=np.uint8)) + data[at:]


def damage_folder(rng: np.random.Generator, files: dict[str, bytes]) -> dict[str, bytes]:
    """The files of a folder with one of them damaged, left out, emptied, or under another's name."""
    name = pick(rng, sorted(files))
    chance = rng.random()
    if chance < 0.05:
        return {one: data for one, data in files.items() if one != name}
    if chance < 0.1:
        return {**files, name: b""}
    if chance < 0.15:
        return {**files, name: files[pick(rng, sorted(files))]}
    return {**files, name: damaged(rng, files[name])}


def read_folder(folder: Path) -> dict[str, bytes]:
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


def write_folder(folder: Path, files: dict[str, bytes]) -> None:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)


@contextmanager
def within_limits() -> Iterator[None]:
    """No more address space than MEMORY for what runs inside, and no more time than SECONDS for each `within_time`."""
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    taken = int(re.search(r"VmSize:\s+(\d+)", Path("/proc/self/status").read_text())[1]) << 10  # type: ignore[index]
    before = signal.signal(signal.SIGALRM, _too_slow)
    resource.setrlimit(resource.RLIMIT_AS, (taken + MEMORY, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def within_time() -> Iterator[None]:
    """Memory that grows by little, and an end."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    signal.alarm(SECONDS)
    yield
    signal.alarm(0)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown <= GROWTH, f"took {grown / 1024:.0f} MiB"


class TooSlow(BaseException):
    """Not an Exception, which readers would turn into a refusal."""


def _too_slow(*_: Any) -> None:
    raise TooSlow(f"no end after {SECONDS} s")
