"""Attention, encoder and recurrent layers drop alike for all rows of a draw."""

from __future__ import annotations

from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from alcore_torch.noise import Draw
from torch import nn

from tests.adapters.torch.predictions import TOKENS, Recurrent, assert_consistent, predict


@pytest.mark.parametrize("need_weights", [True, False])
@pytest.mark.parametrize("batch_first", [True, False])
def test_multihead_attention_drops_alike_for_all_rows(need_weights: bool, batch_first: bool) -> None:
    """With weights or fused, rows on the first axis or the second."""

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
def test_encoder_layers_drop_alike_for_all_rows(batch_first: bool) -> None:
    """The fast path of encoder layers, which drops nothing, is off for the prediction and back afterwards."""
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
def test_attention_at_a_rate_of_nearly_zero_equals_the_fused_function(options: dict[str, Any]) -> None:
    """What stands for the fused function computes the same: with masks, scales and grouped heads."""
    query, key, value = torch.randn(3, 4, 2, 7, 8)
    with alcore_torch.stochastic(nn.Identity()):
        found = F.scaled_dot_product_attention(query, key, value, dropout_p=1e-9, **options)
    np.testing.assert_allclose(found, F.scaled_dot_product_attention(query, key, value, **options), atol=1e-5)
    grouped = {"enable_gqa": True, **options}
    with alcore_torch.stochastic(nn.Identity()):
        found = F.scaled_dot_product_attention(query, key[:, :1], value[:, :1], dropout_p=1e-9, **grouped)
    expected = F.scaled_dot_product_attention(query, key[:, :1], value[:, :1], **grouped)
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_what_stands_for_a_kernel_of_cuda_returns_lengths_where_the_kernel_does() -> None:
    """In half precision CUDA runs the flash kernel, which returns lengths beside tensors: a tensor in their place ended in an error
    of PyTorch's. The operation is called by name, as no GPU is needed to replace it."""
    query = torch.randn(2, 4, 7, 8)
    for name in ("_scaled_dot_product_flash_attention", "_scaled_dot_product_cudnn_attention"):
        operation = getattr(torch.ops.aten, name).default
        more = (None, False) if "cudnn" in name else ()
        with Draw(0):
            found = operation(query, query, query, *more, dropout_p=0.3)
        for one, expected in zip(found, operation._schema.returns, strict=True):
            assert isinstance(one, torch.Tensor) == (str(expected.type) == "Tensor")
        assert found[0].shape == query.shape


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_layers_drop_alike_for_all_rows_and_equal_the_fused_ones_at_a_rate_of_nearly_zero(
    kind: type[nn.Module], bidirectional: bool, batch_first: bool
) -> None:
    """Dropout between layers is of the draw; layer by layer they compute what the fused function does."""
    model = Recurrent(kind, batch_first, bidirectional=bidirectional)
    model(TOKENS)
    said = model.eval()(TOKENS)
    assert_consistent(model, TOKENS)
    layers = model.layers
    layers.dropout = 1e-12  # layer by layer, and nothing dropped
    np.testing.assert_allclose(predict(model, TOKENS, draws=1, kind="probs")[..., 0], said.detach(), atol=1e-5)


def test_recurrent_layers_return_the_states_and_projections_of_the_fused_ones() -> None:
    """An LSTM with projections and given states."""
    lstm = nn.LSTM(4, 6, 3, dropout=1e-12, proj_size=2)
    x, state = torch.randn(5, 3, 4), (torch.randn(3, 3, 2), torch.randn(3, 3, 6))
    expected = lstm.eval()(x, state)
    with alcore_torch.stochastic(lstm):
        found = lstm(x, state)
    for one, other in zip((found[0], *found[1]), (expected[0], *expected[1]), strict=True):
        np.testing.assert_allclose(one.detach(), other.detach(), atol=1e-6)


class Packed(nn.Module):
    """Padded sequences and their lengths, packed inside."""

    def __init__(self) -> None:
        super().__init__()
        self.layers, self.last = nn.LSTM(4, 6, 2, dropout=0.3, batch_first=True), nn.Linear(6, 3)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        return self.last(self.layers(packed)[1][0][-1])


def test_packed_sequences_of_one_length_have_consistent_draws_and_those_of_several_are_refused() -> None:
    """Steps stand before rows in them, and of other lengths no row has a place of its own: plain draws do without."""
    x, model = torch.randn(12, 5, 4), Packed()
    twice = {"x": torch.cat([x, x.flip(0)]), "lengths": torch.full((24,), 5)}
    found = predict(model, twice, batch_size=7)
    np.testing.assert_allclose(found[:12], found[:11:-1], atol=1e-6)
    assert (np.ptp(found, axis=-1) > 1e-5).any()
    several = {"x": x, "lengths": torch.randint(1, 6, (12,))}
    with pytest.raises(ValueError, match=r"layer 'layers' of Packed belong to which row.*consistent=False"):
        predict(model, several)
    assert predict(model, several, consistent=False).shape == (12, 3, 5)
