"""The part of a batch that goes into the model is the first, all of it, or what the user's function gives."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pytest

from alcore import adapting
from tests.adapting.numpy_model import ROWS


def test_the_part_of_a_batch_that_goes_in() -> None:
    assert adapting.first_of((1, 2)) == 1
    assert adapting.first_of([1, 2]) == 1
    assert adapting.first_of({"x": 1}) == {"x": 1}
    assert adapting.first_of((1, 2), lambda batch: batch[1]) == 2
    with pytest.raises(ValueError, match="empty"):
        adapting.first_of(())
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), {"a": 1}) == ((), {"a": 1})
    assert adapting.call(lambda *args, **kwargs: (args, kwargs), (1, 2)) == ((1, 2), {})
    assert adapting.row_count({"flag": True, "x": [ROWS]}) == 10


class Pair(NamedTuple):
    x: np.ndarray
    flag: bool


@dataclass(frozen=True)
class Sentence:
    tokens: np.ndarray
    language: str = "en"


class Packed(Pair):
    """Goes to a device as one, as a packed sequence does."""

    def to(self, device: str) -> Packed:
        return self


def test_batches_keep_their_types() -> None:
    """Named tuples and dataclasses are opened and closed again; objects that go to a device by themselves are left alone."""
    for batch in (Pair(ROWS, True), Sentence(ROWS), {"a": (Pair(ROWS, True), [Sentence(ROWS)])}):
        doubled = adapting.map_leaves(batch, lambda leaf: leaf * 2 if isinstance(leaf, np.ndarray) else leaf)
        assert type(doubled) is type(batch)
        assert adapting.row_count(batch) == 10
    assert adapting.map_leaves(Sentence(ROWS), lambda leaf: leaf).language == "en"
    packed = Packed(ROWS, True)
    assert adapting.map_leaves([packed], lambda leaf: leaf)[0] is packed
    assert adapting.first_of(packed) is packed
    assert adapting.row_count(packed) == -1
    assert adapting.call(lambda given: given, packed) is packed
    assert adapting.call(lambda given: given, Pair(ROWS, True)).flag


def test_a_batch_that_a_model_cannot_be_called_with_names_inputs() -> None:
    """Dictionaries by their keys, tuples by their number; a function that says nothing of its arguments is called."""

    def model(x: object, flag: bool = True) -> None: ...

    for fits in ({"x": 1}, (1, False), ROWS):
        adapting.check_call(model, fits, "Model")
    for batch, got in (({"x": 1, "label": 2}, "a dictionary of 'x', 'label'"), ((1, 2, 3), "3 arguments")):
        with pytest.raises(TypeError, match=f"data: Model cannot be called with {got}.*inputs="):
            adapting.check_call(model, batch, "Model")
    adapting.check_call(min, (1, 2), "Model")
