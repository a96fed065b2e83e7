"""Keras: what runs on each backend, which warnings are no errors, and the seed that every test begins with."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.adapters import killed_runs
from tests.adapters.keras.networks import KerasFramework
from tests.adapters.keras.predictions import BACKEND

IGNORED = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",  # Keras' own variables
    "ignore:.*The given NumPy array is not writable:UserWarning",
)


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "every_backend: `make test` runs it on every backend of Keras, not on PyTorch alone"
    )


def pytest_sessionstart() -> None:
    killed_runs.begin(KerasFramework())


def pytest_sessionfinish() -> None:
    killed_runs.remove_all()


@pytest.hookimpl(tryfirst=True)  # before what is marked soak is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent not in item.path.parents:
            continue
        if BACKEND != "torch" and item.get_closest_marker("every_backend") is None:
            item.add_marker(pytest.mark.soak)
        for warning in IGNORED:
            item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _seed() -> None:
    random.seed(1)  # of which Keras makes its seeds; keras.utils.set_random_seed imports TensorFlow on every backend
