"""A scheduler and workers of Dask in processes of their own on this machine, and the processor time that each has used.

Processor time says what a part costs even where other work slows all of them down.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from distributed import Client
from distributed.diagnostics.plugin import SchedulerPlugin

HERE = Path(__file__).parents[1]
OURS = "alcore-block"  # the keys of alcore's own tasks begin so


class Counter(SchedulerPlugin):
    """Lives in the scheduler and counts the tasks that end, and the bytes of alcore's results."""

    name = "alcore-counter"

    def __init__(self) -> None:
        self.tasks, self.blocks, self.back = 0, 0, 0

    async def start(self, scheduler: Any) -> None:
        self._scheduler = scheduler

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        if finish != "memory" or start == "memory":
            return
        self.tasks += 1
        if OURS in str(key):
            self.blocks += 1
            self.back += kwargs.get("nbytes") or 0


def counted(dask_scheduler: Any = None) -> tuple[int, int, int]:
    counter = dask_scheduler.plugins[Counter.name]
    return counter.tasks, counter.blocks, counter.back


@dataclass(frozen=True)
class Used:
    """What some work took. Seconds of processor time, but for the first, those of the clock."""

    seconds: float
    driver: float
    scheduler: float
    workers: float
    tasks: int
    blocks: int
    back: int


class Machines:
    """A client of the scheduler, and the processes behind it."""

    def __init__(self, client: Client, scheduler: int, workers: list[int]) -> None:
        self.client, self._scheduler, self._workers = client, scheduler, workers

    def _now(self) -> tuple[float, ...]:
        counts = self.client.run_on_scheduler(counted)
        processors = time.process_time(), _cpu(self._scheduler), sum(map(_cpu, self._workers))
        return time.perf_counter(), *processors, *counts

    def used(self, work: Any) -> Used:
        before = self._now()
        work()
        return Used(*(after - start for after, start in zip(self._now(), before, strict=True)))


def _cpu(process: int) -> float:
    """Seconds of processor time that a process and its threads have used."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@contextmanager
def machines(workers: int) -> Iterator[Machines]:
    """So many workers of one thread each. All of them end with the block."""
    paths = [str(HERE.parent), str(HERE), os.environ.get("PYTHONPATH", "")]
    environment = {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(paths),
        "DASK_DISTRIBUTED__LOGGING__DISTRIBUTED": "critical",
    }
    started: list[subprocess.Popen[bytes]] = []

    def start(module: str, *options: str) -> None:
        command = [sys.executable, "-m", f"distributed.cli.{module}", *options, "--no-dashboard"]
        quiet = subprocess.DEVNULL
        started.append(subprocess.Popen(command, env=environment, cwd=folder, stdout=quiet, stderr=quiet))

    with tempfile.TemporaryDirectory() as folder:
        try:
            address = Path(folder, "scheduler.json")
            start("dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--scheduler-file", str(address))
            for _ in range(workers):
                start(
                    "dask_worker", "--scheduler-file", str(address), "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1",
                    "--memory-limit", "0",
                )  # fmt: skip
            while not address.exists() or not address.read_text(encoding="utf-8"):
                time.sleep(0.05)
            with Client(scheduler_file=str(address), timeout=120) as client:
                client.wait_for_workers(workers, timeout=300)
                client.register_plugin(Counter())
                yield Machines(client, started[0].pid, [process.pid for process in started[1:]])
        finally:
            for process in reversed(started):
                process.kill()  # they hold nothing that has to be kept
                process.wait()
