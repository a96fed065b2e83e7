"""Each criterion stops at the step where its rule first holds, not one earlier, and refuses what it cannot read."""

from __future__ import annotations

from typing import Any

import pytest

from alcore.stopping import (
    InformationBelow,
    LabelBudget,
    NoImprovement,
    StablePredictions,
    UncertaintyBelow,
)
from tests.stopping.histories import INF, NAN, A, B, C, one_step, steps, steps_to_stop, with_metric


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
        (lambda: NoImprovement("m", 3, direction="up"), ValueError, "direction: expected 'max' if higher is better"),
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
        (lambda: InformationBelow(0.0), ValueError, "floor: expected a number above 0, in nats per label"),
        (lambda: InformationBelow(NAN), ValueError, "floor: expected a finite number"),
    ],
)
def test_invalid_arguments_are_refused(make: Any, error: type[Exception], says: str) -> None:
    with pytest.raises(error, match=says):
        make()


@pytest.mark.parametrize(("labels", "stop"), [(1, 1), (10, 1), (11, 2), (20, 2), (29, 3), (30, 3), (31, None)])
def test_a_budget_fires_once_it_is_bought(labels: int, stop: int | None) -> None:
    assert steps_to_stop(LabelBudget(labels), steps(3)) == stop


def test_a_budget_counts_what_was_bought_and_not_the_labels_there_were() -> None:
    started = [one_step(labelled=1000, bought=10)]
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
    assert steps_to_stop(UncertaintyBelow(threshold, statistic), history) == stop


@pytest.mark.parametrize("statistic", ["mean", "max"])
def test_uncertainty_that_rises_does_not_fire(statistic: Any) -> None:
    rising = [0.1, 0.2, 0.4, 0.8]
    assert steps_to_stop(UncertaintyBelow(0.1, statistic), steps(4, mean_score=rising, max_score=rising)) is None


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
    assert steps_to_stop(NoImprovement("m", n, direction="max", least=least), with_metric(values)) == stop
    turned = [-value for value in values]
    assert steps_to_stop(NoImprovement("m", n, direction="min", least=least), with_metric(turned)) == stop


def test_the_wrong_direction_is_the_opposite() -> None:
    accuracy, loss = with_metric([0.5, 0.6, 0.7, 0.8]), with_metric([0.8, 0.7, 0.6, 0.5])
    assert steps_to_stop(NoImprovement("m", 2, direction="max"), accuracy) is None
    assert steps_to_stop(NoImprovement("m", 2, direction="min"), accuracy) == 3
    assert steps_to_stop(NoImprovement("m", 2, direction="min"), loss) is None
    assert steps_to_stop(NoImprovement("m", 2, direction="max"), loss) == 3


def test_no_improvement_says_the_numbers() -> None:
    stop = NoImprovement("loss", 2, direction="min", least=0.05)
    assert stop(with_metric([1.0, 0.5, 0.48, NAN], "loss")) == (
        "loss improved by no more than 0.05 in the last 2 steps: 0.48 after 0.5"
    )


def test_a_missing_metric_is_refused_at_the_first_step_with_the_names_there_are() -> None:
    history = steps(1, metrics=[{"nll": 1.0, "accuracy": 0.5}])
    with pytest.raises(ValueError, match=r"metric: expected one of the metrics of step 0 \(accuracy, nll\), got 'acc'"):
        NoImprovement("acc", 5, direction="max")(history)
    with pytest.raises(ValueError, match=r"of step 0 \(none\)"):
        NoImprovement("acc", 5, direction="max")(steps(1))


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
    assert steps_to_stop(StablePredictions(n, agreement), history) == stop


def test_stable_predictions_refuse_what_they_cannot_compare() -> None:
    with pytest.raises(ValueError, match="predicted: expected the classes predicted at step 0, got none"):
        StablePredictions()(steps(1))
    with pytest.raises(
        ValueError, match=r"expected classes of shape \(6,\) at every step, got \(5,\) at step 1\..*pool"
    ):
        StablePredictions()(steps(2, predicted=[A, A[:5]]))


@pytest.mark.parametrize(("floor", "stop"), [(0.01, None), (0.02, None), (0.021, 3), (0.04, 3), (0.041, 2), (1.0, 1)])
def test_information_fires_strictly_below_a_floor_a_label(floor: float, stop: int | None) -> None:
    assert steps_to_stop(InformationBelow(floor), steps(3, information=[0.8, 0.4, 0.2])) == stop


def test_information_counts_a_label_and_a_step_without_picks_says_nothing() -> None:
    assert InformationBelow(0.1)([one_step(size=2, information=0.3)]) is None
    assert InformationBelow(0.1)([one_step(size=4, information=0.3)]) == (
        "the batch has 0.075 nats of information per label, under 0.1"
    )
    assert InformationBelow(0.1)([one_step(size=0)]) is None


def test_a_step_without_information_is_refused_with_the_remedy() -> None:
    with pytest.raises(ValueError, match=r"information: expected .* at step 0, got none\. .*BatchBALD\(\)"):
        InformationBelow(0.1)(steps(1))
