"""The tensor of the classes is found by key, attribute, place or function; without one of these nothing is guessed."""

from __future__ import annotations

from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import pytest

from alcore import adapting
from tests.adapting.numpy_model import ROWS


def test_the_output_is_found_by_what_names_it() -> None:
    @dataclass
    class Said:
        logits: Any = 1

    Pair = namedtuple("Pair", "logits loss")
    assert adapting.pick({"logits": 1}, "logits") == 1
    assert adapting.pick(Said(), "logits") == 1
    assert adapting.pick(Pair(1, 2), "logits") == 1
    assert adapting.pick((1, 2), 1) == 2
    assert adapting.pick((1, 2), sum) == 3
    assert adapting.pick(ROWS, None) is ROWS
    for returned, said in ((Said(), "'logits'"), ({"a": 1, "b": 2}, "'a', 'b'"), ((1, 2), "2 parts, 0 to 1")):
        with pytest.raises(TypeError, match=said):
            adapting.pick(returned, None)
    for returned, output in (({"a": 1}, "b"), ((1, 2), 5), (3, "b"), (Said(), "loss")):
        with pytest.raises(ValueError, match="no "):
            adapting.pick(returned, output)
