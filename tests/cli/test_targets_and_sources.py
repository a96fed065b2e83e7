"""Where the commands read predictions and the targets of EPIG: members, formats, files named."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from tests.cli.prediction_commands import PROBS, TARGETS, done, make_folder, rows_picked, run, table


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return make_folder(tmp_path, monkeypatch)


@pytest.mark.parametrize("name", ["epig", "power-epig", "softmax-epig", "softrank-epig"])
def test_targets_come_from_their_file_or_from_the_predictions_own(here: Path, name: str) -> None:
    expected = alcore.EPIG(TARGETS).score(PROBS)
    done("score", "preds.npy", "-H", name, "--targets", "targets.npy", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), expected)
    done("score", "preds.npy", "-H", name, "--targets", "asked.npz", "-o", "s.npy")
    np.testing.assert_array_equal(np.load("s.npy"), expected)
    result = run("score", "asked.npz", "-H", name, "-o", "t.npy")
    assert result.stderr == "note: the targets are the member 'target' of asked.npz, shape (4, 3, 6).\n"
    np.testing.assert_array_equal(np.load("t.npy"), expected)


def test_targets_named_go_before_the_predictions_own(here: Path) -> None:
    np.save("other.npy", PROBS[:2])
    shown = done("select", "asked.npz", "-H", "epig", "--targets", "other.npy", "-k", 3)
    assert table(shown)["row"] == alcore.EPIG(PROBS[:2]).select(PROBS, 3).indices.tolist()


@pytest.mark.parametrize("name", ["x.zarr", "x.h5"])
def test_targets_of_zarr_and_hdf5(here: Path, name: str) -> None:
    root: Any = zarr.open_group(name, mode="w") if name == "x.zarr" else h5py.File(name, "w")
    for member, array in (("pool", PROBS), ("target", TARGETS)):
        root.create_array(member, data=array) if name == "x.zarr" else root.create_dataset(member, data=array)
    if name == "x.h5":
        root.close()
    result = run("select", name, "-H", "batch-epig", "-k", 2, "--seed", 0)
    assert result.exit_code == 0, result.output
    assert result.stderr == f"note: the targets are the member 'target' of {name}, shape (4, 3, 6).\n"
    assert table(result.stdout)["row"] == alcore.batch_epig(PROBS, TARGETS, 2, rng=0).indices.tolist()


def test_labels_called_target_are_no_targets(here: Path) -> None:
    np.savez("labelled.npz", pool=PROBS, target=np.arange(30))
    assert "epig" not in done("bench", "labelled.npz", "-k", 3, "--floor", 0.001)
    result = run("select", "labelled.npz", "-H", "epig")
    assert result.exit_code == 2
    assert "targets: expected" in result.stderr


def test_the_pool_is_the_default_member(here: Path) -> None:
    assert rows_picked("several.npz", "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert rows_picked("several.npz", "--member", "pool", "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert len(rows_picked("several.npz", "--member", "test", "-k", 99)) == 9


@pytest.mark.parametrize("name", ["x.zarr", "x.h5", "x.hdf5"])
def test_zarr_and_hdf5_are_read(here: Path, name: str) -> None:
    if name == "x.zarr":
        zarr.create_array(name, shape=PROBS.shape, dtype=PROBS.dtype)[...] = PROBS
    else:
        with h5py.File(name, "w") as file:
            file["run/pool"] = PROBS
    assert rows_picked(name, "-k", 5) == rows_picked("preds.npy", "-k", 5)
    assert "30 x 3 x 6, 2 picks each" in done("bench", name, "-k", 2, "--heuristics", "bald")
