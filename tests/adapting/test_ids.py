"""Ids say which example each row is: integers or texts, one for each row, each there once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alcore import adapting
from tests.adapting.numpy_model import ROWS, halves, predictions


def ids_of(*blocks: Any, run: Any = halves) -> np.ndarray:
    """What comes back of ids that batches of as many rows have."""
    parts = [ROWS[: max(rows, 0)] for rows in map(_length, blocks)]
    read = iter(blocks)
    preds = adapting.predict(parts, [run], adapting.Request(1), rows=None, ids=lambda batch: next(read), progress=False)
    list(preds)
    return preds.ids


def _length(ids: Any) -> int:
    return len(ids) if hasattr(ids, "__len__") else 1


def test_ids_are_named_by_a_key_a_place_or_a_function() -> None:
    def read(ids: Any, batch: Any) -> Any:
        found = adapting.as_ids(ids)
        assert found is not None
        return found(batch)

    assert adapting.as_ids(None) is None
    assert read("file", {"x": 1, "file": [7]}) == read("file", ({"file": [7]}, "labels")) == [7]
    assert read("file", ("labels", {"file": [7]})) == [7]
    assert read(2, ("x", "y", [7])) == read(-1, ["x", "y", [7]]) == [7]
    assert read(len, [1, 2]) == 2
    with pytest.raises(ValueError, match=r"ids: no 'file' in a block of type dict with the keys \[\['x', 'y'\]\]"):
        read("file", {"x": 1, "y": 2})
    with pytest.raises(ValueError, match="ids: no 2 in a block of 2 parts"):
        read(2, ("x", "y"))
    with pytest.raises(ValueError, match="ids: no 'x' in a block of type ndarray"):
        read("x", ROWS)


@pytest.mark.parametrize("ids", [True, 1.5, [1, 2], np.arange(3), b"file"])
def test_what_names_no_ids_is_refused(ids: Any) -> None:
    with pytest.raises(TypeError, match="ids: expected a key, a place or a function of a block, got"):
        adapting.as_ids(ids)


ANY_INTEGER = st.integers(-(2**63), 2**63 - 1)
ANY_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"))


@given(
    st.one_of(st.lists(ANY_INTEGER, unique=True, max_size=8), st.lists(ANY_TEXT, unique=True, max_size=8)),
    st.integers(0, 8),
)
def test_ids_come_back_as_they_are(ids: list[Any], cut: int) -> None:
    """Whatever their blocks, and texts of any length; nothing is kept that would have to be unpickled."""
    found = ids_of(ids[:cut], ids[cut:])
    assert found.tolist() == ids
    assert found.dtype.kind in "iU"


@pytest.mark.parametrize(
    "ids", [np.array([3, 1], np.int8), np.array([3, 1], np.uint64), (3, 1), [np.int64(3), 1], np.array([3, 1], object)]
)
def test_integers_of_every_kind_are_integers(ids: Any) -> None:
    assert ids_of(ids).dtype == np.int64
    assert ids_of(ids).tolist() == [3, 1]
    assert ids_of(np.array(["a", "bcd"], object), ["e"]).tolist() == ["a", "bcd", "e"]


@pytest.mark.parametrize(
    ("ids", "got"),
    [
        ([1, "a"], "int and str"),
        (np.array([1, "a"], object), "int and str"),
        ([1, None], "NoneType and int"),
        ([1.0, 2.0], "float"),
        (np.array([1.0, np.nan]), "float"),
        ([True, False], "bool"),
        ([1, True], "bool and int"),
        (np.array([b"a", b"b"]), r"bytes\. .*one\.decode\(\)"),
        ([b"a", b"b"], r"bytes\. .*one\.decode\(\)"),
        ([[1], [2]], r"shape \(2, 1\)"),
        ([[1], [2, 3]], "parts of several lengths"),
        ("ab", "str"),
        (b"ab", "bytes"),
    ],
)
def test_what_is_no_integer_and_no_text_is_refused(ids: Any, got: str) -> None:
    with pytest.raises(
        TypeError, match=f"ids: expected an integer or a text for each of the 2 rows of a block, got {got}"
    ):
        ids_of(ids)


def test_another_number_of_ids_than_rows_is_refused() -> None:
    for ids in (np.arange(3), 7, None):
        with pytest.raises(TypeError, match="for each of the 4 rows of a block, got"):
            next(predictions(ids=lambda batch, ids=ids: ids))


def test_the_remedies_of_refusals_serve() -> None:
    """Bytes are read as texts; integers that are too large are texts; texts keep their end."""
    assert ids_of([one.decode() for one in [b"a", b"b"]]).tolist() == ["a", "b"]
    with pytest.raises(ValueError, match=r"integers below 2\*\*63, got 9223372036854775808\. .*list\(map\(str"):
        ids_of([1, 2**63])
    assert ids_of(list(map(str, [1, 2**63]))).tolist() == ["1", "9223372036854775808"]
    with pytest.raises(ValueError, match="do not end in a null character"):
        ids_of(["a\0", "b"])


def test_ids_of_two_kinds_and_ids_that_come_again_are_refused_at_their_block() -> None:
    with pytest.raises(TypeError, match="only numbers or only texts, got both: 'a' in row 2"):
        ids_of([1, 2], ["a"])
    assert ids_of([1, 2], [], [3]).tolist() == [1, 2, 3]
    assert ids_of(["a"], [], ["b"]).tolist() == ["a", "b"]
    for again in ([[1, 2], [3, 1]], [[5, 1, 7, 1]]):
        with pytest.raises(
            ValueError, match=rf"ids: rows {'0' if len(again) > 1 else '1'} and 3 have the same id, 1\."
        ):
            ids_of(*again)
    blocks = predictions(ids=lambda batch: [f"{row:.9f}" for row in batch[:, 0]])
    assert len(next(blocks)) == len(blocks.ids) == 4
    list(blocks)
    assert blocks.ids.tolist() == [f"{row:.9f}" for row in ROWS[:, 0]]
