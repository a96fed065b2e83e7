"""Many labels between two trainings: what fills a batch that is longer than its draws can tell apart, and what an update is worth.

    python benchmarks/label_efficiency/one_training.py    # ten seeds, half an hour on two cores

A network trained on 20 random labels predicts the pool with 100 consistent draws. Each way chooses 50, 100 or 200 rows. A fresh
network is trained on all labels, three times, and its accuracy on the test set is what the batch was worth. "Updated" ways ask for
ten rows at a time, and learn the labels with `alcore.Posterior` in between, without training. Its scale is chosen by the evidence
of the labels that come, or of 100 labels of the test set. Writes filling.md.
"""

from __future__ import annotations

import platform
import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from retraining import DRAWS, FOLDER, START, Digits, Run
from threadpoolctl import threadpool_limits

import alcore

SEEDS, TRAININGS, SIZES, STEP = 10, 3, (50, 100, 200), 10
PAGE = FOLDER / "filling.md"
RULES = ("bald", "random", "power-bald")
PRIOR_DRAWS = 1_000  # of a posterior without labels: they have no limit of log 100
HEURISTICS: dict[str, alcore.Heuristic] = {
    "Random": alcore.Random(),
    "BALD": alcore.BALD(),
    "PowerBALD": alcore.PowerBALD(),
    **{f"BatchBALD, filled by {rule}": alcore.BatchBALD(fill=rule) for rule in RULES},
    **{f"2-BALD, filled by {rule}": alcore.TwoBALD(fill=rule) for rule in RULES},
}
UPDATED: dict[str, alcore.Heuristic] = {
    "updated after every 10, BatchBALD": alcore.BatchBALD(),
    "updated after every 10, 2-BALD": alcore.TwoBALD(),
    "updated after every 10, PowerBALD": alcore.PowerBALD(),
}
FITTED = 100  # labels of the test set
UPDATED_WITH_SCALE = {f"{name}, scale of {FITTED} test labels": one for name, one in UPDATED.items()}
OF_PRIOR = "BatchBALD on draws of a posterior without labels, filled by power-bald"
INVENTED = "BatchBALD, after every 10 the posterior learns labels that it drew itself"
WAYS = [*HEURISTICS, OF_PRIOR, INVENTED, *UPDATED, *UPDATED_WITH_SCALE]


def choose(
    way: str, probs: np.ndarray, labels: np.ndarray, size: int, seed: int, scale: float
) -> tuple[np.ndarray, int]:
    """The rows that a way chooses, and how many of them jointly."""
    rng = np.random.default_rng([seed, 99])
    if way in UPDATED:
        return updated(UPDATED[way], probs, labels, size, rng), size
    if way in UPDATED_WITH_SCALE:
        return updated(UPDATED_WITH_SCALE[way], probs, labels, size, rng, scale), size
    if way == INVENTED:
        return updated(alcore.BatchBALD(), probs, None, size, rng), size
    if way == OF_PRIOR:
        probs = np.asarray(alcore.Posterior(probs).draws(count=PRIOR_DRAWS, rng=rng))
    batch = HEURISTICS.get(way, alcore.BatchBALD()).select(probs, size, rng=rng)
    return batch.indices, np.count_nonzero(batch.scores) if batch.fill else len(batch)


