"""Clusters of Dask: whether one is there, that its workers have the same versions, and a client of one at an address.

Dask is looked for only where an array of Dask was given, so nothing here imports it before.
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from importlib import import_module
from typing import Any, NoReturn
from weakref import WeakKeyDictionary

from alcore.sources.formats import import_extra

SAME = ("alcore", "numpy", "numba")  # versions that scores depend on
WORKERS_S = 10.0  # to wait for the first worker

_checked: WeakKeyDictionary[Any, set[str]] = (
    WeakKeyDictionary()
)  # clients -> addresses of workers with the same versions


def dask_array(found: Any) -> Any:
    """The array of Dask that an array, or an array of xarray, holds. None where there is none."""
    if hasattr(found, "coords") and getattr(found, "chunks", None):
        found = found.data
    return found if hasattr(found, "__dask_graph__") and hasattr(found, "rechunk") else None


def client_for(array: Any) -> Any:
    """The client of a cluster that Dask would compute an array with. None without one, and on a worker."""
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return None
    with suppress(ValueError):
        distributed.get_worker()
        return None  # a task that waited for other tasks could wait for itself
    scheduler = import_module("dask.base").get_scheduler(collections=[array])
    client = getattr(scheduler, "__self__", None)
    return client if isinstance(client, distributed.Client) else None


def refuse_other_versions(client: Any) -> None:
    """Refuse a cluster without workers, or whose scheduler or workers have other versions than the caller, or do not answer."""
    try:
        if not (workers := set(client.nthreads())):
            wait_for_worker(client)
        checked = _checked.setdefault(client, set())
        if workers and workers <= checked:
            return
        found = client.get_versions(packages=list(SAME))
    except (OSError, TimeoutError) as error:
        refuse_no_scheduler(_address(client), error)
    here = found["client"]["packages"]
    for address, one in [("the scheduler", found["scheduler"]), *sorted(found["workers"].items())]:
        there = {} if one is None else one["packages"]
        for package in SAME:
            if there.get(package) != here[package]:
                where = address if address == "the scheduler" else f"worker {address}"
                raise ValueError(
                    f"cluster: expected {package} {here[package]}, as it is here, got {there.get(package) or 'none'} on {where}. "
                    f"Install the same version there: pip install {package}=={here[package]}."
                )
    checked |= set(found["workers"])


def wait_for_worker(client: Any) -> None:
    """Refuse a cluster that gets no worker in time. Tasks would wait for one without end."""
    try:
        client.wait_for_workers(1, timeout=WORKERS_S)
    except TimeoutError as error:
        address = _address(client)
        raise ValueError(
            f"scheduler: expected at least one worker, got none at {address}. Start one: dask worker {address}."
        ) from error


def _address(client: Any) -> str:
    return str(getattr(client.scheduler, "address", "") or "of the client")


def connect(address: str, timeout: float = 10.0) -> Any:
    """A client of the scheduler at an address. From then on passes over arrays of Dask run on its workers."""
    distributed = import_extra("distributed", "dask", "running on a cluster")
    check_answers(address, timeout)
    try:
        return distributed.Client(address, timeout=timeout)
    except (OSError, ValueError, TimeoutError) as error:
        refuse_no_scheduler(address, error)


def check_answers(address: str, seconds: float) -> None:
    """Refuse an address where no scheduler answers in time. `distributed.Client` waits for ever where another server listens."""
    import asyncio  # takes 20 ms, and most sources are in memory

    distributed = import_extra("distributed", "dask", "running on a cluster")
    secure = distributed.Security().get_connection_args("client")

    async def ask() -> None:
        async with distributed.rpc(address, timeout=seconds, connection_args=secure) as scheduler:
            await scheduler.identity()

    async def ask_in_time() -> None:
        await asyncio.wait_for(ask(), seconds)

    try:
        with ThreadPoolExecutor(1) as own:  # a notebook runs a loop in the caller's thread
            own.submit(lambda: asyncio.run(ask_in_time())).result()
    except Exception as error:  # of the transport, or of a server that speaks another language
        refuse_no_scheduler(address, error)


def refuse_no_scheduler(address: str, error: BaseException) -> NoReturn:
    raise ConnectionError(
        f"scheduler: expected one that answers at {address}, got {type(error).__name__}. Start one: dask scheduler. Its first "
        "lines say its address."
    ) from error


def wait_for(futures: Any) -> None:
    """Wait until futures are done or have failed."""
    import_module("distributed").wait(futures)
