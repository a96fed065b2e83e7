"""When an active learning run ends: criteria are pure functions of the steps so far, and combine with ``|`` and ``&``.

>>> from alcore import stopping
>>> either = stopping.LabelBudget(100) | stopping.NoImprovement("accuracy", steps=2, direction="max")
>>> steps = [stopping.Past(step=i, labelled=10 + 20 * i, bought=20 * (i + 1), size=20,
...                        metrics={"accuracy": accuracy}) for i, accuracy in enumerate([0.7, 0.9, 0.9, 0.8])]
>>> either(steps[:3])
>>> either(steps)
'accuracy improved by no more than 0 in the last 2 steps: 0.9 after 0.9'
>>> either.room(steps)
20
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NoReturn, final

import numpy as np
import numpy.typing as npt

from alcore import door

__all__ = [
    "AllOf",
    "AnyOf",
    "InformationBelow",
    "LabelBudget",
    "NoImprovement",
    "Past",
    "StablePredictions",
    "Stopping",
    "UncertaintyBelow",
    "kappa",
]


@final
@dataclass(frozen=True, eq=False, kw_only=True)
class Past:
    """What one step of active learning leaves behind; a history is a sequence of these, the oldest first.

    Attributes:
        step: the number of the step.
        labelled: labels that this step's model was trained on.
        bought: labels that this run has bought by the end of this step; those it started with are not counted.
        size: picks in this step's query.
        metrics: of this step's model, by name; NaN where it diverged.
        mean_score: mean score of the pool before this query, in the heuristic's units; None where rows have no score.
        max_score: the largest score of the pool before this query; None where rows have no score.
        information: joint information of this step's batch, nats: the last of `Batch.information`; None where it is not told.
        predicted: (N, ...) classes that this step's model predicts for a set that stays the same, labelled or not; read-only.

    Raises: TypeError for what is no number; ValueError for negative counts, NaN outside metrics and ``predicted`` without rows.

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

    def __post_init__(self) -> None:
        for name in ("step", "labelled", "bought", "size"):
            object.__setattr__(self, name, door.as_count(getattr(self, name), name))
        object.__setattr__(self, "metrics", door.as_metrics(self.metrics))
        for name in ("mean_score", "max_score", "information"):
            object.__setattr__(self, name, door.as_optional_number(getattr(self, name), name))
        if self.predicted is not None:
            view = door.as_classes(self.predicted, "predicted").view()  # the caller's own array stays writable
            view.setflags(write=False)
            object.__setattr__(self, "predicted", view)


class Stopping(ABC):
    """When to stop. A criterion of your own is a frozen dataclass with these two methods.

    ``one | other`` stops when either does, ``one & other`` when both do. A minimum is an ``&``:
    ``StablePredictions() & LabelBudget(500)`` does not stop before 500 labels are bought.
    """

    @abstractmethod
    def __call__(self, history: Sequence[Past]) -> str | None:
        """Why to stop after these steps, in words with the numbers; None to go on. An empty history never stops.

        Raises: ValueError where the history lacks what the criterion reads, from the first step on.
        """

    @abstractmethod
    def room(self, history: Sequence[Past]) -> int | None:
        """How many labels may still be bought, so that a last query can be cut to it; None without a bound."""

    @final
    def __or__(self, other: object) -> AnyOf:
        return AnyOf((*_members(self, AnyOf), *_members(other, AnyOf)))

    @final
    def __and__(self, other: object) -> AllOf:
        return AllOf((*_members(self, AllOf), *_members(other, AllOf)))

    @final
    def __ror__(self, other: object) -> NoReturn:
        _refuse(other)

    __rand__ = __ror__

    @final
    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r}: has no truth value; `or` and `and` would take one criterion and drop the other. "
            "Combine with | and &, ask `is None`, or call it with the history."
        )


# --- criteria ---------------------------------------------------------------------------------------------------------


@final
@dataclass(frozen=True)
class LabelBudget(Stopping):
    """Stop once this run has bought so many labels: ``bought ≥ labels``; those it started with are not counted.

    Args:
        labels: at least 1.

    Raises: TypeError or ValueError for another number.

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
    """Stop once the pool's mean or largest score is under a threshold: nothing there is worth a label any more.

    The overall-uncertainty and max-uncertainty criteria of Zhu, Wang and Hovy (Coling 2008, C08-1142).

    Args:
        threshold: finite, in the heuristic's units (nats for entropies and information). Scores that cannot be negative are
            never under 0.
        statistic: "mean" or "max" of the pool's scores before the query.

    Raises: TypeError or ValueError for another number or statistic; called, ValueError where a step has no scores.

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
                f"{self.statistic}_score: expected the {self.statistic} score of the pool at step {last.step}, got none. Ask with "
                "a heuristic that scores rows, such as BALD(); for a joint one take InformationBelow."
            )
        if score >= self.threshold:
            return None
        return f"the {self.statistic} score of the pool is {score:.6g}, under {self.threshold:g}"


