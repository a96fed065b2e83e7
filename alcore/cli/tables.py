"""What the commands show and write: tables on the screen, CSV, JSON and pictures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich import box
from rich.markup import escape
from rich.table import Table

from alcore.batches.batch import Batch
from alcore.batches.filling import describe
from alcore.bench.comparison import Comparison
from alcore.bench.lead import among, highlighted
from alcore.cli.sentences import note
from alcore.sources.files import whole_file

WIDE = 90  # columns of a screen from which speeds, and five picks rather than three, stand beside information


def columns_of(batch: Batch) -> dict[str, Any]:
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


def note_uncertain(batch: Batch) -> None:
    if batch.certified_until is not None and batch.certified_until < len(batch):
        note(
            f"only the first {batch.certified_until} of {len(batch)} picks are certain to be those of the whole pool. "
            "Save the predictions to a file that can be read again, such as .npy."
        )


def note_exhausted(result: Comparison) -> None:
    for name, batch in zip(result.names, result.batches, strict=True):
        if batch.saturated_at is not None:
            note(
                f"{name} exhausted the {result.shape[-1]} draws after {batch.saturated_at} of {len(batch)} picks; "
                f"the other picks were {describe(batch.fill)}."
            )


def csv_text(columns: dict[str, Any]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(array.tolist() for array in columns.values()), strict=True))
    return text.getvalue()


def write_csv(file: Path, columns: dict[str, Any]) -> None:
    with whole_file(file) as stream:
        stream.write(csv_text(columns).encode())


def write_json(file: Path, tables: dict[str, Any]) -> None:
    with whole_file(file) as stream:
        stream.write(json.dumps(tables, indent=1, allow_nan=False).encode() + b"\n")


def ranking_table(result: Comparison, source: str, bound: str, width: int) -> Table:
    shape = " x ".join(f"{n:,}" for n in result.shape)
    note = "" if result.information is not None else f"\n{result.left_out['information']}"
    table = plain_table(f"{source}\n{shape}, {len(result.batches[0]):,} picks each{note}")
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
    """Columns for each batch: its information with the standard error, the share of the bound, and the redundancy."""
    if result.information is None or result.information_error is None or result.redundancy is None:
        return {}
    most = result.information_bound
    errors = (f"±{error:.3f}".replace("0.", ".", 1) if error >= 5e-4 else "" for error in result.information_error)
    return {
        "nats": [f"{value:.3f}{error}" for value, error in zip(result.information, errors, strict=True)],
        f"of {bound}": [f"{100 * value / most:.1f} %" if most else "-" for value in result.information],
        "redundant": [f"{abs(value) if abs(value) < 5e-4 else value:.3f}" for value in result.redundancy],
    }


def overlap_table(result: Comparison, width: int) -> Table:
    table = plain_table("overlap of the picks: rows that both picked, in % of the rows that at least one picked")
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


def plain_table(title: str) -> Table:
    return Table(
        title=escape(title), title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, padding=(0, 1, 0, 0)
    )


def write_picture(file: Path, result: Comparison, bound: str, choice: Sequence[str]) -> str:
    """Write the picture of a comparison. Returns in words what it shows. ``choice``: in colour beside the best and Random."""
    from alcore import plot

    picks = {name: batch.indices for name, batch in zip(result.names, result.batches, strict=True)}
    limit = None if result.information_bound is None else (bound, result.information_bound)
    shown = among(highlighted(result, choice), result.information_curves)
    figure = plot.comparison(result.information_curves, result.scores, bound=limit, picks=picks, highlight=shown)
    with whole_file(file) as stream:
        figure.savefig(stream, format=file.suffix[1:], dpi=100)
    parts = ("information of the picks", result.information_curves), ("score distributions", result.scores)
    return " and ".join(words for words, drawn in parts if drawn)
