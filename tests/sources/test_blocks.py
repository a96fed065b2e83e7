"""Any source, any cutting, any number of threads: the same bits, in bounded memory."""

from __future__ import annotations

import itertools
import re
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dask.array
import h5py
import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources import blocks, reading
from tests.cases import CASES, Case, dirichlet

each_measure = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
POOL = dirichlet(97, 4, 6, seed=21).astype(np.float32)


class ArrayProtocol:
    def __init__(self, array: np.ndarray) -> None:
        self.held = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.held


class DLPackOnly:
    def __init__(self, array: np.ndarray) -> None:
        self.held = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.held.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.held.__dlpack_device__()


def in_npy(array: np.ndarray, folder: Path) -> Any:
    np.save(folder / "preds.npy", array)
    return folder / "preds.npy"


def in_memmap(array: np.ndarray, folder: Path) -> Any:
    return np.load(in_npy(array, folder), mmap_mode="r")


def in_npz(array: np.ndarray, folder: Path) -> Any:
    np.savez_compressed(folder / "preds.npz", preds=array)
    return str(folder / "preds.npz")


def in_npz_member(array: np.ndarray, folder: Path) -> Any:
    np.savez(folder / "preds.npz", pool=array, labels=np.arange(3))
    return alcore.open_predictions(folder / "preds.npz", "pool")


def in_zarr(array: np.ndarray, folder: Path) -> Any:
    zarr.create_array(folder / "preds.zarr", data=array, chunks=(10, 2, *array.shape[2:]))
    return folder / "preds.zarr"


def in_hdf5(array: np.ndarray, folder: Path) -> Any:
    with h5py.File(folder / "preds.h5", "w") as file:
        file.create_dataset("a/preds", data=array, chunks=(min(7, len(array)), *array.shape[1:]), compression="gzip")
    return folder / "preds.h5"


def in_contiguous_hdf5(array: np.ndarray, folder: Path) -> Any:
    with h5py.File(folder / "preds.hdf5", "w") as file:
        file["preds"] = array
    return h5py.File(folder / "preds.hdf5", "r")["preds"]


SOURCES: dict[str, Callable[[np.ndarray, Path], Any]] = {
    "array": lambda array, _: array,
    "memmap": in_memmap,
    "npy": in_npy,
    "npz": in_npz,
    "npz member": in_npz_member,
    "zarr": in_zarr,
    "hdf5": in_hdf5,
    "contiguous hdf5": in_contiguous_hdf5,
    "dask": lambda array, _: dask.array.from_array(array, chunks=(13, 2, *array.shape[2:])),
    "__array__": lambda array, _: ArrayProtocol(array),
    "dlpack": lambda array, _: DLPackOnly(array),
    "list of blocks": lambda array, _: [array[:50], array[50:51], array[51:51], array[51:]],
    "generator of blocks": lambda array, _: (array[i : i + 9] for i in range(0, len(array), 9)),
    "blocks of tensors": lambda array, _: (DLPackOnly(part) for part in np.array_split(array, 4)),
    "blocks in both byte orders": lambda array, _: [array[:50].astype(array.dtype.newbyteorder()), array[50:]],
}


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
def test_maps_from_any_source(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
        (iter([]), "make a new one for each pass"),
        ([POOL, POOL[:, :3]], r"block 1: expected shape \(n, 4, 6\), as block 0 has, got shape \(97, 3, 6\)"),
        ([POOL, POOL[..., :5]], r"block 1: .* got shape \(97, 4, 5\)"),
        ([POOL[0]], r"probs: block 0: expected \(N, C, ..., T\).* got shape \(4, 6\)"),
        ([[[0.5, 0.5]]], "block 0: .*np.asarray.* got list"),
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

    shape, dtype = (50, 4, 6), np.dtype(np.float32)

    def __getitem__(self, rows: slice) -> np.ndarray:
        return POOL[rows][: max(0, 20 - rows.start)]


def test_a_source_that_shrinks_is_refused() -> None:
    with pytest.raises(ValueError, match="expected 50 rows, as its shape has, got 20"):
        alcore.bald(Shrinking())


# --- memory -----------------------------------------------------------------------------------------------------------

MEASURE_GROWTH = """
import re, sys, threading, time
from pathlib import Path
import numpy as np
import alcore

def anonymous_mib():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

def peak_growth(work):
    alcore.bald(np.full((4, 10, 100), 0.1, np.float32))
    start, peak, done = anonymous_mib(), [0.0], threading.Event()
    def watch():
        while not done.wait(0.002):
            peak[0] = max(peak[0], anonymous_mib() - start)
    watcher = threading.Thread(target=watch, daemon=True)  # an error of the work ends the script
    watcher.start()
    work()
    done.set()
    watcher.join()
    return peak[0]
"""


def growth(code: str) -> float:
    script = MEASURE_GROWTH + textwrap.dedent(code) + "\nprint('growth', peak_growth(work))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    found = re.search(r"growth ([\d.]+)", done.stdout)
    assert found is not None, done.stderr
    return float(found[1])


@pytest.mark.compiled
def test_a_stream_of_4_gib_takes_bounded_memory() -> None:
    grown = growth(
        """
        def blocks():
            rng = np.random.default_rng(0)
            for _ in range(64):  # of 64 MiB
                block = rng.random((16_777, 10, 100), dtype=np.float32) + np.float32(0.01)
                block /= block.sum(axis=1, keepdims=True)
                yield block

        def work():
            batch = alcore.BALD().select(blocks(), 100)
            assert len(batch) == 100
        """
    )
    assert grown <= 600


@pytest.mark.compiled
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_memmap_of_1_gib_takes_bounded_memory(tmp_path: Path, dtype: str) -> None:
    rows = (1 << 30) // (10 * 100 * np.dtype(dtype).itemsize)
    on_disk = np.lib.format.open_memmap(tmp_path / "preds.npy", "w+", dtype, (rows, 10, 100))
    part = dirichlet(1000, 10, 100).astype(dtype)
    for start in range(0, rows, 1000):
        on_disk[start : start + 1000] = part[: rows - start]
    on_disk.flush()
    grown = growth(
        f"""
        def work():
            assert len(alcore.bald({str(tmp_path / "preds.npy")!r})) == {rows}
        """
    )
    assert grown <= 100


@pytest.mark.compiled
def test_a_large_map_is_laid_out_piece_by_piece() -> None:
    grown = growth(
        """
        maps = np.full((1, 4, 1024, 1024, 16), 0.25, np.float32)  # 256 MiB in one row

        def work():
            assert alcore.Reduce(alcore.BALD(), "mean").score(maps)[0] == 0
        """
    )
    assert grown <= 100


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


@pytest.mark.compiled
def test_predictions_stored_draw_by_draw_take_bounded_memory(tmp_path: Path) -> None:
    stored = zarr.create_array(
        tmp_path / "preds.zarr", shape=(160_000, 10, 40), chunks=(160_000, 10, 1), dtype="float32", fill_value=0.1
    )
    assert stored.nbytes > 240 << 20
    grown = growth(
        f"""
        def work():
            assert not alcore.bald({str(tmp_path / "preds.zarr")!r}).any()
        """
    )
    assert grown <= 200
