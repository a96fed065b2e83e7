"""Does replay on saved predictions rank heuristics as retraining does? Spearman's correlation, whatever it is.

    python benchmarks/label_efficiency.py && python benchmarks/replay_ranking.py

The first network of each run of label_efficiency.py, trained on its 20 random labels, predicts its pool and its test set; replay in
batches of 10 ranks the heuristics from those predictions alone. Their ranking by retraining is that of the areas under the
accuracy curves in benchmarks/label_efficiency/curves.json, labels 20 to 170. Writes benchmarks/label_efficiency/replay.md.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from label_efficiency import FOLDER, HEURISTICS, SIZE, START, Digits, Run
from scipy.stats import spearmanr

import alcore
import alcore.bench
from alcore.stopping import LabelBudget

DRAWS = 300
STEPS = 40
RESAMPLES = 2_000
METRICS = ("log-likelihood", "accuracy")
PAGE = FOLDER / "replay.md"


class FirstNetwork:
    """The network of a run's first step, with what it says of its pool and test set."""

    def __init__(self, seed: int) -> None:
        run = Run(Digits(seed))
        loop = alcore.ActiveLearning(
            ledger=alcore.Ledger(len(run.data.labels)), train=run.train, predict=run.predict,
            oracle=lambda ids: run.data.labels[ids], heuristic=alcore.Random(), k=SIZE, start=START, stop=LabelBudget(SIZE),
            seed=seed, progress=False,
        )  # fmt: skip
        step = next(iter(loop))
        pool = np.asarray(loop.ledger.pool)
        self.pool = alcore.bench.labelled(run.draws(step.model, run.data.images[pool], DRAWS), run.data.labels[pool])
        told = run.draws(step.model, run.data.test_images, DRAWS)
        self.test = alcore.bench.labelled(told, run.data.test_labels)
        self.targets = run.targets(step.model, DRAWS)


def replayed(seed: int) -> alcore.bench.Replay:
    first = FirstNetwork(seed)
    asked = {name: made(first.targets) for name, made in HEURISTICS.items()}
    return alcore.bench.replay(asked, first.pool, first.test, size=SIZE, steps=STEPS, seeds=[seed])


def areas(replays: list[alcore.bench.Replay], metric: str, horizon: int) -> np.ndarray:
    """(heuristics, seeds): the mean of a metric over 0 to ``horizon`` labels."""
    return np.array(
        [[one.curves[name].metrics[metric][0, : horizon + 1].mean() for one in replays] for name in HEURISTICS]
    )


def correlation(by_replay: np.ndarray, by_training: np.ndarray) -> tuple[float, float, float]:
    """Of the means over seeds, with a 95 % interval over resampled seeds of both."""
    rng = np.random.default_rng(0)
    drawn = [
        spearmanr(
            by_replay[:, rng.integers(by_replay.shape[1], size=by_replay.shape[1])].mean(axis=1),
            by_training[:, rng.integers(by_training.shape[1], size=by_training.shape[1])].mean(axis=1),
        ).statistic
        for _ in range(RESAMPLES)
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(spearmanr(by_replay.mean(axis=1), by_training.mean(axis=1)).statistic), float(low), float(high)


def trained() -> tuple[np.ndarray, int]:
    told: dict[str, Any] = json.loads((FOLDER / "curves.json").read_text())
    curves = {
        name: alcore.Curves(
            np.array(told[name]["labels"]),
            {"accuracy": np.array(told[name]["accuracy"])},
            np.arange(len(told[name]["accuracy"])),
        )
        for name in HEURISTICS
    }
    found = np.array([own.area("accuracy") for own in curves.values()])
    return found, found.shape[1]


def main() -> None:
    by_training, seeds = trained()
    replays = [replayed(seed) for seed in range(seeds)]
    horizon = min(one.horizon for one in replays)
    by_metric = {metric: areas(replays, metric, horizon) for metric in METRICS}
    lines = [
        "# Replay against retraining",
        "",
        f"Written by `python benchmarks/replay_ranking.py`: {seeds} seeds, {DRAWS} draws of the first network, batches of {SIZE}. "
        f"All runs have at least 2 effective draws left up to {horizon} labels, so replay ranks by the mean of a metric up to "
        "there; retraining by the mean accuracy from 20 to 170 labels.",
        "",
        "| heuristic | retraining, accuracy | " + " | ".join(f"replay, {metric}" for metric in METRICS) + " |",
        "| --- | --- | " + " | ".join("---" for _ in METRICS) + " |",
    ]
    for i, name in enumerate(HEURISTICS):
        own = " | ".join(f"{by_metric[metric][i].mean():.4f}" for metric in METRICS)
        lines.append(f"| {name} | {by_training[i].mean():.4f} | {own} |")
    lines.append("")
    for metric in METRICS:
        value, low, high = correlation(by_metric[metric], by_training)
        lines.append(
            f"Spearman's correlation of the two rankings, replay by {metric}: {value:.2f} "
            f"(95 % interval over seeds {low:.2f} to {high:.2f})."
        )
        lines.append("")
    PAGE.write_text("\n".join(lines))
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
