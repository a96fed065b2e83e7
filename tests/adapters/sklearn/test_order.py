"""Batches come with the ids of their rows, and loaders that shuffle are refused without."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import alcore_sklearn
import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.ensemble import ExtraTreesClassifier

from tests.adapting.stand_ins import named

X, Y = load_iris(return_X_y=True)
IDS = np.random.default_rng(1).permutation(len(X))
Random = named("torch.utils.data.sampler", "RandomSampler")
TREES = ExtraTreesClassifier(5, max_depth=2, random_state=0).fit(X, Y)


def batches(loader: Any) -> Iterator[Any]:
    return iter([(X[IDS[:60]], IDS[:60]), (X[IDS[60:]], IDS[60:])])


class Loader(named("torch.utils.data.dataloader", "DataLoader", __iter__=batches)):  # type: ignore[misc]
    """A loader of PyTorch that shuffles."""

    batch_sampler, num_workers, drop_last, dataset = Random(), 0, False, X


def test_ids_come_with_the_predictions(tmp_path: Path) -> None:
    """Beside the blocks and beside a file; put in their order, the rows are those of the array."""
    expected = np.concatenate(list(alcore_sklearn.predict(TREES, X)))
    with pytest.raises(ValueError, match="the RandomSampler of the Loader may .*ids="):
        alcore_sklearn.predict(TREES, Loader())
    preds = alcore_sklearn.predict(TREES, Loader(), ids=1)
    np.testing.assert_array_equal(np.concatenate(list(preds)), expected[IDS])
    np.testing.assert_array_equal(preds.ids, IDS)
    alcore_sklearn.predict(TREES, Loader(), ids=1, out=tmp_path / "p.zarr")
    np.testing.assert_array_equal(np.load(tmp_path / "p.ids.npy"), IDS)
    with pytest.raises(ValueError, match="ids: no 'file' in a block of 2 parts"):
        next(alcore_sklearn.predict(TREES, Loader(), ids="file"))
