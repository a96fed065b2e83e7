"""What only the Flax adapter has to know: its layers, in Linen and in NNX, what is compiled, and what models are called with."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_flax
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen as nn
from flax import nnx, serialization

from tests.adapters.framework import Picks

ROWS = np.random.default_rng(0).normal(size=(30, 6)).astype(np.float32)
IMAGES = np.random.default_rng(1).normal(size=(30, 8, 8, 2)).astype(np.float32)
TOKENS = np.random.default_rng(2).integers(0, 50, (30, 7))
KEY = jax.random.key(0)


def predict(model: Any, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 5, "batch_size": 12, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_flax.predict(model, data, **given)))


def bound(module: nn.Module, *args: Any, **kwargs: Any) -> nn.Module:
    return module.bind(module.init({"params": KEY, "dropout": KEY, "noise": KEY}, *args, **kwargs))


def assert_consistent(model: Any, data: np.ndarray, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ; without consistency rows differ."""
    found = predict(model, np.concatenate([data, data[::-1]]), **options)
    np.testing.assert_allclose(found[: len(data)], found[: len(data) - 1 : -1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    plain = predict(model, np.concatenate([data[:1]] * 24), consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(24, -1).round(6), axis=0)) > 8
    return found


# --- Linen ------------------------------------------------------------------------------------------------------------


class DropPath(nn.Module):
    """A layer that makes its own noise, in a stream of its own."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return x * jax.random.bernoulli(self.make_rng("noise"), 0.5, x.shape)


class Layers(nn.Module):
    """Whatever is asked for, between a dense layer and the classes; dropout is off by every kind of flag there is."""

    kind: str

    @nn.compact
    def __call__(self, x: Any, deterministic: bool = True) -> Any:
        x = nn.relu(nn.Dense(16)(x))
        if self.kind == "by attribute":
            x = nn.Dropout(0.5, deterministic=True)(x)
        elif self.kind == "by argument":
            x = nn.Dropout(0.5)(x, deterministic=deterministic)
        elif self.kind == "by place":
            x = nn.Dropout(0.5)(x, deterministic)
        elif self.kind == "with a key":
            x = nn.Dropout(0.5)(x, deterministic=deterministic, rng=jax.random.key(7))
        elif self.kind == "other stream":
            x = nn.Dropout(0.5, rng_collection="noise", deterministic=True)(x)
        elif self.kind == "remat":
            x = nn.remat(nn.Dropout)(0.5, deterministic=True)(x)
        elif self.kind == "jit":
            x = JITTED(0.5, deterministic=True)(x)
        elif self.kind == "own noise":
            x = nn.Dense(16)(x) + DropPath()(x)
        return nn.Dense(3)(x)


JITTED = nn.jit(nn.Dropout)
KINDS = ["by attribute", "by argument", "by place", "with a key", "other stream", "remat", "jit", "own noise"]


@pytest.mark.parametrize("kind", KINDS)
def test_linen_dropout_is_on_whatever_its_flags_say(kind: str) -> None:
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


@pytest.mark.parametrize("broadcast", [True, False])
def test_linen_attention_drops_and_tokens_have_their_classes_last(broadcast: bool) -> None:
    found = assert_consistent(bound(Encoder(broadcast), TOKENS), TOKENS)
    assert found.shape == (60, 3, 7, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_padding_is_carried_and_positions_in_front_do_not_see_it() -> None:
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


class Recurrent(nn.Module):
    time_major: bool = False

    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = jnp.stack([x, x + 1, x - 1], axis=0 if self.time_major else 1)
        x = nn.Dropout(0.3, deterministic=True)(x)
        x = nn.RNN(nn.OptimizedLSTMCell(8), time_major=self.time_major)(x)
        return nn.Dense(3)(x[-1] if self.time_major else x[:, -1])


@pytest.mark.parametrize("time_major", [True, False])
def test_rows_may_stand_on_another_axis_inside(time_major: bool) -> None:
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


@pytest.mark.parametrize("kind", ["batch", "batch by argument", "spectral"])
def test_linen_normalisation_stays_in_inference(kind: str) -> None:
    model = bound(Normalised(kind), ROWS, train=False)
    before = jax.tree.map(np.array, model.variables)
    off = predict(model, ROWS, inputs=lambda x: (x, {"train": False}))
    np.testing.assert_array_equal(off, predict(model, ROWS, inputs=lambda x: {"x": x, "train": np.True_}))
    np.testing.assert_array_equal(off, predict(model, ROWS, inputs=lambda x: (x, True)))
    jax.tree.map(np.testing.assert_array_equal, before, model.variables)
    apply = jax.jit(alcore_flax.stochastic(model), static_argnames="train")
    assert (apply(ROWS, KEY, train=True) == apply(ROWS, KEY, train=False)).all()
    assert (apply(ROWS, KEY, train=True) != apply(ROWS, jax.random.key(1), train=False)).any()


# --- NNX --------------------------------------------------------------------------------------------------------------


class Block(nnx.Module):
    """Attention, dropout and normalisation, with flags at the call and streams that are kept or not."""

    def __init__(self, keep: bool = True, spectral: bool = False) -> None:
        rngs = nnx.Rngs(3)
        self.first, self.last = nnx.Linear(6, 8, rngs=rngs), nnx.Linear(8, 3, rngs=rngs)
        self.norm: Any = nnx.BatchNorm(8, rngs=rngs)
        if spectral:
            self.norm = nnx.SpectralNorm(nnx.Linear(8, 8, rngs=rngs), rngs=rngs)
        self.attention = nnx.MultiHeadAttention(2, 8, dropout_rate=0.3, decode=False, keep_rngs=keep, rngs=rngs)
        self.dropout = nnx.Dropout(0.4, rngs=rngs if keep else None)

    def __call__(self, x: Any, train: bool | None = None, rngs: Any = None) -> Any:
        x = self.norm(self.first(x))
        flags = {} if train is None else {"deterministic": not train}
        x = x[:, None] + self.attention(jnp.stack([x, x + 1], axis=1), rngs=rngs, **flags)
        return self.last(self.dropout(x, rngs=rngs, **flags).mean(axis=1))


def nnx_state(model: nnx.Module) -> list[Any]:
    keys, rest = nnx.state(model, nnx.RngKey), nnx.state(model, nnx.Not(nnx.RngKey))
    leaves = [np.array(jax.random.key_data(leaf)) for leaf in jax.tree.leaves(keys)] + [
        np.array(leaf) for leaf in jax.tree.leaves(rest)
    ]
    modules = [one for _, one in nnx.iter_modules(model)]
    kinds = [(type(one), getattr(one, "deterministic", None), getattr(one, "rngs", None) is None) for one in modules]
    return [*leaves, kinds]


@pytest.mark.parametrize("keep", [True, False])
@pytest.mark.parametrize("mode", ["train", "eval"])
def test_nnx_noise_is_on_and_the_module_is_not_touched(keep: bool, mode: str) -> None:
    model = Block(keep, spectral=keep)
    getattr(model, mode)()
    before = nnx_state(model)
    found = assert_consistent(model, ROWS)
    for train in (True, False):
        again = predict(model, np.concatenate([ROWS, ROWS[::-1]]), inputs=lambda x, train=train: (x, {"train": train}))
        np.testing.assert_array_equal(found, again)
    apply = jax.jit(alcore_flax.stochastic(model))
    assert (apply(ROWS, KEY) != apply(ROWS, jax.random.key(1))).any()
    for old, new in zip(before, nnx_state(model), strict=True):
        np.testing.assert_array_equal(old, new) if isinstance(old, np.ndarray) else None
        assert isinstance(old, np.ndarray) or old == new


class Stacked(nnx.Module):
    """Layers stacked along an axis of their weights and keys, run in a loop."""

    def __init__(self) -> None:
        @nnx.split_rngs(splits=3)
        @nnx.vmap(in_axes=(0,), out_axes=0)
        def stack(rngs: nnx.Rngs) -> nnx.Sequential:
            return nnx.Sequential(nnx.Linear(6, 6, rngs=rngs), nnx.Dropout(0.5, rngs=rngs))

        self.layers = stack(nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        @nnx.scan(in_axes=(nnx.Carry, 0), out_axes=nnx.Carry)
        def loop(x: Any, layer: Any) -> Any:
            return x + layer(x)

        return loop(x, self.layers)


def test_nnx_layers_in_a_loop() -> None:
    assert_consistent(Stacked(), ROWS)


class OwnNoise(nnx.Module):
    """A layer of the user's that follows the framework's flags and streams."""

    def __init__(self) -> None:
        self.rngs, self.deterministic, self.last = nnx.Rngs(noise=0), True, nnx.Linear(6, 3, rngs=nnx.Rngs(0))

    def __call__(self, x: Any) -> Any:
        return self.last(x if self.deterministic else x * jax.random.normal(self.rngs.noise(), x.shape))


def test_nnx_noise_of_a_layer_of_the_users_is_consistent_too() -> None:
    assert_consistent(OwnNoise(), ROWS)


def test_nnx_draws_do_not_depend_on_how_far_the_streams_are() -> None:
    model = nnx.Sequential(nnx.Linear(6, 8, rngs=nnx.Rngs(0)), nnx.Dropout(0.5, rngs=nnx.Rngs(1)))
    before = predict(model, ROWS)
    model(ROWS)
    np.testing.assert_array_equal(before, predict(model, ROWS))


# --- what is refused --------------------------------------------------------------------------------------------------


class BatchStatistics(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)((x - x.mean(axis=0)) / (x.std(axis=0) + 0.1)))


class HostNoise(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        rng = np.random.default_rng(0)
        shape = jax.ShapeDtypeStruct(x.shape, x.dtype)
        noise = jax.pure_callback(
            lambda x: rng.normal(size=x.shape).astype(x.dtype), shape, x, vmap_method="sequential"
        )
        return nn.Dense(3)(x * noise)


@pytest.mark.parametrize("consistent", [True, False])
def test_rows_that_are_mixed_are_refused(consistent: bool) -> None:
    with pytest.raises(ValueError, match="BatchStatistics .* rows beside it"):
        predict(bound(BatchStatistics(), ROWS), ROWS, consistent=consistent)


def test_noise_that_is_not_of_the_streams_is_refused_where_draws_are_consistent() -> None:
    model = bound(HostNoise(), ROWS)
    with pytest.raises(ValueError, match="HostNoise .* place among the rows.*consistent=False"):
        predict(model, ROWS)
    predict(model, ROWS, consistent=False)


class Rare(nn.Module):
    """Two draws are equal most of the time, and yet noise is active."""

    @nn.compact
    def __call__(self, x: Any) -> Any:
        return nn.Dense(3)(nn.Dropout(1e-6, deterministic=True)(x))


def test_rare_noise_is_noise_and_a_rate_of_zero_is_not() -> None:
    assert predict(bound(Rare(), ROWS), ROWS, draws=2).shape == (30, 3, 2)
    none = nnx.Sequential(nnx.Dropout(0.0, rngs=nnx.Rngs(0)), nnx.Linear(6, 3, rngs=nnx.Rngs(0)))
    with pytest.raises(ValueError, match="would be the same.*draws=1, DropConnect"):
        predict(none, ROWS)
    with pytest.raises(ValueError, match="would be the same"):
        predict(bound(nn.Dense(3), ROWS), ROWS)
    assert predict(none, ROWS, draws=1).shape == (30, 3, 1)


def test_models_data_and_outputs_that_are_none_are_refused() -> None:
    module, model = Layers("by argument"), bound(Layers("by argument"), ROWS)
    for wrong in (module, [module]):
        with pytest.raises(TypeError, match=r"module\.bind"):
            predict(wrong, ROWS)
    for wrong in (None, [], [model, "one"]):
        with pytest.raises(TypeError, match="model"):
            predict(wrong, ROWS)
    for wrong in (7, "rows"):
        with pytest.raises(TypeError, match="data: expected an array"):
            predict(model, wrong)
    with pytest.raises(TypeError, match="inputs="):
        predict(model, [3])
    with pytest.raises(TypeError, match="output"):
        predict(model, ROWS, output=lambda said: None)
    with pytest.raises(ValueError, match="rows on axis 0"):
        predict(model, ROWS, output=lambda said: said.sum())


# --- DropConnect ------------------------------------------------------------------------------------------------------


class Convolutional(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Conv(4, (3, 3), strides=2, feature_group_count=2, padding="VALID", name="grouped")(x)
        x = nn.ConvTranspose(2, (2, 2), strides=(2, 2), name="transposed")(nn.relu(x))
        return nn.Dense(3, name="last")(x.reshape(len(x), -1))


@pytest.mark.parametrize("layer", ["grouped", "transposed", "last"])
def test_dropconnect_of_one_layer_has_the_mean_of_the_network(layer: str) -> None:
    model = bound(Convolutional(), IMAGES)
    dropped = alcore_flax.DropConnect(model, 0.2, layers=(layer,))
    np.testing.assert_array_equal(dropped(IMAGES), model(IMAGES))
    if layer == "grouped":  # what follows is not linear: its own output is compared
        kernel, own = (
            model.variables["params"]["grouped"],
            nn.Conv(4, (3, 3), 2, feature_group_count=2, padding="VALID"),
        )
        model = own.bind({"params": kernel})
        dropped = alcore_flax.DropConnect(model, 0.2)
    found = predict(dropped, IMAGES[:4], draws=1500, kind="probs")
    said = np.asarray(model(IMAGES[:4]))
    error = np.moveaxis(found.std(axis=-1), 1, -1) / np.sqrt(1500)
    assert (np.abs(np.moveaxis(found.mean(axis=-1), 1, -1) - said) < 5 * error + 1e-6).all()
    assert (error > 0).mean() > 0.9


def test_dropconnect_stands_beside_dropout_and_names_its_layers() -> None:
    model = Block()
    both = assert_consistent(alcore_flax.DropConnect(model, 0.3, layers=("last", "attention/query")), ROWS)
    assert (both[:30] != predict(model, ROWS)).any(axis=(1, 2)).all()
    with pytest.raises(ValueError, match=r"no kernel of Block.*\('middle',\).*attention/query"):
        predict(alcore_flax.DropConnect(model, layers=("middle",)), ROWS)
    with pytest.raises(ValueError, match="it has none"):
        predict(alcore_flax.DropConnect(nnx.BatchNorm(6, rngs=nnx.Rngs(0))), ROWS)
    with pytest.raises(ValueError, match="rate"):
        alcore_flax.DropConnect(model, -0.1)
    with pytest.raises(TypeError, match="Linen"):
        predict(alcore_flax.DropConnect([model]), ROWS)


def test_dropconnect_of_recurrent_layers() -> None:
    dropped = alcore_flax.DropConnect(bound(Recurrent(), ROWS), 0.2, layers=("OptimizedLSTMCell_0",))
    found = predict(dropped, np.concatenate([ROWS, ROWS]))
    np.testing.assert_allclose(found[:30], found[30:], atol=1e-5)
    apply = alcore_flax.stochastic(dropped)
    assert (apply(ROWS, KEY) != apply(ROWS, jax.random.key(1))).any()


# --- weights ----------------------------------------------------------------------------------------------------------


def test_initial_weights_survive_donation_and_training() -> None:
    model = Block()
    model.train()
    initial, before = alcore_flax.InitialWeights(model), nnx_state(model)
    for _ in range(2):
        model(ROWS)  # statistics and streams go on
        model.first.kernel[...] = model.first.kernel[...] + 1
        stale = model.first.kernel[...]
        assert initial.restore() is model
        stale.delete()
    for old, new in zip(before[:-1], nnx_state(model)[:-1], strict=True):
        assert old.dtype == np.uint32 or (old == new).all()  # keys, and counts of streams, which go on
    linen = bound(Layers("by argument"), ROWS)
    initial, said = alcore_flax.InitialWeights(linen), np.asarray(linen(ROWS))
    for leaf in jax.tree.leaves(linen.variables):
        leaf.delete()
    np.testing.assert_array_equal(initial.restore()(ROWS), said)


@pytest.mark.parametrize("make", ["linen", "nnx", "dropconnect"])
def test_checkpoints_are_loaded_one_at_a_time(make: str, tmp_path: Path) -> None:
    def member(seed: int) -> Any:
        if make == "linen":
            return Layers("by argument").bind(Layers("by argument").init(jax.random.key(seed), ROWS))
        model = Block()
        for leaf in (model.first, model.last):
            leaf.kernel[...] = leaf.kernel[...] * (seed + 1)
        return model

    wrap = (lambda one: alcore_flax.DropConnect(one, 0.2)) if make == "dropconnect" else (lambda one: one)
    models = [member(seed) for seed in range(3)]
    for seed, model in enumerate(models):
        alcore_flax.Checkpoints.save(model, tmp_path / f"{seed}.msgpack")
    paths = [tmp_path / f"{seed}.msgpack" for seed in range(3)]
    template = member(9)
    before = predict(wrap(template), ROWS)
    members = alcore_flax.Checkpoints(wrap(template), paths)
    found = alcore_flax.predict(
        members, ROWS, draws=4, batch_size=12, kind="logits", out=tmp_path / "preds.npy", progress=False
    )
    np.testing.assert_array_equal(found, predict([wrap(one) for one in models], ROWS, draws=4))
    np.testing.assert_array_equal(before, predict(wrap(template), ROWS))
    assert sorted(one.name for one in tmp_path.iterdir()) == [*(path.name for path in paths), "preds.npy"]


def test_checkpoints_of_another_model_are_refused(tmp_path: Path) -> None:
    model, wider = nnx.Linear(6, 3, rngs=nnx.Rngs(0)), nnx.Linear(6, 4, rngs=nnx.Rngs(0))
    (tmp_path / "wider").write_bytes(serialization.to_bytes(nnx.to_pure_dict(nnx.state(wider))))
    alcore_flax.Checkpoints.save(Block(), tmp_path / "other")
    for name, match in {
        "wider": r"wider: expected .*\(6, 3\)\], as Linear has, got .*\(6, 4\)\]",
        "other": "other: holds no state of Linear",
    }.items():
        with pytest.raises(ValueError, match=match):
            predict(alcore_flax.Checkpoints(model, [tmp_path / name]), ROWS, draws=1, out=tmp_path / "preds.npy")
    with pytest.raises(ValueError, match="out="):
        predict(alcore_flax.Checkpoints(model, [tmp_path / "wider"]), ROWS, draws=1)
    with pytest.raises(ValueError, match="iterator"):
        predict(alcore_flax.Checkpoints(model, []), iter([ROWS]), draws=1, out=tmp_path / "preds.npy")


# --- what is compiled, what is passed ---------------------------------------------------------------------------------


class Counted(nn.Module):
    @nn.compact
    def __call__(self, x: Any, scale: float = 1.0) -> Any:
        TRACED.append(x.shape)
        return nn.Dense(3)(nn.Dropout(0.5, deterministic=True)(x)) * scale


TRACED: list[Any] = []


def test_nothing_is_compiled_again_for_a_draw_a_block_or_other_weights() -> None:
    module = Counted()
    model = bound(module, ROWS)
    TRACED.clear()
    predict(model, ROWS[:24], draws=2)
    first = len(TRACED)
    predict(model, ROWS[:24], draws=50)
    predict(module.bind(jax.tree.map(lambda leaf: leaf + 1, model.variables)), np.concatenate([ROWS[:24]] * 4), seed=5)
    assert len(TRACED) == first
    predict(model, ROWS, draws=2)  # a shorter block at the end
    assert len(TRACED) == first + 1
    predict(model, ROWS[:24], inputs=lambda x: (x, 2.0))
    assert len(TRACED) > first + 1


def test_a_module_that_cannot_be_hashed_is_run() -> None:
    class Sizes(nn.Module):
        kernel: Any

        @nn.compact
        def __call__(self, x: Any) -> Any:
            return nn.Dropout(0.5, deterministic=True)(x @ self.kernel)

    model = Sizes(np.ones((6, 3), np.float32)).bind({})
    assert predict(model, ROWS).shape == (30, 3, 5)


def test_batches_of_every_kind_reach_the_model() -> None:
    model = bound(Layers("by argument"), ROWS)
    found = predict(model, ROWS)
    cut = [slice(start, start + 12) for start in range(0, 30, 12)]
    labels = np.zeros(30)
    for data in (
        [ROWS[one] for one in cut],
        [(ROWS[one], labels[one]) for one in cut],
        [[ROWS[one], labels[one]] for one in cut],
        [{"x": ROWS[one]} for one in cut],
        [({"x": ROWS[one]}, labels[one]) for one in cut],
        (jnp.asarray(ROWS[one]) for one in cut),
        jnp.asarray(ROWS),
    ):
        np.testing.assert_array_equal(found, predict(model, data))
    buffer = np.empty((6, 6), np.float32)

    def refilled() -> Any:
        for start in range(0, 30, 6):
            buffer[:] = ROWS[start : start + 6]
            yield buffer

    np.testing.assert_allclose(found, predict(model, refilled()), atol=1e-6)


class Half(nn.Module):
    @nn.compact
    def __call__(self, x: Any) -> Any:
        x = nn.Dropout(0.5, deterministic=True)(nn.relu(nn.Dense(64, dtype=jnp.bfloat16)(x)))
        return nn.Dense(3, dtype=jnp.bfloat16)(x)


def test_half_precision_is_kept_as_asked_for_and_its_softmax_is_not_taken_in_it() -> None:
    found = assert_consistent(bound(Half(), ROWS), ROWS)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-6)


def test_members_may_be_of_both_kinds() -> None:
    members = [bound(Layers("by argument"), ROWS), Block(), alcore_flax.DropConnect(Block(), 0.1)]
    found = predict(members, ROWS, draws=3)
    assert found.shape == (30, 3, 9)
    np.testing.assert_array_equal(found[..., :3], predict(members[0], ROWS, draws=3))


def test_stochastic_is_a_pure_function() -> None:
    model = bound(nn.Dropout(0.5, deterministic=True), ROWS)
    apply = jax.jit(alcore_flax.stochastic(model))
    ones = np.ones((2000, 3), np.float32)
    found = np.asarray(apply(ones, KEY))
    np.testing.assert_array_equal(found, apply(ones, KEY))
    assert abs(found.mean() - 1) < 0.05
    assert len(np.unique(found, axis=0)) == 8
    jax.grad(lambda x: apply(x, KEY).sum())(ones)


def test_the_readmes_weighted_loss_has_the_gradient_of_the_weighted_mean() -> None:
    picks, model = Picks.of("Flax"), nnx.Linear(6, 3, rngs=nnx.Rngs(0))

    def loss(model: nnx.Linear) -> Any:
        scope = {"optax": optax, "model": model, "x": picks.x, "y": picks.y, "v": picks.v}
        exec(picks.line, scope)
        return scope["loss"]

    expected = picks.gradient(np.asarray(model.kernel[...]), np.asarray(model.bias[...]))
    found = np.asarray(nnx.jit(nnx.grad(loss))(model)["kernel"][...])
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-6)
