"""Learning curves of several runs: means, intervals, areas, and the labels that a value takes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from alcore import Curves
from alcore.stopping import Past


def history(labelled: list[int], accuracy: list[float]) -> list[Past]:
    pairs = zip(labelled, accuracy, strict=True)
    return [Past(step=i, labelled=n, bought=0, size=1, metrics={"accuracy": a}) for i, (n, a) in enumerate(pairs)]


ACCURACY = np.random.default_rng(0).random((6, 5)).cumsum(axis=1)
SAME = Curves.of([history([10, 20, 30, 40, 50], row.tolist()) for row in ACCURACY], range(6))


def test_runs_at_the_same_numbers_of_labels() -> None:
    assert SAME.labels.tolist() == [10, 20, 30, 40, 50]
    np.testing.assert_array_equal(SAME.metrics["accuracy"], ACCURACY)
    np.testing.assert_array_equal(SAME.seeds, range(6))
    np.testing.assert_allclose(SAME.mean("accuracy"), ACCURACY.mean(axis=0))


@pytest.mark.parametrize("level", [0.5, 0.95])
def test_intervals_are_students(level: float) -> None:
    low, high = SAME.interval("accuracy", level)
    for column in range(5):
        own = ACCURACY[:, column]
        expected = stats.t.interval(level, 5, own.mean(), stats.sem(own))
        np.testing.assert_allclose((low[column], high[column]), expected)


def test_one_run_tells_no_interval() -> None:
    low, high = Curves.of([history([10, 20], [0.5, 0.6])], [0]).interval("accuracy")
    assert (low == -np.inf).all()
    assert (high == np.inf).all()


def test_runs_at_other_numbers_of_labels_meet_on_straight_lines() -> None:
    curves = Curves.of([history([10, 30, 50], [0.0, 0.2, 0.4]), history([20, 30, 40], [1.0, 2.0, 4.0])], [3, 4])
    assert curves.labels.tolist() == [20, 30, 40]
    np.testing.assert_allclose(curves.metrics["accuracy"], [[0.1, 0.2, 0.3], [1.0, 2.0, 4.0]])


def test_areas() -> None:
    curves = Curves.of([history([10, 20, 40], [0.0, 1.0, 1.0]), history([10, 20, 40], [0.5, 0.5, 0.5])], [0, 1])
    np.testing.assert_allclose(curves.area("accuracy"), [(5 + 20) / 30, 0.5])
    np.testing.assert_allclose(Curves.of([history([10], [0.7])], [0]).area("accuracy"), [0.7])


def test_labels_to_a_value() -> None:
    runs = [[0.9, 0.9, 0.9], [0.5, 0.7, 0.9], [0.5, 0.9, 0.6], [0.1, 0.2, 0.3], [0.8, 0.7, 0.81]]
    curves = Curves.of([history([10, 20, 30], row) for row in runs], range(5))
    np.testing.assert_allclose(curves.labels_to("accuracy", 0.8), [10, 25, 17.5, np.inf, 10])
    assert curves.labels_to("accuracy", 0.9).tolist() == [10, 30, 20, np.inf, np.inf]


def test_metrics_that_diverge_reach_nothing() -> None:
    curves = Curves.of([history([10, 20, 30], [np.nan, np.nan, 0.9]), history([10, 20, 30], [np.nan] * 3)], [0, 1])
    assert curves.labels_to("accuracy", 0.8).tolist() == [30, np.inf]


def test_unequal_metrics_and_invalid_arguments_are_refused() -> None:
    with pytest.raises(ValueError, match="expected one of accuracy, got 'f1'"):
        SAME.mean("f1")
    with pytest.raises(ValueError, match="at least one step each, got none"):
        Curves.of([], [])
    with pytest.raises(ValueError, match="share numbers of labels"):
        Curves.of([history([10, 20], [0, 1]), history([30, 40], [0, 1])], [0, 1])
    other = [Past(step=0, labelled=10, bought=0, size=1, metrics={"f1": 1.0})]
    with pytest.raises(ValueError, match="the metrics accuracy at every step"):
        Curves.of([history([10], [0.5]), other], [0, 1])
    for level in (0, 1, -0.5):
        with pytest.raises(ValueError, match="level: expected"):
            SAME.interval("accuracy", level)
    with pytest.raises(ValueError, match="value: expected a finite number"):
        SAME.labels_to("accuracy", float("nan"))


def test_a_part_of_curves_is_those_points_of_every_metric() -> None:
    whole = Curves(np.array([10, 20, 30]), {"a": np.arange(6.0).reshape(2, 3), "b": np.ones((2, 3))}, np.array([4, 7]))
    for places in (slice(2), np.array([0, 1])):
        part = whole.at(places)
        assert part.labels.tolist() == [10, 20]
        assert part.metrics["a"].tolist() == [[0.0, 1.0], [3.0, 4.0]]
        assert part.metrics["b"].shape == (2, 2)
        assert part.seeds.tolist() == [4, 7]
