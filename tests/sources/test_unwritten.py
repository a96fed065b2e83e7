"""Rows of zarr and HDF5 that nobody wrote are named, and never ranked. What was written is read, whatever its numbers are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from tests.cases import dirichlet

PROBS = dirichlet(30, 4, 6).astype(np.float32)
LOGITS = np.log(PROBS)


def zarr_of(path: Path, rows: slice, **options: Any) -> Any:
    array = zarr.create_array(path, shape=(30, 4, 6), chunks=(10, 4, 6), dtype="f4", **options)
    array[rows] = LOGITS[rows]
    return array


def hdf5_of(path: Path, rows: slice, chunks: Any) -> h5py.File:
    file = h5py.File(path, "w")
    file.create_dataset("run/preds", shape=(30, 4, 6), chunks=chunks, dtype="f4")
    if rows.start != rows.stop:
        file["run/preds"][rows] = LOGITS[rows]
    return file


def in_group(path: Path, rows: slice) -> Path:
    group = zarr.open_group(path, mode="w")
    group.create_array("run/preds", shape=(30, 4, 6), chunks=(10, 4, 6), dtype="f4")[rows] = LOGITS[rows]
    return path


def in_zip(path: Path, rows: slice) -> Path:
    with zarr.storage.ZipStore(path, mode="w") as store:
        zarr.create_array(store, shape=(30, 4, 6), chunks=(10, 4, 6), dtype="f4")[rows] = LOGITS[rows]
    return path


WRITERS: dict[str, Callable[[Path, slice], Any]] = {
    "zarr 3": lambda folder, rows: zarr_of(folder / "x.zarr", rows) and folder / "x.zarr",
    "zarr 2": lambda folder, rows: zarr_of(folder / "x.zarr", rows, zarr_format=2) and folder / "x.zarr",
    "zarr group": lambda folder, rows: in_group(folder / "x.zarr", rows),
    "zarr zip": lambda folder, rows: in_zip(folder / "x.zarr.zip", rows),
    "zarr in memory": lambda folder, rows: zarr_of(zarr.storage.MemoryStore(), rows),
    "zarr, NaN": lambda folder, rows: zarr_of(folder / "x.zarr", rows, fill_value=np.nan) and folder / "x.zarr",
    "hdf5": lambda folder, rows: hdf5_of(folder / "x.h5", rows, (10, 4, 6)).close() or folder / "x.h5",
    "hdf5, by draws": lambda folder, rows: hdf5_of(folder / "x.h5", rows, (10, 4, 1)).close() or folder / "x.h5",
    "hdf5 dataset": lambda folder, rows: hdf5_of(folder / "x.h5", rows, (10, 4, 6))["run/preds"],
}
each_writer = pytest.mark.parametrize("writer", WRITERS)


@each_writer
@pytest.mark.parametrize(
    ("written", "said"),
    [(slice(0, 20), "rows 20 to 29"), (slice(10, 30), "rows 0 to 9"), (slice(10, 20), "rows 0 to 9, 20 to 29")],
)
def test_rows_that_nobody_wrote_are_named_and_the_rest_is_ranked(
    tmp_path: Path, writer: str, written: slice, said: str
) -> None:
    source = WRITERS[writer](tmp_path, written)
    with pytest.raises(ValueError, match=f"{said}. Its fill value") as caught:
        alcore.entropy(source, kind="logits")
    there = alcore.open_predictions(source) if isinstance(source, Path) else source
    assert f"[{written.start}:{written.stop}]" in str(caught.value)
    expected = alcore.entropy(LOGITS[written], kind="logits")
    np.testing.assert_array_equal(alcore.entropy(there[written.start : written.stop], kind="logits"), expected)


@each_writer
def test_all_functions_that_read_refuse(tmp_path: Path, writer: str) -> None:
    source = WRITERS[writer](tmp_path, slice(0, 20))
    for read in (
        lambda: alcore.batchbald(source, 3, kind="logits", rng=0),
        lambda: alcore.save_predictions(tmp_path / "copy.npy", source),
        lambda: alcore.bald(alcore.concatenate_draws([source, source]), kind="logits"),
        lambda: alcore.epig(LOGITS, source, kind="logits"),
        lambda: alcore.bald([tmp_path / "first.npy", source], kind="logits"),
    ):
        np.save(tmp_path / "first.npy", LOGITS)
        with pytest.raises(ValueError, match="rows 20 to 29"):
            read()
    assert not (tmp_path / "copy.npy").exists()


def test_a_whole_array_that_nobody_wrote_is_refused(tmp_path: Path) -> None:
    with hdf5_of(tmp_path / "x.h5", slice(0, 0), None):
        pass
    with pytest.raises(ValueError, match=r"x.h5, member 'run/preds'.*rows 0 to 29.*Predict them, and write them\.$"):
        alcore.bald(tmp_path / "x.h5", kind="logits")


def test_rows_that_lie_on_another_axis_are_named(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "x.zarr", shape=(6, 30, 4), chunks=(3, 10, 4), dtype="f4")
    array[:, :20] = LOGITS.transpose(2, 0, 1)[:, :20]
    with pytest.raises(ValueError, match=r"rows 20 to 29.*\[:, 0:20\]"):
        alcore.bald(tmp_path / "x.zarr", kind="logits", axes="TNC")
    written = alcore.open_predictions(tmp_path / "x.zarr")[:, 0:20]
    np.testing.assert_array_equal(
        alcore.bald(written, kind="logits", axes="TNC"), alcore.bald(LOGITS[:20], kind="logits")
    )


@pytest.mark.parametrize("axis", [0, 2])
def test_chunks_inside_a_shard_count(tmp_path: Path, axis: int) -> None:
    array = zarr.create_array(tmp_path / "x.zarr", shape=(30, 4, 6), shards=(20, 4, 6), chunks=(5, 4, 3), dtype="f4")
    array[:15] = LOGITS[:15]
    if axis == 2:
        array[15:, :, :3] = LOGITS[15:, :, :3]
    with pytest.raises(ValueError, match="rows 15 to 29"):
        alcore.entropy(tmp_path / "x.zarr", kind="logits")
    array[15:] = LOGITS[15:]
    np.testing.assert_array_equal(
        alcore.entropy(tmp_path / "x.zarr", kind="logits"), alcore.entropy(LOGITS, kind="logits")
    )


# --- what is no gap ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", [".npy", ".zarr"])
def test_logits_of_0_that_alcore_saved_are_read(tmp_path: Path, ending: str) -> None:
    zeros = np.zeros((20, 3, 4), np.float32)
    alcore.save_predictions(tmp_path / f"x{ending}", [zeros[:8], zeros[8:16], zeros[16:]], rows=20)
    np.testing.assert_allclose(alcore.entropy(tmp_path / f"x{ending}", kind="logits"), np.log(3))


def test_zeros_that_hdf5_or_zarr_wrote_are_read(tmp_path: Path) -> None:
    zeros = np.zeros((20, 3, 4), np.float32)
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("x", data=zeros, chunks=(5, 3, 4))
        file.create_dataset("plain", data=zeros)
    with zarr.config.set({"array.write_empty_chunks": True}):
        zarr.create_array(tmp_path / "x.zarr", shape=zeros.shape, chunks=(5, 3, 4), dtype="f4")[:] = zeros
    for source in (
        tmp_path / "x.zarr",
        alcore.open_predictions(tmp_path / "x.h5", "x"),
        alcore.open_predictions(tmp_path / "x.h5", "plain"),
    ):
        np.testing.assert_allclose(alcore.entropy(source, kind="logits"), np.log(3))


def test_the_remedy_for_numbers_that_zarr_left_out(tmp_path: Path) -> None:
    array = zarr.create_array(tmp_path / "x.zarr", shape=(20, 3, 4), chunks=(5, 3, 4), dtype="f4")
    array[:] = 0
    with pytest.raises(ValueError, match=r"Then pass the numbers: alcore.open_predictions\('.*x.zarr'\)\[:\]"):
        alcore.entropy(tmp_path / "x.zarr", kind="logits")
    np.testing.assert_allclose(
        alcore.entropy(alcore.open_predictions(tmp_path / "x.zarr")[:], kind="logits"), np.log(3)
    )


def test_votes_in_chunks_of_one_class_are_read(tmp_path: Path) -> None:
    """zarr leaves out the chunks of classes that no draw votes for."""
    votes = np.zeros((20, 3, 4), np.float32)
    votes[:, 1] = 1
    array = zarr.create_array(tmp_path / "x.zarr", shape=votes.shape, chunks=(5, 1, 4), dtype="f4")
    array[:] = votes
    assert array.nchunks_initialized < array.nchunks
    np.testing.assert_array_equal(alcore.bald(tmp_path / "x.zarr"), np.zeros(20))


def test_padding_that_zarr_left_out_is_read(tmp_path: Path) -> None:
    tokens = dirichlet(20, 3, 8 * 4).reshape(20, 3, 8, 4).astype(np.float32)
    padding = np.zeros((20, 8), np.bool_)
    padding[:, 6:] = True
    tokens[:, :, 6:] = 0
    zarr.create_array(tmp_path / "x.zarr", shape=tokens.shape, chunks=(5, 3, 2, 4), dtype="f4")[:] = tokens
    heuristic = alcore.Reduce(alcore.BALD(), "mean")
    np.testing.assert_array_equal(
        heuristic.score(tmp_path / "x.zarr", mask=padding), heuristic.score(tokens, mask=padding)
    )
    with pytest.raises(ValueError, match="rows 0 to 19"):
        heuristic.score(tmp_path / "x.zarr", mask=np.zeros((20, 8), np.bool_))


def test_labels_of_class_0_are_read(tmp_path: Path) -> None:
    zarr.create_array(tmp_path / "x.zarr", shape=(30,), chunks=(10,), dtype="i8")[:] = np.repeat([0, 1, 2], 10)
    np.testing.assert_array_equal(np.asarray(alcore.open_predictions(tmp_path / "x.zarr")), np.repeat([0, 1, 2], 10))
