"""How good is what `alcore.bench.FreshDraws` says, for every heuristic of the benchmark? Against disjoint sets of real draws.

1 000 logistic regressions, each fitted to a bootstrap of 60 labelled digits, predict 250 others. T of them are given to the
comparison, which says the overlap with a fresh set. The truth is the overlap between disjoint sets of T members.

    python benchmarks/bench/fresh_draws_of_all.py        # writes benchmarks/bench/fresh_draws_of_all.md, two minutes on two cores
"""

from __future__ import annotations

import warnings
from itertools import combinations
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

import alcore
import alcore.bench
from alcore.bench.compare import DEFAULT, JOINT

PAGE = Path(__file__).with_suffix(".md")
MEMBERS, LABELS, ROWS, K = 1_000, 60, 250, 10
GIVEN, SETS, CUTS = 4, 6, 8
SEEDS = 3  # of the heuristics that draw at random: a fresh set keeps the random numbers, and some numbers suit more than others
AT_RANDOM = ("power-bald", "softmax-bald", "softrank-bald", "ical", "ical-pointwise")
SIZES, TRUE_SIZES = (20, 50, 100), (10, 20, 50, 100, 200, 500)
STEPS, RATE, DECAY = 150, 0.5, 1e-2


def members() -> np.ndarray:
    """(N, C, T) float32: softmax regressions by gradient descent, all members at once."""
    x, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    order = rng.permutation(len(x))
    x = np.concatenate([x / 16, np.ones((len(x), 1))], axis=1)[order]
    seen, pool, target = x[:LABELS], x[LABELS : LABELS + ROWS], np.eye(10)[y[order][:LABELS]]
    weights = rng.multinomial(LABELS, np.full(LABELS, 1 / LABELS), size=MEMBERS) / LABELS
    theta = rng.normal(scale=0.3, size=(MEMBERS, x.shape[1], 10))
    for _ in range(STEPS):
        error = softmax(seen @ theta) - target
        theta -= RATE * (np.swapaxes(error * weights[..., None], 1, 2) @ seen).swapaxes(1, 2) + RATE * DECAY * theta
    return np.ascontiguousarray(softmax(pool @ theta).transpose(1, 2, 0).astype(np.float32))


def softmax(logits: np.ndarray) -> np.ndarray:
    found = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return np.asarray(found / found.sum(axis=-1, keepdims=True))


def overlap(name: str, sets: list[np.ndarray], seed: int) -> float:
    batches = [alcore.heuristic(name).select(one, K, rng=seed).indices for one in sets]
    return float(np.mean([len(np.intersect1d(one, other)) / K for one, other in combinations(batches, 2)]))


def draws_for(shares: dict[int, float], wanted: float = 0.8) -> float:
    """How many draws bring the true overlap to 80 %, between the sizes that were measured. Infinite beyond the last."""
    sizes, values = np.array(list(shares)), np.maximum.accumulate(list(shares.values()))
    if values[-1] < wanted:
        return float("inf")
    if values[0] >= wanted:
        return float(sizes[0])
    return float(np.exp(np.interp(wanted, values, np.log(sizes))))


def main() -> None:
    warnings.simplefilter("ignore", alcore.SaturationWarning)
    probs = members()
    names = [name for name in DEFAULT if name != "random"]
    order = np.random.default_rng(1).permutation(MEMBERS)
    sets = {
        size: [np.ascontiguousarray(probs[..., order[n * size : (n + 1) * size]]) for n in range(MEMBERS // size)][
            :SETS
        ]
        for size in TRUE_SIZES
    }
    said = {
        size: [alcore.bench.compare(own, k=K, heuristics=names, cuts=CUTS, samples=100, rng=n) for n, own in own_sets]
        for size, own_sets in ((size, enumerate(sets[size][:GIVEN])) for size in SIZES)
    }
    lines = [*HEAD, "|---" * (3 * len(SIZES) + 2) + "|"]
    errors = dict[str, list[float]]()
    for name in names:
        seeds = range(SEEDS if name in AT_RANDOM else 1)
        true = {size: float(np.mean([overlap(name, own, seed) for seed in seeds])) for size, own in sets.items()}
        cells = [name]
        for size in SIZES:
            found = [one.fresh_draws[name] for one in said[size]]
            mean = float(np.mean([one.overlap for one in found]))
            enough = np.median([one.enough for one in found])
            cells += [f"{mean:.0%}", f"{true[size]:.0%}", "> 10 T" if np.isinf(enough) else f"{enough:.0f}"]
            errors.setdefault("joint" if name in JOINT else "row by row", []).append(mean - true[size])
        enough = draws_for(true)
        cells.append(f"> {TRUE_SIZES[-1]}" if np.isinf(enough) else f"{enough:.0f}")
        lines.append(f"| {' | '.join(cells)} |")
        print(lines[-1], flush=True)
    for group, off in errors.items():
        lines += [
            "",
            f"Heuristics {group}: mean error {np.mean(off):+.1%}, mean absolute error {np.abs(off).mean():.1%}, ",
        ]
        lines[-1] += f"the largest {max(off, key=abs):+.0%}."
    PAGE.write_text("\n".join(lines) + "\n")


COLUMNS = " | ".join(f"T = {size}: said | true | T for 80 %" for size in SIZES)
HEAD = [
    "# Is T large enough? What the comparison says, and the truth",
    "",
    f"{MEMBERS} bootstrapped softmax regressions on {LABELS} digits, {ROWS} rows, k = {K}. Said: the mean over {GIVEN} given sets.",
    f"True: the mean overlap between up to {SETS} disjoint sets. Written by `python benchmarks/bench/fresh_draws_of_all.py`.",
    "",
    f"| heuristic | {COLUMNS} | true T for 80 % |",
]

if __name__ == "__main__":
    main()
