"""The command line: ``alcore score | select | bench``."""

from __future__ import annotations

import csv
import io
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np

try:
    import typer
    import typer.core
    from rich import box
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table
except ImportError as error:
    raise SystemExit(f"alcore: the command line needs typer and rich: pip install 'alcore[cli]' ({error})") from error

import alcore
from alcore.batch import Batch
from alcore.bench.compare import DEFAULT, JOINT, Comparison, compare
from alcore.heuristics import Heuristic, Random, RowWise
from alcore.heuristics.base import Joint
from alcore.store import NoMember, whole_file
from alcore.stream import open_source


class OneSentence(typer.core.TyperGroup):
    """Wrong arguments are one sentence and exit code 2, as wrong files are, not a page of usage."""

    def main(self, *args: Any, **extra: Any) -> Any:
        if not extra.get("standalone_mode", True):
            return super().main(*args, **extra)
        try:
            code = super().main(*args, **(extra | {"standalone_mode": False}))
        except Exception as error:
            kind = type(error).__name__  # typer's own copies of click's exceptions have no public module
            if kind == "Abort":
                sys.exit(130)
            if not hasattr(error, "format_message"):
                raise
            _print_error(f"{error.format_message().rstrip('.')}. See alcore --help.")
            sys.exit(2)
        sys.exit(code if isinstance(code, int) else 0)


app = typer.Typer(
    cls=OneSentence,
    add_completion=False,
    pretty_exceptions_enable=False,
)
IN_MEMORY_BYTES = 512 << 20
WIDE = 90  # columns of a screen from which speeds, and five picks rather than three, stand beside information
out, err = Console(emoji=False), Console(stderr=True, emoji=False)

File = Annotated[Path, typer.Argument(help="Predictions: .npy, .npz, .zarr, .h5 or .hdf5.", show_default=False)]
Name = Annotated[str, typer.Option("--heuristic", "-H", help="Such as bald, entropy, epig, power-bald, batchbald.")]
Member = Annotated[str | None, typer.Option(help="The array to read where the file holds several.")]
Kind = Annotated[str, typer.Option(help="probs, or logits to have the softmax over axis 1 taken.")]
WeightsFile = Annotated[Path | None, typer.Option("--weights", help="A .npy file with one weight a draw.")]
MaskFile = Annotated[Path | None, typer.Option("--mask", help="A .npy file of booleans (N, ...), true where padding.")]
TargetsFile = Annotated[
    Path | None,
    typer.Option("--targets", help="For EPIG: .npy, or a file with the member target; default FILE itself."),
]
Reduction = Annotated[str | None, typer.Option("--reduce", help="Event axes to rows: mean, sum, max or top-mean.")]
Share = Annotated[float, typer.Option("--share", help="The share of cells that top-mean averages.")]
Beta = Annotated[float | None, typer.Option(help="Coldness of power-, softmax- and softrank- heuristics.")]
Floor = Annotated[float | None, typer.Option(help="Smallest probability that pairwise-kl takes.")]
Samples = Annotated[int | None, typer.Option(help="Label configurations that batchbald and batch-epig sample.")]
Exact = Annotated[int | None, typer.Option(help="Configurations x classes up to which their gains are exact.")]
Seed = Annotated[int | None, typer.Option(help="Seed of what is drawn at random.")]
Count = Annotated[int, typer.Option("-k", help="Query size.")]


