"""Files that are no predictions, or damaged ones, are refused in one sentence that names them."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore.sources.files import open_predictions
from tests.conftest import soak
from tests.sources.file_formats import (
    PROBS,
    write_compressed_hdf5,
    write_hdf5,
    write_zarr,
    write_zarr_array,
    written,
    zipped,
)


def header(text: str) -> bytes:
    padded = text.encode("latin1").ljust(117) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(padded).to_bytes(2, "little") + padded


def npy_bytes(folder: Path) -> bytes:
    np.save(folder / "whole.npy", PROBS)
    return (folder / "whole.npy").read_bytes()


def npz_bytes(folder: Path, *, compressed: bool) -> bytes:
    (np.savez_compressed if compressed else np.savez)(folder / "whole.npz", only=PROBS)
    return (folder / "whole.npz").read_bytes()


def cut_end(data: bytes, cut: int) -> bytes:
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


def zarr_with_no_metadata(path: Path) -> None:
    write_zarr_array(path, PROBS)
    (path / "zarr.json").unlink()


def empty_dataset(path: Path) -> None:
    with h5py.File(path, "w") as file:
        file["only"] = h5py.Empty("f8")


def cut_hdf5(path: Path) -> None:
    write_compressed_hdf5(path, PROBS)
    path.write_bytes(cut_end(path.read_bytes(), 100))


def hdf5_chunk(path: Path) -> None:
    write_compressed_hdf5(path, PROBS)
    with h5py.File(path, "r+") as file:
        file["only"].id.write_direct_chunk((0, 0, 0), b"no deflate stream")


def hdf5_numbers(path: Path) -> None:
    """Numbers with an exponent that no float has."""
    kind = h5py.h5t.IEEE_F64LE.copy()
    kind.set_ebias(100_000)
    with h5py.File(path, "w") as file:
        h5py.h5d.create(file.id, b"only", kind, h5py.h5s.create_simple(PROBS.shape))


def long_name(data: bytes) -> bytes:
    """A name that takes the first half of the file in."""
    return data[:26] + (len(data) // 2).to_bytes(2, "little") + data[28:]


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
    "no ending": ("preds", write_text),
    "npy, cut data": ("x.npy", lambda path: path.write_bytes(cut_end(npy_bytes(path.parent), 1))),
    "npy, no data": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:128])),
    "npy, cut header": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:60])),
    "npy, cut magic": ("x.npy", lambda path: path.write_bytes(npy_bytes(path.parent)[:5])),
    "npy, no axes": ("x.npy", lambda path: np.save(path, np.float64(0.5))),
    "npz, cut": ("x.npz", lambda path: path.write_bytes(cut_end(npz_bytes(path.parent, compressed=True), 200))),
    "npz, cut end": ("x.npz", lambda path: path.write_bytes(cut_end(npz_bytes(path.parent, compressed=False), 1))),
    "npz, hole": ("x.npz", lambda path: path.write_bytes(hole(npz_bytes(path.parent, compressed=False)))),
    "npz, deflate hole": ("x.npz", lambda path: path.write_bytes(hole(npz_bytes(path.parent, compressed=True)))),
    "npz, checksum": ("x.npz", lambda path: path.write_bytes(wrong_checksum(npz_bytes(path.parent, compressed=True)))),
    "npz, long name": ("x.npz", lambda path: path.write_bytes(long_name(npz_bytes(path.parent, compressed=False)))),
    "npz, no arrays": ("x.npz", lambda path: zipped(path, notes_txt=b"hello")),
    "npz, nothing": ("x.npz", lambda path: zipped(path)),
    "npz, text member": ("x.npz", lambda path: zipped(path, only_npy=b"hello")),
    "npz, empty member": ("x.npz", lambda path: zipped(path, only_npy=b"")),
    "npz, cut member": ("x.npz", lambda path: zipped(path, only_npy=cut_end(npy_bytes(path.parent), 1))),
    "npz, long member": ("x.npz", lambda path: zipped(path, only_npy=npy_bytes(path.parent) + b"x")),
    "npz, no axes": ("x.npz", lambda path: np.savez(path, only=np.float64(0.5))),
    **{
        f"npy, {k}": ("x.npy", lambda path, h=h: path.write_bytes(header(h) + bytes(64)))
        for k, h in BAD_HEADERS.items()
    },
    **{f"npz, {k}": ("x.npz", lambda path, h=h: zipped(path, only_npy=header(h))) for k, h in BAD_HEADERS.items()},
    "zarr, no metadata": ("x.zarr", zarr_with_no_metadata),
    "zarr, no arrays": ("x.zarr", lambda path: zarr.open_group(path, mode="w")),
    **{
        f"zarr, metadata {text!r}": ("x.zarr", lambda path, text=text: zarr_metadata(path, text))
        for text in ("", "{", "null", "[]", "{}", '{"zarr_format": 3, "node_type": "array"}', '{"zarr_format": 9}')
    },
    "zarr, cut chunk": ("x.zarr", lambda path: zarr_chunk(path, b"\x28\xb5\x2f\xfd")),
    "zarr, no axes": ("x.zarr", lambda path: write_zarr(path, only=np.array(0.5))),
    "hdf5, cut": ("x.h5", cut_hdf5),
    "hdf5, broken chunk": ("x.h5", hdf5_chunk),
    "hdf5, numbers": ("x.h5", hdf5_numbers),
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
    assert len(sentence) < 500


def test_a_wrong_checksum_is_found_whatever_the_blocks(tmp_path: Path) -> None:
    path = tmp_path / "x.npz"
    np.savez_compressed(path, np.random.default_rng(0).random((2000, 4, 20)))
    path.write_bytes(wrong_checksum(path.read_bytes()))
    for rows in (1, 333, 2000):
        with pytest.raises(ValueError, match="CRC"):
            list(open_predictions(path).read_blocks(rows))


@pytest.mark.parametrize("writer", ["npy", "npz stored", "npz compressed", "hdf5 in chunks"])
def test_flipped_bytes_give_scores_or_one_refusal(tmp_path: Path, writer: str) -> None:
    path = written(tmp_path, writer)
    whole = np.frombuffer(path.read_bytes(), np.uint8)
    for seed in range(soak(60, 3000)):
        data, rng = whole.copy(), np.random.default_rng(seed)
        places = rng.integers(min(len(data), 128 if writer == "npy" else len(data)), size=3)
        data[places] = rng.integers(256, size=3)
        path.write_bytes(data.tobytes())
        sentence, scores = "", np.zeros(0)
        try:
            scores = alcore.bald(path)
        except (ValueError, TypeError) as error:
            sentence = str(error)
        assert "\n" not in sentence, seed
        assert not np.isnan(scores).any(), seed


def test_a_name_that_no_file_can_have_is_refused() -> None:
    name = "x" * 300 + ".npy"
    with pytest.raises(ValueError, match=f"^{name}: cannot be opened .File name too long"):
        alcore.bald(name)


@pytest.mark.parametrize("at", [108, 113, 120])
def test_a_file_that_hdf5_itself_does_not_come_back_from_is_refused(tmp_path: Path, at: int) -> None:
    """32 bytes of its first B-tree stand there twice."""
    path = tmp_path / "x.h5"
    write_compressed_hdf5(path, PROBS)
    whole = path.read_bytes()
    path.write_bytes(whole[: at + 32] + whole[at:])
    with pytest.raises(ValueError, match=re.escape(f"{path}: expected")):
        open_predictions(path)
