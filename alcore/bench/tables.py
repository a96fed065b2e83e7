"""A comparison as tables: dictionaries of arrays, and what can be written as JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from alcore.bench.calibration import Calibration
    from alcore.bench.compare import Comparison
    from alcore.bench.replay import Replay

Table = dict[str, Any]


def tables(result: Comparison) -> dict[str, Table]:
    """Name of the table -> column -> array; a row for each heuristic, or for each point of a curve."""
    found = {"heuristics": _heuristics(result), "picks": _picks(result), "overlap": _square(result, result.overlap)}
    if result.rank_correlation is not None:
        found["rank correlation"] = _square(result, result.rank_correlation)
    if result.information_curves:
        found["information"] = _information(result)
    for name, counts in (("predicted classes", result.predicted_classes), ("classes", result.classes)):
        if counts is not None:
            columns = {str(c): counts[:, c] for c in range(counts.shape[1])}
            found[name] = {"heuristic": np.array(result.names), **columns}
    if result.replays:
        found["replay"] = _joined([_curves(one) for one in result.replays])
        found["replay summary"] = _joined([_summary(one) for one in result.replays])
    if result.tempering is not None:
        found |= _calibration(result.tempering.states)
    return found


def _heuristics(result: Comparison) -> Table:
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
    columns = {name: own for name, own in columns.items() if own is not None}
    if result.information is not None and result.information_bound:
        columns["share of the bound"] = result.information / result.information_bound
        columns["saturated after"] = np.array([np.nan if n is None else n for n in result.saturation], np.float64)
    return columns


def _picks(result: Comparison) -> Table:
    counts = [len(batch) for batch in result.batches]
    return {
        "heuristic": np.repeat(np.array(result.names), counts),
        "pick": np.concatenate([np.arange(1, n + 1) for n in counts]),
        "row": np.concatenate([batch.indices for batch in result.batches]),
    }


def _square(result: Comparison, values: Any) -> Table:
    return {"heuristic": np.array(result.names), **{name: values[:, j] for j, name in enumerate(result.names)}}


def _information(result: Comparison) -> Table:
    parts = [
        {"heuristic": np.repeat(name, len(picks)), "picks": picks, "nats": nats}
        for name, (picks, nats) in result.information_curves.items()
    ]
    return _joined(parts)


def _curves(replay: Replay) -> Table:
    parts = []
    for name, own in replay.curves.items():
        columns: Table = {
            "at a time": np.repeat(replay.size, len(own.labels)),
            "heuristic": np.repeat(name, len(own.labels)),
            "labels": own.labels,
        }
        for metric in own.metrics:
            low, high = own.interval(metric)
            columns |= {metric: own.mean(metric), f"{metric}, low": low, f"{metric}, high": high}
        parts.append(columns)
    return _joined(parts)


def _summary(replay: Replay) -> Table:
    """At the horizon that all share, and against Random."""
    names = list(replay.curves)
    shares, gains = replay.labels_like(), replay.gains_over()
    columns: Table = {
        "at a time": np.repeat(replay.size, len(names)),
        "heuristic": np.array(names),
        "horizon": np.repeat(replay.horizon, len(names)),
        "exhausted after, median": np.array([np.median(replay.ended[name]) for name in names]),
    }
    compared = [shares[name].labels if name in shares else math.nan for name in names]
    columns["compared with Random after"] = np.array(compared, np.float64)
    for place, column in enumerate(("share of Random's labels", "share, low", "share, high")):
        columns[column] = np.array([shares[name][1 + place] if name in shares else math.nan for name in names])
    for place, column in enumerate(("gain over Random", "gain, low", "gain, high")):
        columns[column] = np.array([gains[name][1 + place] if name in gains else math.nan for name in names])
    return columns


def _calibration(states: dict[str, Calibration]) -> dict[str, Table]:
    judged = {
        "predictions": np.array(list(states)),
        "rows": np.array([one.rows for one in states.values()]),
        "calibration error": np.array([one.error for one in states.values()]),
        "error by chance": np.array([one.by_chance for one in states.values()]),
        "Brier score": np.array([one.brier for one in states.values()]),
        "log-likelihood": np.array([one.log_likelihood for one in states.values()]),
        "accuracy": np.array([one.accuracy for one in states.values()]),
    }
    bins = [
        {
            "predictions": np.repeat(name, len(one.counts)),
            "rows": one.counts,
            "confidence": one.confidence,
            "accuracy": one.accuracy_of,
        }
        for name, one in states.items()
    ]
    return {"calibration": judged, "reliability": _joined(bins)}


def _joined(parts: list[Table]) -> Table:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}


def as_json(result: Comparison) -> dict[str, Any]:
    """Lists and numbers; what is not finite is null, as JSON has it."""
    return {
        "shape": list(result.shape),
        "bound": _plain(result.information_bound),
        "left out": result.left_out,
        "tables": {name: {key: _plain(own) for key, own in table.items()} for name, table in tables(result).items()},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return [_plain(one) for one in value.tolist()]
    return None if isinstance(value, float) and not math.isfinite(value) else value
