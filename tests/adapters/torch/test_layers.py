"""What only the PyTorch adapter has to know: its layers, its loaders, and the models of other libraries."""

from __future__ import annotations

import contextlib
import copy
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

import alcore
from tests.adapters.framework import Picks

pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.*:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN:UserWarning"),
    pytest.mark.filterwarnings("ignore:.*dropout option adds dropout after all but last:UserWarning"),
]
torch.manual_seed(0)
ROWS = torch.randn(30, 6)
IMAGES = torch.randn(30, 2, 8, 8)
TOKENS = torch.randint(5, 90, (30, 7))


def predict(model: nn.Module, data: Any, **options: Any) -> np.ndarray:
    given = {"draws": 5, "batch_size": 12, "kind": "logits", "progress": False, **options}
    return np.concatenate(list(alcore_torch.predict(model, data, **given)))


def assert_consistent(model: nn.Module, data: torch.Tensor, **options: Any) -> np.ndarray:
    """Rows that are there twice, in other blocks and places, agree; draws differ."""
    found = predict(model, torch.cat([data, data.flip(0)]), **options)
    np.testing.assert_allclose(found[: len(data)], found[: len(data) - 1 : -1], rtol=0, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-4).any()
    plain = predict(model, torch.cat([data[:1]] * 24), consistent=False, **options)
    assert len(np.unique(plain[..., 0].reshape(24, -1).round(6), axis=0)) > 1
    return found


class Functional(nn.Module):
    """Dropout as a function, by the flag of a module that holds no dropout layer."""

    def __init__(self) -> None:
        super().__init__()
        self.dense, self.last = nn.Linear(6, 20), nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.last(F.dropout(F.relu(self.dense(x)), 0.4, self.training))


class OwnNoise(nn.Module):
    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind, self.last = kind, nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = {
            "randn_like": lambda: torch.randn_like(x),
            "rand_like": lambda: torch.rand_like(x),
            "bernoulli": lambda: torch.bernoulli(torch.full_like(x, 0.5)),
            "bernoulli of p": lambda: torch.bernoulli(x, 0.5),
            "bernoulli_": lambda: x.new_empty(len(x), 1).bernoulli_(0.5),
            "normal_": lambda: torch.empty_like(x).normal_(1, 0.1),
            "randn": lambda: torch.randn(x.shape),
        }[self.kind]()
        return self.last(x * noise)


def convolutional(layer: nn.Module) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(2, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), layer, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 3)
    )


# --- layers -----------------------------------------------------------------------------------------------------------

DROPOUTS = [nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout, nn.FeatureAlphaDropout]


@pytest.mark.parametrize("kind", DROPOUTS[:1] + DROPOUTS[2:])
@pytest.mark.parametrize("inplace", [False, True])
def test_every_kind_of_dropout_layer(kind: type[nn.Module], inplace: bool) -> None:
    assert_consistent(convolutional(kind(0.4, inplace=inplace)), IMAGES)


def test_dropout_of_sequences_and_volumes() -> None:
    line = nn.Sequential(nn.Conv1d(2, 8, 3), nn.Dropout1d(0.4), nn.Flatten(), nn.Linear(48, 3))
    assert_consistent(line, IMAGES[:, :, 0])
    volume = nn.Sequential(nn.Conv3d(2, 8, 3), nn.Dropout3d(0.4), nn.Flatten(), nn.Linear(8 * 6 * 6 * 2, 3))
    assert_consistent(volume, IMAGES[:, :, None].repeat(1, 1, 4, 1, 1))


@pytest.mark.parametrize("kind", [nn.AlphaDropout, nn.FeatureAlphaDropout])
@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_alpha_dropout_keeps_mean_and_variance(kind: type[nn.Module], rate: float) -> None:
    x = torch.randn(2, 5000, 1)
    found = predict(kind(rate), x, draws=20, kind="probs", batch_size=2)
    assert abs(found.mean()) < 0.02
    assert abs(found.std() - 1) < 0.03
    with alcore_torch.stochastic(kind(rate)) as model:
        assert abs(float(model(x).std()) - 1) < 0.05


