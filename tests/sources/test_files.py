"""Predictions on disk: opened without being read, never unpickled, refused in one sentence; written whole or not at all."""

from __future__ import annotations

import os
import pickle
import re
import stat
import sys
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore.sources import files as store
from alcore.sources import reading
from alcore.sources.files import NpzMember, open_predictions, whole_file

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(40, 8)).transpose(0, 2, 1).copy()
SCORES = alcore.bald(PROBS)


def write_zarr(path: Path, **members: np.ndarray) -> None:
    group = zarr.open_group(path, mode="w")
    for name, array in members.items():
        group.create_array(name, shape=array.shape, dtype=array.dtype)[...] = array


def write_zarr_array(path: Path, array: np.ndarray) -> None:
    zarr.create_array(path, shape=array.shape, dtype=array.dtype, chunks=(16, *array.shape[1:]))[...] = array


def write_hdf5(path: Path, **members: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        for name, array in members.items():
            file.create_dataset(name, data=array)


def write_compressed_hdf5(path: Path, array: np.ndarray) -> None:
    with h5py.File(path, "w") as file:
        file.create_dataset("only", data=array, chunks=(16, *array.shape[1:]), compression="gzip")


# --- what is read -----------------------------------------------------------------------------------------------------

WRITERS: dict[str, tuple[str, Callable[[Path, np.ndarray], Any]]] = {
    "npy": ("x.npy", np.save),
    "npz stored": ("x.npz", lambda path, array: np.savez(path, only=array)),
    "npz compressed": ("x.npz", lambda path, array: np.savez_compressed(path, only=array)),
    "zarr array": ("x.zarr", write_zarr_array),
    "zarr group": ("x.zarr", lambda path, array: write_zarr(path, only=array)),
    "hdf5": ("x.h5", lambda path, array: write_hdf5(path, only=array)),
    "hdf5 in chunks": ("x.hdf5", write_compressed_hdf5),
}
each_writer = pytest.mark.parametrize("writer", WRITERS)


def written(folder: Path, writer: str, array: np.ndarray = PROBS) -> Path:
    name, write = WRITERS[writer]
    write(folder / name, array)
    return folder / name


@each_writer
@pytest.mark.parametrize("dtype", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
def test_scores_of_a_file_are_those_of_the_array(tmp_path: Path, writer: str, dtype: str) -> None:
    array = PROBS.astype(dtype)
    path = written(tmp_path, writer, array)
    opened = open_predictions(path)
    assert tuple(opened.shape) == array.shape
    assert opened.dtype.newbyteorder("=") == array.dtype.newbyteorder("=")
    for source in (opened, path, str(path)):
        np.testing.assert_array_equal(alcore.bald(source), alcore.bald(array))


@each_writer
def test_a_file_in_small_blocks_scores_the_same(tmp_path: Path, writer: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 3 * PROBS[0].nbytes)
    np.testing.assert_array_equal(alcore.bald(written(tmp_path, writer)), SCORES)


@pytest.mark.parametrize("writer", ["npy", "npz stored", "npz compressed"])
def test_fortran_order_is_read(tmp_path: Path, writer: str) -> None:
    np.testing.assert_array_equal(alcore.bald(written(tmp_path, writer, np.asfortranarray(PROBS))), SCORES)


@each_writer
def test_a_file_without_rows_has_no_scores(tmp_path: Path, writer: str) -> None:
    if writer == "hdf5 in chunks":
        pytest.skip("HDF5 makes no chunks larger than the array")
    assert alcore.bald(written(tmp_path, writer, PROBS[:0])).shape == (0,)


@each_writer
def test_files_are_left_as_they_were(tmp_path: Path, writer: str) -> None:
    path = written(tmp_path, writer)
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    before = [file.read_bytes() for file in files]
    alcore.BALD().select(path, 3)
    assert [file.read_bytes() for file in files] == before


def test_npy_is_mapped_read_only(tmp_path: Path) -> None:
    opened = open_predictions(written(tmp_path, "npy"))
    assert isinstance(opened, np.memmap)
    assert not opened.flags.writeable


@pytest.mark.parametrize("writer", ["zarr array", "zarr group", "hdf5", "hdf5 in chunks"])
def test_stored_arrays_are_indexed_and_converted(tmp_path: Path, writer: str) -> None:
    opened = open_predictions(written(tmp_path, writer))
    np.testing.assert_array_equal(opened[3:5], PROBS[3:5])
    np.testing.assert_array_equal(np.asarray(opened), PROBS)
    assert np.asarray(opened, np.float32).dtype == np.float32


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("rows", [1, 7, 40, 1000])
def test_npz_members_are_read_block_by_block_again_and_again(tmp_path: Path, save: Any, rows: int) -> None:
    save(tmp_path / "x.npz", pool=PROBS, other=PROBS[:3])
    member = open_predictions(tmp_path / "x.npz", "pool")
    assert isinstance(member, NpzMember)
    for _ in range(2):
        blocks = list(member.read_blocks(rows))
        assert [len(block) for block in blocks] == [min(rows, 40 - start) for start in range(0, 40, rows)]
        np.testing.assert_array_equal(np.concatenate(blocks), PROBS)
    half_read = member.read_blocks(rows)
    next(half_read)
    np.testing.assert_array_equal(next(member.read_blocks(rows)), PROBS[:rows])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_npz_members_take_memory_of_a_block(tmp_path: Path, save: Any) -> None:
    array = np.zeros((1000, 4, 500))
    save(tmp_path / "x.npz", array)
    member = open_predictions(tmp_path / "x.npz")
    tracemalloc.start()
    total = sum(len(block) for block in member.read_blocks(10))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 1000
    assert peak < array.nbytes / 10


# --- which member -----------------------------------------------------------------------------------------------------

SEVERAL: dict[str, tuple[str, Callable[..., Any]]] = {
    "npz": ("x.npz", np.savez),
    "zarr": ("x.zarr", write_zarr),
    "hdf5": ("x.h5", write_hdf5),
}
each_archive = pytest.mark.parametrize("archive", SEVERAL)


def several(folder: Path, archive: str, **members: np.ndarray) -> Path:
    name, write = SEVERAL[archive]
    write(folder / name, **members)
    return folder / name


@each_archive
def test_members_are_chosen_by_name(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, pool=PROBS, test=PROBS[:5], labels=np.arange(40))
    assert tuple(open_predictions(path, "test").shape) == (5, 3, 8)
    assert tuple(open_predictions(path, member="labels").shape) == (40,)
    assert tuple(open_predictions(path, default="pool").shape) == PROBS.shape
    assert tuple(open_predictions(path, "test", default="pool").shape) == (5, 3, 8)


@each_archive
@pytest.mark.parametrize("default", [None, "absent"])
def test_one_of_several_is_never_guessed(tmp_path: Path, archive: str, default: str | None) -> None:
    path = several(tmp_path, archive, b=PROBS, a=PROBS)
    with pytest.raises(ValueError, match=r"got members 'a', 'b'\. Name one: member="):
        open_predictions(path, default=default)


@each_archive
def test_the_only_member_needs_no_name(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, preds=PROBS)
    assert tuple(open_predictions(path, default="pool").shape) == PROBS.shape


@each_archive
@pytest.mark.parametrize("member", ["nope", "", "poo", "pool.npy", "../pool"])
def test_unknown_members_are_refused_with_those_there_are(tmp_path: Path, archive: str, member: str) -> None:
    path = several(tmp_path, archive, pool=PROBS)
    with pytest.raises(ValueError, match=r"no member .*; it has 'pool'\."):
        open_predictions(path, member)


@pytest.mark.parametrize("writer", ["npy", "zarr array"])
def test_a_file_of_one_array_has_no_members(tmp_path: Path, writer: str) -> None:
    with pytest.raises(ValueError, match="no members, got member 'pool'"):
        open_predictions(written(tmp_path, writer), "pool")
    assert tuple(open_predictions(tmp_path / WRITERS[writer][0], default="pool").shape) == PROBS.shape


@pytest.mark.parametrize("archive", ["zarr", "hdf5"])
def test_members_in_groups_are_named_by_their_path(tmp_path: Path, archive: str) -> None:
    path = several(tmp_path, archive, **{"run/pool": PROBS, "run/deep/test": PROBS[:5]})
    assert tuple(open_predictions(path, "run/deep/test").shape) == (5, 3, 8)
    for member in (None, "run"):
        with pytest.raises(ValueError, match="'run/deep/test', 'run/pool'"):
            open_predictions(path, member)


# --- what is refused --------------------------------------------------------------------------------------------------


def header(text: str) -> bytes:
    padded = text.encode("latin1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def npy_bytes(folder: Path) -> bytes:
    np.save(folder / "whole.npy", PROBS)
    return (folder / "whole.npy").read_bytes()


def npz_bytes(folder: Path, *, compressed: bool) -> bytes:
    (np.savez_compressed if compressed else np.savez)(folder / "whole.npz", only=PROBS)
    return (folder / "whole.npz").read_bytes()


def zipped(path: Path, **files: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name.replace("_", "."), data)


def without_end(data: bytes, cut: int) -> bytes:
    return data[: len(data) - cut]


def hole(data: bytes) -> bytes:
    """Bytes in the middle overwritten, the zip's directory whole."""
    middle = len(data) // 2
    return data[:middle] + bytes(b ^ 0xFF for b in data[middle : middle + 64]) + data[middle + 64 :]


def wrong_checksum(data: bytes) -> bytes:
    directory = data.rindex(b"PK\x01\x02")
    return data[:14] + b"\0\0\0\0" + data[18 : directory + 16] + b"\0\0\0\0" + data[directory + 20 :]


def write_text(path: Path) -> None:
    path.write_text("row,score\n0,1.5\n")


def zarr_metadata(path: Path, text: str) -> None:
    path.mkdir()
    (path / "zarr.json").write_text(text)


def zarr_chunk(path: Path, data: bytes) -> None:
    write_zarr_array(path, PROBS)
    next(file for file in sorted((path / "c").rglob("*")) if file.is_file()).write_bytes(data)


def zarr_without_metadata(path: Path) -> None:
    write_zarr_array(path, PROBS)
    (path / "zarr.json").unlink()


def empty_dataset(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["only"] = h5py.Empty("f8")


def cut_hdf5(path: Path) -> None:
    write_compressed_hdf5(path, PROBS)
    path.write_bytes(without_end(path.read_bytes(), 100))


def hdf5_chunk(path: Path) -> None:
    write_compressed_hdf5(path, PROBS)
    with h5py.File(path, "r+") as file:
        file["only"].id.write_direct_chunk((0, 0, 0), b"no deflate stream")


C_ORDER, F_ORDER = ("{'descr': '<f8', 'fortran_order': %s, 'shape': " % order for order in (False, True))  # noqa: UP031
HUGE, NEGATIVE = "(1000000000000, 2, 4)}", "(-3, 2, 4)}"
BAD_HEADERS = {
    "unclosed": C_ORDER + "((((",
    "quote": "'''",
    "zero byte": "{'descr': '\0f8'}",
    "no dictionary": "[]",
    "too few keys": "{'descr': '<f8'}",
    "unknown dtype": "{'descr': '<q9', 'fortran_order': False, 'shape': (3, 2, 4)}",
    "objects": "{'descr': '|O', 'fortran_order': False, 'shape': (3, 2, 4)}",
    "huge": C_ORDER + HUGE,
    "huge Fortran": F_ORDER + HUGE,
    "negative": C_ORDER + NEGATIVE,
    "negative Fortran": F_ORDER + NEGATIVE,
}

BAD_FILES: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "missing npy": ("x.npy", lambda path: None),
    "missing zarr": ("x.zarr", lambda path: None),
    "missing folder": ("no/x.npy", lambda path: None),
    **{f"empty {end}": (f"x.{end}", Path.touch) for end in ("npy", "npz", "h5", "hdf5", "zarr")},
    **{f"text as {end}": (f"x.{end}", write_text) for end in ("npy", "npz", "h5", "hdf5", "zarr")},
    **{f"folder as {end}": (f"x.{end}", Path.mkdir) for end in ("npy", "npz", "h5", "hdf5", "zarr")},
    "unknown ending": ("x.csv", write_text),
    "upper case ending": ("x.NPY", write_text),
    "no ending": ("preds", write_text),
    "npy, cut data": ("x.npy", lambda path: path.write_bytes(without_end(npy_bytes(path.parent), 1))),
    "npy, no data": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:128])),
    "npy, cut header": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:60])),
    "npy, cut magic": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:5])),
    "npy, no axes": ("x.npy", lambda path: np.save(path, np.float64(0.5))),
    "npz named npy": ("x.npy", lambda path: path.write_bytes(npz_bytes(path.parent, compressed=False))),
    "npy named npz": ("x.npz", lambda path: path.write_bytes(npy_bytes(path.parent))),
    "npz, cut": ("x.npz", lambda path: path.write_bytes(without_end(npz_bytes(path.parent, compressed=True), 200))),
    "npz, cut end": ("x.npz", lambda path: path.write_bytes(without_end(npz_bytes(path.parent, compressed=False), 1))),
    "npz, hole": ("x.npz", lambda path: path.write_bytes(hole(npz_bytes(path.parent, compressed=False)))),
    "npz, deflate hole": ("x.npz", lambda path: path.write_bytes(hole(npz_bytes(path.parent, compressed=True)))),
    "npz, checksum": ("x.npz", lambda path: path.write_bytes(wrong_checksum(npz_bytes(path.parent, compressed=True)))),
    "npz, no arrays": ("x.npz", lambda path: zipped(path, notes_txt=b"hello")),
    "npz, nothing": ("x.npz", lambda path: zipped(path)),
    "npz, text member": ("x.npz", lambda path: zipped(path, only_npy=b"hello")),
    "npz, empty member": ("x.npz", lambda path: zipped(path, only_npy=b"")),
    "npz, cut member": ("x.npz", lambda path: zipped(path, only_npy=without_end(npy_bytes(path.parent), 1))),
    "npz, long member": ("x.npz", lambda path: zipped(path, only_npy=npy_bytes(path.parent) + b"x")),
    "npz, no axes": ("x.npz", lambda path: np.savez(path, only=np.float64(0.5))),
    **{
        f"npy, {k}": ("x.npy", lambda path, h=h: path.write_bytes(header(h) + bytes(64)))
        for k, h in BAD_HEADERS.items()
    },
    **{f"npz, {k}": ("x.npz", lambda path, h=h: zipped(path, only_npy=header(h))) for k, h in BAD_HEADERS.items()},
    "zarr, no metadata": ("x.zarr", zarr_without_metadata),
    "zarr, no arrays": ("x.zarr", lambda path: zarr.open_group(path, mode="w")),
    **{
        f"zarr, metadata {text!r}": ("x.zarr", lambda path, text=text: zarr_metadata(path, text))
        for text in ("", "{", "null", "[]", "{}", '{"zarr_format": 3, "node_type": "array"}', '{"zarr_format": 9}')
    },
    "zarr, cut chunk": ("x.zarr", lambda path: zarr_chunk(path, b"\x28\xb5\x2f\xfd")),
    "zarr, no axes": ("x.zarr", lambda path: write_zarr(path, only=np.array(0.5))),
    "hdf5, cut": ("x.h5", cut_hdf5),
    "hdf5, broken chunk": ("x.h5", hdf5_chunk),
    "hdf5, no arrays": ("x.h5", lambda path: write_hdf5(path)),
    "hdf5, no axes": ("x.h5", lambda path: write_hdf5(path, only=np.array(0.5))),
    "hdf5, no value": ("x.h5", empty_dataset),
}


