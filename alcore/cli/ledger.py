"""``alcore ledger``: run a labelling campaign without Python. Commands that change single ids are in `ledger_ids`."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from alcore.cli import ledger_ids, sync
from alcore.cli.arguments import check_reduced, heuristic_of, named_files, open_files, reading_of
from alcore.cli.ledger_options import (
    Annotator,
    Data,
    DataFrom,
    LabelsFile,
    Output,
    OverFile,
    Overwrite,
    Run,
    ids_in,
    open_ledger,
    read_lines,
    templates,
)
from alcore.cli.ledger_tables import (
    TOP,
    check_new_file,
    counts_table,
    hand_out,
    note_open,
    queries_table,
    say_disputed,
    states_table,
    summary,
)
from alcore.cli.ledger_update import note_learned, update_of
from alcore.cli.options import (
    FILES,
    BatchOptions,
    Count,
    HeuristicOptions,
    LabelOptions,
    NamedOptions,
    PredictionOptions,
    Seed,
    UpdateOptions,
    expand_options,
)
from alcore.cli.scheduler import Scheduler, on_cluster
from alcore.cli.sentences import one_sentence, out, say
from alcore.door.wording import word
from alcore.heuristics import Random
from alcore.heuristics.base import Joint
from alcore.ledger import Ledger, Query
from alcore.sources.urls import File, as_file

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
    with one_sentence(run):
        there = run.exists()
        if there and (not run.is_file() or run.stat().st_size):
            raise ValueError(
                f"{run}: this file exists already. Name another file, or go on with it: alcore ledger status {word(run)}."
            )
        if (size is None) == (ids is None):
            raise ValueError("size: expected either --size N, or --ids FILE with one id per line.")
        names = None if ids is None else read_lines(ids)
        try:
            with closing(Ledger.open(run, size, ids=names, labels=_as_labels(labels))) as ledger:
                say(f"{len(ledger):,} ids -> {run}")
        except ValueError:
            if not there and run.exists() and not run.stat().st_size:
                run.unlink()
            raise


def _as_labels(labels: str) -> str | list[str]:
    return labels if labels in ("json", "text") else [one.strip() for one in labels.split(",")]


@app.command()
def status(run: Run) -> None:
    """Show how many ids are in each state, the open queries, and the counts of annotators and labels."""
    with one_sentence(run), open_ledger(run, readonly=True) as ledger:
        out.print(states_table(ledger, run))
        if queries := ledger.open_queries():
            out.print(queries_table(queries))
        if ledger.counts()["labelled"]:
            out.print(counts_table(ledger, "annotator", ledger.count_labels("annotator", TOP + 1)))
            out.print(counts_table(ledger, "label", ledger.count_labels("label", TOP + 1)))


@app.command()
@expand_options
def ask(
    run: Run,
    files: Annotated[
        list[File] | None,
        typer.Argument(metavar="PREDICTIONS", help=f"{FILES} Not needed for --heuristic random.", parser=as_file),
    ] = None,
    k: Count = 10,
    asker: Annotated[
        str, typer.Option(help="The name on whose behalf the ids are asked. Each asker has one open query.")
    ] = "default",
    output: Output = None,
    data: Data = None,
    data_from: DataFrom = None,
    overwrite: OverFile = False,
    ids: Annotated[
        Path | None,
        typer.Option(help="A text file with the id of each row of the predictions, one per line. Default: all ids."),
    ] = None,
    seed: Seed = None,
    scheduler: Scheduler = None,
    *,
    named: NamedOptions,
    read: PredictionOptions,
    made: HeuristicOptions,
    batched: BatchOptions,
    learned: UpdateOptions,
) -> None:
    """Choose the k free ids to label next, and record them as asked."""
    with one_sentence(run), open_ledger(run) as ledger:
        files = named_files(files) if files else None
        if output is not None:
            inputs, again = (
                (*(files or ()), read.weights, read.mask, made.targets, ids, data_from),
                bool(ledger.open_queries(asker)),
            )
            check_new_file(output, run, *inputs, overwrite=overwrite, again=again)
        shown = templates(data, output, data_from)
        if files is None and named.heuristic != "random":
            raise ValueError(
                f"{named.heuristic}: expected a file of predictions: alcore ledger ask {word(run)} PREDICTIONS. "
                "Without predictions: --heuristic random."
            )
        chosen = heuristic_of(named.heuristic, files, made, read, **batched.given())
        predictions = None if files is None else open_files(files, read)
        if predictions is not None and not isinstance(chosen, Random | Joint):
            check_reduced(predictions, made.reduce)
        rows = None if ids is None else ids_in(ledger, ids)
        update = update_of(learned, ledger, run)
        note_open(ledger, asker, run)
        reading = reading_of(read, files)
        with on_cluster(scheduler, predictions, reading) as spread:
            query = ledger.ask(chosen, spread, k, ids=rows, asker=asker, rng=seed, update=update, **reading)
        note_learned(query, update)
        hand_out(query, output, shown, data_from, overwrite)


@app.command()
def show(
    run: Run,
    query: Annotated[
        int | None,
        typer.Argument(metavar="QUERY", help="The number of the query. Default: the open query, if there is one only."),
    ] = None,
    output: Output = None,
    data: Data = None,
    data_from: DataFrom = None,
    overwrite: OverFile = False,
) -> None:
    """Hand out the ids of an open query again, those that have no label yet."""
    with one_sentence(run), open_ledger(run, readonly=True) as ledger:
        if output is not None:
            check_new_file(output, run, data_from, overwrite=overwrite, again=True)
        shown = templates(data, output, data_from)
        found = _open_query(ledger, query, run)
        note_learned(found)
        hand_out(found, output, shown, data_from, overwrite)


def _open_query(ledger: Ledger, number: int | None, run: Path) -> Query:
    queries = ledger.open_queries()
    if not queries:
        raise ValueError(f"query: no query of this ledger is open. Ask: alcore ledger ask {word(run)} PREDICTIONS.")
    listed = ", ".join(f"{query.number} ({query.asker})" for query in queries)
    if number is None and len(queries) > 1:
        raise ValueError(
            f"query: expected the number of a query, as {len(queries)} are open: {listed}. "
            f"Name one: alcore ledger show {word(run)} {queries[0].number}."
        )
    for query in queries:
        if number in (None, query.number):
            return query
    raise ValueError(f"query: expected an open query, got {number}. Open: {listed}.")


@app.command()
@expand_options
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
    *,
    found: LabelOptions,
) -> None:
    """Record the labels of ids that were asked. Rows without a label stay open."""
    with one_sentence(run), open_ledger(run) as ledger:
        imported = ledger.tell_file(file, query=query, annotator=annotator, overwrite=overwrite, **found.given())
        waiting = ", ".join(f"{len(one):,} of query {one.number} ({one.asker})" for one in ledger.open_queries())
        say(f"{summary(imported)}; {f'still open: {waiting}' if waiting else 'no query is open'}")
        say_disputed(ledger, imported)


@app.command()
def withdraw(
    run: Run,
    query: Annotated[int, typer.Argument(metavar="QUERY", help="The number of the query.", show_default=False)],
) -> None:
    """Take back the ids of a query that have no label yet. They are free again."""
    with one_sentence(run), open_ledger(run) as ledger:
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
            help="Where to write: .csv, .tsv, .jsonl, .parquet, or .json for Label Studio.",
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
    overwrite: OverFile = False,
) -> None:
    """Write ids with their states, labels and picks into a file."""
    with one_sentence(run), open_ledger(run, readonly=True) as ledger:
        check_new_file(file, run, overwrite=overwrite, again=True)
        count = ledger.export(file, states=state or None, data=templates(data, file), overwrite=overwrite)
        say(f"{count:,} rows -> {file}")


@app.command("import")
@expand_options
def import_(
    run: Run,
    file: LabelsFile,
    annotator: Annotator = None,
    overwrite: Overwrite = False,
    *,
    found: LabelOptions,
) -> None:
    """Take labels from a file, asked or not. An empty ledger takes everything from a complete export."""
    with one_sentence(run), open_ledger(run) as ledger:
        imported = ledger.import_file(file, annotator=annotator, overwrite=overwrite, **found.given())
        say(f"{len(ledger):,} ids restored, {summary(imported)}" if imported.restored else summary(imported))
        say_disputed(ledger, imported)


@app.command()
def backup(
    run: Run,
    copy: Annotated[Path, typer.Argument(metavar="COPY", help="The new file.", show_default=False)],
    lost_log: Annotated[
        bool, typer.Option("--lost-log", help="Copy what the file holds, where its log (-wal) is lost for good.")
    ] = False,
) -> None:
    """Copy a ledger while others use it. The copy has everything that was recorded."""
    with one_sentence(run), open_ledger(run, lost_log=lost_log, readonly=True) as ledger:
        ledger.backup(copy)
        say(f"{len(ledger):,} ids -> {copy}")


app.command()(sync.sync)
for name, command in ledger_ids.COMMANDS.items():
    app.command(name)(command)
