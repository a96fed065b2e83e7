"""``alcore ledger``: run a labelling campaign without Python."""

from __future__ import annotations

import io
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from alcore.cli.arguments import check_output, check_reduced, heuristic_of, open_file, reading_of
from alcore.cli.options import (
    BatchOptions,
    Count,
    HeuristicOptions,
    NamedOptions,
    PredictionOptions,
    Seed,
    expand_options,
)
from alcore.cli.sentences import note, one_sentence, out, say
from alcore.cli.tables import plain_table
from alcore.heuristics import Random
from alcore.heuristics.base import Joint
from alcore.ledger import Imported, Ledger, Query
from alcore.ledger.columns import QUERY_COLUMNS
from alcore.ledger.formats import FORMATS, Layout, write_csv
from alcore.ledger.label_studio import as_data
from alcore.ledger.label_text import encode, to_cell
from alcore.ledger.query import query_rows

TOP = 10  # annotators and label values that status shows

Run = Annotated[Path, typer.Argument(metavar="RUN.db", help="The ledger's file.", show_default=False)]
Data = Annotated[
    list[str] | None,
    typer.Option(help="What Label Studio shows for each id, such as image=https://host/{id}.png. Repeat it for more."),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace labels that are there already and differ.")]
Annotator = Annotated[str | None, typer.Option(help="Who labelled, for rows that do not name the annotator.")]
LabelsFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Labels: .csv, .jsonl, .parquet, or .json from Label Studio.", show_default=False
    ),
]

app = typer.Typer(add_completion=False, help="A labelling campaign in a file: which ids are labelled, asked or free.")


@app.callback(invoke_without_command=True)
def main(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit(2)


@app.command()
def create(
    run: Run,
    size: Annotated[int | None, typer.Option(help="N, how many ids there are. They are the numbers 0 to N-1.")] = None,
    ids: Annotated[Path | None, typer.Option(help="Instead of --size: a text file with one id per line.")] = None,
    labels: Annotated[
        str, typer.Option(help="What labels are: json, text, or the classes with commas between, such as cat,dog.")
    ] = "json",
) -> None:
    """Make a new ledger. All its ids are unlabelled."""
    with one_sentence():
        if run.exists():
            raise ValueError(
                f"{run}: this file exists already. Name another file, or go on with it: alcore ledger status {run}."
            )
        if (size is None) == (ids is None):
            raise ValueError("size: expected either --size N, or --ids FILE with one id per line.")
        names = None if ids is None else _read_lines(ids)
        try:
            with closing(Ledger.open(run, size, ids=names, labels=_as_labels(labels))) as ledger:
                say(f"{len(ledger):,} ids -> {run}")
        except ValueError:
            if run.exists() and not run.stat().st_size:
                run.unlink()
            raise


def _as_labels(labels: str) -> str | list[str]:
    return labels if labels in ("json", "text") else [one.strip() for one in labels.split(",")]


@app.command()
def status(run: Run) -> None:
    """Show how many ids are in each state, the open queries, and the counts of annotators and labels."""
    with one_sentence(), _open(run) as ledger:
        out.print(_states_table(ledger, run))
        if queries := ledger.open_queries():
            out.print(_queries_table(queries))
        if ledger.counts()["labelled"]:
            out.print(_counts_table("annotator", ledger.count_labels("annotator", TOP + 1)))
            out.print(_counts_table("label", ledger.count_labels("label", TOP + 1)))


@app.command()
@expand_options
def ask(
    run: Run,
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[PREDICTIONS]",
            help="Predictions: .npy, .npz, .zarr, .h5 or .hdf5. Not needed for --heuristic random.",
        ),
    ] = None,
    k: Count = 10,
    asker: Annotated[
        str, typer.Option(help="The name on whose behalf the ids are asked. Each asker has one open query.")
    ] = "default",
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Where to write: .csv, .jsonl, .parquet, or .json for Label Studio. Default: the screen.",
        ),
    ] = None,
    data: Data = None,
    ids: Annotated[
        Path | None,
        typer.Option(help="A text file with the id of each row of the predictions, one per line. Default: all ids."),
    ] = None,
    seed: Seed = None,
    *,
    named: NamedOptions,
    read: PredictionOptions,
    made: HeuristicOptions,
    batched: BatchOptions,
) -> None:
    """Choose the k free ids to label next, and record them as asked."""
    with one_sentence(), _open(run) as ledger:
        if output is not None:
            check_output(output, tuple(FORMATS), run, file, read.weights, read.mask, made.targets, ids)
        shown = _data(data, output)
        if file is None and named.heuristic != "random":
            raise ValueError(
                f"{named.heuristic}: expected a file of predictions: alcore ledger ask {run} PREDICTIONS. "
                "Without predictions: --heuristic random."
            )
        chosen = heuristic_of(named.heuristic, file, made, **batched.given())
        predictions = None if file is None else open_file(file, read.member)
        if predictions is not None and not isinstance(chosen, Random | Joint):
            check_reduced(predictions, made.reduce)
        rows = None if ids is None else _ids_of(ledger, ids)
        _note_open(ledger, asker, run)
        query = ledger.ask(chosen, predictions, k, ids=rows, asker=asker, rng=seed, **reading_of(read))
        _hand_out(query, output, shown)


