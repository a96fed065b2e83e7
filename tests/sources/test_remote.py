"""Predictions of remote stores are those of the same files on this machine. What is wrong with a URL is said without secrets."""

from __future__ import annotations

import re
import urllib.request
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import zarr

import alcore
from alcore import door
from alcore.sources.urls import Url, as_file
from tests.sources.remote_stores import PROBS, as_npy, fill, forget_systems, s3_server, store, web_server

BALD = alcore.bald(PROBS)
STORES = ("memory://bucket/run", "s3://bucket/run")
each_store = pytest.mark.parametrize("root", STORES)


@pytest.fixture(scope="module", autouse=True)
def address() -> Iterator[str]:
    """Of the S3 server. The store in memory has the same files."""
    with pytest.MonkeyPatch.context() as patch, s3_server(patch) as found:
        fill("memory://bucket/run")
        yield found
        fsspec.filesystem("memory").store.clear()


def refused(path: Any, *more: Any, **options: Any) -> str:
    with pytest.raises((ValueError, ImportError)) as caught:
        alcore.bald(alcore.open_predictions(path, *more), **options)
    return str(caught.value)


@each_store
@pytest.mark.parametrize("name", ["preds.npy", "preds.zarr", "shards.zarr", "preds.h5", "group.zarr/pool"])
def test_scores_are_those_of_the_array(root: str, name: str) -> None:
    np.testing.assert_array_equal(alcore.bald(f"{root}/{name}"), BALD)
    assert alcore.BALD().select(f"{root}/{name}", 3).indices.tolist() == alcore.top(BALD, 3).indices.tolist()


@each_store
@pytest.mark.parametrize("name", ["plain.npz", "small.npz", "group.zarr"])
def test_members_have_names(root: str, name: str) -> None:
    np.testing.assert_array_equal(alcore.bald(alcore.open_predictions(f"{root}/{name}", "pool")), BALD)
    assert "got members" in refused(f"{root}/{name}")
    assert "got 'pol'" in refused(f"{root}/{name}", "pol")
    assert "expected no member" in refused(f"{root}/preds.npy", "pool")


@each_store
def test_several_files_and_other_axes(root: str) -> None:
    np.testing.assert_array_equal(alcore.bald([f"{root}/part_2.npy", f"{root}/part_10.npy"]), BALD)
    np.testing.assert_array_equal(alcore.bald(f"{root}/draws_first.npy", axes="TNC"), BALD)
    joined = alcore.concatenate_draws([f"{root}/preds.zarr", f"{root}/preds.npy"])
    np.testing.assert_array_equal(alcore.bald(joined), alcore.bald(np.concatenate([PROBS, PROBS], -1)))
    epig = alcore.EPIG(f"{root}/preds.zarr").score(f"{root}/preds.npy")
    np.testing.assert_array_equal(epig, alcore.EPIG(PROBS).score(PROBS))


def test_small_blocks_read_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore.sources.reading.BLOCK_BYTES", 3 * PROBS[0].nbytes)
    for name in ("preds.npy", "preds.zarr", "small.npz", "draws_first.npy"):
        found = alcore.open_predictions(f"memory://bucket/run/{name}", "pool" if name.endswith("npz") else None)
        np.testing.assert_array_equal(alcore.bald(found, axes="TNC" if name[0] == "d" else None), BALD)


@pytest.mark.parametrize(
    "index",
    [
        *(
            3,
            -1,
            np.int64(2),
            slice(2, 7),
            slice(7, 2),
            slice(None, None, 2),
            slice(-3, None),
            Ellipsis,
            [1, 5],
            slice(0, 0),
        ),
        *(
            (slice(None), slice(1, 2)),
            (slice(None), slice(None), slice(1, 4)),
            (slice(1, 3), slice(0, 2)),
            (slice(1, 3), 0),
        ),
    ],
    ids=str,
)
def test_a_npy_file_is_indexed_as_the_array(index: Any) -> None:
    found = alcore.open_predictions("memory://bucket/run/preds.npy")
    np.testing.assert_array_equal(found[index], PROBS[index])


