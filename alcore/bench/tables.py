"""Tables of replays and of calibrations, as columns."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from alcore.bench.calibration import Calibration
from alcore.bench.fresh_draws import FreshDraws
from alcore.bench.replay import Replay

Columns = dict[str, Any]  # name -> array


def curves_table(replay: Replay) -> Columns:
    """One row for each heuristic and number of labels: means with their intervals."""
    parts = []
    for name, curve in replay.curves.items():
        columns: Columns = {
            "at a time": np.repeat(replay.size, len(curve.labels)),
            "heuristic": np.repeat(name, len(curve.labels)),
            "labels": curve.labels,
        }
        for metric in curve.metrics:
            low, high = curve.interval(metric)
            columns |= {metric: curve.mean(metric), f"{metric}, low": low, f"{metric}, high": high}
        parts.append(columns)
    return concatenate(parts)


def summary_table(replay: Replay) -> Columns:
    """One row for each heuristic: the horizon that all share, and the comparison with Random."""
    names = list(replay.curves)
    shares, gains = replay.labels_like(), replay.gains_over()
    columns: Columns = {
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


def calibration_tables(states: dict[str, Calibration]) -> dict[str, Columns]:
    """Scores and bins of the predictions as they are, and after temperature scaling."""
    metrics = {
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
    return {"calibration": metrics, "reliability": concatenate(bins)}


def fresh_draws_table(found: Mapping[str, FreshDraws]) -> Columns:
    """One row for each heuristic: what a fresh set of as many draws would pick too, and how many draws would be enough."""
    each = list(found.values())
    certain = [math.nan if one.certain is None else float(one.certain.sum()) for one in each]
    return {
        "heuristic": np.array(list(found)),
        "draws": np.array([one.draws for one in each]),
        "overlap": np.array([one.overlap for one in each]),
        "overlap, low": np.array([one.low for one in each]),
        "overlap, high": np.array([one.high for one in each]),
        "certain picks": np.array(certain),
        "draws for 80 %": np.array([one.enough for one in each]),
        "draws, low": np.array([one.enough_low for one in each]),
        "draws, high": np.array([one.enough_high for one in each]),
    }


def concatenate(parts: list[Columns]) -> Columns:
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]} if parts else {}
