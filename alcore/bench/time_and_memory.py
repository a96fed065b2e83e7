"""What a selection takes: seconds, and bytes at its peak."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.heuristics import Heuristic, Power, RowWise, Softmax, SoftRank
from alcore.heuristics.base import Joint

REPEATS = 5
WARM_UP_ROWS = 8


def compile_kernels(one: Heuristic, few_rows: Any, said: dict[str, Any]) -> None:
    scored = one.heuristic if isinstance(one, Power | Softmax | SoftRank) else one
    if not (isinstance(scored, RowWise) and scored.rows is not None):
        # The later picks of a joint batch have kernels of their own.
        one.select(few_rows, len(few_rows) if isinstance(one, Joint) else 1, rng=0, **said)


def time_select(
    one: Heuristic, predictions: Any, k: int, rng: np.random.Generator, said: dict[str, Any]
) -> tuple[float, Batch]:
    times: list[float] = []
    batch: Batch | None = None
    while len(times) < REPEATS and sum(times) <= 1.0:
        started = time.perf_counter()
        drawn = one.select(predictions, k, rng=rng, **said)
        times.append(time.perf_counter() - started)
        batch = drawn if batch is None else batch
    assert batch is not None
    return float(np.median(times)), batch


def peak_bytes(one: Heuristic, predictions: Any, k: int, said: dict[str, Any]) -> int:
    """What NumPy's arrays took at the peak of a selection, beyond what was there."""
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        one.select(predictions, k, rng=0, **said)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()