@pytest.mark.parametrize("case", BAD_FILES)
@pytest.mark.parametrize("as_text", [False, True])
def test_bad_files_are_refused_in_one_sentence_that_names_them(tmp_path: Path, case: str, as_text: bool) -> None:
    name, write = BAD_FILES[case]
    path = tmp_path / name
    write(path)
    with pytest.raises(ValueError, match=re.escape(str(path))) as caught:
        alcore.bald(str(path) if as_text else path)
    sentence = str(caught.value)
    assert sentence.startswith(f"{path}: ")
    assert sentence.endswith(".")
    assert "\n" not in sentence


def test_a_wrong_checksum_is_found_whatever_the_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, np.random.default_rng(0).random((2000, 4, 20)))
    path.write_bytes(wrong_checksum(path.read_bytes()))
    for rows in (1, 333, 2000):
        with pytest.raises(ValueError, match="CRC"):
            list(open_predictions(path).read_blocks(rows))


@pytest.mark.parametrize("flips", range(60))
@pytest.mark.parametrize("writer", ["npy", "npz stored", "npz compressed", "hdf5 in chunks"])
def test_flipped_bytes_give_scores_or_one_refusal(tmp_path: Path, writer: str, flips: int) -> None:
    path = written(tmp_path, writer)
    data = np.frombuffer(path.read_bytes(), np.uint8).copy()
    rng = np.random.default_rng(flips)
    places = rng.integers(min(len(data), 128 if writer == "npy" else len(data)), size=3)
    data[places] = rng.integers(256, size=3)
    path.write_bytes(data.tobytes())
    sentence, scores = "", np.zeros(0)
    try:
        scores = alcore.bald(path)
    except (ValueError, TypeError) as error:
        sentence = str(error)
    assert "\n" not in sentence
    assert not np.isnan(scores).any()


