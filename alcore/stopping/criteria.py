"""The criteria: a budget of labels, uncertainty, improvement, agreement of models, information."""

from __future__ import annotations

import math
from abc import ABC
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, final

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.stopping.agreement import cohen_kappa
from alcore.stopping.criterion import Stopping
from alcore.stopping.history import Past


@final
@dataclass(frozen=True)
class LabelBudget(Stopping):
    """Stop when this run has bought a number of labels: bought ≥ labels. Labels that it started with do not count.

    Args:
        labels: the budget, a whole number of at least 1.

    Raises:
        TypeError: if ``labels`` is not a whole number.
        ValueError: if ``labels`` is under 1.

    Cost O(1).

    >>> from alcore.stopping import LabelBudget, Past
    >>> budget = LabelBudget(25)
    >>> steps = [Past(step=i, labelled=5 + 10 * i, bought=10 * (i + 1), size=10) for i in range(3)]
    >>> budget(steps[:2]), budget.room(steps[:2])
    (None, 5)
    >>> budget(steps)
    '30 labels bought of a budget of 25'
    """

    labels: int

    def __post_init__(self) -> None:
        door.as_size(self.labels, "labels")

    def __call__(self, history: Sequence[Past]) -> str | None:
        if not history or self.room(history) != 0:
            return None
        return f"{history[-1].bought} labels bought of a budget of {self.labels}"

    def room(self, history: Sequence[Past]) -> int:
        return max(0, self.labels - (history[-1].bought if history else 0))


class _Unbounded(Stopping, ABC):
    """A criterion that sets no bound to the labels."""

    @final
    def room(self, history: Sequence[Past]) -> None:
        return None


