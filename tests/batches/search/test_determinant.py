"""The search of `log_det` in files that are read again: the same bits whatever fits into memory, and memory that is bounded."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.search import determinant
from alcore.batches.search.determinant import READING_BYTES, Search
from alcore.door import Reading
from tests.gaussians import greedy, means_and_variances
from tests.memory import growth


def chosen(means: Any, k: int, **options: Any) -> alcore.Batch:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        return alcore.log_det(means, k, fill="stop", **options)


def hold(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let so many rows fit into memory."""
    monkeypatch.setattr(determinant, "rows_that_fit", lambda room, row_bytes: rows)
    monkeypatch.setattr(determinant, "LEAST_ROWS", 1)


@pytest.fixture
def passes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many times each search read its source, once the search is over."""
    found: list[int] = []
    take = Search.take

    def noted(self: Search, place: int) -> tuple[int, float]:
        found.append(self.passes)
        return take(self, place)

    monkeypatch.setattr(Search, "take", noted)
    return found


@pytest.mark.parametrize("rows", [1, 2, 7, 40, 119, 120])
@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_whatever_fits_into_memory_the_bits_are_the_same(
    rows: int, outputs: int, dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: list[int]
) -> None:
    means, variance = (one.astype(dtype) for one in means_and_variances(120, outputs, 9, seed=outputs))
    weights = np.arange(1.0, 10)
    expected = chosen(means.astype(np.result_type(dtype, np.float32)), 12, variance=variance, weights=weights)
    monkeypatch.setattr(alcore.sources.reading, "BLOCK_BYTES", means[:17].nbytes)
    alcore.save_predictions(tmp_path / "means.zarr", (means[i : i + 17] for i in range(0, 120, 17)), kind="mean")
    hold(rows, monkeypatch)
    passes.clear()
    found = chosen(tmp_path / "means.zarr", 12, variance=variance, weights=weights)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)
    assert passes[0] == 1
    assert (passes[-1] == 1) == (rows == 120) or rows in (40, 119)
    assert passes[-1] <= len(found)


def test_equals_a_dense_determinant_when_it_reads_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    means, variance = means_and_variances(60, 2, 9, seed=5)
    np.save(tmp_path / "means.npy", np.asfortranarray(means))
    hold(5, monkeypatch)
    found = chosen(tmp_path / "means.npy", 8, variance=variance)
    rows, values = greedy(8, means, variance)
    assert found.indices.tolist() == rows
    np.testing.assert_allclose(found.information, values, atol=1e-8)


@pytest.mark.parametrize("outputs", [1, 2])
@pytest.mark.parametrize("rows", [1, 3, 5])
def test_ties_go_to_the_lowest_row_also_where_it_is_not_in_memory(
    outputs: int, rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    means, variance = means_and_variances(6, outputs, 9, seed=4)
    order = [3, 1, 4, 1, 5, 3, 0, 2, 4, 5, 0, 2]
    expected = chosen(means[order], 12, variance=variance[order])
    hold(rows, monkeypatch)
    found = chosen(np.asfortranarray(means[order]), 12, variance=variance[order])
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.scores, expected.scores)


def test_every_source_that_can_be_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, passes: list[int]
) -> None:
    h5py = pytest.importorskip("h5py", reason="HDF5 files need h5py")
    dask_array = pytest.importorskip("dask.array", reason="dask is not installed")
    means, variance = means_and_variances(50, 2, 9)
    expected = chosen(means, 8, variance=variance)
    with h5py.File(tmp_path / "means.h5", "w") as file:
        file.create_dataset("means", data=means, chunks=(7, 2, 9))
    np.savez_compressed(tmp_path / "means.npz", means=means)
    np.save(tmp_path / "part_1.npy", means[:20])
    np.save(tmp_path / "part_2.npy", means[20:])
    np.save(tmp_path / "tnc.npy", means.transpose(2, 0, 1).copy())
    hold(4, monkeypatch)
    sources: list[tuple[Any, dict[str, Any]]] = [
        (tmp_path / "means.h5", {}),
        (tmp_path / "means.npz", {}),
        ([tmp_path / "part_1.npy", tmp_path / "part_2.npy"], {}),
        (dask_array.from_array(means, chunks=(8, 2, 9)), {}),
        (tmp_path / "tnc.npy", {"axes": "TNC", "variance": variance.transpose(2, 0, 1)}),
        (means.astype(">f8"), {}),
    ]
    for source, options in sources:
        passes.clear()
        found = chosen(source, 8, **{"variance": variance, **options})
        np.testing.assert_array_equal(found.indices, expected.indices)
        np.testing.assert_array_equal(found.scores, expected.scores)
        assert passes[-1] > 1, source
    passes.clear()
    chosen((part for part in (means[:20], means[20:])), 8, variance=variance)  # one pass: kept in memory
    assert passes[-1] == 1


def test_the_rows_that_fill_are_those_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the draws are exhausted, which takes passes until no row is left that may gain."""
    rng = np.random.default_rng(0)
    means = rng.normal(size=(200, 2)) @ rng.normal(size=(2, 30)) * 100
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", alcore.SaturationWarning)
        expected = alcore.log_det(means, 50, variance=1.0, rng=3)
        hold(9, monkeypatch)
        found = alcore.log_det(np.asfortranarray(means), 50, variance=1.0, rng=3)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_array_equal(found.q, expected.q)
    assert found.saturated_at == expected.saturated_at


