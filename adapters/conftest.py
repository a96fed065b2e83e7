from __future__ import annotations

import pytest

KERAS = "ignore:__array__ implementation doesn't accept a copy keyword:DeprecationWarning"  # Keras' own variables


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "alcore_keras" in item.path.parts:
            item.add_marker(pytest.mark.filterwarnings(KERAS))
