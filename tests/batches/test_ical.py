"""ICAL: its picks against their definition, reproducible, the same bits from any source."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.drawn_labels import DrawnLabels, draw_labels
from alcore.batches.expected_labels import ExpectedLabels, expect_labels
from alcore.door import Reading
from alcore.sources import reading
from tests.batches.ical_oracle import (
    POOL,
    dependence,
    each_kind_of_labels,
    each_rule,
    expected_kernels,
    greedy_pointwise,
    hsic,
    kernels,
)
from tests.cases import dirichlet

# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.interpreted
@pytest.mark.parametrize("k", [8, len(POOL)])
@each_kind_of_labels
def test_pointwise_equals_its_definition(labels: str, k: int) -> None:
    rng = np.random.default_rng(5)
    read = draw_labels if labels == "drawn" else expect_labels
    pool = read(POOL, Reading(), rng)
    every = kernels(pool.labels_nt.astype(int)) if isinstance(pool, DrawnLabels) else expected_kernels(POOL)
    pairs = np.stack([hsic(every, one) for one in every])

    def mean_of(n: int, rows: Any) -> float:
        rest = [r for r in rows if r != n] if isinstance(pool, ExpectedLabels) else rows
        return float(np.mean([pairs[n, r] for r in rest])) if len(rest) else 0.0

    batch, scores = greedy_pointwise(mean_of, len(POOL), k, 12, 5, rng)
    found = alcore.ical(POOL, k, pointwise=True, labels=labels, references=12, comparisons=5, rng=5)
    assert found.indices.tolist() == batch
    np.testing.assert_allclose(found.scores, scores, rtol=1e-7, atol=1e-15)


def test_where_all_rows_left_raise_the_least_dependence_they_are_scored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two rows, with D the row that is left: it depends on itself more than on the first pick."""
    probs, passes, scan = dirichlet(2, 4, 12, seed=2), list[int](), DrawnLabels.scan

    def count(own: Any, measure: Any, batch: Any, keep: Any) -> Any:
        passes.append(len(batch))
        return scan(own, measure, batch, keep)

    monkeypatch.setattr(DrawnLabels, "scan", count)
    most = []
    for seed in range(24):
        passes.clear()
        found = alcore.ical(probs, 2, pointwise=True, references=12, comparisons=1, rng=seed)
        most.append(len(passes))
        rng = np.random.default_rng(seed)
        every = kernels(draw_labels(probs, Reading(), rng).labels_nt.astype(int))
        pairs = np.stack([hsic(every, one) for one in every])
        batch, scores = greedy_pointwise(lambda n, rows, pairs=pairs: float(pairs[n, rows].mean()), 2, 2, 12, 1, rng)
        assert found.indices.tolist() == batch
        np.testing.assert_allclose(found.scores, scores, rtol=1e-7, atol=1e-15)
    assert set(most) == {2, 3}


@pytest.mark.interpreted
@each_kind_of_labels
def test_plain_takes_the_best_of_a_new_set_at_each_pick(labels: str) -> None:
    rng = np.random.default_rng(2)
    pool = (draw_labels if labels == "drawn" else expect_labels)(POOL, Reading(), rng)
    found = alcore.ical(POOL, 20, labels=labels, references=9, rng=2)
    taken: list[int] = []
    for row, score in zip(found.indices, found.scores, strict=True):
        values = dependence(pool, [rng.integers(len(POOL), size=9)])[0]
        assert score == values[row]
        values[taken] = -1
        assert row == values.argmax()
        taken.append(int(row))
    assert set(found.q.tolist()) == set(found.support.tolist()) == {1}


@each_rule
@each_kind_of_labels
def test_a_seed_gives_a_batch_and_a_longer_one_begins_with_it(labels: str, pointwise: bool) -> None:
    options = {"labels": labels, "pointwise": pointwise, "references": 8, "comparisons": 4}
    short, long = alcore.ical(POOL, 5, rng=3, **options), alcore.ical(POOL, 19, rng=np.random.default_rng(3), **options)
    np.testing.assert_array_equal(short.indices, long.indices[:5])
    np.testing.assert_array_equal(short.scores, long.scores[:5])
    others = [alcore.ical(POOL, 5, rng=seed, **options).scores.tolist() for seed in (4, None)]
    assert short.scores.tolist() not in others


