"""A ledger's rows as CSV, JSON lines, Parquet and tasks. A file is written whole or not at all, and both ways go row by row."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore import door
from alcore.door.wording import word
from alcore.ledger import label_studio
from alcore.ledger.columns import COLUMNS, FileRows, Row, json_text, microseconds, shown, time_text
from alcore.ledger.errors import LedgerError
from alcore.ledger.json_array import values_of_array
from alcore.ledger.label_text import decode, parse
from alcore.ledger.label_type import LabelType
from alcore.ledger.layout import ANY, Layout
from alcore.ledger.spreadsheets import check_columns, read_csv, text_lines, write_csv
from alcore.ledger.tools import known
from alcore.ledger.tools.keys import Keys
from alcore.sources.files import whole_file
from alcore.sources.formats import import_extra

USUAL = Keys()
TAB = "\t"
SPREADSHEETS = (".xlsx", ".xlsm", ".xls", ".ods")
ROW_GROUP = 1 << 16  # rows of a Parquet file that are held at once


@dataclass(frozen=True)
class Format:
    """``write(stream, rows, layout)``, which counts rows, and ``read(path, keys)``, whose records ``unit`` counts.

    ``cells`` is True for tables, where a text may be any label, and ``typed`` for those that people type into.
    """

    unit: str
    write: Callable[[IO[bytes], Iterable[Row], Layout], int]
    read: Callable[[Path, Keys], Iterator[tuple[int, Row]]]
    cells: bool = False
    typed: bool = False


def format_of(path: str | os.PathLike[str]) -> Format:
    door.check_local(path, "path")
    suffix = Path(path).suffix.lower()  # Windows programs write .CSV too
    if suffix not in FORMATS:
        endings = ", ".join(FORMATS)
        remedy = " In the spreadsheet program, save it as CSV UTF-8." if suffix in SPREADSHEETS else ""
        raise LedgerError(
            f"{Path(path)}: expected a file that ends in {endings} (tasks for Label Studio), got {suffix or 'no ending'!r}.{remedy}"
        )
    return FORMATS[suffix]


def read(path: str | os.PathLike[str], labels: LabelType = ANY, keys: Keys = USUAL) -> FileRows:
    """Rows of a file, read as they are taken. Labels are of the ledger's type. Several answers are several rows."""
    file, form = Path(path), format_of(path)
    records = records_of(file, keys)
    source = known.Source(file, form.unit, form.cells, form.typed)
    return FileRows(file, form.unit, known.rows(records, source, keys, labels))


def records_of(file: Path, keys: Keys) -> Iterator[tuple[int, Row]]:
    """What a file has, before anything is made of it."""
    form = format_of(file)
    if not file.is_file():
        raise LedgerError(f"{file}: {'expected a file, got a folder' if file.is_dir() else 'no such file'}.")
    return _refusals(file, form.read(file, keys))


def items_of(path: str | os.PathLike[str]) -> Iterator[tuple[int, Row]]:
    """Records of a file of items: an id each, and what to show for it."""
    file, form = Path(path), format_of(path)
    if form is FORMATS[".json"]:
        raise LedgerError(f"{file}: expected a file of items that ends in .jsonl, .csv, .tsv or .parquet, got '.json'.")
    return records_of(file, Keys(label="id"))


def write(path: str | os.PathLike[str], rows: Iterable[Row], layout: Layout, *, overwrite: bool) -> int:
    """Returns how many rows were written. The file appears when all of them are on disk.

    Without ``overwrite`` a file that is there already is refused, unless it is what would be written. So is one that somebody
    makes meanwhile.
    """
    form = format_of(path)
    if (layout.data or layout.items) and form is not FORMATS[".json"]:
        option = "data" if layout.data else "data_from"
        raise LedgerError(
            f"{Path(path)}: {option} works only with Label Studio's tasks. Write to a file that ends in .json, or leave {option} "
            "out."
        )
    if not overwrite and Path(path).is_file():
        return _check_same(Path(path), form, rows, layout)
    try:
        with written(path, replace=overwrite) as stream:
            return form.write(stream, rows, layout)
    except FileExistsError:
        raise _exists(Path(path), layout) from None


def _check_same(path: Path, form: Format, rows: Iterable[Row], layout: Layout) -> int:
    """Refuse a file with other content than these rows, as somebody may have typed into it."""
    with tempfile.TemporaryFile() as stream:
        count = form.write(stream, rows, layout)
        stream.seek(0)
        if path.read_bytes() == stream.read():
            return count
    raise _exists(path, layout)


def _exists(path: Path, layout: Layout) -> LedgerError:
    if not path.is_file():
        return LedgerError(f"{path}: expected a new file, got a folder or a link without a file. Name another file.")
    call = "import_file" if "state" in layout.columns else "tell_file"
    command = "import" if "state" in layout.columns else "tell"
    return LedgerError(
        f"{path}: this file exists already, with {what_is_in(path)}, and may hold labels that were typed into it. Record them: "
        f"ledger.{call}({str(path)!r}) (alcore ledger {command}). Then name another file, or replace it: overwrite=True "
        "(--overwrite)."
    )


def what_is_in(path: Path) -> str:
    """What a file has, for a sentence: its rows and labels if it can be read."""
    try:
        rows = [row["label"] is not None for _, row in read(path).rows]
    except (ValueError, ImportError, OSError):
        return f"{path.stat().st_size:,} bytes"
    return f"{len(rows):,} rows, {sum(rows):,} of them with a label"


