"""One zarr array that several processes write in ranges: who makes it, what a record says, what readers refuse."""

from __future__ import annotations

import itertools
import os
import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from moto.server import ThreadedMotoServer

import alcore
from alcore.sources.ranges import gaps, marked, whole_ranges
from alcore.sources.saving_range import SavingRange, as_range
from alcore.sources.shared import SharedStore
from tests.cases import dirichlet
from tests.sources.remote_stores import forget_systems

N, C, T, CHUNK = 100, 3, 4, 16
PROBS = dirichlet(N, C, T, seed=5).astype(np.float32)
SETTINGS: dict[str, Any] = {"draws": T, "seed": 0}


def store_of(path: Any, **options: Any) -> SharedStore:
    return SharedStore(path, N, **{"chunk": CHUNK, **options})


def write(
    store: SharedStore, rows: tuple[int, int], blocks: tuple[int, ...] = (7,), stop: int | None = None, **settings: Any
) -> SavingRange:
    """Blocks of these sizes, in turn. ``stop``: the row before which the process is killed."""
    saving = SavingRange(store, as_range(rows, store), {**SETTINGS, **settings})
    place, sizes = rows[0], itertools.cycle(blocks)
    while place < (rows[1] if stop is None else stop):
        size = min(next(sizes), rows[1] - place)
        ids = {"ids": np.arange(place, place + size)} if settings.get("ids") else {}
        saving.append(PROBS[place : place + size], ids, {"noise": [[1, 8]]})
        place += size
    if stop is None:
        saving.finish()
    return saving


def numbers(store: SharedStore) -> np.ndarray:
    return np.asarray(zarr.open_array(store.path, mode="r")[:])


@pytest.mark.parametrize("blocks", [(1,), (16,), (5, 40), (100,)], ids=str)
def test_ranges_in_any_order_give_the_array(tmp_path: Path, blocks: tuple[int, ...]) -> None:
    """Whatever the blocks are: bit for bit, and as any other file for who reads it."""
    store = store_of(tmp_path / "p.zarr")
    assert store.missing == [(0, N)]
    assert store.settings == {}
    for rows in ((48, 100), (0, 16), (16, 48)):
        with pytest.raises(ValueError, match="no range that has a record|no such file"):
            alcore.bald(store.path)
        write(store, rows, blocks)
    assert store.missing == []
    np.testing.assert_array_equal(numbers(store), PROBS)
    np.testing.assert_array_equal(alcore.bald(store.path), alcore.bald(PROBS))
    np.testing.assert_array_equal(alcore.bald([store.path, PROBS]), alcore.bald(np.concatenate([PROBS] * 2)))


def test_a_range_that_was_killed_is_missing_and_written_again(tmp_path: Path) -> None:
    """Its chunks are there, and do not count. The rows are named, with what lists them."""
    store = store_of(tmp_path / "p.zarr")
    write(store, (0, 32))
    write(store, (32, 96), stop=80)
    write(store, (96, 100))
    assert (tmp_path / "p.zarr" / "c" / "3").exists()
    for given_ in (store.path, alcore.open_predictions(store.path), zarr.open_array(store.path, mode="r")):
        for call in (alcore.bald, lambda probs: alcore.BALD().select(probs, k=3)):
            with pytest.raises(ValueError, match=r"rows 32 to 95 are in no range.*SharedStore\('.*p\.zarr'\)\.missing"):
                call(given_)
    with pytest.raises(ValueError, match=r"rows 32 to 95.*\[0:32\].*\[96:100\]"):
        alcore.save_predictions(tmp_path / "copy.npy", store.path)
    assert alcore.SharedStore(store.path).missing == [(32, 96)]
    write(store, (32, 96))
    np.testing.assert_array_equal(alcore.bald(store.path), alcore.bald(PROBS))


