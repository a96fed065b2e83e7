"""Kappa equals scikit-learn's and closed cases, and refuses what are no classes of one set."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from alcore.stopping import kappa
from tests.stopping.histories import A, B


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (A, A, 1.0),
        (A, B, 0.75),
        ([0, 1, 0, 1], [1, 0, 1, 0], -1.0),
        ([0, 0, 1, 1], [0, 1, 0, 1], 0.0),
        ([3, 3], [3, 3], 1.0),  # 0/0, defined
        ([3, 3], [4, 4], 0.0),
        ([3, 3, 3], [3, 3, 4], 0.0),
        ([7], [7], 1.0),
        ([[0, 0], [1, 1]], [[0, 0], [1, 0]], 0.5),
    ],
)
def test_kappa_of_closed_cases(one: Any, other: Any, expected: float) -> None:
    assert kappa(one, other) == kappa(other, one) == expected


@given(st.lists(st.tuples(st.integers(-2, 3), st.integers(-2, 3)), min_size=1, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[int, int]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics", reason="scikit-learn is the oracle")
    one, other = (list(classes) for classes in zip(*pairs, strict=True))
    assume(len({*one, *other}) > 1)  # there scikit-learn has NaN
    assert kappa(one, other) == pytest.approx(metrics.cohen_kappa_score(one, other), abs=1e-12)


def test_kappa_does_not_depend_on_the_format_of_the_classes() -> None:
    for dtype in ("i1", "u1", ">i4", "u8"):
        assert kappa(np.array(A, dtype), np.asfortranarray(B)) == 0.75


def test_kappa_refuses_what_are_no_classes_of_one_set() -> None:
    with pytest.raises(ValueError, match=r"other: expected the shape \(6,\) of one, got \(5,\)"):
        kappa(A, B[:5])
    with pytest.raises(TypeError, match="one: expected classes as whole numbers"):
        kappa([0.5, 0.5], [1, 0])
    with pytest.raises(ValueError, match="other: expected shape"):
        kappa(A, [])
