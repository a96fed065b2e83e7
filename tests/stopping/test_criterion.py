"""What holds for every criterion, and for combinations of any: frozen values, refusals, reasons and room."""

from __future__ import annotations

import copy
import operator
import pickle
from collections.abc import Callable
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore.stopping import (
    AllOf,
    AnyOf,
    InformationBelow,
    LabelBudget,
    NoImprovement,
    Past,
    StablePredictions,
    Stopping,
    UncertaintyBelow,
)
from tests.stopping.histories import A, steps, steps_to_stop

CRITERIA = [
    LabelBudget(25),
    UncertaintyBelow(0.05),
    UncertaintyBelow(0.05, "max"),
    NoImprovement("m", 1, direction="max"),
    NoImprovement("m", 1, direction="min", least=0.5),
    StablePredictions(),
    InformationBelow(0.1),
]
each_criterion = pytest.mark.parametrize("criterion", CRITERIA, ids=repr)


@each_criterion
def test_an_empty_history_does_not_stop(criterion: Stopping) -> None:
    assert criterion([]) is None
    assert (criterion | LabelBudget(1))(()) is None
    assert (criterion & criterion)(()) is None


@each_criterion
def test_criteria_are_frozen_values(criterion: Stopping) -> None:
    assert copy.deepcopy(criterion) == criterion
    assert pickle.loads(pickle.dumps(criterion)) == criterion
    assert hash(criterion) == hash(copy.copy(criterion))
    with pytest.raises(AttributeError):
        criterion.labels = 3  # type: ignore[attr-defined]


@each_criterion
def test_or_and_and_are_refused(criterion: Stopping) -> None:
    with pytest.raises(TypeError, match=r"Combine criteria with \| and &"):
        criterion or LabelBudget(3)
    with pytest.raises(TypeError, match="no truth value"):
        criterion and LabelBudget(3)


@each_criterion
@pytest.mark.parametrize("other", [3, None, LabelBudget, "LabelBudget(3)", lambda history: None])
@pytest.mark.parametrize("combine", [operator.or_, operator.and_])
def test_only_criteria_combine(criterion: Stopping, other: Any, combine: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match=r"expected a stopping criterion to combine with, such as LabelBudget\(100\)"):
        combine(criterion, other)
    if not isinstance(other, type):  # type | instance asks for a union of types first, and is refused there
        with pytest.raises(TypeError, match="expected a stopping criterion to combine with"):
            combine(other, criterion)


@pytest.mark.parametrize(
    ("make", "error", "says"),
    [
        (lambda: AnyOf(()), ValueError, "criteria: expected at least one"),
        (lambda: AllOf((LabelBudget(3), 3)), TypeError, "3: expected a stopping criterion"),
        (lambda: Stopping(), TypeError, "abstract"),
    ],
)
def test_what_is_no_criterion_or_combination_is_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


# --- combinations -----------------------------------------------------------------------------------------------------


def test_reasons_of_combinations() -> None:
    history = steps(3, mean_score=[0.3, 0.2, 0.1])
    budget, certain = LabelBudget(30), UncertaintyBelow(0.15)
    labels, score = "30 labels bought of a budget of 30", "the mean score of the pool is 0.1, under 0.15"
    assert (budget | certain)(history) == labels
    assert (certain | budget)(history) == score
    assert (budget & certain)(history) == f"{labels} and {score}"
    assert (budget & certain)(history[:2]) is None
    assert (LabelBudget(99) | certain)(history) == score
    assert (LabelBudget(99) & certain)(history) is None


def test_an_and_is_a_minimum() -> None:
    history = steps(5, predicted=[A] * 5)
    assert steps_to_stop(StablePredictions(1), history) == 2
    assert steps_to_stop(StablePredictions(1) & LabelBudget(40), history) == 4


def test_both_sides_of_an_and_refuse_at_the_first_step() -> None:
    with pytest.raises(ValueError, match="metric: expected"):
        (LabelBudget(99) & NoImprovement("m", 3, direction="max"))(steps(1))


def test_chains_stay_flat_and_as_long_as_one_likes() -> None:
    one, two, three = LabelBudget(1), LabelBudget(2), LabelBudget(3)
    assert (one | two) | three == one | (two | three) == AnyOf((one, two, three))
    assert (one & two) & three == one & (two & three) == AllOf((one, two, three))
    assert one | two & three == AnyOf((one, AllOf((two, three))))
    chain = reduce(operator.or_, (LabelBudget(n) for n in range(1100, 20, -1)))
    assert chain(steps(3)) == "30 labels bought of a budget of 30"
    nested: Stopping = one
    for _ in range(100):
        nested = (nested | two) & three
    assert nested(steps(1)) is not None


def test_room_is_the_smallest_of_any_and_the_largest_of_all() -> None:
    small, large, none = LabelBudget(10), LabelBudget(20), UncertaintyBelow(0.1)
    assert none.room([]) is None
    assert [(small | large).room([]), (small & large).room([])] == [10, 20]
    assert [(small | none).room([]), (small & none).room([])] == [10, None]
    assert (none | none).room([]) is None
    assert ((small & large) | (none & small)).room(steps(1)) == 10


budgets = st.integers(1, 60).map(LabelBudget)
thresholds = st.sampled_from([0.1, 0.3, 0.5]).map(UncertaintyBelow)


def combinations(leaves: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.recursive(
        leaves,
        lambda inner: st.builds(lambda sign, one, other: sign(one, other), st.sampled_from(SIGNS), inner, inner),
        max_leaves=8,
    )


SIGNS = [operator.or_, operator.and_]
runs = st.lists(st.tuples(st.integers(0, 20), st.sampled_from([0.0, 0.1, 0.2, 0.4, 0.6])), max_size=6).map(
    lambda run: [
        Past(step=i, labelled=i, bought=sum(size for size, _ in run[: i + 1]), size=size, mean_score=score)
        for i, (size, score) in enumerate(run)
    ]
)


@given(st.lists(combinations(budgets | thresholds), min_size=1, max_size=4), runs)
def test_or_is_any_and_and_is_all(criteria: list[Stopping], history: list[Past]) -> None:
    fired = [criterion(history) is not None for criterion in criteria]
    assert (reduce(operator.or_, criteria)(history) is not None) == any(fired)
    assert (reduce(operator.and_, criteria)(history) is not None) == all(fired)


@given(combinations(budgets | thresholds), runs)
def test_the_history_is_only_read(criterion: Stopping, history: list[Past]) -> None:
    before = tuple(history)
    assert criterion(history) == criterion(before)
    assert criterion.room(history) == criterion.room(before)
    assert all(one is other for one, other in zip(history, before, strict=True))


@given(combinations(budgets), runs)
def test_budgets_stop_for_good_and_exactly_where_no_room_is_left(budget: Stopping, history: list[Past]) -> None:
    fired = [budget(history[:n]) is not None for n in range(len(history) + 1)]
    assert fired == sorted(fired)
    assert fired[1:] == [budget.room(history[:n]) == 0 for n in range(1, len(history) + 1)]


@given(combinations(budgets), st.integers(1, 30))
def test_queries_cut_to_the_room_meet_the_budget(budget: Stopping, size: int) -> None:
    history: list[Past] = []
    bought, allowed = 0, budget.room([])
    while budget(history) is None:
        room = budget.room(history)
        assert room is not None
        bought += min(size, room)
        history.append(Past(step=len(history), labelled=0, bought=bought, size=min(size, room)))
    assert bought == allowed
