"""Labels as JSON text and as cells of a table: one to one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import Ledger, LedgerError
from alcore.ledger.label_text import encode, from_cell, to_cell
from tests.ledger.examples import JSON


@given(JSON)
def test_cells_of_labels_are_one_to_one(label: Any) -> None:
    text = encode(label, "label")
    assert from_cell(to_cell(text), "label") == text


@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_any_cell_is_a_label_or_none(cell: str) -> None:
    text = from_cell(cell, "label")
    assert (text is None) == (not cell.strip())
    if text is not None:
        assert from_cell(to_cell(text), "label") == text


def test_half_of_a_surrogate_pair_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="labels.0.: expected text, got half of a surrogate pair"):
        Ledger(3).label({0: "\ud800"})
    (tmp_path / "a.jsonl").write_text('{"id": 0, "label": "\\ud800"}\n')
    with pytest.raises(LedgerError, match=r"a.jsonl, line 1: label: expected text"):
        Ledger(3).import_file(tmp_path / "a.jsonl")


def test_cells_are_json_where_they_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,label\n0,3\n1,"""3"""\n2,"[1,2]"\n3,\n4,1.5\n')
    ledger = Ledger(9)
    assert ledger.import_file(path).unlabelled == 1
    path.write_text("id,label\n5,null\n6, cat\n7,cat\n8,NaN\n")
    ledger.import_file(path)
    assert ledger.labels == [3, "3", [1, 2], 1.5, None, " cat", "cat", "NaN"]
    assert 3 in ledger.pool