# --- pickles ----------------------------------------------------------------------------------------------------------


class Bomb:
    """Makes a folder when it is unpickled."""

    def __init__(self, flag: Path) -> None:
        self.flag = flag

    def __reduce__(self) -> tuple[Callable[[str], None], tuple[str]]:
        return os.mkdir, (str(self.flag),)


def boobytrapped(flag: Path) -> np.ndarray:
    return np.array([[[Bomb(flag)] * 2] * 2], object)


PICKLES: dict[str, tuple[str, Callable[[Path, Path], Any]]] = {
    "object npy": ("x.npy", lambda path, flag: np.save(path, boobytrapped(flag), allow_pickle=True)),
    "object npz": ("x.npz", lambda path, flag: np.savez(path, only=boobytrapped(flag))),
    "Fortran npz": ("x.npz", lambda path, flag: np.savez(path, only=np.asfortranarray(boobytrapped(flag)))),
    "0 axes npz": ("x.npz", lambda path, flag: np.savez(path, only=np.array(Bomb(flag), object))),
    "structured npy": ("x.npy", lambda path, flag: np.save(path, np.array([(Bomb(flag),)], [("a", "O")]))),
    "pickle as npy": ("x.npy", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
    "pickle as npz": ("x.npz", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
    "pickle as member": ("x.npz", lambda path, flag: zipped(path, only_npy=pickle.dumps(Bomb(flag)))),
    "pickle as hdf5": ("x.h5", lambda path, flag: path.write_bytes(pickle.dumps(Bomb(flag)))),
}


@pytest.mark.parametrize("case", PICKLES)
def test_nothing_is_unpickled(tmp_path: Path, case: str) -> None:
    name, write = PICKLES[case]
    path, flag = tmp_path / name, tmp_path / "exploded"
    write(path, flag)
    with pytest.raises(ValueError, match="Nothing is ever unpickled") as caught:
        alcore.bald(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert not flag.exists()


def test_the_pickles_would_have_told(tmp_path: Path) -> None:
    flag = tmp_path / "exploded"
    np.save(tmp_path / "x.npy", np.array(Bomb(flag), object), allow_pickle=True)
    np.load(tmp_path / "x.npy", allow_pickle=True)
    assert flag.exists()


@pytest.mark.parametrize(("module", "name"), [("zarr", "x.zarr"), ("h5py", "x.h5")])
def test_without_a_reader_the_extra_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, name: str
) -> None:
    (tmp_path / name).write_text("x")
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=rf"needs {module}: pip install 'alcore\["):
        open_predictions(tmp_path / name)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_a_file_appears_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "x.npy"
    with whole_file(target) as file:
        file.write(b"half ")
        assert not target.exists()
        file.write(b"whole")
    assert target.read_bytes() == b"half whole"
    assert os.listdir(tmp_path) == ["x.npy"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
@pytest.mark.parametrize("old", [None, b"old"])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: type[BaseException], old: bytes | None) -> None:
    target = tmp_path / "x.npy"
    if old is not None:
        target.write_bytes(old)

    def fail() -> None:
        with whole_file(target) as file:
            file.write(b"new")
            raise error

    with pytest.raises(error):
        fail()
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == ({} if old is None else {target: old})


def test_an_old_file_is_replaced(tmp_path: Path) -> None:
    target = tmp_path / "x.npy"
    target.write_bytes(b"old and longer")
    with whole_file(str(target)) as file:
        file.write(b"new")
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600), (0o002, 0o664)])
def test_permissions_follow_the_umask(tmp_path: Path, umask: int, mode: int) -> None:
    before = os.umask(umask)
    try:
        with whole_file(tmp_path / "x.npy"):
            pass
        assert os.umask(umask) == umask
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "x.npy").stat().st_mode) == mode


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="does not exist"), whole_file(tmp_path / "no" / "x.npy"):
        pytest.fail("the body ran")
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "x.npy").mkdir()
    with pytest.raises(OSError, match="directory"), whole_file(tmp_path / "x.npy"):
        pass
    assert os.listdir(tmp_path) == ["x.npy"]


def test_the_longest_name_is_written(tmp_path: Path) -> None:
    target = tmp_path / ("x" * 251 + ".npy")
    with whole_file(target) as file:
        file.write(b"whole")
    assert target.read_bytes() == b"whole"


def test_formats_are_those_that_open() -> None:
    assert {ending.strip(" ") for ending in store.FORMATS.replace(" or", ",").split(",")} == set(store._OPENERS)
