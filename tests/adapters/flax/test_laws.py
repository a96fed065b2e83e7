"""The laws of adapters, in Linen and NNX."""

from __future__ import annotations

from tests.adapters.flax.linen_networks import LinenFramework
from tests.adapters.flax.nnx_networks import NnxFramework
from tests.adapters.laws import Laws


class TestLinen(Laws):
    framework = LinenFramework()


class TestNnx(Laws):
    framework = NnxFramework()
