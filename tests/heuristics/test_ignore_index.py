"""Labels with an ignore index are a mask: maps and sequences are reduced over the cells whose label is another one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
import alcore.bench
from alcore.heuristics.base import Scored
from tests.cases import dirichlet

RNG = np.random.default_rng(21)
MAPS = dirichlet(6, 5, 12 * 10 * 4, seed=1).reshape(6, 5, 12, 10, 4)  # (N, C, H, W, T)
CLASSES = RNG.integers(0, 5, (6, 12, 10)).astype(np.uint8)
CLASSES[RNG.random(CLASSES.shape) < 0.3] = 255
TOKENS = dirichlet(8, 9, 32 * 5, seed=2).reshape(8, 9, 32, 5)  # (N, C, L, T)
TAGS = np.where(np.arange(32) < RNG.integers(1, 33, (8, 1)), RNG.integers(0, 9, (8, 32)), -100)
SHAPES = {"maps": (MAPS, CLASSES, 255), "tokens": (TOKENS, TAGS, -100)}


def top_mean(scores: list[float]) -> float:
    share = sorted(scores, reverse=True)[: max(1, -(-len(scores) // 10))]
    return sum(share) / len(share)


BY_HAND: dict[str, Callable[[list[float]], float]] = {
    "mean": lambda scores: sum(scores) / len(scores),
    "sum": sum,
    "max": max,
    "top-mean": top_mean,
}


def entropy_of(probs_ct: np.ndarray) -> float:
    mean = probs_ct.mean(axis=1)
    return float(-(mean * np.log(mean)).sum())


def by_hand(predictions: np.ndarray, labels: np.ndarray, ignored: int, how: str) -> list[float]:
    """Entropy of each cell whose label is not the ignored one, cell by cell, and a reduction of them."""
    rows = []
    for probs, own in zip(predictions, labels, strict=True):
        counted = [place for place in np.ndindex(own.shape) if int(own[place]) != ignored]
        rows.append(BY_HAND[how]([entropy_of(probs[(slice(None), *place)]) for place in counted]))
    return rows


@pytest.mark.parametrize("how", BY_HAND)
@pytest.mark.parametrize("shape", SHAPES)
def test_the_cells_of_the_ignored_label_do_not_count(shape: str, how: str) -> None:
    predictions, labels, ignored = SHAPES[shape]
    expected = by_hand(predictions, labels, ignored, how)
    heuristic = alcore.Reduce(alcore.Entropy(), how)
    np.testing.assert_allclose(heuristic.score(predictions, mask=labels, ignore_index=ignored), expected, rtol=1e-9)
    scores = alcore.entropy(predictions)
    np.testing.assert_allclose(alcore.reduce(scores, how, mask=labels, ignore_index=ignored), expected, rtol=1e-9)
    turned_round = heuristic.score(predictions, mask=labels != ignored)  # True marks what is left out
    assert np.abs(turned_round - expected).max() > 1e-3


@pytest.mark.parametrize("shape", SHAPES)
def test_ignored_cells_may_hold_anything_in_any_layout_and_type(shape: str) -> None:
    predictions, labels, ignored = SHAPES[shape]
    heuristic = alcore.Reduce(alcore.Entropy())
    expected = heuristic.score(predictions, mask=labels == ignored)
    hidden = np.where(np.expand_dims(labels == ignored, (1, -1)), np.nan, predictions)
    for given in (labels, labels.astype(np.int16), labels.tolist(), np.asfortranarray(labels)):
        np.testing.assert_array_equal(heuristic.score(hidden, mask=given, ignore_index=ignored), expected)
    draws_first = np.moveaxis(hidden, -1, 0)
    axes = "TNC" + "HW"[: predictions.ndim - 3]
    found = heuristic.score(draws_first, axes=axes, mask=labels, ignore_index=np.int64(ignored))
    np.testing.assert_array_equal(found, expected)
    blocks = iter([hidden[:1], hidden[1:]])
    np.testing.assert_array_equal(heuristic.score(blocks, mask=labels, ignore_index=ignored), expected)


def test_labels_of_which_no_cell_is_ignored_leave_all() -> None:
    labels = np.where(CLASSES == 255, 0, CLASSES)
    expected = alcore.Reduce(alcore.BALD()).score(MAPS)
    np.testing.assert_array_equal(alcore.Reduce(alcore.BALD()).score(MAPS, mask=labels, ignore_index=255), expected)


def test_kinds_take_labels_too() -> None:
    labels, mask = {"mask": CLASSES, "ignore_index": 255}, {"mask": CLASSES == 255}
    cases: list[tuple[Scored, np.ndarray, dict[str, Any]]] = [
        (alcore.Reduce(alcore.BALD()), MAPS[:, :1], {"kind": "binary"}),
        (alcore.Reduce(alcore.BALD(), "max"), MAPS, {"kind": "multilabel"}),
        (alcore.Reduce(alcore.BALD()), MAPS, {"kind": "mean", "variance": 0.5}),
        (alcore.Reduce(0.5 * alcore.BALD() + alcore.Entropy()), MAPS, {}),
        (alcore.Reduce(alcore.EPIG(MAPS[:, :, 0, 0])), MAPS, {}),
    ]
    for heuristic, predictions, options in cases:
        found = heuristic.score(predictions, **labels, **options)
        np.testing.assert_array_equal(found, heuristic.score(predictions, **mask, **options))


def test_batches_leave_ignored_cells_out() -> None:
    labels, mask = {"mask": CLASSES, "ignore_index": 255}, {"mask": CLASSES == 255}
    reduced = alcore.Reduce(alcore.BALD())
    for heuristic in (reduced, alcore.Power(reduced), alcore.SoftRank(reduced), alcore.BatchBALD(positions=5)):
        expected = heuristic.select(MAPS, 3, rng=1, **mask)  # type: ignore[arg-type]
        found = heuristic.select(MAPS, 3, rng=1, **labels)  # type: ignore[arg-type]
        np.testing.assert_array_equal(found.indices, expected.indices)


def test_a_row_that_the_labels_hide_is_refused_or_gets_the_score_of_an_empty_row() -> None:
    labels = CLASSES.copy()
    labels[2] = 255
    with pytest.raises(ValueError, match=r"row 2 has no cell outside the padding.*empty=0\.0"):
        alcore.Reduce(alcore.BALD()).score(MAPS, mask=labels, ignore_index=255)
    for empty in (0.0, -1.0):
        found = alcore.Reduce(alcore.BALD(), empty=empty).score(MAPS, mask=labels, ignore_index=255)
        expected = alcore.Reduce(alcore.BALD()).score(MAPS, mask=CLASSES, ignore_index=255)
        expected[2] = empty
        np.testing.assert_array_equal(found, expected)


def test_heads_have_labels_of_their_own() -> None:
    heads = {"map": MAPS, "text": TOKENS[:6]}
    both = alcore.Combine({"map": alcore.Reduce(alcore.BALD()), "text": alcore.Reduce(alcore.BALD(), "sum")})
    expected = both.score(heads, mask={"map": CLASSES == 255, "text": TAGS[:6] == -100})
    found = both.score(heads, mask={"map": CLASSES, "text": TAGS[:6]}, ignore_index={"map": 255, "text": -100})
    np.testing.assert_array_equal(found, expected)
    mixed = both.score(heads, mask={"map": CLASSES, "text": TAGS[:6] == -100}, ignore_index={"map": 255})
    np.testing.assert_array_equal(mixed, expected)
    one = both.score(heads, mask={"map": CLASSES}, ignore_index=255)
    np.testing.assert_array_equal(one, both.score(heads, mask={"map": CLASSES == 255}))
    np.testing.assert_array_equal(both.select(heads, 3, mask={"map": CLASSES}, ignore_index=255).scores.size, 3)
    refusals: list[tuple[dict[str, Any], str]] = [
        (
            {"mask": {"map": CLASSES == 255}, "ignore_index": 255},
            r"predictions\['map'\]: ignore_index: .* got booleans",
        ),
        ({"mask": {"map": CLASSES}, "ignore_index": {"text": -100}}, "ignore_index: .* got the unknown 'text'"),
        ({"mask": {"map": CLASSES}}, r"predictions\['map'\]: mask: expected booleans.* pass ignore_index=255 too"),
        ({"ignore_index": 255}, "ignore_index: expected labels too"),
        ({"mask": CLASSES, "ignore_index": 255}, "mask: expected a mapping of 'map', 'text'"),
    ]
    for options, said in refusals:
        with pytest.raises((TypeError, ValueError), match=said):
            both.score(heads, **options)


def test_a_ledger_and_a_comparison_take_labels() -> None:
    heuristic = alcore.Reduce(alcore.BALD())
    ledger = alcore.Ledger(size=6)
    ledger.label({0: 1})
    query = ledger.ask(heuristic, MAPS, k=2, mask=CLASSES, ignore_index=255)
    scores = heuristic.score(MAPS, mask=CLASSES == 255)
    assert query.ids.tolist() == [row for row in np.argsort(-scores) if row != 0][:2]
    found, expected = (
        alcore.bench.compare(MAPS, k=2, heuristics=[heuristic], **options)
        for options in ({"mask": CLASSES, "ignore_index": 255}, {"mask": CLASSES == 255})
    )
    np.testing.assert_array_equal(found.batches[0].indices, expected.batches[0].indices)
    np.testing.assert_array_equal(found.scores[heuristic.name], expected.scores[heuristic.name])


@pytest.mark.parametrize(
    ("mask", "index", "error", "said"),
    [
        (CLASSES == 255, 255, TypeError, "ignore_index: expected a mask of labels beside it, got booleans"),
        (None, 255, ValueError, "ignore_index: expected labels too, .*got no mask. Pass mask=labels"),
        (CLASSES, -100, ValueError, "ignore_index: expected a label of the mask's type uint8, 0 to 255, got -100"),
        (CLASSES, 256, ValueError, "uint8, 0 to 255, got 256"),
        (CLASSES.astype(float), 255, TypeError, r"whole numbers beside ignore_index, got float64. Pass mask.astype"),
        (CLASSES.astype(str), 255, TypeError, "whole numbers beside ignore_index, got <U3"),
        (np.ma.masked_equal(CLASSES, 255), 255, TypeError, r"got a masked array. Pass mask=np.ma.getmaskarray\(mask\)"),
        (CLASSES, 255.0, TypeError, "ignore_index: expected a whole number, got 255.0"),
        (CLASSES, True, TypeError, "ignore_index: expected a whole number, got True"),
        (CLASSES, "255", TypeError, "ignore_index: expected a whole number, got '255'"),
        (CLASSES, [255], TypeError, r"ignore_index: expected a whole number, got \[255\]"),
        (CLASSES[:, :3], 255, ValueError, r"mask: expected shape \(6, 12, 10\)"),
        (CLASSES[:2], 255, ValueError, r"mask: expected shape \(6, 12, 10\)"),
        (CLASSES[:, None], 255, ValueError, r"mask: expected shape \(6, 12, 10\)"),
        (CLASSES, None, TypeError, "got uint8.* pass ignore_index=255 too"),
    ],
)
def test_labels_that_make_no_mask_are_refused(mask: Any, index: Any, error: type[Exception], said: str) -> None:
    with pytest.raises(error, match=said):
        alcore.Reduce(alcore.BALD()).score(MAPS, mask=mask, ignore_index=index)
    with pytest.raises(error, match=said):
        alcore.reduce(alcore.bald(MAPS), mask=mask, ignore_index=index)
