"""Checkpoints of an ensemble, and the weights a model began with."""

from __future__ import annotations

from pathlib import Path

import alcore_keras
import keras
import numpy as np
import pytest
from keras import layers as kl

import alcore
from tests.adapters.keras.networks import as_numpy
from tests.adapters.keras.predictions import ROWS, around, predict


@pytest.mark.parametrize("suffix", [".npy", pytest.param(".zarr", marks=pytest.mark.soak)])
def test_checkpoints_predict_as_the_ensemble_in_memory(tmp_path: Path, suffix: str) -> None:
    """The model's own weights are back afterwards; predictions that have no file are refused."""
    members = [around(kl.Dropout(0.4), (6,)) for _ in range(3)]
    paths = [tmp_path / f"{place}.weights.h5" for place in range(3)]
    for member, path in zip(members, paths, strict=True):
        member.save_weights(path)
    model = around(kl.Dropout(0.4), (6,))
    before = model.get_weights()
    on_disk = alcore_keras.Checkpoints(model, paths)
    options = {"draws": 4, "kind": "logits", "progress": False, "batch_size": 20}
    found = alcore_keras.predict(on_disk, ROWS, out=tmp_path / f"preds{suffix}", **options)
    np.testing.assert_allclose(np.asarray(found[:]), predict(members, ROWS), rtol=0, atol=1e-6)
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    store = alcore.SharedStore(tmp_path / "store.zarr", rows=20, chunk=10)
    for start, stop in store.ranges(2):
        given = alcore_keras.Checkpoints(around(kl.Dropout(0.4), (6,)), paths)  # the weights of the model do not matter
        alcore_keras.predict(given, ROWS[start:stop], out=store, rows=(start, stop), **options)
    np.testing.assert_allclose(alcore.open_predictions(store.path)[:], np.asarray(found[:]), rtol=0, atol=1e-5)
    with pytest.raises(ValueError, match="out"):
        alcore_keras.predict(on_disk, ROWS, **options)


def test_initial_weights_come_back_and_leave_the_optimizer_alone() -> None:
    """In the same variables, which can be trained again."""
    model = around(kl.Dropout(0.4), (6,))
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    initial = alcore_keras.InitialWeights(model)
    before, own = model.get_weights(), model.weights[0]
    model.fit(ROWS, np.arange(20) % 3, verbose=0)
    steps = int(as_numpy(model.optimizer.iterations))
    assert steps > 0
    assert (model.get_weights()[0] != before[0]).any()
    initial.restore()
    for old, new in zip(before, model.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)
    assert own is model.weights[0]
    assert int(as_numpy(model.optimizer.iterations)) == steps
    found = predict(model, ROWS)
    model.fit(ROWS, np.arange(20) % 3, verbose=0)  # and it can be trained again
    assert (predict(model, ROWS) != found).any()
