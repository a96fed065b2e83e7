"""What goes wrong on a cluster: lost workers, bad numbers, blocks that cannot be read, other versions, no scheduler."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import dask.array
import distributed
import numpy as np
import pytest
import xarray
import zarr

import alcore
from alcore.sources import cluster as clusters
from alcore.sources import spread
from tests.cluster.pools import (
    PATIENCE,
    ROWS,
    a_chunk_each,
    assert_no_task_is_left,
    assert_same,
    in_dask,
    probabilities,
    processes,
    wait_for_two_others,
)


@pytest.fixture(autouse=True)
def _many_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    a_chunk_each(monkeypatch)


def refusal(call: Any) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011 - its type and text are compared
        call()
    return caught.value


@pytest.mark.parametrize("value", [np.nan, np.inf, -0.5, 0.9])
def test_bad_numbers_are_named_by_their_row_among_all(client: Any, value: float) -> None:
    pool = probabilities(ROWS)
    pool[[51, 57], 1, 3] = value
    expected = refusal(lambda: alcore.bald(pool))
    assert "51" in str(expected)
    for heuristic in (alcore.BALD(), alcore.BatchBALD(), alcore.ICAL(), alcore.EPIG(probabilities(3, seed=1))):
        found = refusal(lambda heuristic=heuristic: heuristic.select(in_dask(pool), 3, rng=0))
        assert type(found) is type(expected)
        assert str(found) == str(expected)


def test_other_refusals_are_those_of_one_machine(client: Any) -> None:
    pool = probabilities(ROWS)
    calls = [
        lambda array: alcore.bald(array, weights=[1.0, 2.0]),
        lambda array: alcore.Reduce(alcore.BALD(), "mean").score(array, mask=np.zeros((ROWS, 2), bool)),
        lambda array: alcore.epig(array, probabilities(5, classes=3)),
        lambda array: alcore.bald(array, kind="mean", variance=np.ones((ROWS + 1, 4))),
        lambda array: alcore.bald(array, kind="mean", variance=np.ones((ROWS - 1, 4))),
        lambda array: alcore.expected_loss(array, np.full((ROWS - 1, 4), 0.25)),
        lambda array: alcore.bald(array.astype(int)),
    ]
    for call in calls:
        found, expected = (refusal(lambda call=call, one=one: call(one)) for one in (in_dask(pool), pool))
        assert (type(found), str(found)) == (type(expected), str(expected))
        assert_no_task_is_left(client)  # though the error is kept, as a notebook keeps the last one


def test_masks_of_dask_are_refused_there_too(client: Any) -> None:
    masked = dask.array.ma.masked_greater(in_dask(probabilities(ROWS)), 0.9)
    with pytest.raises(TypeError, match="mask"):
        alcore.bald(masked)


# --- what cannot be read ----------------------------------------------------------------------------------------------


def in_zarr(folder: Path, rows: int = ROWS) -> Any:
    return zarr.create_array(folder / "preds.zarr", shape=(rows, 4, 6), chunks=(10, 4, 6), dtype="f4")


def test_an_unreadable_block_names_itself_and_its_file(client: Any, tmp_path: Path) -> None:
    in_zarr(tmp_path)[:] = probabilities(ROWS)
    (tmp_path / "preds.zarr/c/4/0/0").write_bytes(b"broken")
    error = refusal(lambda: alcore.bald(dask.array.from_zarr(tmp_path / "preds.zarr")))
    assert isinstance(error, ValueError)
    assert re.search(r"rows 40 to 49, but chunk \(4, 0, 0\) .* cannot be read", str(error)), error
    assert "preds.zarr" in str(error)


def test_an_unreadable_chunk_is_named_without_a_client_too(tmp_path: Path) -> None:
    in_zarr(tmp_path)[:] = probabilities(ROWS)
    (tmp_path / "preds.zarr/c/4/0/0").write_bytes(b"broken")
    lazy = dask.array.from_zarr(tmp_path / "preds.zarr")
    turned = lazy.transpose(2, 0, 1)
    for call, chunk in (
        (lambda: alcore.bald(lazy), r"\(4, 0, 0\)"),
        (lambda: alcore.bald(turned, axes="TNC"), r"\(0, 4, 0\)"),
        (lambda: alcore.bald(xarray.DataArray(lazy, dims=("obs", "class", "draw"))), r"\(4, 0, 0\)"),
    ):
        error = refusal(call)
        assert isinstance(error, ValueError)
        assert re.search(rf"rows 40 to 49, but chunk {chunk} .*preds\.zarr.* cannot be read", str(error)), error


def test_a_function_that_fails_names_its_chunk(client: Any) -> None:
    def fail(block: np.ndarray, block_info: Any = None) -> np.ndarray:
        if block_info[0]["chunk-location"][0] in (3, 5):
            raise OSError("the disk is gone")
        return block

    lazy = dask.array.from_array(probabilities(ROWS), chunks=(10, 4, 6)).map_blocks(fail, dtype=np.float32)
    with pytest.raises(ValueError, match=r"rows 30 to 39, but chunk \(3, 0, 0\).*OSError: the disk is gone"):
        alcore.bald(lazy)
    with pytest.raises(ValueError, match=r"rows 20 to 39, but chunk \(3, 0, 0\).*OSError: the disk is gone"):
        alcore.bald(lazy.rechunk((20, 2, 6)))


def test_chunks_that_nobody_wrote_are_no_predictions(client: Any, tmp_path: Path) -> None:
    array = in_zarr(tmp_path)
    array[:20], array[30:] = probabilities(20), probabilities(30)
    for lazy in (dask.array.from_zarr(tmp_path / "preds.zarr"), dask.array.from_zarr(array).rechunk((30, 4, 3))):
        with pytest.raises(ValueError, match="no numbers for rows 20 to 29"):
            alcore.bald(lazy)
    parts = dask.array.from_zarr(array)
    assert_same(alcore.bald(parts[:20]), alcore.bald(probabilities(20)))


def test_unknown_chunks_are_refused(client: Any) -> None:
    lazy = in_dask(probabilities(ROWS))
    with pytest.raises(ValueError, match="compute_chunk_sizes"):
        alcore.bald(lazy[lazy[:, 0, 0] > 0.2])


def test_chunks_whose_rows_do_not_fit_a_worker_are_refused(
    client: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pool = probabilities(ROWS)
    lazy = dask.array.from_array(pool, chunks=(ROWS, 4, 1))
    monkeypatch.setattr(spread, "SLAB_BYTES", pool.nbytes - 1)
    monkeypatch.chdir(tmp_path)
    error = refusal(lambda: alcore.bald(lazy))
    remedy = re.search(r"(probs\.rechunk.*?to_zarr\(.*?\)).*?(dask\.array\.from_zarr\(.*?\))", str(error))
    assert remedy is not None, error
    eval(remedy[1], {"probs": lazy})
    assert_same(alcore.bald(eval(remedy[2], {"dask": dask})), alcore.bald(pool))


# --- lost workers -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.1, 0.5])
def test_a_worker_that_is_killed_is_survived_with_the_same_bits(client: Any, after: float) -> None:
    pool = probabilities(ROWS)

    def slowly(block: np.ndarray) -> np.ndarray:
        time.sleep(0.08)
        return block

    victim = next(iter(processes(client)))
    killer = threading.Timer(after, os.kill, (victim, signal.SIGKILL))
    killer.start()
    lazy = dask.array.from_array(pool, chunks=(2, 4, 6)).map_blocks(slowly, dtype=np.float32)
    assert_same(alcore.epig(lazy, probabilities(5, seed=1)), alcore.epig(pool, probabilities(5, seed=1)))
    killer.join()
    wait_for_two_others(client, victim)


def test_a_pass_that_is_given_up_leaves_no_task(client: Any) -> None:
    def slowly(block: np.ndarray) -> np.ndarray:
        time.sleep(0.02)
        return block

    pool = probabilities(ROWS)
    pool[0] = np.nan
    lazy = dask.array.from_array(pool, chunks=(2, 4, 6)).map_blocks(slowly, dtype=np.float32)
    with pytest.raises(ValueError, match="is nan"):
        alcore.bald(lazy)
    assert_no_task_is_left(client)


# --- the cluster ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("package", ["alcore", "numba"])
@pytest.mark.parametrize("there", ["0.1.0", None])
def test_workers_with_another_version_are_refused(
    client: Any, monkeypatch: pytest.MonkeyPatch, package: str, there: str | None
) -> None:
    versions = client.get_versions(packages=list(clusters.SAME))
    worker = sorted(versions["workers"])[1]
    versions["workers"][worker]["packages"][package] = there
    monkeypatch.setattr(type(client), "get_versions", lambda *_, **__: versions)
    clusters._checked.clear()
    here = versions["client"]["packages"][package]
    with pytest.raises(
        ValueError, match=rf"{package} {here}.* got {there or 'none'} on worker {worker}.*{package}=={here}"
    ):
        alcore.bald(in_dask(probabilities(ROWS)))
    assert client not in clusters._checked or not clusters._checked[client]


def test_a_scheduler_that_is_not_there(client: Any) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=rf"{address}.*dask scheduler"):  # nobody listens, and nobody else may
            clusters.connect(address, timeout=0.5)
    with pytest.raises(ConnectionError, match="dask scheduler"):
        clusters.connect("nowhere", timeout=0.5)


def test_another_server_at_the_address_is_no_scheduler(client: Any) -> None:
    """It takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"tcp://127.0.0.1:{silent.getsockname()[1]}"
        with pytest.raises(ConnectionError, match=rf"{address}.*dask scheduler"):
            clusters.connect(address, timeout=0.5)


