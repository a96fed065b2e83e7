"""A refusal names what is wrong and the remedy, whatever the framework."""

from __future__ import annotations

import pytest

from alcore import adapting


def test_noise_that_is_missing_or_not_followed() -> None:
    with pytest.raises(ValueError, match="all 7 draws would be the same.*draws=1, DropConnect"):
        adapting.refuse_same_draws("Linear", 7)
    with pytest.raises(ValueError, match="Linear says of a row depends on its place.*consistent=False"):
        adapting.refuse_inconsistent("Linear")


def test_a_framework_that_is_missing() -> None:
    error = adapting.refuse_missing("torch", ImportError("No module named 'torch'"))
    assert isinstance(error, ImportError)
    assert str(error) == "alcore_torch needs its framework: pip install 'alcore[torch]' (No module named 'torch')."
