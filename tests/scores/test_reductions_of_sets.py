"""Cells of sets of different size to rows."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.scores import reductions
from tests.scores.test_reductions import BY_HAND

pytestmark = pytest.mark.interpreted

SETS = st.lists(st.lists(st.floats(-10, 10), max_size=6), max_size=10)


def offsets_of(sets: list[list[float]]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([len(one) for one in sets], dtype=np.int64)])


@pytest.mark.parametrize("how", BY_HAND)
@given(sets=SETS)
def test_equals_the_reduction_of_each_set(how: str, sets: list[list[float]]) -> None:
    expected = [BY_HAND[how](np.array(one)) if one else 77.0 for one in sets]
    flat, offsets = np.array([value for one in sets for value in one]), offsets_of(sets)
    found = alcore.reduce(flat, how, q=0.3, offsets=offsets, empty=77)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
    by_function = alcore.reduce(flat, lambda values: BY_HAND[how](values), offsets=offsets, empty=77)
    np.testing.assert_allclose(by_function, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", BY_HAND)
def test_equals_the_reduction_of_padded_rows(how: str) -> None:
    rng = np.random.default_rng(0)
    padding = rng.random((40, 7)) < np.linspace(0, 1.1, 40)[:, None]
    scores = rng.random((40, 7))
    assert padding.all(axis=1).any()
    expected = alcore.reduce(scores, how, q=0.4, mask=padding, empty=-3)
    sizes = (~padding).sum(axis=1)
    found = alcore.reduce(scores[~padding], how, q=0.4, offsets=np.concatenate([[0], np.cumsum(sizes)]), empty=-3)
    np.testing.assert_allclose(found, expected, rtol=1e-13)
    assert (expected[sizes == 0] == -3).all()


@pytest.mark.parametrize("how", BY_HAND)
def test_equals_the_reduction_of_large_sets(how: str) -> None:
    rng = np.random.default_rng(3)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(20, 90, 30))])
    scores = rng.choice(rng.normal(size=500), offsets[-1])  # with ties
    expected = [BY_HAND[how](scores[start:stop]) for start, stop in pairwise(offsets)]
    np.testing.assert_allclose(alcore.reduce(scores, how, q=0.3, offsets=offsets), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", BY_HAND)
def test_a_set_alone_reduces_to_the_same_bits(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    offsets = np.concatenate([[0], np.cumsum(rng.integers(1, 40, 60))])
    scores = rng.random(offsets[-1])
    together = alcore.reduce(scores, how, offsets=offsets)
    for i, (start, stop) in enumerate(pairwise(offsets)):
        assert alcore.reduce(scores[start:stop], how, offsets=[0, stop - start])[0] == together[i]
    monkeypatch.setattr(reductions, "ROWS_A_THREAD", 1)
    alcore.set_threads(3)
    try:
        assert alcore.reduce(scores, how, offsets=offsets).tobytes() == together.tobytes()
    finally:
        alcore.set_threads(None)


def test_scores_are_never_written_to() -> None:
    scores = np.array([3.0, 1.0, 2.0])
    scores.flags.writeable = False
    for how in ("sum", "top-mean", lambda values: float(np.sort(values)[0])):
        alcore.reduce(scores, how, offsets=[0, 3])  # type: ignore[arg-type]

    def overwrite(values: Any) -> float:
        values[:] = 0
        return 0.0

    own = np.array([3.0, 1.0, 2.0])
    for options in ({"offsets": [0, 3]}, {}):
        given_scores = own if options else own[None]
        alcore.reduce(given_scores, overwrite, **options)
    assert own.tolist() == [3, 1, 2]


@pytest.mark.parametrize("how", [*BY_HAND, np.mean])
def test_nan_is_named_by_its_row(how: Any) -> None:
    with pytest.raises(ValueError, match="row 2 has a score that is nan"):
        alcore.reduce([1.0, 2.0, 3.0, np.nan, 4.0], how, offsets=[0, 1, 1, 5], empty=0)


@pytest.mark.parametrize("how", ["sum", "mean", "top-mean"])
@pytest.mark.parametrize("infinity", [np.inf, -np.inf])
def test_infinite_cells_have_a_maximum_only(how: str, infinity: float) -> None:
    scores, offsets = [1.0, infinity, 3.0], [0, 1, 3]
    with pytest.raises(ValueError, match="row 1 has an infinite score"):
        alcore.reduce(scores, how, offsets=offsets)
    assert alcore.reduce(scores, "max", offsets=offsets).tolist() == [1, max(infinity, 3)]


def test_a_row_that_is_all_padding_gets_the_score_of_empty_rows() -> None:
    scores, padding = np.array([[1.0, 2.0], [np.nan, np.inf]]), np.array([[False, True], [True, True]])
    for how in (*BY_HAND, np.max):
        assert alcore.reduce(scores, how, mask=padding, empty=0).tolist() == [1, 0]
    with pytest.raises(ValueError, match="row 1 has no cell outside the padding.* empty=0.0"):
        alcore.reduce(scores, mask=padding)
    tokens = np.full((2, 3, 2, 4), 1 / 3)
    assert alcore.Reduce(alcore.Entropy(), "sum", empty=-1).score(tokens, mask=padding).round(6).tolist() == [
        1.098612,
        -1,
    ]
