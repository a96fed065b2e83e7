"""``alcore score | select | bench``: work with saved predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from alcore.bench.compare import compare
from alcore.bench.comparison import as_json
from alcore.bench.report import write_report
from alcore.bench.summary import sentences
from alcore.cli.arguments import (
    check_bench,
    check_output,
    check_reduced,
    check_scored,
    heuristic_of,
    heuristics_named,
    named_files,
    numbers,
    open_files,
    read_if_small,
    read_labelled,
    reading_of,
    test_variance_of,
    unchanged,
)
from alcore.cli.options import (
    BatchOptions,
    Count,
    Files,
    HeuristicOptions,
    NamedOptions,
    PredictionOptions,
    Seed,
    expand_options,
    file_option,
)
from alcore.cli.scheduler import Scheduler, on_cluster
from alcore.cli.sentences import one_sentence, out, say
from alcore.cli.tables import (
    columns_of,
    csv_text,
    note_exhausted,
    note_uncertain,
    overlap_table,
    ranking_table,
    write_csv,
    write_json,
    write_picture,
)
from alcore.door.wording import word
from alcore.heuristics import Heuristic, Random, RowWise
from alcore.heuristics.base import Joint
from alcore.heuristics.names import check_name
from alcore.sources.files import whole_file
from alcore.sources.urls import File


@expand_options
def score(
    files: Files,
    output: Annotated[Path, typer.Option("--output", "-o", help="Where to write: .npy or .csv.", show_default=False)],
    scheduler: Scheduler = None,
    *,
    named: NamedOptions,
    read: PredictionOptions,
    made: HeuristicOptions,
) -> None:
    """Score every row. A higher score means: ask first."""
    with one_sentence():
        files = named_files(files)
        check_output(output, (".npy", ".csv"), *files, read.weights, read.mask, made.targets)
        check_scored(named.heuristic)
        chosen = heuristic_of(named.heuristic, files, made, read)
        predictions = open_files(files, read)
        if output.suffix == ".csv" or read.offsets is not None:
            check_reduced(predictions, made.reduce)
        reading = reading_of(read, files)
        with on_cluster(scheduler, predictions, reading) as spread:
            scores = chosen.score(spread, **reading)
        if output.suffix == ".npy":
            with whole_file(output) as stream:
                np.save(stream, scores, allow_pickle=False)
        else:
            write_csv(output, {"row": np.arange(len(scores)), "score": scores})
        best = f", largest {np.max(scores):.6g}" if scores.size else ""
        say(f"{chosen.name}: {len(scores):,} rows{best} -> {output}")


@expand_options
def select(
    files: Files,
    k: Count = 10,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write: .csv. Default: the screen.")
    ] = None,
    seed: Seed = None,
    scheduler: Scheduler = None,
    *,
    named: NamedOptions,
    read: PredictionOptions,
    made: HeuristicOptions,
    batched: BatchOptions,
) -> None:
    """Choose the k rows to label next."""
    with one_sentence():
        files = named_files(files)
        if output is not None:
            check_output(output, (".csv",))
        chosen = heuristic_of(named.heuristic, files, made, read, **batched.given())
        predictions = open_files(files, read)
        if not isinstance(chosen, Random | Joint):
            check_reduced(predictions, made.reduce)
        reading = reading_of(read, files)
        with on_cluster(scheduler, predictions, reading) as spread:
            batch = chosen.select(spread, k, rng=seed, **reading)
        columns = columns_of(batch)
        note_uncertain(batch)
        if output is None:
            typer.echo(csv_text(columns), nl=False)
        else:
            write_csv(output, columns)
            say(f"{chosen.name}: {len(batch):,} rows -> {output}")


@expand_options
def bench(
    files: Files,
    k: Count = 10,
    heuristics: Annotated[str, typer.Option(help="all, or names separated by commas.")] = "all",
    labels: Annotated[
        File | None, file_option(help="Labels of the pool: .npy, or a file with the member pool_labels. Default: FILE.")
    ] = None,
    test: Annotated[
        File | None,
        file_option(
            help="Predictions of a test set: .npy, or a file with the members test and test_labels. Default: FILE."
        ),
    ] = None,
    test_labels: Annotated[
        File | None, file_option(help="Labels of the test set: .npy, or a file with the member test_labels.")
    ] = None,
    test_variance: Annotated[
        str | None,
        typer.Option(help="With --kind mean: the variance of the test set's noise. Default: --variance, if a number."),
    ] = None,
    steps: Annotated[int, typer.Option(help="How many labels each replay buys at most.")] = 100,
    seeds: Annotated[
        int, typer.Option(help="How many replays each heuristic has, each on a random part of the pool.")
    ] = 20,
    at_a_time: Annotated[
        str,
        typer.Option(
            "--at-a-time",
            help="How many labels replay asks for at a time, such as 10. With 1,10 there is a replay for each number.",
        ),
    ] = "10",
    posterior: Annotated[
        str,
        typer.Option(
            help="How a replay learns labels: gaussian (draws are directions, hundreds of labels) or reweighted (draws are "
            "samples, exact, a few labels)."
        ),
    ] = "gaussian",
    seed: Seed = 0,
    plot: Annotated[
        Path | None, typer.Option(help="Write a picture of information and scores: .png, .svg or .pdf.")
    ] = None,
    report: Annotated[Path | None, typer.Option(help="Write a report of all results as one page: .html.")] = None,
    highlight: Annotated[
        str,
        typer.Option(help="Names, separated by commas, that pictures show in colour beside the best three and random."),
    ] = "",
    csv: Annotated[Path | None, typer.Option(help="Write the table of heuristics: .csv.")] = None,
    json: Annotated[Path | None, typer.Option(help="Write every table: .json.")] = None,
    *,
    read: PredictionOptions,
    made: HeuristicOptions,
) -> None:
    """Compare heuristics on the same predictions: time, picks and information, and with labels how fast they learn."""
    with one_sentence():
        files = named_files(files)
        inputs = (*files, read.weights, read.mask, made.targets, labels, test, test_labels)
        written = ((plot, (".png", ".svg", ".pdf")), (report, (".html",)), (csv, (".csv",)), (json, (".json",)))
        for output, endings in written:
            if output is not None:
                check_output(output, endings, *inputs)
        coloured = [one.strip() for one in highlight.split(",") if one.strip()]
        sizes = numbers(at_a_time, "--at-a-time")
        check_bench(read)
        with unchanged(*inputs):
            source = open_files(files, read)
            chosen = heuristics_named(heuristics, source, files, made, read)
            check_reduced(source, made.reduce)
            check_highlighted(coloured, chosen, heuristics)
            check_drawn(plot, source, chosen)
            labelled = read_labelled(files, labels, test, test_labels, read)
            labelled["test_variance"] = test_variance_of(test_variance, test, files, read)
            predictions, where = read_if_small(source, read)
            plan: dict[str, Any] = {"steps": steps, "seeds": seeds, "at_a_time": sizes, "rng": seed}
            plan["posterior"] = posterior
            result = compare(predictions, k=k, heuristics=chosen, **plan, **reading_of(read, files), **labelled)
        name = ", ".join(map(str, files))
        bound = "log T" if read.weights is None else "H(w)"
        out.print(ranking_table(result, f"{name} ({where})", bound, out.width))
        out.print(overlap_table(result, out.width))
        note_exhausted(result)
        summary = sentences(result)
        for sentence in summary:
            say(sentence)
        if plot is not None:
            say(f"{write_picture(plot, result, bound, coloured)} -> {plot}")
        if csv is not None:
            write_csv(csv, result.tables()["heuristics"])
            say(f"table of heuristics -> {csv}")
        if json is not None:
            write_json(json, as_json(result))
            say(f"every table -> {json}")
        if report is not None:
            write_report(result, report, source=name, sentences=summary, highlight=coloured)
            say(f"report -> {report}")


def check_drawn(plot: Path | None, source: Any, chosen: list[Heuristic]) -> None:
    """Refuse a picture that would be empty. With event axes it shows only scores."""
    if plot is not None and len(source.shape) > 3 and not any(isinstance(one, RowWise) for one in chosen):
        raise ValueError(
            f"{plot}: expected a heuristic whose scores can be drawn, got none. Add one: --heuristics bald."
        )


def check_highlighted(names: list[str], chosen: list[Heuristic], named: str) -> None:
    """Refuse a colour for a heuristic that is not compared, before the comparison."""
    compared = [one.name for one in chosen]
    for name in names:
        if name not in compared:
            more = f" Or compare it too: --heuristics {named},{name}." if is_plain(name, compared, named) else ""
            raise ValueError(
                f"--highlight: expected names of {', '.join(compared)}, got {name!r}. Name one of these: --highlight "
                f"{word(compared[0])}.{more}"
            )


def is_plain(name: str, compared: list[str], named: str) -> bool:
    """Whether the name is that of a heuristic, and --heuristics names those that are compared by such names too."""
    try:
        check_name(name)
    except ValueError:
        return False
    return named.split(",") == compared
