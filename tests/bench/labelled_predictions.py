"""Predictive probabilities with labels that follow them, or follow a power of them."""

from __future__ import annotations

import numpy as np


def probs_and_labels(rows: int, power: float = 1.0, *, seed: int = 3) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities (rows, 4), and labels (rows,) drawn from their powers: the model is overconfident below 1."""
    rng = np.random.default_rng(seed)
    probs = rng.dirichlet(np.full(4, 0.6), size=rows)
    return probs, labels_of(probs**power / (probs**power).sum(axis=1, keepdims=True), rng)


def labels_of(probs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A label (rows,) for each row of probabilities (rows, classes)."""
    return (probs.cumsum(axis=1) < rng.random((len(probs), 1))).sum(axis=1).clip(0, probs.shape[1] - 1)
