"""Runs of active learning on sixty points: a committee of directions, its predictions, and what a ledger remembers of a run."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from alcore import ActiveLearning, Ledger
from alcore.stopping import LabelBudget

N = 60
RNG = np.random.default_rng(0)
X = RNG.normal(size=(N, 2))
TRUTH = (X @ [1.0, -0.5] > 0.1).astype(int)
HEURISTICS = {
    "random": alcore.Random(),
    "bald": alcore.BALD(),
    "power": alcore.PowerBALD(),
    "batchbald": alcore.BatchBALD(),
    "sum": 0.5 * alcore.BALD() + 0.5 * alcore.Entropy(),
    "ical": alcore.ICAL(),
}


def committee(ids: Any, labels: Any) -> Any:
    """Twenty directions, weighted by how many labels each fits: a model that depends on nothing else."""
    directions = np.random.default_rng(1).normal(size=(20, 3))
    logits = np.hstack([X, np.ones((N, 1))]) @ directions.T
    fit = np.array([np.mean((logits[ids, t] > 0) == np.array(labels)) if len(ids) else 0.5 for t in range(20)])
    return logits * (4 * fit)


def probs(model: Any, ids: Any) -> Any:
    p = 1 / (1 + np.exp(-model[ids]))
    return np.stack([1 - p, p], axis=1)


def accuracy(model: Any) -> dict[str, float]:
    return {"accuracy": float((probs(model, np.arange(N)).mean(axis=-1).argmax(axis=1) == TRUTH).mean())}


def make(ledger: Ledger | None = None, **changes: Any) -> ActiveLearning:
    given: dict[str, Any] = {
        "ledger": ledger if ledger is not None else Ledger(N),
        "train": committee,
        "predict": probs,
        "heuristic": alcore.PowerBALD(),
        "oracle": lambda ids: TRUTH[ids],
        "k": 4,
        "start": 6,
        "stop": LabelBudget(14),
        "metrics": accuracy,
        "progress": False,
        **changes,
    }
    return ActiveLearning(**given)


def state(ledger: Ledger, asker: str = "default") -> Any:
    """What a ledger holds of a run: all but the times."""
    events = [tuple(v for k, v in event.items() if k != "time") for event in ledger.history(np.arange(N))]
    return events, ledger.notes(asker), ledger.labels
