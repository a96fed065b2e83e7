"""Rows that are sets of means: their variances are those of the flat array, or sets with the same offsets."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.sources import reading

SIZES = np.array([0, 3, 1, 0, 5, 2])
OFFSETS = np.concatenate([[0], np.cumsum(SIZES)])
RNG = np.random.default_rng(8)
MEANS = RNG.normal(size=(11, 2, 6))
NOISE = RNG.uniform(0.1, 2, (11, 2, 6))
IMAGES = alcore.Ragged(MEANS, OFFSETS)
HEURISTICS = {"entropy": alcore.Entropy(), "bald": alcore.BALD(), "variance": alcore.Variance("total")}


def reduced(means: Any, variance: Any, name: str = "bald", how: str = "sum", **options: Any) -> Any:
    return alcore.Reduce(HEURISTICS[name], how, empty=-9).score(means, kind="mean", variance=variance, **options)


@pytest.mark.parametrize("block_bytes", [1, 300, 8 << 20])
@pytest.mark.parametrize("name", HEURISTICS)
@pytest.mark.parametrize("how", ["sum", "mean", "max"])
@pytest.mark.parametrize("noise", [NOISE, NOISE[..., 0]], ids=["a draw", "all draws"])
def test_sets_of_means_are_scored_as_their_cells(
    noise: np.ndarray, how: str, name: str, block_bytes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
    cells = getattr(alcore, name)(MEANS, kind="mean", variance=noise)
    expected = alcore.reduce(cells, how, offsets=OFFSETS, empty=-9)
    for variance in (noise, alcore.Ragged(noise, OFFSETS), alcore.Ragged(iter([noise[:4], noise[4:]]), OFFSETS)):
        np.testing.assert_array_equal(reduced(IMAGES, variance, name, how), expected)


def test_lists_of_means_and_of_variances() -> None:
    cells = alcore.bald(MEANS, kind="mean", variance=NOISE)
    expected = alcore.reduce(cells, "sum", offsets=OFFSETS, empty=-9)
    listed = [alcore.Ragged([array[start:stop] for start, stop in pairwise(OFFSETS)]) for array in (MEANS, NOISE)]
    np.testing.assert_array_equal(reduced(*listed), expected)
    np.testing.assert_array_equal(reduced(listed[0], 0.5), reduced(IMAGES, np.full((11, 2), 0.5)))
    turned = [alcore.Ragged(np.moveaxis(array, 2, 0), OFFSETS) for array in (MEANS, NOISE)]
    np.testing.assert_array_equal(reduced(*turned, axes="TNC"), expected)
    pairs = alcore.Ragged(iter([(MEANS[:4], NOISE[:4]), (MEANS[4:], NOISE[4:])]), OFFSETS)
    np.testing.assert_array_equal(reduced(pairs, None), expected)


@pytest.mark.parametrize("axes", [None, "TNC"])
@pytest.mark.parametrize("form", ["number", "flat", "sets"])
def test_a_ledger_asks_sets_of_means(form: str, axes: str | None) -> None:
    """Rows that are labelled are left out, with the variances of all their cells."""
    means, noise = (np.moveaxis(array, 2, 0) if axes else array for array in (MEANS, NOISE))
    variance: Any = {"number": 0.7, "flat": noise, "sets": alcore.Ragged(noise, OFFSETS)}[form]
    images, heuristic = alcore.Ragged(means, OFFSETS), alcore.Reduce(alcore.BALD(), "sum", empty=-9)
    order = alcore.top(reduced(images, variance, axes=axes), 6).indices.tolist()
    options: dict[str, Any] = {"kind": "mean", "variance": variance, "axes": axes}
    with alcore.Ledger(size=6) as ledger:
        asked = []
        for _ in range(3):
            query = ledger.ask(heuristic, images, k=2, **options)
            ledger.tell(query, [1.5, 2.5])
            asked += list(query.ids)
    assert asked == order


@pytest.mark.parametrize(
    ("offsets", "said"),
    [
        ([0, 0, 3, 11], "expected 6 sets, as the means have, got 3"),
        ([0, 0, 3, 5, 5, 9, 11], "expected 1 variances in row 2, as the row has cells, got 2"),
    ],
)
def test_variances_of_other_sets_are_refused(offsets: list[int], said: str) -> None:
    with pytest.raises(ValueError, match=rf"^variance: {said}\. Give both .*: Ragged\(variances, means.offsets\)\.$"):
        reduced(IMAGES, alcore.Ragged(NOISE, offsets))
    with alcore.Ledger(size=6) as ledger:
        ledger.label({2: 1.0})
        with pytest.raises(ValueError, match=rf"^variance: {said}"):
            ledger.ask(alcore.Reduce(alcore.BALD()), IMAGES, k=2, kind="mean", variance=alcore.Ragged(NOISE, offsets))


def test_sets_of_variances_beside_an_array_of_means_are_refused() -> None:
    sets = alcore.Ragged(NOISE, OFFSETS)
    for work in (alcore.bald, alcore.variance, alcore.BALD().score):
        with pytest.raises(ValueError, match=r"^variance: expected variances as the means lie, .*variance\.flat\.$"):
            work(MEANS, kind="mean", variance=sets)
    with pytest.raises(ValueError, match=r"^target_variance: .*target_variance\.flat"):
        alcore.epig(MEANS, MEANS, kind="mean", variance=0.5, target_variance=sets)