def test_processes_that_begin_at_once_make_one_array(tmp_path: Path) -> None:
    """The first writer wins: the others find what it made. With other settings, one of the two is refused."""
    for number in range(10):
        store = store_of(tmp_path / f"{number}.zarr")
        ranges = store.ranges(7)
        with ThreadPoolExecutor(len(ranges)) as pool:
            list(pool.map(lambda rows, store=store: write(store, rows), ranges))
        assert store.missing == []
        np.testing.assert_array_equal(numbers(store), PROBS)

    def begin(seed: int) -> str:
        try:
            write(store_of(tmp_path / "two.zarr"), (seed * 16, seed * 16 + 16), seed=seed)
        except ValueError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(2) as pool:
        said = sorted(pool.map(begin, range(2)))
    assert said[0] == ""
    assert "the store was begun with seed=" in said[1]
    assert len(whole_ranges(zarr.open_array(str(tmp_path / "two.zarr")))) == 1


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"draws": 9}, "draws=4, and now it is 9. Pass draws=4"),
        ({"seed": 1}, "seed=0, and now it is 1. Pass seed=0"),
        ({"kind": "logits"}, "kind=None, and now it is 'logits'"),
        ({"weights": "ab"}, "Load the model of the first ranges"),
        ({"devices": ["cuda"]}, "Run all ranges on one kind"),
        ({"alcore": "9.9"}, "Versions may draw other random numbers"),
        ({"ids": True}, "Name ids for all ranges, or for none"),
    ],
    ids=str,
)
def test_other_settings_are_refused_by_name(tmp_path: Path, settings: dict[str, Any], match: str) -> None:
    """Nothing of them is written."""
    store = store_of(tmp_path / "p.zarr")
    write(store, (0, 32))
    with pytest.raises(ValueError, match=match):
        write(store, (32, 64), **settings)
    with pytest.raises(ValueError, match=match):
        assert SavingRange(store, (0, 32), {**SETTINGS, **settings}).is_whole
    assert store.missing == [(32, N)]


def test_another_shape_is_refused(tmp_path: Path) -> None:
    """Other classes, draws and numbers, and noise of another shape."""
    store = store_of(tmp_path / "p.zarr")
    write(store, (0, 16))
    noise = {"noise": [[1, 8]]}
    for block, match in (
        (PROBS[:16, :2], r"shape=\[3, 4\], and now it is \[2, 4\]. Let the model return the same classes"),
        (PROBS[:16, :, :2], r"shape=\[3, 4\]"),
        (PROBS[:16].astype(np.float16), "dtype='float32', and now it is 'float16'. Pass dtype='float32'"),
    ):
        with pytest.raises(ValueError, match=match):
            SavingRange(store, (16, 32), SETTINGS).append(block, {}, noise)
    with pytest.raises(ValueError, match="Layers draw numbers of other shapes"):
        SavingRange(store, (16, 32), SETTINGS).append(PROBS[:16], {}, {"noise": [[1, 9]]})
    with pytest.raises(ValueError, match="rows=100, and now it is 200"):
        SharedStore(store.path, 200)
    with pytest.raises(ValueError, match="chunk=16, and now it is 8"):
        SharedStore(store.path, chunk=8)
    with pytest.raises(ValueError, match="classes=None, and now it is"):
        SharedStore(store.path, classes=["a", "b", "c"])


def test_a_store_whose_processes_disagree_about_rows_is_refused(tmp_path: Path) -> None:
    """Also where none had made the array when the other began."""
    one, two = store_of(tmp_path / "p.zarr"), SharedStore(tmp_path / "p.zarr", 200, chunk=CHUNK)
    write(one, (0, 16))
    with pytest.raises(ValueError, match="rows=100, and now it is 200"):
        write(two, (16, 32))


@pytest.mark.parametrize("rows", [(0, 8), (8, 32), (0, 101), (16, 16), (32, 16), (100, 100)], ids=str)
def test_ranges_that_cut_a_chunk_are_refused(tmp_path: Path, rows: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=r"multiple of the 16 rows of a chunk.*store\.ranges\(4\)"):
        as_range(rows, store_of(tmp_path / "p.zarr"))