@pytest.mark.parametrize("rate", [0.0, 1.0])
def test_rates_at_their_ends(rate: float) -> None:
    model = nn.Sequential(nn.Dropout(rate), nn.Dropout(0.3), nn.Linear(6, 3, bias=False))
    found = predict(model, ROWS, kind="probs")
    assert (found == 0).all() == (rate == 1)


def test_functional_dropout_is_on() -> None:
    assert_consistent(Functional().eval(), ROWS)


@pytest.mark.parametrize("kind", ["randn_like", "rand_like", "bernoulli", "bernoulli of p", "bernoulli_", "normal_"])
def test_noise_of_other_layers_is_shared_by_rows(kind: str) -> None:
    model = OwnNoise(kind)
    before = torch.get_rng_state()
    assert_consistent(model, ROWS)
    assert torch.equal(before, torch.get_rng_state())


def test_noise_that_cannot_be_shared_is_refused() -> None:
    with pytest.raises(ValueError, match="not one network for every row.*consistent=False"):
        predict(nn.Sequential(OwnNoise("randn"), nn.Dropout(0.0)), ROWS)

    class Mixing(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return F.dropout(x.cumsum(0)[:, :3], 0.5)

    with pytest.raises(ValueError, match="rows are mixed"):
        predict(Mixing(), ROWS)


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_attention(need_weights: bool, batch_first: bool) -> None:
    class Attends(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.attention = nn.MultiheadAttention(8, 2, dropout=0.4, batch_first=batch_first)
            self.embed, self.last = nn.Embedding(90, 8), nn.Linear(8, 3)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            x = self.embed(tokens)
            x = x if batch_first else x.transpose(0, 1)
            x, _ = self.attention(x, x, x, need_weights=need_weights)
            return self.last(x.mean(1 if batch_first else 0))

    assert_consistent(Attends(), TOKENS)


@pytest.mark.parametrize("batch_first", [True, False])
def test_encoder_layers(batch_first: bool) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=batch_first)

    class Encoder(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.embed, self.last = nn.Embedding(90, 8), nn.Linear(8, 3)
            self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)

        def forward(self, tokens: torch.Tensor) -> torch.Tensor:
            x = self.embed(tokens)
            return self.last(self.layers(x).mean(1) if batch_first else self.layers(x.transpose(0, 1)).mean(0))

    fast = torch.backends.mha.get_fastpath_enabled()
    assert_consistent(Encoder().eval(), TOKENS)
    assert torch.backends.mha.get_fastpath_enabled() == fast


@pytest.mark.parametrize("options", [{}, {"is_causal": True}, {"scale": 0.1}, {"attn_mask": torch.randn(7, 7)}])
def test_attention_without_dropout_is_the_fused_one(options: dict[str, Any]) -> None:
    query, key, value = torch.randn(3, 4, 2, 7, 8)
    with alcore_torch.stochastic(nn.Identity()):
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=1e-9, **options)
    np.testing.assert_allclose(found, F.scaled_dot_product_attention(query, key, value, **options), atol=1e-5)
    grouped = {"enable_gqa": True, **options}
    with alcore_torch.stochastic(nn.Identity()):
        found = F.scaled_dot_product_attention(query, key[:, :1], value[:, :1], dropout_p=1e-9, **grouped)
    expected = F.scaled_dot_product_attention(query, key[:, :1], value[:, :1], **grouped)
    np.testing.assert_allclose(found, expected, atol=1e-5)


class Recurrent(nn.Module):
    def __init__(self, kind: type[nn.Module], batch_first: bool, **options: Any) -> None:
        super().__init__()
        self.embed = nn.Embedding(90, 8)
        self.layers = kind(8, 6, 3, dropout=0.4, batch_first=batch_first, **options)
        self.last, self.batch_first = nn.LazyLinear(3), batch_first

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        x = self.embed(tokens)
        out, _ = self.layers(x if self.batch_first else x.transpose(0, 1))
        return self.last(out[:, -1] if self.batch_first else out[-1])


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers(kind: type[nn.Module], bidirectional: bool, batch_first: bool) -> None:
    model = Recurrent(kind, batch_first, bidirectional=bidirectional)
    model(TOKENS)
    said = model.eval()(TOKENS)
    assert_consistent(model, TOKENS)
    layers = model.layers
    layers.dropout = 1e-12  # layer by layer, and nothing dropped
    np.testing.assert_allclose(predict(model, TOKENS, draws=1, kind="probs")[..., 0], said.detach(), atol=1e-5)


