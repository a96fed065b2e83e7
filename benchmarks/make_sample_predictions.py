"""Make sample_predictions.npz: a committee of small networks on handwritten digits, as it would be after 40 labels.

Each member is a multilayer perceptron trained on a bootstrap resample of 40 of scikit-learn's digits (four a class, resampled
within the class so that every member knows all ten). No pool, test or target digit trains any member. Arrays, float16 or int8:

    pool (1000, 10, T)  pool_labels (1000,)  test (300, 10, T)  test_labels (300,)  target (100, 10, T)

    python benchmarks/make_sample_predictions.py        # two minutes on two cores
"""

from __future__ import annotations

import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

DRAWS = 300
LABELLED_A_CLASS = 4
POOL, TEST, TARGET = 1000, 300, 100
SEED = 20261122
FILE = Path(__file__).with_name("sample_predictions.npz")


def split_digits() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Training images and labels, then the remaining images and labels in random order."""
    digits = load_digits()
    images, labels = digits.data / 16.0, digits.target
    order = np.random.default_rng(SEED).permutation(len(labels))
    train = np.concatenate([order[labels[order] == c][:LABELLED_A_CLASS] for c in range(10)])
    rest = order[~np.isin(order, train)]
    return images[train], labels[train], images[rest], labels[rest]


def predict_member(member: int) -> np.ndarray:
    """Probabilities (rows, classes) of one network."""
    images, labels, rest, _ = split_digits()
    rng = np.random.default_rng([SEED, member])
    resample = np.concatenate([rng.choice(np.flatnonzero(labels == c), LABELLED_A_CLASS) for c in range(10)])
    network = MLPClassifier((32,), alpha=0.1, max_iter=120, learning_rate_init=0.01, random_state=member)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of steps is the regularisation
        network.fit(images[resample], labels[resample])
    return network.predict_proba(rest[: POOL + TEST + TARGET]).astype(np.float16)


def main() -> None:
    with ProcessPoolExecutor() as processes:
        members = list(processes.map(predict_member, range(DRAWS), chunksize=8))
    probs = np.stack(members, axis=-1)
    labels = split_digits()[3].astype(np.int8)
    pool, test, target = np.split(probs[: POOL + TEST + TARGET], [POOL, POOL + TEST])
    np.savez_compressed(
        FILE, pool=pool, pool_labels=labels[:POOL], test=test, test_labels=labels[POOL : POOL + TEST], target=target
    )
    accuracy = (test.astype(np.float32).mean(-1).argmax(1) == labels[POOL : POOL + TEST]).mean()
    print(f"{FILE.name}: {FILE.stat().st_size / 2**20:.2f} MiB, T = {DRAWS}, committee accuracy {accuracy:.3f}")


if __name__ == "__main__":
    main()
