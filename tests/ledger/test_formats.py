"""CSV, JSON lines and Parquet: what others write is read, what is wrong is refused with its place and leaves nothing."""

from __future__ import annotations

import errno
import math
import os
from pathlib import Path

import pyarrow
import pyarrow.parquet
import pytest

from alcore import Ledger, LedgerError
from alcore.ledger import formats
from alcore.ledger.columns import COLUMNS
from tests.ledger.examples import NAMES, SUFFIXES, campaign


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_csv_of_spreadsheets_is_imported(tmp_path: Path, mark: str, end: str) -> None:
    path = tmp_path / "a.csv"
    lines = ["comment,id,label", '"a, b",a.png,ü', "", ",b.png,dog", "", ""]
    path.write_bytes((mark + end.join(lines)).encode())
    ledger = Ledger(ids=["a.png", "b.png"])
    assert ledger.import_file(path, annotator="ann").labels == 2
    assert ledger.labels == ["ü", "dog"]
    assert ledger.count_labels("annotator") == [("ann", 2)]


def test_null_is_a_label_in_json_lines_and_no_key_is_none(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text(
        '\ufeff{"id": 0, "label": null, "annotator": "ann"}\n\n{"id": 1}\n{"label": "3", "id": 2, "more": [1]}'
    )
    ledger = Ledger(3)
    imported = ledger.import_file(path)
    assert (imported.labels, imported.unlabelled) == (2, 1)
    assert dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True)) == {0: None, 2: "3"}


