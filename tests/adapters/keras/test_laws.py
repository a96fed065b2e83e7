"""The laws of adapters, in Keras on the backend that is set."""

from __future__ import annotations

from tests.adapters.keras.networks import KerasFramework
from tests.adapters.keras.predictions import every_backend
from tests.adapters.laws import Laws


@every_backend
class TestKeras(Laws):
    framework = KerasFramework()
