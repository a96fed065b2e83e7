"""Keras: its own warnings are no errors here, and every test begins with the same seed."""

from __future__ import annotations

from pathlib import Path

import keras
import pytest

IGNORED = (
    "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning",  # Keras' own variables
    "ignore:.*The given NumPy array is not writable:UserWarning",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _seed() -> None:
    keras.utils.set_random_seed(1)
