"""When a run ends: the step at which each criterion fires, and at which it just does not."""

from __future__ import annotations

import copy
import math
import operator
import pickle
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
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
    kappa,
)

NAN, INF = math.nan, math.inf


def steps(count: int, **told: Sequence[Any]) -> list[Past]:
    """Steps that buy 10 labels each."""
    return [
        Past(
            step=i,
            labelled=5 + 10 * i,
            bought=10 * (i + 1),
            size=10,
            **{name: values[i] for name, values in told.items()},
        )
        for i in range(count)
    ]


def measured(values: Sequence[float], name: str = "m") -> list[Past]:
    return steps(len(values), metrics=[{name: value} for value in values])


def fires(criterion: Stopping, history: Sequence[Past]) -> int | None:
    """How many steps there are when it first fires."""
    return next((n for n in range(len(history) + 1) if criterion(history[:n]) is not None), None)


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


# --- every criterion --------------------------------------------------------------------------------------------------


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
    with pytest.raises(TypeError, match=r"Combine with \| and &"):
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
        (lambda: LabelBudget(0), ValueError, "labels: expected at least 1"),
        (lambda: LabelBudget(-3), ValueError, "labels: expected at least 1, got -3"),
        (lambda: LabelBudget(True), TypeError, "labels: expected a whole number, got True"),
        (lambda: LabelBudget(2.5), TypeError, "labels: expected a whole number, got 2.5"),
        (lambda: UncertaintyBelow(NAN), ValueError, "threshold: expected a finite number, got nan"),
        (lambda: UncertaintyBelow(INF), ValueError, "threshold: expected a finite number"),
        (lambda: UncertaintyBelow("0.1"), TypeError, "threshold: expected a number"),
        (lambda: UncertaintyBelow(0.1, "median"), ValueError, "statistic: expected 'mean' or 'max', got 'median'"),
        (lambda: NoImprovement("m", 0, direction="max"), ValueError, "steps: expected at least 1"),
        (lambda: NoImprovement("m", True, direction="max"), TypeError, "steps: expected a whole number"),
        (lambda: NoImprovement("m", 3, direction="up"), ValueError, "direction: expected 'max' where higher is better"),
        (lambda: NoImprovement("m", 3), TypeError, "direction"),
        (lambda: NoImprovement("m", 3, direction="max", least=NAN), ValueError, "least: expected a finite number"),
        (
            lambda: NoImprovement("m", 3, direction="max", least=-0.1),
            ValueError,
            "least: expected at least 0, got -0.1",
        ),
        (lambda: NoImprovement(3, 3, direction="max"), TypeError, "metric: expected the name of a metric, got 3"),
        (lambda: StablePredictions(-1), ValueError, "steps: expected at least 1, got -1"),
        (lambda: StablePredictions(0), ValueError, "steps: expected at least 1"),
        (lambda: StablePredictions(3, 0.0), ValueError, "agreement: expected a kappa above 0 and at most 1"),
        (lambda: StablePredictions(3, 99), ValueError, "agreement: expected a kappa above 0 and at most 1, got 99"),
        (lambda: StablePredictions(3, NAN), ValueError, "agreement: expected a finite number"),
        (lambda: StablePredictions(3, True), TypeError, "agreement: expected a number, got True"),
        (lambda: InformationBelow(0.0), ValueError, "floor: expected above 0 nats a label"),
        (lambda: InformationBelow(NAN), ValueError, "floor: expected a finite number"),
        (lambda: AnyOf(()), ValueError, "criteria: expected at least one"),
        (lambda: AllOf((LabelBudget(3), 3)), TypeError, "3: expected a stopping criterion"),
        (lambda: Stopping(), TypeError, "abstract"),
    ],
)
def test_invalid_arguments_are_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


# --- what a step leaves behind ----------------------------------------------------------------------------------------


def past(**told: Any) -> Past:
    return Past(**{"step": 0, "labelled": 5, "bought": 10, "size": 10, **told})


