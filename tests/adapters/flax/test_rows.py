"""Rows: those that come out are those that go in, each is predicted alone as in company, and batches may be objects of any kind."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

import flax.struct
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import linen as nn

from alcore import adapting
from tests.adapters.flax.predictions import ROWS, bound, predict

FEW = ROWS[:6]
SERIES = np.random.default_rng(4).normal(size=(12, 8, 5)).astype(np.float32)


# --- rows in company --------------------------------------------------------------------------------------------------


class Mixing(nn.Module):
    """Statistics of the batch, that show where rows are not sure: the first 12 rows of the pool are."""

    @nn.compact
    def __call__(self, x: Any, statistics: bool = True) -> Any:
        logits = nn.Dense(3)(nn.Dropout(0.3, deterministic=True)(x[:, 1:]))
        return logits - (logits.mean(axis=0) if statistics else 0) * (jnp.abs(x[:, :1]) < 5)


SURE_FIRST = np.where(np.arange(30)[:, None] < 12, 9, ROWS).astype(np.float32)


@pytest.mark.parametrize(("size", "blocks"), [(6, 4), (1, 16)])
def test_statistics_of_the_batch_are_seen_after_blocks_of_sure_rows(size: int, blocks: int) -> None:
    """Blocks 1, 4, 16 and so on are looked at; where they are of one row, with the row before. Without statistics all pass."""
    model = bound(Mixing(), ROWS)
    seen = []

    def batches() -> Any:
        for start in range(0, 30, size):
            seen.append(start)
            yield SURE_FIRST[start : start + size]

    with pytest.raises(ValueError, match="Mixing predicts for a row changes with the rows beside it.*inputs="):
        predict(model, batches())
    assert len(seen) == blocks + 1
    off = predict(model, batches(), inputs=lambda x: (x, {"statistics": False}))
    assert off.shape == (30, 3, 5)


class Small(nn.Module):
    """Statistics of the batch among 20 000 classes, in a thousandth of the logits."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        logits = nn.Dense(2000)(nn.Dropout(0.3, deterministic=True)(x))
        return logits + 1e-3 * logits.mean(axis=0)


def test_a_thousandth_is_seen_among_many_classes() -> None:
    """Rows are compared by their own largest number, before the softmax."""
    with pytest.raises(ValueError, match="rows beside it"):
        predict(bound(Small(), ROWS), FEW, batch_size=6)


# --- lengths ----------------------------------------------------------------------------------------------------------


class Tokens(nn.Module):
    pooled_first: bool = False

    @nn.compact
    def __call__(self, x: Any) -> Any:
        if self.pooled_first:
            x = x.mean(axis=1, keepdims=True)
        x = nn.Dropout(0.3, deterministic=True, name="drop")(nn.Dense(6)(x))
        return nn.Dense(3)(x.mean(axis=1))


def test_batches_of_another_length_are_refused_where_their_masks_would_be_others() -> None:
    """At the block that differs, with the layer's name; one length and consistent=False are remedies. After pooling all pass."""
    batches = [SERIES[:6], SERIES[6:, :5]]
    model = bound(Tokens(), SERIES)
    with pytest.raises(
        ValueError,
        match=r"layer 'drop' of Tokens draws .*\(1, 5, 6\) for this block.*\(1, 8, 6\) for one row.*one length",
    ):
        predict(model, batches)
    assert predict(model, batches, consistent=False).shape == (12, 3, 5)
    padded = [SERIES[:6], np.pad(SERIES[6:, :5], ((0, 0), (0, 3), (0, 0)))]
    assert predict(model, padded).shape == (12, 3, 5)
    pooled = bound(Tokens(pooled_first=True), SERIES)
    short = [SERIES[:6, :5], SERIES[:6]]
    np.testing.assert_array_equal(predict(pooled, short)[6:], predict(pooled, SERIES[:6], batch_size=6))


