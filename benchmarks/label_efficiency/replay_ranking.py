"""Does replay on saved predictions rank heuristics as retraining does? Spearman's correlation, whatever it is.

    python benchmarks/label_efficiency/retraining.py
    python benchmarks/label_efficiency/replay_ranking.py    # half an hour on two cores

The first network of each run of label_efficiency.py, trained on its 20 random labels, predicts its pool and its test set; replay in
batches of 10 ranks the heuristics from those predictions alone, as predicted and with the temperature that half of the test set
wants (the other half is what both are judged on). The ranking by retraining is that of the areas under the accuracy curves in
benchmarks/label_efficiency/curves.json, labels 20 to 170. Writes benchmarks/label_efficiency/replay.md.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from retraining import FOLDER, HEURISTICS, SIZE, START, STEPS, Digits, Run
from scipy.stats import spearmanr

import alcore
import alcore.bench
from alcore.stopping import LabelBudget

DRAWS = 500
POOLS = 2  # bootstrap pools for each network
LABELS = 40
RESAMPLES = 2_000
METRICS = ("log-likelihood", "accuracy")
PAGE = FOLDER / "replay.md"


class NetworkDraws(NamedTuple):
    """The predictions of a network's draws, to be replayed."""

    pool: alcore.bench.labels.LabelledPredictions
    test: alcore.bench.labels.LabelledPredictions
    targets: np.ndarray

    def tempered(self, temperature: float) -> NetworkDraws:
        pool, test = (
            alcore.bench.labelled(alcore.bench.tempered(part.probs, temperature), part.labels)
            for part in (self.pool, self.test)
        )
        return NetworkDraws(pool, test, alcore.bench.tempered(self.targets, temperature))

    def replays(self, seed: int) -> list[alcore.bench.Replay]:
        """One for each bootstrap pool, so that each ends at a horizon of its own."""
        asked = {name: made(self.targets) for name, made in HEURISTICS.items()}
        seeds = range(seed * POOLS, (seed + 1) * POOLS)
        options = {"size": SIZE, "steps": LABELS, "posterior": "reweighted"}
        return [alcore.bench.replay(asked, self.pool, self.test, seeds=[one], **options) for one in seeds]


def network_draws(seed: int, draws: int) -> NetworkDraws:
    """What the network of a run's first step tells about its pool, its test set and the targets."""
    run = Run(Digits(seed))
    loop = alcore.ActiveLearning(
        ledger=alcore.Ledger(len(run.data.labels)), train=run.train, predict=run.predict,
        oracle=lambda ids: run.data.labels[ids], heuristic=alcore.Random(), k=SIZE, start=START, stop=LabelBudget(SIZE),
        seed=seed, progress=False,
    )  # fmt: skip
    step = next(iter(loop))
    rows = np.asarray(loop.ledger.pool)
    pool = alcore.bench.labelled(run.draws(step.model, run.data.images[rows], draws), run.data.labels[rows])
    test = alcore.bench.labelled(run.draws(step.model, run.data.test_images, draws), run.data.test_labels)
    return NetworkDraws(pool, test, run.targets(step.model, draws))


def first_network(seed: int) -> tuple[NetworkDraws, float]:
    """The draws of a network judged on half of the test set, and the temperature that the other half wants."""
    found = network_draws(seed, DRAWS)
    half = len(found.test.labels) // 2
    wanted = alcore.bench.temperature(found.test.probs[:half], found.test.labels[:half])
    return found._replace(test=found.test.of_rows(np.arange(half, len(found.test.labels)))), wanted


class Ranking(NamedTuple):
    """Of one way to replay: metric -> (heuristics, networks) means from 0 labels to each pool's horizon, and the horizons."""

    means: dict[str, np.ndarray]
    horizons: list[int]


def ranking(networks: list[list[alcore.bench.Replay]]) -> Ranking:
    means = {
        metric: np.array([[_mean(name, metric, replays) for replays in networks] for name in HEURISTICS])
        for metric in METRICS
    }
    return Ranking(means, [one.horizon for replays in networks for one in replays])


