"""Rows that a file has room for and nobody wrote are named: holes of files, and rows taken from files that lack them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

import alcore
from alcore.sources.holes import place_of_mapped, rows_in_holes
from tests.cases import dirichlet

N, C, T = 4000, 4, 10
PROBS = np.ascontiguousarray(dirichlet(N, C, T))
LOGITS = np.log(PROBS)
SMALL = LOGITS[:12, :3, :5].copy()


def keeps_holes(folder: Path) -> bool:
    with open(folder / "probe", "wb") as file:
        file.seek(1 << 20)
        file.write(b"1")
    probe = np.memmap(folder / "probe", np.uint8, "r")
    return bool(rows_in_holes(place_of_mapped(probe.reshape(-1, 1)[: 1 << 16]), 0).any())  # type: ignore[arg-type]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    if not keeps_holes(tmp_path):
        pytest.skip("this file system keeps no holes, so it cannot say what was written")
    return tmp_path


def begun(file: Path, array: np.ndarray, written: Any) -> Path:
    mapped = np.lib.format.open_memmap(file, "w+", array.dtype, array.shape)
    mapped[written] = array[written]
    mapped.flush()
    return file


@pytest.mark.parametrize("kind", ["logits", "multilabel_logits"])
def test_rows_in_a_hole_of_a_npy_file_are_refused(folder: Path, kind: str) -> None:
    file = begun(folder / "z.npy", LOGITS, slice(0, 2500))
    for source in (file, [folder / "z.npy"], np.load(file, mmap_mode="r"), np.load(file, mmap_mode="r")[::-1]):
        with pytest.raises(ValueError, match=r"z\.npy: expected 4000 rows.*holes in the place of rows"):
            alcore.bald(source, kind=kind)
    with pytest.raises(ValueError, match=r"pass the numbers: np\.load\('.*z\.npy'\)"):
        alcore.save_predictions(folder / "copy.npy", file, kind=kind)
    filled = np.where(np.arange(N)[:, None, None] < 2500, LOGITS, 0)
    np.testing.assert_array_equal(alcore.bald(np.load(file), kind=kind), alcore.bald(filled, kind=kind))
    there = np.load(file, mmap_mode="r")[2400::-1]
    np.testing.assert_array_equal(alcore.bald(there, kind=kind), alcore.bald(LOGITS[2400::-1], kind=kind))


def test_draws_and_rows_in_holes_of_another_order_are_refused(folder: Path) -> None:
    stacked = np.ascontiguousarray(LOGITS.transpose(2, 0, 1))
    with pytest.raises(ValueError, match="place of rows 0 to 3999"):
        alcore.bald(begun(folder / "draws.npy", stacked, slice(0, 7)), kind="logits", axes="TNC")
    with pytest.raises(ValueError, match="place of rows 20[01][0-9] to 3"):
        alcore.bald(begun(folder / "rows.npy", stacked, np.s_[:, :2000]), kind="logits", axes="TNC")


def test_a_mapped_part_of_a_file_is_placed_by_its_offset(folder: Path) -> None:
    for name, rows in (("whole", N), ("part", 3000)):
        mapped = np.memmap(folder / name, "f8", "w+", 40_000, LOGITS.shape)
        mapped[:rows] = LOGITS[:rows]
        mapped.flush()
    read = {name: np.memmap(folder / name, "f8", "r", 40_000, LOGITS.shape) for name in ("whole", "part")}
    np.testing.assert_array_equal(alcore.bald(read["whole"], kind="logits"), alcore.bald(LOGITS, kind="logits"))
    with pytest.raises(ValueError, match=r"rows 30.* to 39.*np\.array\(probs\)"):
        alcore.bald(read["part"], kind="logits")


def test_zeros_that_were_written_are_read(folder: Path) -> None:
    np.save(folder / "zeros.npy", np.zeros_like(LOGITS))
    begun(folder / "mapped.npy", np.zeros_like(LOGITS), slice(None))
    for name in ("zeros.npy", "mapped.npy"):
        np.testing.assert_allclose(alcore.entropy(folder / name, kind="logits"), np.log(C))


def test_holes_of_a_dataset_without_chunks_are_refused(folder: Path) -> None:
    with h5py.File(folder / "x.h5", "w") as file:
        file.create_dataset("x", shape=LOGITS.shape, dtype="f8")[:2500] = LOGITS[:2500]
        file["whole"] = LOGITS
    with pytest.raises(ValueError, match=r"member 'x': expected 4000.*open_predictions\('.*x.h5', 'x'\)\[:\]"):
        alcore.bald(alcore.open_predictions(folder / "x.h5", "x"), kind="logits")
    np.testing.assert_array_equal(
        alcore.bald(alcore.open_predictions(folder / "x.h5", "whole"), kind="logits"),
        alcore.bald(LOGITS, kind="logits"),
    )


# --- HDF5 datasets whose numbers lie elsewhere ------------------------------------------------------------------------


def parts(folder: Path) -> None:
    for name, rows in (("a", slice(0, 6)), ("b", slice(6, 12))):
        with h5py.File(folder / f"{name}.h5", "w") as file:
            file.create_dataset("p", data=SMALL[rows], chunks=(2, 3, 5))
    with h5py.File(folder / "short.h5", "w") as file:
        file["p"] = SMALL[6:10]
    with h5py.File(folder / "gap.h5", "w") as file:
        file.create_dataset("p", shape=(6, 3, 5), chunks=(2, 3, 5), dtype="f8")[:4] = SMALL[6:10]
    for draw in range(5):
        with h5py.File(folder / f"draw{draw}.h5", "w") as file:
            file["p"] = SMALL[..., draw]


def virtual(folder: Path, second: str | None, **selected: Any) -> Path:
    layout = h5py.VirtualLayout(shape=SMALL.shape, dtype="f8")
    layout[:6] = h5py.VirtualSource(folder / "a.h5", "p", shape=(6, 3, 5))
    if second:
        source = h5py.VirtualSource(f"{second}.h5", "p", shape=(6, 3, 5))
        layout[6:] = source[0:6] if selected else source
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_virtual_dataset("p", layout)
    return folder / "v.h5"


@pytest.mark.parametrize(
    ("second", "said"),
    [
        ("gone", "6 to 11. It takes them from gone.h5"),
        (None, "6 to 11. Its fill"),
        ("gap", "10 to 11. It takes them from gap.h5"),
    ],
)
def test_rows_of_a_virtual_dataset_that_no_file_has_are_named(tmp_path: Path, second: str | None, said: str) -> None:
    parts(tmp_path)
    with pytest.raises(ValueError, match=f"no numbers for rows {said}"):
        alcore.entropy(virtual(tmp_path, second), kind="logits")
    there = alcore.open_predictions(tmp_path / "v.h5")[0:6]
    np.testing.assert_array_equal(alcore.entropy(there, kind="logits"), alcore.entropy(SMALL[:6], kind="logits"))


def test_a_source_that_is_shorter_than_it_was_lacks_its_last_rows(tmp_path: Path) -> None:
    parts(tmp_path)
    with pytest.raises(ValueError, match="rows 10 to 11. It takes them from short.h5"):
        alcore.entropy(virtual(tmp_path, "short", sliced=True), kind="logits")


def of_rows(folder: Path) -> Path:
    return virtual(folder, "b")


def of_draws(folder: Path) -> Path:
    layout = h5py.VirtualLayout(shape=SMALL.shape, dtype="f8")
    for draw in range(5):
        layout[..., draw] = h5py.VirtualSource(folder / f"draw{draw}.h5", "p", shape=(12, 3))
    with h5py.File(folder / "v.h5", "w") as file:
        file.create_virtual_dataset("p", layout)
    return folder / "v.h5"


@pytest.mark.parametrize("made", [of_rows, of_draws])
def test_whole_virtual_datasets_are_read(tmp_path: Path, made: Callable[[Path], Path]) -> None:
    parts(tmp_path)
    np.testing.assert_array_equal(alcore.bald(made(tmp_path), kind="logits"), alcore.bald(SMALL, kind="logits"))


def test_a_draw_that_is_gone_is_missing_in_every_row(tmp_path: Path) -> None:
    parts(tmp_path)
    file = of_draws(tmp_path)
    (tmp_path / "draw3.h5").unlink()
    with pytest.raises(ValueError, match="rows 0 to 11. It takes them from .*draw3.h5"):
        alcore.bald(file, kind="logits")


def test_a_raw_file_that_is_short_lacks_its_last_rows(tmp_path: Path) -> None:
    for name, rows in (("whole", 12), ("short", 7)):
        SMALL[:rows].tofile(tmp_path / f"{name}.bin")
        with h5py.File(tmp_path / f"{name}.h5", "w") as file:
            raw = [(str(tmp_path / f"{name}.bin"), 0, SMALL.nbytes)]
            file.create_dataset("p", shape=SMALL.shape, dtype="f8", external=raw)
    np.testing.assert_array_equal(alcore.bald(tmp_path / "whole.h5", kind="logits"), alcore.bald(SMALL, kind="logits"))
    with pytest.raises(ValueError, match="rows 7 to 11. It takes them from .*short.bin"):
        alcore.bald(tmp_path / "short.h5", kind="logits")
