"""Predictions written to files of every format."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(40, 8)).transpose(0, 2, 1).copy()


def write_zarr(path: Path, **members: np.ndarray) -> None:
    group = zarr.open_group(path, mode="w")
    for name, array in members.items():
        group.create_array(name, shape=array.shape, dtype=array.dtype)[...] = array


def write_zarr_array(path: Path, array: np.ndarray) -> None:
    zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(16, *array.shape[1:]))[...] = array


def write_hdf5(path: Path, **members: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        for name, array in members.items():
            file.create_dataset(name, data=array)


def write_compressed_hdf5(path: Path, array: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("only", data=array, chunks=(16, *array.shape[1:]), compression="gzip")


WRITERS: dict[str, tuple[str, Callable[[Path, np.ndarray], Any]]] = {
    "npy": ("x.npy", np.save),
    "npz stored": ("x.npz", lambda path, array: np.savez(path, only=array)),
    "npz compressed": ("x.npz", lambda path, array: np.savez_compressed(path, only=array)),
    "zarr array": ("x.zarr", write_zarr_array),
    "zarr group": ("x.zarr", lambda path, array: write_zarr(path, only=array)),
    "hdf5": ("x.h5", lambda path, array: write_hdf5(path, only=array)),
    "hdf5 in chunks": ("x.hdf5", write_compressed_hdf5),
}
each_writer = pytest.mark.parametrize("writer", WRITERS)


def written(folder: Path, writer: str, array: np.ndarray = PROBS) -> Path:
    """The path of a file of that format that holds the array."""
    name, write = WRITERS[writer]
    write(folder / name, array)
    return folder / name


SEVERAL: dict[str, tuple[str, Callable[..., Any]]] = {
    "npz": ("x.npz", np.savez),
    "zarr": ("x.zarr", write_zarr),
    "hdf5": ("x.h5", write_hdf5),
}
each_archive = pytest.mark.parametrize("archive", SEVERAL)


def several(folder: Path, archive: str, **members: np.ndarray) -> Path:
    """The path of an archive with such members."""
    name, write = SEVERAL[archive]
    write(folder / name, **members)
    return folder / name


def zipped(path: Path, **files: bytes) -> None:
    """Write a zip of files; an underscore of their names stands for the dot."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)
