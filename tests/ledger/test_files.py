"""A ledger's files: what is exported comes back as it was, and what is wrong is refused with its place and leaves nothing."""

from __future__ import annotations

import csv
import errno
import json
import math
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import formats, label_studio
from alcore.ledger.columns import COLUMNS
from alcore.ledger.label_text import encode, from_cell, to_cell

N = 40
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 6)).transpose(0, 2, 1).copy()
NAMES = ["", "a,b", 'say "x"', "line\nbreak", "carriage\rreturn", "both\r\nof them", "ünï 🐈", "007", "[red]x", " x "]
NAMES += [f"image {i}.png" for i in range(len(NAMES), N)]
LABELS = [
    "cat",
    "3",
    3,
    2.5,
    None,
    True,
    {"box": [1, 2.5, "a"]},
    [],
    "",
    " ",
    "null",
    "NaN",
    "a,b\r\n",
    'say "x"',
    10**30,
]
SUFFIXES = ("csv", "jsonl", "parquet")


def begin(named: bool) -> Ledger:
    return Ledger(ids=NAMES) if named else Ledger(N)


def campaign(named: bool) -> Ledger:
    """Labels of every kind, some told twice; ids withdrawn, unlabelled, set aside, asked again; two open queries."""
    ledger = begin(named)
    ids = ledger.pool
    first = ledger.ask(alcore.PowerBALD(), PROBS, 15, rng=0)
    ledger.tell(first, LABELS, annotator='ann, "ö"\n')
    ledger.withdraw(ledger.ask(alcore.BatchBALD(), PROBS, 4, rng=0))
    again = ledger.ask(alcore.Random(), None, 6, asker="bo\r\nb", rng=1)
    ledger.tell(again, {again.ids[0]: "first", again.ids[1]: "second"})
    ledger.tell(again, {again.ids[0]: "other"}, annotator="10", overwrite=True)
    ledger.set_aside([again.ids[2], ledger.pool[0]])
    ledger.unlabel([first.ids[3]])
    ledger.label({ledger.pool[-1]: "bought elsewhere"})
    ledger.ask(alcore.BALD(), PROBS, 3, asker="ann")
    assert len(ids) == N
    return ledger


def asked_all(named: bool) -> Ledger:
    """Risk estimators have what they need."""
    ledger = begin(named)
    ledger.label_randomly(5, rng=0, labels=lambda ids: list(range(5)))
    ledger.tell(ledger.ask(alcore.PowerBALD(), PROBS, 4, rng=0), [0] * 4)
    return ledger


# --- round trips ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_is_exported_comes_back_as_it_was(tmp_path: Path, suffix: str, named: bool) -> None:
    ledger, again = campaign(named), begin(named)
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    rows = ledger.export(one)
    told = again.import_file(one)
    assert (told.labels, told.unchanged, told.unlabelled, told.restored) == (17, 0, N - 17, True)
    assert again.export(two) == rows
    assert one.read_bytes() == two.read_bytes()
    assert sorted(tmp_path.iterdir()) == [one, two]
    assert again.counts() == ledger.counts()
    assert again.labels == ledger.labels
    for name in ("pool", "labelled", "asked", "aside"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ledger, name))
    for query, other in zip(ledger.open_queries(), again.open_queries(), strict=True):
        assert (other.number, other.asker, other.step, other.heuristic) == (
            query.number,
            query.asker,
            query.step,
            query.heuristic,
        )
        for name in ("ids", "scores", "q", "support"):
            np.testing.assert_array_equal(getattr(other, name), getattr(query, name))
    again.withdraw(again.open_queries("ann")[0])
    ledger.withdraw(ledger.open_queries("ann")[0])
    following = [each.ask(alcore.BALD(), PROBS, 2, asker="ann") for each in (ledger, again)]
    assert [(each.number, each.step) for each in following] == [(5, 1), (5, 1)]
    with pytest.raises(LedgerError, match="query 2 was withdrawn"):
        _ = again.q


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_risk_estimators_need_survives(tmp_path: Path, suffix: str) -> None:
    ledger, again = asked_all(True), begin(True)
    ledger.export(tmp_path / f"a.{suffix}")
    again.import_file(tmp_path / f"a.{suffix}")
    for name in ("picked", "q", "support"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ledger, name))
    assert again.pool_size == ledger.pool_size == N


