"""The command line: ``alcore score | select | bench``."""

from __future__ import annotations

import csv
import io
import sys
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
from alcore.bench.compare import DEFAULT, Comparison, compare
from alcore.heuristics import Heuristic, Random, RowWise
from alcore.store import whole_file
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
out, err = Console(emoji=False), Console(stderr=True, emoji=False)

File = Annotated[Path, typer.Argument(help="Predictions: .npy, .npz, .zarr, .h5 or .hdf5.", show_default=False)]
Name = Annotated[str, typer.Option("--heuristic", "-H", help="Such as bald, entropy, margin, power-bald, random.")]
Member = Annotated[str | None, typer.Option(help="The array to read where the file holds several.")]
Kind = Annotated[str, typer.Option(help="probs, or logits to have the softmax over axis 1 taken.")]
WeightsFile = Annotated[Path | None, typer.Option("--weights", help="A .npy file with one weight a draw.")]
MaskFile = Annotated[Path | None, typer.Option("--mask", help="A .npy file of booleans (N, ...), true where padding.")]
Reduction = Annotated[str | None, typer.Option("--reduce", help="Event axes to rows: mean, sum, max or top-mean.")]
Share = Annotated[float, typer.Option("--share", help="The share of cells that top-mean averages.")]
Beta = Annotated[float | None, typer.Option(help="Coldness of power-, softmax- and softrank- heuristics.")]
Floor = Annotated[float | None, typer.Option(help="Smallest probability that pairwise-kl takes.")]
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
) -> None:
    """Score every row; higher = ask first."""
    with _one_sentence():
        _check_output(output, (".npy", ".csv"), file, weights, mask)
        chosen = _heuristic(heuristic, reduce, share, floor=floor)
        if isinstance(chosen, Random):
            raise ValueError("random: its scores mean nothing. Draw a batch: alcore select FILE --heuristic random.")
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
) -> None:
    """Choose the k rows to label."""
    with _one_sentence():
        if output is not None:
            _check_output(output, (".csv",))
        chosen = _heuristic(heuristic, reduce, share, beta=beta, floor=floor)
        predictions = _open(file, member)
        if not isinstance(chosen, Random):
            _check_reduced(predictions, reduce)
        batch = chosen.select(predictions, k, rng=seed, kind=kind, weights=_load(weights), mask=_load(mask))
        columns = {
            "pick": np.arange(1, len(batch) + 1),
            "row": batch.indices,
            "score": batch.scores,
            "q": batch.q,
            "support": batch.support,
        }
        if output is None:
            typer.echo(_csv_text(columns), nl=False)
        else:
            _write_csv(output, columns)
            _say(f"{chosen.name}: {len(batch):,} rows -> {output}")


@app.command()
def bench(
    file: File,
    k: Count = 100,
    heuristics: Annotated[str, typer.Option(help="all, or names with commas between.")] = "all",
    seed: Seed = 0,
    member: Member = None,
    kind: Kind = "probs",
    weights: WeightsFile = None,
    mask: MaskFile = None,
    reduce: Reduction = None,
    share: Share = 0.1,
    floor: Floor = None,
    plot: Annotated[Path | None, typer.Option(help="Write a picture of the scores: .png, .svg or .pdf.")] = None,
) -> None:
    """Compare heuristics on the same predictions: time, throughput, first picks, overlap."""
    with _one_sentence():
        if plot is not None:
            _check_output(plot, (".png", ".svg", ".pdf"))
        names = DEFAULT if heuristics == "all" else tuple(name.strip() for name in heuristics.split(","))
        chosen = [
            _heuristic(name, reduce, share, floor=floor if name.endswith("pairwise-kl") else None) for name in names
        ]
        if plot is not None and not any(isinstance(one, RowWise) for one in chosen):
            raise ValueError(f"{plot}: expected a heuristic whose scores can be drawn, such as bald; none was named.")
        predictions, where = _read_if_small(_open(file, member))
        _check_reduced(predictions, reduce)
        result = compare(
            predictions, k=k, heuristics=chosen, rng=seed, kind=kind, weights=_load(weights), mask=_load(mask)
        )
        out.print(_ranking_table(result, f"{file} ({where})"))
        out.print(_overlap_table(result))
        if plot is not None:
            _write_picture(plot, result)
            _say(f"score distributions -> {plot}")


# --- arguments --------------------------------------------------------------------------------------------------------


@contextmanager
def _one_sentence() -> Iterator[None]:
    """What alcore refuses is one sentence and exit code 2, not a traceback."""
    try:
        yield
    except (ValueError, TypeError, ImportError, OSError, MemoryError) as error:
        _print_error(str(error))
        raise typer.Exit(2) from error


def _print_error(text: str) -> None:
    err.print(f"[bold red]error:[/] {escape(' '.join(text.split()))}", highlight=False, soft_wrap=True)


def _heuristic(name: str, reduce: str | None, share: float, **options: float | None) -> Heuristic:
    if name.endswith("precomputed"):
        raise ValueError("heuristic: precomputed scores are selected from in Python: alcore.top(scores, k).")
    given = {key: value for key, value in options.items() if value is not None}
    return alcore.heuristic(name, reduce=reduce, q=share, **given)


def _open(file: Path, member: str | None) -> Any:
    return alcore.open_predictions(file, member, default="pool")


def _read_if_small(source: Any) -> tuple[Any, str]:
    """Times are to tell what heuristics cost, not what reading a file again and again does."""
    size = int(np.prod(source.shape, dtype=np.int64)) * source.dtype.itemsize
    if size > IN_MEMORY_BYTES:
        return source, "read from disk each time"
    blocks = list(open_source(source).blocks)
    return (np.concatenate(blocks) if blocks else source), "in memory"


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


def _csv_text(columns: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(array.tolist() for array in columns.values()), strict=True))
    return text.getvalue()


def _write_csv(file: Path, columns: dict[str, Any]) -> None:
    with whole_file(file) as stream:
        stream.write(_csv_text(columns).encode())


def _ranking_table(result: Comparison, source: str) -> Table:
    shape = " x ".join(f"{n:,}" for n in result.shape)
    table = _table(f"{source}\n{shape}, {len(result.batches[0]):,} picks each")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("heuristic", no_wrap=True)
    for title in ("time", "probabilities/s"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("first picks (rows)", justify="right")
    for i, name in enumerate(result.names):
        time, throughput = f"{result.seconds[i] * 1e3:,.2f} ms", f"{result.throughput[i] / 1e6:,.0f} M"
        first = " ".join(f"{row:>4}" for row in result.batches[i].indices[:5])
        table.add_row(str(i + 1), escape(name), time, "-" if name == "random" else throughput, first)
    return table


def _overlap_table(result: Comparison) -> Table:
    table = _table("overlap of the picks: rows shared, in % of the rows that either picked")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("heuristic")  # the one to be cut where the screen is narrow
    for number in range(1, len(result.names) + 1):
        table.add_column(str(number), justify="right", no_wrap=True)
    for i, name in enumerate(result.names):
        shares = ["-" if i == j else f"{100 * share:.0f}" for j, share in enumerate(result.overlap[i])]
        table.add_row(str(i + 1), escape(name), *shares)
    return table


def _table(title: str) -> Table:
    return Table(
        title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )


def _write_picture(file: Path, result: Comparison) -> None:
    from alcore.plot import scores

    picks = {name: batch.indices for name, batch in zip(result.names, result.batches, strict=True)}
    figure = scores(result.scores, picks=picks, title="scores of all rows and of the rows picked")
    with whole_file(file) as stream:
        figure.savefig(stream, format=file.suffix[1:], dpi=150)
