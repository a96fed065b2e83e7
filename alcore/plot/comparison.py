"""Information and scores side by side."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from alcore.plot.figure import new_figure
from alcore.plot.information import draw_information, information
from alcore.plot.lines import NAME_HEIGHT, as_highlight
from alcore.plot.scores import draw_scores, scores

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def comparison(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    scores_by_name: Mapping[str, npt.ArrayLike],
    *,
    bound: tuple[str, float] | None = None,
    picks: Mapping[str, npt.ArrayLike] | None = None,
    highlight: Sequence[str] | None = None,
) -> Figure:
    """Draw `information` and `scores` side by side, as ``alcore bench --plot`` does.

    One of ``curves`` and ``scores_by_name`` may be empty. The figure shows only the other one then.

    Args:
        curves: name -> (picks, nats), as in `information`.
        scores_by_name: name -> (N,) scores, as in `scores`.
        bound: name and nats of the most that a batch can tell, as in `information`.
        picks: name -> (k,) rows selected, as in `scores`.
        highlight: the curves that are drawn in colour, as in `information`.

    Returns:
        A matplotlib Figure. ``figure.savefig("comparison.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: if both are empty, and what `information` and `scores` raise.

    >>> import alcore.plot
    >>> figure = alcore.plot.comparison({"bald": ([0, 1], [0.0, 0.2])}, {"bald": [0.1, 0.2, 0.2]})
    >>> [axes.get_title() for axes in figure.axes]
    ['information of the picks', 'bald']
    """
    titles = "information of the picks", "scores of all rows and of the rows picked"
    if not scores_by_name:
        return information(curves, bound=bound, title=titles[0], highlight=highlight)
    shown = as_highlight(highlight, curves)
    if not curves:
        return scores(scores_by_name, picks=picks, title=titles[1])
    columns = min(2, len(scores_by_name)) if len(scores_by_name) < 7 else 3
    rows = math.ceil(len(scores_by_name) / columns)
    height = max(4.8, 1.5 * rows + 1.2, NAME_HEIGHT * len(shown) + 1.4)
    figure = new_figure(6.2 + 2.4 * columns, height)
    sides: Any = figure.subfigures(1, 2, width_ratios=(6.2, 2.4 * columns), wspace=0.02)
    left, right = sides
    draw_information(left, curves, bound, shown)
    left.axes[0].set_title(titles[0])
    draw_scores(right, scores_by_name, picks or {}, columns)
    right.suptitle(titles[1])
    return figure
