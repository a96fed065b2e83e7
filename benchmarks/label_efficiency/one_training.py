"""Fifty labels from one network, then one training: what fills a batch that is longer than its draws can tell apart.

    python benchmarks/label_efficiency/one_training.py    # ten seeds, some ten minutes on two cores

A network trained on 20 random labels predicts the pool with 100 consistent draws. Each heuristic chooses 50 rows at once. A fresh
network is trained on the 70 labels, three times, and its accuracy on the test set is what the batch was worth. Writes filling.md.
"""

from __future__ import annotations

import platform
import warnings
from typing import NamedTuple

import numpy as np
import torch
from retraining import DRAWS, FOLDER, START, Digits, Run

import alcore

SEEDS, TRAININGS, SIZE = 10, 3, 50
PAGE = FOLDER / "filling.md"
RULES = ("bald", "random", "power-bald")
HEURISTICS: dict[str, alcore.Heuristic] = {
    "Random": alcore.Random(),
    "BALD": alcore.BALD(),
    "PowerBALD": alcore.PowerBALD(),
    **{f"BatchBALD, filled by {rule}": alcore.BatchBALD(fill=rule) for rule in RULES},
    **{f"2-BALD, filled by {rule}": alcore.TwoBALD(fill=rule) for rule in RULES},
}


class Seed(NamedTuple):
    """Of each heuristic the mean accuracy of the trainings, and how many rows were chosen jointly."""

    accuracy: list[float]
    joint: list[int]


def measure(seed: int) -> Seed:
    run, accuracy, joint = Run(Digits(seed)), [], []
    labels = run.data.labels
    start = np.random.default_rng([seed, 3]).permutation(len(labels))[:START]
    rest = np.setdiff1d(np.arange(len(labels)), start)
    model = run.train(start, labels[start].tolist(), seed)
    probs = run.draws(model, run.data.images[rest], DRAWS)
    for heuristic in HEURISTICS.values():
        batch = heuristic.select(probs, SIZE, rng=np.random.default_rng([seed, 99]))
        ids = np.concatenate([start, rest[batch.indices]])
        models = (run.train(ids, labels[ids].tolist(), 1_000 * seed + i) for i in range(TRAININGS))
        accuracy.append(float(np.mean([run.metrics(model)["accuracy"] for model in models])))
        joint.append(np.count_nonzero(batch.scores) if batch.fill else len(batch))
    return Seed(accuracy, joint)


def page(seeds: list[Seed]) -> str:
    accuracy, joint = np.array([seed.accuracy for seed in seeds]), np.array([seed.joint for seed in seeds])
    above = accuracy - accuracy[:, :1]
    rows = [
        f"| {name} | {mean(accuracy[:, i])} | {mean(above[:, i]) if i else '–'} | "
        + (f"{joint[:, i].min()} – {joint[:, i].max()} |" if "filled" in name else "– |")
        for i, name in enumerate(HEURISTICS)
    ]
    head = (
        "# What fills a batch that exhausts its draws\n\n"
        f"Written by `python benchmarks/label_efficiency/one_training.py`: digits repeated with noise, a network trained on "
        f"{START} random labels, {DRAWS} consistent draws, {SIZE} labels chosen at once, one training on all of them; mean over "
        f"{len(seeds)} seeds of the mean of {TRAININGS} trainings, ± its standard error; torch {torch.__version__}, "
        f"{platform.machine()}.\n\n"
        "| how the 50 are chosen | accuracy | above Random, pairwise | chosen jointly |\n|---|---|---|---|\n"
    )
    return head + "\n".join(rows) + "\n"


def mean(values: np.ndarray) -> str:
    return f"{values.mean():.3f} ± {values.std(ddof=1) / np.sqrt(len(values)):.3f}"


def main() -> None:
    warnings.simplefilter("ignore", alcore.SaturationWarning)
    torch.set_num_threads(1)  # the network is small: a second thread costs more than it saves
    seeds = []
    for seed in range(SEEDS):
        seeds.append(measure(seed))
        print(seed, dict(zip(HEURISTICS, np.round(seeds[-1].accuracy, 3), strict=True)), flush=True)
    PAGE.write_text(page(seeds), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
