"""A program is compiled once for each shape; stochastic is a pure function."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import numpy as np
from flax import linen as nn

from tests.adapters.flax.predictions import KEY, ROWS, bound, predict


class Counted(nn.Module):
    @nn.compact
    def __call__(self, x: Any, scale: float = 1.0) -> Any:
        TRACED.append(x.shape)
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)(x)) * scale


TRACED: list[Any] = []


def test_nothing_is_compiled_again_for_a_draw_a_block_or_other_weights() -> None:
    """A new shape of a batch and another constant are compiled."""
    module = Counted()
    model = bound(module, ROWS)
    TRACED.clear()
    predict(model, ROWS[:24], draws=2, batch_size=12)
    first = len(TRACED)
    predict(model, ROWS[:24], draws=50, batch_size=12)
    other = module.bind(jax.tree.map(lambda leaf: leaf + 1, model.variables))
    predict(other, np.concatenate([ROWS[:24]] * 4), seed=5, batch_size=12)
    assert len(TRACED) == first
    predict(model, ROWS, draws=2, batch_size=12)  # a shorter block at the end
    assert len(TRACED) == first + 1
    predict(model, ROWS[:24], inputs=lambda x: (x, 2.0), batch_size=12)
    assert len(TRACED) > first + 1


def test_modules_that_cannot_be_hashed_are_predicted() -> None:
    """What is compiled for them is not kept."""

    class Sizes(nn.Module):
        kernel: Any

        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dropout(0.5, deterministic=True)(x @ self.kernel)

    model = Sizes(np.ones((6, 3), np.float32)).bind({})
    assert predict(model, ROWS).shape == (30, 3, 5)


def test_stochastic_is_a_pure_function() -> None:
    """The same key gives the same bits, every row has noise of its own, and it has a gradient."""
    model = bound(nn.Dropout(0.5, deterministic=True), ROWS)
    apply = jax.jit(alcore_flax.stochastic(model))
    ones = np.ones((2000, 3), np.float32)
    found = np.asarray(apply(ones, KEY))
    np.testing.assert_array_equal(found, apply(ones, KEY))
    assert abs(found.mean() - 1) < 0.05
    assert len(np.unique(found, axis=0)) == 8
    jax.grad(lambda x: apply(x, KEY).sum())(ones)
