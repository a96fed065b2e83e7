"""Checkpoints of an ensemble, and the weights a model began with."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import alcore_flax
import jax
import numpy as np
import pytest
from flax import nnx, serialization

import alcore
from tests.adapters.flax.predictions import ROWS, Block, Layers, bound, nnx_state, predict


def test_initial_weights_come_back_after_training_and_donation() -> None:
    """They are copied anew each time, so arrays that a step took away do not matter."""
    model = Block()
    model.train()
    initial, before = alcore_flax.InitialWeights(model), nnx_state(model)
    for _ in range(2):
        model(ROWS)  # statistics and streams go on
        model.first.kernel[...] = model.first.kernel[...] + 1
        stale = model.first.kernel[...]
        assert initial.restore() is model
        stale.delete()
    for old, new in zip(before[:-1], nnx_state(model)[:-1], strict=True):
        assert old.dtype == np.uint32 or (old == new).all()  # keys, and counts of streams, which go on
    linen = bound(Layers("by argument"), ROWS)
    initial, said = alcore_flax.InitialWeights(linen), np.asarray(linen(ROWS))
    for leaf in jax.tree.leaves(linen.variables):
        leaf.delete()
    np.testing.assert_array_equal(initial.restore()(ROWS), said)


@pytest.mark.parametrize("make", ["linen", "nnx", "dropconnect"])
def test_checkpoints_predict_as_the_ensemble_in_memory(make: str, tmp_path: Path) -> None:
    """The model's own weights are not touched, and no other file is left."""

    def member(seed: int) -> Any:
        if make == "linen":
            return Layers("by argument").bind(Layers("by argument").init(jax.random.key(seed), ROWS))
        model = Block()
        for leaf in (model.first, model.last):
            leaf.kernel[...] = leaf.kernel[...] * (seed + 1)
        return model

    wrap = (lambda one: alcore_flax.DropConnect(one, 0.2)) if make == "dropconnect" else (lambda one: one)
    models = [member(seed) for seed in range(3)]
    for seed, model in enumerate(models):
        alcore_flax.Checkpoints.save(model, tmp_path / f"{seed}.msgpack")
    paths = [tmp_path / f"{seed}.msgpack" for seed in range(3)]
    template = member(9)
    before = predict(wrap(template), ROWS)
    members = alcore_flax.Checkpoints(wrap(template), paths)
    found = alcore_flax.predict(
        members, ROWS, draws=4, batch_size=15, kind="logits", out=tmp_path / "preds.npy", progress=False
    )
    np.testing.assert_array_equal(found, predict([wrap(one) for one in models], ROWS, draws=4))
    np.testing.assert_array_equal(before, predict(wrap(template), ROWS))
    store = alcore.SharedStore(tmp_path / "store.zarr", rows=len(ROWS), chunk=15)
    for start, stop in store.ranges(2):
        given = {"draws": 4, "batch_size": 15, "kind": "logits", "progress": False, "out": store, "rows": (start, stop)}
        alcore_flax.predict(alcore_flax.Checkpoints(wrap(member(start)), paths), ROWS[start:stop], **given)
    np.testing.assert_allclose(alcore.open_predictions(store.path)[:], np.asarray(found[:]), rtol=0, atol=1e-5)
    shutil.rmtree(store.path)
    assert sorted(one.name for one in tmp_path.iterdir()) == [*(path.name for path in paths), "preds.npy"]


def test_checkpoints_of_another_model_are_refused(tmp_path: Path) -> None:
    """Other shapes, other structure; iterators, which give their rows once; predictions that have no file."""
    model, wider = nnx.Linear(6, 3, rngs=nnx.Rngs(0)), nnx.Linear(6, 4, rngs=nnx.Rngs(0))
    (tmp_path / "wider").write_bytes(serialization.to_bytes(nnx.to_pure_dict(nnx.state(wider))))
    alcore_flax.Checkpoints.save(Block(), tmp_path / "other")
    for name, match in {
        "wider": r"wider: expected .*\(6, 3\)\], as Linear has, got .*\(6, 4\)\]",
        "other": "other: holds no state of Linear",
    }.items():
        with pytest.raises(ValueError, match=match):
            predict(alcore_flax.Checkpoints(model, [tmp_path / name]), ROWS, draws=1, out=tmp_path / "preds.npy")
    with pytest.raises(ValueError, match="out="):
        predict(alcore_flax.Checkpoints(model, [tmp_path / "wider"]), ROWS, draws=1)
    with pytest.raises(ValueError, match="iterator"):
        predict(alcore_flax.Checkpoints(model, []), iter([ROWS]), draws=1, out=tmp_path / "preds.npy")
