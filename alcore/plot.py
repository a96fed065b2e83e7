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

PICKED, ALL = "#d1495b", "#30638e"


def scores(
    scores_by_name: Mapping[str, npt.ArrayLike], *, picks: Mapping[str, npt.ArrayLike] | None = None, title: str = ""
) -> Figure:
    """Histograms of score distributions, one panel a heuristic, infinite scores counted apart.

    Args:
        scores_by_name: name -> (N,) scores.
        picks: name -> (k,) rows selected, drawn over the histogram of all rows.
        title: of the whole figure.

    Returns: a matplotlib Figure; ``figure.savefig("scores.png")`` writes it.
    Raises: ImportError without matplotlib; ValueError for no scores, NaN or another shape.

    >>> import alcore.plot
    >>> figure = alcore.plot.scores({"bald": [0.1, 0.2, 0.2], "entropy": [0.5, 1.0, 0.7]})
    >>> len(figure.axes)
    2
    """
    if not scores_by_name:
        raise ValueError("scores_by_name: expected at least one heuristic, got none.")
    arrays = {name: door.as_scores(values, name=name) for name, values in scores_by_name.items()}
    columns = min(3, len(arrays))
    rows = math.ceil(len(arrays) / columns)
    figure = _figure(columns, rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, values) in zip(grid, arrays.items(), strict=False):
        chosen = np.asarray((picks or {}).get(name, []), np.int64)
        _draw_histogram(axes, name, values, values[chosen])
    for axes in grid[len(arrays) :]:
        axes.remove()
    if picks:
        figure.legend(*grid[0].get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title)
    figure.supylabel("rows", fontsize=10)
    return figure


def _draw_histogram(axes: Any, name: str, values: npt.NDArray[Any], chosen: npt.NDArray[Any]) -> None:
    finite = values[np.isfinite(values)]
    bins = np.histogram_bin_edges(finite, bins=40) if finite.size else np.array([0.0, 1.0])
    axes.hist(finite, bins=bins, color=ALL, label="all rows")
    if chosen.size:
        axes.hist(chosen[np.isfinite(chosen)], bins=bins, color=PICKED, label=f"first {chosen.size} picks")
    axes.set_title(name, fontsize=10)
    axes.set_yscale("symlog", linthresh=1)
    axes.set_ylim(bottom=0)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    if finite.size < values.size:
        axes.text(
            0.98, 0.95, f"infinite: {values.size - finite.size} rows", transform=axes.transAxes, ha="right", va="top"
        )


def _figure(columns: int, rows: int) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'alcore[plot]'.") from error
    return Figure(figsize=(3.4 * columns, 2.4 * rows + 0.6), layout="constrained")
