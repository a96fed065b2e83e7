"""Pictures of results, drawn with matplotlib (``pip install 'alcore[plot]'``) and returned as figures.

Each picture has a file. `lines` draws lines with their names, and `figure` has the colours and the import of matplotlib.
Imports the loop, for the type of its curves, and the door. Numbers come in as arrays, so a picture needs no comparison.
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
