"""How good is what `alcore.bench.FreshDraws` says? From half of the sample's 300 draws, and compared with the other half.

For each split, T draws give the estimate, and other T draws the truth. The bootstrap of the draws stands beside it: the overlap
of the batch with that of resampled draws, which shares its noise with the batch and so says too much.

    python benchmarks/bench/fresh_draws.py        # four minutes on two cores
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

import alcore
import alcore.bench

FILE = Path(__file__).parents[1] / "sample_predictions.npz"
NAMES = ("bald", "entropy", "margin", "variation-ratio", "mean-std")
SPLITS, RESAMPLES, CUTS = 20, 10, 10


def shared(one: np.ndarray, other: np.ndarray) -> float:
    return len(np.intersect1d(one, other)) / len(one)


def picks(name: str, probs: np.ndarray, k: int) -> np.ndarray:
    return alcore.heuristic(name).select(np.ascontiguousarray(probs), k).indices


def measure(pool: np.ndarray, draws: int, k: int) -> dict[str, list[tuple[float, ...]]]:
    rng, rows = np.random.default_rng([draws, k]), {name: [] for name in NAMES}
    for _ in range(SPLITS):
        order = rng.permutation(pool.shape[-1])
        own, other = pool[..., order[:draws]], pool[..., order[draws : 2 * draws]]
        resampled = [own[..., rng.integers(draws, size=draws)] for _ in range(RESAMPLES)]
        found = alcore.bench.compare(own, k=k, heuristics=NAMES, cuts=CUTS, samples=100, rng=0)
        for name, batch in zip(found.names, found.batches, strict=True):
            said, fresh = found.fresh_draws[name], picks(name, other, k)
            bootstrap = np.mean([shared(batch.indices, picks(name, one, k)) for one in resampled])
            sure = batch.indices[said.certain]
            row = (said.overlap, said.low, said.high, shared(batch.indices, fresh), bootstrap)
            rows[name].append((*row, len(sure), np.isin(sure, fresh).sum(), said.enough))
    return rows


def main() -> None:
    pool = np.load(FILE)["pool"].astype(np.float32)
    print(
        "| heuristic | T | k | said | true | mean error | bootstrap | true in the interval | certain | of these true |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    for draws, k in ((50, 10), (150, 10), (50, 50), (150, 50)):
        for name, rows in measure(pool, draws, k).items():
            said, low, high, true, bootstrap, sure, right, _ = np.array(rows).T
            inside = np.mean((true.mean() >= low) & (true.mean() <= high))
            kept = f"{right.sum() / sure.sum():.0%}" if sure.sum() else "–"
            off = np.abs(said - true.mean()).mean()
            print(
                f"| {name} | {draws} | {k} | {said.mean():.0%} | {true.mean():.0%} | {off:.0%} | {bootstrap.mean():.0%} "
                f"| {inside:.0%} | {sure.mean():.1f} | {kept} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
