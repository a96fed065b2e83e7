"""A refusal names what is wrong and the remedy, whatever the framework."""

from __future__ import annotations

import pytest

from alcore import adapting

REMEDIES = adapting.Remedies("Pass draws=1.", "Pass single rows.")


def test_an_adapter_words_the_remedies_that_it_has() -> None:
    with pytest.raises(
        ValueError, match=r"Linear draws no random numbers.*all 7 draws would be the same\. Pass draws=1\."
    ):
        adapting.refuse_same_draws("Linear", 7, REMEDIES)
    with pytest.raises(
        ValueError, match=r"Linear predicts for a row changes with the rows beside it.*Pass single rows\."
    ):
        adapting.refuse_mixed_rows("Linear", REMEDIES)


def test_a_framework_that_is_missing() -> None:
    error = adapting.refuse_missing("torch", ImportError("No module named 'torch'"))
    assert isinstance(error, ImportError)
    assert (
        str(error)
        == "alcore_torch needs its framework, which is not installed (No module named 'torch'). Run: pip install 'alcore[torch]'"
    )
