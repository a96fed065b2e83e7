"""What processes that predict ranges of rows must have in common, and what a store keeps beside the predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest

import alcore
from alcore import adapting
from alcore.adapting import Noise, Request
from tests.adapting.numpy_model import ROWS, NumpyRun, halves


def into(store: Any, rows: Any, data: Any = None, *, noise: Any = None, held: Any = list, **options: Any) -> Any:
    mask, ids = options.pop("mask", None), options.pop("ids", None)
    request = Request(3, **options)
    run = NumpyRun(request, lambda x, draw: halves(x, 0, draw), noise or (lambda x, draw: [Noise((1, 4))]))
    data = ROWS[slice(*rows)] if data is None else data
    known = adapting.known_rows(data, ids)
    out = adapting.as_out(store, rows, known, request, held)
    batches = adapting.as_batches(data, 5)
    given = {"mask": mask, "ids": adapting.as_ids(ids), "progress": False}
    return adapting.predict(batches, [run], request, rows=known, out=out, **given)


@pytest.fixture
def store(tmp_path: Path) -> alcore.SharedStore:
    return alcore.SharedStore(tmp_path / "p.zarr", rows=10, chunk=5)


def test_noise_of_other_shapes_is_refused(store: alcore.SharedStore) -> None:
    """As it is between blocks of one call: sequences are padded to another length in another process."""
    into(store, (0, 5))
    with pytest.raises(ValueError, match=r"noise=\[\[\[1, 4\]\]\].*Pad the rows of all blocks to one length"):
        into(store, (5, 10), noise=lambda x, draw: [Noise((1, 6))])
    assert store.missing == [(5, 10)]


def test_padding_and_ids_are_kept_beside_the_rows(store: alcore.SharedStore) -> None:
    """In the order of rows, whichever range came first."""
    padded = ROWS[:, 0] > 0.5
    for start, stop in ((5, 10), (0, 5)):
        data = [(ROWS[start:stop], [f"row {i}" for i in range(start, stop)])]
        into(store, (start, stop), data, mask=lambda block: block[0][:, 0] > 0.5, ids=1)
    np.testing.assert_array_equal(store.mask, padded)
    assert store.ids is not None
    assert store.ids.tolist() == [f"row {i}" for i in range(10)]
    with pytest.raises(ValueError, match="Name ids for all ranges, or for none"):
        into(store, (0, 5), mask=lambda block: block[:, 0] > 0.5)


def test_means_and_variances_are_one_array(store: alcore.SharedStore) -> None:
    """A store of pairs says so, and means alone do not join it."""
    into(store, (0, 5), kind="mean", variance=True)
    assert store.settings["variance"] is True
    with pytest.raises(ValueError, match="variance=True"):
        into(store, (5, 10), kind="mean")


def test_a_range_needs_a_store_and_a_store_a_range(store: alcore.SharedStore, tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"rows=\(0, 10\)"):
        into(store, None, ROWS)
    with pytest.raises(TypeError, match="SharedStore"):
        into(tmp_path / "p.npy", (0, 10))
    with pytest.raises(TypeError, match="SharedStore"):
        into(None, (0, 10))
    with pytest.raises(ValueError, match="consistent"):
        into(store, (0, 5), consistent=False)


HELD = {
    "array": np.arange(6.0).reshape(2, 3),
    "another shape": np.arange(6.0).reshape(3, 2),
    "another dtype": np.arange(6, dtype=np.float32).reshape(2, 3),
    "another number": np.arange(1.0, 7).reshape(2, 3),
    "half": np.arange(6).reshape(2, 3).astype(ml_dtypes.bfloat16),
    "another half": np.arange(1, 7).reshape(2, 3).astype(ml_dtypes.bfloat16),
    "text": "Dropout(p=0.5)",
    "another text": "Dropout(p=0.4)",
    "digest": b"0",
    "objects": np.array([{"a": 1}, None], object),
}


def digest(held: Any, tmp_path: Path, files: Any = None) -> str:
    """Of a model, as a store has it."""
    store = alcore.SharedStore(tmp_path / f"{len(list(tmp_path.iterdir()))}.zarr", rows=10)
    stored = None if files is None else adapting.Checkpoints(None, files)
    out = adapting.as_out(store, (0, 10), 10, Request(2), lambda: held, stored)
    run = NumpyRun(Request(2), lambda x, draw: halves(x, 0, draw))
    adapting.predict([ROWS], [run], Request(2), rows=10, out=out, progress=False)
    return str(store.settings["weights"])


def test_every_part_of_a_model_is_in_its_digest(tmp_path: Path) -> None:
    """Addresses in memory are not, which differ between processes."""
    found = {name: digest([one], tmp_path) for name, one in HELD.items()}
    assert len(set(found.values())) == len(HELD)
    assert found["array"] == digest({"w": HELD["array"].copy(order="F")}, tmp_path)
    assert digest("<f at 0x7f12>", tmp_path) == digest("<f at 0x7a99>", tmp_path)


def test_files_of_weights_are_in_the_digest(tmp_path: Path) -> None:
    """A file or a folder, and not the weights that the model had before they are loaded."""
    folder = tmp_path / "weights"
    folder.mkdir()
    (folder / "a").write_bytes(b"one")
    (tmp_path / "b").write_bytes(b"two")
    first = digest([HELD["array"], "net"], tmp_path, [folder, tmp_path / "b"])
    assert digest([HELD["another number"], "net"], tmp_path, [folder, tmp_path / "b"]) == first
    assert digest([HELD["array"], "other"], tmp_path, [folder, tmp_path / "b"]) != first
    assert digest([HELD["array"], "net"], tmp_path, [tmp_path / "b", folder]) != first
    (folder / "a").write_bytes(b"1")
    assert digest([HELD["array"], "net"], tmp_path, [folder, tmp_path / "b"]) != first
