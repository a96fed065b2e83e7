"""Labels go to the ids they are meant for, or nowhere."""

from __future__ import annotations

import array
from collections import OrderedDict, deque
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest

import alcore
from alcore import Ledger, LedgerError

IDS = [7, 3, 5]
RIGHT = {7: "a", 3: "b", 5: "c"}


def asked(size: int = 10) -> tuple[Ledger, alcore.Query]:
    ledger = Ledger(size)
    scores = np.zeros(size)
    scores[IDS] = 3, 2, 1
    return ledger, ledger.ask(alcore.Precomputed(scores), None, 3)


def recorded(ledger: Ledger) -> dict[int, Any]:
    return dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True))


BY_ID = {
    "dict": dict(sorted(RIGHT.items())),
    "ordered": OrderedDict(reversed(RIGHT.items())),
    "series": pandas.Series(["b", "c", "a"], index=[3, 5, 7]),
    "series of strings": pandas.Series(["a", "b", "c"], index=IDS, dtype="string"),
    "categories": pandas.Series(["c", "a", "b"], index=[5, 7, 3], dtype="category"),
}
IN_ORDER = {
    "list": ["a", "b", "c"],
    "tuple": ("a", "b", "c"),
    "deque": deque("abc"),
    "array": np.array(["a", "b", "c"]),
    "objects": np.array(["a", "b", "c"], object),
    "index": pandas.Index(["a", "b", "c"]),
    "arrow": pyarrow.array(["a", "b", "c"]),
    "generator": lambda: (one for one in "abc"),
}
NO_ORDER = {
    "set": {"a", "b", "c"},
    "frozenset": frozenset("abc"),
    "values": dict(sorted(RIGHT.items())).values(),
    "keys": dict.fromkeys("abc").keys(),
    "frame": pandas.DataFrame({"label": ["a", "b", "c"]}, index=IDS),
    "table": pyarrow.table({"label": ["a", "b", "c"]}),
    "masked": np.ma.array(["a", "b", "c"], mask=[False, True, False]),
    "text": "abc",
    "bytes": b"abc",
    "bytearray": bytearray(b"abc"),
    "a number": 3,
    "an array of no axis": np.array("abc"),
}


@pytest.mark.parametrize("name", BY_ID)
def test_labels_with_ids_go_to_their_ids(name: str) -> None:
    ledger, query = asked()
    ledger.tell(query, BY_ID[name])
    assert recorded(ledger) == RIGHT
    other = Ledger(10)
    other.label(BY_ID[name])
    assert recorded(other) == RIGHT


@pytest.mark.parametrize("name", IN_ORDER)
def test_labels_in_order_go_to_the_ids_of_the_query(name: str) -> None:
    ledger, query = asked()
    labels: Any = IN_ORDER[name]
    ledger.tell(query, labels() if callable(labels) else labels)
    assert recorded(ledger) == RIGHT


@pytest.mark.parametrize("name", NO_ORDER)
def test_labels_without_ids_or_order_are_refused(name: str) -> None:
    ledger, query = asked()
    for call in (lambda: ledger.tell(query, NO_ORDER[name]), lambda: ledger.label(NO_ORDER[name])):  # type: ignore[arg-type]
        with pytest.raises(
            LedgerError, match=r"labels: expected \{id: label\}.*does not say which label belongs to which id"
        ):
            call()
    assert recorded(ledger) == {}


@pytest.mark.parametrize("name", IN_ORDER)
def test_labels_of_any_ids_need_their_ids(name: str) -> None:
    ledger = Ledger(10)
    with pytest.raises(LedgerError, match=r"dict\(zip\(ids, labels\)\)"):
        ledger.label(IN_ORDER[name])  # type: ignore[arg-type]
    ledger.label(dict(zip(IDS, "abc", strict=True)))  # the remedy
    assert recorded(ledger) == RIGHT


def test_a_selection_of_a_longer_series_is_told_by_its_index() -> None:
    """The case of CASES.md: y[y.index.isin(query.ids)] has the order of y, not of the query."""
    ledger, query = asked()
    y = pandas.Series([f"row {i}" for i in range(10)])
    ledger.tell(query, y[y.index.isin(query.ids)])
    assert recorded(ledger) == {i: f"row {i}" for i in IDS}


def test_an_index_that_is_there_twice_is_refused() -> None:
    ledger, query = asked()
    with pytest.raises(LedgerError, match="each id once in the index of the Series, got 3 twice"):
        ledger.tell(query, pandas.Series(["a", "b", "c"], index=[7, 3, 3]))


def test_missing_values_of_a_series_are_refused() -> None:
    ledger, query = asked()
    with pytest.raises(LedgerError, match=r"labels\[3\]: expected a JSON value, got nan"):
        ledger.tell(query, pandas.Series([1.0, float("nan")], index=[7, 3]))


def test_the_same_label_again_is_no_error_anywhere(tmp_path: Path) -> None:
    ledger, query = asked()
    query.export(tmp_path / "todo.csv")
    ledger.tell(query, RIGHT, annotator="ann")
    before = ledger.history(IDS)
    ledger.tell(query, RIGHT, annotator="bob")
    ledger.tell(query, RIGHT, overwrite=True)
    ledger.label(RIGHT)
    path = tmp_path / "todo.csv"
    path.write_text("id,label\n" + "".join(f"{one},{label}\n" for one, label in RIGHT.items()))
    assert ledger.tell_file(path).unchanged == 3
    assert ledger.import_file(path).unchanged == 3
    assert ledger.history(IDS) == before
    with pytest.raises(LedgerError, match='7 has the label "a" already, got "x"'):
        ledger.tell(query, {7: "x", 3: "b"})


def test_an_array_of_the_standard_library_is_a_sequence() -> None:
    ledger, query = asked()
    ledger.tell(query, array.array("i", [1, 2, 3]).tolist())
    assert recorded(ledger) == {7: 1, 3: 2, 5: 3}