@final
@dataclass(frozen=True)
class NoImprovement(_Unbounded):
    """Stop once a metric has not improved by more than ``least`` in n steps over its best before them.

    With direction "max" and metric m: max(m of the last n steps) ≤ max(m before) + least; with "min": min(m of the last n
    steps) ≥ min(m before) − least. Gains within the n steps add up. NaN is never an improvement; a number after nothing but
    NaN is.

    Args:
        metric: its name in `Past.metrics`.
        steps: n, at least 1; it takes n + 1 steps to stop.
        direction: "max" where higher is better (accuracy), "min" where lower is (loss). There is no default.
        least: finite, at least 0, in the metric's units.

    Raises: TypeError or ValueError for other arguments; called, ValueError where a step lacks the metric.

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
                f"direction: expected 'max' where higher is better or 'min' where lower is, got {self.direction!r}."
            )
        if door.as_finite(self.least, "least") < 0:
            raise ValueError(f"least: expected at least 0, got {self.least}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        values = [self._read(past) for past in history]
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
        known = ", ".join(sorted(past.metrics)) or "none"
        raise ValueError(f"metric: expected one of those at step {past.step} ({known}), got {self.metric!r}.")

    def _best(self, values: Sequence[float]) -> float:
        """The best of the numbers, NaN where there are none."""
        best = max if self.direction == "max" else min
        return best((value for value in values if not math.isnan(value)), default=math.nan)


@final
@dataclass(frozen=True)
class StablePredictions(_Unbounded):
    """Stop once models of successive steps predict alike: κ ≥ agreement for each of the last n pairs of neighbours.

    κ is Cohen's, see `kappa`, of the classes predicted for one set that stays the same; it takes no labels. Bloodgood and
    Vijay-Shanker (CoNLL 2009, arXiv:1409.5165); two models with κ ≥ a > 0 differ by at most 4(1 − a)/a in F-measure
    (arXiv:1504.06329), 0.04 for a = 0.99. Models that all predict one class agree too: where the first may, set a minimum,
    ``StablePredictions() & LabelBudget(200)``.

    Args:
        steps: n, at least 1; it takes n + 1 steps to stop.
        agreement: above 0 and at most 1, no unit.

    Raises: TypeError or ValueError for other arguments; called, ValueError where a step has no predicted classes, or those
    of another number of rows. Cost O(n·N log N) for N predicted classes.

    >>> from alcore.stopping import Past, StablePredictions
    >>> classes = [[0, 1, 2, 2], [0, 1, 1, 2], [0, 1, 1, 2], [0, 1, 1, 2]]
    >>> steps = [Past(step=i, labelled=i, bought=i, size=1, predicted=row) for i, row in enumerate(classes)]
    >>> StablePredictions(steps=2)(steps[:3])
    >>> StablePredictions(steps=2)(steps)
    'predictions are stable: kappa of the last 2 pairs of steps at least 1, with 0.99 asked'
    """

    steps: int = 3
    agreement: float = 0.99

    def __post_init__(self) -> None:
        door.as_size(self.steps, "steps")
        if not 0 < door.as_finite(self.agreement, "agreement") <= 1:
            raise ValueError(f"agreement: expected a kappa above 0 and at most 1, got {self.agreement}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        predicted = [self._read(past) for past in history]
        for past, classes in zip(history[1:], predicted[1:], strict=True):
            if classes.shape != predicted[0].shape:
                raise ValueError(
                    f"predicted: expected classes of shape {predicted[0].shape} at every step, got {classes.shape} at step "
                    f"{past.step}. Predict a set that stays the same, not the pool that shrinks."
                )
        if len(predicted) <= self.steps:
            return None
        pairs = zip(predicted[-self.steps - 1 :], predicted[-self.steps :], strict=False)
        lowest = min(_agree(one, other) for one, other in pairs)
        if lowest < self.agreement:
            return None
        return (
            f"predictions are stable: kappa of the last {self.steps} pairs of steps at least {lowest:.6g}, "
            f"with {self.agreement:g} asked"
        )

    @staticmethod
    def _read(past: Past) -> npt.NDArray[np.integer]:
        if past.predicted is None:
            raise ValueError(
                f"predicted: expected the classes predicted at step {past.step}, got none. Have each step's model predict a "
                "set that stays the same: the whole data set, or a part of it that is set aside."
            )
        return past.predicted


@final
@dataclass(frozen=True)
class InformationBelow(_Unbounded):
    """Stop once a batch tells less than a floor: information / size < floor, in nats a label.

    Joint information is at most log T of T draws, so a larger batch tells less a label: choose the floor for the query size.
    A step without picks does not stop.

    Args:
        floor: finite, above 0, nats a label.

    Raises: TypeError or ValueError for another number; called, ValueError where a step's batch does not tell.

    >>> from alcore.stopping import InformationBelow, Past
    >>> InformationBelow(0.05)([Past(step=0, labelled=5, bought=10, size=10, information=0.4)])
    'the batch tells 0.04 nats a label, under 0.05'
    """

    floor: float

    def __post_init__(self) -> None:
        if door.as_finite(self.floor, "floor") <= 0:
            raise ValueError(f"floor: expected above 0 nats a label, which no batch tells less than, got {self.floor}.")

    def __call__(self, history: Sequence[Past]) -> str | None:
        if not history or history[-1].size == 0:
            return None
        last = history[-1]
        if last.information is None:
            raise ValueError(
                f"information: expected the joint information of the batch at step {last.step}, got none. Ask with a heuristic "
                "that tells it, BatchBALD() or BatchEPIG(targets); for one that scores rows take UncertaintyBelow."
            )
        told = last.information / last.size
        return None if told >= self.floor else f"the batch tells {told:.6g} nats a label, under {self.floor:g}"


# --- combinations -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Combined(Stopping, ABC):
    criteria: tuple[Stopping, ...]

    def __post_init__(self) -> None:
        if not self.criteria:
            raise ValueError("criteria: expected at least one stopping criterion, got none.")
        for criterion in self.criteria:
            if not isinstance(criterion, Stopping):
                _refuse(criterion)


@final
@dataclass(frozen=True)
class AnyOf(_Combined):
    """Stop when any criterion does, for the reason of the first that does; written ``one | other``.

    Its room is the smallest of theirs.

    >>> from alcore.stopping import LabelBudget, UncertaintyBelow
    >>> (LabelBudget(100) | UncertaintyBelow(0.01)).room([])
    100
    """

    def __call__(self, history: Sequence[Past]) -> str | None:
        for criterion in self.criteria:
            reason = criterion(history)
            if reason is not None:
                return reason
        return None

    def room(self, history: Sequence[Past]) -> int | None:
        rooms = [criterion.room(history) for criterion in self.criteria]
        return min((room for room in rooms if room is not None), default=None)


@final
@dataclass(frozen=True)
class AllOf(_Combined):
    """Stop when all criteria do at the same step, for all their reasons; written ``one & other``.

    Its room is the largest of theirs, without a bound where one has none.

    >>> from alcore.stopping import LabelBudget, UncertaintyBelow
    >>> print((LabelBudget(100) & UncertaintyBelow(0.01)).room([]))
    None
    """

    def __call__(self, history: Sequence[Past]) -> str | None:
        reasons = [criterion(history) for criterion in self.criteria]  # all, so that each refuses at the first step
        told = [reason for reason in reasons if reason is not None]
        return " and ".join(told) if len(told) == len(reasons) else None

    def room(self, history: Sequence[Past]) -> int | None:
        rooms = [criterion.room(history) for criterion in self.criteria]
        bounds = [room for room in rooms if room is not None]
        return max(bounds) if len(bounds) == len(rooms) else None


def _members(criterion: object, kind: type[AnyOf] | type[AllOf]) -> tuple[Stopping, ...]:
    """The criteria of a combination of one kind, so that chains of it stay flat."""
    if isinstance(criterion, kind):
        return criterion.criteria
    return (criterion,) if isinstance(criterion, Stopping) else _refuse(criterion)


def _refuse(other: object) -> NoReturn:
    raise TypeError(
        f"{other!r}: expected a stopping criterion to combine with, such as LabelBudget(100), got {type(other).__name__}."
    )


# --- agreement --------------------------------------------------------------------------------------------------------


def kappa(one: npt.ArrayLike, other: npt.ArrayLike) -> float:
    """Cohen's κ = (p_o − p_e) / (1 − p_e): how far two predictions agree beyond chance.

    p_o is the share of entries where they agree, p_e = Σ_c a_c·b_c the share expected of independent predictions with the
    same shares of classes. Where both predict one and the same class alone, 0/0, it is defined as 1: they agree everywhere.

    Args:
        one, other: (N, ...) classes as whole numbers, of equal shape, at least one.

    Returns: float, −1 … 1, no unit; 0 for agreement by chance. Cost O(N log N).
    Raises: TypeError for what are no whole numbers; ValueError for different shapes or no entries.

    >>> from alcore.stopping import kappa
    >>> kappa([0, 0, 1, 1], [0, 0, 1, 0]), kappa([3, 3], [3, 3])
    (0.5, 1.0)
    """
    first, second = door.as_classes(one, "one"), door.as_classes(other, "other")
    if first.shape != second.shape:
        raise ValueError(f"other: expected the shape {first.shape} of one, got {second.shape}.")
    return _agree(first, second)


def _agree(one: npt.NDArray[np.integer], other: npt.NDArray[np.integer]) -> float:
    classes, places = np.unique(np.concatenate((one, other), axis=None), return_inverse=True)
    first, second = np.split(places, 2)
    counts = [np.bincount(part, minlength=len(classes)) for part in (first, second)]
    # whole numbers up to the one division, so that κ compares with a threshold as the fraction it is
    agreed = one.size * int(np.count_nonzero(first == second))
    chance = int(counts[0] @ counts[1])
    return 1.0 if chance == one.size**2 else (agreed - chance) / (one.size**2 - chance)
