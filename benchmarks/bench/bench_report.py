"""``alcore bench`` with replay and report: time, memory and size, in processes of their own."""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from harness import QUICK, OtherWork, Peer, Table, anonymous_mib, yes_no

SAMPLE = Path(__file__).parents[1] / "sample_predictions.npz"
POOL, TEST, TARGETS, CLASSES, DRAWS = (4_000 if QUICK else 60_000), 1_000, 100, 10, 100
SECONDS, MIB = {"sample": 120, "large": 600}, {"sample": 1_536, "large": 4_096}
LARGEST_PAGE = 2.0  # MB


def tables(_peer: Peer) -> Iterator[Table]:
    text = (
        "`alcore bench FILE --report report.html` from start to end, imports included, all heuristics and EPIG, in a process of "
        "its own. Sample predictions: 1 000 x 10 x 300, one label at a time up to 30, 20 replays of each. Large pool: "
        f"{POOL:,} x {CLASSES} x {DRAWS} drawn from softmaxes of noisy logits, one replay of each, 10 labels. Memory is the "
        "largest anonymous memory of the process."
    )
    columns = ["what", "seconds", "peak MiB", "page MB", "target", "reached", "other work meanwhile"]
    with tempfile.TemporaryDirectory() as folder:
        large = Path(folder) / "large.npz"
        write_large(large)
        rows = [
            row("sample predictions, 20 seeds, 30 labels", "sample", [str(SAMPLE), "--floor", "6e-8"], folder),
            row(
                f"pool of {POOL:,}, one seed, 10 labels", "large",
                [str(large), "--floor", "6e-8", "--seeds", "1", "--steps", "10"], folder,
            ),
        ]  # fmt: skip
    yield Table("Replay and report", text, columns, rows)


def row(what: str, name: str, arguments: list[str], folder: str) -> list[str]:
    page, others = Path(folder) / f"{name}.html", OtherWork()
    started = time.perf_counter()
    command = [sys.executable, "-m", "alcore.cli", "bench", *arguments, "--report", str(page)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    mib = 0.0
    while process.poll() is None:
        mib = max(mib, anonymous_mib(process.pid))
        time.sleep(0.05)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} ended with {process.returncode}.")
    seconds, size = time.perf_counter() - started, page.stat().st_size / 1e6
    reached = seconds <= SECONDS[name] and mib <= MIB[name] and size <= LARGEST_PAGE
    target = f"≤ {SECONDS[name]} s, {MIB[name]} MiB, {LARGEST_PAGE:.0f} MB"
    return [what, f"{seconds:.1f}", f"{mib:.0f}", f"{size:.2f}", target, yes_no(reached), f"{others.cores():.2f} cores"]


def write_large(file: Path) -> None:
    """A classifier's rows: some easy, some between two classes; each draw moves the logits of a row and of its classes."""
    rng = np.random.default_rng(20261123)
    count = POOL + TEST + TARGETS
    truth = rng.integers(CLASSES, size=count)
    centre = rng.normal(scale=1.0, size=(count, CLASSES)).astype(np.float32)
    centre[np.arange(count), truth] += rng.gamma(2.0, 1.5, size=count).astype(np.float32)
    features = rng.normal(size=(count, 8)).astype(np.float32)
    weights = rng.normal(scale=0.25, size=(DRAWS, 8, CLASSES)).astype(np.float32)
    probs = np.empty((count, CLASSES, DRAWS), np.float16)
    for draw in range(DRAWS):
        logits = centre + features @ weights[draw]
        logits -= logits.max(axis=1, keepdims=True)
        np.exp(logits, out=logits)
        probs[:, :, draw] = logits / logits.sum(axis=1, keepdims=True)
    pool, test = slice(0, POOL), slice(POOL, POOL + TEST)
    np.savez(
        file, pool=probs[pool], pool_labels=truth[pool], test=probs[test], test_labels=truth[test],
        target=probs[POOL + TEST :],
    )  # fmt: skip
