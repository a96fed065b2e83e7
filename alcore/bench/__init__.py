"""Comparing heuristics on saved predictions."""

from __future__ import annotations

from alcore.bench.calibration import Calibration, calibration
from alcore.bench.compare import compare
from alcore.bench.comparison import Comparison
from alcore.bench.labels import labelled
from alcore.bench.replay import Replay, replay
from alcore.bench.report import write_report
from alcore.bench.summary import sentences
from alcore.bench.temperature_scaling import temperature, tempered

__all__ = [
    "Calibration",
    "Comparison",
    "Replay",
    "calibration",
    "compare",
    "labelled",
    "replay",
    "sentences",
    "temperature",
    "tempered",
    "write_report",
]
