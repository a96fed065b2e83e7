"""The result of comparing heuristics, its tables, and its JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.bench.fresh_draws import FreshDraws
from alcore.bench.labels import Ints
from alcore.bench.replay import Replay
from alcore.bench.tables import Columns, calibration_tables, concatenate, curves_table, fresh_draws_table, summary_table
from alcore.bench.temperature_scaling import Tempering
from alcore.door import Float64s

SATURATED = 0.99  # share of the most that a batch can tell


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare` for H heuristics. Arrays are in the order of ``names``.

    With event axes, or more than 10 labels of kind "multilabel", rows have no joint information and no single label. Then
    ``information``, ``information_error``, ``redundancy``, ``information_bound``, ``predicted_classes``, ``classes`` and
    ``near_duplicates`` are None.

    Attributes:
        names: names of the heuristics. If a name occurs twice, the second one ends in " (2)".
        shape: shape (N, C, ..., T) of the predictions.
        seconds: (H,) median time in seconds of selecting k rows, scoring included.
        batches: the `Batch` that each heuristic selected.
        overlap: (H, H) Jaccard index of the batches: rows in both over rows in at least one, 0 to 1.
        scores: name -> (N,) scores of each row-wise heuristic.
        information: (H,) nats, the joint information I(y_S; θ) of each batch S, estimated anew, with one seed for all batches.
        information_error: (H,) nats, its standard error. 0 if all label configurations were added up.
        redundancy: (H,) nats, Σ BALD of the batch's rows − information: what several rows tell in common. It is at least 0, but
            noise of the estimate can make it smaller.
        information_bound: nats, the most that a batch can tell: log T, or the entropy of the weights.
        information_curves: name -> (picks, nats), the information after the first 0, 1, 2, 3, 5, 8, … picks. Empty with event
            axes.
        memory: (H,) bytes, the peak memory of a selection, without the predictions.
        rank_correlation: (H, H) Spearman's correlation of the scores of all rows, −1 to 1. NaN if one of the two has no scores.
        predicted_classes: (H, C) number of picks for which each class is predicted.
        classes: (H, C) number of picks that each class has by their labels. None without labels.
        near_duplicates: (H,) number of picks with nearly the same predictions as an earlier pick: the total variation between
            them, averaged over the draws, is at most 0.05.
        replays: one `Replay` for each number of labels at a time. Empty without labels of the pool and a labelled test set.
        tempering: calibration on the test set before and after temperature scaling. None without a labelled test set.
        fresh_draws: name -> `FreshDraws`: the overlap of its batch with that of a fresh set of as many draws, which picks are
            certain, and how many draws would be enough. Empty where ``left_out`` says why.
        left_out: name of a missing part -> the reason.
    """

    names: tuple[str, ...]
    shape: tuple[int, ...]
    seconds: Float64s
    batches: tuple[Batch, ...]
    overlap: Float64s
    scores: dict[str, Float64s]
    information: Float64s | None = None
    information_error: Float64s | None = None
    redundancy: Float64s | None = None
    information_bound: float | None = None
    information_curves: dict[str, tuple[Ints, Float64s]] = field(default_factory=dict)
    memory: Float64s | None = None
    rank_correlation: Float64s | None = None
    predicted_classes: Ints | None = None
    classes: Ints | None = None
    near_duplicates: Ints | None = None
    replays: tuple[Replay, ...] = ()
    tempering: Tempering | None = None
    fresh_draws: dict[str, FreshDraws] = field(default_factory=dict)
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def throughput(self) -> Float64s:
        """(H,) how many probabilities each heuristic reads per second."""
        return float(np.prod(self.shape, dtype=np.float64)) / self.seconds

    def tables(self) -> dict[str, dict[str, Any]]:
        """All results as tables: name -> column -> array, one row for each heuristic, pick or point of a curve."""
        found = {
            "heuristics": _heuristics_table(self),
            "picks": _picks_table(self),
            "overlap": _square_table(self, self.overlap),
        }
        if self.rank_correlation is not None:
            found["rank correlation"] = _square_table(self, self.rank_correlation)
        if self.information_curves:
            found["information"] = _information_table(self)
        for name, counts in (("predicted classes", self.predicted_classes), ("classes", self.classes)):
            if counts is not None:
                columns = {str(c): counts[:, c] for c in range(counts.shape[1])}
                found[name] = {"heuristic": np.array(self.names), **columns}
        if self.replays:
            found["replay"] = concatenate([curves_table(one) for one in self.replays])
            found["replay summary"] = concatenate([summary_table(one) for one in self.replays])
        if self.fresh_draws:
            found["fresh draws"] = fresh_draws_table(self.fresh_draws)
        if self.tempering is not None:
            found |= calibration_tables(self.tempering.states)
        return found

    def to_pandas(self) -> dict[str, Any]:
        """The `tables` as data frames: name -> data frame.

        Raises:
            ImportError: without pandas.
        """
        try:
            import pandas
        except ImportError as error:
            raise ImportError("data frames need pandas: pip install pandas. Without it use tables().") from error
        return {name: pandas.DataFrame(columns) for name, columns in self.tables().items()}

    @property
    def saturation(self) -> tuple[int | None, ...]:
        """For each heuristic: how many picks reach 99 % of ``information_bound``. None if the batch never does."""
        if self.information_bound is None:
            return (None,) * len(self.names)
        full = SATURATED * self.information_bound
        curves = (self.information_curves[name] for name in self.names)
        return tuple(next((int(n) for n, nats in zip(*curve, strict=True) if nats >= full), None) for curve in curves)


def _heuristics_table(result: Comparison) -> Columns:
    columns = {
        "heuristic": np.array(result.names),
        "seconds": result.seconds,
        "throughput": result.throughput,
        "memory": result.memory,
        "information": result.information,
        "information error": result.information_error,
        "redundancy": result.redundancy,
        "near-duplicates": result.near_duplicates,
    }
    columns = {name: values for name, values in columns.items() if values is not None}
    if result.information is not None and result.information_bound:
        columns["share of the bound"] = result.information / result.information_bound
        columns["saturated after"] = np.array([np.nan if n is None else n for n in result.saturation], np.float64)
    return columns


def _picks_table(result: Comparison) -> Columns:
    counts = [len(batch) for batch in result.batches]
    return {
        "heuristic": np.repeat(np.array(result.names), counts),
        "pick": np.concatenate([np.arange(1, n + 1) for n in counts]),
        "row": np.concatenate([batch.indices for batch in result.batches]),
    }


def _square_table(result: Comparison, values: Any) -> Columns:
    return {"heuristic": np.array(result.names), **{name: values[:, j] for j, name in enumerate(result.names)}}


def _information_table(result: Comparison) -> Columns:
    parts = [
        {"heuristic": np.repeat(name, len(picks)), "picks": picks, "nats": nats}
        for name, (picks, nats) in result.information_curves.items()
    ]
    return concatenate(parts)


def as_json(result: Comparison) -> dict[str, Any]:
    """The comparison as lists and numbers. Numbers that are not finite become null."""
    return {
        "shape": list(result.shape),
        "bound": _plain(result.information_bound),
        "left out": result.left_out,
        "tables": {
            name: {key: _plain(values) for key, values in columns.items()} for name, columns in result.tables().items()
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(number) for number in value.tolist()]
    return None if isinstance(value, float) and not math.isfinite(value) else value
