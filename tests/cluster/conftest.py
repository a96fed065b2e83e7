"""A cluster of two workers of one thread each on loopback, once for a process of tests. No test finds its client by accident."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import dask
import distributed
import pytest

from tests.cluster.pools import PATIENCE


@pytest.fixture(scope="session")
def cluster() -> Iterator[Any]:
    quiet = {
        "distributed.logging.distributed": "critical",
        "distributed.nanny.pre-spawn-environ": {"ALCORE_THREADS": "2"},
    }
    with (
        dask.config.set(quiet),
        distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            host="127.0.0.1",
            dashboard_address="127.0.0.1:0",
            silence_logs="CRITICAL",
        ) as found,
        distributed.Client(found, set_as_default=False) as client,
    ):
        yield client


@pytest.fixture
def client(cluster: Any) -> Iterator[Any]:
    """The client, active for one test."""
    cluster.wait_for_workers(2, timeout=PATIENCE)
    with cluster.as_current():
        yield cluster
