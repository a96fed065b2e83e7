"""Pools as arrays of Dask in many small chunks, and what tests watch of a pass."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from typing import Any

import dask.array
import numpy as np
import pytest
from distributed.protocol.pickle import dumps

from alcore.sources import spread

ROWS = 60
PATIENCE = 120.0  # seconds that a cluster may take to forget tasks, or to start a worker in place of a lost one


def probabilities(
    rows: int, classes: int = 4, draws: int = 6, events: tuple[int, ...] = (), seed: int = 0
) -> np.ndarray:
    alpha, shape = np.full(classes, 0.7), (rows, *events, draws)
    return np.moveaxis(np.random.default_rng(seed).dirichlet(alpha, shape), -1, 1).astype(np.float32)


def in_dask(array: np.ndarray, rows: int = 7) -> Any:
    """Chunks of a few rows that are cut along the last axis too."""
    sizes = [rows, *array.shape[1:-1], max(1, array.shape[-1] // 2)]
    return dask.array.from_array(array, chunks=tuple(sizes))


def a_chunk_each(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a task have one chunk, as one block."""
    monkeypatch.setattr(spread, "PART_BYTES", 1)
    monkeypatch.setattr(spread, "LARGEST_PARTS", 1 << 20)


def kill_a_worker(client: Any) -> int:
    """Kill one of the workers that live. Gives the number of its process."""
    victim = next(iter(processes(client)))
    os.kill(victim, signal.SIGKILL)
    return victim


def processes(client: Any) -> set[int]:
    """Those of the workers. The scheduler may still know one that is dead, and that one does not answer."""
    return set(client.run(os.getpid, on_error="ignore").values())


def wait_for_two_others(client: Any, *gone: int) -> None:
    """Until two workers answer, and none of them is one that was killed."""
    until = time.monotonic() + PATIENCE
    while len(found := processes(client).difference(gone)) < 2 or len(client.nthreads()) != 2:
        assert time.monotonic() < until, found
        time.sleep(0.02)


def assert_no_task_is_left(client: Any) -> None:
    until = time.monotonic() + PATIENCE
    while left := client.run_on_scheduler(keys_of_tasks):
        assert time.monotonic() < until, left
        time.sleep(0.02)


def keys_of_tasks(dask_scheduler: Any) -> list[str]:
    return [str(key) for key in dask_scheduler.tasks]


class Traffic:
    """What passes send and get back."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.works: list[bytes] = []  # a pass
        self.told: list[int] = []  # bytes a task
        self.results: list[Any] = []  # of each block
        sent, blocks_of, gathered = spread._sent, spread.Spread._blocks_of, spread.Spread._gathered

        def send(client: Any, task: Any) -> Any:
            self.works.append(dumps(task))
            return sent(client, task)

        def tell(own: Any, *arguments: Any) -> Any:
            blocks = blocks_of(own, *arguments)
            self.told.append(len(dumps(blocks)))
            return blocks

        def gather(own: Any, *arguments: Any) -> Iterator[Any]:
            for part, results in gathered(own, *arguments):
                self.results.extend(results)
                yield part, results

        monkeypatch.setattr(spread, "_sent", send)
        monkeypatch.setattr(spread.Spread, "_blocks_of", tell)
        monkeypatch.setattr(spread.Spread, "_gathered", gather)
        a_chunk_each(monkeypatch)


@pytest.fixture
def traffic(monkeypatch: pytest.MonkeyPatch) -> Traffic:
    return Traffic(monkeypatch)


def assert_same(found: Any, expected: Any) -> None:
    """Scores, or batches, with the same bits."""
    if not hasattr(expected, "indices"):
        np.testing.assert_array_equal(np.asarray(found), np.asarray(expected))
        return
    assert found.indices.tolist() == expected.indices.tolist()
    np.testing.assert_array_equal(found.scores, expected.scores)
    np.testing.assert_array_equal(found.q, expected.q)
