"""What the parts of a pass cost on this machine, in seconds of processor time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest import mock

import dask.array
import numpy as np
import zarr
from harness import structured_probs
from planning.machines import Machines, Used
from planning.model import Costs

import alcore
from alcore.sources import spread

NUMBERS = 4_000_000  # of an array that is scored
SHAPES = ((10, 20), (10, 100), (100, 20), (2, 20))  # (C, T)
DTYPES = ("float16", "float32")
TARGETS = 100
HEURISTICS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "bald": lambda probs, _: alcore.bald(probs),
    "entropy": lambda probs, _: alcore.entropy(probs),
    "margin": lambda probs, _: alcore.margin(probs),
    "variation-ratio": lambda probs, _: alcore.variation_ratio(probs),
    "epig": lambda probs, targets: alcore.epig(probs, targets),
}
RUNS = 3
EMPTY_TASKS = 1000
TINY_BLOCKS = 200
BACK_TASKS, BACK_BYTES = 32, 1 << 20
SEARCHES = tuple((m, shape, k) for m in (1024, 4096) for shape in ((10, 20), (10, 50)) for k in (4, 12))


def processor_seconds(work: Callable[[], Any], runs: int = RUNS) -> float:
    """The least of several runs, after one that compiles."""
    found = []
    for run in range(runs + 1):
        before = time.process_time()
        work()
        if run:
            found.append(time.process_time() - before)
    return min(found)


@contextmanager
def one_thread() -> Iterator[None]:
    threads = alcore.get_threads()
    alcore.set_threads(1)
    try:
        yield
    finally:
        alcore.set_threads(threads)


def scored() -> list[tuple[str, str, int, int, float]]:
    """Heuristic, dtype, C, T -> seconds a number."""
    found = []
    for classes, draws in SHAPES:
        rows = NUMBERS // (classes * draws)
        probs = structured_probs((rows, classes, draws))
        for dtype in DTYPES:
            own = probs.astype(dtype)
            for name, score in HEURISTICS.items():
                few = own[: max(1, len(own) // 20)] if name == "epig" else own
                targets = own[:TARGETS]
                with one_thread():
                    seconds = processor_seconds(lambda score=score, few=few, targets=targets: score(few, targets))
                found.append((name, dtype, classes, draws, seconds / few.size))
    return found


def decoded(folder: Path) -> dict[str, tuple[float, float]]:
    """Codec -> seconds a byte of predictions, and bytes stored for each."""
    probs = structured_probs((80_000, 10, 20)).astype(np.float16)
    found = {}
    for codec, compressors in (("none", None), ("zstd", "auto")):
        path = folder / f"{codec}.zarr"
        stored = zarr.create_array(
            path, shape=probs.shape, chunks=(10_000, 10, 20), dtype=probs.dtype, compressors=compressors
        )
        stored[:] = probs
        opened = zarr.open_array(path, mode="r")
        seconds = processor_seconds(lambda opened=opened: [opened[i : i + 10_000] for i in range(0, 80_000, 10_000)])
        size = sum(part.stat().st_size for part in path.rglob("*") if part.is_file())
        found[codec] = seconds / probs.nbytes, size / probs.nbytes
    return found


def searched() -> list[tuple[int, int, int, int, float]]:
    """m, C, T, k -> seconds of a BatchBALD search over the m rows of largest BALD of a pool."""
    found = []
    for kept, (classes, draws), k in SEARCHES:
        pool = structured_probs((5 * kept, classes, draws))
        best = np.ascontiguousarray(pool[np.sort(np.argsort(-alcore.bald(pool))[:kept])])
        batch = alcore.BatchBALD()
        with one_thread():
            seconds = processor_seconds(lambda: batch.select(best, k=k, rng=0), runs=1)  # noqa: B023
        found.append((kept, classes, draws, k, seconds))
    return found


def fitted(searches: list[tuple[int, int, int, int, float]]) -> tuple[tuple[float, float, float, float], float]:
    """a, b, c, d of a · m^b · (C·T)^c · k^d, and the largest ratio of a measured search to the fitted one, or its inverse."""
    kept, classes, draws, picks, seconds = np.array(searches).T
    terms = np.stack([np.ones(len(kept)), np.log(kept), np.log(classes * draws), np.log(picks)], axis=1)
    solved = np.linalg.lstsq(terms, np.log(seconds), rcond=None)[0]
    off = np.abs(terms @ solved - np.log(seconds)).max()
    return (float(np.exp(solved[0])), *map(float, solved[1:])), float(np.exp(off))


# --- on a cluster -----------------------------------------------------------------------------------------------------


def _same(number: int) -> int:
    return number


def _bytes(number: int) -> np.ndarray:
    return np.full(BACK_BYTES // 8, float(number))


@contextmanager
def small_blocks(size: int) -> Iterator[None]:
    """Blocks of so many bytes of predictions, so that a few rows are many blocks."""
    with mock.patch.object(spread, "PART_BYTES", size):
        yield


def pass_of(blocks: int) -> None:
    """BALD of as many blocks of one row."""
    with small_blocks(1):
        alcore.bald(dask.array.full((blocks, 2, 2), 0.5, chunks=(1, 2, 2), dtype=np.float16))


def on_cluster(machines: Machines) -> tuple[Costs, dict[str, Used]]:
    """What tasks, blocks and bytes cost in the scheduler, the driver and the workers."""
    client = machines.client
    pass_of(20)  # imports and compiles on every worker
    empty = machines.used(lambda: client.gather(client.map(_same, range(EMPTY_TASKS), pure=False)))
    tiny = machines.used(lambda: pass_of(TINY_BLOCKS))
    one = machines.used(lambda: [pass_of(1) for _ in range(RUNS)])
    futures = client.map(_bytes, range(BACK_TASKS), pure=False)
    client.gather(client.map(len, futures, pure=False))
    back = machines.used(lambda: client.gather(futures))
    amount = BACK_TASKS * BACK_BYTES
    costs = Costs(
        number=0.0,
        block=tiny.workers / tiny.blocks,
        task=tiny.scheduler / tiny.tasks,
        passed_on=back.scheduler / amount,
        sent=tiny.driver / tiny.blocks,
        received=back.driver / amount,
        start=one.seconds / RUNS,
    )
    return costs, {"empty": empty, "blocks": tiny, "one": one, "back": back}
