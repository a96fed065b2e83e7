"""Tables of replays and of calibrations: name of a column -> array."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from alcore.bench.calibration import Calibration
from alcore.bench.replay import Replay

Table = dict[str, Any]


def curves_table(replay: Replay) -> Table:
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
    return joined(parts)


def summary_table(replay: Replay) -> Table:
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


def calibration_tables(states: dict[str, Calibration]) -> dict[str, Table]:
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
    return {"calibration": judged, "reliability": joined(bins)}


def joined(parts: list[Table]) -> Table:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
