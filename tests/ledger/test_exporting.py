"""Exports: what is written comes back as it was, any campaign and any label."""

from __future__ import annotations

import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from alcore import Ledger, LedgerError
from alcore.ledger.label_text import encode
from tests.conftest import soak
from tests.ledger.examples import JSON, PROBS, SUFFIXES, N, asked_all, begin, campaign, named_as


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("suffix", SUFFIXES)
def test_an_export_is_imported_as_it_was(tmp_path: Path, suffix: str, named: bool) -> None:
    ledger, again = campaign(named), begin(named)
    one, two = tmp_path / f"one.{suffix}", tmp_path / f"two.{suffix}"
    rows = ledger.export(one)
    imported = again.import_file(one)
    assert (imported.labels, imported.unchanged, imported.unlabelled, imported.restored) == (17, 0, N - 17, True)
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
def test_an_export_keeps_the_picks_with_their_probabilities(tmp_path: Path, suffix: str) -> None:
    ledger, again = asked_all(True), begin(True)
    ledger.export(tmp_path / f"a.{suffix}")
    again.import_file(tmp_path / f"a.{suffix}")
    for name in ("picked", "q", "support"):
        np.testing.assert_array_equal(getattr(again, name), getattr(ledger, name))
    assert again.pool_size == ledger.pool_size == N


def test_the_history_of_restored_ids(tmp_path: Path) -> None:
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


def test_an_export_of_some_states_brings_labels_alone(tmp_path: Path) -> None:
    """Queries with places missing would tell risk estimators what is not so."""
    ledger = asked_all(False)
    again = named_as(ledger.identity, begin(False))
    assert ledger.export(tmp_path / "a.csv", states=["labelled"]) == 9
    imported = again.import_file(tmp_path / "a.csv")
    assert (imported.labels, imported.restored) == (9, False)
    assert again.labels == ledger.labels
    assert again.open_queries() == []
    with pytest.raises(LedgerError, match="nothing was asked yet"):
        _ = again.q


def test_an_export_of_some_states(tmp_path: Path) -> None:
    ledger, path = campaign(False), tmp_path / "a.jsonl"
    for state, count in ledger.counts().items():
        assert ledger.export(path, states=state, overwrite=True) == count
        assert {json.loads(line)["state"] for line in path.read_text().splitlines()} <= {state}
    assert ledger.export(path, states="past", overwrite=True) == 5
    for wrong in ("labeled", ["asked", "x"]):
        with pytest.raises(LedgerError, match="states: expected some of unlabelled, asked, labelled, aside, past, got"):
            ledger.export(path, states=wrong)


@given(state=st.data())
@settings(max_examples=soak(25, 500))
def test_an_export_of_any_campaign_is_imported_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, state: st.DataObject
) -> None:
    """Whatever was done, in whatever order."""
    ledger, folder = Ledger(8), tmp_path_factory.mktemp("any")
    for _ in range(state.draw(st.integers(0, 12))):
        step = state.draw(st.sampled_from(["ask", "tell", "withdraw", "unlabel", "aside", "restore", "label"]))
        asker = state.draw(st.sampled_from("ab"))
        waiting = ledger.open_queries(asker)
        if step == "ask":
            ledger.ask(alcore.Random(), None, state.draw(st.integers(1, 3)), asker=asker, rng=0)
        elif step == "tell" and waiting:
            ledger.tell(waiting[0], {waiting[0].ids[0]: state.draw(st.sampled_from(["x", 1, None]))}, annotator="ann")
        elif step == "withdraw" and waiting:
            ledger.withdraw(waiting[0])
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


@given(st.lists(JSON, min_size=1, max_size=6))
@settings(max_examples=soak(25, 500))
def test_labels_of_any_kind_are_exported_and_imported(
    tmp_path_factory: pytest.TempPathFactory, labels: list[Any]
) -> None:
    folder, ledger = tmp_path_factory.mktemp("labels"), Ledger(len(labels))
    ledger.label(dict(enumerate(labels)))
    for suffix in (*SUFFIXES, "json"):
        again = named_as(ledger.identity, Ledger(len(labels)))
        ledger.export(folder / f"a.{suffix}")
        again.import_file(folder / f"a.{suffix}")
        assert [encode(label, "") for label in again.labels] == [encode(label, "") for label in ledger.labels]


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "json"])
def test_ids_are_not_held_in_memory(tmp_path: Path, suffix: str) -> None:
    size = soak(9_000, 30_000)
    path, ledger = tmp_path / f"a.{suffix}", Ledger.open(tmp_path / "run.db", size)
    ledger.label(dict.fromkeys(range(0, size, 3), "a label of some length " * 50))
    again = named_as(ledger.identity, Ledger.open(tmp_path / "again.db", size))
    tracemalloc.start()
    ledger.export(path)
    again.import_file(path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 3 << 20 < path.stat().st_size
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
