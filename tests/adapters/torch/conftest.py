"""PyTorch: its own warnings are no errors here, and every test begins with the same seed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch._dynamo  # as each prediction does: once, before processes are forked

from tests.adapters import killed_runs
from tests.adapters.torch.networks import TorchFramework

IGNORED = (
    "ignore:.*torch.jit.*:DeprecationWarning",
    "ignore:LSTM with projections is not supported with oneDNN:UserWarning",
    "ignore:.*dropout option adds dropout after all but last:UserWarning",
)


def pytest_sessionstart() -> None:
    killed_runs.begin(TorchFramework())


def pytest_sessionfinish() -> None:
    killed_runs.remove_all()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for warning in IGNORED:
                item.add_marker(pytest.mark.filterwarnings(warning))


@pytest.fixture(autouse=True)
def _seed() -> None:
    torch.manual_seed(0)
