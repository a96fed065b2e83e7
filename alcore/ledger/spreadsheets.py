"""CSV as this library writes it, and as Excel, LibreOffice and other tools do.

The separator is read from the header line. In ``.tsv`` it is a TAB. Texts that a spreadsheet would run as a formula are written
with a ' before them, and come back without it.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain
from pathlib import Path
from typing import IO, Any

from alcore.ledger.columns import COLUMNS, Row, shown, time_text
from alcore.ledger.errors import LedgerError
from alcore.ledger.layout import Layout
from alcore.ledger.tools.keys import Keys, has_column

SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
UTF_16 = (b"\xff\xfe", b"\xfe\xff")
FORMULA = re.compile(r"'*[=+\-@\t\r]")  # with the marks of cells that look like neutralised ones
PLAIN_NUMBER = re.compile(r"-\d[\d.eE+-]*\Z")
OUR_WORDS = {"state", "ledger"}  # columns that no spreadsheet takes for formulas
QUOTED = re.compile(r'"[^"]*"?')


# --- out --------------------------------------------------------------------------------------------------------------


def write_csv(stream: IO[bytes], rows: Iterable[Row], layout: Layout, separator: str = ",") -> int:
    lines = _CsvLines(stream)
    writer = csv.writer(lines, delimiter=separator, lineterminator="\r\n")  # so that both are quoted inside a cell
    writer.writerow(layout.columns)
    writes: dict[str, Callable[[Any], str]] = {**_WRITE, "label": partial(_label, layout)}
    writers = [(name, str if name in OUR_WORDS else writes.get(COLUMNS[name], _text)) for name in layout.columns]
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


def neutral(text: str) -> str:
    """A cell that no spreadsheet runs as a formula. Numbers stay numbers.

    >>> neutral("=1+1"), neutral("-3"), neutral("'=x"), neutral("cat")
    ("'=1+1", '-3', "''=x", 'cat')
    """
    return f"'{text}" if FORMULA.match(text) and not PLAIN_NUMBER.match(text) else text


def as_it_was(cell: str) -> str:
    """The inverse of `neutral`.

    >>> as_it_was("'=1+1"), as_it_was("''=x"), as_it_was("'tis")
    ('=1+1', "'=x", "'tis")
    """
    return cell[1:] if cell[:1] == "'" and FORMULA.match(cell) else cell


def _label(layout: Layout, value: str) -> str:
    return neutral(layout.labels.to_text(value))


def _text(value: Any) -> str:
    return neutral(str(value))


_WRITE: dict[str, Callable[[Any], str]] = {
    "time": time_text,
    "number": repr,
    "whole": str,
}


# --- in ---------------------------------------------------------------------------------------------------------------


def read_csv(path: Path, keys: Keys, separator: str | None = None) -> Iterator[tuple[int, Row]]:
    with open(path, "rb") as file:
        lines = text_lines(path, file)
        first, number = next(lines, None), 1
        if first is not None and (said := re.fullmatch(r'"?sep=(.)"?[\r\n]*', first)):
            separator, first, number = said[1], next(lines, None), 2
        else:
            separator = separator or _separator(path, first or "", keys)
        left = lines if first is None else chain([first], lines)
        reader, before = csv.reader(left, delimiter=separator, strict=True), number - 1
        try:
            header = _trimmed(next(reader, None))
            check_columns(path, header, keys, separator)
            assert header is not None
            number = before + reader.line_num + 1
            for cells in reader:
                if any(cells):
                    yield number, _row(path, number, header, cells, separator)
                number = before + reader.line_num + 1
        except csv.Error as error:
            raise LedgerError(f"{path}, line {number}: expected CSV, but it cannot be read: {error}.") from error


def _separator(path: Path, line: str, keys: Keys) -> str:
    """The separator of the header line: the only one in it, else the one that gives the columns needed."""
    bare = QUOTED.sub("", line)
    found = [one for one in SEPARATORS if one in bare]
    if len(found) < 2:
        return found[0] if found else ","
    wanted = (keys.id or "id", keys.label or "label")
    right = [
        one for one in found if all(has_column(next(csv.reader([line], delimiter=one), []), key) for key in wanted)
    ]
    if len(right) == 1:
        return right[0]
    names = " and ".join(SEPARATORS[one] for one in found)
    raise LedgerError(
        f"{path}, line 1: expected one separator, got a line with {names}: {shown(line.strip())}. Write the separator into a "
        "line before it: sep=; (or sep=,)."
    )


def _trimmed(header: list[str] | None) -> list[str] | None:
    """Without the empty columns at the end, which a spreadsheet writes where a cell was once used."""
    while header and not header[-1].strip():
        header = header[:-1]
    return header or None


def _row(path: Path, number: int, header: list[str], cells: list[str], separator: str) -> Row:
    while len(cells) > len(header) and not cells[-1]:
        cells = cells[:-1]
    if len(cells) != len(header):
        raise LedgerError(
            f"{path}, line {number}: expected {len(header)} cells, as the first line has, got {len(cells)}. "
            f'Put cells with {SEPARATORS.get(separator, "separators")} in double quotes: "a{separator} b".'
        )
    return {
        name: (as_it_was(cell) if cell[:1] == "'" else cell) or None for name, cell in zip(header, cells, strict=True)
    }


def text_lines(path: Path, file: IO[bytes]) -> Iterator[str]:
    for number, line in enumerate(file, 1):
        if number == 1 and line.startswith(UTF_16):
            raise LedgerError(
                f"{path}, line 1: expected UTF-8, got UTF-16. Save the file as UTF-8 (in Excel: CSV UTF-8)."
            )
        try:
            text = line.decode()
        except UnicodeDecodeError as error:
            raise LedgerError(
                f"{path}, line {number}: expected UTF-8, got the byte {error.object[error.start]:#04x}. "
                "Save the file as UTF-8 (in a spreadsheet program: CSV UTF-8)."
            ) from error
        yield text.removeprefix("\ufeff") if number == 1 else text


def check_columns(path: Path, header: list[str] | None, keys: Keys, separator: str = ",") -> None:
    wanted = list(dict.fromkeys((keys.id or "id", keys.label or "label")))
    if header is None:
        raise LedgerError(
            f"{path}: expected a first line with the columns {' and '.join(wanted)}, got an empty file. Begin it: "
            f"{','.join(wanted)}."
        )
    twice = sorted({name for name in header if header.count(name) > 1} & {*COLUMNS, *wanted})
    if twice:
        raise LedgerError(f"{path}, line 1: expected each column once, got {twice[0]!r} twice. Rename one of them.")
    if missing := [name for name in wanted if not has_column(header, name)]:
        raise LedgerError(
            f"{path}: expected the columns {' and '.join(wanted)}, separated by {SEPARATORS.get(separator, separator)}, got "
            f"{shown(separator.join(header))} without {' and '.join(missing)}. Rename the columns, or name yours: "
            "id=KEY, label=KEY (--id KEY --label KEY)."
        )
