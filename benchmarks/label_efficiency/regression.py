"""How many labels heuristics of means take: runs of active learning on regression sets, written into regression.md beside this
file.

    python benchmarks/label_efficiency/regression.py              # ten seeds, two sets, two models
    python benchmarks/label_efficiency/regression.py --seeds 2

Sets: scikit-learn's diabetes, and a synthetic set as the houses of California are: places in clusters, a smooth price over them, an
income, noise. Models: a random forest (a draw is a tree) and a Gaussian process (a draw is a function).
"""

from __future__ import annotations

import argparse
import platform
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import alcore_sklearn
import numpy as np
import sklearn
from sklearn.datasets import load_diabetes
from sklearn.ensemble import RandomForestRegressor
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF, ConstantKernel

import alcore

OUT = Path(__file__).with_name("regression.md")
START, SIZE, STEPS, DRAWS = 20, 10, 10, 100
NOISE = 0.3  # variance of standardised labels that the Gaussian process is told, and the least of the forest
HEURISTICS: dict[str, Callable[[], alcore.Heuristic]] = {
    "random": alcore.Random,
    "epistemic-variance": lambda: alcore.Variance("epistemic"),
    "bald": alcore.BALD,
    "power-bald": alcore.PowerBALD,
    "log-det": alcore.LogDet,
}


def diabetes(seed: int) -> tuple[np.ndarray, ...]:
    x, y = load_diabetes(return_X_y=True)
    return _split(x / x.std(axis=0), y, 142, seed)


def houses(seed: int) -> tuple[np.ndarray, ...]:
    """1 200 houses: most of them in a few towns, so that many rows of the pool are alike."""
    rng = np.random.default_rng([seed, 5])
    towns, sizes = rng.uniform(-2, 2, (12, 2)), rng.dirichlet(np.full(12, 0.5))
    town = rng.choice(12, 1200, p=sizes)
    place = towns[town] + 0.12 * rng.normal(size=(1200, 2))
    income, age, rooms = rng.gamma(3, 0.4, 1200), rng.uniform(0, 1, 1200), rng.normal(size=(1200, 3))
    price = 1.5 * np.sin(1.5 * place[:, 0]) * np.cos(place[:, 1]) + np.log1p(income) - 0.4 * age + 0.1 * rooms[:, 0]
    x = np.column_stack([place, income, age, rooms])
    return _split(x / x.std(axis=0), price + 0.2 * rng.normal(size=1200), 400, seed)


def _split(x: np.ndarray, y: np.ndarray, test: int, seed: int) -> tuple[np.ndarray, ...]:
    order = np.random.default_rng([seed, 17]).permutation(len(y))
    y = (y - y.mean()) / y.std()
    return x[order[test:]], y[order[test:]], x[order[:test]], y[order[:test]]


def forest(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[Any, float]:
    """A forest, and its mean squared error on rows out of the bag."""
    model = RandomForestRegressor(DRAWS, min_samples_leaf=2, oob_score=True, random_state=seed).fit(x, y)
    return model, max(float(np.mean((y - model.oob_prediction_) ** 2)), 1e-3)


def process(x: np.ndarray, y: np.ndarray, seed: int) -> tuple[Any, float]:
    kernel = ConstantKernel(1.0, (0.1, 10)) * RBF(np.full(x.shape[1], 2.0), (0.3, 30))
    model = GaussianProcessRegressor(kernel, alpha=NOISE, random_state=seed).fit(x, y)
    return model, NOISE


def run(data: tuple[np.ndarray, ...], fit: Callable[..., Any], heuristic: alcore.Heuristic, seed: int) -> np.ndarray:
    """The root mean squared error of the test set after 20, 30, … labels."""
    x, y, test_x, test_y = data
    rng = np.random.default_rng([seed, 3])
    labelled = rng.permutation(len(y))[:START].tolist()
    found = []
    for step in range(STEPS + 1):
        model, noise = fit(x[labelled], y[labelled], seed)
        found.append(float(np.sqrt(np.mean((model.predict(test_x) - test_y) ** 2))))
        if step == STEPS:
            break
        free = np.setdiff1d(np.arange(len(y)), labelled)
        draws = {} if isinstance(model, RandomForestRegressor) else {"draws": DRAWS}
        means = np.concatenate(list(alcore_sklearn.predict(model, x[free], kind="mean", seed=step, **draws)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", alcore.SaturationWarning)
            batch = heuristic.select(means, SIZE, rng=rng, kind="mean", variance=noise)
        labelled += free[batch.indices].tolist()
    return np.array(found)


def table(name: str, curves: dict[str, np.ndarray]) -> str:
    """Areas under the error, with standard errors of the difference from Random, seed by seed."""
    lines = [
        f"## {name}",
        "",
        "| heuristic | mean RMSE over the curve | less than Random's by | RMSE at the end | labels to Random's last RMSE |",
        "| --- | --- | --- | --- | --- |",
    ]
    random = curves["random"]
    labels = START + SIZE * np.arange(STEPS + 1)
    for heuristic, runs in curves.items():
        gains = random.mean(axis=1) - runs.mean(axis=1)
        error = gains.std(ddof=1) / np.sqrt(len(gains)) if len(gains) > 1 else float("nan")
        reached = np.flatnonzero(runs.mean(axis=0) <= random.mean(axis=0)[-1])
        needed = str(labels[reached[0]]) if len(reached) else "not reached"
        gain = "" if heuristic == "random" else f"{gains.mean():.4f} ± {error:.4f}"
        end = f"{runs[:, -1].mean():.4f}"
        lines.append(f"| {heuristic} | {runs.mean():.4f} | {gain} | {end} | {needed} |")
    return "\n".join([*lines, ""])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=10)
    seeds = range(parser.parse_args().seeds)
    parts = [
        "# Labels to a small error in regression",
        "",
        f"Generated by `python benchmarks/label_efficiency/regression.py`: {START} labels drawn at random to start with, then "
        f"{STEPS} queries of {SIZE}, {DRAWS} draws, {len(seeds)} seeds; labels are standardised, so an RMSE of 1 is that of the "
        "mean. The third column has the mean difference of runs with the same seed, with its standard error. scikit-learn "
        f"{sklearn.__version__}, {platform.machine()}.",
        "",
    ]
    for data_name, make in (("diabetes", diabetes), ("houses, synthetic", houses)):
        data = [make(seed) for seed in seeds]
        for model_name, fit in (("random forest", forest), ("Gaussian process", process)):
            curves = {
                name: np.stack([run(data[seed], fit, heuristic(), seed) for seed in seeds])
                for name, heuristic in HEURISTICS.items()
            }
            parts.append(table(f"{data_name}, {model_name}", curves))
            print(parts[-1], flush=True)
    OUT.write_text("\n".join(parts))


if __name__ == "__main__":
    main()
