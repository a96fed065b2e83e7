"""Who leads: the order of the heuristics, and how sure it is. The summary begins with it, and pictures show the first of it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np

from alcore.bench.comparison import Comparison
from alcore.bench.replay import Replay
from alcore.door import Float64s
from alcore.loop.curves import Curves

METRIC = "log-likelihood"
RANDOM = "random"
SHOWN = 3  # of the best


class Lead(NamedTuple):
    """How far one heuristic is above another, the mean over the labels up to the horizon, with its interval."""

    gain: float
    low: float
    high: float


def deciding_replay(result: Comparison) -> Replay | None:
    """The replay that asks for as many labels at a time as the batches have, or the first. None where none bought a label."""
    found = [one for one in result.replays if one.horizon > 0]
    size = len(result.batches[0])
    return next((one for one in found if one.size == size), found[0] if found else None)


def order_of(replay: Replay) -> list[str]:
    """Names from the highest to the lowest log-likelihood, the mean over the labels up to the horizon."""
    return sorted(replay.curves, key=lambda name: -float(_means(replay, name).mean()))


def lead_of(replay: Replay, name: str, other: str, level: float) -> Lead:
    """How far the first is above the second, by pairs of runs with the same seed."""
    differences = (_means(replay, name) - _means(replay, other))[:, None]
    curve = Curves(np.array([replay.horizon]), {"": differences}, replay.curves[name].seeds)
    low, high = curve.interval("", level)
    return Lead(float(differences.mean()), float(low[0]), float(high[0]))


def highlighted(result: Comparison, choice: Sequence[str] = ()) -> list[str]:
    """The heuristics that pictures show in colour: the best three, Random and those of the user. Best are those of the deciding
    replay, and without one those whose batches tell most.
    """
    for name in choice:
        if name not in result.names:
            raise ValueError(f"highlight: expected names of {', '.join(result.names)}, got {name!r}.")
    replay = deciding_replay(result)
    if replay is not None:
        order = order_of(replay)
    elif result.information is not None:
        order = [result.names[i] for i in np.argsort(-result.information, kind="stable")]
    else:
        order = list(result.names)
    best = [name for name in order if name != RANDOM][:SHOWN]
    return list(dict.fromkeys([*best, *[name for name in (RANDOM,) if name in result.names], *choice]))


def among(shown: Sequence[str], curves: Collection[str]) -> list[str]:
    """Those that a picture has. All of its lines where it has none of them."""
    return [name for name in shown if name in curves] or list(curves)


def _means(replay: Replay, name: str) -> Float64s:
    """(S,) for each run the mean log-likelihood after 1 to ``horizon`` labels."""
    curve = replay.curves[name]
    return np.asarray(curve.metrics[METRIC][:, (curve.labels > 0) & (curve.labels <= replay.horizon)].mean(axis=1))
