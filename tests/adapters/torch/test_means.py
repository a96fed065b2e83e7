"""Networks that return means of numbers, with the variances of their noise or without."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
from torch import nn

import alcore

X = torch.linspace(-1, 1, 40).reshape(10, 4)


class _TwoHeads(nn.Module):
    def __init__(self, outputs: int = 2) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Dropout(0.5))
        self.mean, self.noise = nn.Linear(8, outputs), nn.Linear(8, outputs)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        hidden = self.body(x)
        return {"mean": self.mean(hidden), "log_variance": self.noise(hidden)}


def variance(returned: dict[str, torch.Tensor]) -> torch.Tensor:
    return returned["log_variance"].exp()


HEADS: dict[str, Any] = {"kind": "mean", "draws": 6, "batch_size": 4, "output": "mean"}


def pairs(model: nn.Module) -> tuple[np.ndarray, np.ndarray]:
    blocks = list(alcore_torch.predict(model, X, variance=variance, **HEADS))
    return np.concatenate([one for one, _ in blocks]), np.concatenate([two for _, two in blocks])


def test_blocks_are_pairs_of_the_same_passes() -> None:
    torch.manual_seed(0)
    model = _TwoHeads()
    means, noise = pairs(model)
    assert means.shape == noise.shape == (10, 2, 6)
    alone = np.concatenate(list(alcore_torch.predict(model, X, **HEADS)))
    np.testing.assert_array_equal(means, alone)
    logs = np.concatenate(list(alcore_torch.predict(model, X, **(HEADS | {"output": "log_variance"}))))
    np.testing.assert_allclose(noise, np.exp(logs), rtol=1e-6)
    stream = alcore_torch.predict(model, X, variance=variance, **HEADS)
    expected = alcore.bald(means, kind="mean", variance=noise)
    np.testing.assert_array_equal(alcore.bald(stream, kind="mean"), expected)
    batch = alcore.LogDet().select(alcore_torch.predict(model, X, variance=variance, **HEADS), 3, kind="mean")
    assert batch.indices.tolist() == alcore.log_det(means, 3, variance=noise).indices.tolist()


@pytest.mark.parametrize("ending", ["npy", "zarr"])
def test_a_file_is_a_pair(tmp_path: Path, ending: str) -> None:
    torch.manual_seed(0)
    model = _TwoHeads()
    means, noise = pairs(model)
    found = alcore_torch.predict(model, X, variance=variance, out=tmp_path / f"both.{ending}", **HEADS)
    for given, expected in zip(found, (means, noise), strict=True):
        assert given.shape == (10, 2, 6)
        np.testing.assert_array_equal(given[:], expected)
    scores = alcore.bald(found[0], kind="mean", variance=found[1])
    np.testing.assert_array_equal(scores, alcore.bald(means, kind="mean", variance=noise))


def test_members_on_disk_are_joined(tmp_path: Path) -> None:
    model, paths = _TwoHeads(), []
    for seed in (0, 1):
        torch.manual_seed(seed)
        paths.append(tmp_path / f"{seed}.pt")
        torch.save(_TwoHeads().state_dict(), paths[-1])
    stored = alcore_torch.Checkpoints(model, paths)
    means, noise = alcore_torch.predict(stored, X, variance=variance, out=tmp_path / "both.npy", **HEADS)
    assert means.shape == noise.shape == (10, 2, 12)
    model.load_state_dict(torch.load(paths[0], weights_only=True))
    np.testing.assert_array_equal(means[..., :6], pairs(model)[0])
    np.testing.assert_array_equal(noise[..., :6], pairs(model)[1])


def test_one_number_a_row_needs_no_axis() -> None:
    single = nn.Sequential(nn.Linear(4, 8), nn.Dropout(0.5), nn.Linear(8, 1), nn.Flatten(0))
    found = np.concatenate(list(alcore_torch.predict(single, X, draws=3, kind="mean")))
    assert found.shape == (10, 1, 3)
    assert alcore.variance(found, "epistemic").shape == (10,)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"kind": "probs", "variance": "log_variance"}, "variance: expected kind='mean' beside it, got kind='probs'"),
        ({"variance": "noise"}, "no 'noise' in dict, which has 'mean', 'log_variance'"),
        ({"variance": lambda made: made["log_variance"][:, :1]}, r"variance: expected shape \(4, 2\), as the means have, got"),
        ({"variance": variance, "draw_axis": 0}, "variance: expected one draw in a pass, got draw_axis=0"),
    ],
)  # fmt: skip
def test_refusals(options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        list(alcore_torch.predict(_TwoHeads(), X, **(HEADS | options)))