def test_rows_whose_labels_depend_on_each_other_are_chosen_over_noise() -> None:
    """Draws of the first rows agree with each other; each other row has draws of its own."""
    rng = np.random.default_rng(0)
    shared, own = rng.integers(2, size=(1, 30)), rng.integers(2, size=(30, 30))
    labels = np.concatenate([np.repeat(shared, 10, axis=0), own])
    probs = np.eye(2)[labels].transpose(0, 2, 1)
    for kind in ("drawn", "expected"):
        assert (alcore.ical(probs, 8, labels=kind, references=60, rng=0).indices < 10).all()
        assert (alcore.ical(probs, 8, labels=kind, pointwise=True, references=60, rng=0).indices >= 10).any()
        shuffled = probs[:, :, rng.permutation(30)]
        batch = alcore.ical(probs, 8, labels=kind, references=60, rng=0)
        again = alcore.ical(shuffled, 8, labels=kind, references=60, rng=0)
        np.testing.assert_array_equal(again.indices, batch.indices)
        np.testing.assert_allclose(again.scores, batch.scores, rtol=1e-12)


# --- sources ----------------------------------------------------------------------------------------------------------


def sources(probs: np.ndarray, folder: Path) -> dict[str, Any]:
    np.save(folder / "probs.npy", probs)
    return {
        "Fortran order": np.asfortranarray(probs),
        "strided": np.repeat(probs, 2, axis=0)[::2],
        "backwards": np.ascontiguousarray(probs[::-1, ::-1])[::-1, ::-1],
        "big-endian": probs.astype(probs.dtype.newbyteorder(">")),
        "path": folder / "probs.npy",
        "text": str(folder / "probs.npy"),
        "memmap": np.load(folder / "probs.npy", mmap_mode="r"),
        "blocks": [probs[:1], probs[1:18], probs[18:]],
        "generator": iter([probs[:7], probs[7:]]),
    }


@each_rule
@each_kind_of_labels
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_same_bits_from_any_source(
    labels: str, pointwise: bool, dtype: type, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    probs = dirichlet(25, 3, 5, seed=4).astype(dtype)
    options = {"labels": labels, "pointwise": pointwise, "references": 9, "comparisons": 3, "rng": 0}
    expected = alcore.ical(probs, 3, **options)
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64 * 200)
    for name, source in sources(probs, tmp_path).items():
        if name == "generator" and labels == "expected":
            continue
        found = alcore.ical(source, 3, **options)
        np.testing.assert_array_equal(found.indices, expected.indices, name)
        np.testing.assert_array_equal(found.scores, expected.scores, name)
    assert expected.scores.dtype == np.float64


@each_kind_of_labels
def test_logits_are_their_softmax(labels: str) -> None:
    probs = dirichlet(25, 3, 8, seed=4)
    found = alcore.ical(np.log(probs), 6, kind="logits", labels=labels, rng=0)
    expected = alcore.ical(probs, 6, labels=labels, rng=0)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.scores, expected.scores, rtol=1e-9)


@each_rule
@each_kind_of_labels
def test_same_bits_for_any_number_of_threads(labels: str, pointwise: bool) -> None:
    probs = dirichlet(9_000, 4, 12, seed=6, alpha=0.3).astype(np.float32)
    batches = []
    for threads in (1, 2, 3):
        alcore.set_threads(threads)
        batches.append(alcore.ical(probs, 4, labels=labels, pointwise=pointwise, rng=0))
    for batch in batches[1:]:
        np.testing.assert_array_equal(batch.indices, batches[0].indices)
        np.testing.assert_array_equal(batch.scores, batches[0].scores)
