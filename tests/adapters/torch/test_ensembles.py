"""Checkpoints of an ensemble, and files of several jobs, stand side by side along the draws."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
from torch import nn

import alcore
from tests.adapters.torch.predictions import IMAGES, convolutional, predict


def test_checkpoints_predict_as_the_ensemble_in_memory_and_load_weights_alone(tmp_path: Path) -> None:
    """The model's own weights are back afterwards; a file that would run code is refused."""
    model = convolutional(nn.Dropout(0.4))
    members = [copy.deepcopy(model) for _ in range(3)]
    for seed, member in enumerate(members):
        torch.manual_seed(seed)
        nn.init.normal_(member[0].weight)
        torch.save(member.state_dict(), tmp_path / f"{seed}.pt")
    before = copy.deepcopy(model.state_dict())
    ensemble = alcore_torch.Checkpoints(model, [tmp_path / f"{seed}.pt" for seed in range(3)])
    options = {"draws": 4, "batch_size": 12, "kind": "logits"}
    found = alcore_torch.predict(ensemble, IMAGES, out=tmp_path / "preds.npy", **options)
    np.testing.assert_array_equal(np.asarray(found[:]), predict(members, IMAGES, draws=4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.pt", "1.pt", "2.pt", "preds.npy"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    store = alcore.SharedStore(tmp_path / "store.zarr", rows=len(IMAGES), chunk=12)
    for start, stop in store.ranges(2):
        alcore_torch.predict(ensemble, IMAGES[start:stop], out=store, rows=(start, stop), **options)
    np.testing.assert_array_equal(alcore.open_predictions(store.path)[:], np.asarray(found[:]))
    torch.save(members[1].state_dict(), tmp_path / "0.pt")  # another member
    with pytest.raises(ValueError, match="Load the model of the first ranges"):
        alcore_torch.predict(ensemble, IMAGES[:12], out=store, rows=(0, 12), **options)
    with pytest.raises(ValueError, match="out="):
        alcore_torch.predict(ensemble, IMAGES, draws=4)
    with pytest.raises(ValueError, match="iterator"):
        alcore_torch.predict(ensemble, iter([IMAGES]), draws=4, out=tmp_path / "again.zarr")

    class Evil:
        def __reduce__(self) -> Any:
            return print, ("run",)

    torch.save(Evil(), tmp_path / "evil.pt")
    evil = alcore_torch.Checkpoints(model, [tmp_path / "evil.pt"])
    with pytest.raises(Exception, match="Weights only load failed"):
        alcore_torch.predict(evil, IMAGES, draws=4, out=tmp_path / "again.npy")


def test_files_of_separate_jobs_are_joined_along_the_draws(tmp_path: Path) -> None:
    """One seed for each job."""
    model = convolutional(nn.Dropout(0.4))
    files = [tmp_path / f"{seed}.zarr" for seed in range(2)]
    for seed, file in enumerate(files):
        alcore_torch.predict(model, IMAGES, draws=3, seed=seed, out=file, kind="logits")
    joined = alcore.concatenate_draws(files)
    assert joined.shape == (30, 3, 6)
    np.testing.assert_array_equal(joined[:][..., 3:], predict(model, IMAGES, draws=3, seed=1, batch_size=128))


def test_ranges_of_a_model_in_half_precision_know_its_weights(tmp_path: Path) -> None:
    """NumPy has no bfloat16."""
    model = convolutional(nn.Dropout(0.4)).to(torch.bfloat16)
    store = alcore.SharedStore(tmp_path / "store.zarr", rows=len(IMAGES), chunk=10)
    given = {"draws": 2, "kind": "logits", "progress": False, "out": store}
    alcore_torch.predict(model, IMAGES[:10].to(torch.bfloat16), rows=(0, 10), **given)
    with torch.no_grad():
        model[0].weight[0, 0, 0, 0] += 1
    with pytest.raises(ValueError, match="Load the model of the first ranges"):
        alcore_torch.predict(model, IMAGES[10:20].to(torch.bfloat16), rows=(10, 20), **given)
