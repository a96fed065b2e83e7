"""How long others wait with their labels while one process asks over a stream of predictions."""

from __future__ import annotations

import json
import os
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from harness import QUICK, OtherWork, Peer, Table, clock, random_probs, yes_no

import alcore

SECONDS = 2.0 if QUICK else 10.0  # that the stream takes
BLOCKS, ROWS = 100, 500
TELLERS, PAUSE = 3, 0.05  # processes, and seconds from one tell of theirs to the next
LONGEST = 50.0  # ms
HERE = Path(__file__).parents[1]


def tables(_peer: Peer) -> Iterator[Table]:
    yield table(SECONDS)


def table(seconds: float) -> Table:
    others = OtherWork()
    asked, quiet, count = measured(seconds)
    text = (
        f"One process asks for 100 ids by BALD over a stream of {BLOCKS} blocks of (500, 10, 20) that takes {seconds:g} s, as the "
        f"predictions of a model on another device. {TELLERS} processes tell a label of one id every {PAUSE * 1e3:g} ms. After "
        "each tell they write one row by a bare SQLite transaction (WAL, synchronous=FULL) into a file of their own on the same "
        "disk: what the disk alone costs (fsync). The target is for the longest tell. "
        f"Other work meanwhile: {others.cores():.2f} cores."
    )
    rows = [
        row("tell while the stream is asked", [tell for _, tell, _ in asked], LONGEST),
        row("bare SQLite transaction meanwhile", [bare for _, _, bare in asked], None),
        row("tell while nobody asks", [tell for _, tell, _ in quiet], None),
        row("bare SQLite transaction meanwhile", [bare for _, _, bare in quiet], None),
    ]
    assert count == 100
    columns = ["what", "times", "median ms", "99 % ms", "longest ms", "target", "reached"]
    return Table("Labels told while a stream is asked", text, columns, rows)


def row(what: str, seconds: list[float], target: float | None) -> list[str]:
    times = [1e3 * one for one in seconds]
    found = (statistics.median(times), float(np.quantile(times, 0.99)), max(times))
    reached = "" if target is None else yes_no(found[-1] <= target)
    return [
        what,
        str(len(times)),
        *(f"{one:.1f}" for one in found),
        "" if target is None else f"≤ {target:g} ms",
        reached,
    ]


Told = list[tuple[float, float, float]]  # when a tell began, its seconds, and those of the bare transaction after it


def measured(seconds: float) -> tuple[Told, Told, int]:
    """What was told while the stream was asked, and while nobody asked, and how many ids were asked for."""
    with tempfile.TemporaryDirectory() as folder:
        path, block = Path(folder) / "run.db", random_probs((ROWS, 10, 20))
        with alcore.Ledger.open(path, BLOCKS * ROWS) as ledger:
            for number in range(TELLERS):
                ledger.label_randomly(int(40 * (1 + seconds)), rng=number, asker=str(number))
            alcore.bald(block)  # compiled before
            tellers = [started(path, number) for number in range(TELLERS)]
            for teller in tellers:
                assert teller.stdout is not None
                assert teller.stdout.readline() == "ready\n"
            time.sleep(seconds / 4)
            began = time.monotonic()
            query = ledger.ask(alcore.BALD(), stream(block, seconds), 100)
            ended = time.monotonic()
            time.sleep(seconds / 4)
        (Path(folder) / "stop").touch()
        told = [tuple(one) for teller in tellers for one in json.loads(teller.communicate()[0])]
    asked = [one for one in told if began <= one[0] < ended]
    return asked, [one for one in told if not began <= one[0] < ended], len(query)


def stream(block: np.ndarray, seconds: float) -> Iterator[np.ndarray]:
    for _ in range(BLOCKS):
        time.sleep(seconds / BLOCKS)
        yield block


def started(path: Path, number: int) -> subprocess.Popen[str]:
    code = f"import ledger.bench_telling as module; module.tell({str(path)!r}, {number})"
    command = [sys.executable, "-c", code]
    return subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True, env={**os.environ})


def tell(path: str, number: int) -> None:
    """The work of one process: it tells until there is a file ``stop``, and prints what it measured."""
    folder, told = Path(path).parent, list[Any]()
    with alcore.Ledger.open(path) as ledger, closing(sqlite3.connect(folder / f"bare {number}.db")) as bare:
        bare.isolation_level = None
        for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "CREATE TABLE told (id INTEGER)"):
            bare.execute(statement)
        (query,) = ledger.open_queries(str(number))
        ids = iter(query.ids.tolist())
        print("ready", flush=True)
        while not (folder / "stop").exists():
            one, start = next(ids), time.monotonic()
            taken = clock(lambda: ledger.tell(query, {one: "cat"}))()  # noqa: B023
            told.append((start, taken, clock(lambda: bare.execute("INSERT INTO told VALUES (?)", (one,)))()))  # noqa: B023
            time.sleep(max(0.0, start + PAUSE - time.monotonic()))
    print(json.dumps(told))
