"""Files that a query is handed out in: what they show, in what order, and that none is written over."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger.label_studio import scaled
from tests.ledger.examples import PROBS, N

NAMES = ["a b.png", "c", "d"]
ITEMS = [
    {"id": "d", "text": "of d", "url": "https://h/d 1", "label": "secret", "size": 3},
    {"id": "x", "text": "of nobody"},
    {"id": "a b.png", "text": "of a", "url": "https://h/a", "tags": [1, 2]},
    {"id": "c", "text": "of c", "url": "https://h/c", "ledger": "x"},
]


def asked() -> alcore.Query:
    return Ledger(ids=NAMES).ask(alcore.Precomputed([3.0, 2.0, 1.0]), None, 3)


def items(path: Path, rows: list[dict[str, Any]] = ITEMS) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def data(path: Path) -> list[Any]:
    """What each task shows, without the ledger's identity."""
    found = [task["data"] for task in json.loads(path.read_text())]
    assert all(len(one.pop("ledger")) == 32 for one in found)
    return found


def test_texts_and_images_of_a_file_are_in_the_tasks(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    asked().export(path, data_from=items(tmp_path / "items.jsonl"))
    assert [list(one) for one in data(path)] == [
        ["text", "url", "tags", "id"],
        ["text", "url", "id"],
        ["text", "url", "size", "id"],
    ]
    assert [one["text"] for one in data(path)] == ["of a", "of c", "of d"]
    templates = {"html": "<b>{text}</b> {{{id}}} {tags}", "image": "https://host/{id}/{text}.png"}
    asked().export(path, data=templates, data_from=tmp_path / "items.jsonl", overwrite=True)
    first = data(path)[0]
    assert first["html"] == "<b>of a</b> {a b.png} [1, 2]"
    assert first["image"] == "https://host/a%20b.png/of%20a.png"
    assert first["url"] == "https://h/a"


def test_items_in_tables(tmp_path: Path) -> None:
    numbers = Ledger(9).ask(alcore.Precomputed(-np.arange(9.0)), None, 2)
    (tmp_path / "a.tsv").write_text("text\tid\n'=one\t0\ntwo\t1\nthree\t2\n")
    (tmp_path / "a.csv").write_text("text;id\n'=one;0\ntwo;1\nthree;2\n")
    table = pyarrow.Table.from_pylist([{"text": "=one", "id": 0}, {"text": "two", "id": 1}])
    pyarrow.parquet.write_table(table, tmp_path / "a.parquet")
    for name in ("a.csv", "a.tsv", "a.parquet"):
        numbers.export(tmp_path / "a.json", data_from=tmp_path / name, overwrite=True)
        assert data(tmp_path / "a.json") == [{"text": "=one", "id": 0}, {"text": "two", "id": 1}]


def test_items_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    path, query = tmp_path / "a.json", asked()
    for rows, said in [
        (
            ITEMS[:2],
            "items.jsonl: expected an item for each id of the query, but 'a b.png' is not there, nor are 1 more",
        ),
        ([*ITEMS, ITEMS[0]], "items.jsonl, record 5: expected each id once, got 'd' again"),
        ([{"name": "d"}], "items.jsonl, record 1: expected an item with an id, .* got the keys name"),
    ]:
        with pytest.raises(LedgerError, match=said):
            query.export(path, data_from=items(tmp_path / "items.jsonl", rows))
    items(tmp_path / "items.jsonl")
    with pytest.raises(LedgerError, match="of 'x', got {txt}. There are: {id}, {text}, {url}, {size}, {tags}. Write"):
        query.export(path, data={"x": "{txt}"}, data_from=tmp_path / "items.jsonl")
    with pytest.raises(LedgerError, match="a.csv: data_from works only with Label Studio's tasks"):
        query.export(tmp_path / "a.csv", data_from=tmp_path / "items.jsonl")
    with pytest.raises(LedgerError, match="a.json: expected a file of items that ends in .jsonl"):
        query.export(path, data_from=tmp_path / "a.json")
    assert not path.exists()


# --- scores -----------------------------------------------------------------------------------------------------------


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2))
def test_scores_are_from_0_to_1_in_their_order(scores: list[float]) -> None:
    ordered = [scaled(score) for score in sorted(scores)]
    assert ordered == sorted(ordered)
    assert all(0 <= score <= 1 for score in ordered)


def test_the_real_score_is_kept(tmp_path: Path) -> None:
    query = Ledger(3).ask(alcore.Precomputed([30.0, 20.0, -5.0]), None, 3)
    query.export(tmp_path / "a.json")
    tasks = json.loads((tmp_path / "a.json").read_text())
    assert [task["meta"]["score"] for task in tasks] == [30.0, 20.0, -5.0]
    assert [task["meta"]["query"] for task in tasks] == [1, 1, 1]
    assert [round(task["predictions"][0]["score"], 3) for task in tasks] == [0.984, 0.976, 0.083]


# --- nothing is written over ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet", "json"])
def test_no_file_that_somebody_typed_into_is_written_over(tmp_path: Path, suffix: str) -> None:
    ledger, path = Ledger(N), tmp_path / f"todo.{suffix}"
    query = ledger.ask(alcore.BALD(), PROBS, 3)
    query.export(path)
    query.export(path)  # it is what would be written
    before = path.read_bytes()
    others = ledger.ask(alcore.BALD(), PROBS, 3, asker="b")
    with pytest.raises(LedgerError, match="exists already, with 3 rows, 0 of them with a label, .*overwrite=True"):
        others.export(path)
    assert path.read_bytes() == before
    if suffix == "csv":
        path.write_text(path.read_text().replace(",,,", ",cat,,", 1))
        with pytest.raises(LedgerError, match="with 3 rows, 1 of them with a label, .*alcore ledger tell"):
            query.export(path)
    others.export(path, overwrite=True)
    assert path.read_bytes() != before
    path.write_bytes(b"\xff something else")
    with pytest.raises(LedgerError, match="exists already, with 16 bytes, and may hold"):
        query.export(path)
    with pytest.raises(TypeError, match="overwrite: expected True or False"):
        query.export(path, overwrite="yes")  # type: ignore[arg-type]