def updated(
    heuristic: alcore.Heuristic,
    probs: np.ndarray,
    labels: np.ndarray | None,
    size: int,
    rng: Any,
    scale: float | None = None,
) -> np.ndarray:
    """Ten rows at a time. Without a scale, the labels that came choose it. Without labels, one draw invents them."""
    posterior, left, chosen = alcore.Posterior(probs, scale=scale), np.arange(len(probs)), []
    if labels is None:
        labels = invented(probs[..., rng.integers(probs.shape[-1])], rng)
    for _ in range(size // STEP):
        drawn = probs if not chosen and scale is None else np.asarray(posterior.draws(count=DRAWS, rng=rng))
        asked = left[heuristic.select(drawn[left], STEP, rng=rng).indices]
        posterior.learn(asked, labels[asked])
        left = np.setdiff1d(left, asked)
        chosen.append(asked)
    return np.concatenate(chosen)


def invented(probs: np.ndarray, rng: Any) -> np.ndarray:
    """One label a row, drawn from probabilities (N, C)."""
    return (probs.cumsum(axis=1) < rng.random((len(probs), 1))).sum(axis=1).clip(max=probs.shape[1] - 1)


class Seed(NamedTuple):
    """Of each way the mean accuracy of the trainings, and how many rows were chosen jointly."""

    accuracy: list[float]
    joint: list[int]


def measure(seed: int, size: int, ways: Sequence[str] = WAYS) -> Seed:
    run, accuracy, joint = Run(Digits(seed)), [], []
    labels = run.data.labels
    start = np.random.default_rng([seed, 3]).permutation(len(labels))[:START]
    rest = np.setdiff1d(np.arange(len(labels)), start)
    model = run.train(start, labels[start].tolist(), seed)
    probs = run.draws(model, run.data.images[rest], DRAWS)
    fitted = alcore.Posterior(run.draws(model, run.data.test_images[:FITTED], DRAWS))
    scale = fitted.fit_scale(np.arange(FITTED), run.data.test_labels[:FITTED])
    for way in ways:
        rows, together = choose(way, probs, labels[rest], size, seed, scale)
        ids = np.concatenate([start, rest[rows]])
        models = (run.train(ids, labels[ids].tolist(), 1_000 * seed + i) for i in range(TRAININGS))
        accuracy.append(float(np.mean([run.metrics(model)["accuracy"] for model in models])))
        joint.append(together)
    return Seed(accuracy, joint)


def page(found: dict[int, list[Seed]]) -> str:
    head = (
        "# What fills a batch that exhausts its draws, and updates between two trainings\n\n"
        f"Written by `python benchmarks/label_efficiency/one_training.py`: digits repeated with noise, a network trained on "
        f"{START} random labels, {DRAWS} consistent draws, labels chosen without training, then one training on all of them; mean "
        f"over seeds of the mean of {TRAININGS} trainings, ± its standard error; torch {torch.__version__}, "
        f"{platform.machine()}. Updated: ten labels at a time, learned by `alcore.Posterior`. The evidence of these labels chooses "
        f"its scale, or that of {FITTED} labels of the test set.\n"
    )
    return head + "".join(map(table, found, found.values()))


def table(size: int, seeds: list[Seed]) -> str:
    accuracy, joint = np.array([seed.accuracy for seed in seeds]), np.array([seed.joint for seed in seeds])
    above = accuracy - accuracy[:, :1]
    rows = [
        f"| {name} | {mean(accuracy[:, i])} | {mean(above[:, i]) if i else '–'} | "
        + (f"{joint[:, i].min()} – {joint[:, i].max()} |" if "filled" in name else "– |")
        for i, name in enumerate(WAYS)
    ]
    chosen = f"how the {size} are chosen, {len(seeds)} seeds"
    columns = f"\n| {chosen} | accuracy | above Random, pairwise | chosen jointly |\n|---|---|---|---|\n"
    return columns + "\n".join(rows) + "\n"


def mean(values: np.ndarray) -> str:
    error = values.std(ddof=1) / np.sqrt(len(values)) if len(values) > 1 else np.nan
    return f"{values.mean():.3f} ± {error:.3f}"


def main() -> None:
    warnings.simplefilter("ignore", alcore.SaturationWarning)
    torch.set_num_threads(1)  # the network is small: a second thread costs more than it saves
    threadpool_limits(limits=1, user_api="blas")
    found: dict[int, list[Seed]] = {size: [] for size in SIZES}
    for seed in range(SEEDS):
        for size, seeds in found.items():
            seeds.append(measure(seed, size))
            print(seed, size, dict(zip(WAYS, np.round(seeds[-1].accuracy, 3), strict=True)), flush=True)
        PAGE.write_text(page(found), encoding="utf-8")
    print(PAGE.read_text(encoding="utf-8"))


if __name__ == "__main__":
    main()
