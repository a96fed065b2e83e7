"""Networks as people write them, small: where noise comes from, and how rows lie in it, differs from one to the next."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import alcore_torch
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn


class Noisy(nn.Module):
    """A layer, what is done with its result, and a last layer for three classes."""

    def __init__(self, inputs: int, function: Callable[[Any, torch.Tensor], torch.Tensor], **layers: nn.Module) -> None:
        super().__init__()
        self.inner, self.function, self.last = nn.ModuleDict(layers), function, nn.Linear(inputs, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 2 * self.last(self.function(self, x))


class Own(nn.Module):
    """A layer without weights, of a function of its input and of its flag."""

    def __init__(self, function: Callable[[torch.Tensor, bool], torch.Tensor]) -> None:
        super().__init__()
        self.function = function

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.function(x, self.training)


class Bayesian(nn.Module):
    """Weights drawn once a pass, in inference too; Blundell et al. 2015 (arXiv:1505.05424)."""

    def __init__(self, *shape: int, flipout: bool = False) -> None:
        super().__init__()
        self.mean, self.rho, self.flipout = (
            nn.Parameter(torch.randn(shape) / 2),
            nn.Parameter(torch.full(shape, -1.0)),
            flipout,
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noise = self.rho.exp() * torch.randn_like(self.rho)
        if self.mean.dim() == 4:
            return F.conv2d(x, self.mean + noise)
        if self.flipout:  # signs of each row; Wen et al. 2018 (arXiv:1803.04386)
            signs = torch.rand(len(x), self.mean.shape[1]).sub(0.5).sign()
            back = torch.rand(len(x), self.mean.shape[0]).sub(0.5).sign()
            return F.linear(x, self.mean) + F.linear(x * signs, noise) * back
        return F.linear(x, self.mean + noise)


class WeightNoise(nn.Module):
    """A parametrisation that adds noise to a weight."""

    def forward(self, weight: torch.Tensor) -> torch.Tensor:
        return weight + 0.3 * torch.randn_like(weight) if self.training else weight


class LayerDrop(nn.Module):
    """Layers skipped at random, all rows together; Fan et al. 2019 (arXiv:1909.11556)."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Dropout(0.2)) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer in self.layers:
            if not self.training or torch.rand([]) > 0.5:
                x = x + layer(x)
        return x


