"""Several annotators: a rule says which label counts, what is disputed stays open, and the rest is recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import alcore
from alcore import Ledger, LedgerError

ROWS = """id,label,annotator
0,cat,ann
1,cat,ann
2,cat,ann
0,cat,bob
1,dog,bob
2,dog,bob
2,dog,eve
3,,ann
4,fox,bob
"""


def table(path: Path, text: str = ROWS) -> Path:
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("agree", "labels", "disputed"),
    [
        ("all", {0: "cat", 4: "fox"}, [1, 2]),
        ("majority", {0: "cat", 2: "dog", 4: "fox"}, [1]),
        ("one=ann", {0: "cat", 1: "cat", 2: "cat"}, []),
        ("one=bob", {0: "cat", 1: "dog", 2: "dog", 4: "fox"}, []),
        ("ground-truth", {0: "cat", 4: "fox"}, [1, 2]),
    ],
)
def test_a_rule_says_what_counts(tmp_path: Path, agree: str, labels: dict[int, str], disputed: list[int]) -> None:
    ledger = Ledger(6)
    query = ledger.ask(alcore.Precomputed([5.0, 4, 3, 2, 1, 0]), None, 5)
    imported = ledger.tell_file(table(tmp_path / "a.csv"), agree=agree)
    assert dict(zip(ledger.labelled.tolist(), ledger.labels, strict=True)) == labels
    assert list(imported.disputed) == disputed
    assert (imported.labels, imported.unlabelled) == (len(labels), 5 - len(labels) - len(disputed))
    assert ledger.open_queries()[0].ids.tolist() == [one for one in query.ids.tolist() if one not in labels]
    again = ledger.tell_file(tmp_path / "a.csv", agree=agree)
    assert (again.labels, again.unchanged, again.disputed) == (0, len(labels), imported.disputed)


def test_what_is_disputed_is_listed_with_its_annotators(tmp_path: Path) -> None:
    imported = Ledger(ids=["a", "b"]).import_file(table(tmp_path / "a.csv", "id,label\na,1\nb,5\na,2\na,1\n"))
    assert imported.disputed == {"a": [(1, None), (2, None), (1, None)]}
    assert imported.labels == 1
    ledger = Ledger(ids=["a", "b"])
    assert ledger.import_file(tmp_path / "a.csv", agree="majority", annotator="ann").disputed == {
        "a": [(1, "ann"), (2, "ann"), (1, "ann")]  # one annotator who said both has one voice for each
    }
    assert ledger.import_file(tmp_path / "a.csv", agree="majority").labels == 1


def test_labels_that_are_there_stay_where_others_are_disputed(tmp_path: Path) -> None:
    ledger = Ledger(6)
    ledger.label({1: "wolf"})
    assert 1 in ledger.import_file(table(tmp_path / "a.csv")).disputed
    assert ledger.labels_of([1]) == ["wolf"]
    with pytest.raises(LedgerError, match="1 has the label \"wolf\" already, got 'cat'"):
        ledger.import_file(tmp_path / "a.csv", agree="one=ann")


def test_the_ground_truth_counts_alone(tmp_path: Path) -> None:
    def annotation(name: str, truth: bool) -> dict[str, object]:
        result = {"from_name": "label", "to_name": "t", "type": "choices", "value": {"choices": [name]}}
        return {"result": [result], "completed_by": name, "ground_truth": truth, "was_cancelled": False}

    path, ledger = tmp_path / "a.json", Ledger(4)
    tasks = [
        {"data": {"id": 0}, "annotations": [annotation("cat", False), annotation("dog", True)]},
        {"data": {"id": 1}, "annotations": [annotation("cat", False), annotation("dog", False)]},
        {"data": {"id": 2}, "annotations": [annotation("cat", False)]},
        {"data": {"id": 3}, "annotations": [annotation("cat", True), annotation("dog", True)]},
    ]
    path.write_text(json.dumps(tasks))
    imported = ledger.import_file(path, agree="ground-truth")
    assert ledger.labels == ["dog", "cat"]
    assert list(imported.disputed) == [1, 3]


def test_a_name_that_nobody_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        LedgerError, match=r"expected labels by 'anne', as agree .--agree. says, got labels by ann, bob, eve"
    ):
        Ledger(6).import_file(table(tmp_path / "a.csv"), agree="one=anne")
    assert Ledger(6).import_file(table(tmp_path / "b.csv", "id,label\n0,\n"), agree="one=anne").unlabelled == 1


def test_ten_thousand_disputes_are_settled_at_once(tmp_path: Path) -> None:
    text = "".join(f"{i},{'ab'[who * (i % 2)]},{who}\n" for who in (0, 1) for i in range(20_000))
    ledger = Ledger(20_000)
    imported = ledger.import_file(table(tmp_path / "a.csv", f"id,label,annotator\n{text}"))
    assert (imported.labels, len(imported.disputed)) == (10_000, 10_000)
    assert imported.disputed[19_999] == [("a", "0"), ("b", "1")]
