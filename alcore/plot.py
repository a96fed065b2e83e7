"""Pictures of results, drawn with matplotlib (the ``plot`` extra) and returned as figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alcore import door

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from alcore.curves import Curves

Curve = tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]

PICKED, ALL = "#d1495b", "#30638e"
COLOURS = ("#d1495b", "#30638e", "#3a7d44", "#e08e1b", "#7b4b94", "#1b998b", "#8c564b", "#c2569b", "#5b6470")
STYLES = ("-", (0, (5, 1.5)), (0, (1.2, 1.2)))  # once all colours are taken
LABEL = 0.155  # inches that the name of a line takes


def scores(
    scores_by_name: Mapping[str, npt.ArrayLike], *, picks: Mapping[str, npt.ArrayLike] | None = None, title: str = ""
) -> Figure:
    """Histograms of score distributions, one panel a heuristic, infinite scores counted apart.

    Args:
        scores_by_name: name -> (N,) scores.
        picks: name -> (k,) rows selected, drawn over the histogram of all rows; names without scores are left out.
        title: of the whole figure.

    Returns: a matplotlib Figure; ``figure.savefig("scores.png")`` writes it.
    Raises: ImportError without matplotlib; ValueError for no scores, NaN, another shape, or picks that are no rows.

    >>> import alcore.plot
    >>> figure = alcore.plot.scores({"bald": [0.1, 0.2, 0.2], "entropy": [0.5, 1.0, 0.7]})
    >>> len(figure.axes)
    2
    """
    if not scores_by_name:
        raise ValueError("scores_by_name: expected at least one heuristic, got none.")
    columns = min(3, len(scores_by_name))
    figure = _figure(3.4 * columns, 2.4 * math.ceil(len(scores_by_name) / columns) + 0.6)
    _draw_scores(figure, scores_by_name, picks or {}, columns)
    figure.suptitle(title, parse_math=False)
    return figure


def information(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    bound: tuple[str, float] | None = None,
    title: str = "",
) -> Figure:
    """Joint information against picks, a line for each heuristic, named at its right end.

    Args:
        curves: name -> (picks, nats), the information of the batch after so many picks: `alcore.bench.Comparison` has them, and
            of a `Batch` that reports its own it is ``(range(1, k + 1), batch.information)``.
        bound: what no batch exceeds, its name and nats, such as ("log T", 5.7), drawn as a dashed line.
        title: of the figure.

    Returns: a matplotlib Figure; ``figure.savefig("information.png")`` writes it.
    Raises: ImportError without matplotlib; ValueError for no curves, NaN, infinity, or as many nats as there are no picks.

    >>> import alcore.plot
    >>> figure = alcore.plot.information({"bald": ([0, 1, 2], [0.0, 0.7, 0.9])}, bound=("log T", 1.1))
    >>> len(figure.axes[0].lines)
    2
    """
    if not curves:
        raise ValueError("curves: expected at least one heuristic, got none.")
    figure = _figure(7.2, max(4.4, LABEL * len(curves) + 1.2))
    _draw_information(figure, curves, bound)
    figure.suptitle(title, parse_math=False)
    return figure


def curves(runs: Mapping[str, Curves], metric: str, *, level: float = 0.95, title: str = "") -> Figure:
    """Learning curves: the mean of a metric over seeds against labels, a line for each name, with the interval of the mean.

    Args:
        runs: name -> `Curves`, as ``ActiveLearning(...).repeat(seeds=10)`` gives them.
        metric: which of theirs.
        level: confidence of the intervals; runs with one seed have none.
        title: of the figure.

    Returns: a matplotlib Figure; ``figure.savefig("curves.png")`` writes it.
    Raises: ImportError without matplotlib; ValueError for no runs, another metric, NaN or infinity in it.

    >>> import alcore, numpy
    >>> runs = alcore.Curves(numpy.array([10, 20]), {"accuracy": numpy.array([[0.5, 0.9], [0.7, 0.9]])}, numpy.array([0, 1]))
    >>> len(alcore.plot.curves({"bald": runs}, "accuracy").axes[0].lines)
    1
    """
    if not runs:
        raise ValueError("runs: expected at least one name, got none.")
    figure = _figure(7.2, max(4.4, LABEL * len(runs) + 1.2))
    axes = figure.subplots()
    points = {name: _as_curve(name, own.labels, own.mean(metric)) for name, own in runs.items()}
    for i, (name, own) in enumerate(runs.items()):
        low, high = own.interval(metric, level)
        if np.isfinite(low).all():
            axes.fill_between(points[name][0], low, high, color=COLOURS[i % len(COLOURS)], alpha=0.12, linewidth=0)
    across = np.concatenate([own for own, _ in points.values()])
    first, last = across.min(), across.max()
    axes.set_xlim(first, max(last, first + 1))
    _name_axes(axes, "labels", metric)
    _draw_lines(axes, points, last)
    figure.suptitle(title, parse_math=False)
    return figure


def comparison(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    scores_by_name: Mapping[str, npt.ArrayLike],
    *,
    bound: tuple[str, float] | None = None,
    picks: Mapping[str, npt.ArrayLike] | None = None,
) -> Figure:
    """`information` and `scores` side by side, or the one there is: what ``alcore bench --plot`` draws.

    Args, errors: as those two; one of the first two may be empty.

    >>> import alcore.plot
    >>> figure = alcore.plot.comparison({"bald": ([0, 1], [0.0, 0.2])}, {"bald": [0.1, 0.2, 0.2]})
    >>> [axes.get_title() for axes in figure.axes]
    ['information of the picks', 'bald']
    """
    titles = "information of the picks", "scores of all rows and of the rows picked"
    if not scores_by_name:
        return information(curves, bound=bound, title=titles[0])
    if not curves:
        return scores(scores_by_name, picks=picks, title=titles[1])
    columns = min(2, len(scores_by_name)) if len(scores_by_name) < 7 else 3
    rows = math.ceil(len(scores_by_name) / columns)
    height = max(4.8, 1.5 * rows + 1.2, LABEL * len(curves) + 1.4)
    figure = _figure(6.2 + 2.4 * columns, height)
    sides: Any = figure.subfigures(1, 2, width_ratios=(6.2, 2.4 * columns), wspace=0.02)
    left, right = sides
    _draw_information(left, curves, bound)
    left.axes[0].set_title(titles[0])
    _draw_scores(right, scores_by_name, picks or {}, columns)
    right.suptitle(titles[1])
    return figure


# --- scores -----------------------------------------------------------------------------------------------------------


def _draw_scores(
    figure: Any, scores_by_name: Mapping[str, npt.ArrayLike], picks: Mapping[str, npt.ArrayLike], columns: int
) -> None:
    arrays = {name: door.as_scores(values, name=name) for name, values in scores_by_name.items()}
    grid = figure.subplots(math.ceil(len(arrays) / columns), columns, squeeze=False).ravel()
    for axes, (name, values) in zip(grid, arrays.items(), strict=False):
        _draw_histogram(axes, name, values, values[_rows(picks.get(name, ()), name, values.size)])
    for axes in grid[len(arrays) :]:
        axes.remove()
    if picks:
        drawn = {
            text: bars for axes in figure.axes for bars, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=2, frameon=False)
    figure.supylabel("rows", fontsize=10)


def _draw_histogram(axes: Any, name: str, values: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> None:
    finite = values[np.isfinite(values)]
    bins = _bin_edges(finite)
    axes.hist(finite, bins=bins, color=ALL, label="all rows")
    if chosen.size:
        axes.hist(chosen[np.isfinite(chosen)], bins=bins, color=PICKED, label=f"first {chosen.size} picks")
    axes.set_title(name, fontsize=10, parse_math=False)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if finite.size < values.size:
        axes.text(
            0.98, 0.95, f"infinite: {values.size - finite.size} rows", transform=axes.transAxes, ha="right", va="top"
        )


def _bin_edges(finite: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """40 bins of one width, around the value where all are the same but for rounding."""
    if not finite.size:
        return np.array([0.0, 1.0])
    low, high = finite.min(), finite.max()
    size = max(abs(low), abs(high))
    if high - low <= 1e-9 * size or size < 1e-300:
        margin = size / 2 if size > 1e-300 else 0.5
        low, high = low - margin, high + margin
    return np.linspace(low, high, 41)


def _rows(picks: npt.ArrayLike, name: str, count: int) -> npt.NDArray[np.int64]:
    rows = np.asarray(picks)
    if rows.size == 0:
        return np.empty(0, np.int64)
    if rows.ndim != 1 or rows.dtype.kind not in "iu" or rows.min() < 0 or rows.max() >= count:
        raise ValueError(f"picks[{name!r}]: expected rows of its {count} scores, got {picks!r}. Pass batch.indices.")
    return rows.astype(np.int64)


# --- information ------------------------------------------------------------------------------------------------------


def _draw_information(
    figure: Any, curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]], bound: tuple[str, float] | None
) -> None:
    points = {name: _as_curve(name, *curve) for name, curve in curves.items()}
    axes = figure.subplots()
    last = max((picks.max(initial=0) for picks, _ in points.values()), default=0)
    top = max((nats.max(initial=0) for _, nats in points.values()), default=0)
    if bound is not None:
        top = max(top, bound[1])
        axes.axhline(bound[1], color="#333333", linestyle="--", linewidth=1)
        axes.annotate(
            f"{bound[0]} = {bound[1]:.2f}: nothing left to tell",
            (0, bound[1]),
            (4, 4),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(0, 1.08 * top or 1)
    _name_axes(axes, "picks", "information about the model, nats")
    _draw_lines(axes, points, last)


def _name_axes(axes: Any, across: str, up: str) -> None:
    axes.set_xlabel(across, fontsize=10)
    axes.set_ylabel(up, fontsize=10, parse_math=False)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.xaxis.get_major_locator().set_params(integer=True)


def _draw_lines(axes: Any, points: Mapping[str, Curve], last: float) -> None:
    """Each name beside the end of its line, moved up or down where names would meet."""
    order = sorted(points, key=lambda name: -_end(points[name])[1])
    low, high = axes.get_ylim()
    inches = 0.85 * axes.figure.bbox.height / axes.figure.dpi  # of the axes, nearly
    places = _spread(np.array([_end(points[name])[1] for name in order]), LABEL * (high - low) / inches, low, high)
    for i, name in enumerate(points):
        rank = order.index(name)  # where lines meet, the one named first lies on top
        look: dict[str, Any] = {
            "color": COLOURS[i % len(COLOURS)],
            "linestyle": STYLES[i // len(COLOURS) % len(STYLES)],
        }
        axes.plot(*points[name], linewidth=1.5, clip_on=False, zorder=3 - rank / len(order), **look)
        axes.annotate(
            name,
            _end(points[name]),
            (1.07, places[rank]),
            textcoords=("axes fraction", "data"),
            color=look["color"],
            fontsize=8,
            va="center",
            annotation_clip=False,
            parse_math=False,
            arrowprops={"arrowstyle": "-", "linewidth": 0.6, "relpos": (0, 0.5), "shrinkA": 2, "shrinkB": 2, **look},
        )


def _end(curve: Curve) -> tuple[float, float]:
    return (float(curve[0][-1]), float(curve[1][-1])) if curve[0].size else (0.0, 0.0)


def _spread(values: npt.NDArray[np.float64], gap: float, low: float, high: float) -> list[float]:
    """Places near descending values, a gap apart, between low and high where they fit: runs that meet share their mean."""
    runs: list[list[float]] = []  # of values + rank * gap, which must not increase
    for rank, value in enumerate(values):
        runs.append([float(value) + rank * gap])
        while len(runs) > 1 and np.mean(runs[-1]) > np.mean(runs[-2]):
            last = runs.pop()
            runs[-1] += last
    level = np.repeat([np.mean(run) for run in runs], [len(run) for run in runs])
    lowest = low + (len(values) - 1) * gap
    return list(np.clip(level, lowest, max(lowest, high)) - gap * np.arange(len(values)))


def _as_curve(name: str, picks: npt.ArrayLike, nats: npt.ArrayLike) -> Curve:
    across, up = door.as_scores(picks, finite=True, name=name), door.as_scores(nats, finite=True, name=name)
    if across.size != up.size:
        raise ValueError(f"{name}: expected as many picks as nats, got {across.size} and {up.size}.")
    return across, up


def _figure(width: float, height: float) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'alcore[plot]'.") from error
    return Figure(figsize=(width, height), layout="constrained")
