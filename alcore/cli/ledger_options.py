"""What several commands of ``alcore ledger`` take: the ledger's file, ids, and templates of data."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer

from alcore import door
from alcore.door.wording import word
from alcore.ledger import Ledger
from alcore.ledger.label_studio import as_data
from alcore.ledger.query import names_of_items

Run = Annotated[Path, typer.Argument(metavar="RUN.db", help="The ledger's file.", show_default=False)]
Output = Annotated[
    Path | None,
    typer.Option(
        "--output",
        "-o",
        help="Where to write: .csv, .tsv, .jsonl, .parquet, or .json for Label Studio. Default: the screen. "
        "A file that exists stays, unless --overwrite.",
    ),
]
Data = Annotated[
    list[str] | None,
    typer.Option(
        help="What Label Studio shows for each id, such as image=https://host/{id}.png. In braces: id, and the columns of "
        "--data-from. Repeat it for more."
    ),
]
DataFrom = Annotated[
    Path | None,
    typer.Option(help="A .jsonl, .csv, .tsv or .parquet file with a column id and what Label Studio shows for it."),
]
OverFile = Annotated[bool, typer.Option("--overwrite", help="Replace the output file if it is there already.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace labels that are there already and differ.")]
Annotator = Annotated[str | None, typer.Option(help="Who labelled, for rows that do not name the annotator.")]
LabelsFile = Annotated[
    Path,
    typer.Argument(
        metavar="FILE", help="Labels: .csv, .tsv, .jsonl, .parquet, or .json from Label Studio.", show_default=False
    ),
]
IdsGiven = Annotated[
    list[str] | None,
    typer.Argument(metavar="IDS", help="Ids. Write -- before ids that begin with -.", show_default=False),
]
IdsFrom = Annotated[Path | None, typer.Option(help="For many ids: a text file with one id per line.")]


def open_ledger(run: Path, *, lost_log: bool = False, readonly: bool = False) -> closing[Ledger]:
    door.check_local(run, "RUN.db")
    if not run.exists():
        raise ValueError(f"{run}: no such ledger. Make it: alcore ledger create {word(run)} --size N (or --ids FILE).")
    return closing(Ledger.open(run, lost_log=lost_log, readonly=readonly))


def read_lines(file: Path) -> list[str]:
    door.check_local(file, "ids")
    if not file.is_file():
        raise ValueError(f"{file}: {'expected a file, got a folder' if file.is_dir() else 'no such file'}.")
    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{file}: expected a text file in UTF-8 with one id per line, got another file ({error.reason})."
        ) from error
    return [line for line in text.split("\n") if line]


def ids_in(ledger: Ledger, file: Path) -> list[str] | list[int]:
    """The ids of a file with one id per line, as the ledger has them: names or numbers."""
    return as_ids(ledger, read_lines(file), f"{file}, id ")


def ids_given(ledger: Ledger, ids: Sequence[str] | None, ids_from: Path | None) -> list[str] | list[int]:
    """Ids from the command line, and those of a file."""
    if not ids and ids_from is None:
        raise ValueError(
            "ids: expected at least one id, got none. Write them after RUN.db, or name a file: --ids-from FILE."
        )
    given = as_ids(ledger, ids or (), "id ")
    more = [] if ids_from is None else ids_in(ledger, ids_from)
    return [*given, *more]


def as_ids(ledger: Ledger, texts: Sequence[str], where: str) -> list[str] | list[int]:
    if ledger.named:
        return list(texts)
    for number, text in enumerate(texts, 1):
        if not (text.isascii() and text.isdecimal()):
            raise ValueError(f"{where}{number}: expected a whole number, as this ledger's ids are, got {text!r}.")
    return [int(text) for text in texts]


def templates(given: Sequence[str] | None, output: Path | None, data_from: Path | None = None) -> dict[str, str]:
    """Templates for tasks of Label Studio in a file. Other files have no place for them."""
    found = templates_of(given, data_from)
    if (found or data_from) and (output is None or output.suffix != ".json"):
        option = "--data" if found else "--data-from"
        raise ValueError(
            f"{option}: this option works only with Label Studio's tasks. Write to a file that ends in .json."
        )
    return found


def templates_of(given: Sequence[str] | None, data_from: Path | None = None) -> dict[str, str]:
    """Templates by name, from texts such as name=template."""
    found = dict[str, str]()
    for text in given or ():
        name, sign, template = text.partition("=")
        if not sign or not name:
            raise ValueError(f"--data: expected name=template, such as image=https://host/{{id}}.png, got {text!r}.")
        found[name] = template
    return as_data(found, () if data_from is None else names_of_items(data_from))
