"""The weighted loss that the guide writes for Flax has the gradient of the weighted mean."""

from __future__ import annotations

from typing import Any

import numpy as np
import optax
from flax import nnx

from tests.adapters.framework import Picks


def test_the_guides_weighted_loss_has_the_gradient_of_the_weighted_mean() -> None:
    """Compared with the gradient in closed form."""
    picks, model = Picks.of("Flax"), nnx.Linear(6, 3, rngs=nnx.Rngs(0))

    def loss(model: nnx.Linear) -> Any:
        scope = {"optax": optax, "model": model, "x": picks.x, "y": picks.y, "v": picks.v}
        exec(picks.line, scope)
        return scope["loss"]

    expected = picks.gradient(np.asarray(model.kernel[...]), np.asarray(model.bias[...]))
    found = np.asarray(nnx.jit(nnx.grad(loss))(model)["kernel"][...])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
