"""Learning curves: a metric against labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from alcore.plot.figure import new_figure
from alcore.plot.lines import NAME_HEIGHT, as_curve, as_highlight, colour_of, draw_lines, name_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alcore.loop.curves import Curves


OPACITY = 1.0  # the sum over all intervals, which may overlap


def curves(
    runs: Mapping[str, Curves],
    metric: str,
    *,
    level: float = 0.95,
    horizon: int | None = None,
    log: bool = False,
    highlight: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw learning curves: the mean of a metric over seeds against labels, one line for each name, with confidence intervals.

    Args:
        runs: name -> `Curves`, as ``ActiveLearning(...).repeat(seeds=10)`` returns them.
        metric: the name of the metric, such as "accuracy".
        level: confidence of the intervals of the mean, above 0 and under 1. Runs with one seed have no interval.
        horizon: number of labels up to which all can be compared, marked by a line, such as ``replay.horizon``.
        log: True for a logarithmic scale. The metric has to be above zero then.
        highlight: the names that are drawn in colour. The others are grey and have no name beside them. The default is all.
        title: title of the figure.

    Returns:
        A matplotlib Figure. ``figure.savefig("curves.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: for no runs, another metric, a name in ``highlight`` without a run, and a mean that is NaN or infinite.

    >>> import alcore, numpy
    >>> runs = alcore.Curves(numpy.array([10, 20]), {"accuracy": numpy.array([[0.5, 0.9], [0.7, 0.9]])}, numpy.array([0, 1]))
    >>> len(alcore.plot.curves({"bald": runs}, "accuracy").axes[0].lines)
    1
    """
    if not runs:
        raise ValueError("runs: expected at least one name, such as {'bald': curves}, got none.")
    shown = as_highlight(highlight, runs)
    figure = new_figure(7.2, max(4.4, NAME_HEIGHT * len(shown) + 1.2))
    axes = figure.subplots()
    if log:
        axes.set_yscale("log")
    points = {name: as_curve(name, curve.labels, curve.mean(metric)) for name, curve in runs.items()}
    for name in shown:
        curve = runs[name]
        low, high = curve.interval(metric, level)
        if np.isfinite(low).all():
            low = np.maximum(low, points[name][1].min() / 2) if log else low
            axes.fill_between(
                points[name][0],
                low,
                high,
                color=colour_of(name, shown),
                alpha=OPACITY / max(8, len(shown)),
                linewidth=0,
            )
    across = np.concatenate([labels for labels, _ in points.values()])
    first, last = across.min(), across.max()
    axes.set_xlim(first, max(last, first + 1))
    if horizon is not None:
        _mark_horizon(axes, horizon)
    name_axes(axes, "labels", metric)
    draw_lines(axes, points, shown)
    figure.suptitle(title, parse_math=False)
    return figure


def _mark_horizon(axes: Any, horizon: int) -> None:
    """A line, with its text on the side that has room. The names of curves are right of the axes."""
    right = horizon > sum(axes.get_xlim()) / 2
    place: dict[str, Any] = {"textcoords": "offset points", "xycoords": ("data", "axes fraction")}
    place |= {"xytext": (-4 if right else 4, -8), "ha": "right" if right else "left"}
    axes.axvline(horizon, color="#666666", linestyle=":", linewidth=1)
    axes.annotate("compared up to here", (horizon, 1), fontsize=8, **place)
