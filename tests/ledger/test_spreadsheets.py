"""CSV as Excel and LibreOffice write it, and cells that they would run as formulas."""

from __future__ import annotations

import csv
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import Ledger, LedgerError
from alcore.ledger.spreadsheets import as_it_was, neutral

FORMULAS = ["=1+1", "+cmd", "-x", "@SUM(A1)", "\tx", "\rx", "'=x", "''@x", "'tis", "-3", "-", "=cmd|' /C calc'!A0"]


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("said", ["", "sep={}", '"sep={}"'])
def test_spreadsheets_are_read(tmp_path: Path, mark: str, end: str, separator: str, said: str) -> None:
    path, ledger = tmp_path / "a.csv", Ledger(ids=["a", "b,c;d\te", "=f", "g"])
    lines = [
        ["id", "label", "annotator", "", ""],
        ["a", "cat", "", "", ""],
        ["", "", "", "", ""],
        ['"b,c;d\te"', "dog", "bob", "", ""],
        ["'=f", "'@x", "'-y", "", ""],
        ["g", "", "", "", ""],
        ["", "", "", "", ""],
    ]
    first = [said.format(separator)] if said else []
    path.write_bytes((mark + end.join([*first, *map(separator.join, lines)])).encode())
    imported = ledger.import_file(path)
    assert (imported.labels, imported.unlabelled) == (3, 1)
    assert ledger.labels == ["cat", "dog", "@x"]
    assert ledger.history("=f")[-1]["annotator"] == "-y"


def test_tab_separated_files_are_read(tmp_path: Path) -> None:
    """Whatever else is in the header, ``.tsv`` has tabs."""
    ledger, path = Ledger(3), tmp_path / "a.tsv"
    path.write_bytes(
        b'\xef\xbb\xbfid\tlabel\tannotator\tname, first; second\r\n0\ta,b\t\tc\r\n1\t"x\ty"\tbob\t\r\n\t\t\t\r\n'
    )
    imported = ledger.import_file(path)
    assert (imported.labels, ledger.labels) == (2, ["a,b", "x\ty"])
    asked = Ledger(3)
    asked.label_randomly(3, rng=0)
    assert asked.tell_file(path).labels == 2
    upper = tmp_path / "B.TSV"
    upper.write_bytes(path.read_bytes())
    assert ledger.import_file(upper).unchanged == 2
    path.write_text("id,label\n0,a\n")
    with pytest.raises(LedgerError, match="expected the columns id and label, separated by tabs, got 'id,label'"):
        ledger.import_file(path)
    path.write_text('sep=,\nid,label\n0,"a,b"\n')
    assert ledger.import_file(path).unchanged == 1


def test_the_header_alone_says_the_separator(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    for text, label in [
        ("id;label;name, first\n0;a,b;c\n", "a,b"),
        ("name; first,id,label\nc,0,a;b\n", "a;b"),
        ('"x;y",id,label\nc,0,a;b\n', "a;b"),
        ("sep=,\nid,label,x;y\n0,a;b,c\n", "a;b"),
        ('id;label\n0;"a;b"\n', "a;b"),
    ]:
        path.write_text(text)
        ledger = Ledger(1)
        ledger.import_file(path)
        assert ledger.labels == [label]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sep=;\nid;label\n0;a;b\n", "line 3: expected 2 cells, .* got 3. Put cells with semicolons in double quotes"),
        ("sep=;\nid,label\n0,a\n", "separated by semicolons, got 'id,label' without id and label"),
        ("sep=;\n", "expected a first line with the columns id and label, got an empty file"),
        ("id;label\n0\n", "line 2: expected 2 cells"),
        ("id\tlabel,x;y\n0\ta\tb\n", "line 1: expected one separator, got a line with commas and semicolons and tabs"),
    ],
)
def test_unclear_spreadsheets_are_refused(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text)
    with pytest.raises(LedgerError, match=said):
        Ledger(1).import_file(path)


@given(st.text() | st.sampled_from(FORMULAS) | st.text("'=+-@\t\r1x", max_size=5))
def test_what_was_neutralised_comes_back(text: str) -> None:
    assert as_it_was(neutral(text)) == text


def test_no_cell_that_is_written_is_a_formula(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.csv", Ledger(ids=FORMULAS)
    ledger.label(dict(zip(FORMULAS, FORMULAS, strict=True)), annotator="=ann")
    ledger.export(path)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    for row in rows:
        for name in ("id", "label", "annotator"):
            assert row[name][:1] not in "=+@\t\r"
            assert row[name][:1] != "-" or row[name] == "-3"
    again = Ledger(ids=FORMULAS)
    assert again.import_file(path).restored
    assert (again.labels, again.count_labels("annotator")) == (ledger.labels, [("=ann", len(FORMULAS))])


@pytest.mark.skipif(shutil.which("soffice") is None, reason="LibreOffice is not installed")
@pytest.mark.parametrize("separator", [44, 59, 9])
def test_libreoffice_hands_back_what_was_written(tmp_path: Path, separator: int) -> None:
    names = ["a.png", "b;c", "d,e", "=1+1", "@x", "'=y", "ü"]
    ledger, path = Ledger(ids=names), tmp_path / "a.csv"
    ledger.label({name: name for name in names}, annotator="+ann")
    ledger.export(path)
    command = ["soffice", f"-env:UserInstallation=file://{tmp_path}/profile", "--headless", "--convert-to"]
    form = f"csv:Text - txt - csv (StarCalc):{separator},34,76,1"
    import_form = "--infilter=CSV:44,34,76,1"
    subprocess.run([*command, "ods", import_form, "--outdir", tmp_path, path], check=True, capture_output=True)
    subprocess.run([*command, form, "--outdir", tmp_path / "out", tmp_path / "a.ods"], check=True, capture_output=True)
    again = Ledger(ids=names)
    again.import_file(tmp_path / "out" / "a.csv")
    assert again.labels == names