@final
@dataclass(frozen=True)
class UncertaintyBelow(_Unbounded):
    """Stop when the mean or the largest score of the pool is under a threshold: no row is worth a label any more.

    These are the overall-uncertainty and max-uncertainty criteria of Zhu, Wang and Hovy (Coling 2008, C08-1142).

    Args:
        threshold: finite, in the heuristic's units (nats for entropies and information). Scores that cannot be negative are
            never under 0.
        statistic: "mean" or "max" of the pool's scores before the query.

    Raises:
        TypeError: if ``threshold`` is not a number.
        ValueError: for a threshold that is not finite, and another statistic. Also when it is called with a step that has no
            scores.

    Cost O(1).

    >>> from alcore.stopping import Past, UncertaintyBelow
    >>> step = Past(step=0, labelled=5, bought=10, size=10, mean_score=0.04, max_score=0.6)
    >>> UncertaintyBelow(0.05)([step])
    'the mean score of the pool is 0.04, under 0.05'
    >>> UncertaintyBelow(0.05, "max")([step])
    """

    threshold: float
    statistic: Literal["mean", "max"] = "mean"

    def __post_init__(self) -> None:
        door.as_finite(self.threshold, "threshold")
        if self.statistic not in ("mean", "max"):
            raise ValueError(f"statistic: expected 'mean' or 'max', got {self.statistic!r}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        if not history:
            return None
        last = history[-1]
        score = last.mean_score if self.statistic == "mean" else last.max_score
        if score is None:
            raise ValueError(
                f"{self.statistic}_score: expected the {self.statistic} score of the pool at step {last.step}, got none. Use a "
                "heuristic that scores rows, such as BALD(). For a joint heuristic use InformationBelow."
            )
        if score >= self.threshold:
            return None
        return f"the {self.statistic} score of the pool is {score:.6g}, under {self.threshold:g}"


@final
@dataclass(frozen=True)
class NoImprovement(_Unbounded):
    """Stop when the best of a metric in the last n steps is not better by more than ``least`` than its best before them.

    For direction "max" and metric m: max(m of the last n steps) ≤ max(m before) + least. For "min": min(m of the last n steps)
    ≥ min(m before) − least. Small gains within the n steps add up. NaN is never an improvement. A number is an improvement if
    all values before are NaN.

    Args:
        metric: the name of the metric in `Past.metrics`.
        steps: n, at least 1. A run needs n + 1 steps before it can stop.
        direction: "max" if higher is better (accuracy), "min" if lower is better (loss). There is no default.
        least: the smallest gain that counts, finite and at least 0, in the metric's units.

    Raises:
        TypeError: for arguments of another type.
        ValueError: for numbers out of range, and another direction. Also when it is called with a step that lacks the metric.

    Cost O(steps so far).

    >>> from alcore.stopping import NoImprovement, Past
    >>> losses = [1.0, 0.5, 0.6, 0.7]
    >>> steps = [Past(step=i, labelled=i, bought=i, size=1, metrics={"loss": loss}) for i, loss in enumerate(losses)]
    >>> NoImprovement("loss", steps=2, direction="min")(steps)
    'loss improved by no more than 0 in the last 2 steps: 0.6 after 0.5'
    """

    metric: str
    steps: int
    direction: Literal["max", "min"] = field(kw_only=True)
    least: float = field(default=0.0, kw_only=True)

    def __post_init__(self) -> None:
        if not isinstance(self.metric, str):
            raise TypeError(f"metric: expected the name of a metric, got {self.metric!r}.")
        door.as_size(self.steps, "steps")
        if self.direction not in ("max", "min"):
            raise ValueError(
                f"direction: expected 'max' if higher is better or 'min' if lower is better, got {self.direction!r}."
            )
        if door.as_finite(self.least, "least") < 0:
            raise ValueError(f"least: expected at least 0, got {self.least}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        values = [self._read(past) for past in history if past.trained]
        if len(values) <= self.steps:
            return None
        before, after = self._best(values[: -self.steps]), self._best(values[-self.steps :])
        higher, lower = (after, before) if self.direction == "max" else (-after, -before)
        if higher > lower + self.least or (math.isnan(before) and not math.isnan(after)):
            return None
        return (
            f"{self.metric} improved by no more than {self.least:g} in the last {self.steps} steps: "
            f"{after:.6g} after {before:.6g}"
        )

    def _read(self, past: Past) -> float:
        if self.metric in past.metrics:
            return past.metrics[self.metric]
        names = ", ".join(sorted(past.metrics)) or "none"
        raise ValueError(f"metric: expected one of the metrics of step {past.step} ({names}), got {self.metric!r}.")

    def _best(self, values: Sequence[float]) -> float:
        """The best of the numbers. NaN if there are none."""
        best = max if self.direction == "max" else min
        return best((value for value in values if not math.isnan(value)), default=math.nan)


@final
@dataclass(frozen=True)
class StablePredictions(_Unbounded):
    """Stop when the models of successive steps predict alike: κ ≥ agreement for each of the last n pairs of successive steps.

    κ is Cohen's (see `kappa`), of the classes that the two models predict for one set that stays the same. The set needs no labels.
    Bloodgood and Vijay-Shanker (CoNLL 2009, arXiv:1409.5165). Two models with κ ≥ a > 0 differ by at most 4(1 − a)/a in F-measure
    (arXiv:1504.06329), which is 0.04 for a = 0.99. Models that predict only one class agree too. If your first models may do
    this, set a minimum of labels: ``StablePredictions() & LabelBudget(200)``.

    Args:
        steps: n, at least 1. A run needs n + 1 steps before it can stop.
        agreement: the threshold of κ, above 0 and at most 1, no unit.

    Raises:
        TypeError: for arguments of another type.
        ValueError: for numbers out of range. Also when it is called with a step that has no predicted classes, or classes of
            another number of rows.

    Cost O(n·M log M) for M predicted classes.

    >>> from alcore.stopping import Past, StablePredictions
    >>> classes = [[0, 1, 2, 2], [0, 1, 1, 2], [0, 1, 1, 2], [0, 1, 1, 2]]
    >>> steps = [Past(step=i, labelled=i, bought=i, size=1, predicted=row) for i, row in enumerate(classes)]
    >>> StablePredictions(steps=2)(steps[:3])
    >>> StablePredictions(steps=2)(steps)
    'predictions are stable: kappa of the last 2 pairs of steps is at least 1, the threshold is 0.99'
    """

    steps: int = 3
    agreement: float = 0.99

    def __post_init__(self) -> None:
        door.as_size(self.steps, "steps")
        if not 0 < door.as_finite(self.agreement, "agreement") <= 1:
            raise ValueError(f"agreement: expected a kappa above 0 and at most 1, got {self.agreement}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        history = [past for past in history if past.trained]
        predicted = [self._read(past) for past in history]
        for past, classes in zip(history[1:], predicted[1:], strict=True):
            if classes.shape != predicted[0].shape:
                raise ValueError(
                    f"predicted: expected classes of shape {predicted[0].shape} at every step, got {classes.shape} at step "
                    f"{past.step}. Predict a set that stays the same. The pool does not: it shrinks."
                )
        if len(predicted) <= self.steps:
            return None
        pairs = zip(predicted[-self.steps - 1 :], predicted[-self.steps :], strict=False)
        lowest = min(cohen_kappa(one, other) for one, other in pairs)
        if lowest < self.agreement:
            return None
        return (
            f"predictions are stable: kappa of the last {self.steps} pairs of steps is at least {lowest:.6g}, "
            f"the threshold is {self.agreement:g}"
        )

    @staticmethod
    def _read(past: Past) -> npt.NDArray[np.integer]:
        if past.predicted is None:
            raise ValueError(
                f"predicted: expected the classes predicted at step {past.step}, got none. Pass "
                "ActiveLearning(predicted=lambda model: classes) with the classes of a set that stays the same."
            )
        return past.predicted


@final
@dataclass(frozen=True)
class InformationBelow(_Unbounded):
    """Stop when a batch has less information per label than a floor: information / size < floor, in nats per label.

    The joint information that T draws can show is at most ln T nats. So a larger batch has less per label: choose the floor for
    the query size. A step without picks does not stop.

    Args:
        floor: finite, above 0, nats per label.

    Raises:
        TypeError: if ``floor`` is not a number.
        ValueError: if ``floor`` is not finite or not above 0. Also when it is called with a step that has no information.

    Cost O(1).

    >>> from alcore.stopping import InformationBelow, Past
    >>> InformationBelow(0.05)([Past(step=0, labelled=5, bought=10, size=10, information=0.4)])
    'the batch has 0.04 nats of information per label, under 0.05'
    """

    floor: float

    def __post_init__(self) -> None:
        if door.as_finite(self.floor, "floor") <= 0:
            raise ValueError(
                f"floor: expected a number above 0, in nats per label, got {self.floor}. No batch has less than 0."
            )

    def __call__(self, history: Sequence[Past]) -> str | None:
        if not history or history[-1].size == 0:
            return None
        last = history[-1]
        if last.information is None:
            raise ValueError(
                f"information: expected the joint information of the batch at step {last.step}, got none. Use a heuristic "
                "that reports it, BatchBALD() or BatchEPIG(targets). For a heuristic that scores rows use UncertaintyBelow."
            )
        nats = last.information / last.size
        return (
            None
            if nats >= self.floor
            else (f"the batch has {nats:.6g} nats of information per label, under {self.floor:g}")
        )
