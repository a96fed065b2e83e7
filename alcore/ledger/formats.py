"""A ledger's rows as CSV, JSON lines and Parquet. A file is written whole or not at all, and both ways go row by row."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO, Any

from alcore.ledger import label_studio
from alcore.ledger.columns import COLUMNS, FileRows, Row, json_text, microseconds, shown, time_text
from alcore.ledger.errors import LedgerError
from alcore.ledger.label_text import decode, parse
from alcore.ledger.label_type import LabelType, TypedColumn
from alcore.sources.files import import_extra, whole_file

ANY = LabelType()
ROW_GROUP = 1 << 16  # rows of a Parquet file that are held at once


@dataclass(frozen=True)
class Layout:
    """Which columns are written, whether ids are names, what labels are, and templates of the data that Label Studio shows."""

    columns: Collection[str]
    named: bool
    data: Mapping[str, str]
    labels: LabelType = ANY


@dataclass(frozen=True)
class Format:
    """``write(stream, rows, layout)``, which counts rows, and ``read(path, labels)``, whose rows ``unit`` counts."""

    unit: str
    write: Callable[[IO[bytes], Iterable[Row], Layout], int]
    read: Callable[[Path, LabelType], Iterator[tuple[int, Row]]]


def format_of(path: str | os.PathLike[str]) -> Format:
    suffix = Path(path).suffix
    if suffix not in FORMATS:
        endings = ", ".join(FORMATS)
        raise LedgerError(
            f"{Path(path)}: expected a file that ends in {endings} (tasks for Label Studio), got {suffix or 'no ending'!r}."
        )
    return FORMATS[suffix]


def read(path: str | os.PathLike[str], labels: LabelType) -> FileRows:
    """Rows of a file, read as they are taken. Their labels are of the type that the ledger has."""
    file, form = Path(path), format_of(path)
    if not file.is_file():
        raise LedgerError(f"{file}: {'expected a file, got a folder' if file.is_dir() else 'no such file'}.")
    return FileRows(file, form.unit, _refusals(file, form.read(file, labels)))


def write(path: str | os.PathLike[str], rows: Iterable[Row], layout: Layout) -> int:
    """Returns how many rows were written. The file appears when all of them are on disk."""
    form = format_of(path)
    if layout.data and form is not FORMATS[".json"]:
        raise LedgerError(
            f"{Path(path)}: data works only with Label Studio's tasks. Write to a file that ends in .json, or leave data out."
        )
    with written(path) as stream:
        return form.write(stream, rows, layout)


@contextmanager
def written(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    try:
        with whole_file(path) as stream:
            yield stream
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
            f"{file}: cannot be read ({reason}). Allow reading (chmod u+r), or name another file."
        ) from error


# --- CSV --------------------------------------------------------------------------------------------------------------


def write_csv(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    lines = _CsvLines(stream)
    writer = csv.writer(lines, lineterminator="\r\n")  # so that both are quoted inside a cell
    writer.writerow(layout.columns)
    kinds = {**_CSV, "label": layout.labels.to_text}
    writers = [(name, kinds.get(COLUMNS[name], str)) for name in layout.columns]
    count, longest = 0, csv.field_size_limit()
    for count, row in enumerate(rows, 1):  # noqa: B007
        cells = ["" if (value := row[name]) is None else write(value) for name, write in writers]
        if max(map(len, cells)) > longest:
            raise LedgerError(
                f"id {row['id']!r}: one of its values has more than {longest:,} characters, the most that readers of CSV accept in "
                "a cell. Write a .jsonl file."
            )
        writer.writerow(cells)
    return count


class _CsvLines:
    """Writes lines that end in a line feed alone."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n").encode() + b"\n")


_CSV: dict[str, Callable[[Any], str]] = {"time": time_text, "number": repr}


def _read_csv(path: Path, labels: LabelType) -> Iterator[tuple[int, Row]]:
    with open(path, "rb") as file:
        reader, number = csv.reader(_lines(path, file), strict=True), 1
        try:
            header = next(reader, None)
            _check_columns(path, header)
            assert header is not None
            typed = labels if "state" in header else TypedColumn(labels)  # a complete export, or what people filled in
            number = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield number, _csv_row(path, number, header, cells, typed)
                number = reader.line_num + 1
        except csv.Error as error:
            raise LedgerError(f"{path}, line {number}: expected CSV, but it cannot be read: {error}.") from error


