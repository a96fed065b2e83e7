"""The result of comparing heuristics, its tables, and what of it is written as JSON."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.bench.labels import Ints
from alcore.bench.replay import Replay
from alcore.bench.tables import Columns, calibration_tables, concatenate, curves_table, summary_table
from alcore.bench.temperature_scaling import Tempering
from alcore.door import Float64s

SATURATED = 0.99  # of the most that a batch can tell


@dataclass(frozen=True, eq=False)
class Comparison:
    """The result of `compare`, plain arrays in the order of ``names``.

    Attributes:
        names: the heuristics; the second of one name ends in " (2)".
        shape: (N, C, ..., T) of the predictions.
        seconds: (H,) median time of selecting k rows, scoring included.
        batches: what each selected.
        overlap: (H, H) Jaccard index of the batches: shared rows over all rows of the two.
        scores: the scores (N,) of each row-wise heuristic, by name.
        information: (H,) nats, the joint information I(y_S; θ) of each batch, estimated afresh; None with event axes, where
            rows have no joint information, and so are the next three.
        information_error: (H,) its standard error, 0 where all configurations of labels were added up.
        redundancy: (H,) nats, Σ BALD of the batch's rows − information: what more than one row tells; noise may put it under 0.
        information_bound: the most a batch can tell, log T, with weights their entropy.
        information_curves: name -> (picks, nats), the information after the first 0, 1, 2, 3, 5, 8, … picks; by name, empty
            with event axes.
        memory: (H,) bytes of arrays that a selection takes at its peak, beside the predictions.
        rank_correlation: (H, H) Spearman's, of the scores of all rows; NaN where one of the two has none.
        predicted_classes, classes: (H, C) how many of the picks each class is predicted for, and how many are of it by their
            labels; None with event axes, and without labels.
        near_duplicates: (H,) picks that predict as one before does: 0.05 apart or less in total variation, on the mean of the
            draws; None with event axes.
        replays: one for each number of labels at a time; empty without labels of the pool and a labelled test set.
        tempering: calibration on the test set; None without one.
        left_out: name of a part that is missing -> why.
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
    left_out: dict[str, str] = field(default_factory=dict)

    @property
    def throughput(self) -> Float64s:
        """(H,) probabilities read a second."""
        return float(np.prod(self.shape, dtype=np.float64)) / self.seconds

    def tables(self) -> dict[str, dict[str, Any]]:
        """All of it as tables: name -> column -> array, with a row for each heuristic, pick or point of a curve."""
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
        if self.tempering is not None:
            found |= calibration_tables(self.tempering.states)
        return found

    def to_pandas(self) -> dict[str, Any]:
        """`tables` as data frames. Raises ImportError without pandas."""
        try:
            import pandas
        except ImportError as error:
            raise ImportError("data frames need pandas: pip install pandas. Or take tables().") from error
        return {name: pandas.DataFrame(columns) for name, columns in self.tables().items()}

    @property
    def saturation(self) -> tuple[int | None, ...]:
        """Of each heuristic the picks after which its batch had told 99 % of what a batch can; None where it never did."""
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
    """Lists and numbers; what is not finite is null, as JSON has it."""
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
