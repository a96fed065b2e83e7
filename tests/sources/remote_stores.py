"""Predictions in remote stores that tests make: fsspec's store in memory, a web server and an S3 server on loopback."""

from __future__ import annotations

import asyncio
import functools
import http.server
import io
import logging
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
import h5py
import numpy as np
import pytest
import zarr
from moto.server import ThreadedMotoServer
from zarr.core.sync import _get_loop as loop_of_zarr

from tests.cases import dirichlet

PROBS = dirichlet(40, 3, 5, seed=11)
KEYS = {"AWS_ACCESS_KEY_ID": "ann", "AWS_SECRET_ACCESS_KEY": "hidden", "AWS_DEFAULT_REGION": "us-east-1"}


def fill(root: str) -> None:
    """Stores and files of every format under this URL."""
    system, folder = fsspec.url_to_fs(root)
    system.pipe_file(f"{folder}/preds.npy", as_npy(PROBS))
    system.pipe_file(f"{folder}/part_2.npy", as_npy(PROBS[:7]))
    system.pipe_file(f"{folder}/part_10.npy", as_npy(PROBS[7:]))
    system.pipe_file(f"{folder}/draws_first.npy", as_npy(PROBS.transpose(2, 0, 1).copy()))
    system.pipe_file(f"{folder}/fortran.npy", as_npy(np.asfortranarray(PROBS)))
    system.pipe_file(f"{folder}/objects.npy", as_npy(np.array([PROBS, None], object)))
    system.pipe_file(f"{folder}/short.npy", as_npy(PROBS)[:-8])
    system.pipe_file(f"{folder}/text.npy", b"no array at all")
    system.pipe_file(f"{folder}/empty.npy", b"")
    for name, save in (("plain.npz", np.savez), ("small.npz", np.savez_compressed)):
        save(stream := io.BytesIO(), pool=PROBS, target=PROBS[:4])
        system.pipe_file(f"{folder}/{name}", stream.getvalue())
    with h5py.File(stream := io.BytesIO(), "w") as file:
        file.create_dataset("pool", data=PROBS, chunks=(8, 3, 5), compression="gzip")
    system.pipe_file(f"{folder}/preds.h5", stream.getvalue())
    zarr.create_array(store=store(f"{root}/preds.zarr"), data=PROBS, chunks=(8, 3, 5))
    zarr.create_array(store=store(f"{root}/shards.zarr"), data=PROBS, chunks=(4, 3, 5), shards=(8, 3, 5))
    group = zarr.open_group(store=store(f"{root}/group.zarr"), mode="w")
    for name in ("pool", "other"):
        group.create_array(name, data=PROBS, chunks=(8, 3, 5))
    hole = zarr.create_array(store=store(f"{root}/hole.zarr"), shape=PROBS.shape, chunks=(8, 3, 5), dtype="f8")
    hole[:24] = PROBS[:24]


def as_npy(array: np.ndarray) -> bytes:
    np.save(stream := io.BytesIO(), array, allow_pickle=True)
    return stream.getvalue()


def store(url: str) -> zarr.storage.FsspecStore:
    return zarr.storage.FsspecStore.from_url(url)


def forget_systems() -> None:
    """Close what fsspec remembers of servers. Left to the garbage collector, a session warns in another test."""
    s3, web = fsspec.get_filesystem_class("s3"), fsspec.get_filesystem_class("http")
    for system in [*s3._cache.values(), *web._cache.values()]:
        loop = loop_of_zarr() if system.asynchronous else system.loop
        asyncio.run_coroutine_threadsafe(_closed(system), loop).result()
    s3.clear_instance_cache()
    web.clear_instance_cache()


async def _closed(system: Any) -> None:
    if (client := getattr(system, "_s3creator", None)) is not None:
        await client.__aexit__(None, None, None)
    if (session := getattr(system, "_session", None)) is not None and hasattr(session, "closed"):
        await session.close()


@contextmanager
def s3_server(patch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an S3 server in this process, to which the environment leads."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    reset = urllib.request.Request(
        f"{address}/moto-api/reset", method="POST"
    )  # servers of one process share their buckets
    urllib.request.urlopen(reset).close()
    try:
        for name, value in KEYS.items():
            patch.setenv(name, value)
        patch.setitem(fsspec.config.conf, "s3", {"endpoint_url": address})
        patch.setenv("FSSPEC_S3_ENDPOINT_URL", address)  # for processes that a test starts
        fsspec.filesystem("s3").mkdir("bucket")
        fill("s3://bucket/run")
        yield address
    finally:
        forget_systems()
        server.stop()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Whole files of a folder, and no ranges. A name that begins with closed_ needs a password."""

    def do_GET(self) -> None:
        if "closed_" in self.path:
            self.send_error(401)
        else:
            super().do_GET()

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@contextmanager
def web_server(folder: Path) -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        forget_systems()
        server.shutdown()
        server.server_close()
        thread.join()
