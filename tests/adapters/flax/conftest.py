"""Flax: the runs that are killed begin before anything of JAX has run."""

from __future__ import annotations

from tests.adapters import killed_runs
from tests.adapters.flax.linen_networks import LinenFramework
from tests.adapters.flax.nnx_networks import NnxFramework


def pytest_sessionstart() -> None:
    killed_runs.begin(LinenFramework())
    killed_runs.begin(NnxFramework())


def pytest_sessionfinish() -> None:
    killed_runs.remove_all()
