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


# --- several labels a row ---------------------------------------------------------------------------------------------

TAGS = np.random.default_rng(1).beta(0.7, 0.7, (30, 3, 6))
TABLE = (np.random.default_rng(2).random((30, 3)) < TAGS.mean(-1)).astype(int)
NUMBERS = TABLE[:, 0] + 2 * TABLE[:, 1] + 4 * TABLE[:, 2]


@pytest.mark.parametrize(
    "table", [TABLE, TABLE.astype(bool), TABLE.tolist(), np.asfortranarray(TABLE.astype(np.uint8))]
)
def test_a_table_of_labels_is_the_numbers_of_the_label_vectors(table: Any) -> None:
    found, expected = (labelled(TAGS, labels, kind="multilabel") for labels in (table, NUMBERS))
    np.testing.assert_array_equal(found.labels, expected.labels)
    each = np.where(TABLE[..., None] == 1, TAGS, 1 - TAGS).prod(axis=1)
    np.testing.assert_allclose(found.likelihoods(np.arange(30)), each)
    predicted = found.probs.mean(axis=-1)
    of_table, of_numbers = (
        alcore.bench.calibration(predicted, labels, kind="multilabel") for labels in (table, NUMBERS)
    )
    assert of_table.log_likelihood == of_numbers.log_likelihood == pytest.approx(np.log(each.mean(axis=1)).mean())
    plan: dict[str, Any] = {"k": 3, "heuristics": ["bald"], "steps": 4, "seeds": 2, "rng": 0, "kind": "multilabel"}
    one, other = (compare(TAGS, labels=y, test=TAGS, test_labels=y, **plan) for y in (table, NUMBERS))
    assert one.left_out == {}
    np.testing.assert_array_equal(one.classes, other.classes)
    for name, values in one.replays[0].curves["bald"].metrics.items():
        np.testing.assert_array_equal(values, other.replays[0].curves["bald"].metrics[name])


@pytest.mark.parametrize(
    ("labels", "error", "match"),
    [
        (TABLE[:, :2], ValueError, r"labels: expected shape \(30, 3\), 0 or 1 for each label .*, got \(30, 2\)"),
        (TABLE[:9], ValueError, r"labels: expected shape \(30, 3\)"),
        (
            TABLE + np.eye(30, 3, dtype=int) * 2,
            ValueError,
            r"labels\[0, 0\] is [23]\. Pass 1 where a row has the label",
        ),
        (TABLE.astype(float), TypeError, r"got float64\. Pass a table \(30, 3\) of 0 and 1"),
        (NUMBERS.astype(bool), ValueError, r"labels: expected shape \(30, 3\).*got \(30,\)"),
        (NUMBERS + 8, ValueError, "labels: expected classes from 0 to 7"),
    ],
)
def test_labels_that_are_no_table_of_yes_and_no_are_refused(labels: Any, error: type[Exception], match: str) -> None:
    with pytest.raises(error, match=match):
        labelled(TAGS, labels, kind="multilabel")
    with pytest.raises(error, match=match):
        compare(TAGS, labels=labels, k=2, heuristics=["random"], kind="multilabel")


def test_a_table_is_refused_where_a_row_has_one_class() -> None:
    four = np.random.default_rng(0).dirichlet(np.ones(4), size=(30, 6)).transpose(0, 2, 1)
    with pytest.raises(ValueError, match=r"labels: expected shape \(30,\), one label for each row"):
        labelled(four, TABLE[:, :2])
    with pytest.raises(
        ValueError, match=r"predicted: expected probabilities \(M, 2\^L\) .* got shape \(30, 3\) with rows"
    ):
        alcore.bench.calibration(TAGS.mean(axis=-1), TABLE, kind="multilabel")
    with pytest.raises(
        ValueError, match=r"predicted: expected probabilities \(M, 2\^L\) .* got shape \(30, 3\)\. Pass"
    ):
        alcore.bench.calibration(np.full((30, 3), 1 / 3), TABLE, kind="multilabel")


@pytest.mark.parametrize("given", [{}, {"labels": np.zeros((30, 11), int), "test": None}])
def test_more_labels_than_can_be_counted_are_compared_without_joint_information(given: dict[str, Any]) -> None:
    tags = np.random.default_rng(1).random((30, 11, 6))
    result = compare(tags, k=3, rng=0, kind="multilabel", **given)
    assert not {"batchbald", "two-bald", "ical", "ical-pointwise"} & set(result.names)
    np.testing.assert_array_equal(result.scores["bald"], alcore.bald(tags, kind="multilabel"))
    assert result.information is None
    assert set(result.left_out) == {"information", "replay", "calibration"}
    said = alcore.bench.sentences(result)
    assert (
        "Information is left out: the predictions have 11 labels, and more than 10 have too many label vectors to count."
        in said
    )
    with pytest.raises(ValueError, match="expected at most 10 labels"):
        compare(tags, k=3, heuristics=["two-bald"], kind="multilabel")
    assert len(compare(tags, k=1, heuristics=["batchbald"], kind="multilabel").batches[0]) == 1
    assert compare(tags[:, :10], k=3, heuristics=["bald"], kind="multilabel").information is not None
