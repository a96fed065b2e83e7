"""Different labels never become one, whether people type them or programs pass them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import Ledger, LedgerError

TYPED = ["1.1", "1.10", "1e5", "100000.0", "100000", "01234", "1234", "cat", "true", "null", "[1]", '"cat"', " x", "7"]


def typed(path: Path, cells: list[str]) -> Path:
    quoted = ['"' + cell.replace('"', '""') + '"' for cell in cells]
    path.write_text("id,label\n" + "".join(f"{i},{cell}\n" for i, cell in enumerate(quoted)))
    return path


def test_texts_stay_as_they_were_typed(tmp_path: Path) -> None:
    ledger = Ledger(len(TYPED), labels="text")
    ledger.import_file(typed(tmp_path / "a.csv", TYPED))
    assert ledger.labels == TYPED
    ledger.export(tmp_path / "b.csv")
    again = Ledger(len(TYPED), labels="text")
    again.import_file(tmp_path / "b.csv")
    assert again.labels == TYPED


@given(
    st.lists(
        st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1).filter(str.strip),
        min_size=1,
        max_size=5,
    )
)
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, cells: list[str]) -> None:
    folder = tmp_path_factory.mktemp("texts")
    ledger = Ledger(len(cells), labels="text")
    ledger.label(dict(enumerate(cells)))
    for suffix in (".csv", ".jsonl", ".parquet"):
        ledger.export(folder / f"a{suffix}")
        again = Ledger(len(cells), labels="text")
        again.import_file(folder / f"a{suffix}")
        assert again.labels == cells


@pytest.mark.parametrize("cell", ["1.10", "1e5", "100000.00", "-0", "1E3"])
def test_a_number_that_would_change_is_refused_where_labels_are_json(tmp_path: Path, cell: str) -> None:
    ledger = Ledger(1)
    with pytest.raises(LedgerError, match="line 2: label: expected a label that stays what was typed.*--labels text"):
        ledger.import_file(typed(tmp_path / "a.csv", [cell]))
    ledger.import_file(typed(tmp_path / "a.csv", [f'"{cell}"']))  # the remedy: in double quotes
    assert ledger.labels == [cell]


@pytest.mark.parametrize("wrong", [7, None, ["cat"], {"a": 1}, True, "", "  "])
def test_what_is_no_text_is_refused(wrong: Any) -> None:
    ledger = Ledger(1, labels="text")
    with pytest.raises(LedgerError, match=r"labels\[0\]: expected a text"):
        ledger.label({0: wrong})
    ledger.label({0: "7"})


def test_classes_are_one_however_they_are_written(tmp_path: Path) -> None:
    ledger = Ledger(6, labels=[7, "cat", "1.0"])
    ledger.label({0: 7, 1: "7", 2: "cat"})
    ledger.import_file(typed(tmp_path / "a.csv", ["7", "7", "cat", " cat", "1.0"]))
    assert ledger.labels == [7, 7, "cat", "cat", "1.0"]
    assert ledger.count_labels() == [("cat", 2), (7, 2), ("1.0", 1)]
    for wrong in ("dog", 8, "Cat", 1.5, "7.0", None):
        with pytest.raises(LedgerError, match="expected one of the classes 7, cat, 1.0, got"):
            ledger.label({5: wrong})


def test_the_type_is_part_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, 3, labels=["a", "b"]) as ledger:
        assert ledger.label_type == ("a", "b")
        assert ledger.empty().label_type == ("a", "b")
    with Ledger.open(path) as ledger:
        assert ledger.label_type == ("a", "b")
    with pytest.raises(
        LedgerError, match=r"expected labels=\('a', 'b'\), what this ledger was made with, got labels='text'"
    ):
        Ledger.open(path, labels="text")
    with Ledger.open(path, labels=["a", "b"]) as ledger:
        ledger.label({0: "a"})


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        ("cat", "expected 'json', 'text' or a list of classes, got 'cat'. One class: labels=."),
        ([], "got an empty list"),
        ([7, "7"], "written differently, got 7 twice"),
        ([" a"], "without spaces at their ends"),
    ],
)
def test_a_type_that_makes_no_sense_is_refused(labels: Any, said: str) -> None:
    with pytest.raises(LedgerError, match=said):
        Ledger(2, labels=labels)


def test_a_column_of_typed_labels_is_of_one_type(tmp_path: Path) -> None:
    ledger = Ledger(3)
    with pytest.raises(
        LedgerError, match="line 3: label: expected labels of one type, got '12345' beside '01234' .*--labels text"
    ):
        ledger.import_file(typed(tmp_path / "a.csv", ["01234", "12345", ""]))
    ledger.import_file(typed(tmp_path / "a.csv", ['"01234"', "12345", "[1]"]))  # quoted, as the remedy says
    assert ledger.labels == ["01234", 12345, [1]]
    ledger.export(tmp_path / "b.csv")  # a complete export may mix them
    assert Ledger(3).import_file(tmp_path / "b.csv").labels == 3
    texts = Ledger(3, labels="text")
    texts.import_file(typed(tmp_path / "a.csv", ["01234", "12345", ""]))
    assert texts.labels == ["01234", "12345"]
