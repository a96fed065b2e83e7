"""Files of other tools: each is known by its own marks, its numbers are never ids of ours, and only answers are labels.

The files of Label Studio in ``data`` come from its own converter (label-studio-sdk 2.1.2). The records of Argilla are those of its
client (argilla 2.8.0), and those of doccano and Prodigy follow their exporters (doccano 1.8.4, ``prodigy db-out``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.examples import named_as

DATA = Path(__file__).with_name("data")
PRODIGY = {"text": "a text", "_input_hash": 12, "_task_hash": -3, "_session_id": "set-ann", "_view_id": "choice"}
DOCCANO = {"id": 0, "text": "a text", "label": ["cat"], "Comments": []}
ARGILLA = {
    "id": "842ac07e-e56f-46fe-9e76-f2d925a61371",
    "fields": {"text": "a text"},
    "metadata": {"item": 2},
    "suggestions": {"label": {"value": "no", "score": 0.9, "agent": "m"}},
    "responses": {
        "comment": [{"value": "small", "user_id": "u1"}],
        "label": [{"value": "cat", "user_id": "u1"}, {"value": "cat", "user_id": "u2"}],
    },
    "vectors": {},
    "status": "completed",
    "_server_id": "6e1f",
}


def lines(path: Path, *records: Any) -> Path:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


CAMPAIGN = "0123456789abcdef0123456789abcdef"  # of the files in DATA


def found(ledger: Ledger) -> dict[Any, Any]:
    return dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True))


def annotators(ledger: Ledger) -> dict[Any, Any]:
    return {one: ledger.history(one)[-1]["annotator"] for one in ledger.labelled.tolist()}


# --- Label Studio -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["label_studio.json", "label_studio.csv"])
def test_exports_of_label_studio(name: str) -> None:
    ledger = named_as(CAMPAIGN, Ledger(800))
    imported = ledger.import_file(DATA / name)
    assert found(ledger) == {4: "cat", 3: ["cat", "dog"]}
    assert imported.disputed == {2: [("cat", "u1@x.org"), ("dog", "u2@x.org")]}
    assert annotators(ledger) == {4: "u1@x.org", 3: "u1@x.org"}
    assert imported.unlabelled == (2 if name.endswith("json") else 1)  # CSV has no skipped tasks


def test_the_numbers_of_label_studio_are_no_ids(tmp_path: Path) -> None:
    ledger, path = named_as(CAMPAIGN, Ledger(800)), tmp_path / "a.csv"
    own = tmp_path / "own.json"
    own.write_text(json.dumps([{"id": 1, "data": {"item": 7}, "annotations": []}]))
    path.write_text((DATA / "label_studio.csv").read_text().replace("0123456789abcdef0123456789abcdef", ""))
    for file, arguments, said in [
        (path, {}, "a.csv, line 2: expected an id of this ledger, got a record of Label Studio without one.* as JSON"),
        (own, {}, "task 1: expected an id .* got a record of Label Studio without one.*id='data.item' .--id data.item"),
        (own, {"id": "id"}, "task 1: .* its key 'id', which is a number of that tool"),
        (DATA / "label_studio_min.json", {}, "JSON-MIN. without one.*Export as JSON"),
        (DATA / "label_studio_min.json", {"id": "id"}, "JSON-MIN. and its key 'id', which is a number of that tool"),
        (own, {"id": "data.name"}, "the key 'data.name', as id .--id. says, .*There are: id, data.item"),
    ]:
        with pytest.raises(LedgerError, match=said):
            ledger.import_file(file, **arguments)
    assert ledger.import_file(path, id="id").labels == 2  # the reader says so
    text = (DATA / "label_studio_min.json").read_text().replace('"text": "one"', '"text": "one", "item": 4')
    own.write_text(json.dumps([one for one in json.loads(text) if "item" in one]))
    again = named_as(CAMPAIGN, Ledger(5))
    again.import_file(own, id="item")
    assert found(again) == {4: "cat"}


def test_the_control_that_counts_has_a_name(tmp_path: Path) -> None:
    text = (DATA / "label_studio.json").read_text()
    path = tmp_path / "a.json"
    path.write_text(text.replace('"from_name": "label"', '"from_name": "animal"'))
    with pytest.raises(LedgerError, match="of the name 'label', got only those of animal, comment. .*--label animal"):
        named_as(CAMPAIGN, Ledger(9)).import_file(path)
    ledger = named_as(CAMPAIGN, Ledger(9))
    assert ledger.import_file(path, label="animal").labels == 2
    comments = named_as(CAMPAIGN, Ledger(9))
    comments.import_file(path, label="comment")
    assert found(comments) == {1: "cannot tell", 2: "no", 4: "small; and grey"}
    deep = named_as(CAMPAIGN, Ledger(9))
    deep.import_file(path, label="annotations.0.result.0.value.choices.0", annotator_key="annotations.0.completed_by")
    assert found(deep) == {2: "cat", 3: "cat", 4: "cat", 0: "dog"}
    assert annotators(deep)[4] == "u1@x.org"


def test_a_tasks_query_and_ledger_come_back(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.json", Ledger(3)
    ledger.withdraw(ledger.ask(alcore.Precomputed([0.0, 9.0, 1.0]), None, 1))
    ledger.ask(alcore.Precomputed([0.0, 9.0, 1.0]), None, 1)
    chosen = {"from_name": "label", "type": "choices", "value": {"choices": ["x"]}}
    task = {"data": {"id": 1}, "meta": {"query": 1, "q": 1.0, "score": 9.0}, "annotations": [{"result": [chosen]}]}
    path.write_text(json.dumps([task]))
    with pytest.raises(LedgerError, match="query 1 was withdrawn"):
        ledger.tell_file(path)
    task["meta"] = {}
    path.write_text(json.dumps([task]))
    assert ledger.tell_file(path).labels == 1


# --- doccano, Prodigy, Argilla ----------------------------------------------------------------------------------------


def test_doccano(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "ann.jsonl",
        {**DOCCANO, "id": 0, "item": 2},
        {**DOCCANO, "id": 1, "item": 0, "label": []},
        {**DOCCANO, "id": 2, "item": 1, "label": ["cat", "dog"]},
        {**DOCCANO, "id": 3, "item": 3, "label": [[0, 2, "LOC"]]},
    )
    ledger = Ledger(9)
    with pytest.raises(
        LedgerError, match="line 1: .* of doccano without one.* If its id is yours: .* id='item' .--id item"
    ):
        ledger.import_file(path)
    ledger.import_file(path, id="item", annotator="ann")
    assert found(ledger) == {2: "cat", 1: ["cat", "dog"], 3: [[0, 2, "LOC"]]}
    lines(
        path, {**DOCCANO, "id": 5, "query": 1, "ledger": ledger.identity}
    )  # an item's own columns are written over doccano's
    ledger.import_file(path)
    assert found(ledger)[5] == "cat"
    for record in [{"id": 0, "text": "x", "label": ["cat"]}, {"id": 0, "filename": "x", "bbox": [{"x": 1}]}]:
        with pytest.raises(LedgerError, match="a record of doccano"):
            ledger.import_file(lines(path, record))
    with pytest.raises(
        LedgerError, match="expected the label in label, got the keys id, filename, bbox. .*--label bbox"
    ):
        ledger.import_file(path, id="id")
    ledger.import_file(path, id="id", label="bbox")  # the remedy
    assert found(ledger)[0] == [{"x": 1}]
    table = tmp_path / "a.csv"
    table.write_text('id,text,label,Comments,item\n0,"a, b",cat,,7\n')
    with pytest.raises(LedgerError, match=r"a.csv, line 2: .* doccano without one.*id='item'"):
        ledger.import_file(table)
    assert ledger.import_file(table, id="item").labels == 1
    table.write_text('id,text,label,Comments,item\n0,"a, b",cat#dog,,8\n')
    with pytest.raises(
        LedgerError, match=r"a.csv, line 2: label: .* got 'cat#dog', which may be several.*--label label"
    ):
        ledger.import_file(table, id="item")
    ledger.import_file(table, id="item", label="label")  # the remedy
    assert found(ledger)[8] == "cat#dog"


def test_texts_and_labels_of_ones_own_are_not_doccanos(tmp_path: Path) -> None:
    ledger = Ledger(3)
    ledger.import_file(lines(tmp_path / "a.jsonl", {"id": 0, "text": "x", "label": "cat"}, {"id": 1, "label": ["a"]}))
    assert found(ledger) == {0: "cat", 1: ["a"]}


def test_prodigy(tmp_path: Path) -> None:
    path = lines(
        tmp_path / "a.jsonl",
        {**PRODIGY, "meta": {"id": "a"}, "accept": ["cat"], "answer": "accept"},
        {**PRODIGY, "meta": {"id": "b"}, "accept": ["cat"], "answer": "reject"},
        {**PRODIGY, "meta": {"id": "c"}, "accept": ["dog"], "answer": "ignore"},
        {**PRODIGY, "meta": {"id": "d"}, "accept": [], "answer": "accept"},
        {**PRODIGY, "meta": {"id": "e"}, "accept": ["cat", "dog"], "answer": "accept", "_annotator_id": "bob"},
        {**PRODIGY, "meta": {"id": "f"}, "label": "cat", "answer": "accept"},
        {**PRODIGY, "meta": {"id": "g"}, "label": "cat", "answer": "reject"},
    )
    ledger = Ledger(ids=[*"abcdefg"])
    with pytest.raises(LedgerError, match="a record of Prodigy without one.* id='meta.id' .--id meta.id"):
        ledger.import_file(path)
    imported = ledger.import_file(path, id="meta.id")
    assert (imported.labels, imported.unlabelled) == (3, 4)
    assert found(ledger) == {"a": "cat", "e": ["cat", "dog"], "f": "cat"}
    assert annotators(ledger) == {"a": "set-ann", "e": "bob", "f": "set-ann"}
    other = Ledger(ids=[*"abcdefg"])
    other.import_file(path, id="meta.id", answer="answer=reject")
    assert found(other) == {"b": "cat", "g": "cat"}
    lines(path, {**PRODIGY, "id": "a", "spans": [{"start": 0}], "answer": "accept"})  # it keeps the keys of its input
    again = Ledger(ids=["a"])
    with pytest.raises(LedgerError, match="expected the label in accept or label, got the keys .*.--label spans"):
        again.import_file(path)
    again.import_file(path, label="spans")
    assert found(again) == {"a": [{"start": 0}]}
    with pytest.raises(LedgerError, match="its key '_input_hash', which is a number of that tool"):
        again.import_file(path, id="_input_hash")


def test_argilla(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    records = [
        {**ARGILLA, "id": "0"},
        {**ARGILLA, "id": "1", "status": "pending"},
        {**ARGILLA, "id": "2", "responses": {}},
        {
            **ARGILLA,
            "id": "3",
            "responses": {"label": [{"value": "dog", "user_id": "u1"}, *ARGILLA["responses"]["label"]]},
        },
    ]
    path.write_text(json.dumps(records))
    ledger = Ledger(5)
    imported = ledger.import_file(path)
    assert found(ledger) == {0: "cat"}
    assert annotators(ledger) == {0: "u1"}
    assert imported.disputed == {3: [("dog", "u1"), ("cat", "u1"), ("cat", "u2")]}
    ledger.import_file(path, agree="majority", label="comment", overwrite=True)
    assert found(ledger) == {0: "small"}
    path.write_text(json.dumps([{**ARGILLA, "id": None}]))
    with pytest.raises(LedgerError, match="a record of Argilla without one.*id='metadata.item'"):
        ledger.import_file(path)
    ledger.import_file(path, id="metadata.item")
    assert found(ledger)[2] == "cat"
    path.write_text(json.dumps([{**ARGILLA, "id": "1"}]))
    with pytest.raises(LedgerError, match="of the name 'mood', got only those of comment, label"):
        ledger.import_file(path, label="mood")


@pytest.mark.parametrize("place", ["", "meta", "metadata"])
def test_the_query_of_an_item_comes_back_with_it(tmp_path: Path, place: str) -> None:
    ledger = Ledger(3)
    ledger.withdraw(ledger.ask(alcore.Precomputed([0.0, 9.0, 1.0]), None, 1))
    own = {"query": 1, "score": 9.0, "q": 1.0}
    record = {**PRODIGY, "id": 1, "label": "cat", "answer": "accept", **({place: own} if place else own)}
    with pytest.raises(LedgerError, match="query 1 was withdrawn"):
        ledger.tell_file(lines(tmp_path / "a.jsonl", record))


def test_a_text_with_the_name_query_is_none(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.csv", Ledger(9)
    ledger.ask(alcore.Precomputed(range(9)), None, 9)
    text = (
        (DATA / "label_studio.csv")
        .read_text()
        .replace('"text",', '"query",')
        .replace("0123456789abcdef0123456789abcdef", ledger.identity)
    )
    path.write_text(text)
    assert ledger.tell_file(path).labels == 2


def test_argillas_data_sets_and_server(tmp_path: Path) -> None:
    flat = {"id": "1", "status": "completed", "_server_id": "x", "text": "t", "label.responses": ["cat", "dog"]}
    flat |= {"label.responses.users": ["u1", "u2"], "label.responses.status": ["submitted", "discarded"]}
    ledger = Ledger(5)
    ledger.import_file(lines(tmp_path / "a.jsonl", flat))
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist([{**flat, "id": "2"}]), tmp_path / "a.parquet")
    ledger.import_file(tmp_path / "a.parquet")
    given = {"values": {"label": {"value": "dog"}}, "user_id": "u7"}
    server = {"id": "uuid", "external_id": "3", "fields": {"text": "t"}}
    server["responses"] = [{**given, "status": "submitted"}, {**given, "status": "draft"}]  # type: ignore[assignment]
    ledger.import_file(lines(tmp_path / "a.jsonl", server))
    assert found(ledger) == {1: "cat", 2: "cat", 3: "dog"}
    with pytest.raises(LedgerError, match="Argilla without one"):
        ledger.import_file(lines(tmp_path / "a.jsonl", {**server, "external_id": None}))


# --- any other --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet", "json"])
def test_keys_that_a_caller_names(tmp_path: Path, suffix: str) -> None:
    path, ledger = tmp_path / f"a.{suffix}", Ledger(ids=["a.png", "b.png", "c.png"])
    rows = [
        {"n": 0, "file": "c.png", "kind": "cat", "who": "ann", "state": "done"},
        {"n": 1, "file": "a.png", "kind": "dog", "who": "bob", "state": "draft"},
    ]
    if suffix == "jsonl":
        lines(path, *rows)
    elif suffix == "json":
        path.write_text(json.dumps(rows))
    elif suffix == "csv":
        path.write_text("n;file;kind;who;state\n" + "".join(";".join(map(str, row.values())) + "\n" for row in rows))
    else:
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), path)
    keys = {"id": "file", "label": "kind", "annotator_key": "who", "answer": "state=done"}
    imported = ledger.import_file(path, **keys)
    assert (imported.labels, imported.unlabelled, imported.restored) == (1, 1, False)
    assert found(ledger) == {"c.png": "cat"}
    assert annotators(ledger) == {"c.png": "ann"}
    for name in keys:
        with pytest.raises(LedgerError, match="wrong"):
            ledger.import_file(path, **{**keys, name: "wrong=x" if name == "answer" else "wrong"})


def test_dotted_keys_lead_into_records(tmp_path: Path) -> None:
    records = [
        {"data": {"meta": {"id": 3}}, "marks": [{"label": "cat", "by": {"email": "a@b"}}], "ok": True},
        {"data": {"meta": {"id": 4}}, "marks": [], "ok": True},
        {"data": {"meta": {"id": 5}}, "marks": [{"label": "dog"}], "ok": False},
        {"data": {"meta": {"id": 6}}, "marks": [{"label": None}], "ok": True},
        {"data.meta.id": 7, "marks": [{"label": 0}], "ok": True},
    ]
    path, ledger = lines(tmp_path / "a.jsonl", *records), Ledger(9)
    ledger.import_file(path, id="data.meta.id", label="marks.0.label", annotator_key="marks.0.by", answer="ok=true")
    assert found(ledger) == {3: "cat", 7: 0}
    assert annotators(ledger) == {3: "a@b", 7: None}


def test_wrong_options_are_refused(tmp_path: Path) -> None:
    path = lines(tmp_path / "a.jsonl", {"id": 0, "label": "x"})
    for arguments, said in [
        ({"id": 3}, "id: expected the name of a key, such as 'meta.id', got 3"),
        ({"label": ""}, "label: expected the name of a key"),
        ({"answer": "accept"}, "answer: expected a key and the value that counts, got 'accept'"),
        ({"agree": "most"}, "agree: expected 'all', 'majority', 'ground-truth' or 'one=NAME', got 'most'"),
        ({"agree": "one="}, "agree: expected"),
    ]:
        with pytest.raises((LedgerError, TypeError), match=said):
            Ledger(1).import_file(path, **arguments)  # type: ignore[arg-type]
