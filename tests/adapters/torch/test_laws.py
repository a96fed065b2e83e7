"""The laws of adapters, in PyTorch."""

from __future__ import annotations

from tests.adapters.laws import Laws
from tests.adapters.torch.networks import TorchFramework


class TestTorch(Laws):
    framework = TorchFramework()
