"""A pass over a store on a cluster against one machine: time, bytes, memory and lost workers. Writes benchmarks/cluster.md.

    python benchmarks/cluster.py                                        # 4 GiB, and 2 000 000 rows: a quarter of an hour
    python benchmarks/cluster.py --gib 0.2 --rows 100000 --kills 2      # small, to try it; --out says where the page goes

Clusters are of Dask, on loopback, of workers of one thread each. Both sides of a comparison take turns, and medians are shown.
"""

from __future__ import annotations

import argparse
import datetime
import os
import platform
import re
import signal
import statistics
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import is_dataclass
from pathlib import Path
from typing import Any

import dask
import dask.array
import distributed
import numpy as np
import zarr
from harness import Table, yes_no

import alcore
from alcore.batches.search.candidates import MEMORY, SENT_ROWS
from alcore.sources import spread

CLASSES, DRAWS, CHUNK_BYTES = 10, 20, 32 << 20
HERE = Path(__file__).parent


def write_store(path: Path, rows: int, dtype: str) -> Any:
    """Predictions (rows, 10, 20) of 20 linear networks on random inputs, in chunks of whole rows."""
    row_bytes = CLASSES * DRAWS * np.dtype(dtype).itemsize
    chunk = max(1, min(rows // 8, CHUNK_BYTES // row_bytes))
    store = zarr.create_array(path, shape=(rows, CLASSES, DRAWS), chunks=(chunk, CLASSES, DRAWS), dtype=dtype)
    rng = np.random.default_rng(0)
    networks = 2 * rng.normal(size=(8, CLASSES, 1)) + 0.5 * rng.normal(size=(8, CLASSES, DRAWS))
    networks = networks.astype(np.float32).reshape(8, -1)
    for number, start in enumerate(range(0, rows, chunk)):
        inputs = np.random.default_rng([1, number]).normal(size=(min(chunk, rows - start), 8)).astype(np.float32)
        part = (inputs @ networks).reshape(-1, CLASSES, DRAWS)
        part = np.exp(part - part.max(axis=1, keepdims=True))
        store[start : start + len(part)] = (part / part.sum(axis=1, keepdims=True)).astype(dtype)
    return store


@contextmanager
def cluster_of(workers: int) -> Iterator[Any]:
    """A client of so many workers, whose kernels are compiled."""
    with (
        distributed.LocalCluster(
            n_workers=workers, threads_per_worker=1, host="127.0.0.1", dashboard_address="127.0.0.1:0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        yield client


def anonymous_mib(pid: int) -> float:
    """What a process holds, without files that it maps."""
    return int(re.search(r"RssAnon:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())[1]) / 1024  # type: ignore[index]


class Peaks:
    """The most that each process held while it was watched, beyond what it had before, in MiB."""

    def __init__(self, pids: list[int]) -> None:
        self._before = {pid: anonymous_mib(pid) for pid in pids}
        self.peak = dict.fromkeys(pids, 0.0)
        self._done = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Peaks:
        self._watcher.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._done.wait(0.01):
            for pid, before in self._before.items():
                self.peak[pid] = max(self.peak[pid], anonymous_mib(pid) - before)


def arrays_of(result: Any) -> list[np.ndarray]:
    """The arrays of what a task returns."""
    if isinstance(result, np.ndarray):
        return [result]
    inner = vars(result).values() if is_dataclass(result) else result if isinstance(result, tuple | list) else ()
    return [array for one in inner for array in arrays_of(one)]


class Sent:
    """What tasks return to the caller, rows of each block, pass after pass, and bytes. And how many parts of the store are read."""

    def __init__(self) -> None:
        self.rows, self.bytes, self.parts_read = list[list[int]](), 0, 0
        own, gathered, send = self, spread.Spread._gathered, spread._Graph.send

        def read(self: Any, *arguments: Any) -> list[Any]:
            own.parts_read += 1
            return send(self, *arguments)

        spread._Graph.send = read  # type: ignore[method-assign]

        def count(self: Any, *arguments: Any) -> Iterator[Any]:
            for part, results in gathered(self, *arguments):
                if part.first == 0:
                    own.rows.append([])
                for result in results:
                    arrays = arrays_of(result)
                    own.rows[-1].extend(len(one) for one in arrays if one.ndim == 3)
                    own.bytes += sum(one.nbytes for one in arrays)
                yield part, results

        spread.Spread._gathered = count  # type: ignore[method-assign]


def seconds(works: dict[str, Callable[[], object]], runs: int) -> dict[str, float]:
    """The median seconds of each, taking turns."""
    times: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(runs):
        for name, work in works.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    return {name: statistics.median(found) for name, found in times.items()}


def on(client: Any, work: Callable[[Any], Any], store: Any) -> Callable[[], Any]:
    def call() -> Any:
        with client.as_current():
            return work(dask.array.from_zarr(store))

    return call


def table_of_bald(folder: Path, rows: int, runs: int) -> Table:
    store = write_store(folder / "bald.zarr", rows, "f4")
    alcore.set_threads(2)
    expected = alcore.bald(store)
    with cluster_of(2) as two, cluster_of(1) as one:
        works = {
            "two": on(two, alcore.bald, store),
            "one": on(one, alcore.bald, store),
            "threads": lambda: alcore.bald(store),
        }
        same = all(np.array_equal(work(), expected) for work in works.values())
        found = seconds(works, runs)
        workers = list(two.run(os.getpid).values())
        with Peaks([*workers, os.getpid()]) as watched:
            works["two"]()
    block = store.chunks[0] * CLASSES * DRAWS * 4 / 2**20
    held = max(watched.peak[pid] for pid in workers)
    faster, slower = found["one"] / found["two"], found["two"] / found["threads"]
    lines = [
        ["scores are those of one machine, bit for bit", str(same), "", yes_no(same)],
        ["two workers against one", f"{faster:.2f} times as fast", "at least 1.8", yes_no(faster >= 1.8)],
        [
            "two workers against alcore's two threads",
            f"{slower:.2f} times the time",
            "at most 1.25",
            yes_no(slower <= 1.25),
        ],
        ["a worker holds", f"{held:.0f} MiB, {held / block:.1f} blocks", "at most 3 blocks", yes_no(held <= 3 * block)],
        ["the caller holds", f"{watched.peak[os.getpid()]:.0f} MiB, scores of {rows * 8 / 2**20:.0f} MiB", "", ""],
    ]
    text = (
        f"A zarr store of {store.nbytes / 2**30:.2f} GiB, ({rows:,}, {CLASSES}, {DRAWS}) float32 in blocks of {block:.0f} MiB. "
        f"Seconds: two workers {found['two']:.2f}, one worker {found['one']:.2f}, two threads {found['threads']:.2f}."
    )
    return Table("BALD", text, ["what", "measured", "to reach", "reached"], lines)


def table_of_batchbald(folder: Path, rows: int, k: int, runs: int) -> Table:
    store, sent = write_store(folder / "batch.zarr", rows, "f2"), Sent()
    expected = alcore.batchbald(store, k, rng=0)

    def choose(array: Any) -> Any:
        return alcore.batchbald(array, k, rng=0)

    with cluster_of(2) as client:
        works = {"bald": on(client, alcore.bald, store), "batch": on(client, choose, store)}
        works["bald"]()
        sent.rows, sent.bytes, sent.parts_read = [], 0, 0
        workers = list(client.run(os.getpid).values())
        with Peaks(workers) as watched:
            batch = works["batch"]()
        held, read = max(watched.peak.values()), sent.parts_read
        same = batch.indices.tolist() == expected.indices.tolist() and np.array_equal(batch.scores, expected.scores)
        counted, total, passes = [max(one, default=0) for one in sent.rows], sent.bytes, len(sent.rows)
        found = seconds(works, runs)
    times = found["batch"] / found["bald"]
    lines = [
        ["picks are those of one machine", str(same), "", yes_no(same)],
        ["time against one BALD pass", f"{times:.2f} times", "at most 1.3", yes_no(times <= 1.3)],
        [
            "rows that a block sends",
            f"at most {counted[0]:,}",
            f"2·m = {2 * SENT_ROWS:,}",
            yes_no(counted[0] <= 2 * SENT_ROWS),
        ],
        ["the same in further passes", ", ".join(f"{one:,}" for one in counted[1:]) or "–", "", ""],
        ["bytes to the caller", f"{total / 2**20:.0f} MiB of {store.nbytes / 2**20:.0f}", "", ""],
        ["passes over the rows", f"{passes}", "", ""],
        ["chunks read from the store", f"{read} of {store.nchunks}", "", ""],
        ["a worker holds", f"{held:.0f} MiB, of which rows for later passes at most {MEMORY >> 20}", "", ""],
    ]
    text = (
        f"N = {rows:,}, C = {CLASSES}, T = {DRAWS}, float16, k = {k}, two workers. Seconds: BatchBALD {found['batch']:.2f}, BALD "
        f"{found['bald']:.2f}."
    )
    return Table("BatchBALD", text, ["what", "measured", "to reach", "reached"], lines)


def table_of_kills(folder: Path, rows: int, kills: int) -> Table:
    """In each run a worker is killed while the pass runs."""
    store = write_store(folder / "kill.zarr", rows, "f4")
    expected, lines = alcore.bald(store), list[list[str]]()

    def slowly(block: np.ndarray) -> np.ndarray:
        time.sleep(0.1)
        return block

    with cluster_of(2) as client:
        for number in range(kills):
            client.wait_for_workers(2)
            victim = list(client.run(os.getpid).values())[number % 2]
            with client.as_current():
                lazy = dask.array.from_zarr(store).map_blocks(slowly, dtype=store.dtype)
                killer = threading.Timer(0.15 + 0.05 * number, os.kill, (victim, signal.SIGKILL))
                killer.start()
                same = np.array_equal(alcore.bald(lazy), expected)
                killer.join()
            lines.append([str(number + 1), f"{0.15 + 0.05 * number:.2f} s", str(same), yes_no(same)])
    text = f"BALD of {rows:,} rows by two workers. One of them gets `kill -9` so long after the start."
    return Table("Workers that are killed", text, ["run", "killed after", "same scores", "reached"], lines)


def main() -> None:
    asked = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    asked.add_argument("--gib", type=float, default=4.0, help="size of the store of BALD")
    asked.add_argument("--rows", type=int, default=2_000_000, help="rows of BatchBALD")
    asked.add_argument("--k", type=int, default=20)
    asked.add_argument("--kills", type=int, default=10)
    asked.add_argument("--runs", type=int, default=3, help="of each side")
    asked.add_argument("--folder", default=None, help="where the stores lie meanwhile")
    asked.add_argument("--out", type=Path, default=HERE / "cluster.md")
    given = asked.parse_args()
    rows = int(given.gib * 2**30 / (CLASSES * DRAWS * 4))
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        made = (
            lambda: table_of_bald(folder, rows, given.runs),
            lambda: table_of_batchbald(folder, given.rows, given.k, given.runs),
            lambda: table_of_kills(folder, max(8, min(rows, 400_000)), given.kills),
        )
        tables = []
        for make in made:
            tables.append(make())
            print(tables[-1].render(), flush=True)
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Dask {dask.__version__}"
    head = (
        "<!-- Generated by benchmarks/cluster.py: do not edit. -->\n\n# A cluster against one machine\n\n"
        f"`python benchmarks/cluster.py` on {datetime.datetime.now(datetime.UTC):%Y-%m-%d}, {machine}.\n\n"
    )
    given.out.write_text(head + "\n".join(table.render() for table in tables))


if __name__ == "__main__":
    main()
