"""Images with sets of boxes, and models of two heads, through the ledger and the loop: rows are images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.heuristics.subsets import with_draws, without_rows
from alcore.loop.pool_scores import RecordingHeuristic
from alcore.loop.same_loop import settings_of
from alcore.sources.reading import can_reread
from alcore.sources.row_subset import RowSubset
from tests.cases import dirichlet
from tests.loop import runs

SIZES = np.array([2, 0, 3, 1, 0, 4, 1, 2])
OFFSETS = np.concatenate([[0], np.cumsum(SIZES)])
FLAT = dirichlet(13, 3, 6, seed=1)
IMAGES = alcore.Ragged(FLAT, OFFSETS)
CLASSES = dirichlet(8, 4, 5, seed=2)
SUMS = alcore.Reduce(alcore.BALD(), "sum", empty=0)
GONE = np.array([1, 2, 7])
KEPT = np.delete(np.arange(8), GONE)


@pytest.mark.parametrize("source", ["array", "list of blocks", "path", "generator"])
def test_images_without_some(source: str, tmp_path: Path) -> None:
    np.save(tmp_path / "flat.npy", FLAT)
    made: dict[str, Any] = {
        "array": FLAT,
        "list of blocks": [FLAT[:4], FLAT[4:5], FLAT[5:]],
        "path": tmp_path / "flat.npy",
        "generator": iter([FLAT[:4], FLAT[4:]]),
    }
    found = RowSubset(8, GONE).of(alcore.Ragged(made[source], OFFSETS))
    assert np.diff(found.offsets).tolist() == SIZES[KEPT].tolist()
    np.testing.assert_array_equal(SUMS.score(found), SUMS.score(IMAGES)[KEPT])
    assert can_reread(alcore.Ragged(made[source], OFFSETS)) == (source != "generator")


def test_the_ledger_asks_for_images() -> None:
    ledger = alcore.Ledger(8)
    order = np.argsort(-SUMS.score(IMAGES), kind="stable").tolist()
    first = ledger.ask(SUMS, IMAGES, 3)
    assert list(first.ids) == order[:3]
    ledger.tell(first, [0, 1, 0])
    assert list(ledger.ask(SUMS, IMAGES, 3).ids) == order[3:6]
    some = alcore.Ledger(8)
    part = alcore.Ragged([FLAT[OFFSETS[i] : OFFSETS[i + 1]] for i in (5, 6, 7)])
    assert list(some.ask(SUMS, part, 1, ids=[5, 6, 7]).ids) == [5]
    with pytest.raises(ValueError, match="expected 8 rows, as ids has, got 3"):
        alcore.Ledger(8).ask(SUMS, part, 1)
    for own in (some, alcore.Ledger(8)):  # with rows to leave out and without
        with pytest.raises(ValueError, match="offsets: expected 13 as the last entry"):
            own.ask(SUMS, alcore.Ragged(FLAT, [*OFFSETS[:-1], 12]), 1, asker="ann")


def test_the_ledger_asks_for_rows_of_several_heads() -> None:
    both = alcore.Combine({"class": alcore.BALD(), "box": SUMS, "known": alcore.Precomputed(np.arange(8.0))})
    heads = {"class": CLASSES, "box": IMAGES, "known": None}
    assert can_reread(heads)
    ledger = alcore.Ledger(8)
    ledger.label({1: 0, 2: 1, 7: 0})
    fewer = {"class": CLASSES[KEPT], "box": RowSubset(8, GONE).of(IMAGES), "known": None}
    expected = KEPT[without_rows(both, GONE).select(fewer, 2).indices].tolist()
    assert list(ledger.ask(both, heads, 2).ids) == expected
    with pytest.raises(ValueError, match="'box' is missing"):
        alcore.Ledger(8).ask(both, {"class": CLASSES, "known": None}, 2)


def test_masks_of_heads_lose_the_same_rows() -> None:
    tokens = dirichlet(8 * 4, 3, 5, seed=7).reshape(8, 4, 3, 5).transpose(0, 2, 1, 3)
    padding = np.arange(4) >= (np.arange(8) % 4 + 1)[:, None]
    both = alcore.Combine({"class": alcore.BALD(), "text": alcore.Reduce(alcore.BALD(), "sum")})
    ledger = alcore.Ledger(8)
    ledger.label({1: 0, 2: 1, 7: 0})
    asked = ledger.ask(both, {"class": CLASSES, "text": tokens}, 2, mask={"text": padding})
    fewer = {"class": CLASSES[KEPT], "text": tokens[KEPT]}
    assert list(asked.ids) == KEPT[both.select(fewer, 2, mask={"text": padding[KEPT]}).indices].tolist()


def test_the_recording_keeps_the_scores_of_heads() -> None:
    both = alcore.SoftRank(alcore.Combine({"class": alcore.BALD(), "box": SUMS}))
    heads = {"class": CLASSES, "box": IMAGES}
    recording = RecordingHeuristic(both, {})
    batch = recording.select(heads, 3, rng=0)
    np.testing.assert_array_equal(batch.indices, both.select(heads, 3, rng=0).indices)
    scores = both.score(heads)
    assert recording.pool_scores == {"mean_score": scores.mean(), "max_score": scores.max()}


def two_heads(model: Any, ids: Any) -> dict[str, Any]:
    probs = np.asarray(runs.probs(model, ids))
    return {"class": probs, "box": alcore.Ragged(probs.repeat(2, axis=0), np.arange(0, 2 * len(probs) + 1, 2))}


def test_the_loop_takes_heads() -> None:
    combined = alcore.Combine(
        {"class": alcore.BALD(), "box": alcore.Reduce(alcore.Entropy(), "mean")}, scale="standard"
    )
    loop = runs.make(heuristic=combined, predict=two_heads)
    loop.run()
    assert len(loop.ledger.labelled) > 0
    again = runs.make(heuristic=combined, predict=two_heads)
    again.run()
    assert runs.state(loop.ledger) == runs.state(again.ledger)
    other = runs.make(
        heuristic=alcore.Combine(combined.heuristics, {"class": 1, "box": 2}, "standard"), predict=two_heads
    )
    assert settings_of(loop) == settings_of(again) != settings_of(other)


def test_draws_are_cut_in_every_head() -> None:
    targets = dirichlet(4, 4, 5, seed=3)
    both = alcore.Combine({"class": alcore.EPIG(targets), "box": SUMS})
    draws = np.array([0, 2, 3])
    fewer = with_draws(both, draws)
    expected = alcore.Combine({"class": alcore.EPIG(targets[..., draws]), "box": SUMS})
    heads = {"class": CLASSES[..., draws], "box": IMAGES}
    np.testing.assert_array_equal(fewer.score(heads), expected.score(heads))
