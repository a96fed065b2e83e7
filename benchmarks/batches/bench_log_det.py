"""Batches of means by the determinant of their covariance: the time at the sizes of its targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import numpy as np
from harness import QUICK, OtherWork, Peer, Table, clock, range_text, shape_text, turns, yes_no

import alcore

RUNS = 5
SIZES = ((200_000, 100, 100, 10.0), (1_000_000, 100, 1_000, 60.0))  # rows, draws, picks, seconds at most
if QUICK:
    SIZES = ((2_000, 100, 20, 10.0), (10_000, 100, 100, 60.0))
DIRECTIONS = 20  # of means that vary together


def tables(_peer: Peer) -> Iterator[Table]:
    rows = [_row(*size, directions) for size in SIZES for directions in (None, DIRECTIONS)]
    text = (
        f"float32 means of one output, noise of variance 1; checks included. Medians of {RUNS}. Independent means are the worst "
        "case: every row stays nearly as good as the best."
    )
    columns = ["means", "(N, T)", "k", "s", "fastest – slowest", "target s", "reached", "other work meanwhile"]
    yield Table("Batches by the determinant", text, columns, rows)


def _row(count: int, draws: int, picks: int, most: float, directions: int | None) -> list[str]:
    means = means_of(count, draws, directions)
    others = OtherWork()
    taken = turns({"": clock(lambda: alcore.log_det(means, picks, variance=1.0, fill="stop"))}, runs=RUNS)[""]
    spread = "independent" if directions is None else f"{directions} directions"
    seconds = statistics.median(taken)
    reached = [f"≤ {most:.0f}", yes_no(seconds <= most), f"{others.cores():.2f} cores"]
    return [spread, shape_text(means.shape), str(picks), f"{seconds:.2f}", range_text(taken), *reached]


def means_of(rows: int, draws: int, directions: int | None) -> np.ndarray:
    """Means (N, T) of standard deviation about 1: independent, or in a few directions."""
    rng = np.random.default_rng(5)
    if directions is None:
        return rng.standard_normal((rows, draws), np.float32)
    loads = rng.standard_normal((rows, directions), np.float32) / np.float32(np.sqrt(directions))
    return loads @ rng.standard_normal((directions, draws), np.float32)
