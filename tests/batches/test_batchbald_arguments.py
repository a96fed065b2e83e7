"""What BatchBALD refuses, and batches at the ends of their sizes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches import oracle as oracle
from tests.batches.compare import POOL, REPORTED, assert_equals
from tests.batches.oracle import WIDE
from tests.cases import dirichlet


def assert_empty(batch: alcore.Batch) -> None:
    assert len(batch) == 0
    for field in ("indices", *REPORTED, "q", "support"):
        assert getattr(batch, field).shape == (0,)
    assert (batch.exact_until, batch.saturated_at, batch.fill, batch.certified_until) == (0, None, None, 0)


def test_empty_pools_and_queries_give_empty_batches() -> None:
    for exact in (10_000, 0):
        assert_empty(alcore.batchbald(POOL, 0, exact=exact, rng=0))
        assert_empty(alcore.batchbald(np.empty((0, 3, 2)), 3, exact=exact, rng=0))
        assert_empty(alcore.batchbald([POOL[:0]], 3, exact=exact, rng=0))


def test_more_picks_than_rows_give_all_rows() -> None:
    pool = dirichlet(3, 3, 30, seed=2, alpha=0.6)
    for k in (3, 4, 99):
        batch = alcore.batchbald(pool, k, rng=0)
        assert sorted(batch.indices.tolist()) == [0, 1, 2]
        assert_equals(batch, oracle.batchbald(pool, 3), WIDE)
    one = alcore.batchbald(pool[:1], 5, exact=0, rng=0)
    assert one.indices.tolist() == [0]
    assert one.scores[0] == pytest.approx(oracle.bald(pool)[0], abs=WIDE)


def test_what_it_reports_cannot_be_changed() -> None:
    batch = alcore.batchbald(POOL, 3, rng=0)
    for field in REPORTED:
        assert getattr(batch, field).dtype == np.float64
        with pytest.raises(ValueError, match="read-only"):
            getattr(batch, field)[0] = 9


@pytest.mark.parametrize("name", ["k", "samples", "exact", "memory"])
@pytest.mark.parametrize("value", [1.5, "2", None, True])
def test_numbers_are_whole(name: str, value: Any) -> None:
    with pytest.raises(TypeError, match=f"{name}: expected a whole number"):
        alcore.batchbald(POOL, **{"k": 2, name: value})


@pytest.mark.parametrize(("name", "value"), [("k", -1), ("samples", -3), ("exact", -1)])
def test_numbers_out_of_range_are_refused(name: str, value: int) -> None:
    with pytest.raises(ValueError, match=f"{name}: expected at least .*got {value}"):
        alcore.batchbald(POOL, **{"k": 2, name: value})


@pytest.mark.parametrize("memory", [0, 1, 1 << 20])
def test_too_little_memory_is_refused_with_what_is_enough(memory: int) -> None:
    for source in (iter([POOL]), [POOL]):
        with pytest.raises(ValueError, match="memory: expected at least"):
            alcore.batchbald(source, 2, memory=memory)


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"kind": "prob"}, ValueError, "kind: expected one of 'probs', 'logits'"),
        ({"weights": [1, 2]}, ValueError, "weights: expected shape"),
        ({"weights": np.zeros(8)}, ValueError, "only zeros"),
        ({"rng": "0"}, TypeError, "rng: expected None, an int"),
        ({"rng": -1}, ValueError, "rng: expected a seed"),
    ],
)
def test_other_arguments_are_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.batchbald(POOL, 2, **options)


def never() -> Iterator[np.ndarray]:
    raise AssertionError("the source was read")
    yield


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"k": -1}, "k"),
        ({"samples": -1}, "samples"),
        ({"exact": -1}, "exact"),
        ({"rng": -1}, "rng"),
        ({"kind": 3}, "kind"),
    ],
)
def test_arguments_are_refused_before_anything_is_read(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=f"{said}: expected"):
        alcore.batchbald(never(), **{"k": 2, **options})


@pytest.mark.parametrize("k", [0, 2])
def test_invalid_rows_are_named(k: int) -> None:
    for value, said in ((np.nan, r"probs\[33, 1, 2\] is nan"), (np.inf, r"probs\[33, 1, 2\] is inf")):
        bad = POOL.copy()
        bad[33, 1, 2] = value
        for source in (bad, [bad[:30], bad[30:]], iter([bad[:7], bad[7:]])):
            with pytest.raises(ValueError, match=said):
                alcore.batchbald(source, k, rng=0)


def test_logits_that_are_not_said_are_refused() -> None:
    logits = np.random.default_rng(0).normal(scale=4, size=(10, 3, 5))
    with pytest.raises(ValueError, match="pass kind='logits'"):
        alcore.batchbald(logits, 2)


@pytest.mark.parametrize("k", [0, 1])
def test_event_axes_are_refused_with_the_remedy(k: int) -> None:
    maps = dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3)
    for source in (maps, iter([maps[:2], maps[2:]])):
        with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\).*reshape"):
            alcore.batchbald(source, k)


@pytest.mark.parametrize(
    ("array", "error", "said"),
    [
        (np.ones((3, 1, 4)), ValueError, "at least 2 classes"),
        (np.ones((3, 2, 4), int), TypeError, "expected float16"),
        (np.full((3, 2), 0.5), ValueError, r"axes='NC'"),
        (None, TypeError, "probs: expected an array"),
    ],
)
def test_arrays_that_are_not_predictions_are_refused(array: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.batchbald(array, 1)
