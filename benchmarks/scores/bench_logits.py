"""What users really pass: logits, float64, a measure with a logarithm a number more. Each against BALD of float32 probabilities."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from harness import Peer, Table, alternate, clock, random_probs, shape_text, yes_no
from scipy.special import softmax
from scores.bench_measures import LARGE, MEASURES

import alcore
from alcore.scores import measures

LOGITS_MOST, SOFTMAX_LEAST, FLOAT64_MOST, PAIRWISE_MOST = 1.8, 3.0, 2.6, 2.5
EXACT_ROWS = 2_000
RUNS = 5


def tables(peer: Peer) -> Iterator[Table]:
    probs = random_probs(LARGE)
    logits = (np.log(np.maximum(probs, 1e-30)) + np.float32(3.0)).astype(np.float32)
    yield logits_table(probs, logits)
    yield softmax_table(logits)
    yield cost_table(probs)


def logits_table(probs: np.ndarray, logits: np.ndarray) -> Table:
    text = (
        f"float32 {shape_text(LARGE)}: the same predictions as probabilities and as logits, in turn; medians of {RUNS}. The error "
        f"is the largest difference from float64 logits in {EXACT_ROWS} rows, in units of what is promised: 0.001 of a score above "
        "0.0001 nats, 1e-7 below."
    )
    columns = ["measure", "probabilities ms", "logits ms", "ratio", "error", "target", "reached"]
    return Table("Logits against probabilities", text, columns, [logits_row(name, probs, logits) for name in MEASURES])


def logits_row(name: str, probs: np.ndarray, logits: np.ndarray) -> list[str]:
    measure = getattr(alcore, name)
    sides = {"probs": clock(lambda: measure(probs)), "logits": clock(lambda: measure(logits, kind="logits"))}
    seconds = alternate(sides, RUNS)
    ratio, part = seconds["logits"] / seconds["probs"], logits[:EXACT_ROWS]
    exact = measure(part.astype(np.float64), kind="logits")
    error = (np.abs(measure(part, kind="logits") - exact) / np.where(exact > 1e-4, 1e-3 * exact, 1e-7)).max()
    times = [f"{seconds[side] * 1e3:.1f}" for side in ("probs", "logits")]
    reached = yes_no(ratio <= LOGITS_MOST and error <= 1)
    return [f"`{name}`", *times, f"{ratio:.2f}", f"{error:.3f}", f"≤ {LOGITS_MOST}, error ≤ 1", reached]


def softmax_table(logits: np.ndarray) -> Table:
    text = (
        f"float32 {shape_text(LARGE)}. One side is `alcore.bald(logits, kind='logits')`, the other takes a softmax with NumPy "
        f"(`scipy.special.softmax`) or PyTorch ({torch.get_num_threads()} threads) and then `alcore.bald` of it. Medians of {RUNS}."
    )
    tensor = torch.from_numpy(logits)
    others = {
        "NumPy": lambda: alcore.bald(softmax(logits, axis=1)),
        "PyTorch": lambda: alcore.bald(torch.softmax(tensor, dim=1).numpy()),
    }
    rows = []
    for name, other in others.items():
        sides = {"alcore": clock(lambda: alcore.bald(logits, kind="logits")), "other": clock(other)}
        seconds = alternate(sides, RUNS)
        ratio = seconds["other"] / seconds["alcore"]
        times = [f"{seconds[side] * 1e3:.1f}" for side in ("alcore", "other")]
        rows.append([name, *times, f"{ratio:.1f}", f"≥ {SOFTMAX_LEAST:.0f}", yes_no(ratio >= SOFTMAX_LEAST)])
    columns = ["softmax by", "logits ms", "softmax, then BALD ms", "ratio", "target", "reached"]
    return Table("Logits against a softmax first", text, columns, rows)


def cost_table(probs: np.ndarray) -> Table:
    text = (
        f"Random predictions {shape_text(LARGE)}, each beside BALD of float32 probabilities, in turn; medians of {RUNS}. The error "
        "is the largest difference from the float64 form that has relative accuracy however small the score."
    )
    wide = probs.astype(np.float64)
    wide /= wide.sum(axis=1, keepdims=True)
    work = {
        "`bald`, float64": (lambda: alcore.bald(wide), FLOAT64_MOST),
        "`pairwise_kl`, float32": (lambda: alcore.pairwise_kl(probs), PAIRWISE_MOST),
    }
    rows = []
    for name, (measure, most) in work.items():
        seconds = alternate({"bald": clock(lambda: alcore.bald(probs)), "other": clock(measure)}, RUNS)
        ratio = seconds["other"] / seconds["bald"]
        times = [f"{seconds[side] * 1e3:.1f}" for side in ("bald", "other")]
        rows.append([name, *times, f"{ratio:.2f}", error_of(name, wide), f"≤ {most}", yes_no(ratio <= most)])
    columns = ["measure", "BALD, float32 ms", "ms", "ratio", "error", "target", "reached"]
    return Table("Float64 and pairwise divergence", text, columns, rows)


def error_of(name: str, wide: np.ndarray) -> str:
    """Against the accurate form, which every score takes where the limit is above all of them."""
    kernel = "bald" if name.startswith("`bald") else "pairwise_kl"
    part = wide[:EXACT_ROWS]
    leading = () if kernel == "bald" else (0.0,)
    exact, valid = np.empty(len(part)), np.empty(len(part), np.bool_)
    accurate = measures.CellKernel(kernel, (*leading, np.inf))
    accurate(part, None, 1e-9, exact, valid)
    found = alcore.bald(part) if kernel == "bald" else alcore.pairwise_kl(part.astype(np.float32))
    return f"{np.abs(found - exact).max():.0e}"
