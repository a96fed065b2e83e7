"""ICAL: its variants at the size of the paper's pools, and against T x T kernels of every row."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator

import numpy as np
from harness import RUNS, OtherWork, Peer, Table, clock, random_probs, range_text, shape_text, turns, yes_no

import alcore

POOL, PICKS, REFERENCES = (60_000, 10, 100), 10, 200
MANY_DRAWS, MOST_SECONDS = (5_000, 10, 1_000), 8
KERNEL_BYTES = 2 << 30  # held by the brute force
ALPHAS = (0.2, 0.5, 1.0, 2.0, 5.0)
ROWS = 256  # of kernels made at a time: what is in between stays in the cache
RATIO = 200


def tables(_peer: Peer) -> Iterator[Table]:
    yield speed_table()
    yield many_draws_table()
    yield brute_force_table()


def speed_table() -> Table:
    probs = random_probs(POOL, 11)
    sides = {
        "ICAL, labels drawn": lambda: alcore.ical(probs, PICKS, rng=0),
        "ICAL, expected labels": lambda: alcore.ical(probs, PICKS, labels="expected", rng=0),
        "ICAL-pointwise, labels drawn": lambda: alcore.ical(probs, PICKS, pointwise=True, rng=0),
    }
    others = OtherWork()
    seconds = turns({name: clock(work) for name, work in sides.items()}, runs=3)
    cores = f"{others.cores():.2f} cores"
    rows = [
        [name, shape_text(POOL), f"{statistics.median(taken) * 1e3:.0f}", range_text(taken), cores]
        for name, taken in seconds.items()
    ]
    text = (
        "float32, random predictions (Dirichlet(1)): every class is drawn, no row is certain. "
        f"k = {PICKS}, {REFERENCES} references, 20 comparisons; labels and checks included. Medians of 3."
    )
    return Table("ICAL", text, ["what", "(N, C, T)", "ms", "fastest – slowest", "other work meanwhile"], rows)


def many_draws_table() -> Table:
    probs = random_probs(MANY_DRAWS, 13)
    sides = {
        "ICAL, labels drawn": lambda: alcore.ical(probs, PICKS, rng=0),
        "ICAL-pointwise, labels drawn": lambda: alcore.ical(probs, PICKS, pointwise=True, rng=0),
        "BALD of the same array": lambda: alcore.bald(probs),
    }
    others = OtherWork()
    seconds = turns({name: clock(work) for name, work in sides.items()}, runs=3)
    cores = f"{others.cores():.2f} cores"
    rows = []
    for name, taken in seconds.items():
        median = statistics.median(taken)
        goal = [f"≤ {MOST_SECONDS} s", yes_no(median <= MOST_SECONDS)] if "pointwise" in name else ["", ""]
        rows.append([name, shape_text(MANY_DRAWS), f"{median * 1e3:.0f}", range_text(taken), *goal, cores])
    text = (
        f"As above with {MANY_DRAWS[2]} draws, k = {PICKS}. Sets of one row are compared by tables of labels, and "
        "a reference set by one matrix of counts in two bytes. Medians of 3."
    )
    columns = ["what", "(N, C, T)", "ms", "fastest – slowest", "target", "reached", "other work meanwhile"]
    return Table("ICAL with many draws", text, columns, rows)


def brute_force_table() -> Table:
    count = KERNEL_BYTES // (4 * POOL[2] ** 2)
    probs = random_probs((count, *POOL[1:]), 12)
    others = OtherWork()
    ours = turns({"alcore": clock(lambda: alcore.ical(probs, PICKS, rng=0))}, RUNS)["alcore"]
    theirs = {
        "kernels of the distances between one-hot labels, as published": clock(lambda: brute_force(probs, published))(),
        "kernels by a table of their two values": clock(lambda: brute_force(probs, two_values))(),
    }
    cores = f"{others.cores():.2f} cores"
    rows = []
    for number, (name, seconds) in enumerate(theirs.items()):
        ratio = seconds / statistics.median(ours)
        goal = [f"≥ {RATIO}", yes_no(ratio >= RATIO)] if number == 0 else ["", ""]
        row = [name, shape_text(probs.shape), f"{statistics.median(ours) * 1e3:.0f}", range_text(ours)]
        rows.append([*row, f"{seconds:.1f}", f"{ratio:.0f}", *goal, cores])
    columns = [
        "brute force",
        "(N, C, T)",
        "alcore ms",
        "fastest – slowest",
        "brute force s",
        "ratio",
        "target",
        "reached",
    ]
    text = (
        f"As many picks from a float32 kernel (T, T) of every row, {KERNEL_BYTES >> 30} GiB of them, in NumPy: "
        f"{ROWS} rows' kernels at a time, and one matrix-vector product by its BLAS for each pick. Both draw the labels. "
        f"alcore: medians of {RUNS} runs; the brute force: one."
    )
    return Table("ICAL against kernels of every row", text, [*columns, "other work meanwhile"], rows)


def published(labels_nt: np.ndarray) -> np.ndarray:
    """The mixture of rational quadratic kernels of each row's one-hot labels."""
    onehot_ntc = np.eye(POOL[1], dtype=np.float32)[labels_nt]
    squared_ntt = 2 - 2 * onehot_ntc @ onehot_ntc.transpose(0, 2, 1)
    total_ntt = np.zeros_like(squared_ntt)
    for alpha in ALPHAS:
        total_ntt += (1 + squared_ntt / np.float32(2 * alpha)) ** np.float32(-alpha)
    return total_ntt / np.float32(len(ALPHAS))


def two_values(labels_nt: np.ndarray) -> np.ndarray:
    least = np.mean([(1 + 1 / alpha) ** -alpha for alpha in ALPHAS], dtype=np.float32)
    return np.array([least, 1], np.float32)[(labels_nt[:, :, None] == labels_nt[:, None]).view(np.uint8)]


def brute_force(probs: np.ndarray, make_kernels: Callable[[np.ndarray], np.ndarray]) -> list[int]:
    count, _, draws = probs.shape
    rng = np.random.default_rng(0)
    uniform_nt = rng.random((count, draws), np.float32)
    labels_nt = (np.cumsum(probs, axis=1)[:, :-1] <= uniform_nt[:, None]).sum(axis=1)
    kernels_ntt = np.empty((count, draws, draws), np.float32)
    for start in range(0, count, ROWS):
        kernels_ntt[start : start + ROWS] = make_kernels(labels_nt[start : start + ROWS])
    centring = np.eye(draws) - 1 / draws
    picks: list[int] = []
    for _ in range(PICKS):
        reference_tt = kernels_ntt[rng.integers(count, size=REFERENCES)].mean(axis=0, dtype=np.float64)
        centred_tt = (centring @ reference_tt @ centring).astype(np.float32)
        scores_n = kernels_ntt.reshape(count, -1) @ centred_tt.ravel() / draws**2
        scores_n[picks] = -np.inf
        picks.append(int(scores_n.argmax()))
    return picks
