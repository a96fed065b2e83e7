"""Attention, encoder and recurrent layers drop alike for all rows of a draw."""

from __future__ import annotations

from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

from tests.adapters.torch.predictions import TOKENS, Recurrent, assert_consistent, predict


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
