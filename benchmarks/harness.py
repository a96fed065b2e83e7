"""What the tables share: the shape of a table, alternating clocks, the peers' process, random predictions."""

from __future__ import annotations

import json
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RUNS = 7
REST_S = 0.3  # threads of OpenBLAS wait for more work on a core for a while: EPIG took 129 ms after them, and 98 later
QUICK = os.environ.get("ALCORE_BENCH_QUICK", "") not in ("", "0")
YES, NO = "yes", "**no**"


@dataclass(frozen=True)
class Table:
    """Cells as they are printed; a column "reached" says yes or no, or nothing where there is no target."""

    title: str
    text: str
    columns: list[str]
    rows: list[list[str]]

    def render(self) -> str:
        lines = [self.columns, ["---"] * len(self.columns), *self.rows]
        return f"## {self.title}\n\n{self.text}\n\n" + "".join(f"| {' | '.join(line)} |\n" for line in lines)

    @classmethod
    def parse(cls, section: str) -> Table:
        """What `render` wrote, from after the ``##`` on."""
        title, text, rows = section.strip("\n").split("\n\n")
        columns, _, *cells = ([cell.strip() for cell in line[1:-1].split("|")] for line in rows.splitlines())
        return cls(title, text, columns, cells)

    def missed(self) -> list[str]:
        """The rows that did not reach a target, by their first cells."""
        return [f"{self.title}: {row[0]}" for row in self.rows if NO in row]

    def reached(self) -> int:
        return sum(YES in row for row in self.rows)


def yes_no(reached: bool) -> str:
    return YES if reached else NO


def clock(work: Callable[[], object]) -> Callable[[], float]:
    """``work`` as a function that returns the seconds it took."""

    def timed() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timed


def rested(seconds: float) -> float:
    """The seconds of a side whose threads wait actively for a while after their work, when they have ended."""
    time.sleep(REST_S)
    return seconds


def turns(sides: dict[str, Callable[[], float]], runs: int = RUNS) -> dict[str, list[float]]:
    """Seconds of each side, run A B A B after one unmeasured run of each."""
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):
        for name, side in sides.items():
            taken = side()
            if run > 0:
                seconds[name].append(taken)
    return seconds


def alternate(sides: dict[str, Callable[[], float]], runs: int = RUNS) -> dict[str, float]:
    """Median seconds of each side."""
    return {name: statistics.median(seconds) for name, seconds in turns(sides, runs).items()}


def range_text(seconds: list[float]) -> str:
    """Fastest and slowest in milliseconds."""
    return f"{min(seconds) * 1e3:.1f} – {max(seconds) * 1e3:.1f}"


def random_probs(shape: tuple[int, ...], seed: int = 0, dtype: type = np.float32) -> np.ndarray:
    """Draws from Dirichlet(1): independent exponentials, normalised over the classes."""
    probs = np.random.default_rng(seed).standard_exponential(shape, dtype=dtype)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs


def structured_probs(shape: tuple[int, int, int], seed: int = 0, doubt: float = 1.2) -> np.ndarray:
    """A Bayesian's pool: clustered inputs under draws of a softmax model's posterior, the same draws for every row.

    Most rows lie in clusters that were trained on and score near 0; one in twenty lies in one that was not, up to about 0.8 nats.
    ``doubt`` scales how far the draws lie apart. The model comes from the seed before the inputs: pools of any number of rows come
    from one model and one distribution.
    """
    rows, classes, draws = shape
    features, clusters, trained = 16, 48, 36
    rng = np.random.default_rng(seed)
    prototypes = rng.normal(size=(classes, features))
    centres = prototypes[np.arange(clusters) % classes] + 0.7 * rng.normal(size=(clusters, features))
    centres *= 1.5
    seen = np.repeat(centres[:trained], 20, axis=0)
    seen += rng.normal(size=seen.shape)
    scatter = doubt * np.linalg.cholesky(np.linalg.inv(np.eye(features) + 0.01 * seen.T @ seen))
    weights = 0.7 * prototypes.T[:, :, None] + np.tensordot(scatter, rng.normal(size=(features, classes, draws)), 1)
    cluster = np.where(rng.random(rows) < 0.05, rng.integers(trained, clusters, rows), rng.integers(0, trained, rows))
    inputs = (centres[cluster] + rng.normal(size=(rows, features))).astype(np.float32)
    probs = (inputs @ weights.reshape(features, -1).astype(np.float32)).reshape(shape)
    probs -= probs.max(axis=1, keepdims=True)
    np.exp(probs, out=probs)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs


def mebibytes_grown(work: Callable[[], object]) -> float:
    """By how much this process's anonymous memory grew at most during ``work``, looked at every 2 ms."""
    start, peak, done = anonymous_mib(), [0.0], threading.Event()

    def watch() -> None:
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous_mib() - start)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        work()
    finally:
        done.set()
        watcher.join()
    return max(peak[0], anonymous_mib() - start)


def anonymous_mib(process: int | str = "self") -> float:
    """Of a process, this one by default; none is left of one that has ended."""
    found = re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
    return int(found[1]) / 1024 if found else 0.0


def in_new_process(function: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a function of a module beside this one returns in a process of its own."""
    code = f"import json, {function.__module__} as module; print(json.dumps(module.{function.__name__}()))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=Path(__file__).parent, check=True, stdout=subprocess.PIPE, text=True)
    return dict(json.loads(done.stdout))


def shape_text(shape: tuple[int, ...]) -> str:
    return "(" + ", ".join(f"{n:,}".replace(",", " ") for n in shape) + ")"


def cpu_model() -> str:
    from llvmlite import binding

    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
    return f"{model.group(1).strip() if model else platform.processor()} ({binding.get_host_cpu_name()})"


def largest_cache() -> str:
    sizes = Path("/sys/devices/system/cpu/cpu0/cache").glob("index*/size")
    kib = max((int(path.read_text().strip().rstrip("K")) for path in sizes), default=0)
    return f"{kib / 1024:.0f} MiB" if kib else "unknown"


def memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


class OtherWork:
    """How many cores anything but this process, its ended children and the peers' process has kept busy since it was made."""

    def __init__(self, *pids: int) -> None:
        self._pids = pids
        self._start, self._seconds = time.perf_counter(), self._now()

    def cores(self) -> float:
        return max(0.0, (self._now() - self._seconds) / (time.perf_counter() - self._start))

    def _now(self) -> float:
        user, nice, system, _, _, irq, softirq, steal = _fields("/proc/stat", 1, 9)
        ticks = user + nice + system + irq + softirq + steal
        ticks -= sum(sum(_fields(f"/proc/{pid}/stat", 13, 15)) for pid in self._pids)
        return ticks / os.sysconf("SC_CLK_TCK") - sum(os.times()[:4])


def _fields(path: str, start: int, stop: int) -> list[int]:
    return [int(field) for field in Path(path).read_text(encoding="utf-8").split()[start:stop]]


class Peer:
    """The process of peers.py: one JSON command a line, one JSON answer a line."""

    def __init__(self, python: str) -> None:
        script = Path(__file__).with_name("peers.py")
        self.python = python
        self._process = subprocess.Popen(
            [python, str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "TQDM_DISABLE": "1"},
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def ask(self, **command: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps(command), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the peers' process ended at {command}")
        return dict(json.loads(answer))

    def __enter__(self) -> Peer:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate()
