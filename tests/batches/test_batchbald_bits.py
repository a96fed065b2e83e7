"""BatchBALD answers the same bits for any source, layout and number of threads."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import alcore
from alcore.batches import batchbald
from tests.batches import oracle as oracle
from tests.batches.compare import POOL, WEIGHTS, assert_same_bits
from tests.batches.oracle import WIDE, one_hot
from tests.cases import dirichlet
from tests.sources.every_source import SOURCES


@pytest.mark.parametrize("options", [{"exact": 300}, {"exact": 0, "samples": 300}, {"exact": 20, "samples": 300}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_seed_gives_the_same_bits_on_any_threads(options: dict[str, int], dtype: type) -> None:
    pool = dirichlet(700, 4, 12, seed=8).astype(dtype)
    expected = alcore.batchbald(pool, 4, rng=3, **options)
    for threads in (1, 2):
        alcore.set_threads(threads)
        assert_same_bits(alcore.batchbald(pool, 4, rng=3, **options), expected)
        assert_same_bits(alcore.batchbald(pool, 4, rng=np.random.default_rng(3), **options), expected)


@pytest.mark.parametrize("alpha", [0.1, 1.0])
def test_bounds_by_scatter_change_no_pick(alpha: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows that are alike are bounded by how far posteriors scatter, too. The picks are those of bounds without it."""
    pool = dirichlet(300, 4, 24, seed=7, alpha=alpha).astype(np.float32)
    chosen = []
    for crowd in (1, len(pool) + 1):
        monkeypatch.setattr(batchbald, "CROWD", crowd)
        chosen.append(alcore.batchbald(pool, 6, samples=2400, exact=1000, rng=0))
    assert_same_bits(*chosen)


def test_seeds_differ_only_when_sampling() -> None:
    first, second = (alcore.batchbald(POOL, 5, exact=0, samples=500, rng=seed) for seed in (0, 1))
    assert (first.scores[1:] != second.scores[1:]).all()
    assert_same_bits(alcore.batchbald(POOL, 5, rng=0), alcore.batchbald(POOL, 5, rng=1))
    fresh = [alcore.batchbald(POOL, 3, exact=0, samples=500) for _ in range(2)]
    assert fresh[0].scores[-1] != fresh[1].scores[-1]


@pytest.mark.parametrize("options", [{}, {"exact": 0, "samples": 500}])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_for_any_layout_and_inputs_stay_as_they_were(options: dict[str, int], dtype: type) -> None:
    pool, weights = POOL.astype(dtype), WEIGHTS.astype(float)
    expected = alcore.batchbald(pool.copy(), 4, weights=weights.copy(), rng=0, **options)
    backwards = np.ascontiguousarray(pool[::-1, :, ::-1])[::-1, :, ::-1]
    every_other = np.repeat(pool, 2, axis=0)[::2]
    swapped = pool.astype(pool.dtype.newbyteorder())
    for source in (pool, np.asfortranarray(pool), backwards, every_other, swapped):
        before = source.copy()
        source.flags.writeable = False
        weights.flags.writeable = False
        assert_same_bits(alcore.batchbald(source, 4, weights=weights, rng=0, **options), expected)
        np.testing.assert_array_equal(source, before)
        source.flags.writeable = True
        assert_same_bits(alcore.batchbald(source, 4, weights=weights, rng=0, **options), expected)
        np.testing.assert_array_equal(source, before)
    np.testing.assert_array_equal(weights, WEIGHTS)


def test_the_global_random_state_is_left_alone() -> None:
    np.random.seed(0)  # noqa: NPY002 - the global state is what must not move
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    alcore.batchbald(POOL, 3, exact=0, samples=200)
    np.testing.assert_array_equal(np.random.get_state()[1], before)  # noqa: NPY002


def test_logits_equal_their_softmax() -> None:
    expected = alcore.batchbald(POOL, 5, rng=0)
    batch = alcore.batchbald(np.log(POOL) + 3, 5, kind="logits", rng=0)
    assert batch.indices.tolist() == expected.indices.tolist()
    np.testing.assert_allclose(batch.scores, expected.scores, rtol=WIDE)
    with np.errstate(divide="ignore"):
        ruled_out = np.log(one_hot(12, 3, 4, seed=1))  # -inf
    certain = alcore.batchbald(ruled_out, 2, kind="logits", rng=0)
    information = oracle.batchbald(one_hot(12, 3, 4, seed=1), 2).information  # rows tie but for rounding
    np.testing.assert_allclose(certain.information, information, rtol=0, atol=WIDE)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_from_any_source(source: str, dtype: type, tmp_path: Path) -> None:
    pool = dirichlet(97, 3, 6, seed=21).astype(dtype)
    for options in ({}, {"exact": 0, "samples": 300}):
        folder = tmp_path / f"{len(options)}"
        folder.mkdir()
        expected = alcore.batchbald(pool, 4, rng=0, weights=[1, 2, 3, 1, 1, 1], **options)
        batch = alcore.batchbald(SOURCES[source](pool, folder), 4, rng=0, weights=[1, 2, 3, 1, 1, 1], **options)
        assert_same_bits(batch, expected)
        assert batch.certified_until == expected.certified_until == 4
