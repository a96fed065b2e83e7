"""Comparing heuristics on saved predictions."""

from __future__ import annotations

from alcore.bench.calibration import Calibration, calibration, temperature, tempered
from alcore.bench.compare import Comparison, compare
from alcore.bench.labels import labelled
from alcore.bench.replay import Replay, replay
from alcore.bench.report import write_report
from alcore.bench.summary import sentences

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
