"""Chunks that are larger than blocks: what they cost is said, and `save_predictions` reads each of them once."""

from __future__ import annotations

import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore.sources import chunks, reading
from alcore.sources.stored import StoredArray
from tests.cases import dirichlet
from tests.warned import what_one_says

PROBS = dirichlet(60, 3, 8).astype(np.float32)


@pytest.fixture(autouse=True)
def blocks_of_two_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 2 * PROBS[0].nbytes)


def stored(folder: Path, form: str, sizes: tuple[int, ...], array: np.ndarray = PROBS) -> Path:
    if form == "zarr":
        zarr.create_array(folder / "x.zarr", data=array, chunks=sizes)
        return folder / "x.zarr"
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("preds", data=array, chunks=sizes, compression="gzip")
    return folder / "x.h5"


@pytest.mark.parametrize("form", ["zarr", "hdf5"])
@pytest.mark.parametrize(("sizes", "times"), [((60, 3, 1), 8), ((60, 3, 8), 8), ((30, 1, 4), 5), ((16, 3, 1), 2)])
def test_the_warning_says_how_often_each_chunk_is_read(
    tmp_path: Path, form: str, sizes: tuple[int, ...], times: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, read = stored(tmp_path, form, sizes), Counter[tuple[int, ...]]()
    take = StoredArray.__getitem__

    def counted(self: StoredArray, rows: Any) -> np.ndarray:
        start, stop, _ = rows.indices(60)
        read.update((row,) for row in range(start // sizes[0], -(-stop // sizes[0])))
        return take(self, rows)

    monkeypatch.setattr(StoredArray, "__getitem__", counted)
    with pytest.warns(alcore.ChunkWarning, match=f"decompressed {times} times") as caught:
        scores = alcore.bald(path)
    assert max(read.values()) == times
    np.testing.assert_array_equal(scores, alcore.bald(PROBS))
    monkeypatch.undo()
    remedy = re.search(r"alcore\.save_predictions\(.*\)\)", what_one_says(caught, alcore.ChunkWarning))
    assert remedy is not None
    monkeypatch.chdir(tmp_path)
    np.testing.assert_array_equal(eval(remedy[0]), PROBS)


@pytest.mark.parametrize("form", ["zarr", "hdf5"])
@pytest.mark.parametrize("sizes", [(2, 3, 8), (4, 3, 8), (1, 1, 1), (8, 3, 1)])
def test_chunks_of_the_size_of_blocks_are_read_in_silence(tmp_path: Path, form: str, sizes: tuple[int, ...]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        np.testing.assert_array_equal(alcore.bald(stored(tmp_path, form, sizes)), alcore.bald(PROBS))


def test_plain_chunks_of_hdf5_and_shards_are_read_in_silence(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file.create_dataset("preds", data=PROBS, chunks=(60, 3, 1))
    zarr.create_array(tmp_path / "x.zarr", data=PROBS, chunks=(2, 3, 8), shards=(60, 3, 8))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for name in ("x.h5", "x.zarr"):
            np.testing.assert_array_equal(alcore.bald(tmp_path / name), alcore.bald(PROBS))


@pytest.mark.parametrize("form", ["zarr", "hdf5"])
@pytest.mark.parametrize("ending", [".npy", ".zarr"])
@pytest.mark.parametrize("axes", ["NCT", "TNC", "SNCD"])
@pytest.mark.parametrize("piece", [1, 7000, 1 << 26])
def test_save_predictions_reads_each_chunk_once(
    tmp_path: Path, form: str, ending: str, axes: str, piece: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(chunks, "PIECE_BYTES", piece)
    if axes == "SNCD":
        array, sizes = PROBS.reshape(60, 3, 2, 4).transpose(2, 0, 1, 3), (1, 40, 3, 1)
    else:
        array = PROBS.transpose(["NCT".index(letter) for letter in axes])
        sizes = tuple({"N": 40, "C": 2, "T": 1}[letter] for letter in axes)
    path, read = stored(tmp_path, form, sizes, array), np.zeros(array.shape, int)
    take = StoredArray.__getitem__

    def counted(self: StoredArray, place: Any) -> np.ndarray:
        read[place] += 1
        return take(self, place)

    monkeypatch.setattr(StoredArray, "__getitem__", counted)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        saved = alcore.save_predictions(tmp_path / f"new{ending}", path, axes=axes)
    monkeypatch.undo()
    assert (read == 1).all()
    np.testing.assert_array_equal(np.asarray(saved[:]), PROBS)
    assert sorted(one.name for one in tmp_path.iterdir()) == sorted([path.name, f"new{ending}"])


def test_an_old_file_is_not_read_before_the_new_name_is_checked(tmp_path: Path) -> None:
    path = stored(tmp_path, "hdf5", (60, 3, 1))
    (tmp_path / "new.npy").touch()
    with pytest.raises(ValueError, match="this file exists"):
        alcore.save_predictions(tmp_path / "new.npy", path)