@pytest.mark.parametrize(
    ("told", "error", "says"),
    [
        ({"bought": -1}, ValueError, "bought: expected at least 0, got -1"),
        ({"size": True}, TypeError, "size: expected a whole number, got True"),
        ({"step": 1.0}, TypeError, "step: expected a whole number, got 1.0"),
        ({"metrics": [0.3]}, TypeError, "metrics: expected a mapping of names to numbers, got list"),
        ({"metrics": {3: 0.3}}, TypeError, "metrics: expected names as strings, got 3"),
        ({"metrics": {"m": "0.3"}}, TypeError, r"metrics\['m'\]: expected a number, got '0.3'"),
        ({"metrics": {"m": True}}, TypeError, r"metrics\['m'\]: expected a number, got True"),
        ({"mean_score": NAN}, ValueError, "mean_score: expected a number, or None where there is none, got nan"),
        ({"max_score": "high"}, TypeError, "max_score: expected a number"),
        ({"information": [0.3, 0.4]}, TypeError, "information: expected a number"),
        ({"predicted": [0.3, 0.7]}, TypeError, "predicted: expected classes as whole numbers, got float64"),
        ({"predicted": [True]}, TypeError, "predicted: expected classes as whole numbers, got bool"),
        ({"predicted": 3}, ValueError, r"predicted: expected shape \(N, ...\) with at least one class, got \(\)"),
        ({"predicted": []}, ValueError, r"predicted: expected shape .* got \(0,\)"),
        ({"predicted": np.ma.array([1, 2])}, TypeError, "predicted: expected a plain array of classes, got a masked"),
    ],
)
def test_invalid_steps_are_refused(told: dict[str, Any], error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        past(**told)


def test_a_step_holds_plain_numbers_and_leaves_the_callers_own_writable() -> None:
    metrics, classes = {"m": np.float32(0.5), "loss": NAN}, np.array([1, 2], np.uint8)
    step = past(bought=np.int64(7), metrics=metrics, mean_score=np.float64(0.25), max_score=INF, predicted=classes)
    assert [type(value) for value in (step.bought, step.metrics["m"], step.mean_score)] == [int, float, float]
    metrics["m"], classes[0] = np.float32(0.9), 3
    assert step.metrics["m"] == 0.5
    assert step.predicted is not None
    assert not step.predicted.flags.writeable
    assert pickle.loads(pickle.dumps(step)).metrics["m"] == 0.5


# --- the step at which each fires -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("labels", "stop"), [(1, 1), (10, 1), (11, 2), (20, 2), (29, 3), (30, 3), (31, None)])
def test_a_budget_fires_once_it_is_bought(labels: int, stop: int | None) -> None:
    assert fires(LabelBudget(labels), steps(3)) == stop


def test_a_budget_counts_what_was_bought_and_not_the_labels_there_were() -> None:
    started = [past(labelled=1000, bought=10)]
    assert LabelBudget(11)(started) is None
    assert LabelBudget(10)(started) == "10 labels bought of a budget of 10"


def test_a_budget_has_room_for_the_rest() -> None:
    assert [LabelBudget(25).room(steps(n)) for n in range(4)] == [25, 15, 5, 0]


@pytest.mark.parametrize(
    ("threshold", "statistic", "stop"),
    [(0.3, "mean", 2), (0.2, "mean", 3), (0.1, "mean", None), (0.6, "max", 3), (0.5, "max", None), (9.0, "max", 2)],
)
def test_uncertainty_fires_strictly_below(threshold: float, statistic: Any, stop: int | None) -> None:
    history = steps(3, mean_score=[0.3, 0.2, 0.1], max_score=[INF, 0.6, 0.5])
    assert fires(UncertaintyBelow(threshold, statistic), history) == stop


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_uncertainty_that_rises_does_not_fire(statistic: Any) -> None:
    rising = [0.1, 0.2, 0.4, 0.8]
    assert fires(UncertaintyBelow(0.1, statistic), steps(4, mean_score=rising, max_score=rising)) is None


def test_uncertainty_without_scores_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"mean_score: expected .* at step 0, got none\. .* BALD\(\)"):
        UncertaintyBelow(0.1)(steps(1))
    with pytest.raises(ValueError, match="max_score: expected the max score"):
        UncertaintyBelow(0.1, "max")(steps(1, mean_score=[0.3]))


