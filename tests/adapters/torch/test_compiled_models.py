"""Compiled models run as they are written; scripted and traced ones are refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn

from tests.adapters.torch.predictions import IMAGES, convolutional, predict


def test_compiled_models_run_as_they_are_written() -> None:
    """A compiled model would draw noise of its own: it runs eagerly, to the same bits as what it was made of."""
    model = convolutional(nn.Dropout(0.4))
    np.testing.assert_array_equal(predict(torch.compile(model), IMAGES), predict(model, IMAGES))


@pytest.mark.parametrize("kind", [torch.jit.script, lambda model: torch.jit.trace(model, IMAGES)])
def test_scripted_and_traced_models_are_refused_with_the_remedy(kind: Any) -> None:
    """Their noise is not followed."""
    model = nn.Sequential(kind(convolutional(nn.Dropout(0.4)).eval()))
    with pytest.raises(ValueError, match=r"scripted and traced modules .* Pass the module itself"):
        predict(model, IMAGES)
