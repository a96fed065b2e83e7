"""The time of a selection in seconds, and its peak memory in bytes."""

from __future__ import annotations

import time
import tracemalloc
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.door import MaskedReadingOptions
from alcore.heuristics import Heuristic, Power, RowWise, Softmax, SoftRank
from alcore.heuristics.base import Joint

REPEATS = 5
ENOUGH_SECONDS = 1.0  # after this time no selection is repeated
WARM_UP_ROWS = 8


def compile_kernels(heuristic: Heuristic, few_rows: Any, options: MaskedReadingOptions) -> None:
    """Select once from a few rows, so that the times do not include compilation."""
    scored = heuristic.heuristic if isinstance(heuristic, Power | Softmax | SoftRank) else heuristic
    if not (isinstance(scored, RowWise) and scored.rows is not None):
        # The later picks of a joint batch have kernels of their own.
        heuristic.select(few_rows, len(few_rows) if isinstance(heuristic, Joint) else 1, rng=0, **options)


def time_select(
    heuristic: Heuristic, predictions: Any, k: int, rng: np.random.Generator, options: MaskedReadingOptions
) -> tuple[float, Batch]:
    """The median time of a few selections in seconds, and the batch of the first."""
    times: list[float] = []
    first: Batch | None = None
    while len(times) < REPEATS and sum(times) <= ENOUGH_SECONDS:
        started = time.perf_counter()
        batch = heuristic.select(predictions, k, rng=rng, **options)
        times.append(time.perf_counter() - started)
        first = batch if first is None else first
    assert first is not None
    return float(np.median(times)), first


def peak_bytes(heuristic: Heuristic, predictions: Any, k: int, options: MaskedReadingOptions) -> int:
    """Peak memory of NumPy's arrays during a selection, without the arrays that were there before."""
    traced = tracemalloc.is_tracing()
    if not traced:
        tracemalloc.start()
    try:
        tracemalloc.reset_peak()
        before, _ = tracemalloc.get_traced_memory()
        heuristic.select(predictions, k, rng=0, **options)
        return tracemalloc.get_traced_memory()[1] - before
    finally:
        if not traced:
            tracemalloc.stop()