@pytest.mark.parametrize(
    ("values", "n", "least", "stop"),
    [
        ([0.5, 0.6, 0.7, 0.8], 1, 0.0, None),  # improves
        ([0.8, 0.7, 0.6, 0.5], 1, 0.0, 2),  # worsens
        ([0.8, 0.7, 0.6, 0.5], 3, 0.0, 4),
        ([0.8, 0.7, 0.6], 3, 0.0, None),  # three steps have only two after the best
        ([0.5, 0.5, 0.5], 2, 0.0, 3),  # flat
        ([0.5, 0.5, 0.6, 0.6], 2, 0.0, None),
        ([0.5, 0.5, 0.6, 0.6, 0.6], 2, 0.0, 5),
        ([0.8, 0.5, 0.6, 0.7, 0.8], 2, 0.0, 3),  # recovering is not improving on the best
        ([0.5, 0.75, 1.0], 1, 0.25, 2),  # just least does not count
        ([0.5, 0.76, 1.1], 1, 0.25, None),
        ([0.5, 0.7, 0.9, 1.1], 2, 0.25, None),  # small gains add up within the steps
        ([0.5, NAN, NAN], 2, 0.0, 3),
        ([0.5, NAN, 0.6], 2, 0.0, None),
        ([NAN, NAN, NAN], 2, 0.0, 3),
        ([NAN, NAN, 0.1], 2, 0.0, None),  # a number after NaN alone
        ([NAN, 0.1, 0.1, NAN], 2, 0.0, 4),
        ([-INF, 0.1, 0.2], 1, 0.0, None),
        ([INF, INF], 1, 0.0, 2),
        ([-INF, -INF], 1, 0.0, 2),
    ],
)
def test_no_improvement_fires_in_both_directions(values: list[float], n: int, least: float, stop: int | None) -> None:
    assert fires(NoImprovement("m", n, direction="max", least=least), measured(values)) == stop
    turned = [-value for value in values]
    assert fires(NoImprovement("m", n, direction="min", least=least), measured(turned)) == stop


def test_the_wrong_direction_is_the_opposite() -> None:
    accuracy, loss = measured([0.5, 0.6, 0.7, 0.8]), measured([0.8, 0.7, 0.6, 0.5])
    assert fires(NoImprovement("m", 2, direction="max"), accuracy) is None
    assert fires(NoImprovement("m", 2, direction="min"), accuracy) == 3
    assert fires(NoImprovement("m", 2, direction="min"), loss) is None
    assert fires(NoImprovement("m", 2, direction="max"), loss) == 3


def test_no_improvement_says_the_numbers() -> None:
    stop = NoImprovement("loss", 2, direction="min", least=0.05)
    assert stop(measured([1.0, 0.5, 0.48, NAN], "loss")) == (
        "loss improved by no more than 0.05 in the last 2 steps: 0.48 after 0.5"
    )


def test_a_missing_metric_is_refused_at_the_first_step_with_the_names_there_are() -> None:
    history = steps(1, metrics=[{"nll": 1.0, "accuracy": 0.5}])
    with pytest.raises(ValueError, match=r"metric: expected one of those at step 0 \(accuracy, nll\), got 'acc'"):
        NoImprovement("acc", 5, direction="max")(history)
    with pytest.raises(ValueError, match=r"at step 0 \(none\)"):
        NoImprovement("acc", 5, direction="max")(steps(1))


A, B, C = [0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 1], [1, 0, 0, 2, 1, 0]


