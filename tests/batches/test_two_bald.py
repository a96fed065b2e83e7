"""2-BALD: BALD less the information each earlier pick already has on the row, against its definition."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from alcore.batches.two_bald import SEPARATED
from tests.batches import oracle as oracle
from tests.batches.oracle import WIDE, dyadic, one_hot, small_buffer
from tests.cases import dirichlet, near_certain, special
from tests.conftest import soak
from tests.sources.every_source import SOURCES

pytestmark = pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")  # tests/batches/test_filling.py
POOL = dirichlet(40, 3, 8, seed=51, alpha=0.6)
WEIGHTS = np.array([3, 1, 0, 2, 1, 5, 1, 2])


def chosen(pool: np.ndarray, k: int, **options: Any) -> alcore.Batch:
    """The rows that are chosen by their value, without those that would fill the batch."""
    return alcore.two_bald(pool, k, fill="stop", **options)


def assert_equals(pool: np.ndarray, k: int, tolerance: float, weights: Any = None) -> alcore.Batch:
    """Picks and values of the definition, until no row has any or the draws are told apart."""
    batch, expected = chosen(pool, k, weights=weights), oracle.two_bald(pool, k, weights)
    ends = len(batch)
    assert expected.gap > 10 * tolerance, "the pool nearly ties: take another seed"
    assert batch.indices.tolist() == expected.indices[:ends].tolist()
    np.testing.assert_allclose(batch.scores, expected.gains[:ends], rtol=0, atol=tolerance)
    assert batch.q.tolist() == [1.0] * ends
    assert batch.support.tolist() == [1] * ends
    left = [oracle.effective_draws(pool[batch.indices[: i + 1]], weights) for i in range(min(ends, 5))]
    np.testing.assert_allclose(batch.effective_draws[: len(left)], left, rtol=0.1)
    if ends < min(k, len(pool)):
        assert expected.gains[ends] < 2e-6 or batch.effective_draws[-1] < SEPARATED
    return batch


def assert_same_bits(batch: alcore.Batch, expected: alcore.Batch) -> None:
    np.testing.assert_array_equal(batch.indices, expected.indices)
    np.testing.assert_array_equal(batch.scores, expected.scores)


@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-10), (np.float32, 1e-6)])
@pytest.mark.parametrize("shape", [(8, 4, 6), (12, 2, 9), (9, 3, 20), (7, 4, 41), (6, 9, 8), (5, 2, 2), (25, 5, 33)])
@pytest.mark.parametrize("weighted", [False, True])
def test_picks_and_gains_equal_the_definition(
    shape: tuple[int, int, int], dtype: type, tolerance: float, weighted: bool
) -> None:
    pool = dirichlet(*shape, seed=1, alpha=0.7).astype(dtype)
    weights = np.arange(shape[2]) % 3 + 0.5 if weighted else None
    assert assert_equals(pool, shape[0], tolerance, weights).certified_until == shape[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_numbers_that_every_dtype_holds_give_the_same_answer(dtype: type) -> None:
    pool = dyadic(20, 3, 7, seed=4)
    assert_equals(pool.astype(dtype), 8, 1e-6)


def test_certain_opposed_and_tiny_rows_have_their_true_gains() -> None:
    for dtype, tolerance in ((np.float32, 1e-6), (np.float64, 1e-10)):
        pool = np.concatenate([special(4, 6), dirichlet(4, 4, 6, seed=9)]).astype(dtype)
        assert_equals(pool, 6, tolerance)


def test_two_picks_are_those_of_batchbald() -> None:
    for seed in range(5):
        pool = dirichlet(50, 3, 12, seed=seed, alpha=0.6)
        batch, joint = alcore.two_bald(pool, 2), alcore.batchbald(pool, 2, rng=0)
        assert batch.indices.tolist() == joint.indices.tolist()
        np.testing.assert_allclose(batch.scores, joint.scores, rtol=0, atol=WIDE)
    assert alcore.two_bald(pool, 1).indices.tolist() == alcore.top(alcore.bald(pool), 1).indices.tolist()


def test_agrees_with_the_public_implementation_on_two_picks(peers: dict[str, np.ndarray]) -> None:
    batch = alcore.two_bald(peers["pool"], 2)
    assert batch.indices.tolist() == peers["redux_batchbald_indices"][:2].tolist()
    np.testing.assert_allclose(np.cumsum(batch.scores), peers["redux_batchbald_information"][:2], atol=1e-9)


@pytest.mark.parametrize("spread", [1e-2, 0.1])
def test_small_information_keeps_its_digits(spread: float) -> None:
    pool = near_certain(10, 3, 20, spread=spread, seed=3)
    expected = oracle.two_bald(pool, 4)
    batch = alcore.two_bald(pool, 4)
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.gains, rtol=1e-6, atol=1e-14)


def test_draw_weights_equal_repeated_draws() -> None:
    weighted = assert_equals(POOL, 10, 1e-10, WEIGHTS)
    repeated = chosen(np.repeat(POOL, WEIGHTS, axis=-1), len(weighted))
    assert weighted.indices.tolist() == repeated.indices.tolist()
    np.testing.assert_allclose(weighted.scores, repeated.scores, rtol=0, atol=1e-12)


def test_equal_rows_have_their_true_gains_and_ties_go_to_the_lowest_row() -> None:
    three = dirichlet(3, 3, 9, seed=12, alpha=0.5)
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-6)):
        for order in ([0, 1, 0, 1, 2, 2], [2, 0, 0, 0, 1, 1, 2]):
            pool = three[order].astype(dtype)
            assert_equals(pool, len(order), tolerance)
        equal = alcore.two_bald(np.repeat(three[:1], 300, axis=0).astype(dtype), 5, fill="bald")
        assert equal.indices.tolist() == [0, 1, 2, 3, 4]


def test_permutations_permute_the_answer() -> None:
    rng = np.random.default_rng(0)
    expected = chosen(POOL, 8)
    rows, draws = rng.permutation(40), rng.permutation(8)
    assert rows[chosen(POOL[rows], 8).indices].tolist() == expected.indices.tolist()
    classes = np.stack([row[rng.permutation(3)] for row in POOL])
    for pool in (POOL[..., draws], classes):
        batch = chosen(pool, 8)
        assert batch.indices.tolist() == expected.indices.tolist()
        np.testing.assert_allclose(batch.scores, expected.scores, rtol=0, atol=1e-12)


@given(st.integers(0, 10_000))
def test_gains_are_finite_and_never_above_bald(seed: int) -> None:
    pool = dirichlet(8, 3, 5, seed=seed, alpha=0.2).astype(np.float32)
    batch = alcore.two_bald(pool, 8)
    assert sorted(batch.indices.tolist()) == list(range(8))
    assert (batch.scores >= 0).all()
    assert (batch.scores <= alcore.bald(pool)[batch.indices] + 1e-6).all()
    assert (np.diff(batch.scores) <= 1e-6).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_for_any_source_layout_and_threads(dtype: type, tmp_path: Path) -> None:
    pool = dirichlet(97, 3, 6, seed=21).astype(dtype)
    expected = alcore.two_bald(pool, 6)
    for threads in (1, 2):
        alcore.set_threads(threads)
        assert_same_bits(alcore.two_bald(pool, 6), expected)
    backwards = np.ascontiguousarray(pool[::-1, :, ::-1])[::-1, :, ::-1]
    for source in (np.asfortranarray(pool), backwards, pool.astype(pool.dtype.newbyteorder())):
        source.flags.writeable = False
        assert_same_bits(alcore.two_bald(source, 6), expected)
    for name, make in SOURCES.items():
        folder = tmp_path / name
        folder.mkdir()
        assert_same_bits(alcore.two_bald(make(pool, folder), 6), expected)


def test_logits_equal_their_softmax() -> None:
    expected, batch = alcore.two_bald(POOL, 6), alcore.two_bald(np.log(POOL) - 1, 6, kind="logits")
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.scores, rtol=0, atol=1e-10)


# --- streams ----------------------------------------------------------------------------------------------------------


@settings(max_examples=soak(25, 1000))
@given(seed=st.integers(0, 10_000), rows=st.integers(4, 20), cuts=st.lists(st.integers(0, 40), max_size=4))
def test_any_cutting_and_any_buffer_give_the_picks_of_memory(seed: int, rows: int, cuts: list[int]) -> None:
    pool = dirichlet(40, 3, 7, seed=seed, alpha=0.5).astype(np.float32)
    if seed % 3 == 0:
        pool[10:] = pool[seed % 10]  # ties
    blocks = [pool[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), 40])]
    expected = alcore.two_bald(pool, 4)
    with pytest.MonkeyPatch.context() as patched:
        small_buffer(patched, rows)
        again, once = alcore.two_bald(blocks, 4), alcore.two_bald(iter(blocks), 4)
    assert_same_bits(again, expected)
    assert again.certified_until == 4
    until = once.certified_until
    assert 0 <= until <= 4
    assert once.indices[:until].tolist() == expected.indices[:until].tolist()
    assert len(set(once.indices.tolist())) == 4


def test_a_stream_says_up_to_which_pick_it_is_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6)
    expected = alcore.two_bald(pool, 5)
    found = []
    for rows in (5, 8, 20, 60, 96):
        small_buffer(monkeypatch, rows)
        batch = alcore.two_bald(iter([pool[:30], pool[30:]]), 5)
        dropped = np.sort(oracle.bald(pool))[::-1][rows]
        held = np.sort(np.argsort(-oracle.bald(pool), kind="stable")[:rows])
        within = oracle.two_bald(pool[held], 5).gains - dropped
        assert abs(within).min() > 1e-4
        assert batch.certified_until == int(np.argmin(np.append(within > 0, False)))
        assert batch.indices[: batch.certified_until].tolist() == expected.indices[: batch.certified_until].tolist()
        found.append(batch.certified_until)
    assert min(found) < 3
    assert max(found) == 5


# --- edges ------------------------------------------------------------------------------------------------------------


def test_batches_have_at_least_no_row_and_at_most_all() -> None:
    for batch in (alcore.two_bald(POOL, 0), alcore.two_bald(np.empty((0, 3, 2)), 3)):
        assert len(batch) == 0
        assert batch.scores.shape == (0,)
        assert batch.certified_until == 0
    assert sorted(alcore.two_bald(POOL, 99).indices.tolist()) == list(range(40))
    assert alcore.two_bald(POOL[:1], 1).indices.tolist() == [0]
    single = alcore.two_bald(dirichlet(5, 3, 1), 3, fill="bald")  # one draw: nothing to learn
    assert single.indices.tolist() == [0, 1, 2]
    assert single.scores.tolist() == [0.0, 0.0, 0.0]
    certain = alcore.two_bald(one_hot(12, 3, 4, seed=2), 12)
    assert sorted(certain.indices.tolist()) == list(range(12))
    assert np.isfinite(certain.scores).all()


@pytest.mark.parametrize(
    ("options", "error", "said"),
    [
        ({"k": -1}, ValueError, "k: expected at least 0, got -1"),
        ({"k": 1.5}, TypeError, "k: expected a whole number"),
        ({"fill": "best"}, ValueError, "fill: expected one of 'power-bald', 'random', 'bald', 'stop', got 'best'"),
        ({"rng": "seed"}, TypeError, "rng: expected None, an int"),
        ({"memory": "1"}, TypeError, "memory: expected a whole number"),
        ({"kind": "p"}, ValueError, "kind: expected"),
        ({"weights": [1]}, ValueError, "weights: expected shape"),
    ],
)
def test_arguments_are_refused(options: dict[str, Any], error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.two_bald(POOL, **{"k": 2, **options})


def test_too_little_memory_is_refused_with_what_is_enough() -> None:
    with pytest.raises(ValueError, match="memory: expected at least"):
        alcore.two_bald(iter([POOL]), 2, memory=1)


def test_predictions_that_are_none_are_refused() -> None:
    bad = POOL.copy()
    bad[33, 1, 2] = np.nan
    for source in (bad, [bad[:30], bad[30:]]):
        with pytest.raises(ValueError, match=r"probs\[33, 1, 2\] is nan"):
            alcore.two_bald(source, 2)
    with pytest.raises(ValueError, match="kind='logits'"):
        alcore.two_bald(np.random.default_rng(0).normal(scale=4, size=(10, 3, 5)), 2)
    with pytest.raises(ValueError, match=r"probs: expected shape \(N, C, T\)"):
        alcore.two_bald(dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3), 2)


def test_inputs_stay_as_they_were() -> None:
    pool, weights = POOL.copy(), WEIGHTS.astype(float)
    pool.flags.writeable = weights.flags.writeable = False
    alcore.two_bald(pool, 5, weights=weights)
    np.testing.assert_array_equal(pool, POOL)
    np.testing.assert_array_equal(weights, WEIGHTS)
