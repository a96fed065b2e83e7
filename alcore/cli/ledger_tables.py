"""What the commands of ``alcore ledger`` hand out and show: queries, counts and histories."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import typer
from rich.markup import escape
from rich.table import Table

from alcore.cli.arguments import check_output
from alcore.cli.sentences import note, say
from alcore.cli.tables import plain_table
from alcore.door.wording import word
from alcore.ledger import Imported, Ledger, Query
from alcore.ledger.columns import time_text
from alcore.ledger.formats import FORMATS, what_is_in
from alcore.ledger.label_text import encode
from alcore.ledger.label_type import LabelType, as_label_type
from alcore.ledger.query import query_layout, query_rows
from alcore.ledger.spreadsheets import write_csv
from alcore.sources.urls import File

TOP = 10  # annotators and label values that status shows


def check_new_file(output: Path, run: Path, *inputs: File | None, overwrite: bool = False, again: bool = False) -> None:
    """Refuse a file that exists, before the work starts: somebody may have typed labels into it.

    With ``again`` a query that is open already is written, which may be in the file as it would be written now.
    """
    check_output(output, tuple(FORMATS), run, *inputs)
    if not output.exists():
        return
    there = f"{output}: this file exists already, with {what_is_in(output)}"
    if overwrite:
        note(f"{there}. It is replaced.")
    elif not again:
        raise ValueError(
            f"{there}, and may hold labels that were typed into it. Record them: alcore ledger tell {word(run)} {word(output)}. "
            "Then name another file, or replace it: --overwrite."
        )


def note_open(ledger: Ledger, asker: str, run: Path) -> None:
    for query in ledger.open_queries(asker)[:1]:
        note(
            f"query {query.number} of {asker} is still open, so it is asked again: {len(query):,} ids wait for a label. "
            f"Answer it: alcore ledger tell {word(run)} FILE. Or take it back: alcore ledger withdraw {word(run)} {query.number}."
        )


def hand_out(
    query: Query,
    output: Path | None,
    data: dict[str, str],
    data_from: Path | None = None,
    overwrite: bool = False,
) -> None:
    if not len(query):
        note("no id is free, so nothing was asked.")
    if output is None:
        text = io.BytesIO()
        write_csv(text, query_rows(query), query_layout(query))
        typer.echo(text.getvalue().decode(), nl=False)
        return
    try:
        query.export(output, data=data, data_from=data_from, overwrite=overwrite)
    except ValueError as error:
        raise ValueError(
            f"{error} Query {query.number} is recorded. Run the same command again to write it."
        ) from error
    say(f"{query.heuristic}: query {query.number}, {len(query):,} ids -> {output}")


def summary(imported: Imported) -> str:
    there = f", {imported.unchanged:,} known already" if imported.unchanged else ""
    return f"{imported.labels:,} labels recorded{there}, {imported.unlabelled:,} ids without a label"


def say_disputed(ledger: Ledger, imported: Imported) -> None:
    """The ids whose labels differ, with who said what."""
    if imported.disputed:
        say(f"{len(imported.disputed):,} disputed, as annotators differ. They stay as they were:")
    for one, answers in imported.disputed.items():
        said = ", ".join(f"{shown_label(ledger, label)} ({who or '-'})" for label, who in answers)
        say(f"  {one}: {said}")


def states_table(ledger: Ledger, run: Path) -> Table:
    table = plain_table(f"{run}\n{len(ledger):,} ids")
    for state in ledger.counts():
        table.add_column(state, justify="right", no_wrap=True)
    table.add_row(*(f"{count:,}" for count in ledger.counts().values()))
    return table


def queries_table(queries: Sequence[Query]) -> Table:
    table = plain_table("open queries")
    for title in ("query", "asker", "heuristic", "waiting"):
        table.add_column(title, justify="right" if title in ("query", "waiting") else "left")
    for query in queries:
        table.add_row(str(query.number), escape(query.asker), escape(query.heuristic), f"{len(query):,}")
    return table


def counts_table(ledger: Ledger, title: str, counts: Sequence[tuple[Any, int]]) -> Table:
    shown = f", the {TOP} most frequent" if len(counts) > TOP else ""
    table = plain_table(f"labels by {title}{shown}")
    table.add_column(title, min_width=20)
    table.add_column("ids", justify="right", no_wrap=True)
    for value, count in counts[:TOP]:
        text = value if title == "annotator" else shown_label(ledger, value)
        table.add_row(escape(text or "-"), f"{count:,}")
    return table


def history_table(ledger: Ledger, events: Sequence[dict[str, Any]]) -> Table:
    table = plain_table("history, the oldest event first")
    for title in ("time", "id", "action", "query", "label", "annotator"):
        table.add_column(title, justify="right" if title == "query" else "left", no_wrap=title == "time")
    for event in events:
        label = "" if event["action"] != "labelled" else shown_label(ledger, event["label"])
        number = "" if event["query"] is None else str(event["query"])
        table.add_row(
            time_text(event["time"]),
            escape(str(event["id"])),
            event["action"],
            number,
            escape(label),
            escape(event["annotator"] or ""),
        )
    return table


def shown_label(ledger: Ledger, label: Any) -> str:
    """A label as a cell shows it."""
    return (as_label_type(ledger.label_type) or LabelType()).to_text(encode(label, "label"))
