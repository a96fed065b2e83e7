"""The ledger: what is asked and told, by whom, and what is refused; files that others wrote, cut off or filled up."""

from __future__ import annotations

import os
import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger import schema

N = 40
PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(N, 6)).transpose(0, 2, 1).copy()
NAMES = [f"image {i}.png" for i in range(N)]


@pytest.fixture(params=["memory", "file"])
def ledger(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(N) if request.param == "memory" else Ledger.open(tmp_path / "run.db", N) as ledger:
        yield ledger


# --- ask and tell -----------------------------------------------------------------------------------------------------


def test_what_was_asked_and_told(ledger: Ledger) -> None:
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


HEURISTICS = {
    "bald": alcore.BALD(),
    "power": alcore.PowerBALD(),
    "softrank of a reduction": alcore.SoftRank(alcore.Reduce(alcore.Entropy(), "mean")),
    "batchbald": alcore.BatchBALD(),
    "ical": alcore.ICAL(),
    "epig": alcore.EPIG(PROBS[:5]),
    "random": alcore.Random(),
    "precomputed": alcore.Precomputed(np.cos(np.arange(N))),
    "sum with precomputed": alcore.BALD() + 0.1 * alcore.Precomputed(np.cos(np.arange(N))),
    "power of precomputed": alcore.Power(alcore.Precomputed(2 + np.cos(np.arange(N)))),
}


@pytest.mark.parametrize("name", HEURISTICS)
def test_rows_that_are_not_free_are_left_out(name: str) -> None:
    """Twice the same as choosing from a copy of what is left, with the scores that belong to it."""
    from alcore.heuristics.subsets import without_rows

    ledger, rng, other = Ledger(N), np.random.default_rng(3), np.random.default_rng(3)
    free = np.arange(N)
    for _ in range(3):
        query = ledger.ask(HEURISTICS[name], PROBS, 6, rng=rng)
        gone = np.setdiff1d(np.arange(N), free)
        batch = without_rows(HEURISTICS[name], gone).select(PROBS[free], 6, rng=other)
        np.testing.assert_array_equal(query.ids, free[batch.indices])
        np.testing.assert_array_equal(query.q, batch.q)
        np.testing.assert_array_equal(query.support, batch.support)
        np.testing.assert_array_equal(query.scores, batch.scores)
        if batch.information is not None:
            np.testing.assert_array_equal(query.information, batch.information)
        ledger.tell(query, query.ids)
        free = np.setdiff1d(free, query.ids)


def test_predictions_belong_to_ids(ledger: Ledger) -> None:
    ids = np.array([30, 2, 17, 9])
    ledger.label({17: "x"})
    query = ledger.ask(alcore.Precomputed([0.1, 0.9, 5.0, 0.5]), None, 2, ids=ids)
    assert query.ids.tolist() == [2, 9]
    with pytest.raises(ValueError, match=f"expected {N} rows, as ids has, got 39"):
        ledger.ask(alcore.BALD(), PROBS[1:], 2, asker="b")
    with pytest.raises(ValueError, match="expected 4 rows, as ids has, got 40"):
        ledger.ask(alcore.BALD(), PROBS, 2, ids=ids, asker="b")
    with pytest.raises(LedgerError, match="40"):
        ledger.ask(alcore.BALD(), PROBS[:2], 2, ids=[3, 40], asker="b")
    with pytest.raises(LedgerError, match="3 stands there twice"):
        ledger.ask(alcore.BALD(), PROBS[:2], 2, ids=[3, 3], asker="b")
    assert ledger.open_queries("b") == []


def test_a_sample_of_the_pool(ledger: Ledger) -> None:
    ledger.label(dict.fromkeys(range(0, N, 2), 0))
    sample = ledger.sample_pool(7, rng=1)
    assert len(set(sample.tolist())) == 7
    assert (sample % 2 == 1).all()
    query = ledger.ask(alcore.BALD(), PROBS[sample], 3, ids=sample)
    np.testing.assert_array_equal(query.ids, sample[alcore.BALD().select(PROBS[sample], 3).indices])
    np.testing.assert_array_equal(Ledger(5).sample_pool(9, rng=0), np.arange(5))


def test_an_open_query_is_asked_again(ledger: Ledger) -> None:
    query = ledger.ask(alcore.BALD(), PROBS, 4)
    again = ledger.ask(alcore.Random(), None, 9)
    for name in ("ids", "scores", "q", "support"):
        np.testing.assert_array_equal(getattr(again, name), getattr(query, name))
    assert (again.number, again.step, again.heuristic) == (query.number, query.step, query.heuristic)
    ledger.tell(query, {int(query.ids[1]): "one"})
    left = ledger.ask(alcore.BALD(), PROBS, 4)
    np.testing.assert_array_equal(left.ids, query.ids[[0, 2, 3]])
    np.testing.assert_array_equal(left.scores, query.scores[[0, 2, 3]])
    ledger.tell(left, [1, 2, 3])
    following = ledger.ask(alcore.BALD(), PROBS, 4)
    assert (following.number, following.step) == (2, 1)
    assert not set(following.ids) & set(query.ids)


def test_askers_get_different_ids(ledger: Ledger) -> None:
    queries = [ledger.ask(alcore.BALD(), PROBS, 6, asker=name) for name in "abc"]
    assert len({int(i) for query in queries for i in query.ids}) == 18
    assert [query.step for query in queries] == [0, 0, 0]
    assert [query.number for query in ledger.open_queries()] == [1, 2, 3]
    assert [query.asker for query in ledger.open_queries("b")] == ["b"]


def test_the_pool_comes_to_an_end(ledger: Ledger) -> None:
    asked = []
    while len(query := ledger.ask(alcore.BALD(), PROBS, 7)):
        asked += query.ids.tolist()
        ledger.tell(query, query.ids)
    assert sorted(asked) == list(range(N))
    assert query.number == 0
    ledger.tell(query, [])
    assert len(ledger.pool) == 0
    assert len(ledger.label_randomly(3)) == 0


@pytest.mark.parametrize("k", [0, -1, True, 2.5])
def test_query_sizes_are_whole(ledger: Ledger, k: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="k: expected"):
        ledger.ask(alcore.BALD(), PROBS, k)


def test_masks_are_cut_too() -> None:
    maps = np.random.default_rng(1).dirichlet(np.ones(3), size=(N, 2, 5)).transpose(0, 3, 1, 2).copy()
    mask = np.random.default_rng(2).random((N, 2)) < 0.4
    mask[:, 0] = False
    ledger, heuristic = Ledger(N), alcore.Reduce(alcore.Entropy(), "mean")
    ledger.label({0: 1, 5: 1})
    query = ledger.ask(heuristic, maps, 3, mask=mask)
    scores = heuristic.score(maps, mask=mask)
    scores[[0, 5]] = -1
    np.testing.assert_array_equal(query.ids, np.argsort(-scores)[:3])
    with pytest.raises(ValueError, match="mask: expected 40 rows"):
        ledger.ask(heuristic, maps, 3, mask=mask[1:], asker="b")


def test_tell_refuses_whole(ledger: Ledger) -> None:
    query = ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3)  # 0, 1, 2
    other = ledger.ask(alcore.Precomputed(-np.arange(N)), None, 3, asker="b")  # 3, 4, 5
    for labels, said in [
        ({0: "a", 99: "b"}, "99"),
        ({0: "a", 3: "b"}, "expected ids of query 1, got 3"),
        (["a", "b"], "expected 3, one for each of query.ids, got 2"),
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
    with pytest.raises(LedgerError, match='1 is labelled "b" already.*overwrite=True'):
        ledger.tell(query, ["a", "b", "c"])
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
    with pytest.raises(LedgerError, match="query: 1 was withdrawn"):
        ledger.tell(query, {int(query.ids[1]): "b"})
    with pytest.raises(LedgerError, match="waits for no label"):
        ledger.withdraw(query)
    with pytest.raises(LedgerError, match="waits for no label"):
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
    with pytest.raises(LedgerError, match="1 was set aside. First: ledger.restore"):
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


def test_more_ids(ledger: Ledger) -> None:
    ledger.add(2)
    ledger.add([42, 43])
    assert len(ledger) == 44
    assert ledger.pool.tolist() == list(range(44))
    for wrong in ([44, 46], [3], ["a"]):
        with pytest.raises(LedgerError, match="ids: expected how many, or the numbers from 44"):
            ledger.add(wrong)
    assert len(ledger.ask(alcore.Precomputed(np.arange(44)), None, 1).ids) == 1
    with pytest.raises(ValueError, match="expected 44 rows"):
        ledger.ask(alcore.BALD(), PROBS, 1, asker="b")


def test_labels_to_begin_with(ledger: Ledger) -> None:
    truth = {i: i % 3 for i in range(N)}
    query = ledger.label_randomly(5, rng=0, labels=truth)
    assert ledger.labels_of(query.ids) == [i % 3 for i in query.ids]
    again = Ledger(N).label_randomly(5, rng=0, labels=lambda ids: ids % 3)
    np.testing.assert_array_equal(query.ids, again.ids)
    asked = ledger.label_randomly(4, rng=1)
    np.testing.assert_array_equal(ledger.asked, np.sort(asked.ids))


def test_names(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, ids=NAMES) as ledger:
        query = ledger.ask(alcore.BALD(), PROBS, 3)
        assert query.ids.tolist() == [NAMES[i] for i in alcore.BALD().select(PROBS, 3).indices]
        ledger.tell(query, {name: len(name) for name in query.ids})
        sample = ledger.sample_pool(5, rng=0)
        ledger.ask(alcore.BALD(), PROBS[[NAMES.index(name) for name in sample]], 2, ids=sample)
        for wrong, said in [("x", "'x', which it does not have"), (3, "expected strings"), (["x", NAMES[0]], "'x'")]:
            with pytest.raises(LedgerError, match=said):
                ledger.history(wrong)
        with pytest.raises(LedgerError, match="ids: expected new names, but the ledger has 'image 3.png' already"):
            ledger.add(["new", NAMES[3]])
        with pytest.raises(LedgerError, match="expected names"):
            ledger.add(3)
        ledger.add(["new"])
        assert ledger.pool[-1] == "new"
    with Ledger.open(path) as ledger:
        assert ledger.labelled.tolist() == sorted(query.ids, key=NAMES.index)
    with Ledger.open(path, ids=[*NAMES, "new"]) as ledger:
        assert len(ledger) == N + 1
    with pytest.raises(LedgerError, match="has other ids than those given"):
        Ledger.open(path, ids=["new", *NAMES])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({}, "size: expected how many ids"),
        ({"size": -1}, "size: expected at least 0"),
        ({"ids": ["a", "b", "a"]}, "'a' stands there twice"),
        ({"ids": ["a", 3]}, "expected strings, got 3"),
        ({"ids": "abc"}, "expected several strings"),
        ({"ids": ["a"], "size": 2}, "size: expected 1, as there are ids, got 2"),
    ],
)
def test_wrong_beginnings(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Ledger(**arguments)


def test_an_empty_ledger() -> None:
    ledger = Ledger(0)
    assert len(ledger.pool) == 0
    assert len(ledger.ask(alcore.Random(), None, 3)) == 0
    assert Ledger(ids=[]).pool.tolist() == []


def test_other_objects_are_refused(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="heuristic: expected one of alcore's"):
        ledger.ask("bald", PROBS, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="asker: expected a name"):
        ledger.ask(alcore.BALD(), PROBS, 3, asker="")
    with pytest.raises(TypeError, match="expected predictions .*, got None"):
        ledger.ask(alcore.BALD(), None, 3)
    assert ledger.counts()["asked"] == 0


# --- what risk estimators need ----------------------------------------------------------------------------------------


def test_picks_in_order_with_their_probabilities(ledger: Ledger) -> None:
    first = ledger.label_randomly(5, rng=0, labels=dict.fromkeys(range(N), 0))
    second = ledger.ask(alcore.PowerBALD(), PROBS, 4, rng=0)
    with pytest.raises(LedgerError, match="4 picks since the first query have no label"):
        _ = ledger.q
    ledger.tell(second, [0] * 4)
    np.testing.assert_array_equal(ledger.picked, [*first.ids, *second.ids])
    np.testing.assert_array_equal(ledger.q, [*first.q, *second.q])
    np.testing.assert_array_equal(ledger.support, [*range(N, N - 5, -1), *second.support])
    assert ledger.pool_size == N


def test_picks_that_do_not_tell_of_the_whole_pool(ledger: Ledger) -> None:
    with pytest.raises(LedgerError, match="nothing was asked yet"):
        _ = ledger.q

    def after(change: Any, ids: Any = None) -> str:
        one = Ledger(N)
        one.label({39: 1})  # what was there before the first query is no part of the pool
        query = one.label_randomly(3, rng=0, labels=dict.fromkeys(range(N), 0))
        change(one, query)
        chosen = one.pool if ids is None else one.pool[:ids]
        last = one.ask(alcore.Random(), None, 3, ids=chosen, rng=0)
        one.tell(last, [0] * 3)
        try:
            return f"{len(one.q)} of {one.pool_size}"
        except LedgerError as error:
            return str(error)

    def withdraw(one: Ledger, query: Any) -> None:
        one.withdraw(one.ask(alcore.Random(), None, 2))

    assert after(lambda one, query: None) == f"6 of {N - 1}"
    assert "ranked 10 of 36 free ids" in after(lambda one, query: None, ids=10)
    assert "came, went, or were labelled unasked before query 2" in after(lambda one, query: one.add(1))
    assert "labelled unasked" in after(lambda one, query: one.label({int(one.pool[0]): 1}))
    assert "came, went" in after(lambda one, query: one.set_aside(one.pool[:1]))
    assert "came, went" in after(lambda one, query: one.unlabel(query.ids[:1]))
    assert "query 2 was withdrawn" in after(withdraw)


# --- files ------------------------------------------------------------------------------------------------------------


def test_a_file_remembers(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger:
        told = ledger.ask(alcore.BALD(), PROBS, 3)
        ledger.tell(told, ["a", "b", "c"], annotator="ann")
        query = ledger.ask(alcore.PowerBALD(), PROBS, 3, rng=0)
    with Ledger.open(path) as ledger:
        assert ledger.labels_of(told.ids) == ["a", "b", "c"]
        again = ledger.ask(alcore.BALD(), PROBS, 3)
        np.testing.assert_array_equal(again.ids, query.ids)
        np.testing.assert_array_equal(again.q, query.q)
        assert f"{N - 6} unlabelled, 3 asked, 3 labelled" in repr(ledger)
    assert sorted(path.parent.iterdir()) == [path]
    with pytest.raises(LedgerError, match="has 40 ids, got size 41"):
        Ledger.open(path, 41)
    with pytest.raises(LedgerError, match="its ids are 0 to 39, got names"):
        Ledger.open(path, ids=NAMES)


def test_a_connection_is_durable(tmp_path: Path) -> None:
    ledger = Ledger.open(tmp_path / "run.db", N)
    with ledger._database.reading() as connection:
        assert connection.execute("PRAGMA synchronous").fetchone() == (2,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    ledger.close()


def refused(path: Path, said: str, **arguments: Any) -> None:
    """In one sentence, with the file as it was and nothing beside it."""
    before, beside = path.read_bytes(), sorted(path.parent.iterdir())
    with pytest.raises(LedgerError, match=said) as caught:
        Ledger.open(path, **arguments)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == before
    assert sorted(path.parent.iterdir()) == beside


def test_files_that_are_no_ledgers(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    for content in (b"id,label\n1,cat\n", b"SQLite format 3\x00 but no more", os.urandom(8192)):
        path.write_bytes(content)
        refused(path, "is no SQLite file|is truncated", size=N)
    path.unlink()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE t (x)")
    other.commit()
    other.close()
    refused(path, "another program's SQLite file", size=N)
    with pytest.raises(LedgerError, match="no such ledger"):
        Ledger.open(tmp_path / "none.db")
    assert not (tmp_path / "none.db").exists()
    with pytest.raises(LedgerError, match="the folder .* does not exist"):
        Ledger.open(tmp_path / "none" / "run.db", N)
    with pytest.raises(LedgerError, match="expected a file, got a folder"):
        Ledger.open(tmp_path, N)


def test_an_empty_file_becomes_a_ledger(tmp_path: Path) -> None:
    (tmp_path / "run.db").touch()
    with pytest.raises(LedgerError, match="no such ledger"):
        Ledger.open(tmp_path / "run.db")
    with Ledger.open(tmp_path / "run.db", N) as ledger:
        assert len(ledger) == N


def filled(path: Path) -> None:
    with Ledger.open(path, ids=[f"a rather long name of an item, number {i}" for i in range(2_000)]) as ledger:
        ledger.label_randomly(500, rng=0, labels=lambda ids: [str(one) * 3 for one in ids])


def test_truncated_files(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    whole = path.read_bytes()
    for length in (len(whole) - 1, len(whole) // 2, 4096, 60, 17):
        path.write_bytes(whole[:length])
        refused(path, "is truncated")


def test_damaged_files(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    whole = bytearray(path.read_bytes())
    whole[4096:-4096] = os.urandom(len(whole) - 8192)
    path.write_bytes(whole)
    with pytest.raises(LedgerError, match="is damaged") as caught:  # noqa: PT012
        ledger = Ledger.open(path)
        ledger.label_randomly(500)
    assert str(caught.value).startswith(str(path))


def test_read_only_files(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    filled(path)
    path.chmod(stat.S_IRUSR)
    refused(path, "is read-only")


def test_a_full_disk(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    ledger = Ledger.open(path, N)
    query = ledger.ask(alcore.BALD(), PROBS, 5)
    pages = ledger._database._connection.execute("PRAGMA page_count").fetchone()[0]
    ledger._database._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(LedgerError, match="the disk is full .*; nothing of this was recorded"):
        ledger.tell(query, ["x" * 100_000] * 5)
    assert ledger.counts()["labelled"] == 0
    ledger._database._connection.execute("PRAGMA max_page_count = 1000000")
    ledger.tell(query, ["x" * 100_000] * 5)
    ledger.close()
    with Ledger.open(path) as again:
        assert again.counts()["labelled"] == 5


def test_a_later_format_is_refused_and_an_earlier_one_brought_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.db"
    filled(path)
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, "ALTER TABLE items ADD COLUMN minutes REAL"))
    with Ledger.open(path) as ledger, ledger._database.reading() as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (2,)
        assert connection.execute("SELECT count(minutes) FROM items").fetchone() == (0,)
        assert ledger.counts()["labelled"] == 500
    monkeypatch.undo()
    refused(path, "later version of alcore .format 2, this one reads up to 1.")


def test_a_format_is_brought_up_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "run.db"
    filled(path)
    steps = "ALTER TABLE items ADD COLUMN minutes REAL; CREATE TABLE items (x)"
    monkeypatch.setattr(schema, "VERSIONS", (*schema.VERSIONS, steps))
    with pytest.raises(LedgerError, match="already exists"):
        Ledger.open(path)
    monkeypatch.undo()
    with Ledger.open(path) as ledger:
        assert ledger.counts()["labelled"] == 500


def test_others_that_write_are_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path, timeout=0.05) as hasty:
        with ledger._database.writing(), pytest.raises(LedgerError, match="others have been writing for 0.05 s"):
            hasty.label({1: "a"})
        hasty.label({1: "a"})
        assert ledger.labelled.tolist() == [1]
        assert 1 not in ledger.pool


def test_threads_share_a_ledger(ledger: Ledger) -> None:
    def work(name: str) -> None:
        while len(query := ledger.ask(alcore.Random(), None, 3, asker=name)):
            ledger.tell(query, [name] * len(query))

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ledger.counts()["labelled"] == N
    assert all(len(ledger.history(i)) == 2 for i in range(N))


def test_what_changes_while_a_heuristic_chooses(tmp_path: Path) -> None:
    """It chooses anew, so that nothing is asked twice and q is that of the pool as it was when it was recorded."""
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path) as other:

        def blocks() -> Iterator[Any]:
            yield PROBS

        class Meddling(alcore.Heuristic):
            name = "meddling"
            calls = 0

            def _score(self, predictions: Any, reading: Any, rng: Any) -> Any:
                raise NotImplementedError

            def _choose(self, predictions: Any, k: int, rng: Any, reading: Any) -> alcore.Batch:
                self.calls += 1
                batch = alcore.PowerBALD().select(predictions, k, rng=rng)
                if self.calls < 3:  # then the file is held
                    other.label({int(other.pool[batch.indices[0]]): "taken"})
                return batch

        meddling = Meddling()
        query = ledger.ask(meddling, PROBS, 5, rng=0)
        assert meddling.calls == 3
        assert not set(query.ids) & set(ledger.labelled)
        assert query.support[0] == N - 2
        ledger.tell(query, query.ids)
        assert len(ledger.ask(alcore.BALD(), blocks(), 4)) == 4  # what can be read once is read with the file held


def test_what_is_asked_by_the_same_name_meanwhile_is_shared(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path) as other:

        class Slow(alcore.Heuristic):
            name = "slow"

            def _score(self, predictions: Any, reading: Any, rng: Any) -> Any:
                raise NotImplementedError

            def _choose(self, predictions: Any, k: int, rng: Any, reading: Any) -> alcore.Batch:
                other.ask(alcore.BALD(), PROBS, 2)
                return alcore.Random().select(predictions, k)

        assert ledger.ask(Slow(), PROBS, 5).heuristic == "bald"
        assert ledger.counts()["asked"] == 2


# --- any sequence of calls --------------------------------------------------------------------------------------------


class Machine(RuleBasedStateMachine):
    """Against a dictionary: what each id is, in whatever order it is asked, told, withdrawn, unlabelled, set aside."""

    def __init__(self) -> None:
        super().__init__()
        self.ledger, self.rng = Ledger(12), np.random.default_rng(0)
        self.state: dict[int, Any] = dict.fromkeys(range(12), "free")
        self.labels: dict[int, Any] = {}

    def having(self, state: str) -> list[int]:
        return [one for one, own in self.state.items() if own == state]

    @rule(k=st.integers(1, 5), asker=st.sampled_from("ab"))
    def ask(self, k: int, asker: str) -> None:
        own = self.ledger.open_queries(asker)
        query = self.ledger.ask(alcore.Random(), None, k, asker=asker, rng=self.rng)
        if own:
            assert query.ids.tolist() == own[0].ids.tolist()
            return
        assert len(query) == min(k, len(self.having("free")))
        for one in query.ids.tolist():
            assert self.state[one] == "free"
            self.state[one] = "asked"

    @rule(share=st.integers(1, 3), label=st.sampled_from(["x", 2, None]), asker=st.sampled_from("ab"))
    def tell(self, share: int, label: Any, asker: str) -> None:
        for query in self.ledger.open_queries(asker):
            told = dict.fromkeys(query.ids[:share].tolist(), label)
            self.ledger.tell(query, told)
            self.labels.update(told)
            self.state.update(dict.fromkeys(told, "labelled"))

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
        self.ledger.restore(self.having("aside"))
        self.state.update(dict.fromkeys(self.having("aside"), "free"))

    @rule(one=st.integers(0, 11), overwrite=st.booleans())
    def label(self, one: int, overwrite: bool) -> None:
        if self.state[one] == "aside" or (self.state[one] == "labelled" and not overwrite):
            with pytest.raises(LedgerError):
                self.ledger.label({one: "own"}, overwrite=overwrite)
        else:
            self.ledger.label({one: "own"}, overwrite=overwrite)
            self.state[one], self.labels[one] = "labelled", "own"

    @invariant()
    def agrees(self) -> None:
        assert self.ledger.pool.tolist() == self.having("free")
        assert self.ledger.asked.tolist() == self.having("asked")
        assert self.ledger.aside.tolist() == self.having("aside")
        assert dict(zip(self.ledger.labelled.tolist(), self.ledger.labels, strict=True)) == self.labels


TestMachine = Machine.TestCase
TestMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
