"""Tensors, data sets, loaders and batches of every kind give the same predictions."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import alcore_torch
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import (
    BatchSampler,
    DataLoader,
    DistributedSampler,
    IterableDataset,
    SequentialSampler,
    Subset,
    SubsetRandomSampler,
    TensorDataset,
    WeightedRandomSampler,
)

from tests.adapters.torch.predictions import IMAGES, ROWS, assert_consistent, convolutional, predict


def test_loaders_data_sets_and_batches_give_the_same_bits() -> None:
    """Tensors, arrays, data sets, loaders, lists and iterators of batches."""
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


def test_loaders_that_shuffle_or_drop_rows_are_refused(tmp_path: Path) -> None:
    """Row i of the predictions is example i."""
    model, data = convolutional(nn.Dropout(0.4)), TensorDataset(IMAGES)
    with pytest.raises(ValueError, match="shuffle=False"):
        predict(model, DataLoader(data, 12, shuffle=True))
    with pytest.raises(ValueError, match="drop_last=False"):
        predict(model, DataLoader(data, 12, drop_last=True))
    assert len(predict(model, DataLoader(data, 10, drop_last=True))) == 30
    written = alcore_torch.predict(model, DataLoader(data, 12), draws=2, out=tmp_path / "preds.npy", kind="logits")
    assert written.shape == (30, 3, 2)


class Rows(IterableDataset):
    """All rows, whichever worker asks: two of them give each row twice."""

    def __iter__(self) -> Any:
        return iter(IMAGES)


class ByLength(torch.utils.data.Sampler):
    """As those that put sentences of one length together."""

    def __iter__(self) -> Any:
        return iter([[2, 0, 1], [3, 4]])

    def __len__(self) -> int:
        return 2


DATA = TensorDataset(IMAGES)
IDS = torch.randperm(30).tolist()
OTHER_ORDERS = {
    "RandomSampler": DataLoader(DATA, 12, shuffle=True),
    "SubsetRandomSampler": DataLoader(DATA, 12, sampler=SubsetRandomSampler(IDS)),
    "WeightedRandomSampler": DataLoader(DATA, 12, sampler=WeightedRandomSampler([1.0] * 30, 30)),
    "DistributedSampler": DataLoader(DATA, 12, sampler=DistributedSampler(DATA, num_replicas=2, rank=0)),
    "ByLength": DataLoader(DATA, batch_sampler=ByLength()),
}


@pytest.mark.parametrize("name", OTHER_ORDERS)
def test_a_loader_that_is_not_certain_to_keep_the_order_is_refused_by_name(name: str) -> None:
    """And so is an iterator of it."""
    model = convolutional(nn.Dropout(0.4))
    for data in (OTHER_ORDERS[name], iter(OTHER_ORDERS[name])):
        with pytest.raises(ValueError, match=rf"data: the {name} of the .*another order.*Subset\(dataset, ids\)"):
            predict(model, data)


def test_the_order_that_a_refusal_asks_for_is_taken() -> None:
    """Row i is example ids[i]."""
    model = convolutional(nn.Dropout(0.4))
    found = predict(model, DataLoader(Subset(DATA, IDS), 12, shuffle=False))
    np.testing.assert_array_equal(found, predict(model, IMAGES[IDS]))


def test_rows_that_a_loader_drops_or_repeats_are_refused() -> None:
    """Batch samplers, streams, and streams that several workers read."""
    model = convolutional(nn.Dropout(0.4))
    dropped = BatchSampler(SequentialSampler(DATA), 12, drop_last=True)
    for data in (DataLoader(DATA, batch_sampler=dropped), DataLoader(Rows(), 12, drop_last=True)):
        with pytest.raises(ValueError, match=r"drops the rows of .* last batch.*drop_last=False"):
            predict(model, data)
    with pytest.raises(ValueError, match=r"2 workers read the IterableDataset.*num_workers=0"):
        predict(model, DataLoader(Rows(), 12, num_workers=2))
    whole = BatchSampler(SequentialSampler(DATA), 10, drop_last=True)
    np.testing.assert_array_equal(
        predict(model, DataLoader(DATA, batch_sampler=whole)), predict(model, IMAGES, batch_size=10)
    )
    np.testing.assert_array_equal(predict(model, DataLoader(Rows(), 12, num_workers=0)), predict(model, IMAGES))


def test_classes_may_stand_on_another_axis_and_pixels_have_probabilities_of_their_own() -> None:
    """A segmenter, classes on axis 1 or on the last."""
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


def test_probabilities_of_a_model_in_half_precision_sum_to_one() -> None:
    """The softmax is taken in single precision."""
    model = convolutional(nn.Dropout(0.4)).to(torch.bfloat16)
    found = predict(model, IMAGES.to(torch.bfloat16), batch_size=30)
    np.testing.assert_allclose(found.sum(axis=1), 1, atol=1e-5)


def test_an_output_is_named_among_the_fields_of_a_dataclass() -> None:
    """Where none is named the refusal says which there are."""

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


def test_dictionaries_of_arrays_are_cut_into_keyword_arguments() -> None:
    """Side by side, as batches of dictionaries are; arrays of other lengths are refused."""

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
