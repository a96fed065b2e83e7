"""The first bytes of a file say its format, whatever its name; links of HDF5 lead to their datasets."""

from __future__ import annotations

import shutil
from pathlib import Path

import h5py
import ml_dtypes
import numpy as np
import pytest
import zarr

import alcore
from tests.sources.file_formats import PROBS, WRITERS, each_writer, several, written

SCORES = alcore.bald(PROBS)


@each_writer
@pytest.mark.parametrize(
    "name", ["preds", "PREDS.NPY", "x.NPZ", "x.hdf", "x.he5", "x.npy", "x.npz", "x.h5", "x.zarr", "x.csv"]
)
def test_any_name_will_do(tmp_path: Path, writer: str, name: str) -> None:
    path = written(tmp_path, writer)
    other = tmp_path / "other" / name
    other.parent.mkdir()
    shutil.move(path, other)
    np.testing.assert_array_equal(alcore.bald(other), SCORES)


@pytest.mark.parametrize("group", [False, True])
@pytest.mark.parametrize("zarr_format", [2, 3])
def test_a_zip_of_zarr_is_read(tmp_path: Path, group: bool, zarr_format: int) -> None:
    store = zarr.storage.ZipStore(tmp_path / "x.zarr.zip", mode="w")
    root = zarr.open_group(store, mode="w", zarr_format=zarr_format) if group else None
    if root is not None:
        root.create_array("run/pool", data=PROBS, chunks=(8, 3, 8))
    else:
        zarr.create_array(store, data=PROBS, chunks=(8, 3, 8), zarr_format=zarr_format)
    store.close()
    np.testing.assert_array_equal(alcore.bald(tmp_path / "x.zarr.zip"), SCORES)


def test_hdf5_after_bytes_of_another_kind_is_read(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "x.h5", "w", userblock_size=2048) as file:
        file["preds"] = PROBS
    np.testing.assert_array_equal(alcore.bald(tmp_path / "x.h5"), SCORES)


def test_a_folder_that_is_no_zarr_is_refused(tmp_path: Path) -> None:
    (tmp_path / "preds").mkdir()
    with pytest.raises(
        ValueError, match="expected a file, or a folder of zarr with one of zarr.json, .zarray, .zgroup"
    ):
        alcore.bald(tmp_path / "preds")


# --- links ------------------------------------------------------------------------------------------------------------


def test_links_lead_to_their_datasets(tmp_path: Path) -> None:
    several(tmp_path, "hdf5", **{"run/pool": PROBS})
    with h5py.File(tmp_path / "links.h5", "w") as file:
        file["other"] = h5py.ExternalLink("x.h5", "/run/pool")
    np.testing.assert_array_equal(alcore.bald(tmp_path / "links.h5"), SCORES)
    with h5py.File(tmp_path / "soft.h5", "w") as file:
        file["data/3"], file["data/4"] = PROBS, PROBS[:5]
        file["latest"], file["group"] = h5py.SoftLink("/data/3"), h5py.ExternalLink("x.h5", "/run")
    for member in ("latest", "data/3", "group/pool"):
        np.testing.assert_array_equal(alcore.bald(alcore.open_predictions(tmp_path / "soft.h5", member)), SCORES)
    with pytest.raises(ValueError, match="got members 'data/3', 'data/4', 'group/pool'"):
        alcore.open_predictions(tmp_path / "soft.h5")


def test_links_in_a_circle_or_to_nothing_are_passed_by(tmp_path: Path) -> None:
    for name, other in (("a.h5", "b.h5"), ("b.h5", "a.h5")):
        with h5py.File(tmp_path / name, "w") as file:
            file["self"], file["none"] = h5py.SoftLink("/self"), h5py.SoftLink("/nowhere")
            file["up/root"], file["other"] = h5py.SoftLink("/"), h5py.ExternalLink(other, "/")
            file["gone"] = h5py.ExternalLink("gone.h5", "/x")
    with pytest.raises(ValueError, match="expected at least one array, got none"):
        alcore.bald(tmp_path / "a.h5")
    with h5py.File(tmp_path / "b.h5", "a") as file:
        file["pool"] = PROBS
    np.testing.assert_array_equal(alcore.bald(tmp_path / "a.h5"), SCORES)
    for member in ("self", "none", "gone", "up"):
        with pytest.raises(ValueError, match=f"expected one of the members 'other/pool', got '{member}'"):
            alcore.open_predictions(tmp_path / "a.h5", member)


# --- numbers that NumPy does not have ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("dtype", "said"),
    [(ml_dtypes.bfloat16, r"got \|V2 \(bfloat16\?\)"), (ml_dtypes.float8_e4m3fn, r"got \|V1 \(float8\?\)")],
)
def test_bfloat16_on_disk_is_said_by_name(tmp_path: Path, dtype: type, said: str) -> None:
    half = (np.eye(2)[[0, 1, 1]][:, :, None] * np.ones(5)).astype(dtype)
    np.save(tmp_path / "half.npy", half)
    with pytest.raises(TypeError, match=said):
        alcore.bald(tmp_path / "half.npy")
    name = "bfloat16" if dtype is ml_dtypes.bfloat16 else "float8_e4m3fn"
    with pytest.raises(TypeError, match=rf"np.load\(path\).view\(ml_dtypes.{name}\).astype\(np.float32\)"):
        alcore.bald(tmp_path / "half.npy")
    read = np.load(tmp_path / "half.npy").view(getattr(ml_dtypes, name)).astype(np.float32)
    np.testing.assert_array_equal(read, half.astype(np.float32))
    assert alcore.bald(read).tolist() == [0, 0, 0]


def test_every_writer_is_tried() -> None:
    assert {"npy", "npz stored", "zarr array", "zarr group", "hdf5"} <= set(WRITERS)
