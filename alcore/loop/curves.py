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
    """Metrics of S runs at the same numbers of labels.

    Attributes:
        labels: (L,) how many labels the models were trained on, ascending.
        metrics: name -> (S, L), a row for each run.
        seeds: (S,) of the runs.

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
        """Curves of the histories of runs. Where runs have different numbers of labels, each is read on straight lines between its
        steps, at every number of labels from the first to the last that all runs reach.

        Raises: ValueError for runs without steps, without labels in common, or with other metrics.
        """
        if not histories or not all(histories):
            raise ValueError("histories: expected runs with a step at least, got none.")
        names = list(histories[0][0].metrics)
        if any(list(past.metrics) != names for history in histories for past in history):
            raise ValueError(f"histories: expected the metrics {', '.join(names)} at every step of every run.")
        counts = [np.array([past.labelled for past in history], np.int64) for history in histories]
        low, high = max(one[0] for one in counts), min(one[-1] for one in counts)
        grid = np.unique(np.concatenate(counts))
        grid = grid[(grid >= low) & (grid <= high)]
        if not len(grid):
            raise ValueError(
                f"histories: expected runs with numbers of labels in common, got from {low} and to {high}."
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
        """The points at some places of ``labels``."""
        return replace(
            self, labels=self.labels[places], metrics={name: own[:, places] for name, own in self.metrics.items()}
        )

    def mean(self, metric: str) -> Float64s:
        """(L,) mean over the runs."""
        return np.asarray(self._values(metric).mean(axis=0))

    def interval(self, metric: str, level: float = 0.95) -> tuple[Float64s, Float64s]:
        """(L,), (L,): where the mean lies with that confidence, by Student's t over the runs; infinite for one run."""
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
        """(S,) normalised area under each curve: the mean of the metric over the range of labels, by trapezoids."""
        values = self._values(metric)
        if len(self.labels) == 1:
            return values[:, 0].copy()
        widths = np.diff(self.labels)
        return np.asarray(((values[:, 1:] + values[:, :-1]) / 2 * widths).sum(axis=1) / widths.sum())

    def labels_to(self, metric: str, value: float) -> Float64s:
        """(S,) labels at which each curve first reaches a value, on a straight line between steps; infinite where it never does."""
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
