"""Cells to rows, padding left out."""

from __future__ import annotations

from collections.abc import Callable

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.sources import reading
from tests.cases import dirichlet


def top_mean(values: np.ndarray) -> float:
    return float(np.sort(values)[::-1][: max(1, int(np.ceil(0.3 * values.size - 1e-9)))].mean())


BY_HAND: dict[str, Callable[[np.ndarray], float]] = {
    "mean": np.mean,
    "sum": np.sum,
    "max": np.max,
    "top-mean": top_mean,
}
cells = st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 5)).flatmap(
    lambda shape: st.tuples(npst.arrays(np.float64, shape, elements=st.floats(-10, 10)), npst.arrays(np.bool_, shape))
)


@pytest.mark.parametrize("how", BY_HAND)
@given(scores_and_padding=cells)
def test_equals_the_reduction_of_what_is_not_padding(
    how: str, scores_and_padding: tuple[np.ndarray, np.ndarray]
) -> None:
    scores, padding = scores_and_padding
    padding[:, 0, 0] = False
    expected = [BY_HAND[how](row[~pad]) for row, pad in zip(scores, padding, strict=True)]
    hidden = np.where(padding, np.nan, scores)
    np.testing.assert_allclose(alcore.reduce(hidden, how, q=0.3, mask=padding), expected, rtol=1e-12, atol=1e-12)
    by_function = alcore.reduce(hidden, lambda values: BY_HAND[how](values), mask=padding)
    np.testing.assert_allclose(by_function, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("how", BY_HAND)
def test_a_row_alone_reduces_to_the_same_bits(how: str) -> None:
    scores = np.random.default_rng(0).random((9, 13, 7))
    together = alcore.reduce(scores, how)
    for i in range(9):
        assert alcore.reduce(scores[i : i + 1], how)[0] == together[i]


@pytest.mark.parametrize(("q", "cells", "taken"), [(0.1, 30, 3), (0.1, 31, 4), (0.3, 10, 3), (1.0, 7, 7), (1e-6, 9, 1)])
def test_top_mean_takes_the_share_rounded_up(q: float, cells: int, taken: int) -> None:
    scores = np.arange(cells, dtype=float)[None]
    assert alcore.reduce(scores, "top-mean", q=q)[0] == scores[0, -taken:].mean()


def test_scores_of_whole_rows_stay_as_they_are() -> None:
    for how in BY_HAND:
        np.testing.assert_array_equal(alcore.reduce([0.5, 0.25], how), [0.5, 0.25])


@pytest.mark.parametrize(
    ("scores", "options", "said"),
    [
        (np.ones((2, 3)), {"how": "median"}, "how: expected a function or one of 'mean', 'sum', 'max', 'top-mean'"),
        (np.ones((2, 3)), {"how": "top-mean", "q": 0}, "q: expected a share"),
        (np.ones((2, 3)), {"how": "top-mean", "q": 1.1}, "q: expected a share"),
        (np.ones((2, 0)), {}, "row 0 has no cell"),
        (np.ones((2, 3)), {"mask": np.array([[False] * 3, [True] * 3])}, "row 1 has no cell outside the padding"),
        (np.array([[1.0, 2.0], [np.nan, 1.0]]), {}, "row 1 has a score that is nan"),
        (np.array([[1.0, 2.0], [np.inf, 1.0]]), {}, "row 1 has an infinite score. .*floor"),
        (np.ones((2, 3)), {"how": lambda row: float("nan")}, "row 0 is reduced to nan"),
        (np.ones((2, 3)), {"how": lambda row: row}, "function .* results of shape"),
        (np.ones((2, 3)), {"how": lambda row: "much"}, r"function .* got results \['much', 'much'\]"),
        (np.ones((2, 3)), {"how": lambda row: 2j}, r"function .* got results \[2j, 2j\]"),
        (np.ones((2, 3)), {"mask": np.zeros((2, 4), bool)}, r"mask: expected shape \(2, 3\).* got \(2, 4\)"),
        (np.float64(3), {}, "single number"),
    ],
)
def test_what_cannot_be_reduced_is_refused(scores: np.ndarray, options: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        alcore.reduce(scores, **options)


def test_an_attention_mask_is_refused_with_the_remedy() -> None:
    with pytest.raises(TypeError, match="mask=attention_mask == 0"):
        alcore.reduce(np.ones((2, 3)), mask=np.ones((2, 3), int))


def test_infinite_cells_have_a_maximum() -> None:
    assert alcore.reduce(np.array([[1.0, np.inf]]), "max")[0] == np.inf
    assert alcore.reduce(np.array([[1.0, np.inf]]), "mean", mask=np.array([[False, True]]))[0] == 1


TOKENS = dirichlet(6 * 5, 3, 4, seed=5).reshape(6, 5, 3, 4).transpose(0, 2, 1, 3)
PADDING = np.arange(5) >= np.array([5, 3, 1, 4, 2, 5])[:, None]


@pytest.mark.parametrize("how", BY_HAND)
@pytest.mark.parametrize("block_bytes", [1, 8 << 20])
def test_padding_may_hold_anything(how: str, block_bytes: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
    heuristic = alcore.Reduce(alcore.BALD(), how, q=0.3)
    by_hand = alcore.bald(TOKENS)
    expected = [BY_HAND[how](row[~pad]) for row, pad in zip(by_hand, PADDING, strict=True)]
    for garbage in (np.nan, 0.0, -7.0, np.inf):
        padded = np.where(PADDING[:, None, :, None], garbage, TOKENS)
        np.testing.assert_allclose(heuristic.score(padded, mask=PADDING), expected, rtol=1e-12)
        parts = (padded[i : i + 4] for i in range(0, 6, 4))
        np.testing.assert_allclose(heuristic.score(parts, mask=PADDING), expected, rtol=1e-12)
    logits = np.where(PADDING[:, None, :, None], np.nan, np.log(TOKENS))
    np.testing.assert_allclose(heuristic.score(logits, kind="logits", mask=PADDING), expected, rtol=1e-9)


def test_invalid_cells_outside_padding_are_named() -> None:
    padded = np.where(PADDING[:, None, :, None], np.nan, TOKENS)
    padded[4, 2, 1, 3] = np.nan
    with pytest.raises(ValueError, match=r"probs\[4, 2, 1, 3\] is nan"):
        alcore.Reduce(alcore.Entropy()).score(padded, mask=PADDING)


@pytest.mark.parametrize("rows", [4, 8])
def test_a_mask_of_another_length_is_refused(rows: int) -> None:
    mask = np.zeros((rows, 5), bool)
    for predictions in (TOKENS, iter([TOKENS[:3], TOKENS[3:]])):
        with pytest.raises(ValueError, match="mask: expected"):
            alcore.Reduce(alcore.BALD()).score(predictions, mask=mask)


def test_a_mask_is_refused_where_nothing_is_reduced() -> None:
    with pytest.raises(ValueError, match=r"Reduce them: Reduce\(BALD\(\), 'mean'\)"):
        alcore.BALD().score(TOKENS, mask=PADDING)
    with pytest.raises(ValueError, match="Leave mask out"):
        alcore.Reduce(alcore.BALD()).score(dirichlet(3, 2, 2), mask=np.zeros(3, bool))


def test_what_are_no_scores_and_no_mask_is_refused() -> None:
    with pytest.raises(TypeError, match="masked"):
        alcore.reduce(np.ma.masked_array([[1.0, 2.0]], mask=[[0, 1]]))
    with pytest.raises(TypeError, match="mask: expected a plain array"):
        alcore.reduce([[1.0, 2.0]], mask=np.ma.masked_array([[False, True]]))
    with pytest.raises(TypeError, match="array of numbers"):
        alcore.reduce("abc")
    with pytest.raises(ValueError, match="how: expected"):
        alcore.reduce([[1.0]], ["mean"])


def test_layout_of_scores_does_not_change_bits() -> None:
    scores, mask = np.random.default_rng(0).random((9, 13, 7)), np.random.default_rng(1).random((9, 13, 7)) < 0.2
    expected = alcore.reduce(scores, "mean", mask=mask)
    np.testing.assert_array_equal(
        alcore.reduce(np.asfortranarray(scores), "mean", mask=np.asfortranarray(mask)), expected
    )
