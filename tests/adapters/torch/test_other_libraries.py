"""Models of transformers and of Lightning have consistent draws."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn
from torch.utils.data import DataLoader

import alcore
from tests.adapters.torch.predictions import IMAGES, TOKENS, assert_consistent, predict


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
def test_transformers_have_consistent_draws_and_their_padding_is_handed_on(kind: str, attention: str) -> None:
    """Sequences and tokens, eager and fused attention."""
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


def test_transformers_whose_attention_alone_drops_have_consistent_draws() -> None:
    """Eager and fused attention."""
    for attention in ("eager", "sdpa"):
        quiet = {"hidden_dropout_prob": 0.0, "classifier_dropout": 0.0, "initializer_range": 1.0}
        model = bert("Sequence", attn_implementation=attention, attention_probs_dropout_prob=0.4, **quiet)
        assert_consistent(model, TOKENS, output="logits")


def test_the_mask_of_padding_is_written_beside_the_file(tmp_path: Path) -> None:
    """Of both formats; `alcore.reduce` takes it."""
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


def test_lightning_modules_have_consistent_draws() -> None:
    """They are modules of PyTorch."""
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