def test_projections_and_states_of_recurrent_layers() -> None:
    lstm = nn.LSTM(4, 6, 3, dropout=1e-12, proj_size=2)
    x, state = torch.randn(5, 3, 4), (torch.randn(3, 3, 2), torch.randn(3, 3, 6))
    expected = lstm.eval()(x, state)
    with alcore_torch.stochastic(lstm):
        found = lstm(x, state)
    for one, other in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=1e-6)


def test_packed_sequences_are_refused_by_name() -> None:
    lstm = nn.LSTM(4, 6, 2, dropout=0.3, batch_first=True)
    packed = nn.utils.rnn.pack_padded_sequence(torch.randn(3, 5, 4), torch.tensor([5, 4, 2]), batch_first=True)
    with alcore_torch.stochastic(lstm), pytest.raises(NotImplementedError, match=r"lstm.*packed.*nn\.Dropout"):
        lstm(packed)


def test_dropped_paths_are_consistent() -> None:
    class DropPath(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x * x.new_empty(len(x), 1, 1, 1).bernoulli_(0.5) if self.training else x

    assert_consistent(convolutional(DropPath()), IMAGES)


# --- what stays as it was ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("training", [True, False])
def test_only_stochastic_layers_are_on_and_flags_come_back(training: bool) -> None:
    model = convolutional(nn.Dropout(0.4)).train(training)
    model[0].train(not training)
    before = [module.training for module in model.modules()]
    with alcore_torch.stochastic(model) as same:
        assert same is model
        assert [type(module).__name__ for module in model.modules() if module.training] == ["Dropout"]
        assert (model(IMAGES) != model(IMAGES)).any()
    assert [module.training for module in model.modules()] == before
    with pytest.raises(RuntimeError, match="on purpose"), alcore_torch.stochastic(model):
        raise RuntimeError("on purpose")
    assert [module.training for module in model.modules()] == before


def test_statistics_do_not_change_even_in_training() -> None:
    model = convolutional(nn.Dropout(0.4)).train()
    before = copy.deepcopy(model.state_dict())
    predict(model, IMAGES)
    with alcore_torch.stochastic(model):
        model(IMAGES)
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name]), name


def test_the_global_generator_is_left_alone() -> None:
    model = convolutional(nn.Dropout(0.4))
    torch.manual_seed(5)
    expected = torch.rand(3)
    for consistent in (True, False):
        torch.manual_seed(5)
        predict(model, IMAGES, consistent=consistent)
        assert torch.equal(torch.rand(3), expected)


def test_shared_and_frozen_weights() -> None:
    dense = nn.Linear(6, 6)
    model = nn.Sequential(dense, nn.Dropout(0.4), dense, nn.Dropout(0.4), nn.Linear(6, 3))
    for parameter in model.parameters():
        parameter.requires_grad_(False)
    assert_consistent(model, ROWS)
    assert_consistent(alcore_torch.DropConnect(model, 0.2), ROWS)
    one = nn.Dropout(0.5)  # called twice: each call has noise of its own
    twice = predict(nn.Sequential(one, one), torch.ones(4, 200), draws=1, kind="probs")[0, :, 0]
    assert set(np.unique(twice)) == {0.0, 4.0}
    assert abs((twice > 0).mean() - 0.25) < 0.12


# --- compiled, scripted -----------------------------------------------------------------------------------------------


def test_compiled_models_run_as_they_are_written() -> None:
    model = convolutional(nn.Dropout(0.4))
    np.testing.assert_array_equal(predict(torch.compile(model), IMAGES), predict(model, IMAGES))


