from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import alcore
from alcore.sources import threads
from tests.browser import started

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
SOAK = os.environ.get("ALCORE_SOAK") == "1"  # `make soak`: the same laws, at length


def soak(small: int, large: int) -> int:
    """How often a law is tried: the small number in `make test`, the large one in `make soak`."""
    return large if SOAK else small


settings.register_profile(
    "alcore",
    deadline=None,
    max_examples=soak(25 if INTERPRETED else 50, 1000),
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],  # it measures the machine, not the inputs
)
settings.load_profile("alcore")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("COLUMNS", None)  # rich keeps the width it was imported with, which tests of tables set themselves
    if INTERPRETED:  # kernels then warn of the wrap-around and NaN that compiled ones pass over
        config.addinivalue_line("filterwarnings", "ignore::RuntimeWarning")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """`make test` leaves out what is marked soak; an interpreted run takes what is marked interpreted alone."""
    wanted = [item for item in items if _is_wanted(item)]
    if left_out := [item for item in items if not _is_wanted(item)]:
        config.hook.pytest_deselected(items=left_out)
        items[:] = wanted


def _is_wanted(item: pytest.Item) -> bool:
    if item.get_closest_marker("soak") and not SOAK:
        return False
    return not INTERPRETED or item.get_closest_marker("interpreted") is not None


@pytest.fixture(autouse=True)
def _default_threads(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Tests get as many threads as they set, however few processors there are."""
    monkeypatch.setattr(threads, "A_PROCESSOR", 64)
    yield
    alcore.set_threads(None)


@pytest.fixture(scope="session")
def peers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("data") / "peers.npz", allow_pickle=False) as file:
        return dict(file)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    with started() as driver:
        yield driver
