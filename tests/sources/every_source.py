"""A pool of predictions as every kind of source that alcore reads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import h5py
import numpy as np
import zarr

import alcore


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