@pytest.mark.parametrize("kind", [torch.jit.script, lambda model: torch.jit.trace(model, IMAGES)])
def test_scripted_models_are_refused(kind: Any) -> None:
    model = nn.Sequential(kind(convolutional(nn.Dropout(0.4)).eval()))
    with pytest.raises(ValueError, match=r"scripted and traced modules .* Pass what it was made of"):
        predict(model, IMAGES)


# --- what comes before the first noise --------------------------------------------------------------------------------


class Prefixed(nn.Module):
    """Networks whose first layers are, or seem to be, the same in every draw."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.first, self.second, self.last = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 3)
        self.drop, self.ran = nn.Dropout(0.5), 0

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.ran += 1
        return self.last(getattr(self, "_" + self.kind)(x))

    def _plain(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(self.second(self.first(x)))

    def _called_twice(self, x: torch.Tensor) -> torch.Tensor:
        return self.first(self.drop(self.first(x)))

    def _written_after(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x += self.drop(self.second(x))
        return x

    def _written_through_a_view(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        x[:, :3] *= self.drop(torch.ones_like(x[:, :3]))
        return x

    def _written_in_later_draws(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        mask = self.drop(torch.ones(1, 6))
        if self.ran % 4 == 0:
            x *= mask
        return self.drop(x + self.second(x))

    def _written_by_a_module(self, x: torch.Tensor) -> torch.Tensor:
        x = self.first(x)
        F.relu_(x)
        y = nn.functional.relu(self.second(x), inplace=True)
        return self.drop(y) + x


KINDS = [name[1:] for name in vars(Prefixed) if name[1:].startswith(("plain", "called", "written"))]


def unprefixed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("alcore_torch.prefix.Prefix.of", lambda self, model: contextlib.nullcontext())


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_kept_from_draw_to_draw_changes_no_bit(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model = Prefixed(kind)
    kept = predict(model, ROWS, draws=9)
    assert not any("forward" in vars(module) for module in model.modules())
    model.ran = 0
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, ROWS, draws=9))


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("first", [nn.Identity(), nn.ReLU(inplace=True)], ids=["", "writes to its argument"])
def test_of_layers_in_a_row_what_is_kept_changes_no_bit(
    first: nn.Module, inplace: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = [
        nn.Conv2d(2, 8, 3),
        nn.BatchNorm2d(8),
        nn.ReLU(inplace),
        nn.Conv2d(8, 4, 3),
        nn.Flatten(),
        nn.Dropout(0.5, inplace),
    ]
    model = nn.Sequential(nn.Sequential(nn.Conv2d(2, 2, 1), first), *layers, nn.Linear(64, 3))
    kept = predict(model, IMAGES)
    monkeypatch.setattr("alcore_torch.prefix.KEPT", 10_000)
    np.testing.assert_array_equal(kept, predict(model, IMAGES))
    unprefixed(monkeypatch)
    np.testing.assert_array_equal(kept, predict(model, IMAGES))


def test_layers_before_the_first_noise_run_once_a_block() -> None:
    model, ran = Prefixed("plain"), []
    own = type(model.second).forward
    counted = type("Counted", (nn.Linear,), {"forward": lambda self, x: ran.append(len(x)) or own(self, x)})
    model.second = counted(6, 6)
    predict(model, ROWS, draws=50, batch_size=10)
    assert len(ran) == 3 + 2  # blocks, and the check of the first
    predict(model, ROWS, draws=50, batch_size=10, consistent=False)
    assert len(ran) == 5 + 3 * 50 + 1


def test_noise_that_is_not_followed_stays_in_plain_draws() -> None:
    class Own(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return x + torch.randn(x.shape)

    found = predict(nn.Sequential(Own(), nn.Linear(6, 3), nn.Dropout(0.0), nn.Dropout(0.01)), ROWS, consistent=False)
    assert (np.ptp(found, axis=-1) > 1e-3).all()


def test_rows_made_in_inference_mode() -> None:
    with torch.inference_mode():
        rows = ROWS.clone()
    np.testing.assert_array_equal(predict(Prefixed("plain").eval(), rows).shape, (30, 3, 5))


def test_what_is_kept_is_let_go_after_an_error() -> None:
    class Fails(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            raise RuntimeError("on purpose")

    model = nn.Sequential(nn.Linear(6, 6), nn.Dropout(0.5), Fails())
    with pytest.raises(RuntimeError, match="on purpose"):
        predict(model, ROWS)
    assert not any("forward" in vars(module) for module in model.modules())


# --- data -------------------------------------------------------------------------------------------------------------


def test_loaders_data_sets_and_batches_give_the_same() -> None:
    model = convolutional(nn.Dropout(0.4))
    expected = predict(model, IMAGES)
    data = TensorDataset(IMAGES, torch.arange(30))
    for same in (IMAGES.numpy(), data, DataLoader(data, 12), list(DataLoader(data, 12)), iter(DataLoader(data, 12))):
        np.testing.assert_array_equal(predict(model, same), expected)
    backwards = [{"image": batch} for batch in IMAGES.split(12)]
    np.testing.assert_array_equal(predict(model, backwards, inputs=lambda batch: batch["image"]), expected)

    class Stream(IterableDataset):
        def __iter__(self) -> Any:
            return iter(IMAGES)

    np.testing.assert_array_equal(predict(model, DataLoader(Stream(), 12)), expected)


def test_loaders_that_lose_the_order_are_refused(tmp_path: Path) -> None:
    model, data = convolutional(nn.Dropout(0.4)), TensorDataset(IMAGES)
    with pytest.raises(ValueError, match="shuffle=False"):
        predict(model, DataLoader(data, 12, shuffle=True))
    with pytest.raises(ValueError, match="drop_last=False"):
        predict(model, DataLoader(data, 12, drop_last=True))
    assert len(predict(model, DataLoader(data, 10, drop_last=True))) == 30
    written = alcore_torch.predict(model, DataLoader(data, 12), draws=2, out=tmp_path / "preds.npy", kind="logits")
    assert written.shape == (30, 3, 2)


def test_classes_on_another_axis_and_events() -> None:
    segmenter = nn.Sequential(nn.Conv2d(2, 8, 3, padding=1), nn.Dropout(0.4), nn.Conv2d(8, 3, 1))
    found = assert_consistent(segmenter, IMAGES)
    assert found.shape == (60, 3, 8, 8, 5)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)

    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.segmenter = segmenter

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.segmenter(x).movedim(1, -1)

    np.testing.assert_allclose(predict(Last(), IMAGES, class_axis=-1), predict(segmenter, IMAGES), atol=1e-6)


def test_half_precision() -> None:
    model = convolutional(nn.Dropout(0.4)).to(torch.bfloat16)
    found = predict(model, IMAGES.to(torch.bfloat16), batch_size=30)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


# --- DropConnect, ensembles -------------------------------------------------------------------------------------------


def test_dropconnect_of_convolutions_keeps_all_but_the_weights() -> None:
    convolution = nn.Conv2d(2, 6, 3, stride=2, padding=1, dilation=2, groups=2)
    model = nn.Sequential(convolution, nn.Flatten(), nn.LazyLinear(3))
    model(IMAGES)
    dropped = alcore_torch.DropConnect(model, 0.3, layers=(nn.Conv2d,))
    assert torch.equal(dropped(IMAGES), model(IMAGES))
    assert_consistent(dropped, IMAGES)
    mean = predict(alcore_torch.DropConnect(convolution, 0.3), IMAGES[:3], draws=3000, kind="probs").mean(axis=-1)
    np.testing.assert_allclose(mean, convolution(IMAGES[:3]).detach(), atol=0.15)
    named = alcore_torch.DropConnect(model, 0.3, layers=("2",))
    assert named._names == ["2.weight"]
    with pytest.raises(ValueError, match="none with weights"):
        alcore_torch.DropConnect(nn.Sequential(nn.ReLU()), 0.3)
    with pytest.raises(ValueError, match="none with weights"):
        alcore_torch.DropConnect(model, 0.3, layers=("3",))


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_dropconnect_of_recurrent_layers(kind: type[nn.Module]) -> None:
    model = Recurrent(kind, True)
    model(TOKENS)
    before = copy.deepcopy(model.state_dict())
    dropped = alcore_torch.DropConnect(model, 0.3)
    assert {name.rsplit(".", 1)[1] for name in dropped._names} >= {"weight_ih_l0", "weight_hh_l2", "weight"}
    assert not any("embed" in name or "bias" in name for name in dropped._names)
    assert_consistent(dropped, TOKENS)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_checkpoints_are_loaded_one_at_a_time(tmp_path: Path) -> None:
    model = convolutional(nn.Dropout(0.4))
    members = [copy.deepcopy(model) for _ in range(3)]
    for seed, member in enumerate(members):
        torch.manual_seed(seed)
        nn.init.normal_(member[0].weight)
        torch.save(member.state_dict(), tmp_path / f"{seed}.pt")
    before = copy.deepcopy(model.state_dict())
    ensemble = alcore_torch.Checkpoints(model, [tmp_path / f"{seed}.pt" for seed in range(3)])
    options = {"draws": 4, "batch_size": 12, "kind": "logits"}
    found = alcore_torch.predict(ensemble, IMAGES, out=tmp_path / "preds.npy", **options)
    np.testing.assert_array_equal(np.asarray(found[:]), predict(members, IMAGES, draws=4))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0.pt", "1.pt", "2.pt", "preds.npy"]
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    with pytest.raises(ValueError, match="out="):
        alcore_torch.predict(ensemble, IMAGES, draws=4)
    with pytest.raises(ValueError, match="iterator"):
        alcore_torch.predict(ensemble, iter([IMAGES]), draws=4, out=tmp_path / "again.zarr")

    class Evil:
        def __reduce__(self) -> Any:
            return print, ("run",)

    torch.save(Evil(), tmp_path / "evil.pt")
    evil = alcore_torch.Checkpoints(model, [tmp_path / "evil.pt"])
    with pytest.raises(Exception, match="Weights only load failed"):
        alcore_torch.predict(evil, IMAGES, draws=4, out=tmp_path / "again.npy")


def test_jobs_are_joined_along_the_draws(tmp_path: Path) -> None:
    model = convolutional(nn.Dropout(0.4))
    files = [tmp_path / f"{seed}.zarr" for seed in range(2)]
    for seed, file in enumerate(files):
        alcore_torch.predict(model, IMAGES, draws=3, seed=seed, out=file, kind="logits")
    joined = alcore.concatenate_draws(files)
    assert joined.shape == (30, 3, 6)
    np.testing.assert_array_equal(joined[:][..., 3:], predict(model, IMAGES, draws=3, seed=1, batch_size=128))


# --- other libraries' models ------------------------------------------------------------------------------------------


def bert(kind: str, **options: Any) -> nn.Module:
    transformers = pytest.importorskip("transformers")
    config = transformers.BertConfig(
        vocab_size=90,
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        num_labels=3,
        **options,
    )
    return getattr(transformers, f"BertFor{kind}Classification")(config)


@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize("kind", ["Sequence", "Token"])
def test_transformers_classifiers(kind: str, attention: str) -> None:
    model = bert(kind, attn_implementation=attention, hidden_dropout_prob=0.3, attention_probs_dropout_prob=0.3)
    mask = torch.ones_like(TOKENS)
    mask[::2, 4:] = 0
    batches = [{"input_ids": TOKENS[i : i + 12], "attention_mask": mask[i : i + 12]} for i in range(0, 30, 12)]
    axis = 1 if kind == "Sequence" else -1
    blocks = alcore_torch.predict(
        model, batches, draws=5, output="logits", kind="logits", class_axis=axis,
        mask="attention_mask" if kind == "Token" else None,
    )  # fmt: skip
    found = np.concatenate(list(blocks))
    assert found.shape == ((30, 3, 5) if kind == "Sequence" else (30, 3, 7, 5))
    turned = [{key: value.flip(0) for key, value in batch.items()} for batch in reversed(batches)]
    again = predict(model, turned, output="logits", class_axis=axis)
    np.testing.assert_allclose(again[::-1], found, atol=1e-5)
    assert (np.ptp(found, axis=-1) > 1e-3).all(axis=1).mean() > 0.5
    if kind == "Token":
        np.testing.assert_array_equal(blocks.mask, mask.numpy() == 0)
        scores = alcore.reduce(alcore.bald(found), "mean", mask=blocks.mask)
        assert scores.shape == (30,)


def test_only_attention_drops_in_transformers() -> None:
    for attention in ("eager", "sdpa"):
        quiet = {"hidden_dropout_prob": 0.0, "classifier_dropout": 0.0, "initializer_range": 1.0}
        model = bert("Sequence", attn_implementation=attention, attention_probs_dropout_prob=0.4, **quiet)
        assert_consistent(model, TOKENS, output="logits")


def test_padding_is_kept_beside_the_file(tmp_path: Path) -> None:
    model = bert("Token")
    batches = [{"input_ids": TOKENS[:12], "attention_mask": torch.ones(12, 7)}] * 2
    for name in ("preds.npy", "preds.zarr"):
        data: Any = batches if name == "preds.zarr" else DataLoader(
            [{"input_ids": row, "attention_mask": torch.ones(7)} for row in TOKENS[:24]], 12
        )  # fmt: skip
        options = {"draws": 2, "output": "logits", "kind": "logits", "class_axis": -1, "mask": "attention_mask"}
        written = alcore_torch.predict(model, data, out=tmp_path / name, **options)
        mask = np.load(tmp_path / "preds.mask.npy")
        assert mask.shape == (24, 7)
        assert not mask.any()
        assert alcore.reduce(alcore.bald(written), "mean", mask=mask).shape == (24,)


def test_a_dataclass_of_outputs() -> None:
    @dataclass
    class Said:
        logits: torch.Tensor
        loss: None = None

    class Model(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = convolutional(nn.Dropout(0.4))

        def forward(self, x: torch.Tensor) -> Said:
            return Said(self.inner(x))

    assert predict(Model(), IMAGES, output="logits").shape == (30, 3, 5)
    with pytest.raises(TypeError, match="'logits', 'loss'"):
        predict(Model(), IMAGES)


def test_a_lightning_module() -> None:
    lightning = pytest.importorskip("lightning.pytorch")

    class Lit(lightning.LightningModule):
        def __init__(self) -> None:
            super().__init__()
            self.net = nn.Sequential(OrderedDict(conv=nn.Conv2d(2, 4, 3), drop=nn.Dropout(0.4), flat=nn.Flatten()))
            self.last = nn.Linear(144, 3)

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.last(self.net(x))

        def training_step(self, batch: Any, index: int) -> torch.Tensor:
            return F.cross_entropy(self(batch[0]), batch[1])

    assert_consistent(Lit(), IMAGES)


def test_a_framework_that_is_missing_is_named() -> None:
    import subprocess
    import sys

    code = "import sys; sys.modules['torch'] = None; import alcore_torch"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "pip install 'alcore[torch]'" in done.stderr


def test_the_readmes_weighted_loss_has_the_gradient_of_the_weighted_mean() -> None:
    picks, model = Picks.of("PyTorch"), nn.Linear(6, 3)
    scope = {"torch": torch, "model": model, "x": torch.tensor(picks.x), "y": torch.tensor(picks.y), "v": picks.v}
    exec(picks.line, scope)
    scope["loss"].backward()
    expected = picks.gradient(model.weight.detach().numpy().T, model.bias.detach().numpy())
    np.testing.assert_allclose(model.weight.grad.numpy().T, expected, rtol=1e-4, atol=1e-6)


def test_dictionaries_of_arrays_are_cut_into_keyword_arguments() -> None:
    class Two(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Dropout(0.4), nn.Linear(6, 3))

        def forward(self, x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
            return self.layers(x) + shift

    model, shift = Two(), torch.randn(len(ROWS), 1)
    found = predict(model, {"x": ROWS, "shift": shift})
    batches = [{"x": a, "shift": b} for a, b in zip(ROWS.split(12), shift.split(12), strict=True)]
    np.testing.assert_array_equal(found, predict(model, batches))
    with pytest.raises(ValueError, match="the same number of rows"):
        predict(model, {"x": ROWS, "shift": shift[1:]})
