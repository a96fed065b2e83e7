"""How many rows batches share, as a shaded table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from alcore.plot.figure import ALL_ROWS, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

CELL, MARGIN, LETTER = 0.34, 2.0, 0.11  # inches; names stand in the margin, an m takes most
DARK = 0.55  # share from which a cell is too dark for black numbers


def overlap(names: Sequence[str], shares: npt.ArrayLike, *, title: str = "") -> Figure:
    """Draw the overlap of each pair of heuristics as a shaded table with numbers in %.

    The overlap of two batches is the Jaccard index: the rows that both picked, over the rows that at least one of them picked.

    Args:
        names: H names of heuristics.
        shares: (H, H) numbers from −1 to 1, NaN for an empty cell. `alcore.bench.Comparison` has ``overlap`` and
            ``rank_correlation``.
        title: title of the figure.

    Returns:
        A matplotlib Figure. ``figure.savefig("overlap.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: for another shape, and for numbers outside −1 to 1.

    >>> import alcore.plot
    >>> figure = alcore.plot.overlap(["bald", "entropy"], [[1.0, 0.25], [0.25, 1.0]])
    >>> [text.get_text() for text in figure.axes[0].texts]
    ['100', '25', '25', '100']
    """
    table = np.asarray(shares, np.float64)
    if not names or table.shape != (len(names), len(names)):
        raise ValueError(
            f"shares: expected shape ({len(names)}, {len(names)}), one row and one column for each name, got {table.shape}."
        )
    if np.nanmax(np.abs(table), initial=0) > 1 + 1e-9:
        raise ValueError(f"shares: expected numbers from -1 to 1, got {table.flat[np.nanargmax(np.abs(table))]}.")
    side = CELL * len(names) + max(MARGIN, LETTER * max(map(len, names)) + CELL)
    figure = new_figure(side, side)
    from matplotlib.colors import LinearSegmentedColormap  # after the line that says what is missing without it

    axes = figure.subplots()
    shades = LinearSegmentedColormap.from_list("", ["#ffffff", ALL_ROWS])
    edges = np.arange(len(names) + 1) - 0.5
    axes.pcolormesh(edges, edges, np.abs(table), cmap=shades, vmin=0, vmax=1)
    axes.set_aspect("equal")
    axes.invert_yaxis()
    for (i, j), share in np.ndenumerate(table):
        text = "" if np.isnan(share) else f"{100 * share:.0f}".replace("-0", "0")
        axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if abs(share) > DARK else "black")
    places = range(len(names))
    axes.set_xticks(places, names, rotation=90, fontsize=8, parse_math=False)
    axes.set_yticks(places, names, fontsize=8, parse_math=False)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    figure.suptitle(title, parse_math=False)
    return figure