def test_all_threads_give_the_same_bits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(determinant, "LEAST_A_THREAD", 10)
    monkeypatch.setattr(alcore.sources.reading, "BLOCK_BYTES", 4096)
    hold(30, monkeypatch)
    means, variance = means_and_variances(500, 2, 12, seed=3)
    found = []
    for threads in (1, 3):
        alcore.set_threads(threads)
        found.append(chosen(np.asfortranarray(means), 20, variance=variance))
    alcore.set_threads(None)
    np.testing.assert_array_equal(found[0].indices, found[1].indices)
    np.testing.assert_array_equal(found[0].scores, found[1].scores)


def test_too_little_memory_is_refused_with_what_is_enough() -> None:
    means = np.asfortranarray(means_and_variances(40, 1, 9)[0])
    with pytest.raises(ValueError, match=r"memory: expected at least 128.0 MiB, got 0.0. Pass memory=\d+\.") as said:
        alcore.log_det(means, 3, variance=1.0, memory=10)
    enough = int(str(said.value).split("memory=")[1].rstrip("."))
    assert (
        chosen(means, 3, variance=1.0, memory=enough).indices.tolist()
        == chosen(means, 3, variance=1.0).indices.tolist()
    )
    assert alcore.LogDet(memory=enough).select(means, 3, kind="mean", variance=1.0).indices.size == 3
    with pytest.raises(TypeError, match="memory: expected a whole number"):
        alcore.LogDet(memory=0.5)  # type: ignore[arg-type]
    search = Search(means, Reading.of({"kind": "mean", "variance": 1.0}), READING_BYTES + 20_000)
    assert search.passes == 1


def test_a_file_that_does_not_fit_is_read_in_its_memory(tmp_path: Path) -> None:
    """400 MB of means: rows in memory take 32 MiB, the blocks of a pass up to 128, the numbers of each row 72 bytes."""
    path, rng = tmp_path / "means.zarr", np.random.default_rng(0)
    draws = rng.normal(size=(8, 100)).astype(np.float32)
    blocks = (rng.normal(size=(20_000, 8)).astype(np.float32) @ draws for _ in range(50))
    alcore.save_predictions(path, blocks, kind="mean")
    code = f"""
        alcore.log_det(np.asfortranarray(np.random.default_rng(0).normal(size=(50, 4)).astype("f4")), 2, variance=1.0)

        def work():
            alcore.log_det({str(path)!r}, 5, variance=0.5, memory=160 << 20, fill="stop")
        """
    assert growth(code) < 160 + 90
