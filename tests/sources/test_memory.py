"""Sources larger than a block are scored in the memory of a few blocks."""

from __future__ import annotations

from pathlib import Path

import h5py
import numpy as np
import pytest
import zarr

from tests.cases import dirichlet
from tests.conftest import soak
from tests.memory import growth


def test_a_stream_takes_the_same_memory_however_long_it_is() -> None:
    grown = growth(
        f"""
        def work():
            batch = alcore.BALD().select(blocks({soak(16, 64)}), 100)
            assert len(batch) == 100
        """
    )
    assert grown <= 600  # of 1 GiB, of 4 GiB in `make soak`


@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_a_memmap_is_not_read_whole(tmp_path: Path, dtype: str) -> None:
    rows = soak(256 << 20, 1 << 30) // (10 * 100 * np.dtype(dtype).itemsize)
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


def test_a_large_map_is_laid_out_piece_by_piece() -> None:
    grown = growth(
        """
        maps = np.full((1, 4, 1024, 640, 16), 0.25, np.float32)  # 160 MiB in one row

        def work():
            assert alcore.Reduce(alcore.BALD(), "mean").score(maps)[0] == 0
        """
    )
    assert grown <= 100


def test_predictions_stored_draw_by_draw_take_bounded_memory(tmp_path: Path) -> None:
    stored = zarr.create_array(
        tmp_path / "preds.zarr", shape=(160_000, 10, 40), chunks=(160_000, 10, 1), dtype="float32"
    )
    for draw in range(40):
        stored[:, :, draw] = 0.1
    assert stored.nbytes > 240 << 20
    grown = growth(
        f"""
        def work():
            assert not alcore.bald({str(tmp_path / "preds.zarr")!r}).any()
        """
    )
    assert grown <= 400  # four blocks of 32 MiB, and ten chunks that zarr reads at a time


def test_such_predictions_are_saved_in_the_memory_of_some_chunks(tmp_path: Path) -> None:
    with h5py.File(tmp_path / "preds.h5", "w") as file:
        stored = file.create_dataset("preds", (160_000, 10, 40), "f4", chunks=(160_000, 10, 1), compression="lzf")
        for draw in range(40):
            stored[:, :, draw] = 0.1
    grown = growth(
        f"""
        def work():
            saved = alcore.save_predictions({str(tmp_path / "new.npy")!r}, {str(tmp_path / "preds.h5")!r})
            assert saved.shape == (160_000, 10, 40)
        """
    )
    assert grown <= 160


def test_a_member_in_fortran_order_is_not_held(tmp_path: Path) -> None:
    array = np.asfortranarray(np.full((160_000, 10, 40), 0.1, np.float32))
    np.savez_compressed(tmp_path / "preds.npz", array)
    grown = growth(
        f"""
        def work():
            assert not alcore.bald({str(tmp_path / "preds.npz")!r}).any()
        """
    )
    assert grown <= 120
