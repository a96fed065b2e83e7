"""A batch is rows in the order chosen, and it cannot be changed."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

import alcore

FIELDS = ("indices", "scores", "q", "support")


def batch_of(*rows: int) -> alcore.Batch:
    k = len(rows)
    return alcore.Batch(np.array(rows, np.int64), np.ones(k), np.full(k, 0.5), np.full(k, 7))


@pytest.mark.parametrize("rows", [(), (3,), (4, 0, 2)])
def test_length_is_the_number_of_picks(rows: tuple[int, ...]) -> None:
    assert len(batch_of(*rows)) == len(rows)
    assert bool(batch_of(*rows)) == bool(rows)


@pytest.mark.parametrize("field", FIELDS)
def test_arrays_are_read_only(field: str) -> None:
    with pytest.raises(ValueError, match="read-only"):
        getattr(batch_of(1, 2), field)[0] = 9


@pytest.mark.parametrize("field", FIELDS)
def test_fields_are_frozen(field: str) -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(batch_of(1, 2), field, np.zeros(2))


def test_the_arrays_it_is_made_of_stay_writable() -> None:
    own = [np.zeros(2, np.int64), np.zeros(2), np.zeros(2), np.zeros(2, np.int64)]
    alcore.Batch(*own)
    assert all(array.flags.writeable for array in own)


def test_batches_do_not_compare_element_by_element() -> None:
    batch = batch_of(1, 2)
    assert batch == batch
    assert batch != batch_of(1, 2)
