from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

import alcore

INTERPRETED = os.environ.get("NUMBA_DISABLE_JIT") == "1"
settings.register_profile("alcore", deadline=None, max_examples=25 if INTERPRETED else 100, derandomize=True)
settings.load_profile("alcore")


def pytest_configure(config: pytest.Config) -> None:
    os.environ.pop("COLUMNS", None)  # rich keeps the width it was imported with, which tests of tables set themselves
    if INTERPRETED:  # kernels then warn of the wrap-around and NaN that compiled ones pass over
        config.addinivalue_line("filterwarnings", "ignore::RuntimeWarning")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if INTERPRETED:
        for item in items:
            if item.get_closest_marker("compiled"):
                item.add_marker(pytest.mark.skip(reason="measures compiled kernels"))


@pytest.fixture(autouse=True)
def _default_threads() -> Iterator[None]:
    yield
    alcore.set_threads(None)


@pytest.fixture(scope="session")
def peers() -> dict[str, np.ndarray]:
    with np.load(Path(__file__).with_name("data") / "peers.npz", allow_pickle=False) as file:
        return dict(file)
