"""Label Studio's tasks: written for its import, read from its exports, in any cutting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import json_array, label_studio
from alcore.ledger.label_text import encode
from tests.ledger.examples import JSON, LABELS, NAMES, PROBS, N, named_as


@given(JSON)
def test_results_of_label_studio_are_one_to_one(label: Any) -> None:
    text = encode(label, "label")
    results = json.loads(json.dumps(label_studio.results_of(label, "image")))
    assert label_studio.read_back(results) == text


def test_tasks_show_the_item_and_the_score(tmp_path: Path) -> None:
    path, ledger = tmp_path / "todo.json", Ledger(ids=NAMES)
    query = ledger.ask(alcore.BALD(), PROBS, 4)
    query.export(path, data={"image": "https://host/{id}?x=1", "text": "What is {id}?"})
    tasks = json.loads(path.read_text())
    assert [task["data"]["id"] for task in tasks] == query.ids.tolist()
    assert [task["meta"]["score"] for task in tasks] == query.scores.tolist()
    scores = [task["predictions"][0]["score"] for task in tasks]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert tasks[0]["predictions"][0] == {"model_version": "bald", "score": scores[0], "result": []}
    for task in tasks:
        assert task["data"]["text"] == f"What is {task['data']['id']}?"
        assert set(task["data"]["image"]) <= set("https://host/?x=1%ABCDEF0123456789") | set(
            "abcdefghijklmnopqrstuvwxyz.-_~"
        )
        assert "annotations" not in task


def test_labels_are_exported_to_label_studio_and_imported(tmp_path: Path) -> None:
    ledger, again, path = Ledger(ids=NAMES), Ledger(ids=NAMES), tmp_path / "a.json"
    who = ["ann@host", "10", None]
    for name, label, annotator in zip(NAMES, LABELS, who * N, strict=False):
        ledger.label({name: label}, annotator=annotator)
    ledger.set_aside([NAMES[-1]])
    assert ledger.export(path, data={"image": "{id}"}) == N
    imported = named_as(ledger.identity, again).import_file(path)
    assert (imported.labels, imported.unlabelled, imported.restored) == (len(LABELS), N - len(LABELS), False)
    assert again.labels == ledger.labels
    assert again.count_labels("annotator") == ledger.count_labels("annotator")
    first = json.loads(path.read_text())[0]["annotations"][0]
    assert first["completed_by"] == {"email": "ann@host"}
    assert first["result"] == [
        {"from_name": "label", "to_name": "image", "type": "choices", "value": {"choices": ["cat"]}}
    ]


BOX = {
    "id": "x",
    "from_name": "label",
    "to_name": "img",
    "type": "rectanglelabels",
    "value": {"x": 1.5, "rectanglelabels": ["a"]},
}


def choice(*names: str) -> dict[str, Any]:
    return {
        "id": "q",
        "from_name": "label",
        "to_name": "image",
        "type": "choices",
        "origin": "manual",
        "value": {"choices": [*names]},
    }


def text(*lines: str) -> dict[str, Any]:
    return {"from_name": "label", "to_name": "image", "type": "textarea", "value": {"text": [*lines]}}


def test_exports_of_label_studio_are_imported(tmp_path: Path) -> None:
    cases: list[tuple[list[Any], Any, str | None]] = [
        ([{"result": [choice("cat")], "completed_by": 10, "was_cancelled": False}], "cat", "10"),
        ([{"result": [choice("3")], "completed_by": {"id": 1, "email": "a@b", "first_name": ""}}], "3", "a@b"),
        ([{"result": [choice("a", "b")], "completed_by": "a@b"}], ["a", "b"], "a@b"),
        ([{"result": [text("12")], "completed_by": {"id": 7}}], 12, "7"),
        ([{"result": [text("some words")]}], "some words", None),
        ([{"result": [text("a", "b")]}], [text("a", "b")], None),
        ([{"result": [BOX, BOX]}], [BOX, BOX], None),
        ([{"result": [choice("a")], "was_cancelled": True}, {"result": [choice("b")], "completed_by": 2}], "b", "2"),
        ([{"result": [choice("a")], "completed_by": 1}, {"result": [choice("a")], "completed_by": 2}], "a", "1"),
    ]
    comment = {**text("the cat is small"), "from_name": "comment"}
    cases.append(([{"result": [comment, choice("cat")]}], "cat", None))
    skipped: list[Any] = [[], [{"result": [], "was_cancelled": True}], None, [{"result": []}], [{"result": [comment]}]]
    skipped += [[{"result": [choice()]}], [{"result": [text("")]}], [{"result": [text()]}]]
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
        imported = ledger.import_file(path)
        assert (imported.labels, imported.unlabelled) == (len(cases), len(skipped))
        assert ledger.labels == [case[1] for case in cases]
        assert [ledger.history(i)[-1]["annotator"] for i in range(len(cases))] == [case[2] for case in cases]
        ledger.export(path, overwrite=True)
        again = named_as(ledger.identity, Ledger(len(tasks)))
        again.import_file(path)
        assert again.labels == ledger.labels


def test_annotations_that_differ_are_disputed(tmp_path: Path) -> None:
    path, ledger = tmp_path / "a.json", Ledger(4)
    annotations = [{"result": [choice(name)], "completed_by": who} for name, who in (("cat", 1), ("dog", "b@c"))]
    tasks = [{"data": {"id": 1}, "annotations": annotations}, {"data": {"id": 2}, "annotations": annotations[:1]}]
    path.write_text(json.dumps([{"data": {"id": 0}}, *tasks]))
    imported = ledger.import_file(path)
    assert (imported.labels, imported.unlabelled) == (1, 1)
    assert imported.disputed == {1: [("cat", "1"), ("dog", "b@c")]}
    assert ledger.labelled.tolist() == [2]


def test_tasks_are_read_in_any_cutting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, ledger = tmp_path / "a.json", Ledger(60)
    ledger.label(dict(enumerate([*LABELS, "ü" * 100, '\\"{[', [{"a": [1.5e-7, True]}] * 20])))
    ledger.export(path)
    for indent, chunk in [(None, 1), (3, 2), (None, 7), (1, 64)]:
        monkeypatch.setattr(json_array, "CHUNK", chunk)
        path.write_text(json.dumps(json.loads(path.read_text()), indent=indent, ensure_ascii=chunk == 7))
        again = named_as(ledger.identity, Ledger(60))
        again.import_file(path)
        assert again.labels == ledger.labels


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "line 1: expected '.' of a JSON array of tasks, got 'the end of the file'"),
        ("{}", "line 1: expected '.' of a JSON array of tasks, got '{'"),
        ("[3]", "task 1: expected a task with an id in its data, as alcore wrote it, got 3. .* not as JSON-MIN"),
        ('[{"id": 1, "image": "x", "label": "a"}]', "task 1: expected a task with an id in its data"),
        (
            '[{"data": {"image": "x"}}]',
            "task 1: expected an id of this ledger, got a record of Label Studio without one",
        ),
        (
            '[\n{"data": {"id": 0}},\n\n{"data": {"id" 1}}]',
            "line 4: expected JSON, but it cannot be read: Expecting ':' delimiter",
        ),
        ('[{"data": {"id": 0}}', "line 1: expected '.' of a JSON array"),
        ('[{"data": {"id": 0}},', "line 1: expected JSON, but it cannot be read: Expecting value"),
        ('[{"data": {"id": 0', "line 1: expected JSON, but it cannot be read"),
        ('[{"data": {"id": "abc', "line 1: expected JSON, but it cannot be read: Unterminated string"),
        ('[{"data": {"id": 0}}] x', "line 1: expected the end of the file after the array of tasks, got 'x'"),
        ('[{"data": {"id": NaN}}]', "NaN is not JSON"),
        ("[" * 100_000, "expected JSON, but it cannot be read|expected a task with"),
        ('[{"data": {"id": 0}, "annotations": {"a": 1}}]', "task 1: expected annotations that are a list of objects"),
        (
            '[{"data": {"id": 0}, "annotations": [{"result": "x"}]}]',
            "task 1: expected an annotation with a list of results",
        ),
        ('[{"data": {"id": 99}}]', "task 1: expected an id that is a whole number .* got 99"),
        (b'[{"data": {"id": "\xff"}}]', "expected UTF-8, got the byte 0xff"),
    ],
)
def test_wrong_tasks_are_refused(tmp_path: Path, content: str | bytes, said: str) -> None:
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
        ({"id": "x"}, "other names than 'id'"),
        ({"ledger": "x"}, "other names than 'ledger'"),
        ({"text": "{text}"}, "names that exist in the template of 'text', got {text}. There are: {id}. Write a brace"),
    ]:
        with pytest.raises((TypeError, LedgerError), match=said):
            ledger.export(path, data=wrong)  # type: ignore[arg-type]
    with pytest.raises(LedgerError, match="a.csv: data works only with Label Studio's tasks"):
        ledger.export(tmp_path / "a.csv", data={"image": "x"})
    assert not list(tmp_path.iterdir())