@contextmanager
def written(path: str | os.PathLike[str], *, replace: bool) -> Iterator[IO[bytes]]:
    try:
        with whole_file(path, replace=replace) as stream:
            yield stream
    except FileExistsError:
        raise
    except OSError as error:
        raise LedgerError(
            f"{Path(path)}: cannot be written ({error.strerror or error}). No file was made. Free some space, or name another "
            "file."
        ) from error


def _refusals(file: Path, rows: Iterator[tuple[int, Row]]) -> Iterator[tuple[int, Row]]:
    try:
        yield from rows
    except OSError as error:
        reason = error.strerror or " ".join(str(error).split()).rstrip(".")  # Arrow's has several lines
        raise LedgerError(
            f"{file}: cannot be read ({reason}). Allow reading: chmod u+r {word(file)}. Or name another file."
        ) from error


# --- JSON lines -------------------------------------------------------------------------------------------------------


def _write_jsonl(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    writers = [(name, _JSON.get(COLUMNS[name])) for name in layout.columns]
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        values = {name: write(row[name]) if write else row[name] for name, write in writers if row[name] is not None}
        stream.write(json_text(values).encode() + b"\n")
    return count


_JSON: dict[str, Callable[[Any], Any]] = {"label": decode, "time": time_text}


def _read_jsonl(path: Path, keys: Keys) -> Iterator[tuple[int, Row]]:
    with open(path, "rb") as file:
        for number, line in enumerate(text_lines(path, file), 1):
            if line.strip():
                yield number, _json_record(f"{path}, line {number}", line)


def _json_record(where: str, line: str) -> Row:
    try:
        record = parse(line)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise LedgerError(f"{where}: expected a JSON object, but it cannot be read: {reason}.") from error
    if not isinstance(record, dict):
        raise LedgerError(
            f'{where}: expected a JSON object with an id, such as {{"id": 1, "label": "cat"}}, got {shown(record)}.'
        )
    return record


# --- Parquet ----------------------------------------------------------------------------------------------------------


def _write_parquet(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    arrow = import_extra("pyarrow", "parquet", "writing")
    parquet = import_extra("pyarrow.parquet", "parquet", "writing")
    kinds = {"number": arrow.float64(), "whole": arrow.int64(), "time": arrow.timestamp("us", "UTC")}
    kinds["id"] = arrow.string() if layout.named else arrow.int64()
    schema = arrow.schema([(name, kinds.get(COLUMNS[name], arrow.string())) for name in layout.columns])
    count, left = 0, iter(rows)
    with parquet.ParquetWriter(stream, schema) as writer:
        while part := list(islice(left, ROW_GROUP)):
            fields = [(name, schema.field(name).type) for name in layout.columns]
            arrays = [_parquet_column(arrow, kind, name, part, layout.labels) for name, kind in fields]
            writer.write_batch(arrow.record_batch(arrays, schema=schema))
            count += len(part)
    return count


def _parquet_column(arrow: Any, kind: Any, name: str, rows: list[Row], labels: LabelType) -> Any:
    write = labels.to_text if name == "label" else _PARQUET.get(COLUMNS[name])
    values = [value if (value := row[name]) is None or write is None else write(value) for row in rows]
    return arrow.array(values, kind)


_PARQUET: dict[str, Callable[[Any], Any]] = {"time": microseconds}


def _read_parquet(path: Path, keys: Keys) -> Iterator[tuple[int, Row]]:
    arrow = import_extra("pyarrow", "parquet", "reading")
    parquet = import_extra("pyarrow.parquet", "parquet", "reading")
    try:
        with parquet.ParquetFile(path) as file:
            names = file.schema_arrow.names
            foreign = keys or known.tool_of(dict.fromkeys(names), True) is not None
            if not foreign or keys.id or keys.label:
                check_columns(path, names, keys)
            wanted = names if foreign else [name for name in names if name in COLUMNS]
            batches = file.iter_batches(ROW_GROUP, columns=wanted)
            yield from enumerate((row for batch in batches for row in _as_rows(path, batch)), 1)
    except arrow.ArrowException as error:
        reason = " ".join(str(error).split()).rstrip(".")
        raise LedgerError(f"{path}: expected a Parquet file, but it cannot be read: {reason}.") from error


def _as_rows(path: Path, batch: Any) -> list[Row]:
    try:
        return list(batch.to_pylist())
    except ValueError as error:  # text that is no UTF-8, nanoseconds that no datetime has
        reason = " ".join(str(error).split()).rstrip(".")
        raise LedgerError(
            f"{path}: some values cannot be read ({reason}). Use UTF-8 and times in microseconds."
        ) from error


# --- tasks ------------------------------------------------------------------------------------------------------------


def _write_tasks(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    return label_studio.write_tasks(stream, rows, layout)


def _read_tasks(path: Path, keys: Keys) -> Iterator[tuple[int, Row]]:
    """Records of an array: tasks of an export as JSON or of `label_studio.write_tasks`, or records of another tool."""
    for number, task in enumerate(values_of_array(path), 1):
        if not isinstance(task, dict) or not (keys.id or known.tool_of(task, False)):
            raise LedgerError(
                f"{path}, task {number}: expected a task with an id in its data, as alcore wrote it, got {shown(task)}. "
                "In Label Studio, export as JSON, not as JSON-MIN. For other records name the keys: id=KEY, label=KEY (--id KEY "
                "--label KEY)."
            )
        yield number, task


FORMATS = {
    ".csv": Format("line", write_csv, read_csv, cells=True, typed=True),
    ".tsv": Format("line", partial(write_csv, separator=TAB), partial(read_csv, separator=TAB), cells=True, typed=True),
    ".jsonl": Format("line", _write_jsonl, _read_jsonl),
    ".parquet": Format("row", _write_parquet, _read_parquet, cells=True),
    ".json": Format("task", _write_tasks, _read_tasks),
}