@app.command()
def tell(
    run: Run,
    file: LabelsFile,
    query: Annotated[
        int | None,
        typer.Option(
            help="Number of the query that the whole file answers. Default: the column query, else the ledger."
        ),
    ] = None,
    annotator: Annotator = None,
    overwrite: Overwrite = False,
) -> None:
    """Record the labels of ids that were asked. Rows without a label stay open."""
    with one_sentence(), _open(run) as ledger:
        imported = ledger.tell_file(file, query=query, annotator=annotator, overwrite=overwrite)
        waiting = ", ".join(f"{len(one):,} of query {one.number} ({one.asker})" for one in ledger.open_queries())
        say(f"{_summary(imported)}; {f'still open: {waiting}' if waiting else 'no query is open'}")


@app.command()
def withdraw(
    run: Run,
    query: Annotated[int, typer.Argument(metavar="QUERY", help="The number of the query.", show_default=False)],
) -> None:
    """Take back the ids of a query that have no label yet. They are free again."""
    with one_sentence(), _open(run) as ledger:
        before = ledger.counts()["asked"]
        ledger.withdraw(query)
        free = before - ledger.counts()["asked"]
        say(f"query {query}: {free:,} {'id is' if free == 1 else 'ids are'} free again")


@app.command()
def export(
    run: Run,
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="Where to write: .csv, .jsonl, .parquet, or .json for Label Studio.",
            show_default=False,
        ),
    ],
    state: Annotated[
        list[str] | None,
        typer.Option(
            help="Only ids in this state: unlabelled, asked, labelled, aside or past. Repeat it for more. Default: all."
        ),
    ] = None,
    data: Data = None,
) -> None:
    """Write ids with their states, labels and picks into a file."""
    with one_sentence(), _open(run) as ledger:
        check_output(file, tuple(FORMATS), run)
        count = ledger.export(file, states=state or None, data=_data(data, file))
        say(f"{count:,} rows -> {file}")


@app.command("import")
def import_(
    run: Run,
    file: LabelsFile,
    annotator: Annotator = None,
    overwrite: Overwrite = False,
) -> None:
    """Take labels from a file, asked or not. An empty ledger takes everything from a complete export."""
    with one_sentence(), _open(run) as ledger:
        imported = ledger.import_file(file, annotator=annotator, overwrite=overwrite)
        say(f"{len(ledger):,} ids restored, {_summary(imported)}" if imported.restored else _summary(imported))


# --- arguments --------------------------------------------------------------------------------------------------------