@app.callback(invoke_without_command=True)
def main(
    context: typer.Context, version: Annotated[bool, typer.Option("--version", help="Print the version.")] = False
) -> None:
    """What to label next, from saved predictions (N, C, ..., T)."""
    if version:
        out.print(alcore.__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def score(
    file: File,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write: .npy or .csv.", show_default=False)],
    heuristic: Name = "bald",
    member: Member = None,
    kind: Kind = "probs",
    weights: WeightsFile = None,
    mask: MaskFile = None,
    reduce: Reduction = None,
    share: Share = 0.1,
    floor: Floor = None,
    targets: TargetsFile = None,
) -> None:
    """Score every row; higher = ask first."""
    with _one_sentence():
        _check_output(output, (".npy", ".csv"), file, weights, mask, targets)
        _check_scored(heuristic)
        asked = _read_targets(heuristic, file, targets)
        chosen = _heuristic(heuristic, reduce, share, floor=floor, targets=asked)
        predictions = _open(file, member)
        if output.suffix == ".csv":
            _check_reduced(predictions, reduce)
        scores = chosen.score(predictions, kind=kind, weights=_load(weights), mask=_load(mask))
        if output.suffix == ".npy":
            with whole_file(output) as stream:
                np.save(stream, scores, allow_pickle=False)
        else:
            _write_csv(output, {"row": np.arange(len(scores)), "score": scores})
        best = f", largest {np.max(scores):.6g}" if scores.size else ""
        _say(f"{chosen.name}: {len(scores):,} rows{best} -> {output}")


@app.command()
def select(
    file: File,
    k: Count = 10,
    heuristic: Name = "bald",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write: .csv; else the screen.")
    ] = None,
    seed: Seed = None,
    member: Member = None,
    kind: Kind = "probs",
    weights: WeightsFile = None,
    mask: MaskFile = None,
    reduce: Reduction = None,
    share: Share = 0.1,
    beta: Beta = None,
    floor: Floor = None,
    targets: TargetsFile = None,
    samples: Samples = None,
    exact: Exact = None,
) -> None:
    """Choose the k rows to label."""
    with _one_sentence():
        if output is not None:
            _check_output(output, (".csv",))
        asked = _read_targets(heuristic, file, targets)
        chosen = _heuristic(
            heuristic, reduce, share, beta=beta, floor=floor, targets=asked, samples=samples, exact=exact
        )
        predictions = _open(file, member)
        if not isinstance(chosen, Random | Joint):
            _check_reduced(predictions, reduce)
        batch = chosen.select(predictions, k, rng=seed, kind=kind, weights=_load(weights), mask=_load(mask))
        columns = _columns(batch)
        _note_uncertain(batch)
        if output is None:
            typer.echo(_csv_text(columns), nl=False)
        else:
            _write_csv(output, columns)
            _say(f"{chosen.name}: {len(batch):,} rows -> {output}")


@app.command()
def bench(
    file: File,
    k: Count = 10,
    heuristics: Annotated[str, typer.Option(help="all, or names with commas between.")] = "all",
    seed: Seed = 0,
    member: Member = None,
    kind: Kind = "probs",
    weights: WeightsFile = None,
    mask: MaskFile = None,
    reduce: Reduction = None,
    share: Share = 0.1,
    floor: Floor = None,
    targets: TargetsFile = None,
    plot: Annotated[
        Path | None, typer.Option(help="Write a picture of information and scores: .png, .svg or .pdf.")
    ] = None,
) -> None:
    """Compare heuristics on the same predictions: time, first picks, information of the batch, overlap."""
    with _one_sentence():
        if plot is not None:
            _check_output(plot, (".png", ".svg", ".pdf"), file, weights, mask, targets)
        source = _open(file, member)
        chosen = _heuristics(heuristics, source, file, targets, reduce, share, floor)
        _check_reduced(source, reduce)
        if plot is not None and len(source.shape) > 3 and not any(isinstance(one, RowWise) for one in chosen):
            raise ValueError(f"{plot}: expected a heuristic whose scores can be drawn, such as bald; none was named.")
        predictions, where = _read_if_small(source)
        result = compare(
            predictions, k=k, heuristics=chosen, rng=seed, kind=kind, weights=_load(weights), mask=_load(mask)
        )
        bound = "log T" if weights is None else "H(w)"
        out.print(_ranking_table(result, f"{file} ({where})", bound, out.width))
        out.print(_overlap_table(result, out.width))
        _note_exhausted(result)
        if plot is not None:
            _say(f"{_write_picture(plot, result, bound)} -> {plot}")


# --- arguments --------------------------------------------------------------------------------------------------------


@contextmanager
def _one_sentence() -> Iterator[None]:
    """What alcore refuses is one sentence and exit code 2, not a traceback; what it warns users of is a note."""
    try:
        with _warnings_as_notes():
            yield
    except (ValueError, TypeError, ImportError, OSError, MemoryError) as error:
        _print_error(str(error))
        raise typer.Exit(2) from error


def _print_error(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(' '.join(text.split()))}", highlight=False, soft_wrap=True)


def _note(text: str) -> None:
    """Beside the results, which may be piped into a file."""
    err.print(f"[bold yellow]note:[/] {escape(' '.join(text.split()))}", highlight=False, soft_wrap=True)


@contextmanager
def _warnings_as_notes() -> Iterator[None]:
    """A line instead of one with the place in the source where it was raised."""
    with warnings.catch_warnings():
        show = warnings.showwarning

        def note(message: Warning | str, category: type[Warning], *place: Any, **more: Any) -> None:
            if issubclass(category, alcore.SaturationWarning):
                _note(str(message))
            else:
                show(message, category, *place, **more)

        warnings.simplefilter("always", alcore.SaturationWarning)
        warnings.showwarning = note
        yield


