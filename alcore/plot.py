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
    arrays = {name: door.as_scores(values, name=name) for name, values in scores_by_name.items()}
    columns = min(3, len(arrays))
    rows = math.ceil(len(arrays) / columns)
    figure = _figure(columns, rows)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, (name, values) in zip(grid, arrays.items(), strict=False):
        _draw_histogram(axes, name, values, values[_rows((picks or {}).get(name, ()), name, values.size)])
    for axes in grid[len(arrays) :]:
        axes.remove()
    if picks:
        drawn = {
            text: bars for axes in figure.axes for bars, text in zip(*axes.get_legend_handles_labels(), strict=True)
        }
        figure.legend(drawn.values(), drawn.keys(), loc="outside lower center", ncols=2, frameon=False)
    figure.suptitle(title, parse_math=False)
    figure.supylabel("rows", fontsize=10)
    return figure


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


def _figure(columns: int, rows: int) -> Figure:
    try:
        from matplotlib.figure import Figure
    except ImportError as error:
        raise ImportError("pictures need matplotlib: pip install 'alcore[plot]'.") from error
    return Figure(figsize=(3.4 * columns, 2.4 * rows + 0.6), layout="constrained")