def test_parquet_of_other_writers_is_imported(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    for values, labels in [
        (pyarrow.array([3, None, 5]), [3, 5]),
        (pyarrow.array(["3", None, "cat"]), [3, "cat"]),
        (pyarrow.array([[1, 2], None, []]), [[1, 2], []]),
        (pyarrow.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        (pyarrow.array([True, False, None]), [True, False]),
    ]:
        ids = pyarrow.array([2, 0, 1], pyarrow.int32())
        pyarrow.parquet.write_table(pyarrow.table({"label": values, "id": ids, "x": ids}), path)
        ledger = Ledger(3)
        ledger.import_file(path)
        assert ledger.labels_of([one for one in (2, 0, 1) if one in ledger.labelled]) == labels


# --- refusals ---------------------------------------------------------------------------------------------------------


HEADER = ",".join(COLUMNS)
ASKED = "asked,,,2026-01-01T00:00:00Z,1,{place},ann,0,bald,2026-01-01T00:00:00Z,,3,3,0.5,1.0,1,"


def rows(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def whole(**changes: str) -> str:
    """Three ids, of which one was asked, with cells that are wrong."""
    cells = dict(zip(COLUMNS, ("0," + ASKED.format(place=0) + ",").split(","), strict=True)) | changes
    return rows(",".join(cells.values()), "1,unlabelled" + "," * 17, "2,unlabelled" + "," * 17)


WRONG_CSV: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "a.csv: expected a first line with the columns id and label, got an empty file"),
    "no columns": (
        "0,cat\n",
        "a.csv: expected the columns id and label, separated by commas, got '0,cat' without id and label",
    ),
    "semicolons": ("id;labels\n0;cat\n", "separated by semicolons, got 'id;labels' without label"),
    "several separators": (
        "number;name, first\tlast\n0;a\n",
        "line 1: expected one separator, got a line with commas and semicolons and tabs: .* before it: sep=;",
    ),
    "utf-16": ("id,label\n0,a\n".encode("utf-16"), "line 1: expected UTF-8, got UTF-16. .*CSV UTF-8"),
    "no label": ("id,labels\n0,cat\n", "without label"),
    "a column twice": ("id,label,label\n0,a,b\n", "line 1: expected each column once, got 'label' twice"),
    "too few cells": ("id,label\n0,cat\n1\n", "line 3: expected 2 cells, as the first line has, got 1"),
    "too many cells": (
        "id,label\n0,a,b\n",
        "line 2: expected 2 cells, as the first line has, got 3. Put cells with commas in double quotes",
    ),
    "after a long cell": ('id,label\n0,"a\nb\nc"\n1\n', "line 5: expected 2 cells"),
    "quotes": ('id,label\n0,"cat"s\n', "line 2: expected CSV, but it cannot be read"),
    "an open quote": ('id,label\n0,"cat\n', "line 2: expected CSV, but it cannot be read: unexpected end of data"),
    "no text": (b"id,label\n0,a\n1,\xff\n", "line 3: expected UTF-8, got the byte 0xff. .*CSV UTF-8"),
    "an image": (b"\x89PNG\r\n\x1a\n\x00", "line 1: expected UTF-8"),
    "another id": (
        "id,label\n0,a\n99,b\n",
        "line 3: expected an id that is a whole number of at least 0 and under 3, .* got '99'",
    ),
    "an id in words": ("id,label\nx.png,b\n", "line 2: expected an id that is a whole number .* got 'x.png'"),
    "a fraction": ("id,label\n1.0,b\n", "got '1.0'"),
    "no id": ("id,label\n,b\n", "got ''"),
    "a long id": (f"id,label\n{'1' * 5000},b\n", "line 2: expected an id"),
    "an id twice": (
        whole() + "0," + ASKED.format(place=0) + ",\n",
        "line 5: expected each id once, got '0' again",
    ),
    "state": (
        whole(state="labeled"),
        "line 2: state: expected one of unlabelled, asked, .*, got 'labeled'. To import labels only",
    ),
    "time": (whole(time="yesterday"), "line 2: time: expected a time with its UTC offset, .* got 'yesterday'"),
    "no offset": (whole(time="2026-01-01T00:00:00"), "line 2: time: expected a time with its UTC offset"),
    "number": (whole(score="nan"), "line 2: score: expected a finite number, got 'nan'"),
    "probability": (whole(q="1.5"), "line 2: q: expected a probability from 0 to 1, got 1.5"),
    "whole": (whole(support="-1"), "line 2: support: expected a whole number of at least 0, got '-1'"),
    "large": (whole(free="9" * 30), "line 2: free: expected a whole number"),
    "half a pick": (whole(asker=""), "line 2: asker: expected a value, as the state is asked, got none"),
    "no query": (whole(query=""), "line 2: query: expected a value, as the state is asked, got none"),
    "no state": (
        whole(state="unlabelled", query=""),
        "line 2: query: expected a value, as the column place has one, got none",
    ),
    "no time": (whole(time=""), "line 2: time: expected a value"),
    "labelled without": (
        whole(state="labelled"),
        "line 2: label: expected a label, as the state is labelled, got none",
    ),
    "aside with": (whole(state="aside", label="a"), "line 2: label: expected no label, as the state is aside, got one"),
    "place": (
        whole(place="1"),
        "line 2: query: expected numbers from 1 on, and in the 1 rows of query 1 the places 0 to 0",
    ),
    "query 0": (whole(query="0"), "line 2: query: expected numbers from 1 on"),
    "askers": (
        rows(
            "0," + ASKED.format(place=0) + ",",
            "1," + ASKED.format(place=1).replace("ann", "bob") + ",",
            "2,unlabelled" + "," * 17,
        ),
        "line 2: expected the same asker, step, heuristic, asked, withdrawn, free and ranked in all rows of query 1",
    ),
}


def refused(path: Path, content: str | bytes, said: str, ledger: Ledger | None = None) -> None:
    """With its place, and the ledger as it was."""
    ledger = Ledger(3) if ledger is None else ledger
    before = ledger.counts()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LedgerError, match=said) as caught:
        ledger.import_file(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert ledger.counts() == before
    assert ledger.open_queries() == []
    path.write_text("id,label\n")
    if path.suffix == ".csv":
        ledger.import_file(path)  # nothing is left that would be in the way


@pytest.mark.parametrize("case", WRONG_CSV)
def test_wrong_csv_is_refused(tmp_path: Path, case: str) -> None:
    refused(tmp_path / "a.csv", *WRONG_CSV[case])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 0}\nhello\n', "line 2: expected a JSON object, but it cannot be read: Expecting value"),
        ('{"id": 0, "label": NaN}\n', "line 1: expected a JSON object, but it cannot be read: NaN is not JSON"),
        ('{"id": 0, "label": 1e999}\n', "line 1: .*1e999 is too large"),
        ("[" * 100_000, "line 1: .*nested too deeply"),
        ("[0, 1]\n", "line 1: expected a JSON object with an id, such as .*, got .0, 1."),
        ('{"label": 1}\n', "line 1: expected a JSON object with an id, such as .*, got .'label': 1."),
        ('{"id": true}\n', "line 1: expected an id that is a whole number .*, got True"),
        ('{"id": 1.0}\n', "line 1: expected an id that is a whole number .*, got 1.0"),
        ('{"id": 0, "annotator": 3, "label": 1}\n', "line 1: annotator: expected a string that is not empty, got 3"),
        ('{"id": 0, "state": "unlabelled"}\n{"id": 1, "label": "a"}\n', "line 2: state: expected one of .*, got None"),
        (b"\xff", "line 1: expected UTF-8"),
    ],
)
def test_wrong_json_lines_are_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
    refused(tmp_path / "a.jsonl", content, said)


def test_names_that_the_ledger_lacks_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(ids=NAMES)
    refused(
        tmp_path / "a.csv",
        "id,label\na.png,3\n",
        "line 2: expected an id of this ledger, got 'a.png', which it does not",
        ledger,
    )
    refused(
        tmp_path / "a.jsonl",
        '{"id": "007"}\n\n{"id": 7}\n',
        "line 3: expected an id that is a string, .* got 7",
        ledger,
    )


