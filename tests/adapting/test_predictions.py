"""Blocks are made as they are asked for, masks go with them, and a file is gone on with by the same model and data alone."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import adapting
from alcore.adapting import Request
from tests.adapting.numpy_model import ROWS, halves, predictions


def test_blocks_come_as_they_are_asked_for() -> None:
    seen: list[int] = []

    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        seen.append(block)
        return halves(batch, block, draw)

    blocks = predictions(run)
    assert seen == []
    assert next(blocks).shape == (4, 2, 3)
    assert seen == [0, 0, 0]
    rest = list(blocks)
    assert [len(block) for block in rest] == [4, 2]
    assert blocks.mask is None
    whole = np.concatenate(list(predictions()))
    np.testing.assert_allclose(whole[:, 0, 2], (ROWS[:, 0] + 0.2) % 1, rtol=1e-6)
    assert whole.flags.c_contiguous
    assert alcore.bald(predictions()).shape == (10,)


def test_masks_go_with_the_blocks(tmp_path: Path) -> None:
    def run(batch: Any, block: int, draw: int) -> np.ndarray:
        return np.full((len(batch), 2, 4), 0.5)

    options = {"mask": lambda batch: batch > 0.5}
    blocks = predictions(run, **options)
    list(blocks)
    np.testing.assert_array_equal(blocks.mask, ROWS > 0.5)
    predictions(run, out=tmp_path / "p.zarr", **options)
    np.testing.assert_array_equal(np.load(tmp_path / "p.mask.npy"), ROWS > 0.5)
    with pytest.raises(ValueError, match=r"mask: expected True or False of shape \(4, 4\), got float64"):
        next(predictions(run, mask=lambda batch: batch))
    by_key = adapting.as_mask("attention")
    assert by_key is not None
    assert by_key({"attention": np.array([[1, 0]])}).tolist() == [[False, True]]
    assert adapting.as_mask(None) is None


def test_a_file_is_gone_on_with_by_the_same_model_and_data_alone(tmp_path: Path) -> None:
    def stopped() -> Any:
        yield from itertools.islice(adapting.cut(ROWS, 4), 2)
        raise OSError("stopped")

    def predict(data: Any, run: Any = halves) -> Any:
        return adapting.predict(data, [run], Request(2), rows=None, out=tmp_path / "p.zarr")

    with pytest.raises(OSError, match="stopped"):
        predict(stopped())
    with pytest.raises(ValueError, match="other probabilities"):
        predict(adapting.cut(ROWS, 4), lambda batch, block, draw: halves(batch, block, draw + 1))
    with pytest.raises(ValueError, match="another shape"):
        predict(adapting.cut(ROWS, 3))
    with pytest.raises(ValueError, match="holds 8 rows already, but the data ends after 4"):
        predict(adapting.cut(ROWS[:4], 4))
    np.testing.assert_array_equal(
        np.asarray(predict(adapting.cut(ROWS, 4))[:]), np.concatenate(list(predictions(draws=2)))
    )