class PerToken(nn.Module):
    """Numbers are drawn token by token."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        drop = nn.Dropout(0.3, deterministic=True, name="drop")
        return nn.Dense(3)(sum(drop(x[:, step]) for step in range(x.shape[1])))


@pytest.mark.parametrize("lengths", [(8, 5), (5, 8)])
def test_more_or_fewer_masks_than_in_the_first_block_are_refused(lengths: tuple[int, int]) -> None:
    """Of the same shape each."""
    batches = [SERIES[:6, : lengths[0]], SERIES[6:, : lengths[1]]]
    with pytest.raises(ValueError, match="layer 'drop' of PerToken draws .* one length.*consistent=False"):
        predict(bound(PerToken(), SERIES), batches)


# --- what comes out ---------------------------------------------------------------------------------------------------


class Several(nn.Module):
    """Three draws in a pass."""

    layout: str

    @nn.compact
    def __call__(self, x: Any) -> Any:
        drop = nn.Dropout(0.4, deterministic=True)
        made = jnp.stack([nn.Dense(3, name="last")(drop(x))] * 1 + [x[:, :3] + place for place in range(2)])
        if self.layout == "middle":
            return jnp.moveaxis(made, 0, 1)
        if self.layout == "draws-first":
            return made.reshape(-1, 3)
        return jnp.moveaxis(made, 0, 1).reshape(-1, 3) if self.layout == "rows-first" else made


@pytest.mark.parametrize(("layout", "axis"), [("first", 0), ("middle", 1), ("draws-first",) * 2, ("rows-first",) * 2])
def test_draws_of_one_pass_join_the_draws(layout: str, axis: int | str) -> None:
    """T is draws times those, in consistent draws and plain ones; without ``draw_axis`` the refusal names it."""
    model = bound(Several(layout), ROWS)
    found = predict(model, FEW, batch_size=4, draws=2, draw_axis=axis, kind="probs")
    assert found.shape == (6, 3, 6)
    for place in (1, 2):
        np.testing.assert_allclose(found[..., place], FEW[:, :3] + place - 1, rtol=1e-6)
        np.testing.assert_array_equal(found[..., place], found[..., place + 3])
    assert (found[..., 0] != found[..., 3]).any()
    if layout != "middle":
        with pytest.raises(ValueError, match="rows on axis 0.*draw_axis="):
            predict(model, FEW, batch_size=4)
    if layout == "draws-first":  # the other one takes draws of other rows for those of a row
        with pytest.raises(ValueError, match="rows beside it"):
            predict(model, FEW, batch_size=4, draw_axis="rows-first")


class StepsFirst(nn.Module):
    """Steps on axis 0, of what goes in or comes out."""

    inside: bool

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dropout(0.3, deterministic=True)(nn.Dense(4)(x))
        x = nn.Dense(3)(jnp.cumsum(x, axis=0 if self.inside else 1))
        return x[-1] if self.inside else jnp.moveaxis(x, 1, 0)


class RowsFirst(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return StepsFirst(inside=True)(jnp.moveaxis(x, 0, 1))


@pytest.mark.parametrize("consistent", [True, False])
def test_steps_first_is_refused_and_the_axis_named(consistent: bool) -> None:
    """Where steps come out first, and where they have to go in first; each remedy works."""
    out, into = bound(StepsFirst(False), SERIES), bound(StepsFirst(True), np.moveaxis(SERIES, 0, 1))
    options = {"batch_size": 6, "consistent": consistent}
    with pytest.raises(
        ValueError,
        match=r"Axis 1 has 6 entries. If these are the rows, pass output=lambda made: jnp.moveaxis\(made, 1, 0\)",
    ):
        predict(out, SERIES, **options)
    found = predict(out, SERIES, output=lambda made: jnp.moveaxis(made, 1, 0), **options)
    assert found.shape == (12, 3, 8, 5)
    with pytest.raises(ValueError, match=r"on axis 1\. Call the model with rows first, .* jnp.moveaxis\(x, 0, 1\)"):
        predict(into, SERIES, inputs=lambda x: np.moveaxis(x, 0, 1), **options)
    assert predict(bound(RowsFirst(), SERIES), SERIES, **options).shape == (12, 3, 5)


# --- batches of any kind ----------------------------------------------------------------------------------------------


class Named(NamedTuple):
    x: Any
    scale: Any


@flax.struct.dataclass
class Struct:
    x: Any
    scale: Any
    power: int = flax.struct.field(pytree_node=False, default=1)


@dataclasses.dataclass
class Plain:
    x: Any
    scale: Any
    power: int = 1


class OfAnObject(nn.Module):
    kind: Any

    @nn.compact
    def __call__(self, batch: Any) -> Any:
        assert type(batch) is self.kind
        assert getattr(batch, "power", 1) == 1
        return nn.Dense(3)(nn.Dropout(0.3, deterministic=True)(batch.x)) * batch.scale[:, None]


@pytest.mark.parametrize("kind", [Named, Struct, Plain])
def test_objects_of_arrays_keep_their_type_and_are_cut_by_rows(kind: Any) -> None:
    """Known to JAX or not."""
    scale = np.arange(6, dtype=np.float32)
    model = bound(OfAnObject(kind), kind(FEW, scale))
    whole = predict(model, [(kind(FEW, scale), "labels")], kind="probs")
    parts = predict(model, [(kind(FEW[:4], scale[:4]), 0), (kind(FEW[4:], scale[4:]), 0)], kind="probs")
    np.testing.assert_allclose(whole, parts, rtol=1e-5, atol=1e-6)


def test_a_batch_without_rows_is_refused_in_a_sentence() -> None:
    """And what the model takes is the remedy."""

    class Opaque:
        rows = FEW

    model = bound(nn.Sequential([nn.Dropout(0.3, deterministic=True), nn.Dense(3)]), ROWS)
    with pytest.raises(TypeError, match="data: expected an array, or blocks with an array in them.*inputs="):
        predict(model, [Opaque()])
    assert predict(model, [Opaque()], inputs=lambda batch: batch.rows).shape == (6, 3, 5)


class WithTable(nn.Module):
    """A table of 16 entries that belongs to no row."""

    @nn.compact
    def __call__(self, x: Any, table: Any, scale: Any) -> Any:
        x = nn.Dropout(0.3, deterministic=True)(nn.Dense(4)(x))
        found = table[jnp.argmax(x, axis=-1) + 10] * scale[:, None]
        return nn.Dense(3)(jnp.concatenate([x, found], axis=-1))


TABLE = np.random.default_rng(7).normal(size=(16, 2)).astype(np.float32)


@pytest.mark.parametrize("size", [16, pytest.param(14, marks=pytest.mark.soak), 10])
def test_a_table_as_long_as_a_batch_is_not_cut_by_rows(size: int) -> None:
    """In the first block of 16 rows, in a last block of 16, or of its length in none; scales of rows are."""
    model = bound(WithTable(), ROWS, TABLE, ROWS[:, 0])
    rows = np.concatenate([ROWS, ROWS[:2]])
    ends = {16: [16, 32], 14: [14, 30, 32], 10: [10, 20, 30, 32]}[size]
    batches = [rows[start:stop] for start, stop in zip([0, *ends[:-1]], ends, strict=True)]
    found = predict(model, batches, inputs=lambda x: (x, TABLE, x[:, 0]), kind="probs")
    expected = predict(model, rows, batch_size=32, inputs=lambda x: (x, TABLE, x[:, 0]), kind="probs")
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5)


class OtherRows(nn.Module):
    """The second array enters by its mean over rows, so a row depends on those of its block."""

    @nn.compact
    def __call__(self, x: Any, context: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(0.3, deterministic=True)(x) + context.mean(axis=0))


def test_a_second_array_whose_rows_are_mixed_is_no_table() -> None:
    """It is another one in the next block."""
    with pytest.raises(ValueError, match="rows beside it"):
        predict(bound(OtherRows(), ROWS, ROWS), ROWS, inputs=lambda x: (x, x * 2))


def test_global_generators_and_keys_are_left_alone() -> None:
    """The same seed gives the same bits whatever was drawn before."""
    model = bound(Tokens(), SERIES)
    before = adapting.generator_states()
    found = predict(model, SERIES, batch_size=6)
    assert before == adapting.generator_states()
    jax.random.normal(jax.random.key(3), (2,))
    np.testing.assert_array_equal(found, predict(model, SERIES, batch_size=6))
