"""Lines with their names beside their ends."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.plot.figure import COLOURS, GREY, STYLES

Curve: TypeAlias = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

NAME_HEIGHT = 0.155  # inches that the name of a line takes


def name_axes(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=10)
    axes.set_ylabel(up, fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)


def as_highlight(highlight: Sequence[str] | None, names: Collection[str]) -> list[str]:
    """The names that are drawn in colour. All of them for None."""
    if highlight is None:
        return list(names)
    unknown = [name for name in highlight if name not in names]
    if unknown:
        raise ValueError(f"highlight: expected names of {', '.join(names)}, got {unknown[0]!r}.")
    return list(dict.fromkeys(highlight))


def colour_of(name: str, highlight: Sequence[str]) -> str:
    """The colour of a line. Grey where it is not among those in colour."""
    return COLOURS[highlight.index(name) % len(COLOURS)] if name in highlight else GREY


def draw_lines(axes: Any, points: Mapping[str, Curve], highlight: Sequence[str]) -> None:
    """Draw each name in colour beside the end of its line. Names that would overlap are moved up or down. The others are grey."""
    order = sorted(highlight, key=lambda name: -_end(points[name])[1])
    looks: dict[str, dict[str, Any]] = {}
    for i, name in enumerate(points):  # where lines meet, the one named first lies on top
        if name not in highlight:
            axes.plot(*points[name], linewidth=1.0, clip_on=False, zorder=1.9, color=GREY, gid=f"line-{i}")
    for i, name in enumerate(highlight):
        style = STYLES[i // len(COLOURS) % len(STYLES)]
        looks[name] = {"color": COLOURS[i % len(COLOURS)], "linestyle": style}
        over = 3 - order.index(name) / len(order)
        gid = f"line-{list(points).index(name)}"
        axes.plot(*points[name], linewidth=1.5, clip_on=False, zorder=over, gid=gid, **looks[name])
    inches = 0.85 * axes.figure.bbox.height / axes.figure.dpi  # of the axes, nearly
    places = _spread(_heights(axes, [_end(points[name])[1] for name in order]), NAME_HEIGHT / inches, 0.0, 1.0)
    for name, look in looks.items():
        axes.annotate(
            name,
            _end(points[name]),
            (1.07, places[order.index(name)]),
            textcoords="axes fraction",
            color=look["color"],
            fontsize=8,
            va="center",
            annotation_clip=False,
            parse_math=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 2, **look},
        )


def _heights(axes: Any, values: list[float]) -> npt.NDArray[np.float64]:
    """Places of values on the axes, from 0 at the bottom to 1 at the top, on any scale."""
    scale = axes.yaxis.get_transform().transform
    low, high = scale(np.array(axes.get_ylim()))
    return np.asarray((scale(np.array(values)) - low) / (high - low))


def _end(curve: Curve) -> tuple[float, float]:
    return (float(curve[0][-1]), float(curve[1][-1])) if curve[0].size else (0.0, 0.0)


def _spread(values: npt.NDArray[np.float64], gap: float, low: float, high: float) -> list[float]:
    """Places near descending values, at least a gap apart, between low and high if they fit. Values too near share a mean."""
    runs: list[list[float]] = []  # of values + rank * gap, which must not increase
    for rank, value in enumerate(values):
        runs.append([float(value) + rank * gap])
        while len(runs) > 1 and np.mean(runs[-1]) > np.mean(runs[-2]):
            last = runs.pop()
            runs[-1] += last
    level = np.repeat([np.mean(run) for run in runs], [len(run) for run in runs])
    lowest = low + (len(values) - 1) * gap
    return list(np.clip(level, lowest, max(lowest, high)) - gap * np.arange(len(values)))


def as_curve(name: str, picks: npt.ArrayLike, nats: npt.ArrayLike) -> Curve:
    across, up = door.as_scores(picks, finite=True, name=name), door.as_scores(nats, finite=True, name=name)
    if across.size != up.size:
        raise ValueError(f"{name}: expected as many picks as nats, got {across.size} and {up.size}.")
    return across, up
