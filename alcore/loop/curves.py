"""Learning curves of runs with several seeds: metrics against labels, with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.door import Float64s
from alcore.stopping.history import Past


@dataclass(frozen=True, eq=False)
class Curves:
    """Learning curves: metrics of S runs at the same L numbers of labels.

    `ActiveLearning.repeat` returns them, and `alcore.plot.curves` draws them.

    Attributes:
        labels: (L,) how many labels the models were trained on, ascending.
        metrics: name -> (S, L) values in the metric's own units, one row for each run.
        seeds: (S,) the seed of each run.

    >>> import alcore, numpy
    >>> curves = alcore.Curves(numpy.array([10, 20]), {"accuracy": numpy.array([[0.5, 0.9], [0.7, 0.9]])}, numpy.array([0, 1]))
    >>> curves.mean("accuracy").tolist(), curves.area("accuracy").round(6).tolist()
    ([0.6, 0.9], [0.7, 0.8])
    >>> curves.labels_to("accuracy", 0.8).round(6).tolist()
    [17.5, 15.0]
    """

    labels: npt.NDArray[np.int64]
    metrics: dict[str, Float64s]
    seeds: npt.NDArray[np.int64]

    @classmethod
    def of(cls, histories: Sequence[Sequence[Past]], seeds: Sequence[int]) -> Curves:
        """Make curves from the histories of runs.

        If runs have different numbers of labels, each metric is interpolated linearly between the steps of its run. The curves
        go from the largest first number of labels to the smallest last one.

        Args:
            histories: one list of `Past` for each run, as ``ActiveLearning(...).history`` gives it. Steps between two trainings
                are left out.
            seeds: the seed of each run.

        Raises:
            ValueError: for runs without steps, runs that share no number of labels, and runs with different metrics.
        """
        if not histories or not all(histories):
            raise ValueError("histories: expected runs with at least one step each, got none. Run first: loop.run().")
        histories = [[past for past in history if past.trained] for history in histories]
        names = list(histories[0][0].metrics)
        if any(list(past.metrics) != names for history in histories for past in history):
            raise ValueError(f"histories: expected the metrics {', '.join(names)} at every step of every run.")
        counts = [np.array([past.labelled for past in history], np.int64) for history in histories]
        low, high = max(one[0] for one in counts), min(one[-1] for one in counts)
        grid = np.unique(np.concatenate(counts))
        grid = grid[(grid >= low) & (grid <= high)]
        if not len(grid):
            raise ValueError(
                f"histories: expected runs that share numbers of labels, but one starts at {low} labels and one ends at {high}. "
                "Use the same start and stop for all."
            )
        metrics = {
            name: np.array(
                [
                    np.interp(grid, own, [past.metrics[name] for past in history])
                    for own, history in zip(counts, histories, strict=True)
                ]
            )
            for name in names
        }
        return cls(grid, metrics, np.array(seeds, np.int64))

    def at(self, places: npt.NDArray[np.int64] | slice) -> Curves:
        """The curves at some places of ``labels``."""
        return replace(
            self, labels=self.labels[places], metrics={name: own[:, places] for name, own in self.metrics.items()}
        )

    def mean(self, metric: str) -> Float64s:
        """(L,) mean of the metric over the runs, for each number of labels."""
        return np.asarray(self._values(metric).mean(axis=0))

    def interval(self, metric: str, level: float = 0.95) -> tuple[Float64s, Float64s]:
        """(L,), (L,) lower and upper end of the confidence interval of the mean over S runs: mean ± t · s / √S.

        t is the quantile of Student's t distribution with S − 1 degrees of freedom, and s the standard deviation over the runs.
        The interval of a single run is infinite.

        Args:
            metric: the name of the metric.
            level: the confidence, above 0 and under 1.

        Raises:
            ValueError: for another metric or level.
        """
        from scipy.special import stdtrit

        values = self._values(metric)
        runs = len(values)
        if not 0 < door.as_finite(level, "level") < 1:
            raise ValueError(f"level: expected a confidence above 0 and under 1, got {level}.")
        if runs == 1:
            return np.full(values.shape[1], -np.inf), np.full(values.shape[1], np.inf)
        half = stdtrit(runs - 1, 0.5 + level / 2) * values.std(axis=0, ddof=1) / np.sqrt(runs)
        return values.mean(axis=0) - half, values.mean(axis=0) + half

    def area(self, metric: str) -> Float64s:
        """(S,) area under each curve over the range of labels: the mean of the metric over labels, by the trapezoidal rule."""
        values = self._values(metric)
        if len(self.labels) == 1:
            return values[:, 0].copy()
        widths = np.diff(self.labels)
        return np.asarray(((values[:, 1:] + values[:, :-1]) / 2 * widths).sum(axis=1) / widths.sum())

    def labels_to(self, metric: str, value: float) -> Float64s:
        """(S,) how many labels each curve needs to reach a value, interpolated linearly. Infinite if it never reaches it.

        It looks for metric ≥ value, so higher has to be better.
        """
        values, wanted = self._values(metric), door.as_finite(value, "value")
        found = np.full(len(values), np.inf)
        for run, own in enumerate(values):
            reached = np.flatnonzero(own >= wanted)
            if len(reached):
                found[run] = self._crossing(own, int(reached[0]), wanted)
        return found

    def _crossing(self, own: Float64s, step: int, wanted: float) -> float:
        if step == 0 or np.isnan(own[step - 1]):
            return float(self.labels[step])
        share = (wanted - own[step - 1]) / (own[step] - own[step - 1])
        return float(self.labels[step - 1] + share * (self.labels[step] - self.labels[step - 1]))

    def _values(self, metric: str) -> Float64s:
        if metric not in self.metrics:
            raise ValueError(f"metric: expected one of {', '.join(self.metrics) or 'none'}, got {metric!r}.")
        return self.metrics[metric]
