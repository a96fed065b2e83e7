"""Several files along the rows are one source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore.sources import reading, writing
from alcore.sources.stored import StoredArray
from tests.cases import dirichlet

PROBS = dirichlet(31, 4, 6)
PARTS = {"a.npy": PROBS[:9], "b.npz": PROBS[9:9], "c.npz": PROBS[9:20], "d.zarr": PROBS[20:27], "e.h5": PROBS[27:]}


def write(folder: Path, order: str = "NCT") -> list[Path]:
    for name, array in PARTS.items():
        part = array.transpose(["NCT".index(letter) for letter in order])
        path = folder / name
        if path.suffix == ".npy":
            np.save(path, part)
        elif path.suffix == ".npz":
            np.savez_compressed(path, np.asfortranarray(part) if len(array) > 5 else part)
        elif path.suffix == ".zarr":
            zarr.create_array(path, data=part, chunks=(2, 2, 2))
        else:
            with h5py.File(path, "w") as file:
                file["preds"] = part
    return [folder / name for name in PARTS]


@pytest.mark.parametrize("axes", ["NCT", "TNC", "NTC"])
@pytest.mark.parametrize("block_rows", [2, 1000])
def test_scores_are_those_of_the_rows_joined(
    tmp_path: Path, axes: str, block_rows: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_rows * PROBS[0].nbytes)
    files = write(tmp_path, axes)
    for source in (files, tuple(map(str, files))):
        np.testing.assert_array_equal(alcore.bald(source, axes=axes), alcore.bald(PROBS))
    kept = alcore.save_predictions(tmp_path / "all.npy", files, axes=axes)
    np.testing.assert_array_equal(kept, PROBS)


def test_they_are_read_again_and_again(tmp_path: Path) -> None:
    files = write(tmp_path)
    assert alcore.batchbald(files, 4, rng=0).indices.tolist() == alcore.batchbald(PROBS, 4, rng=0).indices.tolist()
    picked = alcore.batch_epig(files, PROBS[:3], 3, rng=0).indices.tolist()
    assert picked == alcore.batch_epig(PROBS, PROBS[:3], 3, rng=0).indices.tolist()
    np.testing.assert_allclose(alcore.epig(PROBS, files), alcore.epig(PROBS, PROBS), rtol=1e-6)
    ledger = alcore.Ledger(size=31)
    ledger.label({3: 1, 12: 0})
    query = ledger.ask(alcore.BALD(), files, 31)
    expected = np.argsort(-alcore.bald(PROBS), kind="stable")
    assert query.ids.tolist() == [row for row in expected.tolist() if row not in (3, 12)]


def test_arrays_may_stand_among_files(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PROBS[:9].astype(np.float32))
    mixed = [tmp_path / "a.npy", PROBS[9:20], zarr.array(PROBS[20:])]
    joined = alcore.bald(mixed)
    np.testing.assert_array_equal(joined[9:], alcore.bald(PROBS)[9:])
    np.testing.assert_array_equal(joined[:9], alcore.bald(PROBS[:9].astype(np.float32)))


@pytest.mark.parametrize(
    ("other", "said"),
    [
        (PROBS[:, :3], r"b.npy: expected shape \(n, 4, 6\), as .*a.npy has, got \(31, 3, 6\)"),
        (PROBS[..., :5], r"b.npy: expected shape"),
        (PROBS[..., 0], r"b.npy: expected \(N, C, ..., T\)"),
        (np.round(PROBS).astype(int), "b.npy: expected float16, float32 or float64, got int64"),
    ],
)
def test_errors_name_the_file(tmp_path: Path, other: np.ndarray, said: str) -> None:
    np.save(tmp_path / "a.npy", PROBS)
    np.save(tmp_path / "b.npy", other)
    with pytest.raises((ValueError, TypeError), match=said):
        alcore.bald([tmp_path / "a.npy", tmp_path / "b.npy"])


def test_an_invalid_row_is_named_with_its_file(tmp_path: Path) -> None:
    wrong = PROBS.copy()
    wrong[7, 2, 3] = np.nan
    np.save(tmp_path / "a.npy", PROBS)
    np.save(tmp_path / "b.npy", wrong)
    with pytest.raises(ValueError, match=r"probs\[38, 2, 3\] is nan.*Row 31 is row 0 of .*b.npy\.$"):
        alcore.bald([tmp_path / "a.npy", tmp_path / "b.npy"])


@pytest.mark.parametrize("wrong", [None, 3, {"a": 1}, iter([PROBS])])
def test_what_is_neither_file_nor_array_is_refused_by_its_place(tmp_path: Path, wrong: Any) -> None:
    np.save(tmp_path / "a.npy", PROBS)
    with pytest.raises(TypeError, match=r"^probs\[1\]: expected"):
        alcore.bald([tmp_path / "a.npy", wrong])


def test_a_missing_file_is_named_and_a_pattern_has_its_remedy(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PROBS)
    with pytest.raises(ValueError, match=r"b.npy: no such file\.$"):
        alcore.bald([tmp_path / "a.npy", tmp_path / "b.npy"])
    with pytest.raises(
        ValueError,
        match=r"no such file. For several files pass a list, in the order of their rows: sorted\(glob.glob\(",
    ):
        alcore.bald(tmp_path / "*.npy")


def test_draws_of_every_source_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of what is read in order: members of .npz files, several files along the rows, and tensors."""
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(reading, "BLOCK_BYTES", 4 * PROBS[0].nbytes)
    files = write(tmp_path)
    np.savez(tmp_path / "f.npz", np.asfortranarray(PROBS))
    sources = [files, PROBS, tmp_path / "f.npz", torch.tensor(PROBS), PROBS.tolist()]
    wanted = np.concatenate([PROBS] * len(sources), axis=-1)
    joined = alcore.concatenate_draws(sources)
    assert joined.shape == wanted.shape
    for _ in range(2):
        np.testing.assert_array_equal(alcore.bald(joined), alcore.bald(wanted))
    np.testing.assert_array_equal(alcore.concatenate_draws(sources, tmp_path / "all.npy"), wanted)


