"""Pictures of scores, information, learning curves, overlap and reliability."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import matplotlib.figure
import numpy as np
import pytest

import alcore
import alcore.bench
import alcore.plot
from alcore.plot.figure import ALL_ROWS, PICKED_ROWS

PNG = b"\x89PNG\r\n\x1a\n"
EVEN = np.linspace(0, 1, 50)


def soaked(*values: object) -> list[Any]:
    """Parameters of the soak alone."""
    return [pytest.param(value, marks=pytest.mark.soak) for value in values]


def png(figure: matplotlib.figure.Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", dpi=40)
    return stream.getvalue()


def heights(figure: matplotlib.figure.Figure, colour: str) -> float:
    """What the bars of one colour in the first panel add up to."""
    rgba = matplotlib.colors.to_rgba(colour)
    return sum(bar.get_height() for bar in figure.axes[0].patches if bar.get_facecolor() == rgba)


def texts(figure: matplotlib.figure.Figure) -> str:
    return " ".join(text.get_text() for text in figure.findobj(matplotlib.text.Text))


@pytest.mark.parametrize("panels", [1, 2, 4, *soaked(3, 5, 6, 7)])
def test_one_panel_a_heuristic(panels: int) -> None:
    figure = alcore.plot.scores({f"h{i}": EVEN for i in range(panels)})
    assert [axes.get_title() for axes in figure.axes] == [f"h{i}" for i in range(panels)]
    assert png(figure).startswith(PNG)


@pytest.mark.parametrize(
    "values",
    [
        [],
        [0.0],
        [0.5] * 9,
        [1e300] * 3,
        [5e-324, 0.0],
        [1.0, np.nextafter(1.0, 2), 1.0],
        [np.log(3), np.nextafter(np.log(3), 0)],
        [-2.0, -1.0],
        [np.inf, -np.inf],
        [1.0, np.inf, 2.0],
        [1, 2, 3],
        np.array([0.1, 0.2], np.float16),
    ],
)
def test_every_finite_score_is_in_a_bar(values: list[float]) -> None:
    figure = alcore.plot.scores({"h": values})
    assert heights(figure, ALL_ROWS) == np.isfinite(values).sum()
    assert png(figure).startswith(PNG)


def test_infinite_scores_are_counted_in_words() -> None:
    assert "infinite: 2 rows" in texts(alcore.plot.scores({"h": [np.inf, 1.0, -np.inf]}))
    assert "infinite" not in texts(alcore.plot.scores({"h": [0.0, 1.0]}))


@pytest.mark.parametrize("k", [0, 1, 10, 50])
def test_picks_are_drawn_over_all_rows(k: int) -> None:
    batch = alcore.top(EVEN, k)
    figure = alcore.plot.scores({"h": EVEN}, picks={"h": batch.indices})
    assert heights(figure, PICKED_ROWS) == k
    assert heights(figure, ALL_ROWS) == 50
    assert (f"first {k} picks" in texts(figure)) == (k > 0)
    assert png(figure).startswith(PNG)


def test_an_infinite_pick_is_no_bar() -> None:
    figure = alcore.plot.scores({"h": [0.0, np.inf]}, picks={"h": [1]})
    assert heights(figure, PICKED_ROWS) == 0


def test_the_legend_names_picks_of_any_panel() -> None:
    figure = alcore.plot.scores({"a": EVEN, "b": EVEN}, picks={"b": [1, 2], "unscored": [99]})
    assert "first 2 picks" in texts(figure)


@pytest.mark.parametrize("name", ["power-bald", r"$\frac$", "$x", "", "ß ½"])
def test_titles_are_words_not_formulas(name: str) -> None:
    assert png(alcore.plot.scores({name: EVEN}, title=name)).startswith(PNG)


@pytest.mark.parametrize("values", [[np.nan], np.zeros((2, 2)), 3.0, ["a"], np.ma.masked_array([1.0], [True])])
def test_what_is_no_score_is_refused_by_name(values: object) -> None:
    with pytest.raises((ValueError, TypeError), match="h: expected"):
        alcore.plot.scores({"h": values})


def test_no_scores_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        alcore.plot.scores({})


@pytest.mark.parametrize("picks", [[50], [-1], [0.5], [[1]], [True], alcore.top(EVEN, 2)])
def test_picks_that_are_no_rows_are_refused(picks: object) -> None:
    with pytest.raises(ValueError, match="expected rows of its 50 scores"):
        alcore.plot.scores({"h": EVEN}, picks={"h": picks})


def test_scores_are_left_as_they_were() -> None:
    values = EVEN.copy()
    values.flags.writeable = False
    alcore.plot.scores({"h": values}, picks={"h": np.arange(3)})
    np.testing.assert_array_equal(values, EVEN)


def test_no_global_state_of_pyplot() -> None:
    code = "import sys, alcore.plot; alcore.plot.scores({'h': [1, 2]}); print('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    "draw",
    [
        lambda: alcore.plot.scores({"h": EVEN}),
        lambda: alcore.plot.information({"h": ([0, 1], [0.0, 0.2])}),
        lambda: alcore.plot.overlap(["h"], [[1.0]]),
        lambda: alcore.plot.reliability({"h": alcore.bench.calibration(np.full((2, 2), 0.5), [0, 1])}),
    ],
)
def test_without_matplotlib_the_extra_is_named(draw: Callable[[], object], monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("figure", "colors"):
        monkeypatch.setitem(sys.modules, f"matplotlib.{name}", None)
    with pytest.raises(ImportError, match=r"alcore\[plot\]"):
        draw()


# --- information ------------------------------------------------------------------------------------------------------

CURVES = {f"h{i}": (np.arange(11), np.sqrt(np.arange(11.0) * (1 + i % 4))) for i in range(18)}


def lines(figure: matplotlib.figure.Figure) -> list[np.ndarray]:
    return [line.get_xydata() for line in figure.axes[0].lines]


@pytest.mark.parametrize("count", [1, 2, 18])
def test_a_line_and_a_name_for_each_heuristic(count: int) -> None:
    curves = dict(list(CURVES.items())[:count])
    figure = alcore.plot.information(curves, title="what they tell")
    assert png(figure).startswith(PNG)
    for line, (picks, nats) in zip(lines(figure), curves.values(), strict=True):
        np.testing.assert_array_equal(line, np.column_stack([picks, nats]))
    assert all(name in texts(figure) for name in (*curves, "what they tell"))
    looks = {(line.get_color(), str(line.get_linestyle()), str(line._dash_pattern)) for line in figure.axes[0].lines}
    assert len(looks) == count


@pytest.mark.parametrize("flat", [True, False])
def test_names_cover_neither_lines_nor_each_other(flat: bool) -> None:
    curves = {name: (picks, nats * 0 + 3) for name, (picks, nats) in CURVES.items()} if flat else CURVES
    figure = alcore.plot.information(curves, bound=("log T", 3.0 if flat else 12.0))
    figure.draw_without_rendering()
    axes = figure.axes[0]
    names = sorted(
        (matplotlib.text.Text.get_window_extent(text) for text in axes.texts if text.get_text() in curves),
        key=lambda box: box.y0,
    )
    assert len(names) == len(curves)
    assert all(box.x0 > axes.bbox.x1 for box in names)
    assert all(box.x1 <= figure.bbox.x1 for box in names)
    assert names[0].y0 >= 0
    assert names[-1].y1 <= figure.bbox.y1
    heights = [box.y0 + box.height / 2 for box in names]
    assert min(np.diff(heights)) > 0.55 * names[0].height


def test_the_bound_is_a_dashed_line_with_its_name() -> None:
    figure = alcore.plot.information({"h": ([0, 1, 2], [0.0, 0.5, 0.8])}, bound=("log T", 2.3026))
    assert "log T = 2.30" in texts(figure)
    assert any(line.get_linestyle() == "--" and line.get_ydata()[0] == 2.3026 for line in figure.axes[0].lines)
    assert figure.axes[0].get_ylim()[1] > 2.3026


@pytest.mark.parametrize("curve", [([0], [0.0]), ([], []), ([0, 10], [0.0, 0.0]), ([1, 2], [0.1, 0.3])])
@pytest.mark.parametrize("bound", [None, ("log T", 0.0), ("log T", 5.7)])
def test_short_and_flat_curves_are_drawn(
    curve: tuple[list[float], list[float]], bound: tuple[str, float] | None
) -> None:
    assert png(alcore.plot.information({"h": curve, "$x": curve}, bound=bound)).startswith(PNG)


def test_a_batch_reports_a_curve() -> None:
    batch = alcore.batchbald(np.random.default_rng(0).dirichlet(np.ones(3), size=(20, 5)).transpose(0, 2, 1), 3, rng=0)
    figure = alcore.plot.information({"batchbald": (range(1, 4), batch.information)})
    np.testing.assert_array_equal(lines(figure)[0][:, 1], batch.information)


@pytest.mark.parametrize(
    ("curves", "expected"),
    [
        ({}, "at least one"),
        ({"h": ([0, 1], [0.0])}, "h: expected as many picks as nats, got 2 and 1"),
        ({"h": ([0, 1], [0.0, np.nan])}, "h: expected"),
        ({"h": ([0, 1], [0.0, np.inf])}, "h: expected"),
        ({"h": ([[0]], [[0.0]])}, "h: expected"),
    ],
)
def test_what_is_no_curve_is_refused(curves: dict[str, tuple[list[float], list[float]]], expected: str) -> None:
    with pytest.raises(ValueError, match=expected):
        alcore.plot.information(curves)


@pytest.mark.parametrize("panels", [1, 7, *soaked(3, 10)])
def test_both_side_by_side(panels: int) -> None:
    scores = {f"h{i}": EVEN for i in range(panels)}
    figure = alcore.plot.comparison(CURVES, scores, bound=("log T", 7.0), picks={"h0": [1, 2]})
    assert [axes.get_title() for axes in figure.axes] == ["information of the picks", *scores]
    assert "first 2 picks" in texts(figure)
    assert png(figure).startswith(PNG)


def test_both_side_by_side_with_some_in_colour() -> None:
    """The others are grey, and have no name beside their lines."""
    some, *others = CURVES
    figure = alcore.plot.comparison(CURVES, {"a": EVEN}, highlight=[some])
    shown = [text.get_text() for text in figure.axes[0].texts]
    assert some in shown
    assert not set(others) & set(shown)
    assert len(figure.axes[0].lines) >= len(CURVES)


def test_what_is_missing_is_left_out() -> None:
    assert len(alcore.plot.comparison(CURVES, {}).axes) == 1
    assert len(alcore.plot.comparison({}, {"a": EVEN, "b": EVEN}).axes) == 2
    with pytest.raises(ValueError, match="at least one"):
        alcore.plot.comparison({}, {})


def test_learning_curves_with_their_intervals() -> None:
    rng = np.random.default_rng(0)
    runs = {
        name: alcore.Curves(np.array([20, 30, 40]), {"accuracy": rng.random((seeds, 3))}, np.arange(seeds))
        for name, seeds in (("bald", 4), ("random", 1), ("$x_1$", 3))
    }
    figure = alcore.plot.curves(runs, "accuracy", title="$digits$")
    (axes,) = figure.axes
    assert [line.get_ydata().tolist() for line in axes.lines] == [
        curve.metrics["accuracy"].mean(axis=0).tolist() for curve in runs.values()
    ]
    assert len(axes.collections) == 2  # one run tells no interval
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("labels", "accuracy")
    assert axes.get_xlim() == (20, 40)
    figure.savefig(io.BytesIO(), format="svg")
    for wrong, words in (({}, "at least one name"), ({"a": runs["bald"]}, "expected one of accuracy, got 'f1'")):
        with pytest.raises(ValueError, match=words):
            alcore.plot.curves(wrong, "f1")


def test_learning_curves_end_where_they_end_and_mark_the_horizon() -> None:
    runs = {
        name: alcore.Curves(np.arange(count), {"draws": np.exp(-np.arange(count) * np.ones((3, 1)))}, np.arange(3))
        for name, count in (("long", 9), ("short", 4))
    }
    figure = alcore.plot.curves(runs, "draws", horizon=3, log=True)
    (axes,) = figure.axes
    assert axes.get_yscale() == "log"
    assert "compared up to here" in texts(figure)
    ends = {tuple(line.get_xdata())[-1] for line in axes.lines}
    assert {8, 3} <= ends
    figure.savefig(io.BytesIO(), format="svg")


@pytest.mark.parametrize("horizon", [0, 3, 8])
def test_words_at_the_horizon_stay_off_the_names(horizon: int) -> None:
    runs = {name: alcore.Curves(np.arange(9), {"draws": np.ones((1, 9))}, np.arange(1)) for name in "ab"}
    figure = alcore.plot.curves(runs, "draws", horizon=horizon)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    (words,) = (text for text in axes.texts if text.get_text() == "compared up to here")
    box = matplotlib.text.Text.get_window_extent(words)
    assert axes.bbox.x0 <= box.x0
    assert box.x1 <= axes.bbox.x1


@pytest.mark.parametrize("letters", [5, 60])
def test_names_leave_room_for_the_cells_of_overlap(letters: int) -> None:
    figure = alcore.plot.overlap(["m" * letters, "b"], np.eye(2))
    figure.draw_without_rendering()
    assert figure.axes[0].bbox.width / figure.dpi > 2 * 0.25


@pytest.mark.parametrize("count", [1, 2, 5, *soaked(20)])
def test_overlap_is_a_table_of_percentages(count: int) -> None:
    shares = np.eye(count)
    shares[0, -1] = shares[-1, 0] = np.nan if count > 2 else shares[0, -1]
    figure = alcore.plot.overlap([f"$heuristic_{i}$" for i in range(count)], shares)
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers.count("100") == count
    assert numbers.count("") == (2 if count > 2 else 0)
    figure.savefig(io.BytesIO(), format="svg")


def test_overlap_refuses_what_is_no_table() -> None:
    for names, shares in ((["a"], [[1.0, 0.0]]), ([], np.ones((0, 0))), (["a", "b"], np.ones(2))):
        with pytest.raises(ValueError, match="expected shape"):
            alcore.plot.overlap(names, shares)
    with pytest.raises(ValueError, match="from -1 to 1, got 3"):
        alcore.plot.overlap(["a", "b"], [[1, 3], [0, 1]])


def test_reliability_has_a_point_for_each_bin_with_rows() -> None:
    rng = np.random.default_rng(0)
    probs = rng.dirichlet(np.ones(3), size=200)
    found = alcore.bench.calibration(probs, rng.integers(3, size=200))
    figure = alcore.plot.reliability({"before": found, "$after$": found})
    upper, lower = figure.axes
    assert len(upper.lines) == 3  # and the diagonal
    assert upper.lines[1].get_xdata().size == (found.counts > 0).sum()
    assert sum(bar.get_height() for bar in lower.patches) == 2 * 200
    figure.savefig(io.BytesIO(), format="svg")
    with pytest.raises(ValueError, match="at least one"):
        alcore.plot.reliability({})
