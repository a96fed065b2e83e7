"""What the pictures share: an empty figure, its colours, and the import of matplotlib."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

PICKED_ROWS, ALL_ROWS = "#d1495b", "#30638e"
COLOURS = ("#d1495b", "#30638e", "#3a7d44", "#e08e1b", "#7b4b94", "#1b998b", "#8c564b", "#c2569b", "#5b6470")
GREY = "#b4bac2"  # of lines that are not picked out
STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))  # once all colours are taken


def new_figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'alcore[plot]'.") from error
    return Figure(figsize=(width, height), layout="constrained")
