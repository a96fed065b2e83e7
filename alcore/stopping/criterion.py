"""What a stopping criterion is, and the combinations of criteria: any of several, all of several."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NoReturn, final

from alcore.stopping.history import Past


class Stopping(ABC):
    """A stopping criterion: it says when a run ends. Your own criterion is a frozen dataclass with these two methods.

    ``one | other`` stops when either does, and ``one & other`` when both do. Set a minimum of labels with ``&``:
    ``StablePredictions() & LabelBudget(500)`` does not stop before 500 labels are bought. A criterion is a pure function of the
    history, so that it can be tried on the steps of a run that has ended.

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

    @abstractmethod
    def __call__(self, history: Sequence[Past]) -> str | None:
        """Say why to stop after these steps, in words with the numbers. None means go on. An empty history never stops.

        Args:
            history: the steps so far, the oldest first.

        Raises:
            ValueError: if a step lacks what the criterion reads, from the first step on.
        """

    @abstractmethod
    def room(self, history: Sequence[Past]) -> int | None:
        """How many labels may still be bought. The last query is cut to this size. None means no limit."""

    @final
    def __or__(self, other: object) -> AnyOf:
        return AnyOf((*_criteria_of(self, AnyOf), *_criteria_of(other, AnyOf)))

    @final
    def __and__(self, other: object) -> AllOf:
        return AllOf((*_criteria_of(self, AllOf), *_criteria_of(other, AllOf)))

    @final
    def __ror__(self, other: object) -> NoReturn:
        _refuse_other(other)

    __rand__ = __ror__

    @final
    def __bool__(self) -> NoReturn:
        raise TypeError(
            f"{self!r}: a criterion has no truth value, because `or` and `and` would keep one criterion and drop the other. "
            "Combine criteria with | and &. Compare with `is None`. To evaluate one, call it with the history."
        )


@dataclass(frozen=True)
class _Combined(Stopping, ABC):
    criteria: tuple[Stopping, ...]

    def __post_init__(self) -> None:
        if not self.criteria:
            raise ValueError("criteria: expected at least one stopping criterion, such as LabelBudget(100), got none.")
        for criterion in self.criteria:
            if not isinstance(criterion, Stopping):
                _refuse_other(criterion)


@final
@dataclass(frozen=True)
class AnyOf(_Combined):
    """Stop when any of several criteria does, with the reason of the first that does. Write ``one | other``.

    Its ``room`` is the smallest of theirs.

    Args:
        criteria: a tuple with at least one criterion.

    Raises:
        TypeError: for what is not a criterion.
        ValueError: for an empty tuple.

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
    """Stop when all of several criteria do at the same step, with all their reasons. Write ``one & other``.

    Its ``room`` is the largest of theirs. It has no limit if one of them has none.

    Args:
        criteria: a tuple with at least one criterion.

    Raises:
        TypeError: for what is not a criterion.
        ValueError: for an empty tuple.

    >>> from alcore.stopping import LabelBudget, UncertaintyBelow
    >>> print((LabelBudget(100) & UncertaintyBelow(0.01)).room([]))
    None
    """

    def __call__(self, history: Sequence[Past]) -> str | None:
        reasons = [criterion(history) for criterion in self.criteria]  # all, so that each refuses at the first step
        given = [reason for reason in reasons if reason is not None]
        return " and ".join(given) if len(given) == len(reasons) else None

    def room(self, history: Sequence[Past]) -> int | None:
        rooms = [criterion.room(history) for criterion in self.criteria]
        bounds = [room for room in rooms if room is not None]
        return max(bounds) if len(bounds) == len(rooms) else None


def _criteria_of(criterion: object, kind: type[AnyOf] | type[AllOf]) -> tuple[Stopping, ...]:
    """The criteria of a combination of one kind, so that chains of it stay flat."""
    if isinstance(criterion, kind):
        return criterion.criteria
    return (criterion,) if isinstance(criterion, Stopping) else _refuse_other(criterion)


def _refuse_other(other: object) -> NoReturn:
    raise TypeError(
        f"{other!r}: expected a stopping criterion to combine with, such as LabelBudget(100), got {type(other).__name__}."
    )