class LowRank(nn.Module):
    """An adapter of low rank whose input is dropped; Hu et al. 2021 (arXiv:2106.09685)."""

    def __init__(self) -> None:
        super().__init__()
        self.base, self.down, self.up = nn.Linear(8, 8), nn.Linear(8, 2, bias=False), nn.Linear(2, 8, bias=False)
        self.drop = nn.Dropout(0.4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.base(x) + 3 * self.up(self.down(self.drop(x)))


def drop_path(x: torch.Tensor, training: bool) -> torch.Tensor:
    """As most libraries write it, under names of their own."""
    return x.div(0.6) * torch.rand((len(x), *[1] * (x.dim() - 1))).add(0.6).floor() if training else x


def locked(x: torch.Tensor, training: bool) -> torch.Tensor:
    """One mask for all steps; Gal & Ghahramani 2016 (arXiv:1512.05287)."""
    return x * x.new_empty(len(x), 1, x.size(2)).bernoulli_(0.6) / 0.6 if training else x


def drop_block(x: torch.Tensor, training: bool) -> torch.Tensor:
    """Squares of an image; Ghiasi et al. 2018 (arXiv:1810.12890)."""
    return x * (1 - F.max_pool2d((torch.rand_like(x[:, :1]) < 0.1).float(), 3, 1, 1)) if training else x


def windows(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Windows of an image side by side on the axis of rows, as in Swin."""
    x = x.view(len(x), 3, 2, 4, 2, 4).permute(0, 2, 4, 3, 5, 1).reshape(len(x) * 4, 16, 3)
    weights = F.dropout((x @ x.transpose(1, 2)).softmax(-1), 0.5)
    return (weights @ x).view(-1, 4, 16, 3).mean(dim=(1, 2))


def frames_first(model: Any, x: torch.Tensor) -> torch.Tensor:
    """Frames of all rows before the next frames of all rows."""
    rows = x.transpose(0, 1).reshape(-1, 8)
    return F.dropout(rows, 0.5).view(x.shape[1], len(x), 8).mean(dim=0)


def attention(model: Any, x: torch.Tensor) -> torch.Tensor:
    heads = x.view(len(x), -1, 2, 4).transpose(1, 2)
    return (
        F.scaled_dot_product_attention(heads, heads, heads, dropout_p=0.5).transpose(1, 2).reshape(x.shape).mean(dim=1)
    )


def steps_first(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](x.transpose(0, 1)).mean(dim=0)


def of_layer(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](x)


def last_step(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](x)[0][:, -1]


ROWS, STEPS, IMAGES = torch.Size([8]), torch.Size([4, 8]), torch.Size([3, 8, 8])
ENCODER = {"nhead": 2, "dim_feedforward": 16, "dropout": 0.3}
Made = tuple[Callable[[], nn.Module], torch.Size]


def gated(x: torch.Tensor, training: bool) -> torch.Tensor:
    if training:
        x = F.dropout(x, 0.5)
    return x


class Gate(nn.Module):
    """A dropout layer behind the flag of another module."""

    def __init__(self) -> None:
        super().__init__()
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(x) if self.training else x


def over_pixels(model: Any, x: torch.Tensor) -> torch.Tensor:
    return of_layer(model, x).flatten(2).mean(dim=2)


def over_steps(model: Any, x: torch.Tensor) -> torch.Tensor:
    return of_layer(model, x).mean(dim=1)


def last_of_first_axis(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](x.transpose(0, 1))[0][-1]


def attended(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](x, x, x)[0].mean(dim=1)


def attended_steps_first(model: Any, x: torch.Tensor) -> torch.Tensor:
    return model.inner["layer"](*[x.transpose(0, 1)] * 3, need_weights=False)[0].mean(dim=0)


def dropped_positions(model: Any, x: torch.Tensor) -> torch.Tensor:
    """As many positions as steps, and in some blocks as rows."""
    return (x + F.dropout(model.inner["layer"].weight[:4], 0.5)).tanh().mean(dim=1)


def dropped_words(model: Any, x: torch.Tensor) -> torch.Tensor:
    words = (x[..., 0].abs() * 3).long().clamp(max=7)
    return F.embedding(words, F.dropout(model.inner["layer"].weight, 0.5)).mean(dim=1)


def noisy_weight() -> nn.Module:
    return nn.utils.parametrize.register_parametrization(nn.Linear(8, 8), "weight", WeightNoise())


def around(make: Callable[[], nn.Module], rows: torch.Size, function: Any = of_layer, width: int = 8) -> Made:
    return lambda: Noisy(width, function, layer=make()), rows


def dense(*layers: Callable[[], nn.Module]) -> Made:
    return around(lambda: nn.Sequential(nn.Linear(8, 8), nn.Tanh(), *[make() for make in layers]), ROWS)


def own(function: Callable[[torch.Tensor, bool], torch.Tensor]) -> Made:
    return dense(lambda: Own(function))


def convolutions(kind: type[nn.Module], size: tuple[int, ...], drop: Callable[[], nn.Module]) -> Made:
    return around(lambda: nn.Sequential(kind(3, 6, 3), nn.ReLU(), drop()), torch.Size([3, *size]), over_pixels, 6)


def recurrent(kind: type[nn.Module], function: Any = last_step, width: int = 8, **options: Any) -> Made:
    return around(lambda: kind(8, 8, 2, dropout=0.4, **options), STEPS, function, width)


ARCHITECTURES: dict[str, Made] = {
    "dropout": dense(lambda: nn.Dropout(0.5)),
    "dropout twice": dense(lambda: nn.Dropout(0.3), lambda: nn.Linear(8, 8), nn.ReLU, lambda: nn.Dropout(0.3)),
    "batch norm": dense(lambda: nn.BatchNorm1d(8), lambda: nn.Dropout(0.5)),
    "alpha dropout": dense(nn.SELU, lambda: nn.AlphaDropout(0.3)),
    "gated layer": dense(Gate),
    "dropout as a function": own(lambda x, training: F.dropout(x, 0.5, training)),
    "gated dropout": own(gated),
    "Gaussian noise": own(lambda x, training: x + 0.5 * torch.randn(x.shape) if training else x),
    "Gaussian dropout": own(lambda x, training: x * torch.normal(1.0, 0.5, x.shape) if training else x),
    "distributions": own(lambda x, training: torch.distributions.Normal(x, 0.5).rsample()),
    "Gumbel softmax": own(lambda x, training: x * F.gumbel_softmax(x)),
    "rrelu": dense(lambda: nn.RReLU(0.1, 0.9)),
    "permuted features": own(lambda x, training: x[:, torch.randperm(8)] if training else x),
    "Bayes by backprop": (lambda: nn.Sequential(Bayesian(11, 8), nn.ReLU(), Bayesian(3, 11)), ROWS),
    "flipout": (lambda: nn.Sequential(Bayesian(11, 8, flipout=True), nn.ReLU(), nn.Linear(11, 3)), ROWS),
    "Bayesian convolution": around(lambda: Bayesian(5, 3, 3, 3), IMAGES, over_pixels, 5),
    "weight noise": around(noisy_weight, ROWS),
    "DropConnect": (lambda: alcore_torch.DropConnect(Noisy(8, of_layer, layer=nn.Linear(8, 8)), 0.3), ROWS),
    "LayerDrop": around(LayerDrop, ROWS),
    "adapter of low rank": around(LowRank, ROWS),
    "features of lines": convolutions(nn.Conv1d, (9,), lambda: nn.Dropout1d(0.4)),
    "features of images": convolutions(nn.Conv2d, (8, 8), lambda: nn.Dropout2d(0.4)),
    "features of volumes": convolutions(nn.Conv3d, (4, 4, 4), lambda: nn.Dropout3d(0.4)),
    "feature alpha dropout": convolutions(nn.Conv2d, (8, 8), lambda: nn.FeatureAlphaDropout(0.4)),
    "dropped squares": convolutions(nn.Conv2d, (8, 8), lambda: Own(drop_block)),
    "dropped paths": convolutions(nn.Conv2d, (8, 8), lambda: Own(drop_path)),
    "windows": around(nn.Identity, IMAGES, windows, 3),
    "frames first": around(nn.Identity, STEPS, frames_first),
    "fused attention": around(nn.Identity, STEPS, attention),
    "dropped positions": around(lambda: nn.Linear(8, 8), STEPS, dropped_positions),
    "dropped words": around(lambda: nn.Linear(8, 8), STEPS, dropped_words),
    "locked dropout, GRU": around(lambda: nn.Sequential(Own(locked), nn.GRU(8, 8, batch_first=True)), STEPS, last_step),
    "LSTM": recurrent(nn.LSTM, batch_first=True),
    "LSTM in both directions": recurrent(nn.LSTM, width=16, batch_first=True, bidirectional=True),
    "GRU, steps first": recurrent(nn.GRU, last_of_first_axis),
    "encoder": around(lambda: nn.TransformerEncoderLayer(8, batch_first=True, **ENCODER), STEPS, over_steps),
    "encoder, steps first": around(lambda: nn.TransformerEncoderLayer(8, **ENCODER), STEPS, steps_first),
    "attention with its weights": around(lambda: nn.MultiheadAttention(8, 2, 0.4, batch_first=True), STEPS, attended),
    "attention, steps first": around(lambda: nn.MultiheadAttention(8, 2, 0.4), STEPS, attended_steps_first),
}


# --- of transformers --------------------------------------------------------------------------------------------------

COMMON: dict[str, Any] = {"num_labels": 3, "initializer_range": 0.5}
SMALL: dict[str, Any] = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 16,
    **COMMON,
}
TEXT, PICTURE = {"vocab_size": 90}, {"image_size": 32}
GPT = {"n_embd": 16, "n_layer": 1, "n_head": 2, "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
WINDOWED = {"patch_size": 4, "embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 4}
LIBRARY: dict[str, tuple[str, dict[str, Any]]] = {
    "BERT, eager attention": ("Bert", {**SMALL, **TEXT, "attn_implementation": "eager"}),
    "BERT, fused attention": ("Bert", {**SMALL, **TEXT, "attn_implementation": "sdpa"}),
    "GPT-2": ("GPT2", {**COMMON, **TEXT, **GPT}),
    "XLNet": ("XLNet", {**COMMON, **TEXT, "d_model": 16, "n_layer": 1, "n_head": 2, "d_inner": 16, "dropout": 0.2}),
    "DeBERTa": ("DebertaV2", {**SMALL, **TEXT, "relative_attention": True, "pos_att_type": ["p2c", "c2p"]}),
    "ViT": ("ViT", {**SMALL, **PICTURE, "patch_size": 16, "hidden_dropout_prob": 0.2, "attention_probs_dropout_prob": 0.2}),
    "Swin": ("Swin", {**COMMON, **PICTURE, **WINDOWED, "drop_path_rate": 0.5}),
    "DINOv2": ("Dinov2", {**SMALL, **PICTURE, "patch_size": 16, "num_hidden_layers": 2, "drop_path_rate": 0.5}),
}  # fmt: skip
