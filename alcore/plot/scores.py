"""Histograms of scores."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.plot.figure import ALL_ROWS, PICKED_ROWS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def scores(
    scores_by_name: Mapping[str, npt.ArrayLike], *, picks: Mapping[str, npt.ArrayLike] | None = None, title: str = ""
) -> Figure:
    """Draw histograms of scores, one panel for each heuristic. Infinite scores are counted in a note.

    Args:
        scores_by_name: name -> (N,) scores, in the heuristic's units.
        picks: name -> (k,) rows selected, drawn over the histogram of all rows. Names without scores are left out.
        title: title of the figure.

    Returns:
        A matplotlib Figure. ``figure.savefig("scores.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: for no scores, NaN, another shape, and picks that are not row numbers.

    >>> import alcore.plot
    >>> figure = alcore.plot.scores({"bald": [0.1, 0.2, 0.2], "entropy": [0.5, 1.0, 0.7]})
    >>> len(figure.axes)
    2
    """
    if not scores_by_name:
        raise ValueError("scores_by_name: expected at least one heuristic, such as {'bald': scores}, got none.")
    columns = min(3, len(scores_by_name))
    figure = new_figure(3.4 * columns, 2.4 * math.ceil(len(scores_by_name) / columns) + 0.6)
    draw_scores(figure, scores_by_name, picks or {}, columns)
    figure.suptitle(title, parse_math=False)
    return figure


def draw_scores(
    figure: Any, scores_by_name: Mapping[str, npt.ArrayLike], picks: Mapping[str, npt.ArrayLike], columns: int
) -> None:
    arrays = {name: door.as_scores(values, name=name) for name, values in scores_by_name.items()}
    grid = figure.subplots(math.ceil(len(arrays) / columns), columns, squeeze=False).ravel()
    for axes, (name, values) in zip(grid, arrays.items(), strict=False):
        _draw_histogram(axes, name, values, values[_rows(picks.get(name, ()), name, values.size)])
    for axes in grid[len(arrays) :]:
        axes.remove()
    if picks:
        legend = {
            text: bars for axes in figure.axes for bars, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(legend.values(), legend.keys(), loc="outside lower center", ncols=2, frameon=False)
    figure.supylabel("rows", fontsize=10)


def _draw_histogram(axes: Any, name: str, values: npt.NDArray[Any], picked: npt.NDArray[Any]) -> None:
    finite = values[np.isfinite(values)]
    bins = _bin_edges(finite)
    axes.hist(finite, bins=bins, color=ALL_ROWS, label="all rows")
    if picked.size:
        axes.hist(picked[np.isfinite(picked)], bins=bins, color=PICKED_ROWS, label=f"first {picked.size} picks")
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
    """Edges of 40 bins of equal width. If all values are equal up to rounding, the bins lie around them."""
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
