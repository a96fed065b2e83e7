"""Reliability diagrams: accuracy against confidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

from alcore.plot.figure import COLOURS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Bins(Protocol):
    """The part of `alcore.bench.Calibration` that is drawn. The folder bench is above plot, so it is not imported here."""

    @property
    def error(self) -> float: ...
    @property
    def confidence(self) -> npt.NDArray[np.float64]: ...
    @property
    def accuracy_of(self) -> npt.NDArray[np.float64]: ...
    @property
    def counts(self) -> npt.NDArray[np.int64]: ...


def reliability(calibrations: Mapping[str, Bins], *, title: str = "") -> Figure:
    """Draw a reliability diagram: the share of right predictions against the confidence, bin by bin (arXiv:1706.04599).

    On the diagonal the confidence equals the share of right predictions. Below it the model is overconfident. The lower panel
    shows the number of rows in each bin.

    Args:
        calibrations: name -> what `alcore.bench.calibration` returns, for example before and after temperature scaling.
        title: title of the figure.

    Returns:
        A matplotlib Figure. ``figure.savefig("reliability.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: for no calibrations.

    >>> import alcore.bench, alcore.plot, numpy
    >>> found = alcore.bench.calibration(numpy.array([[0.9, 0.1], [0.2, 0.8]]), [0, 1])
    >>> len(alcore.plot.reliability({"as it is": found}).axes)
    2
    """
    if not calibrations:
        raise ValueError(
            "calibrations: expected at least one, such as {'model': alcore.bench.calibration(...)}, got none."
        )
    figure = new_figure(5.2, 5.2)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="#888888", linestyle="--", linewidth=1)
    for i, (name, bins) in enumerate(calibrations.items()):
        _draw(upper, lower, f"{name}: error {bins.error:.3f}", bins, COLOURS[i % len(COLOURS)], i, len(calibrations))
    upper.set_ylim(0, 1)
    upper.set_xlim(0, 1)
    upper.set_ylabel("share of right predictions", fontsize=10)
    lower.set_ylabel("rows", fontsize=10)
    lower.set_xlabel("confidence", fontsize=10)
    upper.legend(frameon=False, fontsize=8, loc="upper left")
    for axes in (upper, lower):
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    figure.suptitle(title, parse_math=False)
    return figure


def _draw(upper: Any, lower: Any, name: str, bins: Bins, colour: str, place: int, count: int) -> None:
    filled = bins.counts > 0
    points = bins.confidence[filled], bins.accuracy_of[filled]
    upper.plot(*points, marker="o", markersize=4, color=colour, label=name, clip_on=False)
    width = 1 / len(bins.counts)
    starts = np.arange(len(bins.counts)) * width
    lower.bar(starts + width * (place + 0.5) / count, bins.counts, width=0.9 * width / count, color=colour)
