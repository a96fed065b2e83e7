"""A cycle of the loop: one training, and the queries that are chosen with its predictions until the next training."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from alcore.door import Reading
from alcore.heuristics import Heuristic
from alcore.ledger import Ledger, Moment, Query
from alcore.sources.reading import can_reread

Ids = npt.NDArray[Any]
TRAINED_AT = "trained_at"  # of the note of a step that begins a cycle: the moment whose labels the model was trained on


@dataclass(frozen=True, eq=False)
class Training:
    """A model and its training set.

    Attributes:
        step: the step that began with it.
        moment: when its labels were read. None if it is trained anew at each step.
    """

    step: int
    moment: Moment | None
    ids: Ids
    labels: list[Any]
    model: Any


@dataclass(frozen=True, eq=False)
class Predicted:
    """What is ranked until the next training: the ids of the rows, their predictions (None if the heuristic needs none), and how
    these are read.
    """

    heuristic: Heuristic
    ids: Ids
    predictions: Any
    reading: Reading


def begun(notes: list[Mapping[str, Any]], step: int, train_every: int) -> tuple[int, Moment] | None:
    """The step that began the cycle of this step, and its moment. None if this step begins one. ``notes``: of steps with a query,
    that of this step included if it has its query."""
    marked = [place for place, note in enumerate(notes[: step + 1]) if TRAINED_AT in note]
    if not marked or step - marked[-1] >= train_every:
        return None
    return marked[-1], Moment(*notes[marked[-1]][TRAINED_AT])


def training_set(ledger: Ledger, query: Query | None, moment: Moment | None) -> tuple[Ids, list[Any]]:
    """Ids and labels for a training, at a moment or now. Labels of the step's own query are left out, even if some are there."""
    if moment is None:
        ids = ledger.labelled
        if query is not None:
            ids = ids[~np.isin(ids, ledger.asked_by(query))]
        return ids, ledger.labels_of(ids)
    labels = ledger.labels_at(moment)
    if query is not None:
        for one in ledger.asked_by(query).tolist():
            labels.pop(one, None)
    return np.array(list(labels), object if ledger.named else np.int64), list(labels.values())


def ids_to_predict(ledger: Ledger, moment: Moment | None, sample: int | None, rng: np.random.Generator) -> Ids:
    """The ids that are ranked until the next training: free ones, and if labels are learned also those that others have asked."""
    if moment is None:
        return ledger.pool if sample is None else ledger.sample_pool(sample, rng)
    ids = ledger.waiting_at(moment)
    if sample is None:
        return ids
    return ids[np.sort(rng.choice(len(ids), min(sample, len(ids)), replace=False))]


def check_reread(predictions: Any, train_every: int) -> None:
    if not can_reread(predictions):
        raise ValueError(
            f"predict: expected predictions that can be read again, as train_every={train_every} ranks them at each query, got an "
            "iterable that can be read only once. Return a list of blocks: list(blocks)."
        )


def call(function: Callable[..., Any], *given: Any, **options: Any) -> Any:
    """Call a user's function with the options for which it has a parameter."""
    names = list(inspect.signature(function).parameters)[len(given) :]
    return function(*given, **{name: value for name, value in options.items() if name in names})