def test_urls_of_this_machine_are_paths(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", PROBS)
    assert isinstance(alcore.open_predictions(f"file://{tmp_path}/a.npy"), np.memmap)
    assert as_file(f"file://{tmp_path}/a.npy") == tmp_path / "a.npy"
    assert as_file("C:/a.npy") == Path("C:/a.npy")
    assert as_file(Url("s3://b/a.npy")) == as_file("s3://b/a.npy") == Url("s3://b/a.npy")


# --- what is not there, or damaged --------------------------------------------------------------------------------------


@each_store
def test_a_typo_names_what_there_is(root: str) -> None:
    bucket = root.rpartition("/")[0]
    assert re.search(
        r"pred\.zarr: no such file or folder\. /?bucket/run has preds\.zarr and \d+ more\.",
        refused(f"{root}/pred.zarr"),
    )
    assert re.search(r"no such file or folder\. /?bucket has run\.", refused(f"{bucket}/ru/preds.zarr"))
    assert "has bucket" in refused(f"{bucket}s/run/preds.zarr")
    said = refused(f"{root}/part_*.npy")
    assert "part_2.npy', " in said
    np.testing.assert_array_equal(alcore.bald(eval(said.partition("rows: ")[2].rstrip("."))), BALD)


@each_store
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("", "a folder of zarr with one of zarr.json"),
        ("empty.npy", "the file is empty"),
        ("text.npy", "begins with b'no array'"),
        ("objects.npy", "it holds pickled objects"),
        ("short.npy", "which needs 4928 bytes, and it has 4920"),
        ("fortran.npy", "Fortran order"),
    ],
)
def test_other_files_are_refused(root: str, name: str, words: str) -> None:
    assert words in refused(f"{root}/{name}")


@each_store
def test_missing_chunks_are_named_and_seen_again_once_written(root: str) -> None:
    assert "no numbers for rows 24 to 39" in refused(f"{root}/hole.zarr")
    array = zarr.open_array(store=store(f"{root}/hole.zarr"), mode="r+")
    array[24:] = PROBS[24:]
    np.testing.assert_array_equal(alcore.bald(f"{root}/hole.zarr"), BALD)
    system, path = fsspec.url_to_fs(f"{root}/hole.zarr")
    for chunk in ("3", "4"):
        system.rm_file(f"{path}/c/{chunk}/0/0")
    assert "no numbers for rows 24 to 39" in refused(f"{root}/hole.zarr")


def test_a_zip_of_zarr_and_a_virtual_dataset_are_copied_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with zarr.storage.ZipStore("preds.zip", mode="w") as archive:
        zarr.create_array(store=archive, data=PROBS, chunks=(8, 3, 5))
    layout = h5py.VirtualLayout(PROBS.shape, PROBS.dtype)
    layout[:] = h5py.VirtualSource("own.h5", "pool", PROBS.shape)
    with h5py.File("virtual.h5", "w") as file:
        file.create_virtual_dataset("pool", layout)
    system = fsspec.filesystem("memory")
    for name in ("preds.zip", "virtual.h5"):
        system.pipe_file(f"/copied/{name}", Path(name).read_bytes())
        Path(name).unlink()
    names: dict[str, Any] = {"alcore": alcore}
    *code, found = refused("memory://copied/preds.zip").partition("Copy it first: ")[2].split("; ")
    exec("; ".join(code), names)
    np.testing.assert_array_equal(alcore.bald(eval(found, names)), BALD)
    assert "takes them from other files" in refused("memory://copied/virtual.h5")


# --- servers and credentials --------------------------------------------------------------------------------------------


