"""Predictions written block by block: whole or not there, and a run that stops goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources.writing import MANIFEST, Saving
from tests.cases import dirichlet

PREDS = dirichlet(23, 3, 5, seed=7).astype(np.float32)
ENDINGS = pytest.mark.parametrize("ending", [".npy", ".zarr"])


def blocks(*cuts: int, preds: np.ndarray = PREDS) -> Any:
    return iter(np.split(preds, cuts))


@ENDINGS
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("events", [(), (2, 3)])
def test_what_is_read_is_what_was_written(tmp_path: Path, ending: str, dtype: type, events: tuple[int, ...]) -> None:
    preds = np.random.default_rng(0).random((23, 3, *events, 5)).astype(dtype)
    written = alcore.save_predictions(tmp_path / f"p{ending}", blocks(4, 8, 12, 16, 20, preds=preds), rows=23)
    assert written.dtype == dtype
    np.testing.assert_array_equal(np.asarray(written[:]), preds)
    np.testing.assert_array_equal(np.asarray(alcore.open_predictions(tmp_path / f"p{ending}")[:]), preds)
    assert [path.name for path in tmp_path.iterdir()] == [f"p{ending}"]


@given(cuts=st.lists(st.integers(0, 23), max_size=6).map(sorted), ending=st.sampled_from([".npy", ".zarr"]))
def test_blocks_of_any_length_are_written_in_their_order(
    cuts: list[int], ending: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    out = tmp_path_factory.mktemp("any") / f"p{ending}"
    with Saving(out, 23, {}) as saving:
        for block in blocks(*cuts):
            saving.append(block)
    np.testing.assert_array_equal(np.asarray(alcore.open_predictions(out)[:]), PREDS)


def test_sources_of_every_kind_are_written(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", PREDS)
    for number, source in enumerate((PREDS, tmp_path / "p.npz", [PREDS[:9], PREDS[9:]], PREDS[:0])):
        written = alcore.save_predictions(tmp_path / f"{number}.zarr", source)
        np.testing.assert_array_equal(np.asarray(written[:]), PREDS if number < 3 else PREDS[:0])


@ENDINGS
def test_a_run_goes_on_after_its_last_whole_block(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"p{ending}"
    first = Saving(out, 23, {"seed": 1})
    names = np.array([f"{row}.png" for row in range(23)])
    first.append(PREDS[:10], {"mask": np.zeros((10,), np.bool_), "ids": names[:10]})
    first.append(PREDS[10:15], {"mask": np.ones((5,), np.bool_), "ids": names[10:15]})
    del first  # as a killed process leaves it
    assert not out.exists()
    with pytest.raises(ValueError, match=r"seed=1, and now it is 2\..*delete"):
        Saving(out, 23, {"seed": 2})
    with pytest.raises(ValueError, match="rows=23"):
        Saving(out, 24, {"seed": 1})
    with Saving(out, 23, {"seed": 1}) as again:
        assert (again.rows, again.ends) == (15, [10, 15])
        np.testing.assert_array_equal(again.last_block(), PREDS[10:15])
        np.testing.assert_array_equal(again.beside("ids"), names[:15])
        assert again.beside("other") is None
        again.append(PREDS[15:], {"mask": np.zeros((8,), np.bool_), "ids": names[15:]})
    np.testing.assert_array_equal(np.asarray(alcore.open_predictions(out)[:]), PREDS)
    np.testing.assert_array_equal(np.load(tmp_path / "p.mask.npy"), [False] * 10 + [True] * 5 + [False] * 8)
    np.testing.assert_array_equal(np.load(tmp_path / "p.ids.npy", allow_pickle=False), names)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(["p.mask.npy", "p.ids.npy", out.name])


@ENDINGS
def test_a_block_that_was_not_acknowledged_is_written_again(tmp_path: Path, ending: str) -> None:
    out = tmp_path / f"p{ending}"
    first = Saving(out, 23, {})
    first.append(PREDS[:10])
    manifest = (first.part / MANIFEST).read_bytes()
    first.append(1 - PREDS[10:20])
    (first.part / MANIFEST).write_bytes(manifest)  # as if it was killed before
    with Saving(out, 23, {}) as again:
        assert again.rows == 10
        again.append(PREDS[10:])
    np.testing.assert_array_equal(np.asarray(alcore.open_predictions(out)[:]), PREDS)


def test_a_folder_that_lacks_its_manifest_is_begun_again(tmp_path: Path) -> None:
    (tmp_path / "p.npy.part").mkdir()
    (tmp_path / "p.npy.part" / "data.npy").write_bytes(b"torn")
    assert alcore.save_predictions(tmp_path / "p.npy", PREDS).shape == PREDS.shape


def test_a_manifest_says_what_was_asked_for(tmp_path: Path) -> None:
    saving = Saving(tmp_path / "p.npy", 23, {"seed": 3})
    saving.append(PREDS[:4])
    said = json.loads((saving.part / MANIFEST).read_text())
    assert (said["ends"], said["rows"], said["request"]) == ([4], 23, {"seed": 3})


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"ends in \.npy or \.zarr, got .*p\.h5"):
        alcore.save_predictions(tmp_path / "p.h5", PREDS)
    with pytest.raises(ValueError, match="folder .* does not exist"):
        alcore.save_predictions(tmp_path / "none" / "p.npy", PREDS)
    (tmp_path / "old.npy").touch()
    with pytest.raises(ValueError, match="this file exists, and alcore does not overwrite it"):
        alcore.save_predictions(tmp_path / "old.npy", PREDS)
    with pytest.raises(ValueError, match=r"\.npy file says its number of rows first.*\.zarr"):
        alcore.save_predictions(tmp_path / "p.npy", blocks(4))
    with pytest.raises(ValueError, match="expected 20 rows, as the data's length says, got 23"):
        alcore.save_predictions(tmp_path / "few.npy", blocks(4), rows=20)
    with pytest.raises(ValueError, match="expected 30 rows, as the data's length says, got 23"):
        alcore.save_predictions(tmp_path / "many.npy", blocks(4), rows=30)
    with pytest.raises(ValueError, match="left by another run"):
        alcore.save_predictions(tmp_path / "many.npy", blocks(4), rows=30)
    with Saving(tmp_path / "q.zarr", None, {}) as saving:
        saving.append(PREDS[:4])
        with pytest.raises(ValueError, match=r"rows 4 and on: expected \(n, 3, 5\) of float32"):
            saving.append(PREDS[:4, :, :2])
        with pytest.raises(ValueError, match="float64"):
            saving.append(PREDS[4:6].astype(np.float64))
    with pytest.raises(ValueError, match="no block was written"), Saving(tmp_path / "r.zarr", None, {}):
        pass


# --- draws of several jobs --------------------------------------------------------------------------------------------


def test_draws_are_joined_in_their_order(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PREDS[..., :2])
    alcore.save_predictions(tmp_path / "b.zarr", PREDS[..., 2:])
    joined = alcore.concatenate_draws([tmp_path / "a.npy", tmp_path / "b.zarr"])
    assert (joined.shape, joined.dtype) == (PREDS.shape, np.float32)
    np.testing.assert_array_equal(joined[3:7], PREDS[3:7])
    np.testing.assert_array_equal(alcore.bald(joined), alcore.bald(PREDS))
    mixed = alcore.concatenate_draws([PREDS[..., :2], PREDS[..., 2:].astype(np.float64)])
    assert mixed.dtype == np.float64
    for ending in (".npy", ".zarr"):
        written = alcore.concatenate_draws([tmp_path / "a.npy", tmp_path / "b.zarr"], tmp_path / f"c{ending}")
        np.testing.assert_array_equal(np.asarray(written[:]), PREDS)
    assert alcore.batchbald(joined, 3, rng=0).indices.tolist() == alcore.batchbald(PREDS, 3, rng=0).indices.tolist()


def test_draws_of_other_rows_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one file"):
        alcore.concatenate_draws([])
    with pytest.raises(ValueError, match=r"files\[1\]: expected \(23, 3\).*got \(22, 3\).*same rows"):
        alcore.concatenate_draws([PREDS, PREDS[1:]])
    with pytest.raises(ValueError, match=r"files\[1\]"):
        alcore.concatenate_draws([PREDS, PREDS[:, :2]])
    with pytest.raises(ValueError, match="save_predictions"):
        alcore.concatenate_draws([iter([PREDS])])


@pytest.mark.parametrize("wrong", [None, 3, "a.npy", {"shape": None}, np.random])
def test_what_is_no_list_of_files_is_refused(wrong: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="^files: expected|^shape: no such file"):
        alcore.concatenate_draws(wrong)


@pytest.mark.parametrize("part", [PREDS.astype(int), PREDS.astype(object), PREDS.astype("datetime64[s]")])
def test_draws_that_are_no_floats_are_refused_before_any_is_read(part: np.ndarray) -> None:
    with pytest.raises(TypeError, match=r"^files\[1\]: expected float16, float32 or float64"):
        alcore.concatenate_draws([PREDS, part])


class Lazy:
    """A lazy array that cannot say its shape, or cannot give its rows."""

    dtype = PREDS.dtype

    def __init__(self, shape: Any) -> None:
        self.shape = shape

    def __getitem__(self, rows: slice) -> Any:
        return object()


def test_lazy_arrays_that_cannot_be_read_are_refused_by_their_place() -> None:
    with pytest.raises(ValueError, match=r"^files\[1\]: expected a known shape"):
        alcore.concatenate_draws([PREDS, Lazy(None)])
    with pytest.raises(TypeError, match=r"^files\[0\]: expected an array, got object"):
        alcore.bald(alcore.concatenate_draws([Lazy(PREDS.shape), PREDS]))


@pytest.mark.parametrize("out", [None, 3, b"p.npy", object()])
def test_what_is_no_name_of_a_file_is_refused(out: Any) -> None:
    with pytest.raises(TypeError, match="^out: expected the name of a file, got"):
        alcore.save_predictions(out, PREDS)
    with pytest.raises(TypeError, match="^path: expected the name of a file, got"):
        alcore.open_predictions(out)


def test_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="x.npy: cannot be opened .File name too long"):
        alcore.save_predictions(tmp_path / f"{'x' * 300}.npy", PREDS)


@ENDINGS
def test_logits_of_0_and_images_without_pixels_are_written(tmp_path: Path, ending: str) -> None:
    """zarr keeps no chunk of zeros, nor of nothing."""
    for number, preds in enumerate((np.zeros((4, 3, 2)), np.zeros((4, 3, 0, 2)), np.full((4, 3, 0, 2), 0.5))):
        written = alcore.save_predictions(tmp_path / f"{number}{ending}", [preds[:3], preds[3:]], rows=4)
        np.testing.assert_array_equal(np.asarray(written[:]), preds)