def _heuristics(
    named: str, source: Any, file: Path, targets: Path | None, reduce: str | None, share: float, floor: float | None
) -> list[Heuristic]:
    """The heuristics that bench compares: those named, or all that the predictions allow."""
    names = [name.strip() for name in named.split(",")]
    if named == "all":
        events = len(source.shape) > 3
        names = [name for name in DEFAULT if not (events and name in JOINT)]
        if targets is not None or _has_targets(file, source.shape):
            names.append("epig")
    asked = _read_targets(next(filter(_needs_targets, names), ""), file, targets)
    return [
        _heuristic(
            name,
            reduce,
            share,
            floor=floor if name.endswith("pairwise-kl") else None,
            targets=asked if _needs_targets(name) else None,
        )
        for name in names
    ]


def _heuristic(name: str, reduce: str | None, share: float, **options: Any) -> Heuristic:
    if name.endswith("precomputed"):
        raise ValueError("heuristic: precomputed scores are selected from in Python: alcore.top(scores, k).")
    given = {key: value for key, value in options.items() if value is not None}
    return alcore.heuristic(name, reduce=reduce, q=share, **given)


def _check_scored(name: str) -> None:
    if name == "random":
        raise ValueError("random: its scores mean nothing. Draw a batch: alcore select FILE --heuristic random.")
    if name in (*JOINT, "batch-epig"):
        raise ValueError(
            f"{name}: its batch is chosen jointly, so no row has a score of its own. "
            f"Choose one: alcore select FILE --heuristic {name}."
        )


def _open(file: Path, member: str | None) -> Any:
    return alcore.open_predictions(file, member, default="pool")


def _read_if_small(source: Any) -> tuple[Any, str]:
    """Times are to tell what heuristics cost, not what reading a file again and again does."""
    size = int(np.prod(source.shape, dtype=np.int64)) * source.dtype.itemsize
    if size > IN_MEMORY_BYTES:
        return source, "read from disk each time"
    return _read(source, "probs"), "in memory"


def _read(source: Any, name: str) -> Any:
    blocks = list(open_source(source, name).blocks)
    return np.concatenate(blocks) if blocks else source


def _needs_targets(name: str) -> bool:
    return name.endswith("epig")


def _read_targets(name: str, file: Path, targets: Path | None) -> Any:
    """Of the file named, else of the predictions' own where the heuristic needs them."""
    if targets is not None:
        try:
            return _read(alcore.open_predictions(targets, default="target"), "targets")
        except NoMember as error:
            raise ValueError(
                f"{targets}: expected targets as the only array or as member 'target', got other members. "
                "Save them as .npy, or under that name."
            ) from error
    if not _needs_targets(name):
        return None
    source = _own_targets(file)
    if source is None:
        raise ValueError(
            f"{name}: expected targets, predictions of the same draws for the inputs one cares to predict, and {file} "
            "has no member 'target'. Name their file: --targets FILE."
        )
    _note(f"targets are the member 'target' of {file}, shape {source.shape}.")
    return _read(source, "targets")


def _own_targets(file: Path) -> Any:
    try:
        return alcore.open_predictions(file, "target")
    except NoMember:
        return None


def _has_targets(file: Path, shape: tuple[int, ...]) -> bool:
    """Whether a member of that name holds predictions as the pool does; labels may be called so too."""
    found = _own_targets(file)
    return found is not None and len(found.shape) == 3 and found.shape[1:] == (*shape[1:2], *shape[-1:])


def _check_reduced(predictions: Any, reduce: str | None) -> None:
    if reduce is None and len(predictions.shape) > 3:
        raise ValueError(
            f"probs: one score a row is needed, and predictions of shape {predictions.shape} have event axes. "
            "Reduce them: --reduce mean (or sum, max, top-mean)."
        )


def _load(file: Path | None) -> Any:
    if file is None:
        return None
    _check_ending(file, ".npy")
    return np.array(alcore.open_predictions(file))


def _check_output(file: Path, endings: tuple[str, ...], *inputs: Path | None) -> None:
    """Before the work, not after it."""
    _check_ending(file, *endings)
    if not file.parent.is_dir():
        raise ValueError(f"{file}: the folder {file.parent} does not exist.")
    if file.is_dir():
        raise ValueError(f"{file}: expected a file to write, got a folder.")
    if file.exists() and any(read is not None and read.exists() and file.samefile(read) for read in inputs):
        raise ValueError(f"{file}: is read from and would be overwritten. Write to another file.")


def _check_ending(file: Path, *endings: str) -> None:
    if file.suffix not in endings:
        raise ValueError(
            f"{file}: expected a file that ends in {' or '.join(endings)}, got {file.suffix or 'no ending'!r}."
        )


# --- results ----------------------------------------------------------------------------------------------------------


def _say(text: str) -> None:
    out.print(escape(text), highlight=False, soft_wrap=True)