def test_the_history_of_what_is_restored(tmp_path: Path) -> None:
    ledger, again = asked_all(False), begin(False)
    ledger.export(tmp_path / "a.csv")
    again.import_file(tmp_path / "a.csv")
    for one in ledger.labelled.tolist():
        was, is_ = ledger.history(one), again.history(one)
        assert [{**event, "time": 0} for event in is_] == [{**event, "time": 0} for event in was]
        np.testing.assert_allclose([e["time"] for e in is_], [e["time"] for e in was], rtol=0, atol=0.1)


def test_an_empty_export(tmp_path: Path) -> None:
    for suffix in (*SUFFIXES, "json"):
        path = tmp_path / f"a.{suffix}"
        assert Ledger(0).export(path) == 0
        assert Ledger(0).import_file(path).labels == 0
        assert Ledger(3).import_file(path).labels == 0
        assert Ledger(3).export(path, states="labelled") == 0


def test_a_part_brings_its_labels_alone(tmp_path: Path) -> None:
    """Queries with places missing would tell risk estimators what is not so."""
    ledger, again = asked_all(False), begin(False)
    assert ledger.export(tmp_path / "a.csv", states=["labelled"]) == 9
    told = again.import_file(tmp_path / "a.csv")
    assert (told.labels, told.restored) == (9, False)
    assert again.labels == ledger.labels
    assert again.open_queries() == []
    with pytest.raises(LedgerError, match="nothing was asked yet"):
        _ = again.q


def test_states_are_chosen(tmp_path: Path) -> None:
    ledger, path = campaign(False), tmp_path / "a.jsonl"
    for state, count in ledger.counts().items():
        assert ledger.export(path, states=state) == count
        assert {json.loads(line)["state"] for line in path.read_text().splitlines()} <= {state}
    assert ledger.export(path, states="past") == 5
    for wrong in ("labeled", ["asked", "x"]):
        with pytest.raises(LedgerError, match="states: expected some of unlabelled, asked, labelled, aside, past, got"):
            ledger.export(path, states=wrong)


