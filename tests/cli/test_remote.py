"""Commands on URLs of remote stores, and ``--scheduler``: the picks of this machine, on the workers of a cluster."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import distributed
import fsspec
import numpy as np
import pytest
import zarr

import alcore
from alcore.cli import scheduler as scheduler_option
from alcore.sources import cluster as clusters
from alcore.sources import cluster_stores
from tests.cli.prediction_commands import done, run
from tests.sources.remote_stores import PROBS, s3_server

ROOT = "s3://bucket/run"


@pytest.fixture(scope="module", autouse=True)
def _server() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch, s3_server(patch):
        yield


@pytest.fixture(scope="module")
def cluster(_server: None) -> Iterator[Any]:
    """Two workers, which find the S3 server by their environment."""
    options = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "threads_per_worker": 1}
    with distributed.LocalCluster(n_workers=2, processes=True, **options) as found:
        yield found


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setattr(
        scheduler_option, "ANSWER_S", 120.0
    )  # the scheduler of a cluster is there, however busy the machine
    monkeypatch.setattr(clusters, "WORKERS_S", 120.0)
    np.save("preds.npy", PROBS)
    zarr.create_array(store="preds.zarr", data=PROBS, chunks=(8, 3, 5))
    return tmp_path


def refused(*arguments: object) -> str:
    result = run(*arguments)
    assert result.exit_code == 2, result.output
    assert "Traceback" not in result.output
    return str(result.stderr)


# --- URLs ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["preds.npy", "preds.zarr", "preds.h5"])
def test_a_url_goes_where_a_path_goes(here: Path, name: str) -> None:
    assert done("select", f"{ROOT}/{name}", "-k", 4) == done("select", "preds.npy", "-k", 4)
    assert done("select", f"file://{here}/preds.npy", "-k", 4) == done("select", "preds.npy", "-k", 4)
    done("score", f"{ROOT}/{name}", "-o", "scores.npy")
    np.testing.assert_array_equal(np.load("scores.npy"), alcore.bald(PROBS))
    epig = run("select", f"{ROOT}/{name}", "-k", 4, "-H", "epig", "--targets", f"{ROOT}/plain.npz").stdout
    assert epig == run("select", "preds.npy", "-k", 4, "-H", "epig", "--targets", f"{ROOT}/small.npz").stdout


def test_a_ledger_and_a_comparison(here: Path) -> None:
    done("ledger", "create", "run.db", "--size", 40)
    assert f"\n{alcore.BALD().select(PROBS, 1).indices[0]},,," in done(
        "ledger", "ask", "run.db", f"{ROOT}/preds.zarr", "-k", 1
    )
    shown = done("bench", f"{ROOT}/preds.zarr", "-k", 2, "--heuristics", "random,bald", "--report", "report.html")
    assert f"{ROOT}/preds.zarr" in shown
    assert f"{ROOT}/preds.zarr" in Path("report.html").read_text()


def test_a_pattern_is_several_files_in_the_order_of_their_numbers(here: Path) -> None:
    result = run("select", f"{ROOT}/part_*.npy", "-k", 4)
    assert f"in this order: {ROOT}/part_2.npy, {ROOT}/part_10.npy." in result.stderr
    assert result.stdout == done("select", "preds.npy", "-k", 4)
    assert "no file has a name like this" in refused("select", f"{ROOT}/nothing_*.npy")


def test_files_written_while_they_are_read_are_refused(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from alcore.cli import predictions

    def compare(*arguments: Any, **options: Any) -> Any:
        fsspec.filesystem("s3").pipe_file("bucket/run/preds.npy", (here / "preds.npy").read_bytes() + b" ")
        return alcore.bench.compare(*arguments, **options)

    monkeypatch.setattr(predictions, "compare", compare)
    assert "changed while it was read" in refused("bench", f"{ROOT}/preds.npy", "-k", 2, "--heuristics", "random,bald")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("select", f"{ROOT}/pred.zarr"), "no such file or folder. bucket/run has preds.zarr and"),
        (("select", "s3://buckt/run/preds.zarr"), "no such file or folder. The store has bucket."),
        (("select", f"{ROOT}/group.zarr", "--member", "pol"), "expected one of the members 'other', 'pool', got 'pol'"),
        (("select", f"{ROOT}/hole.zarr"), "no numbers for rows 24 to 39"),
        (("select", "gs://bucket/preds.zarr"), "pip install gcsfs"),
        (("select", "s4://bucket/preds.zarr"), "expected a URL that fsspec knows"),
        (("select", "preds.npy", "-o", "s3://bucket/a.csv"), "expected a path of this machine"),
        (("score", "preds.npy", "-o", "s3://bucket/a.npy"), "expected a path of this machine"),
        (("bench", "preds.npy", "--report", "s3://bucket/a.html"), "expected a path of this machine"),
        (("ledger", "create", "s3://bucket/a.db", "--size", "3"), "expected a path of this machine"),
        (("ledger", "status", "s3://bucket/a.db"), "expected a path of this machine"),
    ],
)
def test_what_is_wrong_is_one_sentence(here: Path, arguments: tuple[str, ...], words: str) -> None:
    said = refused(*arguments)
    assert words in said
    assert said.count("\n") == 1


# --- a cluster ----------------------------------------------------------------------------------------------------------


def test_the_picks_of_a_cluster_are_those_of_one_machine(here: Path, cluster: Any) -> None:
    zarr.create_array(store="first.zarr", data=PROBS.transpose(2, 0, 1).copy(), chunks=(5, 8, 3))
    cases = (
        ("preds.zarr",),
        (f"{ROOT}/preds.zarr",),
        (f"{ROOT}/group.zarr", "--member", "pool"),
        ("first.zarr", "--axes", "TNC"),
        (f"{ROOT}/shards.zarr", "-H", "power-bald", "--seed", 3),
        (f"{ROOT}/preds.zarr", "-H", "batchbald", "--seed", 3),
    )
    for one in cases:
        assert done("select", *one, "-k", 4, "--scheduler", cluster.scheduler_address) == done("select", *one, "-k", 4)
    several = ("preds.zarr", f"{ROOT}/preds.zarr", "-k", 4)
    assert run("select", *several, "--scheduler", cluster.scheduler_address).stdout == run("select", *several).stdout
    done("score", f"{ROOT}/preds.zarr", "-o", "scores.npy", "--scheduler", cluster.scheduler_address)
    np.testing.assert_array_equal(np.load("scores.npy"), alcore.bald(PROBS))
    done("ledger", "create", "run.db", "--size", 40)
    asked = done("ledger", "ask", "run.db", f"{ROOT}/preds.zarr", "-k", 1, "--scheduler", cluster.scheduler_address)
    assert f"\n{alcore.BALD().select(PROBS, 1).indices[0]},,," in asked
    with pytest.raises(ValueError, match="No clients found"):
        distributed.default_client()


def test_what_workers_cannot_read_is_refused(here: Path, cluster: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    address = cluster.scheduler_address
    assert "expected predictions in zarr" in refused("select", "preds.npy", "--scheduler", address)
    said = refused("select", f"{ROOT}/plain.npz", "--member", "pool", "--scheduler", address)
    assert f"alcore.open_predictions('{ROOT}/plain.npz', 'pool')" in said
    assert "no numbers for rows 24 to 39" in refused("select", f"{ROOT}/hole.zarr", "--scheduler", address)
    zarr.create_array(store=zarr.storage.FsspecStore.from_url("memory://mine.zarr"), data=PROBS, chunks=(8, 3, 5))
    said = refused("select", "memory://mine.zarr", "--scheduler", address)
    assert re.search(
        r"memory://mine\.zarr: worker tcp://127\.0\.0\.1:\d+ cannot read it: memory://mine\.zarr: no such", said
    )
    real = cluster_stores.stores_of

    def other_shape(*arguments: Any) -> Any:
        return [cluster_stores.replace(one, shape=(9, 3, 5)) for one in real(*arguments)]

    monkeypatch.setattr(cluster_stores, "stores_of", other_shape)
    assert "expected shape (9, 3, 5) of float64" in refused("select", "preds.zarr", "--scheduler", address)


def test_a_scheduler_that_is_not_there(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in ("localhost", "http://127.0.0.1:8787", "tcp://host"):
        assert "expected an address such as tcp://127.0.0.1:8786" in refused(
            "select", "preds.zarr", "--scheduler", wrong
        )
    with monkeypatch.context() as impatient:
        impatient.setattr(scheduler_option, "ANSWER_S", 0.5)
        for silent in ("tcp://127.0.0.1:9", fsspec.filesystem("s3").endpoint_url.replace("http", "tcp")):
            said = refused("select", "preds.zarr", "--scheduler", silent)
            assert f"expected one that answers at {silent}" in said
    monkeypatch.setattr(clusters, "WORKERS_S", 0.5)
    with distributed.LocalCluster(n_workers=0, host="127.0.0.1", dashboard_address="127.0.0.1:0") as empty:
        said = refused("select", "preds.zarr", "--scheduler", empty.scheduler_address)
    assert "expected at least one worker, got none" in said
    monkeypatch.setitem(__import__("sys").modules, "distributed", None)
    assert "pip install 'alcore[dask]'" in refused("select", "preds.zarr", "--scheduler", "tcp://127.0.0.1:9")