def _columns(batch: Batch) -> dict[str, Any]:
    columns = {
        "pick": np.arange(1, len(batch) + 1),
        "row": batch.indices,
        "score": batch.scores,
        "q": batch.q,
        "support": batch.support,
    }
    for name in ("information", "effective_draws"):
        if (values := getattr(batch, name)) is not None:
            columns[name] = values
    return columns


def _note_uncertain(batch: Batch) -> None:
    if batch.certified_until is not None and batch.certified_until < len(batch):
        _note(
            f"only the first {batch.certified_until} of {len(batch)} picks are certain to be those of the whole pool. "
            "Save the predictions to a file that can be read again, such as .npy."
        )


def _note_exhausted(result: Comparison) -> None:
    for name, batch in zip(result.names, result.batches, strict=True):
        if batch.saturated_at is not None:
            _note(
                f"{name} exhausted the {result.shape[-1]} draws after {batch.saturated_at} of {len(batch)} picks; "
                "the rest follow in BALD order."
            )


def _csv_text(columns: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(array.tolist() for array in columns.values()), strict=True))
    return text.getvalue()


def _write_csv(file: Path, columns: dict[str, Any]) -> None:
    with whole_file(file) as stream:
        stream.write(_csv_text(columns).encode())


def _ranking_table(result: Comparison, source: str, bound: str, width: int) -> Table:
    shape = " x ".join(f"{n:,}" for n in result.shape)
    note = "" if result.information is not None else "\nwith event axes rows have no joint information"
    table = _table(f"{source}\n{shape}, {len(result.batches[0]):,} picks each{note}")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("heuristic", no_wrap=True)
    columns: dict[str, list[str]] = {"time": [_duration(seconds) for seconds in result.seconds]}
    if note or width >= WIDE:
        speeds = (f"{value / 1e6:,.0f} M" for value in result.throughput)
        columns["probs/s"] = [
            "-" if name == "random" else speed for name, speed in zip(result.names, speeds, strict=True)
        ]
    columns |= _information(result, bound)
    for title in columns:
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("first picks", justify="right")
    shown = 5 if note or width >= WIDE else 3
    for i, name in enumerate(result.names):
        first = " ".join(f"{row:>4}" for row in result.batches[i].indices[:shown])
        table.add_row(str(i + 1), escape(name), *(column[i] for column in columns.values()), first)
    return table


def _duration(seconds: float) -> str:
    ms = seconds * 1e3
    return f"{ms:,.2f} ms" if ms < 10 else f"{ms:,.1f} ms" if ms < 100 else f"{ms:,.0f} ms"


def _information(result: Comparison, bound: str) -> dict[str, list[str]]:
    """Of each batch: its information with the standard error, as a share of the bound, and what its rows tell twice."""
    if result.information is None or result.information_error is None or result.redundancy is None:
        return {}
    most = result.information_bound
    errors = (f"±{error:.3f}".replace("0.", ".", 1) if error >= 5e-4 else "" for error in result.information_error)
    return {
        "nats": [f"{value:.3f}{error}" for value, error in zip(result.information, errors, strict=True)],
        f"of {bound}": [f"{100 * value / most:.1f} %" if most else "-" for value in result.information],
        "redundant": [f"{abs(value) if abs(value) < 5e-4 else value:.3f}" for value in result.redundancy],
    }


def _overlap_table(result: Comparison, width: int) -> Table:
    table = _table("overlap of the picks: rows shared, in % of the rows that either picked")
    table.padding = 0  # many narrow columns
    table.add_column("", justify="right", no_wrap=True)
    named = width >= 4 * len(result.names) + 20  # else the numbers of the table above have to do
    if named:
        table.add_column("heuristic")  # the one to be cut where the screen is narrow
    for number in range(1, len(result.names) + 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for i, name in enumerate(result.names):
        shares = ["-" if i == j else f"{100 * share:.0f}" for j, share in enumerate(result.overlap[i])]
        table.add_row(str(i + 1), *([escape(name)] if named else []), *shares)
    return table


def _table(title: str) -> Table:
    return Table(
        title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )


def _write_picture(file: Path, result: Comparison, bound: str) -> str:
    """Draw what there is to draw; what it shows, in words."""
    from alcore import plot

    picks = {name: batch.indices for name, batch in zip(result.names, result.batches, strict=True)}
    limit = None if result.information_bound is None else (bound, result.information_bound)
    figure = plot.comparison(result.information_curves, result.scores, bound=limit, picks=picks)
    with whole_file(file) as stream:
        figure.savefig(stream, format=file.suffix[1:], dpi=100)
    shown = ("information of the picks", result.information_curves), ("score distributions", result.scores)
    return " and ".join(words for words, drawn in shown if drawn)
