"""Pictures of results, drawn with matplotlib (the ``plot`` extra) and returned as figures."""

from __future__ import annotations

from alcore.plot.comparison import comparison
from alcore.plot.curves import curves
from alcore.plot.information import information
from alcore.plot.overlap import overlap
from alcore.plot.reliability import reliability
from alcore.plot.scores import scores

__all__ = ["comparison", "curves", "information", "overlap", "reliability", "scores"]