def test_what_is_no_range_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path / "p.zarr")
    for rows in (16, "all", (0, 16, 32), None):
        with pytest.raises(TypeError, match=r"rows: expected \(start, stop\)"):
            as_range(rows, store)
    with pytest.raises(TypeError, match=r"rows\[1\]"):
        as_range((0, 1.5), store)
    assert as_range([np.int64(16), np.int64(100)], store) == (16, 100)


def test_a_range_that_is_partly_there_is_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path / "p.zarr")
    write(store, (0, 32))
    assert SavingRange(store, (0, 16), SETTINGS).is_whole
    assert not SavingRange(store, (32, 64), SETTINGS).is_whole
    with pytest.raises(ValueError, match=r"rows=\(32, 48\)"):
        assert SavingRange(store, (16, 48), SETTINGS).is_whole


@given(st.integers(1, 500), st.integers(1, 60), st.integers(1, 70))
def test_ranges_hold_each_row_once(rows: int, chunk: int, parts: int) -> None:
    """They fit chunks, and differ by one chunk at most."""
    store = SharedStore("never-written.zarr", rows, chunk=chunk)
    found = store.ranges(parts)
    assert len(found) == min(parts, -(-rows // store.chunk))
    assert [row for start, stop in found for row in range(start, stop)] == list(range(rows))
    assert all(as_range(one, store) == one for one in found)
    chunks = [-(-(stop - start) // store.chunk) for start, stop in found]
    assert max(chunks) - min(chunks) <= 1


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(1, 10))), st.integers(0, 30), st.integers(1, 12))
def test_gaps_are_the_rows_that_no_range_has(starts: list[tuple[int, int]], start: int, size: int) -> None:
    ranges = sorted((first, first + rows) for first, rows in starts)
    there = {row for first, stop in ranges for row in range(first, stop)}
    found = gaps(ranges, (start, start + size))
    left = [row for first, stop in found for row in range(first, stop)]
    assert left == [row for row in range(start, start + size) if row not in there]
    assert all(stop < first for (_, stop), (first, _) in itertools.pairwise(found))


# --- ids, names, attributes -------------------------------------------------------------------------------------------


def test_ids_of_all_ranges_come_in_the_order_of_rows(tmp_path: Path) -> None:
    """Texts of any length. Where rows are missing or an id comes twice, they are refused."""
    store = store_of(tmp_path / "p.zarr")
    write(store, (32, 100), ids=True)
    with pytest.raises(ValueError, match="rows 0 to 31 are in no range"):
        assert store.ids is not None
    write(store, (0, 32), ids=True)
    np.testing.assert_array_equal(store.ids, np.arange(N))
    assert store.mask is None
    texts = store_of(tmp_path / "t.zarr", chunk=50)
    for rows, ids in (((0, 50), [str(i) for i in range(50)]), ((50, 100), [f"{i}-long" for i in range(50, 100)])):
        saving = SavingRange(texts, rows, {**SETTINGS, "ids": True})
        saving.append(PROBS[slice(*rows)], {"ids": np.array(ids)}, {})
        saving.finish()
    assert texts.ids is not None
    assert texts.ids.tolist() == [*map(str, range(50)), *(f"{i}-long" for i in range(50, 100))]


def test_an_id_in_two_ranges_is_refused(tmp_path: Path) -> None:
    """And numbers beside texts."""
    for name, second, match in (
        ("twice", np.arange(20, 70), "rows 20 and 50 have the same id, 20"),
        ("mixed", np.arange(50, 100).astype(str), "rows 50 to 99 have ids of another type"),
    ):
        store = store_of(tmp_path / f"{name}.zarr", chunk=50)
        for rows, ids in (((0, 50), np.arange(50)), ((50, 100), second)):
            saving = SavingRange(store, rows, {**SETTINGS, "ids": True})
            saving.append(PROBS[slice(*rows)], {"ids": ids}, {})
            saving.finish()
        with pytest.raises(ValueError, match=match):
            assert store.ids is not None


def test_attributes_say_what_the_draws_are(tmp_path: Path) -> None:
    """For zarr alone too. A store that is opened again knows its rows, chunks and names."""
    store = store_of(tmp_path / "p.zarr", classes=["a", "b", "c"])
    write(store, (0, 16))
    mark = marked(zarr.open_array(store.path))
    assert mark is not None
    assert mark["settings"] == store.settings
    assert {
        **SETTINGS,
        "classes": ["a", "b", "c"],
        "shape": [C, T],
        "dtype": "float32",
    }.items() <= store.settings.items()
    again = SharedStore(store.path)
    assert (again.rows, again.chunk, again.classes) == (N, CHUNK, ["a", "b", "c"])
    sent = pickle.loads(pickle.dumps(store))  # as Dask sends it
    assert repr(sent) == repr(store) == repr(again)
    with pytest.raises(ValueError, match="expected 3 names, as the predictions have classes, got 2"):
        write(store_of(tmp_path / "two.zarr", classes=["a", "b"]), (0, 16))


def test_names_that_are_no_store_are_refused(tmp_path: Path) -> None:
    zarr.create_array(str(tmp_path / "own.zarr"), data=PROBS)
    zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    for name in ("own.zarr", "group.zarr"):
        with pytest.raises(ValueError, match="got another array or group of zarr"):
            store_of(tmp_path / name)
    with pytest.raises(ValueError, match=r"ends in \.zarr"):
        store_of(tmp_path / "p.npy")
    with pytest.raises(ValueError, match="does not exist. Create it: mkdir -p"):
        store_of(tmp_path / "none" / "p.zarr")
    with pytest.raises(TypeError, match="path"):
        store_of(3)
    with pytest.raises(ValueError, match="parts"):
        store_of(tmp_path / "p.zarr").ranges(0)
    with pytest.raises(ValueError, match="rows"):
        SharedStore(tmp_path / "p.zarr", 0)


def test_other_numbers_of_rows_are_refused(tmp_path: Path) -> None:
    store = store_of(tmp_path / "p.zarr")
    saving = SavingRange(store, (0, 32), SETTINGS)
    saving.append(PROBS[:20], {}, {})
    with pytest.raises(ValueError, match=r"expected 32 rows, as rows=\(0, 32\) says, got 20\. .*data\[0:32\]"):
        saving.finish()
    with pytest.raises(ValueError, match="got 40 and more"):
        saving.append(PROBS[:20], {}, {})
    assert store.missing == [(0, N)]


# --- buckets ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    s3fs = pytest.importorskip("s3fs", reason="the extra remote has it with s3fs")
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    names = {"AWS_ENDPOINT_URL": f"http://{host}:{port}", "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    for name, value in names.items():
        monkeypatch.setenv(name, value)
    forget_systems()
    s3fs.S3FileSystem().mkdir("pool")
    yield "s3://pool"
    forget_systems()
    server.stop()


def test_a_bucket_is_a_store_too(bucket: str) -> None:
    """Records, ids and what is missing come from the bucket."""
    store = store_of(f"{bucket}/runs/p.zarr")
    assert store.missing == [(0, N)]
    write(store, (48, 100), ids=True)
    write(store, (0, 48), stop=30, ids=True)
    assert alcore.SharedStore(store.path).missing == [(0, 48)]
    with pytest.raises(ValueError, match="rows 0 to 47 are in no range"):
        alcore.bald(zarr.open_array(store.path, mode="r"))
    write(store, (0, 48), ids=True)
    assert store.missing == []
    np.testing.assert_array_equal(store.ids, np.arange(N))
    np.testing.assert_array_equal(alcore.bald(zarr.open_array(store.path, mode="r")), alcore.bald(PROBS))
    assert os.environ["AWS_ENDPOINT_URL"] not in repr(store)
