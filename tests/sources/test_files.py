"""Predictions on disk: opened without being read, one of several members never guessed."""

from __future__ import annotations

import sys
import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import alcore
from alcore.sources import reading
from alcore.sources.files import open_predictions
from alcore.sources.npz import NpzMember
from tests.sources.file_formats import PROBS, WRITERS, each_archive, each_writer, several, written

# --- what is read -----------------------------------------------------------------------------------------------------


@each_writer
@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
def test_scores_of_a_file_are_those_of_the_array(tmp_path: Path, writer: str, dtype: str) -> None:
    array = PROBS.astype(dtype)
    path = written(tmp_path, writer, array)
    opened = open_predictions(path)
    assert tuple(opened.shape) == array.shape
    assert opened.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    for source in (opened, path, str(path)):
        np.testing.assert_array_equal(alcore.bald(source), alcore.bald(array))


@pytest.mark.filterwarnings("ignore::alcore.ChunkWarning")
@each_writer
def test_a_file_in_small_blocks_scores_the_same(tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 3 * PROBS[0].nbytes)
    np.testing.assert_array_equal(alcore.bald(written(tmp_path, writer)), alcore.bald(PROBS))


@pytest.mark.parametrize("writer", ["npy", "npz stored", "npz compressed"])
def test_fortran_order_is_read(tmp_path: Path, writer: str) -> None:
    np.testing.assert_array_equal(alcore.bald(written(tmp_path, writer, np.asfortranarray(PROBS))), alcore.bald(PROBS))


@each_writer
def test_a_file_of_no_rows_has_no_scores(tmp_path: Path, writer: str) -> None:
    if writer == "hdf5 in chunks":
        pytest.skip("HDF5 makes no chunks larger than the array")
    assert alcore.bald(written(tmp_path, writer, PROBS[:0])).shape == (0,)


@each_writer
def test_files_are_left_as_they_were(tmp_path: Path, writer: str) -> None:
    path = written(tmp_path, writer)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    before = [file.read_bytes() for file in files]
    alcore.BALD().select(path, 3)
    assert [file.read_bytes() for file in files] == before


def test_npy_is_mapped_read_only(tmp_path: Path) -> None:
    opened = open_predictions(written(tmp_path, "npy"))
    assert isinstance(opened, np.memmap)
    assert not opened.flags.writeable


@pytest.mark.parametrize("writer", ["zarr array", "zarr group", "hdf5", "hdf5 in chunks"])
def test_stored_arrays_are_indexed_and_converted(tmp_path: Path, writer: str) -> None:
    opened = open_predictions(written(tmp_path, writer))
    np.testing.assert_array_equal(opened[3:5], PROBS[3:5])
    np.testing.assert_array_equal(np.asarray(opened), PROBS)
    assert np.asarray(opened, np.float32).dtype == np.float32


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("rows", [1, 7, 40, 1000])
def test_npz_members_are_read_block_by_block_again_and_again(tmp_path: Path, save: Any, rows: int) -> None:
    save(tmp_path / "x.npz", pool=PROBS, other=PROBS[:3])
    member = open_predictions(tmp_path / "x.npz", "pool")
    assert isinstance(member, NpzMember)
    for _ in range(2):
        blocks = list(member.read_blocks(rows))
        assert [len(block) for block in blocks] == [min(rows, 40 - start) for start in range(0, 40, rows)]
        np.testing.assert_array_equal(np.concatenate(blocks), PROBS)
    half_read = member.read_blocks(rows)
    next(half_read)
    np.testing.assert_array_equal(next(member.read_blocks(rows)), PROBS[:rows])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_members_take_memory_of_a_block(tmp_path: Path, save: Any) -> None:
    array = np.zeros((1000, 4, 500))
    save(tmp_path / "x.npz", array)
    member = open_predictions(tmp_path / "x.npz")
    tracemalloc.start()
    total = sum(len(block) for block in member.read_blocks(10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 1000
    assert peak < array.nbytes / 10


# --- which member -----------------------------------------------------------------------------------------------------


@each_archive
def test_members_are_chosen_by_name(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, pool=PROBS, test=PROBS[:5], labels=np.arange(40))
    assert tuple(open_predictions(path, "test").shape) == (5, 3, 8)
    assert tuple(open_predictions(path, member="labels").shape) == (40,)
    assert tuple(open_predictions(path, default="pool").shape) == PROBS.shape
    assert tuple(open_predictions(path, "test", default="pool").shape) == (5, 3, 8)


@each_archive
@pytest.mark.parametrize("default", [None, "absent"])
def test_one_of_several_is_never_guessed(tmp_path: Path, archive: str, default: str | None) -> None:
    path = several(tmp_path, archive, b=PROBS, a=PROBS)
    with pytest.raises(ValueError, match=r"got members 'a', 'b'\. Name one: member="):
        open_predictions(path, default=default)


@each_archive
def test_the_only_member_needs_no_name(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, preds=PROBS)
    assert tuple(open_predictions(path, default="pool").shape) == PROBS.shape


@each_archive
@pytest.mark.parametrize("member", ["nope", "", "poo", "pool.npy", "../pool"])
def test_members_that_are_not_there_are_refused_with_those_that_are(tmp_path: Path, archive: str, member: str) -> None:
    path = several(tmp_path, archive, pool=PROBS)
    with pytest.raises(ValueError, match=r"expected one of the members 'pool', got "):
        open_predictions(path, member)


@pytest.mark.parametrize("writer", ["npy", "zarr array"])
def test_a_file_of_one_array_has_no_members(tmp_path: Path, writer: str) -> None:
    with pytest.raises(ValueError, match="no members, got member 'pool'"):
        open_predictions(written(tmp_path, writer), "pool")
    assert tuple(open_predictions(tmp_path / WRITERS[writer][0], default="pool").shape) == PROBS.shape


@pytest.mark.parametrize("archive", ["zarr", "hdf5"])
def test_members_in_groups_are_named_by_their_path(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, **{"run/pool": PROBS, "run/deep/test": PROBS[:5]})
    assert tuple(open_predictions(path, "run/deep/test").shape) == (5, 3, 8)
    for member in (None, "run"):
        with pytest.raises(ValueError, match="'run/deep/test', 'run/pool'"):
            open_predictions(path, member)


# --- pickles ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("module", "name"), [("zarr", "x.zarr"), ("h5py", "x.h5")])
def test_where_a_reader_is_missing_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    several(tmp_path, "zarr" if module == "zarr" else "hdf5", only=PROBS)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs {module}: pip install 'alcore\["):
        open_predictions(tmp_path / name)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_datasets_of_hdf5_are_found_under_their_first_name_however_groups_are_linked(tmp_path: Path) -> None:
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file["a/b/pool"] = PROBS
        file["a/labels"] = np.arange(3)
        file["a/b/up"], file["again"] = file["/"], file["a/b/pool"]
        file["soft"], file["nothing"] = h5py.SoftLink("/a"), h5py.SoftLink("/none")
        file["elsewhere"], file["kind"] = h5py.ExternalLink("none.h5", "/x"), np.dtype("f8")
    with pytest.raises(ValueError, match="got members 'a/b/pool', 'a/labels'. Name one"):
        open_predictions(path)
    np.testing.assert_array_equal(alcore.bald(open_predictions(path, "a/b/pool")), alcore.bald(PROBS))
