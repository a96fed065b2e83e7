"""Flax networks that return means of numbers and the variances of their noise."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

import alcore

X = np.linspace(-1, 1, 40, dtype=np.float32).reshape(10, 4)


class _TwoHeads(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> dict[str, Any]:
        hidden = nn.Dropout(0.5, deterministic=True)(nn.relu(nn.Dense(8)(x)))
        return {"mean": nn.Dense(2)(hidden), "log_variance": nn.Dense(2)(hidden)}


def test_blocks_are_pairs_of_the_same_passes() -> None:
    module = _TwoHeads()
    model = module.bind(module.init(jax.random.key(0), X))
    options: dict[str, Any] = {"kind": "mean", "draws": 5, "batch_size": 5, "output": "mean"}
    variance = {"variance": lambda returned: jnp.exp(returned["log_variance"])}
    blocks = list(alcore_flax.predict(model, X, **options, **variance))
    means, noise = (np.concatenate([pair[place] for pair in blocks]) for place in (0, 1))
    assert means.shape == (10, 2, 5)
    np.testing.assert_allclose(means, np.concatenate(list(alcore_flax.predict(model, X, **options))), rtol=1e-5)
    logs = np.concatenate(list(alcore_flax.predict(model, X, **(options | {"output": "log_variance"}))))
    np.testing.assert_allclose(noise, np.exp(logs), rtol=1e-4)
    scores = alcore.bald(alcore_flax.predict(model, X, **options, **variance), kind="mean")
    np.testing.assert_allclose(scores, alcore.bald(means, kind="mean", variance=noise), rtol=1e-5)
    with pytest.raises(ValueError, match="variance: expected kind='mean' beside it"):
        alcore_flax.predict(model, X, draws=2, variance="log_variance")
