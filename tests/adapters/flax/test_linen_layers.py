"""Layers of Linen: noise is on, normalisation is in inference, and draws are consistent."""

from __future__ import annotations

from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from tests.adapters.flax.predictions import KEY, ROWS, TOKENS, Layers, Recurrent, assert_consistent, bound, predict

ELSEWHERE = ["by attribute", "by place", "remat", "own noise"]  # what the architectures have, too
KINDS = ["by argument", "with a key", "other stream", "jit"]
KINDS += [pytest.param(kind, marks=pytest.mark.soak) for kind in ELSEWHERE]


@pytest.mark.parametrize("kind", KINDS)
def test_linen_dropout_is_on_whatever_its_flags_say(kind: str) -> None:
    """Flags by attribute, argument and place, keys and streams of the layer's own, transformed layers."""
    model = bound(Layers(kind), ROWS)
    said = np.asarray(model.apply(model.variables, ROWS, rngs={"noise": KEY}))
    assert_consistent(model, ROWS)
    np.testing.assert_array_equal(np.asarray(model.apply(model.variables, ROWS, rngs={"noise": KEY})), said)


class Encoder(nn.Module):
    broadcast: bool = True

    @nn.compact
    def __call__(self, tokens: Any, mask: Any = None, *, train: bool = False) -> Any:
        x = nn.Embed(50, 8)(tokens)
        attend = nn.MultiHeadDotProductAttention(2, dropout_rate=0.3, broadcast_dropout=self.broadcast)
        keep = None if mask is None else (mask == 1)[:, None, None]
        x = nn.LayerNorm()(x + attend(x, mask=keep, deterministic=not train))
        return nn.Dense(3)(x)


@pytest.mark.parametrize("broadcast", [pytest.param(True, marks=pytest.mark.soak), False])
def test_linen_attention_drops_alike_for_all_rows_and_tokens_have_classes(broadcast: bool) -> None:
    """Masks that heads share, and masks of their own."""
    found = assert_consistent(bound(Encoder(broadcast), TOKENS), TOKENS)
    assert found.shape == (60, 3, 7, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_the_mask_of_padding_comes_with_the_predictions_which_do_not_see_what_is_padded() -> None:
    """Tokens under the mask may be any."""
    mask = (np.arange(7) < np.arange(1, 31)[:, None] % 7 + 1).astype(np.int32)
    data = [{"tokens": TOKENS[i : i + 10], "mask": mask[i : i + 10]} for i in range(0, 30, 10)]
    model = bound(Encoder(), TOKENS)
    blocks = alcore_flax.predict(model, data, draws=2, kind="logits", mask="mask", progress=False)
    found = np.concatenate(list(blocks))
    np.testing.assert_array_equal(blocks.mask, mask == 0)
    other = [{**one, "tokens": np.where(one["mask"] == 1, one["tokens"], 9)} for one in data]
    again = np.concatenate(list(alcore_flax.predict(model, other, draws=2, kind="logits", progress=False)))
    kept = np.moveaxis(found, 1, 2)[mask == 1]
    np.testing.assert_allclose(kept, np.moveaxis(again, 1, 2)[mask == 1], atol=1e-6)


@pytest.mark.parametrize("time_major", [True, pytest.param(False, marks=pytest.mark.soak)])
def test_draws_are_consistent_where_rows_stand_on_another_axis_inside(time_major: bool) -> None:
    """A recurrent network whose first axis is time."""
    assert_consistent(bound(Recurrent(time_major), ROWS), ROWS)


class Deep(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(
            nn.scan(Step, variable_axes={"params": 0}, split_rngs={"params": True, "dropout": True}, length=3)()(
                x, None
            )[0]
        )


class Step(nn.Module):
    @nn.compact
    def __call__(self, x: Any, _: None) -> Any:
        return nn.Dropout(0.5, deterministic=True)(x + nn.Dense(6)(x)), None


def test_linen_layers_in_a_loop_have_masks_of_their_own() -> None:
    """Layers of ``nn.scan`` drop other inputs in each pass."""
    assert_consistent(bound(Deep(), ROWS), ROWS)

    class Bare(nn.Module):
        @nn.compact
        def __call__(self, x: Any) -> Any:
            def step(self: Any, x: Any) -> tuple[Any, Any]:
                x = nn.Dropout(0.5, deterministic=True)(x)
                return x, x

            return nn.scan(step, split_rngs={"dropout": True}, length=2)(self, x)[1]

    found = predict(
        Bare().bind({}), np.ones((2, 40)), kind="probs", draws=1, class_axis=-1, inputs=lambda x: x, output=_second
    )
    assert 5 < (found == 0.0).sum() / 2 < 35  # kept at first, dropped then


def _second(loops: Any) -> Any:
    """Of what was kept in the first pass, what was dropped in the second."""
    first, second = loops
    return jnp.where((first > 0) & (second == 0), 0.0, 1.0)


class Normalised(nn.Module):
    kind: str = "batch"

    @nn.compact
    def __call__(self, x: Any, train: bool) -> Any:
        x = nn.Dropout(0.2, deterministic=not train)(x)
        if self.kind == "batch":
            x = nn.BatchNorm(use_running_average=not train)(nn.Dense(8)(x))
        elif self.kind == "batch by argument":
            x = nn.BatchNorm()(nn.Dense(8)(x), use_running_average=not train)
        else:
            x = nn.SpectralNorm(nn.Dense(8))(x, update_stats=train)
        return nn.Dense(3)(x)


NORMALISATIONS = ["batch", "batch by argument", "spectral"]


@pytest.mark.parametrize("kind", NORMALISATIONS)
def test_linen_normalisation_stays_in_inference(kind: str) -> None:
    """Whatever flag the model is called with; its statistics stay as they were."""
    model = bound(Normalised(kind), ROWS, train=False)
    before = jax.tree.map(np.array, model.variables)
    off = predict(model, ROWS, inputs=lambda x: (x, {"train": False}))
    np.testing.assert_array_equal(off, predict(model, ROWS, inputs=lambda x: {"x": x, "train": np.True_}))
    jax.tree.map(np.testing.assert_array_equal, before, model.variables)


@pytest.mark.parametrize(
    "kind", ["batch", *(pytest.param(kind, marks=pytest.mark.soak) for kind in NORMALISATIONS[1:])]
)
def test_flags_by_position_and_those_of_stochastic_change_nothing(kind: str) -> None:
    """Neither noise nor normalisation follows them."""
    model = bound(Normalised(kind), ROWS, train=False)
    off = predict(model, ROWS, inputs=lambda x: (x, {"train": False}))
    np.testing.assert_array_equal(off, predict(model, ROWS, inputs=lambda x: (x, True)))
    apply = jax.jit(alcore_flax.stochastic(model), static_argnames="train")
    assert (apply(ROWS, KEY, train=True) == apply(ROWS, KEY, train=False)).all()
    assert (apply(ROWS, KEY, train=True) != apply(ROWS, jax.random.key(1), train=False)).any()
