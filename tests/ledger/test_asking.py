"""Asking: a heuristic ranks what is free, and what it chose is recorded while others may write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import Ledger, LedgerError
from tests.ledger.examples import PROBS, N

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
    with pytest.raises(LedgerError, match="3 is there twice"):
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


def test_masks_lose_rows_that_are_not_free() -> None:
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


def test_other_objects_are_refused(ledger: Ledger) -> None:
    with pytest.raises(TypeError, match="heuristic: expected a heuristic of alcore"):
        ledger.ask("bald", PROBS, 3)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="asker: expected a name"):
        ledger.ask(alcore.BALD(), PROBS, 3, asker="")
    with pytest.raises(TypeError, match="expected predictions .*, got None"):
        ledger.ask(alcore.BALD(), None, 3)
    assert ledger.counts()["asked"] == 0


# --- while others write -----------------------------------------------------------------------------------------------


def test_a_heuristic_chooses_anew_where_the_pool_changed_meanwhile(tmp_path: Path) -> None:
    """It chooses anew, so that nothing is asked twice and q is that of the pool as it was when it was recorded."""
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path) as other:

        def blocks() -> Iterator[Any]:
            yield PROBS

        class Meddling(alcore.Heuristic):
            name = "meddling"
            calls = 0

            def score(self, predictions: Any, **options: Any) -> Any:
                raise NotImplementedError

            def select(self, predictions: Any, k: int, **options: Any) -> alcore.Batch:
                self.calls += 1
                batch = alcore.PowerBALD().select(predictions, k, rng=options["rng"])
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


def test_a_query_that_the_same_asker_got_meanwhile_is_returned(tmp_path: Path) -> None:
    path = tmp_path / "run.db"
    with Ledger.open(path, N) as ledger, Ledger.open(path) as other:

        class Slow(alcore.Heuristic):
            name = "slow"

            def score(self, predictions: Any, **options: Any) -> Any:
                raise NotImplementedError

            def select(self, predictions: Any, k: int, **options: Any) -> alcore.Batch:
                other.ask(alcore.BALD(), PROBS, 2)
                return alcore.Random().select(predictions, k)

        assert ledger.ask(Slow(), PROBS, 5).heuristic == "bald"
        assert ledger.counts()["asked"] == 2
