"""Predictions that are no classes: one yes or no, and several labels. Oracles are the same numbers as classes, and enumeration."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
import alcore.bench
from tests.cases import CASES, Case, each_measure
from tests.cases_of_kinds import label_vectors

N, L, T = 40, 3, 9
RNG = np.random.default_rng(5)
YES = RNG.beta(0.7, 0.9, (N, T))
LABELS = RNG.beta(0.8, 0.6, (N, L, T))
DTYPES = [np.float16, np.float32, np.float64]
JOINT = [alcore.BatchBALD(fill="stop"), alcore.TwoBALD(fill="stop"), alcore.ICAL(), alcore.PowerBALD(), alcore.BALD()]


def two_classes(yes: np.ndarray) -> np.ndarray:
    """(N, 2, ..., T) from (N, ..., T)."""
    wide = yes.astype(np.promote_types(yes.dtype, np.float32))
    return np.ascontiguousarray(np.stack([1 - wide, wide], axis=1))


@each_measure
def test_one_probability_a_row_needs_no_axis_of_labels(case: Case) -> None:
    for dtype in DTYPES:
        yes = YES.astype(dtype)
        expected = case.function(yes[:, None], kind="binary")
        np.testing.assert_array_equal(case.function(yes, kind="binary"), expected)
        np.testing.assert_array_equal(case.object.score(yes.T, kind="binary", axes="TN"), expected)


def test_event_axes_come_after_the_labels() -> None:
    maps = RNG.beta(1, 1, (5, L, 4, 6, T))
    found = alcore.bald(maps, kind="multilabel")
    assert found.shape == (5, 4, 6)
    np.testing.assert_allclose(found[2, 1, 3], alcore.bald(maps[2:3, :, 1, 3], kind="multilabel")[0])
    moved = alcore.bald(np.ascontiguousarray(maps.transpose(4, 0, 2, 3, 1)), kind="multilabel", axes="TNHWC")
    np.testing.assert_array_equal(moved, found)
    binary = alcore.entropy(maps[:, 0], kind="binary", axes="NHWT")
    np.testing.assert_allclose(binary, alcore.entropy(two_classes(maps[:, 0])), atol=1e-12)
    np.testing.assert_array_equal(alcore.entropy(maps[:, :1], kind="binary"), binary)
    reduced = alcore.Reduce(alcore.BALD(), "mean").score(maps, kind="multilabel")
    np.testing.assert_allclose(reduced, found.mean(axis=(1, 2)))


def test_padding_may_hold_anything() -> None:
    maps = RNG.beta(1, 1, (5, L, 4, T))
    mask = np.zeros((5, 4), bool)
    mask[:, 3] = True
    broken = maps.copy()
    broken[:, :, 3] = np.nan
    heuristic = alcore.Reduce(alcore.BALD(), "mean")
    np.testing.assert_array_equal(
        heuristic.score(broken, kind="multilabel", mask=mask), heuristic.score(maps, kind="multilabel", mask=mask)
    )
    with pytest.raises(ValueError, match=r"probs\[0, 0, 3, 0\] is nan"):
        heuristic.score(broken, kind="multilabel")


@pytest.mark.parametrize("heuristic", JOINT, ids=lambda one: one.name)
def test_batches_of_yes_or_no_are_those_of_two_classes(heuristic: alcore.Heuristic) -> None:
    found = heuristic.select(YES, 6, rng=1, kind="binary")
    np.testing.assert_array_equal(found.indices, heuristic.select(two_classes(YES), 6, rng=1).indices)


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@pytest.mark.parametrize("labels", [1, 2, 3, 4])
@pytest.mark.parametrize("heuristic", JOINT[:3], ids=lambda one: one.name)
def test_joint_batches_compare_label_vectors(heuristic: alcore.Heuristic, labels: int) -> None:
    probs = RNG.beta(0.8, 0.6, (30, labels, T))
    found = heuristic.select(probs, 4, rng=1, kind="multilabel")
    expected = heuristic.select(label_vectors(probs), 4, rng=1)
    np.testing.assert_array_equal(found.indices, expected.indices)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)


def test_information_and_targets_of_label_vectors() -> None:
    vectors = label_vectors(LABELS)
    assert alcore.batch_information(LABELS, [1, 2, 3], kind="multilabel").value == pytest.approx(
        alcore.batch_information(vectors, [1, 2, 3]).value, abs=1e-9
    )
    assert alcore.joint_entropy(YES[:4], kind="binary").value == pytest.approx(
        alcore.joint_entropy(two_classes(YES[:4])).value, abs=1e-9
    )
    np.testing.assert_allclose(
        alcore.epig(LABELS, LABELS[:5], kind="multilabel"), alcore.epig(vectors, vectors[:5]), atol=1e-9
    )
    np.testing.assert_allclose(
        alcore.EPIG(YES[:5]).score(YES, kind="binary"), alcore.epig(two_classes(YES), two_classes(YES[:5])), atol=1e-9
    )
    chosen = alcore.BatchEPIG(LABELS[:5]).select(LABELS, 3, kind="multilabel", rng=0)
    np.testing.assert_array_equal(chosen.indices, alcore.BatchEPIG(vectors[:5]).select(vectors, 3, rng=0).indices)


@pytest.mark.interpreted
@pytest.mark.parametrize("loss", ["log", "zero-one", "brier"])
def test_expected_losses_of_labels_are_added(loss: str) -> None:
    said = RNG.beta(2, 2, (N, L))
    each = [
        alcore.expected_loss(
            two_classes(LABELS[:, place]), np.stack([1 - said[:, place], said[:, place]], axis=1), loss=loss, floor=0
        )
        for place in range(L)
    ]
    found = alcore.expected_loss(LABELS, said, loss=loss, floor=0, kind="multilabel")
    np.testing.assert_allclose(found, np.sum(each, axis=0), atol=1e-12)
    single = alcore.expected_loss(LABELS[:, 0], said[:, 0], loss=loss, floor=0, kind="binary")
    np.testing.assert_allclose(single, each[0], atol=1e-12)
    own = alcore.expected_loss(LABELS[:, 0], loss=loss, floor=0, kind="binary")
    np.testing.assert_allclose(own, alcore.expected_loss(two_classes(LABELS[:, 0]), loss=loss, floor=0), atol=1e-12)


def test_a_certain_prediction_has_no_log_loss() -> None:
    said = np.full((N, L), 0.5)
    said[3, 1] = 1.0
    with pytest.raises(ValueError, match=r"predicted\[3, 1\] is 1. No would have an infinite loss.*1 - 1e-6"):
        alcore.expected_loss(LABELS, said, kind="multilabel")
    assert np.isfinite(alcore.expected_loss(LABELS, np.clip(said, 1e-6, 1 - 1e-6), kind="multilabel")).all()


def test_a_comparison_replays_yes_and_no() -> None:
    truth = (RNG.random(N) < YES.mean(axis=1)).astype(int)
    plan: dict[str, Any] = {"heuristics": ["bald", "batchbald"], "k": 3, "steps": 3, "seeds": 2, "rng": 0}
    found = alcore.bench.compare(YES, labels=truth, test=YES, test_labels=truth, kind="binary", **plan)
    expected = alcore.bench.compare(two_classes(YES), labels=truth, test=two_classes(YES), test_labels=truth, **plan)
    np.testing.assert_allclose(found.information, expected.information)
    for name, values in expected.replays[0].curves["bald"].metrics.items():
        np.testing.assert_allclose(found.replays[0].curves["bald"].metrics[name], values)


@pytest.mark.parametrize(
    ("given", "options", "match"),
    [
        (YES, {}, "expected .*, got shape .*axes='NC'"),
        (YES[:, None], {}, "pass kind='binary'. For its logit pass kind='binary_logits'"),
        (LABELS, {"kind": "binary"}, "axes='NHT'.*kind='multilabel'"),
        (LABELS, {}, "If each of them is a yes or no of its own, pass kind='multilabel'"),
        (YES, {"kind": "multilabel"}, r"expected \(N, L, \.\.\., T\)"),
        (
            YES + 1,
            {"kind": "binary"},
            r"expected probabilities of yes, from 0 to 1, but probs\[0, 0\] is 1.*kind='binary_logits'",
        ),
        (-LABELS, {"kind": "multilabel"}, r"probs\[0, 0, 0\] is -.*kind='multilabel_logits'"),
        (
            np.where(np.arange(T) == 4, np.nan, YES),
            {"kind": "binary"},
            r"probs\[0, 4\] is nan.*np.delete\(probs, 0, axis=0\)",
        ),
        (np.where(np.arange(T) == 4, np.nan, YES), {"kind": "binary_logits"}, r"probs\[0, 4\] is nan"),
        (YES[:, :0], {"kind": "binary"}, "Axis 2 has no draws"),
        (LABELS[:, :0], {"kind": "multilabel"}, "Axis 1 has no labels"),
        (YES, {"kind": "binary", "over_labels": "mean"}, "over_labels: expected kind='multilabel'"),
        (LABELS, {"kind": "multilabel", "over_labels": "median"}, "over_labels: expected one of 'sum', 'mean', 'max'"),
        (
            LABELS,
            {"kind": "multilabel", "over_labels": np.array(["sum", "max"])},
            "over_labels: expected one of 'sum', 'mean'",
        ),
        (LABELS, {"kind": "multilabel_odds"}, "kind: expected one of 'probs', 'logits', 'binary'"),
    ],
)
def test_what_is_not_of_the_kind_is_refused(given: np.ndarray, options: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        alcore.bald(given, **options)
    with pytest.raises(ValueError, match=match):
        alcore.BALD().select(given, 3, **options)


def test_many_labels_have_scores_and_batches_of_batchbald_alone() -> None:
    many = RNG.beta(1, 1, (8, 11, 5))
    assert alcore.bald(many, kind="multilabel").shape == (8,)
    assert len(alcore.batchbald(many, 2, kind="multilabel")) == 2
    calls: list[Callable[[np.ndarray], Any]] = [
        lambda probs: alcore.two_bald(probs, 2, kind="multilabel"),
        lambda probs: alcore.batch_epig(many, probs, 2, kind="multilabel"),
        lambda probs: alcore.epig(many, probs, kind="multilabel"),
        lambda probs: alcore.ICAL().select(probs, 2, kind="multilabel"),
    ]
    for call in calls:
        with pytest.raises(ValueError, match=r"at most 10 labels .*, got 11.* BatchBALD\(\), .*\[:, :10\]"):
            call(many)
    assert len(alcore.two_bald(many[:, :10], 2, kind="multilabel")) == 2
    with pytest.raises(ValueError, match=r"probs\[:, :, :10\]"):
        alcore.two_bald(many.transpose(2, 0, 1), 2, kind="multilabel", axes="TNC")
    with pytest.raises(ValueError, match=r"at most 10 labels .*Reduce\(BALD\(\), 'mean'\)"):
        alcore.batchbald(many[:, :, None], 2, kind="multilabel", positions=1)


@pytest.mark.interpreted
@pytest.mark.parametrize("kind", ["binary", "binary_logits"])
def test_certain_draws_have_no_uncertainty(kind: str) -> None:
    yes = np.repeat(np.array([[0.0], [1.0]]), T, axis=1)
    given = yes if kind == "binary" else np.where(yes > 0, np.inf, -np.inf)
    for case in CASES:
        np.testing.assert_array_equal(case.function(given, kind=kind), [0.0, 0.0], err_msg=case.name)


@pytest.mark.interpreted
def test_opposed_draws_tell_one_bit() -> None:
    yes = np.array([[0.0, 1.0] * 4])
    for dtype in DTYPES:
        np.testing.assert_allclose(alcore.bald(yes.astype(dtype), kind="binary"), [np.log(2)], rtol=1e-7)
    assert alcore.bald(np.full((1, 1000), 0.3), kind="binary")[0] == 0.0
    slightly = 0.3 + 1e-7 * RNG.normal(size=(1, 50))
    assert alcore.bald(slightly, kind="binary")[0] == pytest.approx(slightly.var() / (2 * 0.3 * 0.7), rel=1e-4)


@pytest.mark.parametrize(
    ("given", "kind"), [(YES, "binary"), (np.log(YES / (1 - YES)), "binary_logits"), (8 + 4 * YES, "binary_logits")]
)
@pytest.mark.parametrize(
    ("laid", "axes", "right"),
    [
        (lambda yes: yes, "NC", "NT"),
        (lambda yes: yes.T, "CN", "TN"),
        (lambda yes: yes[..., None], None, None),
        (lambda yes: yes[None], "TNC", None),
    ],
)
def test_draws_of_yes_that_are_read_as_classes_are_named_before_any_other_reading(
    given: np.ndarray, kind: str, laid: Callable[[np.ndarray], np.ndarray], axes: str | None, right: str | None
) -> None:
    """The remedies of (N, T) lead to one of `axes='NC'`. What follows from there must not rank T draws as T classes or labels."""
    with pytest.raises(ValueError, match="If a row holds the draws of one") as refusal:
        alcore.entropy(laid(given), axes=axes)
    said = str(refusal.value)
    first = re.findall(r"kind='(\w+)'", said)[0]
    assert first == kind
    assert right is None or f"pass kind={kind!r}, axes={right!r}." in said
    expected = alcore.entropy(given, kind=kind)
    if right is not None:
        np.testing.assert_array_equal(alcore.entropy(laid(given), kind=kind, axes=right), expected)


def test_the_readings_of_two_axes_are_all_named() -> None:
    with pytest.raises(ValueError, match=r"\(N, C\), pass axes='NC'.*\(N, T\), pass kind='binary'.*axes='TN'"):
        alcore.bald(YES)
    with pytest.raises(ValueError, match="pass kind='binary', axes='N'"):
        alcore.entropy(YES[:, 0])
    with pytest.raises(ValueError, match=r"^probs: .*pass kind='multilabel'") as refusal:
        alcore.bald(LABELS)  # several draws: the numbers of axis 1 are no draws
    assert "binary" not in str(refusal.value)
