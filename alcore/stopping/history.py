"""``Past``: the record of one step of active learning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import final

import numpy as np
import numpy.typing as npt

from alcore import door


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Past:
    """The record of one step of active learning. A history is a sequence of these, the oldest first.

    Stopping criteria read it, and `ActiveLearning.history` returns it.

    Attributes:
        step: the number of the step, from 0.
        labelled: how many labels this step's model was trained on.
        bought: how many labels this run has bought by the end of this step. Labels that it started with do not count.
        size: how many picks this step's query has.
        metrics: the metrics of this step's model, by name. NaN if it diverged. Empty at steps that trained none.
        mean_score: the mean score of the pool before this query, in the heuristic's units. None if rows have no scores.
        max_score: the largest score of the pool before this query, in the heuristic's units. None if rows have no scores.
        information: joint information of this step's batch, nats: the last of `Batch.information`. None if there is none.
        predicted: (M, ...) classes that this step's model predicts for a set that stays the same, labelled or not. Read-only.

        trained: whether this step trained a model. False between two trainings, ``ActiveLearning(train_every=5)``. Criteria that
            read metrics or ``predicted`` leave such steps out.

    Raises:
        TypeError: for values that are not numbers.
        ValueError: for negative counts, NaN outside ``metrics``, and ``predicted`` without rows.

    >>> from alcore.stopping import Past
    >>> Past(step=0, labelled=20, bought=10, size=10, metrics={"accuracy": 0.8}).metrics["accuracy"]
    0.8
    """

    step: int
    labelled: int
    bought: int
    size: int
    metrics: Mapping[str, float] = field(default_factory=dict)
    mean_score: float | None = None
    max_score: float | None = None
    information: float | None = None
    predicted: npt.NDArray[np.integer] | None = None
    trained: bool = True

    def __post_init__(self) -> None:
        for name in ("step", "labelled", "bought", "size"):
            object.__setattr__(self, name, door.as_count(getattr(self, name), name))
        object.__setattr__(self, "metrics", door.as_metrics(self.metrics))
        for name in ("mean_score", "max_score", "information"):
            object.__setattr__(self, name, door.as_optional_number(getattr(self, name), name))
        door.as_flag(self.trained, "trained")
        if self.predicted is not None:
            view = door.as_classes(self.predicted, "predicted").view()  # the caller's own array stays writable
            view.setflags(write=False)
            object.__setattr__(self, "predicted", view)
