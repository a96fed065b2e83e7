"""Files of predictions with damaged bytes are refused in a sentence that names them, or read as their own format's reader does."""

from __future__ import annotations

import shutil
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore.sources import reading
from tests.soak import definitions
from tests.soak.damaged_bytes import damage_folder, damaged, read_folder, within_limits, within_time, write_folder
from tests.soak.hostile_numbers import pick
from tests.soak.hostile_predictions import meaning_of
from tests.soak.laws import Counts, assert_close, check_sentence, each_part, numbers

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(6, 4)).transpose(0, 2, 1).copy()
OTHER = np.random.default_rng(1).dirichlet(np.ones(2), size=(2, 3)).transpose(0, 2, 1).copy()


@dataclass(frozen=True)
class Format:
    """How valid files are written, several kinds of them, and how the format's own library reads the array."""

    suffix: str
    write: tuple[Callable[[Path], Any], ...]
    read: Callable[[Path], np.ndarray]
    large: int  # inputs in `make soak`


def named(names: list[str]) -> str:
    return "pool" if "pool" in names else names[0]


def read_npz(path: Path) -> np.ndarray:
    with np.lib.npyio.NpzFile(open(path, "rb"), own_fid=True) as file:  # whatever its first bytes say
        return np.asarray(file[named(file.files)])


def read_hdf5(path: Path) -> np.ndarray:
    with h5py.File(path, "r") as file:
        return np.asarray(file[named([*file])][...])


def read_zarr(path: Path) -> np.ndarray:
    node = zarr.open(str(path), mode="r")
    return np.asarray(node[...] if isinstance(node, zarr.Array) else node[named([*node])][...])


def write_hdf5(path: Path, array: np.ndarray, **options: Any) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("pool", data=array, **options)


def write_zarr(path: Path, array: np.ndarray, version: int) -> None:
    stored = zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(4, 3, 4), zarr_format=version)
    stored[...] = array


def write_version_2(path: Path) -> None:
    with open(path, "wb") as file:
        np.lib.format.write_array(file, PROBS, version=(2, 0))


FORMATS = {
    "npy": Format(
        ".npy",
        (
            lambda path: np.save(path, PROBS),
            lambda path: np.save(path, np.asfortranarray(PROBS.astype(np.float32))),
            lambda path: np.save(path, PROBS.astype(">f2")),
            write_version_2,
        ),
        lambda path: np.load(path, allow_pickle=False),
        100_000,
    ),
    "npz": Format(
        ".npz",
        (
            lambda path: np.savez(path, pool=PROBS),
            lambda path: np.savez_compressed(path, pool=PROBS.astype(np.float32)),
            lambda path: np.savez(path, pool=np.asfortranarray(PROBS), labels=np.arange(3)),
        ),
        read_npz,
        100_000,
    ),
    "hdf5": Format(
        ".h5",
        (
            lambda path: write_hdf5(path, PROBS),
            lambda path: write_hdf5(path, PROBS.astype(np.float32), chunks=(4, 3, 4), compression="gzip"),
            lambda path: write_hdf5(path, PROBS, chunks=(2, 3, 4), shuffle=True, fletcher32=True),
        ),
        read_hdf5,
        100_000,
    ),
    "zarr": Format(
        ".zarr",
        (
            lambda path: write_zarr(path, PROBS, 3),
            lambda path: write_zarr(path, PROBS.astype(np.float32), 2),
            lambda path: zarr.open_group(path, mode="w").create_array("pool", data=OTHER),
        ),
        read_zarr,
        40_000,  # three milliseconds each
    ),
}


def files_of(form: Format, folder: Path) -> list[dict[str, bytes]]:
    """The bytes of valid files, by their names in a folder; a name of "" is the file itself."""
    found = []
    for number, write in enumerate(form.write):
        path = folder / f"valid {number}{form.suffix}"
        write(path)
        found.append(read_folder(path) if path.is_dir() else {"": path.read_bytes()})
    return found


def write_damaged(rng: np.random.Generator, path: Path, files: dict[str, bytes]) -> None:
    if "" in files:
        path.write_bytes(damaged(rng, files[""]) if rng.random() < 0.97 else files[""])
    else:
        path.mkdir()
        write_folder(path, damage_folder(rng, files) if rng.random() < 0.97 else files)


def check_file(path: Path, form: Format, counts: Counts) -> None:
    """Read as the format's own library reads it, or refused by its name; never slowly and never in much memory."""
    counts.inputs += 1
    found: Any = None
    with within_time():
        try:
            found = alcore.bald(alcore.open_predictions(path, default="pool"))
        except (ValueError, TypeError) as error:
            check_sentence(str(error), (str(path), "probs"))
    if found is None:
        counts.refused += 1
        return
    stored = form.read(path)
    cells, right = meaning_of(stored, "probs")
    assert right is not False, "scored, though its numbers are no probabilities"
    expected = definitions.bald(cells, np.full(cells.shape[-1], 1 / cells.shape[-1]))
    assert_close(found, expected, 1e-5, 4e-6 if stored.dtype.itemsize < 8 else 1e-12)
    counts.answered += 1


@each_part
@pytest.mark.parametrize("name", FORMATS)
def test_damaged_files_are_refused_or_read_right(
    name: str, part: int, tmp_path: Path, counts: Counts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 1 << 14)  # zarr takes a millisecond for each chunk that is not there
    form = FORMATS[name]
    valid = files_of(form, tmp_path)
    alcore.bald(PROBS)  # compiled before memory is limited
    with within_limits():
        for number in numbers(part, form.large):
            rng = np.random.default_rng([zlib.crc32(name.encode()), number])
            path = tmp_path / f"{number}{form.suffix}"
            write_damaged(rng, path, pick(rng, valid))
            try:
                check_file(path, form, counts)
            except Exception as error:
                raise AssertionError(f"{name}, input {number}: {error!r}") from error
            finally:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
    assert counts.refused
    assert counts.answered
