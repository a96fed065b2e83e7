"""Pictures of results, drawn with matplotlib (the ``plot`` extra) and returned as figures.

A file for each picture; `lines` draws lines that are named at their ends, `figure` has the colours and the import of matplotlib.
Imports the loop, for the type of its curves, and the door; numbers come in as arrays, so that a picture needs no comparison.
A new picture is a file, a function that returns a Figure, and a line below.
"""

from __future__ import annotations

from alcore.plot.comparison import comparison
from alcore.plot.curves import curves
from alcore.plot.information import information
from alcore.plot.overlap import overlap
from alcore.plot.reliability import reliability
from alcore.plot.scores import scores

__all__ = ["comparison", "curves", "information", "overlap", "reliability", "scores"]
