"""The report: a comparison as one HTML page that needs no network."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from alcore import plot
from alcore.bench.comparison import Comparison
from alcore.bench.fresh_draws import FARTHEST, FreshDraws
from alcore.bench.labels import Ints
from alcore.bench.lead import among, highlighted
from alcore.bench.replay import Gain, Replay, Share
from alcore.bench.summary import sentences as sentences_of
from alcore.bench.tables import Columns
from alcore.bench.temperature_scaling import Tempering
from alcore.loop.curves import Curves
from alcore.sources.files import whole_file

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SHOWN_PICKS = 5
SHOWN_CERTAIN = 10
ENDS = {
    "gaussian": "A curve ends when the labels of one of its runs have decided over 90 % of the directions of the draws.",
    "reweighted": "A curve ends when the draws of one of its runs are exhausted.",
}
PIXELS_PER_INCH = 100  # the largest scale of a picture
MOST_CLASSES = 60  # the most columns of a table
MOST_POINTS = 60  # the most points of a curve
SVG: dict[Any, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "alcore",
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
}
IDS = re.compile(r'(\bid="|href="#|url\(#)(?=[^<>]*>)')  # only inside tags: after text the next angle bracket is a <
PATHS = re.compile(r'(?<= d=")[^"]*')
DIGITS = re.compile(r"(\.\d)\d+")  # finer than a tenth of a point
TEMPLATE = Path(__file__).with_name("report.html")


class Cell(NamedTuple):
    """The text of a cell, and the number by which rows are sorted. None sorts by the text."""

    text: str
    value: float | None = None


@dataclass(frozen=True)
class Table:
    caption: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Cell]]


class Picture(NamedTuple):
    caption: str
    svg: str


@dataclass(frozen=True)
class Section:
    id: str
    title: str
    words: Sequence[str] = ()
    pictures: Sequence[Picture] = ()
    tables: Sequence[Table] = field(default_factory=tuple)


def write_report(
    result: Comparison,
    file: str | os.PathLike[str],
    *,
    source: str = "",
    sentences: Sequence[str] | None = None,
    highlight: Sequence[str] = (),
) -> None:
    """Write a comparison as one HTML page: first a summary in words, then tables that can be sorted, and pictures as SVG.

    The page needs no network, and the text in its pictures can be searched.

    Args:
        result: the `Comparison` that `alcore.bench.compare` returned.
        file: the .html file to write. It appears under its name when it is complete.
        source: where the predictions came from, for the title.
        highlight: names of heuristics that pictures show in colour, beside the best three and Random. The others are grey, and the
            pointer names them.
        sentences: the summary. By default `alcore.bench.sentences` of the result.

    Raises:
        ImportError: without Jinja2 or matplotlib: ``pip install 'alcore[report]'``.
        ValueError: if the folder does not exist, and for a name in ``highlight`` that was not compared.

    >>> import alcore.bench, numpy, pathlib, tempfile
    >>> probs = numpy.random.default_rng(0).dirichlet(numpy.ones(3), size=(50, 8)).transpose(0, 2, 1)
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "report.html"
    >>> alcore.bench.write_report(alcore.bench.compare(probs, heuristics=["bald", "random"], rng=0), file)
    >>> "How to read this" in file.read_text()
    True
    """
    try:
        import matplotlib
        from jinja2 import Environment
    except ImportError as error:
        raise ImportError("reports need Jinja2 and matplotlib: pip install 'alcore[report]'.") from error
    shown = highlighted(result, highlight)
    with matplotlib.rc_context(SVG):
        sections = list(_sections(result, _SvgPictures(), shown))
    page = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string(TEMPLATE.read_text("utf-8"))
    shape = " × ".join(f"{n:,}" for n in result.shape)
    text = page.render(
        title=f"Heuristics compared on {source}" if source else "Heuristics compared",
        about=f"Predictions of shape {shape} (rows, classes, …, draws). Batches of {len(result.batches[0])} rows.",
        sentences=sentences_of(result) if sentences is None else sentences,
        sections=sections,
    )
    with whole_file(file) as stream:
        stream.write(text.encode())


class _SvgPictures:
    """Turns figures into SVG for one page. Text stays text, and each id is used once."""

    def __init__(self) -> None:
        self._count = 0

    def __call__(self, caption: str, figure: Figure, lines: Collection[str] = ()) -> Picture:
        """``lines``: the names of the lines, in their order. The pointer shows them."""
        self._count += 1
        prefix, stream = f"p{self._count}-", io.StringIO()
        figure.savefig(stream, format="svg", metadata={"Date": None, "Creator": None, "Format": None, "Type": None})
        svg = stream.getvalue()
        svg = IDS.sub(rf"\g<1>{prefix}", svg[svg.index("<svg") :])
        for i, name in enumerate(lines):
            line = f'<g id="{prefix}line-{i}">'
            svg = svg.replace(line, f"{line}<title>{_escaped(name)}</title>")
        svg = PATHS.sub(lambda path: DIGITS.sub(r"\1", path[0]), svg)
        head, rest = svg.split(">", 1)
        head = re.sub(r'\s(?:width|height)="[^"]*"', "", head)
        widest = PIXELS_PER_INCH * figure.get_size_inches()[0]
        attributes = f' role="img" aria-label="{_escaped(caption)}" style="--widest: {widest:.0f}px"'
        return Picture(caption, f"{head}{attributes}>{rest}")


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;").replace(">", "&gt;")


def _sections(result: Comparison, draw: _SvgPictures, shown: list[str]) -> Iterator[Section]:
    """What the labels are worth first, then the batches, then what they cost."""
    for replay in result.replays:
        yield _replay_section(replay, draw, shown)
    if result.fresh_draws:
        yield _fresh_section(result)
    if result.information_curves:
        limit = None if result.information_bound is None else ("upper bound", result.information_bound)
        figure = plot.information(
            result.information_curves, bound=limit, highlight=among(shown, result.information_curves)
        )
        picture = draw("Joint information of the first picks, nats", figure, result.information_curves)
        yield Section("information", "Information of the batches", pictures=[picture])
    tables = result.tables()
    if result.tempering is not None:
        yield _calibration_section(result.tempering, tables["calibration"], draw)
    yield Section("heuristics", "Batches, time and memory", tables=[_heuristics_table(result)])
    yield Section("alike", "Agreement of the heuristics", pictures=list(_agreement_pictures(result, draw)))
    if class_tables := list(_class_tables(tables)):
        yield Section("classes", "Classes of the picks", tables=class_tables)
    if result.scores:
        picks = {name: batch.indices for name, batch in zip(result.names, result.batches, strict=True)}
        figure = plot.scores(result.scores, picks=picks)
        yield Section("scores", "Scores", pictures=[draw("Scores of all rows and of the picks", figure)])
    if result.left_out:
        reasons = [f"{part}: {why}." for part, why in result.left_out.items()]
        yield Section("left-out", "Parts that are left out", reasons)


def _fresh_section(result: Comparison) -> Section:
    draws, k = result.shape[-1], len(result.batches[0])
    words = [
        f"With other {draws} draws of the same posterior each heuristic would pick partly other rows. The overlap was measured on "
        "disjoint parts of the draws, and extended from half of the draws to all of them."
    ]
    found = result.fresh_draws
    columns: dict[str, list[Cell]] = {"heuristic": [Cell(name) for name in found]}
    columns["picks that fresh draws pick too, %"] = [
        Cell(f"{100 * one.overlap:.0f} ({100 * one.low:.0f} – {100 * one.high:.0f})", one.overlap)
        for one in found.values()
    ]
    columns["certain picks"] = [
        Cell("not known") if one.certain is None else _number(int(one.certain.sum()), "d") for one in found.values()
    ]
    columns["rows of certain picks"] = [
        Cell(
            "–"
            if one.certain is None
            else " ".join(map(str, batch.indices[one.certain][:SHOWN_CERTAIN].tolist())) or "–"
        )
        for one, batch in zip(found.values(), result.batches, strict=True)
    ]
    columns["draws for 80 %"] = [_enough_cell(one) for one in found.values()]
    return Section(
        "draws", "Are there enough draws?", words, tables=[_table(f"Batches of {k}, {draws} draws", columns)]
    )


def _enough_cell(one: FreshDraws) -> Cell:
    ends = [f"{value:,.0f}" if np.isfinite(value) else f"> {FARTHEST * one.draws:,}" for value in _ends(one)]
    return Cell(f"{ends[0]} ({ends[1]} – {ends[2]})", min(one.enough, 1e9))


def _ends(one: FreshDraws) -> tuple[float, float, float]:
    return one.enough, one.enough_low, one.enough_high


def _heuristics_table(result: Comparison) -> Table:
    columns: dict[str, list[Cell]] = {"heuristic": [Cell(name) for name in result.names]}
    columns["time, ms"] = [_number(1e3 * value, ".2f") for value in result.seconds]
    columns["probabilities per second"] = [
        Cell("–") if name == "random" else _number(value, ",.0f")
        for name, value in zip(result.names, result.throughput, strict=True)
    ]
    if result.memory is not None:
        columns["peak memory, MiB"] = [_number(value / 2**20, ".2f") for value in result.memory]
    if result.information is not None and result.information_error is not None and result.redundancy is not None:
        pairs = zip(result.information, result.information_error, strict=True)
        columns["information, nats"] = [Cell(f"{value:.3f} ± {error:.3f}", float(value)) for value, error in pairs]
        if result.information_bound:
            columns["share of the bound, %"] = [
                _number(100 * value / result.information_bound, ".1f") for value in result.information
            ]
            columns["picks until 99 % of the bound"] = [
                Cell("not reached") if n is None else Cell(str(n), n) for n in result.saturation
            ]
        columns["redundancy, nats"] = [_number(value, ".3f") for value in result.redundancy]
    if result.near_duplicates is not None:
        columns["near-duplicates"] = [_number(int(n), "d") for n in result.near_duplicates]
    columns["first picks"] = [
        Cell(" ".join(map(str, batch.indices[:SHOWN_PICKS].tolist()))) for batch in result.batches
    ]
    return _table(f"Batches of {len(result.batches[0])} rows. Click a heading to sort.", columns)


def _replay_section(replay: Replay, draw: _SvgPictures, shown: list[str]) -> Section:
    way = "one label at a time" if replay.size == 1 else f"in batches of {replay.size}"
    words = [f"All heuristics are compared up to {replay.horizon} labels."]
    if replay.exhausted:
        words.append(ENDS[replay.posterior])
    mark = replay.horizon or None
    curves = {name: _with_fewer_points(curve) for name, curve in replay.curves.items()}
    shown = among(shown, curves)
    if len(shown) < len(curves):
        words.append("The best three, Random and those you chose are in colour. Point at a grey line to see its name.")
    pictures = [
        draw(
            f"{metric} of the test set against labels, {way}",
            plot.curves(curves, metric, horizon=mark, highlight=shown),
            curves,
        )
        for metric in replay.metrics
    ]
    left = replay.what_is_left
    draws_left = plot.curves(curves, left, horizon=mark, log=replay.posterior == "reweighted", highlight=shown)
    pictures.append(draw(f"{left} against labels, {way}", draws_left, curves))
    return Section(f"replay-{replay.size}", f"Replay, {way}", words, pictures, [_replay_table(replay)])


def _with_fewer_points(curve: Curves) -> Curves:
    """The points that a picture shows, with the first and the last of the curve."""
    count = len(curve.labels)
    kept = np.unique(np.linspace(0, count - 1, min(count, MOST_POINTS)).round().astype(np.int64))
    return curve.at(kept)


def _replay_table(replay: Replay) -> Table:
    columns: dict[str, list[Cell]] = {"heuristic": [Cell(name) for name in replay.curves]}
    for metric in replay.metrics:
        columns[metric] = [_metric_cell(replay, name, metric) for name in replay.curves]
    shares, gains = replay.labels_like(), replay.gains_over()
    columns["labels needed, % of Random's"] = [_share_cell(shares.get(name)) for name in replay.curves]
    columns["gain over Random, nats"] = [_gain_cell(gains.get(name)) for name in replay.curves]
    columns["labels bought: fewest – median – most"] = [_ended_cell(replay.ended[name]) for name in replay.curves]
    return _table(f"Means over the runs at {replay.horizon} labels, with 95 % intervals", columns)


def _metric_cell(replay: Replay, name: str, metric: str) -> Cell:
    curve = replay.curves[name]
    place = int(np.searchsorted(curve.labels, replay.horizon))
    low, high = (values[place] for values in curve.interval(metric))
    mean = float(curve.mean(metric)[place])
    return Cell(f"{mean:.4f}" + (f" ± {(high - low) / 2:.4f}" if np.isfinite(high - low) else ""), mean)


def _share_cell(share: Share | None) -> Cell:
    if share is None or np.isnan(share.share):
        return Cell("–")
    percent, low, high = (
        "∞" if np.isinf(value) else "?" if np.isnan(value) else f"{100 * value:.0f}"
        for value in (share.share, share.low, share.high)
    )
    return Cell(f"{percent} ({low} – {high}) of {share.labels}", min(share.share, 1e9))


def _gain_cell(gain: Gain | None) -> Cell:
    if gain is None:
        return Cell("–")
    interval = f" ({gain.low:+.4f} – {gain.high:+.4f})" if np.isfinite(gain.low) else ""
    return Cell(f"{gain.gain:+.4f}{interval} at {gain.labels}", gain.gain)


def _ended_cell(counts: Ints) -> Cell:
    """The fewest, the median and the most labels of the runs."""
    middle = float(np.median(counts))
    return Cell(f"{counts.min()} – {middle:.0f} – {counts.max()}", middle)


def _calibration_section(tempering: Tempering, columns: Columns, draw: _SvgPictures) -> Section:
    reliability = plot.reliability(tempering.states)
    return Section(
        "calibration",
        "Calibration of the test set",
        pictures=[draw("Accuracy against confidence. On the diagonal they are equal.", reliability)],
        tables=[_table_of_columns("All draws, before any label", columns, ".4f")],
    )


def _agreement_pictures(result: Comparison, draw: _SvgPictures) -> Iterator[Picture]:
    yield draw(
        "Rows that both picked, in % of the rows that at least one picked", plot.overlap(result.names, result.overlap)
    )
    if result.rank_correlation is None:
        return
    kept = [i for i, row in enumerate(result.rank_correlation) if not np.isnan(row).all()]
    if len(kept) > 1:
        names, shares = [result.names[i] for i in kept], result.rank_correlation[np.ix_(kept, kept)]
        yield draw("Rank correlation of the scores of all rows, in %", plot.overlap(names, shares))


def _class_tables(tables: dict[str, Columns]) -> Iterator[Table]:
    for caption, name in (
        ("Picks of each class, by their labels", "classes"),
        ("Picks of each class, as predicted", "predicted classes"),
    ):
        if name in tables and len(tables[name]) <= MOST_CLASSES:
            yield _table_of_columns(caption, tables[name])


def _table_of_columns(caption: str, columns: Columns, form: str = "") -> Table:
    """A table of a comparison. ``form`` is the format of numbers that are not whole."""
    cells = {name: [_cell(value, form) for value in values.tolist()] for name, values in columns.items()}
    return _table(caption, cells)


def _cell(value: str | float, form: str) -> Cell:
    return Cell(value) if isinstance(value, str) else _number(value, form if isinstance(value, float) else "d")


def _number(value: float, form: str) -> Cell:
    return Cell(format(value, form), float(value))


def _table(caption: str, columns: dict[str, list[Cell]]) -> Table:
    return Table(caption, list(columns), list(zip(*columns.values(), strict=True)))
