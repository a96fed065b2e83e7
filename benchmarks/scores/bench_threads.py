"""The same work by one thread, by a thread a core, by sixteen, and by eight processes of one thread: what dividing it costs."""

from __future__ import annotations

import hashlib
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from harness import QUICK, RUNS, OtherWork, Peer, Table, random_probs, range_text, structured_probs, yes_no

import alcore

PARTS = 8
MOST = 1.1  # times the best
DRAWS = 50
ROWS = {"bald": 25_000, "bald of logits": 5_000, "epig": 500, "batchbald": 2_000}  # of a part, (rows, 10, DRAWS)
REPEATS = {"bald": 4, "bald of logits": 4, "epig": 2, "batchbald": 1}
SIDES = {"1 thread": (1, "1"), "a thread a core": (1, ""), "16 threads": (1, "16"), "8 processes of 1 thread": (8, "1")}


def tables(_peer: Peer) -> Iterator[Table]:
    cores = len(os.sched_getaffinity(0))
    others = OtherWork()
    rows = [row for what in ROWS for row in rows_of(what, cores, 2 if QUICK else RUNS)]
    pools = ", ".join(f"{rows} rows for {what}" for what, rows in ROWS.items())
    text = (
        f"{PARTS} pools of (rows, 10, {DRAWS}) float32, several times each: {pools} (EPIG of 200 targets, BatchBALD of 5 rows). "
        "One process takes the pools one after the other, eight processes one each; all are started and warm before. Medians of "
        f"{RUNS} in turn, {cores} cores. Times the best: of the sides on as many cores. Core seconds are the time times these "
        "cores. Eight processes share nothing, and what they take more of them than one thread does is the machine's own loss. "
        f"Processor seconds are the system's count. Reached: at most {MOST} times the best, and every score and pick has the same "
        f"bits. All cores busy meanwhile, those of the sides among them: {others.cores():.2f}."
    )
    columns = [
        "what",
        "by",
        "ms",
        "range",
        "cores",
        "times the best",
        "target",
        "reached",
        "core seconds",
        "times the fewest",
    ]
    yield Table("Threads and processes", text, [*columns, "processor seconds", "same bits"], rows)


def rows_of(what: str, cores: int, runs: int) -> list[list[str]]:
    sides = {name: Side(what, *shape) for name, shape in SIDES.items()}
    try:
        found: dict[str, list[Run]] = {name: [] for name in sides}
        for run in range(runs + 1):
            for name, side in sides.items():
                one = side.run()
                if run:
                    found[name].append(one)
    finally:
        for side in sides.values():
            side.end()
    digest = found["1 thread"][0].digest
    busy = {name: min(cores, processes * int(threads or cores)) for name, (processes, threads) in SIDES.items()}
    took = {name: statistics.median(one.seconds for one in own) for name, own in found.items()}
    best = {number: min(took[name] for name in took if busy[name] == number) for number in busy.values()}
    fewest = min(busy[name] * took[name] for name in took)
    rows = []
    for name, own in found.items():
        cost, ratio = busy[name] * took[name], took[name] / best[busy[name]]
        same = all(one.digest == digest for one in own)
        row = [what, name, f"{took[name] * 1e3:.0f}", range_text([one.seconds for one in own]), str(busy[name])]
        row += [f"{ratio:.2f}", f"≤ {MOST}", yes_no(ratio <= MOST and same), f"{cost:.2f}", f"{cost / fewest:.2f}"]
        rows.append([*row, f"{statistics.median(one.processor for one in own):.2f}", yes_no(same)])
    return rows


class Run:
    """One turn of a side: from the word until the last process is done."""

    def __init__(self, seconds: float, answers: list[dict[str, Any]]) -> None:
        self.seconds = seconds
        self.processor = sum(answer["processor"] for answer in answers)
        self.digest = [digest for answer in answers for digest in answer["digests"]]


class Side:
    """Processes that wait for the word, each with its share of the pools."""

    def __init__(self, what: str, processes: int, threads: str) -> None:
        share = PARTS // processes
        environment = {**os.environ, "ALCORE_THREADS": threads}
        self._processes = [
            subprocess.Popen(
                [sys.executable, __file__, what, str(first), str(first + share)],
                cwd=Path(__file__).parents[1],
                env={
                    **environment,
                    "PYTHONPATH": os.pathsep.join([str(Path(__file__).parents[1]), *filter(None, sys.path)]),
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for first in range(0, PARTS, share)
        ]
        for process in self._processes:
            line_of(process)

    def run(self) -> Run:
        start = time.perf_counter()
        for process in self._processes:
            print("go", file=process.stdin, flush=True)
        answers = [dict(json.loads(line_of(process))) for process in self._processes]
        return Run(time.perf_counter() - start, answers)

    def end(self) -> None:
        for process in self._processes:
            process.communicate()


def line_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"{process.args} ended")
    return line


# --- the processes ----------------------------------------------------------------------------------------------------


def work_of(what: str, first: int, stop: int) -> list[Callable[[], np.ndarray]]:
    """One call a pool."""
    shape = (ROWS[what], 10, DRAWS)
    if what == "batchbald":
        pools = [structured_probs(shape, part) for part in range(first, stop)]
        return [lambda pool=pool: alcore.batchbald(pool, k=5, rng=0).indices for pool in pools]  # type: ignore[misc]
    pools = [random_probs(shape, part) for part in range(first, stop)]
    if what == "epig":
        targets = random_probs((200, 10, DRAWS), 99)
        return [lambda pool=pool: alcore.epig(pool, targets) for pool in pools]  # type: ignore[misc]
    if what == "bald":
        return [lambda pool=pool: alcore.bald(pool) for pool in pools]  # type: ignore[misc]
    logits = [np.log(pool + np.float32(1e-9)) for pool in pools]
    return [lambda pool=pool: alcore.bald(pool, kind="logits") for pool in logits]  # type: ignore[misc]


def serve(what: str, first: int, stop: int) -> None:
    """Once before the first word, then once a word."""
    calls = work_of(what, first, stop)
    for _ in [None, *calls]:
        calls[0]()
    print("ready", flush=True)
    for _ in sys.stdin:
        start, digests = time.process_time(), []
        for call in calls:
            for _ in range(REPEATS[what]):
                found = call()
            digests.append(hashlib.blake2b(found.tobytes(), digest_size=8).hexdigest())
        print(json.dumps({"processor": time.process_time() - start, "digests": digests}), flush=True)


if __name__ == "__main__":
    serve(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
