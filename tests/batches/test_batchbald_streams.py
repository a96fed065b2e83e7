"""BatchBALD of sources that do not fit into memory: picks are certain up to where it says."""

from __future__ import annotations

import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import alcore
from tests.batches import oracle as oracle
from tests.batches.compare import assert_same_bits
from tests.batches.oracle import one_hot, small_buffer
from tests.cases import dirichlet
from tests.conftest import soak
from tests.memory import growth
from tests.sources.every_source import SOURCES

REREAD = ["array", "memmap", "npy", "zarr", "hdf5", "list of blocks", "dask"]


def certified(pool: np.ndarray, rows: int, k: int) -> int:
    """How many picks among the ``rows`` rows of largest BALD gain more than the largest BALD dropped, by brute force."""
    bald = oracle.bald(pool)
    order = np.argsort(-bald, kind="stable")
    held, dropped = np.sort(order[:rows]), bald[order[rows]]
    within = oracle.batchbald(pool[held], k).gains - dropped
    assert abs(within).min() > 1e-4, "too near to the largest BALD dropped: take another seed"
    return int(np.argmin(np.append(within > 0, False)))


@pytest.mark.parametrize("source", REREAD)
def test_a_source_that_can_be_read_again_gives_the_picks_of_memory(
    source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    assert certified(pool, 8, 5) < 5  # one pass is not enough
    expected = alcore.batchbald(pool, 5, rng=0)
    small_buffer(monkeypatch, 8)
    batch = alcore.batchbald(SOURCES[source](pool, tmp_path), 5, rng=0)
    assert batch.certified_until == 5
    assert_same_bits(batch, expected)


@pytest.mark.parametrize("rows", [5, 8, 20, 60, 96])
def test_a_stream_says_up_to_which_pick_it_is_certain(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    expected = alcore.batchbald(pool, 5, rng=0)
    small_buffer(monkeypatch, rows)
    batch = alcore.batchbald(iter([pool[:30], pool[30:31], pool[31:]]), 5, rng=0)
    until = batch.certified_until
    assert until == certified(pool, rows, 5)
    assert batch.indices[:until].tolist() == expected.indices[:until].tolist()
    np.testing.assert_array_equal(batch.scores[:until], expected.scores[:until])
    held = np.argsort(-oracle.bald(pool), kind="stable")[:rows]
    assert set(batch.indices.tolist()) <= set(held.tolist())
    assert len(set(batch.indices.tolist())) == 5


def test_buffers_of_these_sizes_are_certain_of_few_picks_and_of_all() -> None:
    pool = dirichlet(97, 3, 20, seed=22, alpha=0.6).astype(np.float32)
    found = [certified(pool, rows, 5) for rows in (5, 8, 20, 60, 96)]
    assert min(found) < 3
    assert max(found) == 5


def test_a_tie_with_a_row_that_was_dropped_is_not_certain(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = np.repeat(dirichlet(1, 3, 10, seed=3), 20, axis=0)
    small_buffer(monkeypatch, 5)
    batch = alcore.batchbald((pool[i : i + 3] for i in range(0, 20, 3)), 3, rng=0)
    assert batch.indices.tolist() == [0, 1, 2]
    assert batch.certified_until <= 1  # the first has the largest BALD, and dropped rows come after
    again = alcore.batchbald([pool[:7], pool[7:]], 3, rng=0)
    assert again.indices.tolist() == [0, 1, 2]
    assert again.certified_until == 3


@settings(max_examples=soak(25, 1000))
@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(3, 20),
    cuts=st.lists(st.integers(0, 40), max_size=4),
    exact=st.sampled_from([0, 9, 10_000]),
    dtype=st.sampled_from([np.float16, np.float32, np.float64]),
)
@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_any_cutting_and_any_buffer_give_the_picks_of_memory(
    seed: int, rows: int, cuts: list[int], exact: int, dtype: type
) -> None:
    pool = dirichlet(40, 3, 7, seed=seed, alpha=0.5).astype(dtype)
    if seed % 3 == 0:
        pool[10:] = pool[seed % 10]  # ties
    blocks = [pool[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), 40])]
    expected = alcore.batchbald(pool, 3, exact=exact, samples=200, rng=seed)
    with pytest.MonkeyPatch.context() as patched:
        small_buffer(patched, rows)
        again = alcore.batchbald(blocks, 3, exact=exact, samples=200, rng=seed)
        once = alcore.batchbald(iter(blocks), 3, exact=exact, samples=200, rng=seed)
    assert_same_bits(again, expected)
    assert again.certified_until == 3
    until = once.certified_until
    assert 0 <= until <= 3
    assert once.indices[:until].tolist() == expected.indices[:until].tolist()
    np.testing.assert_array_equal(once.scores[:until], expected.scores[:until])


def test_a_stream_that_saturates_fills_as_an_array_does(monkeypatch: pytest.MonkeyPatch) -> None:
    pool = one_hot(40, 3, 4, seed=5)
    with pytest.warns(alcore.SaturationWarning):
        expected = alcore.batchbald(pool, 10, rng=0)
    with pytest.warns(alcore.SaturationWarning):
        batch = alcore.batchbald([pool[:9], pool[9:]], 10, rng=0)
    assert_same_bits(batch, expected)
    small_buffer(monkeypatch, 12)
    with pytest.warns(alcore.SaturationWarning):
        once = alcore.batchbald(iter([pool[:9], pool[9:]]), 10, rng=0)
    assert len(set(once.indices.tolist())) == 10
    assert once.fill == "power-bald"
    with pytest.warns(alcore.SaturationWarning):
        again = alcore.batchbald([pool[:9], pool[9:]], 10, rng=0)
    assert_same_bits(again, expected)


def test_a_stream_takes_bounded_memory() -> None:
    grown = growth(
        f"""
        def work():
            batch = alcore.batchbald(blocks({soak(9, 64)}), 5, samples=1000, rng=0, memory=150 << 20)
            assert len(batch) == 5
        """
    )
    assert grown <= 150 + 300


def test_few_configurations_of_labels_take_little_memory_whatever_exact_is() -> None:
    pool = dirichlet(20, 2, 30, seed=1)  # 2^5 configurations
    batch = alcore.batchbald(iter([pool]), 5, exact=10**6, rng=0)
    assert batch.exact_until == 5
    assert batch.indices.tolist() == alcore.batchbald(pool, 5, rng=0).indices.tolist()


def test_the_memory_that_a_refusal_names_is_enough() -> None:
    pool = dirichlet(60, 2, 30, seed=1)
    with pytest.raises(ValueError, match="memory: expected at least") as refusal:
        alcore.batchbald(iter([pool]), 40, exact=10**6, rng=0)
    named = re.search(r"Pass memory=(\d+), or lower samples and exact", str(refusal.value))
    assert named is not None
    assert len(alcore.batchbald(iter([pool]), 40, exact=10**6, memory=int(named[1]), rng=0)) == 40