@pytest.mark.parametrize(
    ("classes", "n", "agreement", "stop"),
    [
        ([A, A], 1, 1.0, 2),
        ([A, A, A], 3, 0.99, None),  # three pairs take four steps
        ([A, A, A, A], 3, 0.99, 4),
        ([A, A, A, B, B, B], 3, 0.99, None),
        ([A, B], 1, 0.75, 2),  # kappa is exactly 3/4
        ([A, B], 1, 0.7501, None),
        ([A, B, A, B, A], 3, 0.7, 4),
        ([A, C, A, C, A, C], 2, 0.01, None),  # steady disagreement is no agreement
        ([[1] * 4] * 3, 2, 1.0, 3),  # one class alone
        ([[1] * 4, [2] * 4], 1, 0.01, None),
        ([[A, B], [A, B]], 1, 1.0, 2),  # event axes
    ],
)
def test_stable_predictions_fire(classes: list[Any], n: int, agreement: float, stop: int | None) -> None:
    history = steps(len(classes), predicted=classes)
    assert fires(StablePredictions(n, agreement), history) == stop


def test_stable_predictions_refuse_what_they_cannot_compare() -> None:
    with pytest.raises(ValueError, match="predicted: expected the classes predicted at step 0, got none"):
        StablePredictions()(steps(1))
    with pytest.raises(
        ValueError, match=r"expected classes of shape \(6,\) at every step, got \(5,\) at step 1\..*pool"
    ):
        StablePredictions()(steps(2, predicted=[A, A[:5]]))


@pytest.mark.parametrize(("floor", "stop"), [(0.01, None), (0.02, None), (0.021, 3), (0.04, 3), (0.041, 2), (1.0, 1)])
def test_information_fires_strictly_below_a_floor_a_label(floor: float, stop: int | None) -> None:
    assert fires(InformationBelow(floor), steps(3, information=[0.8, 0.4, 0.2])) == stop


def test_information_counts_a_label_and_a_step_without_picks_says_nothing() -> None:
    assert InformationBelow(0.1)([past(size=2, information=0.3)]) is None
    assert InformationBelow(0.1)([past(size=4, information=0.3)]) == "the batch tells 0.075 nats a label, under 0.1"
    assert InformationBelow(0.1)([past(size=0)]) is None


def test_information_that_is_not_told_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"information: expected .* at step 0, got none\. .*BatchBALD\(\)"):
        InformationBelow(0.1)(steps(1))


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
    assert fires(StablePredictions(1), history) == 2
    assert fires(StablePredictions(1) & LabelBudget(40), history) == 4


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


# --- agreement --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, A, 1.0),
        (A, B, 0.75),
        ([0, 1, 0, 1], [1, 0, 1, 0], -1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
        ([3, 3], [3, 3], 1.0),  # 0/0, defined
        ([3, 3], [4, 4], 0.0),
        ([3, 3, 3], [3, 3, 4], 0.0),
        ([7], [7], 1.0),
        ([[0, 0], [1, 1]], [[0, 0], [1, 0]], 0.5),
    ],
)
def test_kappa_of_closed_cases(one: Any, other: Any, expected: float) -> None:
    assert kappa(one, other) == kappa(other, one) == expected


@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 3)), min_size=1, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle")
    one, other = (list(classes) for classes in zip(*pairs, strict=True))
    assume(len({*one, *other}) > 1)  # there scikit-learn has NaN
    assert kappa(one, other) == pytest.approx(metrics.cohen_kappa_score(one, other), abs=1e-12)


def test_kappa_does_not_depend_on_the_format_of_the_classes() -> None:
    for dtype in ("i1", "u1", ">i4", "u8"):
        assert kappa(np.array(A, dtype), np.asfortranarray(B)) == 0.75


def test_kappa_refuses_what_are_no_classes_of_one_set() -> None:
    with pytest.raises(ValueError, match=r"other: expected the shape \(6,\) of one, got \(5,\)"):
        kappa(A, B[:5])
    with pytest.raises(TypeError, match="one: expected classes as whole numbers"):
        kappa([0.5, 0.5], [1, 0])
    with pytest.raises(ValueError, match="other: expected shape"):
        kappa(A, [])
