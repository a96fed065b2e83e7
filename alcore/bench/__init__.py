"""Compare heuristics on saved predictions: what they pick, what it costs, and what the labels are worth.

`compare` runs all parts and returns a `Comparison`. `summary` describes it in words, `report` writes it as a page. The parts are
`time_and_memory`, `agreement`, `information`, `composition`, `replay`, `calibration` and `temperature_scaling`. Imports plot, loop,
heuristics and the folders below. A new part is a file, a field of `Comparison` and a line in `compare`. How it is shown joins
`tables`, `summary` and `report`.
"""

from __future__ import annotations

from alcore.bench.calibration import Calibration, calibration
from alcore.bench.compare import compare
from alcore.bench.comparison import Comparison
from alcore.bench.fresh_draws import FreshDraws
from alcore.bench.labels import labelled
from alcore.bench.regression import LabelledMeans, labelled_means
from alcore.bench.replay import Replay, replay
from alcore.bench.report import write_report
from alcore.bench.summary import sentences
from alcore.bench.temperature_scaling import temperature, tempered

__all__ = [
    "Calibration",
    "Comparison",
    "FreshDraws",
    "LabelledMeans",
    "Replay",
    "calibration",
    "compare",
    "labelled",
    "labelled_means",
    "replay",
    "sentences",
    "temperature",
    "tempered",
    "write_report",
]
