"""Any source, any cutting, any number of threads: the same bits; what cannot be cut into blocks is refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dask.array
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources import blocks, reading
from tests.cases import Case, dirichlet, each_measure
from tests.sources.every_source import SOURCES

POOL = dirichlet(97, 4, 6, seed=21).astype(np.float32)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("block_bytes", [1, 700, 8 << 20])
def test_same_bits_from_any_source(
    source: str, dtype: type, block_bytes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool = POOL.astype(dtype)
    expected = alcore.bald(pool)
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", max(block_bytes // 7, 1))
    np.testing.assert_array_equal(alcore.bald(SOURCES[source](pool, tmp_path)), expected)


@pytest.mark.parametrize("source", SOURCES)
def test_maps_score_the_same_bits_from_any_source(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maps = dirichlet(24, 3, 5, seed=3).reshape(4, 2, 3, 3, 5).transpose(0, 3, 1, 2, 4).astype(np.float32)
    expected = alcore.entropy(maps)
    monkeypatch.setattr(blocks, "CHUNK_BYTES", 100)
    np.testing.assert_array_equal(alcore.entropy(SOURCES[source](maps, tmp_path)), expected)


@each_measure
@given(cuts=st.lists(st.integers(0, 97), max_size=6), threads=st.integers(1, 4))
def test_same_bits_for_any_cutting_and_threads(case: Case, cuts: list[int], threads: int) -> None:
    expected = case.function(POOL)
    alcore.set_threads(threads)
    edges = [0, *sorted(cuts), 97]
    blocks = [POOL[a:b] for a, b in itertools.pairwise(edges)]
    np.testing.assert_array_equal(case.function(blocks), expected)
    np.testing.assert_array_equal(case.object.score(iter(blocks)), expected)


def test_many_blocks_on_many_threads_stay_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = alcore.bald(POOL)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    for threads in (1, 2, 3, 8):
        alcore.set_threads(threads)
        np.testing.assert_array_equal(alcore.bald(POOL), expected)
    assert alcore.get_threads() == 8


# --- refusals ---------------------------------------------------------------------------------------------------------


def test_the_row_of_a_stream_is_named() -> None:
    bad = POOL.copy()
    bad[61, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"probs\[61, 1, 2\] is nan"):
        alcore.bald(bad[i : i + 10] for i in range(0, 97, 10))


def test_the_first_bad_block_is_named_whatever_the_threads_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1)
    bad = POOL.copy()
    bad[40:, 0, 0] = np.nan
    for threads in (1, 2, 8):
        alcore.set_threads(threads)
        for _ in range(5):
            with pytest.raises(ValueError, match=r"probs\[40, 0, 0\]"):
                alcore.bald(bad)


def failing_blocks() -> Iterator[np.ndarray]:
    bad = POOL.copy()
    bad[5, 0, 0] = np.nan
    yield bad[:10]
    raise OSError("the disk is gone")


def test_an_error_of_the_source_comes_after_those_of_earlier_blocks() -> None:
    with pytest.raises(ValueError, match=r"probs\[5, 0, 0\]"):
        alcore.bald(failing_blocks())


def test_an_error_of_the_source_reaches_the_caller() -> None:
    def blocks() -> Iterator[np.ndarray]:
        yield POOL
        raise OSError("the disk is gone")

    with pytest.raises(OSError, match="the disk is gone"):
        alcore.bald(blocks())
    np.testing.assert_array_equal(alcore.bald([POOL]), alcore.bald(POOL))


@pytest.mark.parametrize(
    ("blocks", "said"),
    [
        ([], "at least one block"),
        (iter([]), "Make a new one for each call"),
        ([POOL, POOL[:, :3]], r"block 1: expected shape \(n, 4, 6\), as block 0 has, got shape \(97, 3, 6\)"),
        ([POOL, POOL[..., :5]], r"block 1: .* got shape \(97, 4, 5\)"),
        ([POOL[0]], r"probs: block 0: expected \(N, C, ..., T\).* got shape \(4, 6\)"),
        ([[0.5, 0.5]], "block 0: .* got list.*np.asarray"),
        (["preds.npy"], "block 0: .* got str"),
        ([(POOL, np.arange(97))], "block 0: .* got tuple"),
    ],
)
def test_blocks_that_do_not_fit_are_refused(blocks: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        alcore.bald(blocks)


def test_blocks_of_another_kind_are_refused() -> None:
    with pytest.raises(TypeError, match="probs: block 1: expected float16, float32 or float64, got int64"):
        alcore.bald([POOL, np.ones((3, 4, 6), np.int64)])


def test_an_open_archive_is_refused_by_its_members(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", pool=POOL, labels=np.arange(3))
    with np.load(tmp_path / "two.npz") as archive, pytest.raises(TypeError, match="members 'pool', 'labels'"):
        alcore.bald(archive)


def test_a_path_with_several_members_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "two.npz", pool=POOL, labels=np.arange(3))
    with pytest.raises(ValueError, match="members 'labels', 'pool'. Name one"):
        alcore.bald(tmp_path / "two.npz")


def test_a_dask_array_of_unknown_length_is_refused_with_the_remedy() -> None:
    lazy = dask.array.from_array(POOL, chunks=(10, 4, 6))
    unknown = lazy[lazy[:, 0, 0] > 0.1]
    with pytest.raises(ValueError, match="known shape .*compute_chunk_sizes"):
        alcore.bald(unknown)


def test_sharded_zarr_arrays_are_read_by_shards(tmp_path: Path) -> None:
    stored = zarr.create_array(tmp_path / "preds.zarr", data=POOL, chunks=(5, 4, 6), shards=(20, 4, 6))
    np.testing.assert_array_equal(alcore.bald(stored), alcore.bald(POOL))


class Shrinking:
    """A lazy array that has fewer rows than it says."""

    shape, dtype = (10**15, 4, 6), np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return POOL[:20][rows]


class ShrinkingBlocks:
    """The same, read block by block."""

    shape, dtype = (50, 4, 6), np.dtype(np.float32)

    def read_blocks(self, rows: int) -> Iterator[np.ndarray]:
        yield POOL[:20]


class Endless:
    """A lazy array of more rows than any memory has room for the scores of."""

    dtype = np.dtype(np.float32)

    def __init__(self, rows: int) -> None:
        self.shape = (rows, 4, 6)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return np.resize(POOL, (rows.stop - rows.start, 4, 6))


@pytest.mark.parametrize("rows", [10**14, 10**18, 2**64, 10**30])
def test_more_rows_than_memory_holds_are_refused(rows: int) -> None:
    with pytest.raises(ValueError, match=f"probs: expected rows whose scores fit into memory, got {rows}"):
        alcore.bald(Endless(rows))


class Wide:
    """A lazy array that says it has more numbers in a row than 64 bits count."""

    dtype = np.dtype(np.float32)

    def __init__(self, *shape: int) -> None:
        self.shape = shape

    def __getitem__(self, rows: slice) -> np.ndarray:
        return POOL[rows]


@pytest.mark.parametrize("shape", [(97, 2**62, 4), (97, 2**40, 2**40), (97, 4, 10**30), (97, 2**32, 2**32, 6)])
def test_sizes_beyond_64_bits_are_no_small_ones(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"probs: rows 0 to 1: expected shape .*, as its shape says, got \(1, 4, 6\)"):
        alcore.bald(Wide(*shape))


def test_a_source_that_shrinks_is_refused_at_its_first_short_block() -> None:
    with pytest.raises(ValueError, match=r"rows 0 to \d+: expected shape .*, as its shape says, got \(20, 4, 6\)"):
        alcore.bald(Shrinking())
    with pytest.raises(ValueError, match="expected 50 rows, as its shape has, got 20"):
        alcore.bald(ShrinkingBlocks())


def test_masks_of_dask_are_not_lost() -> None:
    masked = dask.array.ma.masked_greater(dask.array.from_array(POOL, chunks=(13, 4, 6)), 0.9)
    with pytest.raises(TypeError, match="without a mask"):
        alcore.bald(masked)


class Variable:
    """An array in a wrapper whose dtype is its framework's own."""

    shape, dtype = POOL.shape, "<dtype: 'float32'>"

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return POOL


def test_anything_with_array_is_taken_whatever_its_dtype_is_called() -> None:
    np.testing.assert_array_equal(alcore.bald(Variable()), alcore.bald(POOL))


class Deformed:
    shape, dtype = (97, 4, 6), np.dtype(np.float32)

    def __init__(self, part: np.ndarray) -> None:
        self.part = part

    def __getitem__(self, rows: slice) -> np.ndarray:
        return self.part


@pytest.mark.parametrize("part", [POOL[:, :3], np.concatenate([POOL, POOL])])
def test_a_source_that_gives_other_blocks_than_it_says_is_refused(part: np.ndarray) -> None:
    with pytest.raises(ValueError, match="rows 0 to 97: expected shape"):
        alcore.bald(Deformed(part))
