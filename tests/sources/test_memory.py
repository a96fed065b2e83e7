"""Sources larger than a block are scored in the memory of a few blocks."""

from __future__ import annotations

from pathlib import Path

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
    assert grown <= 200