def test_connect_works_where_a_loop_runs_as_in_a_notebook(client: Any) -> None:
    async def connect() -> Any:
        return clusters.connect(client.scheduler.address, PATIENCE)

    asyncio.run(connect()).close()


def test_a_cluster_without_workers_says_how_to_start_one(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "WORKERS_S", 0.2)
    pool = probabilities(ROWS)
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty:
        own = clusters.connect(empty.scheduler_address, PATIENCE)
        try:
            with own.as_current():
                error = refusal(lambda: alcore.bald(in_dask(pool)))
            assert isinstance(error, ValueError)
            remedy = re.search(r"got none at (\S+)\. Start one: dask worker (\S+)\.$", str(error))
            assert remedy is not None, error
            assert remedy[1] == remedy[2] == empty.scheduler_address
            with subprocess.Popen(
                [sys.executable, "-m", "dask", "worker", remedy[2], "--nthreads=1", "--no-nanny", "--no-dashboard"],
                stderr=subprocess.DEVNULL,
            ) as worker:
                try:
                    own.wait_for_workers(1, timeout=PATIENCE)
                    with own.as_current():
                        found = alcore.bald(in_dask(pool))
                    assert_same(found, alcore.bald(pool))
                finally:
                    worker.terminate()  # the end of the block waits for it, also after a failure
        finally:
            own.close()


def test_connect_gives_a_client_whose_workers_read(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    own = clusters.connect(client.scheduler.address, PATIENCE)
    try:
        pool = probabilities(ROWS)
        assert_same(alcore.bald(in_dask(pool)), alcore.bald(pool))
    finally:
        own.close()
