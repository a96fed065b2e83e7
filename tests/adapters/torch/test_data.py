"""Tensors, data sets, loaders and batches of every kind give the same predictions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

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


def test_a_dictionary_that_the_model_cannot_be_called_with_names_inputs() -> None:
    """Executed, the remedy gives the predictions of the rows alone."""
    model = convolutional(nn.Dropout(0.4))
    batch = [{"image": IMAGES, "label": torch.zeros(30)}]
    with pytest.raises(TypeError, match=r"Sequential cannot be called with a dictionary of 'image', 'label'.*inputs="):
        predict(model, batch)
    np.testing.assert_array_equal(predict(model, batch, inputs=lambda one: one["image"]), predict(model, [IMAGES]))


def test_rows_without_batches_are_refused_with_the_remedy() -> None:
    """A list of rows is no list of batches."""
    model, rows = nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.4), nn.Linear(8, 3)), list(ROWS)
    with pytest.raises(ValueError, match=r"expected 6 rows on axis 0.*got shape \(3,\).*put rows into blocks"):
        predict(model, rows)
    found = predict(model, [torch.stack(rows[start : start + 12]) for start in (0, 12, 24)])
    np.testing.assert_array_equal(found, predict(model, ROWS))


class Batch(NamedTuple):
    x: torch.Tensor
    scale: float


@dataclass(frozen=True)
class Rows:
    x: torch.Tensor
    scale: float


class OfBatch(nn.Module):
    """A model that is called with a batch as one."""

    def __init__(self, kind: type) -> None:
        super().__init__()
        self.kind, self.layers = kind, nn.Sequential(nn.Linear(6, 8), nn.Dropout(0.4), nn.Linear(8, 3))

    def forward(self, batch: Any) -> torch.Tensor:
        assert type(batch) is self.kind
        return self.layers(batch.x) * batch.scale


@pytest.mark.parametrize("kind", [Batch, Rows])
def test_batches_of_named_tuples_and_dataclasses_keep_their_types_and_have_rows(kind: Any) -> None:
    """What a function of a batch gives is passed on as it is."""
    model = OfBatch(kind)
    found = predict(model, [kind(part, 1.0) for part in ROWS.split(12)], inputs=lambda batch: batch)
    np.testing.assert_allclose(found, predict(model.layers, ROWS), atol=1e-6)


class Sub(torch.Tensor):
    """Tensors of a class of their own, as those of MONAI and of torchvision."""


def test_tensors_of_a_class_of_their_own_are_predicted() -> None:
    model = convolutional(nn.Dropout(0.4))
    np.testing.assert_array_equal(predict(model, IMAGES.as_subclass(Sub)), predict(model, IMAGES))


def test_rows_that_come_out_are_those_that_went_in_in_both_modes() -> None:
    """A model that returns steps first is refused with the axis, and the way that is named works."""

    class StepsFirst(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.Sequential(nn.Dropout(0.4), nn.Linear(6, 3))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.layers(x[:, None].expand(-1, 5, -1)).transpose(0, 1)

    for consistent in (True, False):
        with pytest.raises(ValueError, match=r"got shape \(5, 12, 3\).*torch\.moveaxis\(made, 1, 0\)"):
            predict(StepsFirst(), ROWS, class_axis=-1, consistent=consistent)
        moved = {"output": lambda made: torch.moveaxis(made, 1, 0), "class_axis": -1}
        assert predict(StepsFirst(), ROWS, consistent=consistent, **moved).shape == (30, 3, 5, 5)