def test_wrong_parquet_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    refused(path, "id,label\n", "expected a Parquet file, but it cannot be read")
    table = pyarrow.table({"id": [0, 1, 1], "label": ["a", "b", "c"]})
    pyarrow.parquet.write_table(table, path)
    good = path.read_bytes()
    assert Ledger(2).import_file(path).disputed == {1: [("b", None), ("c", None)]}
    refused(path, good[: len(good) // 2], "expected a Parquet file, but it cannot be read")
    pyarrow.parquet.write_table(table.rename_columns(["id", "x"]), path)
    refused(path, path.read_bytes(), "expected the columns id and label")
    pyarrow.parquet.write_table(pyarrow.table({"id": [0], "label": [math.nan]}), path)
    refused(path, path.read_bytes(), "row 1: label: expected a JSON value, got nan")


def test_missing_files_and_folders_are_refused(tmp_path: Path) -> None:
    ledger = Ledger(3)
    (tmp_path / "folder.csv").mkdir()
    for name, said in [
        ("a.csv", "a.csv: no such file"),
        ("folder.csv", "folder.csv: expected a file, got a folder"),
        (
            "a.xlsx",
            "a.xlsx: expected a file that ends in .csv, .tsv, .jsonl, .parquet, .json .*, got '.xlsx'. .* save it as CSV",
        ),
        ("a", "got 'no ending'"),
    ]:
        with pytest.raises(LedgerError, match=said):
            ledger.import_file(tmp_path / name)
        with pytest.raises(
            LedgerError, match=said if "ends" in said or "ending" in said else "no such file|got a folder"
        ):
            ledger.tell_file(tmp_path / name)
    with pytest.raises(LedgerError, match="ends in .csv"):
        ledger.export(tmp_path / "a.txt")
    with pytest.raises(ValueError, match="the folder .* does not exist"):
        ledger.export(tmp_path / "no" / "a.csv")
    with pytest.raises(LedgerError, match=r"folder.csv: cannot be written \(Is a directory\)"):
        ledger.export(tmp_path / "folder.csv", overwrite=True)
    with pytest.raises(LedgerError, match="folder.csv: expected a new file, got a folder or a link without a file"):
        ledger.export(tmp_path / "folder.csv")
    assert [path.name for path in tmp_path.iterdir()] == ["folder.csv"]


@pytest.mark.parametrize("suffix", [*SUFFIXES, "json"])
def test_a_full_disk_leaves_the_old_file(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ledger = tmp_path / f"a.{suffix}", campaign(False)
    path.write_text("old")

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(
        LedgerError, match=rf"a.{suffix}: cannot be written \(No space left on device\). No file was made"
    ):
        ledger.export(path, overwrite=True)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert ledger.counts()["labelled"] == 17


def test_cells_that_readers_of_csv_refuse_are_not_written(tmp_path: Path) -> None:
    ledger = Ledger(3)
    ledger.label({1: "x" * 200_000})
    with pytest.raises(
        LedgerError, match="id 1: one of its values has more than 131,072 characters, .* Write a .jsonl file"
    ):
        ledger.export(tmp_path / "a.csv")
    assert not list(tmp_path.iterdir())
    (tmp_path / "b.csv").write_text(f"id,label\n1,{'x' * 200_000}\n")
    with pytest.raises(LedgerError, match="line 2: expected CSV, but it cannot be read: field larger than field limit"):
        ledger.import_file(tmp_path / "b.csv")
    ledger.export(tmp_path / "a.jsonl")
    again = Ledger(3)
    assert again.import_file(tmp_path / "a.jsonl").restored
    assert again.labels == ledger.labels


def test_parquet_needs_pyarrow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(module: str, extra: str, doing: str) -> None:
        raise ImportError(f"{doing} this file needs {module}: pip install 'alcore[{extra}]'.")

    monkeypatch.setattr(formats, "import_extra", missing)
    with pytest.raises(ImportError, match=r"writing this file needs pyarrow: pip install 'alcore\[parquet\]'"):
        Ledger(3).export(tmp_path / "a.parquet")
    assert not list(tmp_path.iterdir())


def test_a_parquet_file_with_labels_that_python_has_no_value_for_is_refused(tmp_path: Path) -> None:
    times = pyarrow.array([1_795_650_297_729_093], pyarrow.timestamp("ns"))
    file = tmp_path / "labels.parquet"
    pyarrow.parquet.write_table(pyarrow.table({"id": [0], "label": times}), file)
    ledger = Ledger(3)
    with pytest.raises(LedgerError, match=r"^[^\n]*labels\.parquet[^\n]*$"):
        ledger.import_file(file)
    assert ledger.counts()["labelled"] == 0
