"""Labels of the pool and of a test set: which are taken, which are refused, and what of a large pool is replayed."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.bench import compare, labelled

PROBS = np.random.default_rng(0).dirichlet(np.ones(3), size=(30, 6)).transpose(0, 2, 1).copy()


@pytest.mark.parametrize("labels", [None, np.arange(30) % 3])
def test_a_test_set_of_one_class_is_judged(labels: Any) -> None:
    given = {"labels": labels, "test": PROBS, "test_labels": np.ones(30, np.int64), "steps": 3, "seeds": 2, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **given)
    predicted = PROBS.mean(axis=-1)
    assert result.tempering.before.accuracy == pytest.approx((predicted.argmax(axis=1) == 1).mean())
    assert result.tempering.before.log_likelihood == pytest.approx(np.log(predicted[:, 1]).mean(), abs=1e-6)
    assert set(result.left_out) == (set() if labels is not None else {"replay"})
    assert len(result.replays) == (labels is not None)


@pytest.mark.parametrize("with_test", [True, False])
def test_a_pool_of_one_class_is_refused_with_what_works(with_test: bool) -> None:
    test = {"test": PROBS, "test_labels": np.arange(30) % 3} if with_test else {}
    with pytest.raises(
        ValueError,
        match=r"^labels: expected several classes, but all 30 labels are class 2, .+ or compare heuristics without labels\.$",
    ):
        compare(PROBS, k=2, heuristics=["random"], labels=np.full(30, 2), **test)
    assert compare(PROBS, k=2, heuristics=["random"], **test).classes is None


def test_a_part_of_the_pool_that_is_of_one_class_is_not_replayed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["alcore.bench.labels"], "MOST_BYTES", 12 * PROBS[0].size * 4)
    kept = np.random.default_rng(0).permutation(30)[:12]
    labels = np.ones(30, np.int64)
    labels[np.setdiff1d(np.arange(30), kept)] = 0
    given = {"labels": labels, "test": PROBS, "test_labels": np.arange(30) % 3, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **given)
    assert result.replays == ()
    assert result.tempering is not None
    assert result.left_out["replay"] == "the rows that fit into memory are all of class 1"


def test_a_pool_that_is_too_large_is_replayed_in_part_with_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["alcore.bench.labels"], "MOST_BYTES", 12 * PROBS[0].size * 4)
    labels = np.arange(len(PROBS)) % 3
    options = {"labels": labels, "test": PROBS, "test_labels": labels, "steps": 99, "seeds": 3, "rng": 0}
    result = compare(PROBS, k=2, heuristics=["random"], **options)
    assert (result.replays[0].ended["random"] <= 12).all()
    assert f"12 of {len(PROBS)} rows" in result.left_out["replay of all rows"]
    assert result.shape[0] == len(PROBS)
    assert any(
        sentence.startswith("Replay of all rows is left out: only 12 of") for sentence in alcore.bench.sentences(result)
    )


def test_labels_that_do_not_fit_are_refused() -> None:
    labels = np.arange(30) % 3
    with pytest.raises(ValueError, match=r"labels: expected shape \(30,\)"):
        labelled(PROBS, labels[:-1])
    with pytest.raises(ValueError, match=r"from 0 to 2, but labels\[4\] is 7"):
        labelled(PROBS, np.where(np.arange(30) == 4, 7, labels))
    with pytest.raises(TypeError, match="whole numbers"):
        labelled(PROBS, labels / 1)
    with pytest.raises(TypeError, match="more than once"):
        labelled(iter([PROBS]), labels)
