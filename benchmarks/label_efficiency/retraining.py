"""How many labels each heuristic takes: runs of active learning on repeated digits, a table, and the curves as a picture.

    python benchmarks/label_efficiency/retraining.py                   # all heuristics, ten seeds; goes on where it was stopped
    python benchmarks/label_efficiency/retraining.py bald epig         # some alone; the curves of the others stay

Ledgers of the runs lie beside this file and are what a stopped run goes on from; table, curves (JSON) and picture
are written there once each heuristic has its seeds. Curves of other seeds or labels are not mixed with those that stay.
The data are scikit-learn's digits three times with noise of 0.05, as the BatchBALD paper repeats MNIST (arXiv:1906.08158), so
that a batch chosen row by row buys the same digit several times.
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn

import alcore
from alcore.stopping import LabelBudget

FOLDER = Path(__file__).parent
SECONDS, KEPT = FOLDER / "seconds.jsonl", FOLDER / "curves.json"
START, SIZE, STEPS = 20, 10, 15
REPEATS, NOISE, TEST, TARGETS = 3, 0.05, 500, 200
DRAWS = 100
WANTED = 0.9  # accuracy
EXPECTED = 0.65  # of Random's labels, for BatchBALD
Points = dict[str, Any]  # of one heuristic: labels, metrics of each seed, and rest_of_time

HEURISTICS: dict[str, Callable[[Any], alcore.Heuristic]] = {
    "random": lambda targets: alcore.Random(),
    "bald": lambda targets: alcore.BALD(),
    "entropy": lambda targets: alcore.Entropy(),
    "power-bald": lambda targets: alcore.PowerBALD(),
    "batchbald": lambda targets: alcore.BatchBALD(),
    "two-bald": lambda targets: alcore.TwoBALD(),
    "ical": lambda targets: alcore.ICAL(),
    "ical-pointwise": lambda targets: alcore.ICAL(pointwise=True),
    "epig": alcore.EPIG,
}
TARGETED = {"epig": alcore.EPIG, "batch-epig": alcore.BatchEPIG}
RETRAINED = HEURISTICS | TARGETED  # a batch of batch-epig takes as long as 25 of epig, so replays leave it out


class Digits:
    """A pool of repeated digits with noise, and a test set of digits that are not in it; every seed splits and repeats anew."""

    def __init__(self, seed: int) -> None:
        digits, rng = load_digits(), np.random.default_rng([seed, 17])
        order = rng.permutation(len(digits.target))
        test, rest = order[:TEST], np.tile(order[TEST:], REPEATS)
        noise = rng.normal(scale=NOISE, size=(len(rest), 8, 8))
        self.images = torch.tensor(digits.images[rest] / 16 + noise, dtype=torch.float32)[:, None]
        self.labels = digits.target[rest]
        self.test_images = torch.tensor(digits.images[test] / 16, dtype=torch.float32)[:, None]
        self.test_labels = digits.target[test]


def network() -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
        nn.Flatten(), nn.Dropout(0.5), nn.Linear(128, 128), nn.ReLU(), nn.Dropout(0.5), nn.Linear(128, 10),
    )  # fmt: skip


class Run:
    """What the loop calls, and the seconds that each took."""

    def __init__(self, data: Digits) -> None:
        self.data = data
        self.seconds = {"train": 0.0, "predict": 0.0}

    def train(self, ids: Any, labels: Any, seed: int) -> nn.Module:
        started = time.perf_counter()
        torch.manual_seed(seed)
        model, x, y = network(), self.data.images[ids], torch.tensor(labels)
        optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3)
        for _ in range(200):
            optimiser.zero_grad()
            nn.functional.cross_entropy(model(x), y).backward()
            optimiser.step()
        self.seconds["train"] += time.perf_counter() - started
        return model

    def draws(self, model: nn.Module, images: torch.Tensor, draws: int = DRAWS) -> np.ndarray:
        started = time.perf_counter()
        blocks = alcore_torch.predict(model, images, draws=draws, kind="logits", batch_size=256, progress=False)
        found = np.concatenate(list(blocks))
        self.seconds["predict"] += time.perf_counter() - started
        return found

    def predict(self, model: nn.Module, ids: Any) -> np.ndarray:
        return self.draws(model, self.data.images[ids])

    def targets(self, model: nn.Module, draws: int = DRAWS) -> np.ndarray:
        """Digits of the pool's own distribution, none of them labelled: the test images without their labels."""
        return self.draws(model, self.data.test_images[:TARGETS], draws)

    def metrics(self, model: nn.Module) -> dict[str, float]:
        probs = self.draws(model, self.data.test_images).mean(axis=-1)
        right = probs[np.arange(TEST), self.data.test_labels]
        return {
            "accuracy": float((probs.argmax(axis=1) == self.data.test_labels).mean()),
            "log-likelihood": float(np.log(np.maximum(right, 1e-12)).mean()),
        }