def _open(run: Path) -> closing[Ledger]:
    if not run.exists():
        raise ValueError(f"{run}: no such ledger. Make it: alcore ledger create {run} --size N (or --ids FILE).")
    return closing(Ledger.open(run))


def _read_lines(file: Path) -> list[str]:
    if not file.is_file():
        raise ValueError(f"{file}: {'expected a file, got a folder' if file.is_dir() else 'no such file'}.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: expected a text file in UTF-8 with one id per line, got another file ({error.reason})."
        ) from error
    return [line for line in text.split("\n") if line]


def _ids_of(ledger: Ledger, file: Path) -> list[str] | list[int]:
    lines = _read_lines(file)
    if ledger.named:
        return lines
    for number, line in enumerate(lines, 1):
        if not (line.isascii() and line.isdecimal()):
            raise ValueError(f"{file}, id {number}: expected a whole number, as this ledger's ids are, got {line!r}.")
    return [int(line) for line in lines]


def _data(given: Sequence[str] | None, output: Path | None) -> dict[str, str]:
    """Templates by name, from texts such as name=template."""
    templates = {}
    for text in given or ():
        name, sign, template = text.partition("=")
        if not sign or not name:
            raise ValueError(f"--data: expected name=template, such as image=https://host/{{id}}.png, got {text!r}.")
        templates[name] = template
    if templates and (output is None or output.suffix != ".json"):
        raise ValueError(
            "--data: this option works only with Label Studio's tasks. Write to a file that ends in .json."
        )
    return as_data(templates)


# --- results ----------------------------------------------------------------------------------------------------------


def _note_open(ledger: Ledger, asker: str, run: Path) -> None:
    for query in ledger.open_queries(asker)[:1]:
        note(
            f"query {query.number} of {asker} is still open, so it is asked again: {len(query):,} ids wait for a label. "
            f"Answer it: alcore ledger tell {run} FILE. Or take it back: alcore ledger withdraw {run} {query.number}."
        )


def _hand_out(query: Query, output: Path | None, data: dict[str, str]) -> None:
    if not len(query):
        note("no id is free, so nothing was asked.")
    if output is None:
        text = io.BytesIO()
        write_csv(text, query_rows(query), Layout(QUERY_COLUMNS, query.ids.dtype == object, {}))
        typer.echo(text.getvalue().decode(), nl=False)
        return
    try:
        query.export(output, data=data)
    except ValueError as error:
        raise ValueError(
            f"{error} Query {query.number} is recorded. Run the same command again to write it."
        ) from error
    say(f"{query.heuristic}: query {query.number}, {len(query):,} ids -> {output}")


def _summary(imported: Imported) -> str:
    there = f", {imported.unchanged:,} known already" if imported.unchanged else ""
    return f"{imported.labels:,} labels recorded{there}, {imported.unlabelled:,} ids without a label"


def _states_table(ledger: Ledger, run: Path) -> Table:
    table = plain_table(f"{run}\n{len(ledger):,} ids")
    for state in ledger.counts():
        table.add_column(state, justify="right", no_wrap=True)
    table.add_row(*(f"{count:,}" for count in ledger.counts().values()))
    return table


def _queries_table(queries: Sequence[Query]) -> Table:
    table = plain_table("open queries")
    for title in ("query", "asker", "heuristic", "waiting"):
        table.add_column(title, justify="right" if title in ("query", "waiting") else "left")
    for query in queries:
        table.add_row(str(query.number), escape(query.asker), escape(query.heuristic), f"{len(query):,}")
    return table


def _counts_table(title: str, counts: Sequence[tuple[Any, int]]) -> Table:
    shown = f", the {TOP} most frequent" if len(counts) > TOP else ""
    table = plain_table(f"labels by {title}{shown}")
    table.add_column(title, min_width=20)
    table.add_column("ids", justify="right", no_wrap=True)
    for value, count in counts[:TOP]:
        text = value if title == "annotator" else to_cell(encode(value, "label"))
        table.add_row(escape(text or "-"), f"{count:,}")
    return table