def _csv_row(path: Path, number: int, header: list[str], cells: list[str], labels: LabelType | TypedColumn) -> Row:
    if len(cells) != len(header):
        raise LedgerError(
            f"{path}, line {number}: expected {len(header)} cells, as the first line has, got {len(cells)}. "
            'Put cells with commas in double quotes: "a, b".'
        )
    row: Row = {name: cell or None for name, cell in zip(header, cells, strict=True)}
    row["id"] = row["id"] or ""
    row["label"] = labels.from_text(row["label"] or "", f"{path}, line {number}: label")
    return row


def _lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise LedgerError(
                f"{path}, line {number}: expected UTF-8, got the byte {error.object[error.start]:#04x}. "
                "Save the file as UTF-8 (in a spreadsheet program: CSV UTF-8)."
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text


def _check_columns(path: Path, header: list[str] | None) -> None:
    if header is None:
        raise LedgerError(
            f"{path}: expected a first line with the columns id and label, got an empty file. Begin it: id,label."
        )
    twice = sorted({name for name in header if header.count(name) > 1} & {*COLUMNS})
    if twice:
        raise LedgerError(f"{path}, line 1: expected each column once, got {twice[0]!r} twice. Rename one of them.")
    if missing := [name for name in ("id", "label") if name not in header]:
        raise LedgerError(
            f"{path}: expected the columns id and label, separated by commas, got {shown(','.join(header))} "
            f"without {' and '.join(missing)}. Rename the columns."
        )


# --- JSON lines -------------------------------------------------------------------------------------------------------


def _write_jsonl(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    writers = [(name, _JSON.get(COLUMNS[name])) for name in layout.columns]
    count = 0
    for count, row in enumerate(rows, 1):  # noqa: B007
        values = {name: write(row[name]) if write else row[name] for name, write in writers if row[name] is not None}
        stream.write(json_text(values).encode() + b"\n")
    return count


_JSON: dict[str, Callable[[Any], Any]] = {"label": decode, "time": time_text}


def _read_jsonl(path: Path, labels: LabelType) -> Iterator[tuple[int, Row]]:
    with open(path, "rb") as file:
        for number, line in enumerate(_lines(path, file), 1):
            if line.strip():
                yield number, _json_row(f"{path}, line {number}", line, labels)


def _json_row(where: str, line: str, labels: LabelType) -> Row:
    try:
        row = parse(line)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else error
        raise LedgerError(f"{where}: expected a JSON object, but it cannot be read: {reason}.") from error
    if not isinstance(row, dict) or "id" not in row:
        raise LedgerError(
            f'{where}: expected a JSON object with an id, such as {{"id": 1, "label": "cat"}}, got {shown(row)}.'
        )
    label = labels.from_value(row["label"], f"{where}: label") if "label" in row else None
    whole = dict.fromkeys(COLUMNS) if "state" in row else {}
    return {**whole, **row, "label": label}


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


def _read_parquet(path: Path, labels: LabelType) -> Iterator[tuple[int, Row]]:
    arrow = import_extra("pyarrow", "parquet", "reading")
    parquet = import_extra("pyarrow.parquet", "parquet", "reading")
    try:
        with parquet.ParquetFile(path) as file:
            _check_columns(path, file.schema_arrow.names)
            wanted = [name for name in file.schema_arrow.names if name in COLUMNS]
            batches = file.iter_batches(ROW_GROUP, columns=wanted)
            for number, row in enumerate((row for batch in batches for row in _as_rows(path, batch)), 1):
                yield number, {**row, "label": _parquet_label(row["label"], f"{path}, row {number}: label", labels)}
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


def _parquet_label(value: Any, where: str, labels: LabelType) -> str | None:
    """A string is read as a cell of CSV. Values of other types stay as they are."""
    if value is None:
        return None
    return labels.from_text(value, where) if isinstance(value, str) else labels.from_value(value, where)


def _write_tasks(stream: IO[bytes], rows: Iterable[Row], layout: Layout) -> int:
    return label_studio.write_tasks(stream, rows, layout.data)


FORMATS = {
    ".csv": Format("line", write_csv, _read_csv),
    ".jsonl": Format("line", _write_jsonl, _read_jsonl),
    ".parquet": Format("row", _write_parquet, _read_parquet),
    ".json": Format("task", _write_tasks, label_studio.read_tasks),
}
