"""What changes a ledger: labels that are told, withdrawals, states, more ids; and any sequence of these calls."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import alcore
from alcore import Ledger, LedgerError
from tests.conftest import soak
from tests.ledger.examples import IMAGES, PROBS, N


def test_labels_of_a_query_are_recorded(ledger: Ledger) -> None:
    query = ledger.ask(alcore.BALD(), PROBS, 5)
    best = alcore.BALD().select(PROBS, 5)
    np.testing.assert_array_equal(query.ids, best.indices)
    np.testing.assert_array_equal(query.scores, best.scores)
    assert (query.number, query.asker, query.step, query.heuristic) == (1, "default", 0, "bald")
    np.testing.assert_array_equal(ledger.asked, np.sort(query.ids))
    ledger.tell(query, ["a", 1, None, {"b": [1.5, True]}, "ü"])
    assert ledger.labels_of(query.ids) == ["a", 1, None, {"b": [1.5, True]}, "ü"]
    assert ledger.counts() == {"unlabelled": N - 5, "asked": 0, "labelled": 5, "aside": 0}
    np.testing.assert_array_equal(ledger.labelled, np.sort(query.ids))
    np.testing.assert_array_equal(ledger.pool, np.setdiff1d(np.arange(N), query.ids))
    assert ledger.pool.dtype == ledger.labelled.dtype == np.int64
    assert ledger.labels == [
        dict(zip(query.ids, ["a", 1, None, {"b": [1.5, True]}, "ü"], strict=True))[i] for i in ledger.labelled
    ]


def test_tell_refuses_whole(ledger: Ledger) -> None:
    query = ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3)  # 0, 1, 2
    other = ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3, asker="b")  # 3, 4, 5
    for labels, said in [
        ({0: "a", 99: "b"}, "99"),
        ({0: "a", 3: "b"}, "expected ids of query 1, got 3"),
        (["a", "b"], "expected 3 labels, one for each of query.ids, got 2"),
        ("abc", "expected {id: label}"),
        (7, "expected {id: label}"),
        ({0: "a", 1: float("nan")}, "labels.1.: expected a JSON value, got nan"),
        ({0: "a", 1: {1: "b"}}, "keys that are strings"),
        ({0: "a", 1: object()}, "expected a JSON value .*got object"),
        ({"0": "a"}, "ids: expected whole numbers"),
    ]:
        with pytest.raises(LedgerError, match=said):
            ledger.tell(query, labels)  # type: ignore[arg-type]
    assert ledger.counts()["labelled"] == 0
    with pytest.raises(LedgerError, match="got 12, which it does not have"):
        ledger.tell(12, {0: "a"})
    with pytest.raises(LedgerError, match="expected {id: label}"):
        ledger.tell(query.number, ["a", "b", "c"])
    ledger.tell(query.number, {1: "b"}, annotator="ann")
    with pytest.raises(LedgerError, match='1 has the label "b" already, got "B".*overwrite=True'):
        ledger.tell(query, ["a", "B", "c"])
    assert ledger.labelled.tolist() == [1]
    ledger.tell(query, ["a", "B", "c"], overwrite=True)
    assert ledger.labels_of([0, 1, 2]) == ["a", "B", "c"]
    said = [(event["action"], event["label"], event["annotator"]) for event in ledger.history(1)]
    assert said == [("asked", None, None), ("labelled", "b", "ann"), ("labelled", "B", None)]
    assert len(other) == 3


def test_numbers_of_numpy_are_labels(ledger: Ledger) -> None:
    query = ledger.ask(alcore.BALD(), PROBS, 3)
    ledger.tell(query, np.array([1, 2, 3]))
    assert ledger.labels_of(query.ids) == [1, 2, 3]
    ledger.label({int(ledger.pool[0]): np.float32(0.5), int(ledger.pool[1]): np.eye(2)})
    assert 0.5 in ledger.labels
    assert [[1.0, 0.0], [0.0, 1.0]] in ledger.labels


def test_withdrawn_queries_take_no_labels(ledger: Ledger) -> None:
    query = ledger.ask(alcore.BALD(), PROBS, 4)
    ledger.tell(query, {int(query.ids[0]): "a"})
    ledger.withdraw(query)
    assert ledger.counts() == {"unlabelled": N - 1, "asked": 0, "labelled": 1, "aside": 0}
    with pytest.raises(LedgerError, match="query 1 was withdrawn"):
        ledger.tell(query, {int(query.ids[1]): "b"})
    with pytest.raises(LedgerError, match="expected a query that waits for labels, got 1"):
        ledger.withdraw(query)
    with pytest.raises(LedgerError, match="expected a query that waits for labels, got 1"):
        ledger.withdraw(17)
    again = ledger.ask(alcore.BALD(), PROBS, 4)
    np.testing.assert_array_equal(again.ids[:3], query.ids[1:])
    ledger.label({int(again.ids[0]): "bought elsewhere"})
    assert len(ledger.ask(alcore.BALD(), PROBS, 4)) == 3


def test_unlabel_set_aside_restore(ledger: Ledger) -> None:
    ledger.label({3: "a", 4: "b"})
    ledger.unlabel([3])
    assert ledger.labelled.tolist() == [4]
    assert 3 in ledger.pool
    query = ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3)  # 0, 1, 2
    ledger.set_aside([1, 20])
    assert ledger.aside.tolist() == [1, 20]
    assert ledger.ask(alcore.BALD(), PROBS, 3).ids.tolist() == [0, 2]
    with pytest.raises(LedgerError, match="1 was set aside. Restore it first: ledger.restore.*1"):
        ledger.tell(query, ["a", "b", "c"])
    with pytest.raises(LedgerError, match="expected ids that are unlabelled or asked, but 4 is labelled"):
        ledger.set_aside([4])
    with pytest.raises(LedgerError, match="expected ids that are labelled, but 20 is set aside"):
        ledger.unlabel([20])
    with pytest.raises(LedgerError, match="expected ids that are set aside, but 4 is labelled"):
        ledger.restore(4)
    with pytest.raises(LedgerError, match="expected ids that are labelled, but 0 is asked"):
        ledger.labels_of([0])
    ledger.restore([20, 1])
    assert set(ledger.pool) >= {1, 20}
    assert [event["action"] for event in ledger.history([3])] == ["labelled", "unlabelled"]


def test_ids_are_added(ledger: Ledger) -> None:
    ledger.add(2)
    ledger.add([42, 43])
    assert len(ledger) == 44
    assert ledger.pool.tolist() == list(range(44))
    for wrong in ([44, 46], [3], ["a"]):
        with pytest.raises(LedgerError, match="ids: expected how many ids to add, or the numbers from 44"):
            ledger.add(wrong)
    assert len(ledger.ask(alcore.Precomputed(np.arange(44)), None, 1).ids) == 1
    with pytest.raises(ValueError, match="expected 44 rows"):
        ledger.ask(alcore.BALD(), PROBS, 1, asker="b")


def test_random_ids_to_begin_with(ledger: Ledger) -> None:
    truth = {i: i % 3 for i in range(N)}
    query = ledger.label_randomly(5, rng=0, labels=truth)
    assert ledger.labels_of(query.ids) == [i % 3 for i in query.ids]
    again = Ledger(N).label_randomly(5, rng=0, labels=lambda ids: ids % 3)
    np.testing.assert_array_equal(query.ids, again.ids)
    asked = ledger.label_randomly(4, rng=1)
    np.testing.assert_array_equal(ledger.asked, np.sort(asked.ids))


def test_ids_that_are_names(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, ids=IMAGES) as ledger:
        query = ledger.ask(alcore.BALD(), PROBS, 3)
        assert query.ids.tolist() == [IMAGES[i] for i in alcore.BALD().select(PROBS, 3).indices]
        ledger.tell(query, {name: len(name) for name in query.ids})
        sample = ledger.sample_pool(5, rng=0)
        ledger.ask(alcore.BALD(), PROBS[[IMAGES.index(name) for name in sample]], 2, ids=sample)
        for wrong, said in [("x", "'x', which it does not have"), (3, "expected strings"), (["x", IMAGES[0]], "'x'")]:
            with pytest.raises(LedgerError, match=said):
                ledger.history(wrong)
        with pytest.raises(LedgerError, match="ids: expected new names, but the ledger has 'image 3.png' already"):
            ledger.add(["new", IMAGES[3]])
        with pytest.raises(LedgerError, match="expected names"):
            ledger.add(3)
        ledger.add(["new"])
        assert ledger.pool[-1] == "new"
    with Ledger.open(path) as ledger:
        assert ledger.labelled.tolist() == sorted(query.ids, key=IMAGES.index)
    with Ledger.open(path, ids=[*IMAGES, "new"]) as ledger:
        assert len(ledger) == N + 1
    with pytest.raises(LedgerError, match="got other ids or another order"):
        Ledger.open(path, ids=["new", *IMAGES])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "size: expected the number of ids"),
        ({"size": -1}, "size: expected at least 0"),
        ({"ids": ["a", "b", "a"]}, "'a' is there twice"),
        ({"ids": ["a", 3]}, "expected strings, got 3"),
        ({"ids": "abc"}, "expected a list of strings"),
        ({"ids": ["a"], "size": 2}, "size: expected 1, the number of names in ids, got 2"),
    ],
)
def test_wrong_sizes_and_ids_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Ledger(**arguments)


def test_an_empty_ledger() -> None:
    ledger = Ledger(0)
    assert len(ledger.pool) == 0
    assert len(ledger.ask(alcore.Random(), None, 3)) == 0
    assert Ledger(ids=[]).pool.tolist() == []


# --- any sequence of calls --------------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """Against a dictionary: what each id is, in whatever order it is asked, told, withdrawn, unlabelled, set aside."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.rng = Ledger(12), np.random.default_rng(0)
        self.state: dict[int, Any] = dict.fromkeys(range(12), "free")
        self.labels: dict[int, Any] = {}

    def ids_in(self, state: str) -> list[int]:
        return [one for one, own in self.state.items() if own == state]

    @rule(k=st.integers(1, 5), asker=st.sampled_from("ab"))
    def ask(self, k: int, asker: str) -> None:
        waiting = self.ledger.open_queries(asker)
        query = self.ledger.ask(alcore.Random(), None, k, asker=asker, rng=self.rng)
        if waiting:
            assert query.ids.tolist() == waiting[0].ids.tolist()
            return
        assert len(query) == min(k, len(self.ids_in("free")))
        for one in query.ids.tolist():
            assert self.state[one] == "free"
            self.state[one] = "asked"

    @rule(share=st.integers(1, 3), label=st.sampled_from(["x", 2, None]), asker=st.sampled_from("ab"))
    def tell(self, share: int, label: Any, asker: str) -> None:
        for query in self.ledger.open_queries(asker):
            labels = dict.fromkeys(query.ids[:share].tolist(), label)
            self.ledger.tell(query, labels)
            self.labels.update(labels)
            self.state.update(dict.fromkeys(labels, "labelled"))

    @rule(asker=st.sampled_from("ab"))
    def withdraw(self, asker: str) -> None:
        for query in self.ledger.open_queries(asker):
            self.ledger.withdraw(query)
            self.state.update(dict.fromkeys(query.ids.tolist(), "free"))

    @rule(one=st.integers(0, 11))
    def unlabel(self, one: int) -> None:
        if self.state[one] == "labelled":
            self.ledger.unlabel([one])
            self.state[one] = "free"
            del self.labels[one]
        else:
            with pytest.raises(LedgerError):
                self.ledger.unlabel([one])

    @rule(one=st.integers(0, 11))
    def set_aside(self, one: int) -> None:
        if self.state[one] in ("free", "asked"):
            self.ledger.set_aside([one])
            self.state[one] = "aside"
        else:
            with pytest.raises(LedgerError):
                self.ledger.set_aside([one])

    @rule()
    def restore(self) -> None:
        self.ledger.restore(self.ids_in("aside"))
        self.state.update(dict.fromkeys(self.ids_in("aside"), "free"))

    @rule(one=st.integers(0, 11), overwrite=st.booleans())
    def label(self, one: int, overwrite: bool) -> None:
        same = self.labels.get(one) == "own"
        if self.state[one] == "aside" or (self.state[one] == "labelled" and not overwrite and not same):
            with pytest.raises(LedgerError):
                self.ledger.label({one: "own"}, overwrite=overwrite)
        else:
            self.ledger.label({one: "own"}, overwrite=overwrite)
            self.state[one], self.labels[one] = "labelled", "own"

    @invariant()
    def agrees(self) -> None:
        assert self.ledger.pool.tolist() == self.ids_in("free")
        assert self.ledger.asked.tolist() == self.ids_in("asked")
        assert self.ledger.aside.tolist() == self.ids_in("aside")
        assert dict(zip(self.ledger.labelled.tolist(), self.ledger.labels, strict=True)) == self.labels


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=soak(40, 500), stateful_step_count=30, deadline=None)