def history_of(name: str, seed: int) -> tuple[list[alcore.stopping.Past], dict[str, float] | None]:
    """A run, gone on with or found ended, and where the seconds of this part of it went."""
    run = Run(Digits(seed))
    targeted = name in TARGETED
    with alcore.Ledger.open(FOLDER / f"{name}-{seed}.db", len(run.data.labels)) as ledger:
        loop = alcore.ActiveLearning(
            ledger=ledger, train=run.train, predict=run.predict, oracle=lambda ids: run.data.labels[ids],
            heuristic=RETRAINED[name] if targeted else RETRAINED[name](None), targets=run.targets if targeted else None,
            k=SIZE, start=START, stop=LabelBudget(SIZE * STEPS), metrics=run.metrics, seed=seed, progress=False,
        )  # fmt: skip
        history = loop.history
        if history and not history[-1].size:
            return history, None
        started = time.perf_counter()
        history = loop.run()
        return history, {"all": time.perf_counter() - started, **run.seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("heuristics", nargs="*", default=list(RETRAINED), metavar="heuristic")
    parser.add_argument("--seeds", type=int, default=10)
    given = parser.parse_args()
    if unknown := set(given.heuristics) - set(RETRAINED):
        parser.error(f"expected heuristics among {', '.join(RETRAINED)}, got {', '.join(sorted(unknown))}.")
    before, labels = points_before(), list(range(START, START + SIZE * STEPS + 1, SIZE))
    kept = {name: own for name, own in before.items() if name not in given.heuristics}
    if others := [name for name, own in kept.items() if (len(own["accuracy"]), own["labels"]) != (given.seeds, labels)]:
        parser.error(
            f"{KEPT}: expected {given.seeds} seeds at {labels[0]} to {labels[-1]} labels of the heuristics that stay, got others "
            f"of {', '.join(others)}. Run with their seeds: --seeds {len(kept[others[0]]['accuracy'])}. Or run all heuristics."
        )
    histories: dict[str, list[Any]] = {name: [] for name in given.heuristics}
    for seed in range(given.seeds):  # seed by seed, so that what is stopped early compares all heuristics
        for name in given.heuristics:
            history, seconds = history_of(name, seed)
            histories[name].append(history)
            final = history[-1].metrics["accuracy"]
            if seconds is not None:
                with SECONDS.open("a") as file:
                    file.write(json.dumps({"heuristic": name, "seed": seed, **seconds}) + "\n")
            print(f"{name} seed {seed}: accuracy {final:.3f} at {history[-1].labelled} labels", flush=True)
    curves = {name: alcore.Curves.of(found, range(given.seeds)) for name, found in histories.items()}
    write(points_of(curves, before), kept)


def points_before() -> dict[str, Points]:
    """What the last runs wrote."""
    points = json.loads(KEPT.read_text()) if KEPT.exists() else {}
    known = [name for name in RETRAINED if name in points]
    return {name: points[name] | {"rest_of_time": points[name].get("rest_of_time")} for name in known}


def points_of(curves: dict[str, alcore.Curves], before: dict[str, Points]) -> dict[str, Points]:
    """What is written of each heuristic. The share of time is that of before where no run is timed here, or None."""
    rest = {name: own["rest_of_time"] for name, own in before.items()} | rest_of_time()
    return {
        name: {
            "labels": own.labels.tolist(),
            **{metric: own.metrics[metric].round(6).tolist() for metric in own.metrics},
            "rest_of_time": None if (share := rest.get(name)) is None else round(share, 6),
        }
        for name, own in curves.items()
    }


def write(new: dict[str, Points], kept: dict[str, Points]) -> None:
    for name, own in kept.items():
        if wrong := [of for of, one in new.items() if shape(one) != shape(own)]:
            raise ValueError(
                f"{KEPT}: expected the seeds and labels of {name}, which stays, got others of {', '.join(wrong)}."
            )
    points = {name: (new | kept)[name] for name in RETRAINED if name in new | kept}
    KEPT.write_text(json.dumps(points, indent=1) + "\n")
    curves = {name: curves_of(own) for name, own in points.items()}
    (FOLDER / "README.md").write_text(page(curves, {name: own["rest_of_time"] for name, own in points.items()}))
    figure = alcore.plot.curves(curves, "accuracy", title="repeated digits, means of the seeds with 95 % intervals")
    figure.savefig(FOLDER / "curves.png", dpi=110)
    print((FOLDER / "README.md").read_text())


def shape(own: Points) -> tuple[Any, int]:
    return own["labels"], len(own["accuracy"])


def curves_of(own: Points) -> alcore.Curves:
    metrics = {name: np.array(own[name]) for name in own if name not in ("labels", "rest_of_time")}
    return alcore.Curves(np.array(own["labels"]), metrics, np.arange(len(own["accuracy"])))


def apart(curves: dict[str, alcore.Curves]) -> list[str]:
    """What says which heuristics began elsewhere: another version of alcore drew other first labels for the same seeds."""
    first, *others = curves
    begun = {name: own.metrics["accuracy"][:, 0] for name, own in curves.items()}
    named = [name for name in others if not np.allclose(begun[name], begun[first], rtol=0, atol=1e-6)]
    if not named:
        return []
    means = ", ".join(f"{name} {begun[name].mean():.3f}" for name in named)
    return [
        "",
        f"Other first labels than those of {first}, whose accuracy is {begun[first].mean():.3f} before the first query: {means}. "
        "So compare these by their intervals, not in pairs.",
    ]


def page(curves: dict[str, alcore.Curves], rest: dict[str, float | None]) -> str:
    seeds = len(next(iter(curves.values())).seeds)
    lines = [
        "# Labels to accuracy on repeated digits",
        "",
        f"Generated by `python benchmarks/label_efficiency/retraining.py`: digits {REPEATS} times with noise "
        f"{NOISE}, a convolutional network "
        f"with dropout trained from fresh weights at each step, {DRAWS} consistent draws, {START} labels drawn at random to start "
        f"with, then {STEPS} queries of {SIZE}; {seeds} seeds, torch {torch.__version__}, {platform.machine()}. Labels to "
        f"{WANTED:.0%} accuracy are read from each run's own curve, on straight lines between steps: the median, in brackets its "
        "95 % interval by bootstrap over seeds. The rest of the time is what neither training nor prediction took: the heuristic, "
        "the ledger and the loop; for Random the last two alone.",
        "",
        f"| heuristic | labels to {WANTED:.0%} | of Random's | area under the accuracy | accuracy at {START + SIZE * STEPS} | "
        "rest of the time |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    base = np.median(curves["random"].labels_to("accuracy", WANTED)) if "random" in curves else np.nan
    for name, own in curves.items():
        found = own.labels_to("accuracy", WANTED)
        low, high = bootstrap(found)
        area, last = own.area("accuracy"), own.metrics["accuracy"][:, -1]
        lines.append(
            f"| {name} | {np.median(found):.0f} ({low:.0f} – {high:.0f}) | {np.median(found) / base:.2f} | "
            f"{area.mean():.4f} ± {area.std(ddof=min(1, seeds - 1)) / np.sqrt(seeds):.4f} | {last.mean():.4f} | "
            f"{'not known' if (share := rest[name]) is None else f'{100 * share:.2f} %'} |"
        )
    if {"random", "batchbald"} <= set(curves):
        ratio = np.median(curves["batchbald"].labels_to("accuracy", WANTED)) / base
        lines += ["", f"Expected of BatchBALD: at most {EXPECTED} of Random's labels; found {ratio:.2f}."]
    lines += [
        *apart(curves),
        "",
        "Whether replay of saved predictions, without retraining, ranks them so: [replay_by_posterior.md](replay_by_posterior.md).",
    ]
    return "\n".join([*lines, "", "![curves](curves.png)", ""])


def rest_of_time() -> dict[str, float]:
    """Heuristic -> the share of all runs' time that neither training nor prediction took."""
    runs = [json.loads(line) for line in SECONDS.read_text().splitlines()] if SECONDS.exists() else []
    shares = {}
    for name in {one["heuristic"] for one in runs}:
        total, own = (
            sum(one["all"] - sum(one[key] for key in keys) for one in runs if one["heuristic"] == name)
            for keys in ((), ("train", "predict"))
        )
        shares[name] = own / total
    return shares


def bootstrap(values: np.ndarray) -> tuple[float, float]:
    drawn = np.random.default_rng(0).choice(values, (10_000, len(values)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975], method="nearest")
    return float(low), float(high)


if __name__ == "__main__":
    main()