def test_wrong_credentials_are_denied(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def checked_from(action: int) -> None:
        kind = {"Content-Type": "application/octet-stream"}
        urllib.request.urlopen(
            urllib.request.Request(f"{address}/moto-api/reset-auth", str(action).encode(), kind)
        ).close()

    forget_systems()
    checked_from(0)
    try:
        said = refused("s3://bucket/run/preds.zarr")
    finally:
        checked_from(1_000_000)
    assert "s3://bucket/run/preds.zarr: the store denied access" in said
    assert "AWS_ACCESS_KEY_ID" in said
    assert "hidden" not in said
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    forget_systems()
    assert "the store denied access (Unable to locate credentials)" in refused("s3://bucket/run/preds.zarr")
    forget_systems()


def test_a_server_that_does_not_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(
        fsspec.config.conf, "s3", {"endpoint_url": "http://127.0.0.1:9", "key": "ann", "secret": "hidden"}
    )
    said = refused("s3://elsewhere/preds.zarr")
    assert "s3://elsewhere/preds.zarr: the server does not answer" in said
    assert "FSSPEC_S3_ENDPOINT_URL" in said
    assert "hidden" not in said
    assert "the server does not answer" in refused("http://ann:hidden@127.0.0.1:9/preds.zarr")


def test_a_web_server_lists_nothing_and_chunks_are_asked_for(tmp_path: Path) -> None:
    zarr.create_array(store=tmp_path / "preds.zarr", data=PROBS, chunks=(8, 3, 5))
    zarr.create_array(store=tmp_path / "hole.zarr", shape=PROBS.shape, chunks=(8, 3, 5), dtype="f8")[:16] = PROBS[:16]
    (tmp_path / "preds.npy").write_bytes(as_npy(PROBS))
    with web_server(tmp_path) as web:
        np.testing.assert_array_equal(alcore.bald(f"{web}/preds.zarr"), BALD)
        assert "no numbers for rows 16 to 39" in refused(f"{web}/hole.zarr")
        assert "the server sends whole files" in (said := refused(f"{web}/preds.npy?token=hidden"))
        assert "hidden" not in said
        assert "no such file" in refused(f"{web}/nothing.npy")
        assert "denied access" in refused(f"{web}/closed_preds.npy")


@pytest.mark.parametrize(
    "url",
    [
        "ftp://ann:hid/den@127.0.0.1:9/a.zarr",
        "foo://ann:hidden@host/a.zarr",
        "http://h:1/a.npy?X-Sig=hidden",
        "s3://ann:hidden@b/a",
    ],
)
def test_no_secret_is_shown(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fsspec.config.conf, "s3", {"endpoint_url": "http://127.0.0.1:9"})
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - what is not said counts
        alcore.bald([url, url])
    texts = [str(caught.value), repr(caught.value.__cause__), repr(as_file(url)), door.shown(url)]
    with pytest.raises(TypeError) as of_mask:
        alcore.Reduce(alcore.BALD(), "mean").score(PROBS, mask=url)
    assert not re.search("hid|den", " ".join([*texts, str(of_mask.value)]))


def test_what_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    known = import_module("fsspec.registry").known_implementations
    monkeypatch.setitem(known, "gone", {"class": "no_such_library.Store", "err": "Install it"})
    assert refused("gone://bucket/a.zarr") == (
        "gone://bucket/a.zarr: gone:// needs no_such_library: pip install no_such_library."
    )

    def without_fsspec(name: str) -> Any:
        if name == "fsspec":
            raise ImportError(name)
        return import_module(name)

    monkeypatch.setattr("alcore.sources.urls.importlib.import_module", without_fsspec)
    assert "a remote store needs fsspec: pip install 'alcore[remote]'" in refused("s3://bucket/a.zarr")


# --- what is written stays here -----------------------------------------------------------------------------------------


def test_files_are_written_here(tmp_path: Path) -> None:
    url = "s3://ann:hidden@bucket/run.db"
    query = alcore.Ledger(size=3).label_randomly(1, rng=0)
    for call in (
        lambda: alcore.save_predictions(url.replace(".db", ".zarr"), PROBS),
        lambda: alcore.concatenate_draws([PROBS], url.replace(".db", ".npy")),
        lambda: alcore.Ledger.open(url, size=3),
        lambda: alcore.Ledger.open(Path(url), size=3),
        lambda: alcore.Ledger(size=3).backup(url),
        lambda: query.export(url.replace(".db", ".csv")),
    ):
        with pytest.raises(ValueError, match="expected a path of this machine, got 's3://") as caught:
            call()
        assert "hidden" not in str(caught.value)
    with pytest.raises(ValueError, match=f"Pass the path: '{tmp_path}/a.npy'"):
        alcore.save_predictions(f"file://{tmp_path}/a.npy", PROBS)
    with pytest.raises(ValueError, match="because Path removes a slash: 's3://bucket/run/preds.npy'"):
        alcore.open_predictions(Path("s3://bucket/run/preds.npy"))
