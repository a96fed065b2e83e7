"""Information of batches against picks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from alcore.plot.figure import new_figure
from alcore.plot.lines import NAME_HEIGHT, as_curve, as_highlight, draw_lines, name_axes

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def information(
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    *,
    bound: tuple[str, float] | None = None,
    highlight: Sequence[str] | None = None,
    title: str = "",
) -> Figure:
    """Draw the joint information I(y_S; θ) of batches against the number of picks, one line for each heuristic.

    Args:
        curves: name -> (picks, nats): numbers of picks and the information after them. `alcore.bench.Comparison` has them as
            ``information_curves``. For a `Batch` that reports its information: ``(range(1, k + 1), batch.information)``.
        bound: name and nats of the most that a batch can tell, such as ``("log T", 5.7)``. Drawn as a dashed line.
        highlight: the names that are drawn in colour. The others are grey and have no name beside them. The default is all.
        title: title of the figure.

    Returns:
        A matplotlib Figure. ``figure.savefig("information.png")`` writes it.

    Raises:
        ImportError: without matplotlib.
        ValueError: for no curves, for NaN or infinity, and for a curve with unequal numbers of picks and nats.

    >>> import alcore.plot
    >>> figure = alcore.plot.information({"bald": ([0, 1, 2], [0.0, 0.7, 0.9])}, bound=("log T", 1.1))
    >>> len(figure.axes[0].lines)
    2
    """
    if not curves:
        raise ValueError("curves: expected at least one heuristic, such as {'bald': (picks, nats)}, got none.")
    shown = as_highlight(highlight, curves)
    figure = new_figure(7.2, max(4.4, NAME_HEIGHT * len(shown) + 1.2))
    draw_information(figure, curves, bound, shown)
    figure.suptitle(title, parse_math=False)
    return figure


def draw_information(
    figure: Any,
    curves: Mapping[str, tuple[npt.ArrayLike, npt.ArrayLike]],
    bound: tuple[str, float] | None,
    highlight: Sequence[str],
) -> None:
    points = {name: as_curve(name, *curve) for name, curve in curves.items()}
    axes = figure.subplots()
    last = max((picks.max(initial=0) for picks, _ in points.values()), default=0)
    top = max((nats.max(initial=0) for _, nats in points.values()), default=0)
    if bound is not None:
        top = max(top, bound[1])
        axes.axhline(bound[1], color="#333333", linestyle="--", linewidth=1)
        axes.annotate(
            f"{bound[0]} = {bound[1]:.2f}, the most that a batch can tell",
            (0, bound[1]),
            (4, 4),
            textcoords="offset points",
            fontsize=8,
            parse_math=False,
        )
    axes.set_xlim(0, max(last, 1))
    axes.set_ylim(0, 1.08 * top or 1)
    name_axes(axes, "picks", "information about the model, nats")
    draw_lines(axes, points, highlight)