def _mean(name: str, metric: str, replays: list[alcore.bench.Replay]) -> float:
    return float(np.mean([one.curves[name].metrics[metric][0, : one.horizon + 1].mean() for one in replays]))


def correlation(by_replay: np.ndarray, by_training: np.ndarray) -> tuple[float, float, float]:
    """Of the means over seeds, with a 95 % interval over resampled seeds: a network and the runs that began with it."""
    rng, seeds = np.random.default_rng(0), by_training.shape[1]
    drawn = [
        spearmanr(by_replay[:, rows].mean(axis=1), by_training[:, rows].mean(axis=1)).statistic
        for rows in rng.integers(seeds, size=(RESAMPLES, seeds))
    ]
    low, high = np.quantile(drawn, [0.025, 0.975])
    return float(spearmanr(by_replay.mean(axis=1), by_training.mean(axis=1)).statistic), float(low), float(high)


def trained() -> np.ndarray:
    """(heuristics, seeds): areas under the accuracy when networks are trained anew."""
    curves_of: dict[str, Any] = json.loads((FOLDER / "curves.json").read_text())
    areas = []
    for name in HEURISTICS:
        accuracy = np.array(curves_of[name]["accuracy"])
        curves = alcore.Curves(np.array(curves_of[name]["labels"]), {"accuracy": accuracy}, np.arange(len(accuracy)))
        areas.append(curves.area("accuracy"))
    return np.array(areas)


def page(by_training: np.ndarray, ways: dict[str, Ranking], temperatures: list[float]) -> Iterator[str]:
    seeds = by_training.shape[1]
    yield "# Replay against retraining\n"
    yield (
        f"Written by `python benchmarks/label_efficiency/replay_ranking.py`: {seeds} networks trained on {START} "
        f"labels, {DRAWS} draws of each, "
        f"{POOLS} bootstrap pools a network, batches of {SIZE}, at most {LABELS} labels. Replay ranks by the mean of a metric from "
        "no label to the horizon of a pool, where the first heuristic has fewer than 2 effective draws left; "
        f"retraining by the area under the accuracy from {START} to {START + SIZE * STEPS} labels. Temperatures are fitted "
        f"on one half of the test set ({min(temperatures):.1f} to {max(temperatures):.1f}, median {np.median(temperatures):.1f}); "
        "the other half judges.\n"
    )
    columns = [(way, metric) for way in ways for metric in METRICS]
    yield "| heuristic | retraining, accuracy | " + " | ".join(f"{way}, {metric}" for way, metric in columns) + " |"
    yield "| --- | --- | " + " | ".join("---" for _ in columns) + " |"
    for i in np.argsort(-by_training.mean(axis=1)):
        own = " | ".join(f"{ways[way].means[metric][i].mean():.4f}" for way, metric in columns)
        yield f"| {list(HEURISTICS)[i]} | {by_training[i].mean():.4f} | {own} |"
    yield "\n| replay | labels to the horizon: median (least – most) | by | Spearman's correlation | 95 % interval |"
    yield "| --- | --- | --- | --- | --- |"
    for way, metric in columns:
        value, low, high = correlation(ways[way].means[metric], by_training)
        ends = ways[way].horizons
        reach = f"{np.median(ends):.0f} ({min(ends)} – {max(ends)})"
        yield f"| {way} | {reach} | {metric} | {value:.2f} | {low:.2f} to {high:.2f} |"


def main() -> None:
    by_training = trained()
    predicted, tempered, temperatures = [], [], []
    for seed in range(by_training.shape[1]):
        started = time.perf_counter()
        network, wanted = first_network(seed)
        predicted.append(network.replays(seed))
        tempered.append(network.tempered(wanted).replays(seed))
        temperatures.append(wanted)
        ends = [[one.horizon for one in replays[-1]] for replays in (predicted, tempered)]
        print(
            f"seed {seed}: temperature {wanted:.2f}, horizons {ends}, {time.perf_counter() - started:.0f} s", flush=True
        )
    ways = {"as predicted": ranking(predicted), "with temperature": ranking(tempered)}
    PAGE.write_text("\n".join(page(by_training, ways, temperatures)) + "\n")
    print(PAGE.read_text())


if __name__ == "__main__":
    main()