@pytest.mark.parametrize("join", ["rows", "draws"])
def test_chunks_along_the_draws_of_several_files_are_read_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, join: str
) -> None:
    """Each file is copied chunk by chunk. Blocks of rows would decompress each chunk once a block."""
    monkeypatch.setattr(writing, "block_rows", lambda *_: 4)
    read = list[Any]()
    for name in ("a", "b"):
        zarr.create_array(tmp_path / f"{name}.zarr", data=PROBS, chunks=(31, 4, 1))
    getitem = StoredArray.__getitem__
    monkeypatch.setattr(StoredArray, "__getitem__", lambda self, place: read.append(place) or getitem(self, place))
    files = [tmp_path / "a.zarr", tmp_path / "b.zarr"]
    if join == "rows":
        found = alcore.save_predictions(tmp_path / "all.npy", files)
    else:
        found = alcore.concatenate_draws(files, tmp_path / "all.npy")
    np.testing.assert_array_equal(found, np.concatenate([PROBS, PROBS], axis=0 if join == "rows" else -1))
    assert len(read) == 2  # all draws of a file fit one copy


@pytest.mark.parametrize("first", [np.float32, np.float64])
def test_files_of_other_precision_are_saved_in_the_wider_one(tmp_path: Path, first: type) -> None:
    second = np.float64 if first is np.float32 else np.float32
    parts = [PROBS[:9].astype(first), PROBS[9:].astype(second)]
    paths = [tmp_path / "0.npy", tmp_path / "1.npy"]
    for path, part in zip(paths, parts, strict=True):
        np.save(path, part)
    found = alcore.save_predictions(tmp_path / "all.npy", paths)
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, np.concatenate(parts))


def test_files_of_a_pattern_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    """The list that the refusal of a pattern prints has the rows in order: sorted() would take part_10 before part_2."""
    for number, start in ((1, 0), (2, 4), (10, 8)):
        np.save(tmp_path / f"part_{number}.npy", PROBS[start : start + 4])
    with pytest.raises(ValueError, match="in the order of their rows") as caught:
        alcore.bald(tmp_path / "part_*.npy")
    listed = eval(str(caught.value).partition("rows: ")[2].removesuffix("."))
    np.testing.assert_array_equal(alcore.bald(listed), alcore.bald(PROBS[:12]))
    with pytest.raises(ValueError, match="No file has a name like this"):
        alcore.bald(tmp_path / "other_*.npy")
