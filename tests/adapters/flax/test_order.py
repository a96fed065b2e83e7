"""Batches come with the ids of their rows, and streams that shuffle are refused without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_flax
import numpy as np
import pytest

from tests.adapters.flax.predictions import ROWS, Layers, bound, predict
from tests.adapting.stand_ins import named

IDS = np.random.default_rng(1).permutation(len(ROWS))
Shuffled = named("datasets.iterable_dataset", "BufferShuffledExamplesIterable")


class Stream(named("datasets.iterable_dataset", "IterableDataset")):  # type: ignore[misc]
    """A stream of Hugging Face that shuffles."""

    def __init__(self) -> None:
        self._ex_iterable = Shuffled()

    def __iter__(self) -> Any:
        return iter([(ROWS[IDS[:15]], IDS[:15]), (ROWS[IDS[15:]], IDS[15:])])


def test_ids_come_with_the_predictions(tmp_path: Path) -> None:
    """Beside the blocks and beside a file; put in their order, the rows are those of the array."""
    model = bound(Layers("by argument"), ROWS)
    expected, given = predict(model, ROWS), {"draws": 4, "kind": "logits", "progress": False}
    with pytest.raises(ValueError, match="the step BufferShuffledExamplesIterable of the data may .*ids="):
        predict(model, Stream())
    np.testing.assert_allclose(predict(model, Stream(), ids=1)[np.argsort(IDS)], expected, rtol=0, atol=1e-5)
    preds = alcore_flax.predict(model, Stream(), ids=1, **given)
    assert preds.ids is None
    list(preds)
    np.testing.assert_array_equal(preds.ids, IDS)
    data = {"x": ROWS, "name": IDS}
    alcore_flax.predict(model, data, ids="name", inputs=lambda batch: batch["x"], out=tmp_path / "p.npy", **given)
    np.testing.assert_array_equal(np.load(tmp_path / "p.ids.npy"), IDS)
