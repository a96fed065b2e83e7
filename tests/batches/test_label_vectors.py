"""BatchBALD over more than 10 labels, sampled label after label, against all label vectors written out."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.label_vectors import LabelsInformation
from tests.sources.test_kinds import label_vectors

T = 6
EQUAL = np.full(T, 1 / T)
UNEQUAL = np.array([0.4, 0.0, 0.1, 0.2, 0.05, 0.25])
ERRORS = 5  # standard errors


def tags(rows: int, labels: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    logits = rng.normal(size=(rows, labels, 1)) + 0.6 * rng.normal(size=(rows, labels, T))
    return np.asarray(1 / (1 + np.exp(-logits)))


@pytest.mark.interpreted
@pytest.mark.parametrize("labels", [1, 2, 4])
@pytest.mark.parametrize("weights", [EQUAL, UNEQUAL], ids=["equal", "weighted"])
def test_a_few_labels_tell_what_their_vectors_tell(labels: int, weights: np.ndarray) -> None:
    """The gains in an empty batch, and after one row, against I(y_S; θ) over all 2^L or 4^L vectors."""
    probs = tags(4, labels, seed=labels)
    vectors = label_vectors(probs)
    information = LabelsInformation(weights, 600, labels, np.random.default_rng(3))
    alone = alcore.bald(vectors, weights=weights)
    for row in range(4):
        gain, error = information.decide(probs[row], 0.0)
        assert gain == pytest.approx(alone[row], abs=ERRORS * error + 1e-6)
    information.add(probs[0])
    for row in range(1, 4):
        gain, error = information.decide(probs[row], 0.0)
        both = alcore.batch_information(vectors, [0, row], weights=weights, exact=10**9).value
        assert gain == pytest.approx(both - alone[0], abs=ERRORS * (error + information.noise) + 1e-6)


@pytest.mark.parametrize("labels", [11, 12])
def test_picks_have_the_gains_of_all_label_vectors(labels: int) -> None:
    probs = tags(12, labels)
    vectors = label_vectors(probs)
    batch = alcore.batchbald(probs, 2, kind="multilabel", rng=0)
    alone = alcore.bald(vectors)
    assert batch.exact_until == 0
    assert batch.scores[0] == pytest.approx(alone.max(), abs=3e-3)
    assert alone[batch.indices[0]] == pytest.approx(alone.max(), abs=3e-3)
    both = [
        alcore.batch_information(vectors, [batch.indices[0], row], rng=1).value if row != batch.indices[0] else 0
        for row in range(len(probs))
    ]
    assert both[batch.indices[1]] == pytest.approx(max(both), abs=6e-3)
    assert batch.information[1] == pytest.approx(max(both), abs=6e-3)


def test_information_of_many_labels_is_that_of_their_vectors() -> None:
    probs = tags(5, 11)
    vectors = label_vectors(probs)
    for rows in ([2], [0, 3]):
        found = alcore.batch_information(probs, rows, kind="multilabel", rng=0)
        expected = alcore.batch_information(vectors, rows, rng=0)
        assert found.value == pytest.approx(
            expected.value, abs=ERRORS * math.hypot(found.standard_error, expected.standard_error) + 1e-9
        )
    assert alcore.joint_entropy(probs[:1], kind="multilabel").value == pytest.approx(
        alcore.joint_entropy(vectors[:1]).value, abs=1e-9
    )
    assert alcore.joint_entropy(probs[:0], kind="multilabel").value == 0
    streamed = alcore.joint_entropy(iter([probs[:1], probs[1:]]), kind="multilabel", samples=600, rng=0)
    assert streamed == alcore.joint_entropy(probs, kind="multilabel", samples=600, rng=0)
    logits = np.log(probs / (1 - probs))
    assert alcore.batch_information(logits, [2], kind="multilabel_logits").value == pytest.approx(
        alcore.batch_information(probs, [2], kind="multilabel").value, abs=1e-9
    )


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
def test_a_seed_gives_the_same_batch_from_any_source_on_any_number_of_threads() -> None:
    probs = tags(300, 11).astype(np.float32)
    plan: dict[str, Any] = {"kind": "multilabel", "rng": 7, "samples": 2000}
    expected = alcore.batchbald(probs, 3, **plan)
    moved = np.ascontiguousarray(probs.transpose(2, 0, 1))
    for threads in (1, 3):
        alcore.set_threads(threads)
        for given, axes in (
            (probs, None),
            (iter([probs[:1], probs[1:150], probs[150:]]), None),
            ([probs[:20], probs[20:]], None),
            (moved, "TNC"),
        ):
            found = alcore.batchbald(given, 3, axes=axes, **plan)
            np.testing.assert_array_equal(found.indices, expected.indices)
            np.testing.assert_array_equal(found.scores, expected.scores)
    other = alcore.batchbald(probs, 3, **{**plan, "rng": 8})
    assert (other.scores != expected.scores).all()


def test_rows_that_no_longer_tell_are_filled_up() -> None:
    """Labels that all draws know, and copies of a row that names the draw."""
    certain = np.zeros((4, 12, T))
    certain[:, ::2] = 1.0
    batch = alcore.batchbald(certain, 3, kind="multilabel", rng=0)
    assert (batch.scores == 0).all()
    assert batch.fill == "power-bald"
    naming = np.zeros((1, 12, T))
    naming[0, np.arange(T), np.arange(T)] = 1.0  # label l is yes in draw l alone
    with pytest.warns(alcore.SaturationWarning, match="exhausted after 1 of 2 picks"):
        batch = alcore.batchbald(np.concatenate([naming, naming, certain]), 2, kind="multilabel", rng=0)
    assert batch.indices[0] == 0
    assert batch.scores.tolist() == pytest.approx([math.log(T), 0], abs=1e-5)
    assert batch.effective_draws[0] == pytest.approx(1, abs=1e-4)


def test_rows_that_did_not_fit_into_memory_are_read_again() -> None:
    probs = tags(400, 40).astype(np.float32)
    plan: dict[str, Any] = {"kind": "multilabel", "rng": 1, "samples": 600, "fill": "stop"}
    whole = alcore.batchbald(probs, 2, **plan)
    held = (128 << 20) + 16 * T * 10_000 + 30 * 40 * T * 4  # the blocks of a pass, the configurations, some 30 rows
    again = alcore.batchbald([probs[:200], probs[200:]], 2, memory=held, **plan)
    np.testing.assert_array_equal(again.indices, whole.indices)
    once = alcore.batchbald(iter([probs[:200], probs[200:]]), 2, memory=held, **plan)
    assert once.certified_until is not None
    certain = once.certified_until
    np.testing.assert_array_equal(once.indices[:certain], whole.indices[:certain])