@given(state=st.data())
@settings(max_examples=25)
def test_any_campaign_comes_back(tmp_path_factory: pytest.TempPathFactory, state: st.DataObject) -> None:
    """Whatever was done, in whatever order."""
    ledger, folder = Ledger(8), tmp_path_factory.mktemp("any")
    for _ in range(state.draw(st.integers(0, 12))):
        step = state.draw(st.sampled_from(["ask", "tell", "withdraw", "unlabel", "aside", "restore", "label"]))
        asker = state.draw(st.sampled_from("ab"))
        own = ledger.open_queries(asker)
        if step == "ask":
            ledger.ask(alcore.Random(), None, state.draw(st.integers(1, 3)), asker=asker, rng=0)
        elif step == "tell" and own:
            ledger.tell(own[0], {own[0].ids[0]: state.draw(st.sampled_from(["x", 1, None]))}, annotator="ann")
        elif step == "withdraw" and own:
            ledger.withdraw(own[0])
        elif step == "unlabel":
            ledger.unlabel(ledger.labelled[:1])
        elif step == "aside":
            ledger.set_aside([*ledger.pool[:1], *ledger.asked[:1]])
        elif step == "restore":
            ledger.restore(ledger.aside[:1])
        elif step == "label":
            ledger.label(dict.fromkeys([*ledger.pool[:1].tolist(), *ledger.asked[:1].tolist()], 7))
    for suffix in SUFFIXES:
        again = Ledger(8)
        ledger.export(folder / f"a.{suffix}")
        again.import_file(folder / f"a.{suffix}")
        again.export(folder / f"b.{suffix}")
        assert (folder / f"a.{suffix}").read_bytes() == (folder / f"b.{suffix}").read_bytes()


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"]))
    | st.sampled_from(
        ["3", '"3"', " 3 ", "null", "NaN", "Infinity", "1e999", "[1]", "{}", "true", "", " ", "\n", "\ufeff"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


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


@given(JSON)
def test_results_of_label_studio_are_one_to_one(label: Any) -> None:
    text = encode(label, "label")
    results = json.loads(json.dumps(label_studio.results_of(label, "image")))
    assert label_studio.label_of(results, "label") == text


@given(st.lists(JSON, min_size=1, max_size=6))
@settings(max_examples=25)
def test_labels_of_any_kind_cross_every_file(tmp_path_factory: pytest.TempPathFactory, labels: list[Any]) -> None:
    folder, ledger = tmp_path_factory.mktemp("labels"), Ledger(len(labels))
    ledger.label(dict(enumerate(labels)))
    for suffix in (*SUFFIXES, "json"):
        again = Ledger(len(labels))
        ledger.export(folder / f"a.{suffix}")
        again.import_file(folder / f"a.{suffix}")
        assert [encode(label, "") for label in again.labels] == [encode(label, "") for label in ledger.labels]


def test_half_of_a_surrogate_pair_is_no_label(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="labels.0.: expected text, got half of a surrogate pair"):
        Ledger(3).label({0: "\ud800"})
    (tmp_path / "a.jsonl").write_text('{"id": 0, "label": "\\ud800"}\n')
    with pytest.raises(LedgerError, match=r"a.jsonl, line 1: label: expected text"):
        Ledger(3).import_file(tmp_path / "a.jsonl")


# --- what annotators hand back ----------------------------------------------------------------------------------------


def test_cells_are_json_where_they_read_as_such(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('id,label\n0,3\n1,"""3"""\n2,"[1,2]"\n3,cat\n4,\n5,null\n6, cat\n7,1.50\n8,NaN\n')
    ledger = Ledger(9)
    assert ledger.import_file(path).unlabelled == 1
    assert ledger.labels == [3, "3", [1, 2], "cat", None, " cat", 1.5, "NaN"]
    assert 4 in ledger.pool


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_what_spreadsheets_write(tmp_path: Path, mark: str, end: str) -> None:
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
    told = ledger.import_file(path)
    assert (told.labels, told.unlabelled) == (2, 1)
    assert dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True)) == {0: None, 2: "3"}


def test_parquet_of_other_writers(tmp_path: Path) -> None:
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


def test_a_labelling_round(tmp_path: Path) -> None:
    path, ledger = tmp_path / "todo.csv", Ledger(N)
    query = ledger.ask(alcore.PowerBALD(), PROBS, 5, rng=0)
    query.export(path)
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["id", "label", "annotator", "query", "score", "q"]
    assert [int(row["id"]) for row in rows] == query.ids.tolist()
    assert [float(row["score"]) for row in rows] == query.scores.tolist()
    assert [float(row["q"]) for row in rows] == query.q.tolist()
    assert {(row["label"], row["query"]) for row in rows} == {("", "1")}
    for row in rows[1:4]:
        row["label"] = "cat"
    rows[2]["annotator"] = "bob"
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([list(rows[0]), *(list(row.values()) for row in rows)])
    told = ledger.tell_file(path, annotator="ann")
    assert (told.labels, told.unchanged, told.unlabelled) == (3, 0, 2)
    assert ledger.open_queries()[0].ids.tolist() == query.ids[[0, 4]].tolist()
    assert ledger.count_labels("annotator") == [("ann", 2), ("bob", 1)]
    assert ledger.count_labels() == [("cat", 3)]
    told = ledger.tell_file(path, query=query)
    assert (told.labels, told.unchanged, told.unlabelled) == (0, 3, 2)
    assert [event["action"] for event in ledger.history(query.ids[1])] == ["asked", "labelled"]
    assert [event["query"] for event in ledger.history(query.ids[1])] == [1, 1]


def test_queries_of_several_askers_in_one_file(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    queries = [ledger.ask(alcore.BALD(), PROBS, 3, asker=name) for name in "ab"]
    path.write_text("id,label\n" + "".join(f"{one},x\n" for query in queries for one in query.ids))
    assert ledger.tell_file(path).labels == 6
    assert [ledger.history(query.ids[0])[-1]["query"] for query in queries] == [1, 2]


def test_tell_refuses_what_was_not_asked(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3)  # 0, 1, 2
    ledger.withdraw(ledger.ask(alcore.Precomputed(-np.arange(N)), None, 2, asker="b"))  # 3, 4
    ledger.ask(alcore.Precomputed(-np.arange(N)), None, 1, asker="c")  # 3
    for text, number, said in [
        (
            "id,label\n0,a\n9,b\n",
            None,
            "line 3: expected an id that was asked, got 9, which was not. .*import the file",
        ),
        ("id,label\n0,a\n3,b\n", 1, "line 3: expected an id of query 1, got 3, which it does not have"),
        ("id,label\n0,a\n", 7, "line 2: expected a query of this ledger, got 7"),
        ("id,label\n3,a\n", 2, "line 2: query 2 was withdrawn; its ids may be asked of others"),
        ("id,label,query\n0,a,1\n1,b,2\n", None, "line 3: query 2 was withdrawn"),
        ("id,label,query\n0,a,1\n1,b,3\n", 1, "line 3: query: expected 1, as was said, got 3"),
        ("id,label,query\n0,a,x\n", None, "line 2: query: expected a whole number of at least 0, got 'x'"),
    ]:
        path.write_text(text)
        with pytest.raises(LedgerError, match=said):
            ledger.tell_file(path, query=number)
        assert ledger.counts()["labelled"] == 0
    ledger.set_aside([1])
    path.write_text("id,label\n0,a\n1,b\n")
    with pytest.raises(LedgerError, match="line 3: expected an id that is to be labelled, but 1 was set aside"):
        ledger.tell_file(path)
    for wrong in (-1, 1.5, "1", True):
        with pytest.raises((ValueError, TypeError), match="query: expected"):
            ledger.tell_file(path, query=wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="annotator: expected a name"):
        ledger.tell_file(path, annotator="")
    with pytest.raises(TypeError, match="overwrite: expected True or False"):
        ledger.tell_file(path, overwrite="yes")  # type: ignore[arg-type]


def test_labels_that_differ_are_refused_whole(tmp_path: Path) -> None:
    ledger, path = Ledger(N), tmp_path / "a.csv"
    ledger.label({1: "dog", 2: "3"}, annotator="ann")
    path.write_text('id,label\n0,cat\n1,cat\n2,"""3"""\n')
    with pytest.raises(
        LedgerError, match="line 3: label: 1 is labelled \"dog\" already, got 'cat'. Nothing was recorded; .*overwrite"
    ):
        ledger.import_file(path)
    assert ledger.labelled.tolist() == [1, 2]
    told = ledger.import_file(path, overwrite=True)
    assert (told.labels, told.unchanged) == (2, 1)
    assert ledger.labels == ["cat", "cat", "3"]
    assert [event["label"] for event in ledger.history(1)] == ["dog", "cat"]
    assert len(ledger.history(2)) == 1


def test_a_ledger_that_has_something_takes_only_labels(tmp_path: Path) -> None:
    whole, ledger, path = campaign(False), begin(False), tmp_path / "a.csv"
    whole.export(path)
    ledger.set_aside([int(whole.pool[0])])
    told = ledger.import_file(path)
    assert (told.labels, told.restored) == (len(whole.labelled), False)
    assert ledger.labels == whole.labels
    assert ledger.counts()["asked"] == 0
    assert ledger.aside.tolist() == [int(whole.pool[0])]


def test_labels_filled_into_a_whole_export(tmp_path: Path) -> None:
    ledger, again, path = Ledger(4), Ledger(4), tmp_path / "a.csv"
    query = ledger.label_randomly(2, rng=0)
    ledger.export(path)
    lines = [
        line.replace(",asked,,", ",asked,cat,").replace(",unlabelled,,", ",unlabelled,dog,")
        for line in path.read_text().splitlines()
    ]
    path.write_text("\n".join(lines))
    assert again.import_file(path).restored
    assert again.counts()["labelled"] == 4
    assert again.labels_of(query.ids) == ["cat", "cat"]
    np.testing.assert_array_equal(again.history(query.ids[0])[-1]["query"], 1)


# --- Label Studio -----------------------------------------------------------------------------------------------------


def test_tasks_show_the_item_and_the_score(tmp_path: Path) -> None:
    path, ledger = tmp_path / "todo.json", Ledger(ids=NAMES)
    query = ledger.ask(alcore.BALD(), PROBS, 4)
    query.export(path, data={"image": "https://host/{id}?x=1", "text": "What is {id}?"})
    tasks = json.loads(path.read_text())
    assert [task["data"]["id"] for task in tasks] == query.ids.tolist()
    assert [task["predictions"][0]["score"] for task in tasks] == query.scores.tolist()
    assert tasks[0]["predictions"][0] == {"model_version": "bald", "score": query.scores[0], "result": []}
    for task in tasks:
        assert task["data"]["text"] == f"What is {task['data']['id']}?"
        assert set(task["data"]["image"]) <= set("https://host/?x=1%ABCDEF0123456789") | set(
            "abcdefghijklmnopqrstuvwxyz.-_~"
        )
        assert "annotations" not in task


def test_labels_cross_label_studio(tmp_path: Path) -> None:
    ledger, again, path = Ledger(ids=NAMES), Ledger(ids=NAMES), tmp_path / "a.json"
    who = ["ann@host", "10", None]
    for name, label, annotator in zip(NAMES, LABELS, who * N, strict=False):
        ledger.label({name: label}, annotator=annotator)
    ledger.set_aside([NAMES[-1]])
    assert ledger.export(path, data={"image": "{id}"}) == N
    told = again.import_file(path)
    assert (told.labels, told.unlabelled, told.restored) == (len(LABELS), N - len(LABELS), False)
    assert again.labels == ledger.labels
    assert again.count_labels("annotator") == ledger.count_labels("annotator")
    first = json.loads(path.read_text())[0]["annotations"][0]
    assert first["completed_by"] == {"email": "ann@host"}
    assert first["result"] == [
        {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
    ]


BOX = {
    "id": "x",
    "from_name": "tag",
    "to_name": "img",
    "type": "rectanglelabels",
    "value": {"x": 1.5, "rectanglelabels": ["a"]},
}


def choice(*names: str) -> dict[str, Any]:
    return {
        "id": "q",
        "from_name": "c",
        "to_name": "image",
        "type": "choices",
        "origin": "manual",
        "value": {"choices": [*names]},
    }


def text(*lines: str) -> dict[str, Any]:
    return {"from_name": "t", "to_name": "image", "type": "textarea", "value": {"text": [*lines]}}


def test_what_label_studio_exports(tmp_path: Path) -> None:
    cases: list[tuple[list[Any], Any, str | None]] = [
        ([{"result": [choice("cat")], "completed_by": 10, "was_cancelled": False}], "cat", "10"),
        ([{"result": [choice("3")], "completed_by": {"id": 1, "email": "a@b", "first_name": ""}}], "3", "a@b"),
        ([{"result": [choice("a", "b")], "completed_by": "a@b"}], ["a", "b"], "a@b"),
        ([{"result": [text("12")], "completed_by": {"id": 7}}], 12, "7"),
        ([{"result": [text("some words")]}], "some words", None),
        ([{"result": [text("a", "b")]}], [text("a", "b")], None),
        ([{"result": [BOX, BOX]}], [BOX, BOX], None),
        ([{"result": []}], [], None),
        ([{"result": [choice("a")], "was_cancelled": True}, {"result": [choice("b")], "completed_by": 2}], "b", "2"),
        ([{"result": [choice("a")], "completed_by": 1}, {"result": [choice("a")], "completed_by": 2}], "a", "1"),
    ]
    skipped: list[Any] = [[], [{"result": [], "was_cancelled": True}], None]
    annotations = [case[0] for case in cases] + skipped
    tasks = [
        {
            "id": 700 + i,
            "data": {"id": i, "image": "x"},
            "annotations": one,
            "predictions": [{"result": [choice("no")]}],
            "drafts": [],
        }
        for i, one in enumerate(annotations)
    ]
    for indent in (None, 2):
        path, ledger = tmp_path / "a.json", Ledger(len(tasks))
        path.write_text(json.dumps(tasks, indent=indent))
        told = ledger.import_file(path)
        assert (told.labels, told.unlabelled) == (len(cases), len(skipped))
        assert ledger.labels == [case[1] for case in cases]
        assert [ledger.history(i)[-1]["annotator"] for i in range(len(cases))] == [case[2] for case in cases]
        ledger.export(path)
        again = Ledger(len(tasks))
        again.import_file(path)
        assert again.labels == ledger.labels


def test_annotations_have_to_agree(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    annotations = [{"result": [choice(name)], "completed_by": who} for name, who in (("cat", 1), ("dog", "b@c"))]
    path.write_text(json.dumps([{"data": {"id": 0}}, {"data": {"id": 1}, "annotations": annotations}]))
    with pytest.raises(
        LedgerError, match="task 2: expected annotations that agree, got 'cat' of 1 and 'dog' of b@c. Leave one"
    ):
        Ledger(3).import_file(path)


def test_tasks_are_read_in_any_cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ledger = tmp_path / "a.json", Ledger(60)
    ledger.label(dict(enumerate([*LABELS, "ü" * 100, '\\"{[', [{"a": [1.5e-7, True]}] * 20])))
    ledger.export(path)
    for indent, chunk in [(None, 1), (3, 2), (None, 7), (1, 64)]:
        monkeypatch.setattr(label_studio, "CHUNK", chunk)
        path.write_text(json.dumps(json.loads(path.read_text()), indent=indent, ensure_ascii=chunk == 7))
        again = Ledger(60)
        again.import_file(path)
        assert again.labels == ledger.labels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: expected '.' of a JSON array of tasks, got 'the end of the file'"),
        ("{}", "line 1: expected '.' of a JSON array of tasks, got '{'"),
        ("[3]", "task 1: expected a task with an id in its data, as alcore wrote it, got 3. .* not as JSON-MIN"),
        ('[{"id": 1, "image": "x", "label": "a"}]', "task 1: expected a task with an id in its data"),
        ('[{"data": {"image": "x"}}]', "task 1: expected a task with an id"),
        (
            '[\n{"data": {"id": 0}},\n\n{"data": {"id" 1}}]',
            "line 4: expected JSON, but it cannot be read: Expecting ':' delimiter",
        ),
        ('[{"data": {"id": 0}}', "line 1: expected '.' of a JSON array"),
        ('[{"data": {"id": 0}},', "line 1: expected JSON, but it cannot be read: Expecting value"),
        ('[{"data": {"id": 0', "line 1: expected JSON, but it cannot be read"),
        ('[{"data": {"id": "abc', "line 1: expected JSON, but it cannot be read: Unterminated string"),
        ('[{"data": {"id": 0}}] x', "line 1: expected the end of the file after the array of tasks, got 'x'"),
        ('[{"data": {"id": NaN}}]', "NaN is no JSON"),
        ("[" * 100_000, "expected JSON, but it cannot be read|expected a task with"),
        ('[{"data": {"id": 0}, "annotations": {"a": 1}}]', "task 1: expected annotations that are a list of objects"),
        (
            '[{"data": {"id": 0}, "annotations": [{"result": "x"}]}]',
            "task 1: expected an annotation with a list of results",
        ),
        ('[{"data": {"id": 0}}, {"data": {"id": 0}}]', "task 2: expected each id once, got 0 again"),
        ('[{"data": {"id": 99}}]', "task 1: expected an id that is a whole number .* got 99"),
        (b'[{"data": {"id": "\xff"}}]', "expected UTF-8, got the byte 0xff"),
    ],
)
def test_tasks_that_are_none(tmp_path: Path, content: str | bytes, said: str) -> None:
    path, ledger = tmp_path / "a.json", Ledger(3)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(LedgerError, match=said) as caught:
        ledger.import_file(path)
    assert str(caught.value).startswith(f"{path}, ")
    assert len(str(caught.value)) < len(str(path)) + 300


def test_templates_are_checked(tmp_path: Path) -> None:
    ledger, path = Ledger(3), tmp_path / "a.json"
    for wrong, said in [
        ("x", "data: expected {name: template}"),
        ({"image": 3}, "names and templates that are strings"),
        ({"id": "x"}, "other names than id"),
    ]:
        with pytest.raises((TypeError, LedgerError), match=said):
            ledger.export(path, data=wrong)  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="a.csv: data is for Label Studio's tasks"):
        ledger.export(tmp_path / "a.csv", data={"image": "x"})
    assert not list(tmp_path.iterdir())


# --- refusals ---------------------------------------------------------------------------------------------------------

HEADER = ",".join(COLUMNS)
ASKED = "asked,,,2026-01-01T00:00:00Z,1,{place},ann,0,bald,2026-01-01T00:00:00Z,,3,3,0.5,1.0,1,"


def rows(*lines: str) -> str:
    return "\n".join([HEADER, *lines]) + "\n"


def whole(**changes: str) -> str:
    """Three ids, of which one was asked, with cells that are wrong."""
    cells = dict(zip(COLUMNS, ("0," + ASKED.format(place=0)).split(","), strict=True)) | changes
    return rows(",".join(cells.values()), "1,unlabelled" + "," * 16, "2,unlabelled" + "," * 16)


WRONG_CSV: dict[str, tuple[str | bytes, str]] = {
    "empty": ("", "a.csv: is empty; expected a first line with the columns id and label"),
    "no columns": (
        "0,cat\n",
        "a.csv: expected the columns id and label, separated by commas, got '0,cat' without id and label",
    ),
    "semicolons": ("id;label\n0;cat\n", "separated by commas, got 'id;label' without id and label"),
    "no label": ("id,labels\n0,cat\n", "without label"),
    "a column twice": ("id,label,label\n0,a,b\n", "line 1: expected each column once, got 'label' twice"),
    "too few cells": ("id,label\n0,cat\n1\n", "line 3: expected 2 cells, as the first line has, got 1"),
    "too many cells": (
        "id,label\n0,a,b\n",
        "line 2: expected 2 cells, as the first line has, got 3. Cells with commas are quoted",
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
    "an id twice": ("id,label\n1,a\n0,\n1,a\n", "line 4: expected each id once, got '1' again"),
    "state": (
        whole(state="labeled"),
        "line 2: state: expected one of unlabelled, asked, .*, got 'labeled'. Labels alone",
    ),
    "time": (whole(time="yesterday"), "line 2: time: expected a time with its offset, .* got 'yesterday'"),
    "no offset": (whole(time="2026-01-01T00:00:00"), "line 2: time: expected a time with its offset"),
    "number": (whole(score="nan"), "line 2: score: expected a finite number, got 'nan'"),
    "probability": (whole(q="1.5"), "line 2: q: expected a probability, got 1.5"),
    "whole": (whole(support="-1"), "line 2: support: expected a whole number of at least 0, got '-1'"),
    "large": (whole(free="9" * 30), "line 2: free: expected a whole number"),
    "half a pick": (whole(asker=""), "line 2: asker: expected a value, as the state is asked, got none"),
    "no query": (whole(query=""), "line 2: query: expected a value, as the state is asked, got none"),
    "no state": (whole(state="unlabelled", query=""), "line 2: query: expected a value, as place has one, got none"),
    "no time": (whole(time=""), "line 2: time: expected a value"),
    "labelled without": (whole(state="labelled"), "line 2: label: expected a label where the state is labelled"),
    "aside with": (whole(state="aside", label="a"), "line 2: label: expected none where the state is aside"),
    "place": (whole(place="1"), "line 2: expected queries from 1 on, and the 1 places of query 1 to be 0 to 0"),
    "query 0": (whole(query="0"), "line 2: expected queries from 1 on"),
    "askers": (
        rows(
            "0," + ASKED.format(place=0), "1," + ASKED.format(place=1).replace("ann", "bob"), "2,unlabelled" + "," * 16
        ),
        "line 2: expected the same asker, step, heuristic and numbers in all rows of query 1",
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
def test_csv_that_is_wrong(tmp_path: Path, case: str) -> None:
    refused(tmp_path / "a.csv", *WRONG_CSV[case])


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ('{"id": 0}\nhello\n', "line 2: expected a JSON object, but it cannot be read: Expecting value"),
        ('{"id": 0, "label": NaN}\n', "line 1: expected a JSON object, but it cannot be read: NaN is no JSON"),
        ('{"id": 0, "label": 1e999}\n', "line 1: .*1e999 is too large"),
        ("[" * 100_000, "line 1: .*nested too deeply"),
        ("[0, 1]\n", "line 1: expected a JSON object with an id, got .0, 1."),
        ('{"label": 1}\n', "line 1: expected a JSON object with an id, got .'label': 1."),
        ('{"id": true}\n', "line 1: expected an id that is a whole number .*, got True"),
        ('{"id": 1.0}\n', "line 1: expected an id that is a whole number .*, got 1.0"),
        ('{"id": 0, "annotator": 3, "label": 1}\n', "line 1: annotator: expected a text, got 3"),
        ('{"id": 0, "state": "unlabelled"}\n{"id": 1, "label": "a"}\n', "line 2: state: expected one of .*, got None"),
        (b"\xff", "line 1: expected UTF-8"),
    ],
)
def test_json_lines_that_are_wrong(tmp_path: Path, content: str | bytes, said: str) -> None:
    refused(tmp_path / "a.jsonl", content, said)


def test_ids_of_names(tmp_path: Path) -> None:
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


def test_parquet_that_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    refused(path, "id,label\n", "expected a Parquet file, but it cannot be read")
    table = pyarrow.table({"id": [0, 1, 1], "label": ["a", "b", "c"]})
    pyarrow.parquet.write_table(table, path)
    good = path.read_bytes()
    refused(path, good, "row 3: expected each id once, got 1 again")
    refused(path, good[: len(good) // 2], "expected a Parquet file, but it cannot be read")
    pyarrow.parquet.write_table(table.rename_columns(["id", "x"]), path)
    refused(path, path.read_bytes(), "expected the columns id and label")
    pyarrow.parquet.write_table(pyarrow.table({"id": [0], "label": [math.nan]}), path)
    refused(path, path.read_bytes(), "row 1: label: expected a JSON value, got nan")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    ledger = Ledger(3)
    (tmp_path / "folder.csv").mkdir()
    for name, said in [
        ("a.csv", "a.csv: no such file"),
        ("folder.csv", "folder.csv: expected a file, got a folder"),
        ("a.xlsx", "a.xlsx: expected a file that ends in .csv, .jsonl, .parquet, .json .*, got '.xlsx'"),
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
        LedgerError, match=rf"a.{suffix}: cannot be written \(No space left on device\); nothing of it was"
    ):
        ledger.export(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    assert ledger.counts()["labelled"] == 17


def test_a_full_disk_takes_no_part_of_a_file(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.csv", Ledger.open(tmp_path / "run.db", N)
    path.write_text("id,label\n" + "".join(f"{i},{'x' * 90_000}\n" for i in range(N)))
    with ledger._database.writing() as connection:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
    connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="the disk is full .*; nothing of this was recorded"):
        ledger.import_file(path)
    assert ledger.counts()["labelled"] == 0
    connection.execute("PRAGMA max_page_count = 1000000")
    assert ledger.import_file(path).labels == N
    ledger.close()


def test_cells_that_readers_of_csv_refuse_are_not_written(tmp_path: Path) -> None:
    ledger = Ledger(3)
    ledger.label({1: "x" * 200_000})
    with pytest.raises(LedgerError, match="id 1: is longer in a cell than the 131,072 characters .* Write .jsonl"):
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


# --- large files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_ids_are_not_held_in_memory(tmp_path: Path, suffix: str) -> None:
    size = 30_000
    path, ledger = tmp_path / f"a.{suffix}", Ledger.open(tmp_path / "run.db", size)
    ledger.label(dict.fromkeys(range(0, size, 3), "a label of some length " * 10))
    again = Ledger.open(tmp_path / "again.db", size)
    tracemalloc.start()
    ledger.export(path)
    again.import_file(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2 << 20 < path.stat().st_size
    assert again.counts() == ledger.counts()
    ledger.close()
    again.close()


def test_others_read_and_write_while_a_file_is_exported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is exported is what was there when it began."""
    path = tmp_path / "run.db"
    with Ledger.open(path, 3) as ledger, Ledger.open(path) as other:
        fsync: Callable[[int], None] = os.fsync

        def meddle(handle: int) -> None:
            other.label({0: "x"})
            fsync(handle)

        monkeypatch.setattr(os, "fsync", meddle)
        ledger.export(tmp_path / "a.jsonl")
        assert {json.loads(line)["state"] for line in (tmp_path / "a.jsonl").read_text().splitlines()} == {"unlabelled"}
        assert ledger.labels == ["x"]
