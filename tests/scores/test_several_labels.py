"""Several labels against brute force over all 2^L label vectors: what adds up over labels, and what does not.

Given the draw t, labels are independent: p_t(y) = Π_l p_tl(y_l). So the expected entropy and the pairwise KL of the vector are the
sums over its labels. The draws' mixture Σ_t w_t p_t(y) is no product. So every other sum is at least the measure of the vector:

- entropy and BALD: more by the total correlation of the labels, Σ_l H(y_l) − H(y).
- vote entropy: more by the total correlation of the votes.
- least confidence, variation ratio: 1 − p(y) ≤ Σ_l (1 − p(y_l)) for the vector of the likeliest labels.
- margin: 1 − p₁ + p₂ ≤ 2 (1 − p₁) ≤ 2 Σ_l (1 − p(y_l)), which is the sum of the labels' margins.
- mean std: the standard deviation of a product of numbers in [0, 1] is at most the sum of theirs.

Joint heuristics (BatchBALD, EPIG) do not add: they compare the vectors.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import alcore
from tests.cases import Case, each_measure, oracle_scores
from tests.sources.test_kinds import label_vectors

N, T = 5, 6
ADD_UP = ("expected-entropy", "pairwise-kl")
UNEQUAL = np.array([3.0, 1.0, 0.0, 2.0, 1.0, 4.0])
each_number_of_labels = pytest.mark.parametrize("labels", [1, 2, 3, 4])
each_weighting = pytest.mark.parametrize("weights", [None, UNEQUAL], ids=["equal", "weighted"])


def tags(labels: int, *, rows: int = N, draws: int = T, spread: float = 1.5) -> np.ndarray:
    """(rows, L, T) probabilities of yes. A draw moves all labels of a row together, so that they are dependent in the mixture."""
    rng = np.random.default_rng(labels)
    together = spread * rng.normal(size=(rows, 1, draws))
    logits = rng.normal(size=(rows, labels, 1)) + together + 0.7 * rng.normal(size=(rows, labels, draws))
    return np.asarray(1 / (1 + np.exp(-logits)))


def marginal(vectors: np.ndarray, label: int) -> np.ndarray:
    """(N, 2, T): no and yes of one label, added up over all vectors that say so."""
    says_yes = np.array(
        [bits[-1 - label] for bits in itertools.product((0, 1), repeat=len(vectors[0]).bit_length() - 1)]
    )
    return np.stack([vectors[:, says_yes == one].sum(axis=1) for one in (0, 1)], axis=1)


def entropies(probs: np.ndarray) -> np.ndarray:
    """Of distributions on the first axis."""
    return -(probs * np.log(probs)).sum(axis=0)


def shares(weights: np.ndarray | None, draws: int = T) -> np.ndarray:
    return np.full(draws, 1 / draws) if weights is None else weights / weights.sum()


@pytest.mark.interpreted
@each_measure
@each_number_of_labels
@each_weighting
def test_scores_are_sums_over_the_marginals_of_all_label_vectors(
    case: Case, labels: int, weights: np.ndarray | None
) -> None:
    probs = tags(labels)
    vectors = label_vectors(probs)
    each = [oracle_scores(case, marginal(vectors, label), weights) for label in range(labels)]
    for kind, given in (("multilabel", probs), ("multilabel_logits", np.log(probs / (1 - probs)))):
        found = {
            how: case.function(given, kind=kind, weights=weights, over_labels=how) for how in ("sum", "mean", "max")
        }
        np.testing.assert_allclose(found["sum"], np.sum(each, axis=0), atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(found["mean"], np.mean(each, axis=0), atol=1e-6, rtol=1e-6)
        np.testing.assert_allclose(found["max"], np.max(each, axis=0), atol=1e-6, rtol=1e-6)


@pytest.mark.interpreted
@each_measure
@each_number_of_labels
@each_weighting
def test_what_adds_up_over_labels_and_what_does_not(case: Case, labels: int, weights: np.ndarray | None) -> None:
    probs = tags(labels)
    whole = oracle_scores(case, label_vectors(probs), weights)
    added = case.function(probs, kind="multilabel", weights=weights)
    if labels == 1 or case.name in ADD_UP:
        np.testing.assert_allclose(added, whole, atol=1e-6, rtol=1e-6)
    else:
        assert (added >= whole - 1e-9).all()
        assert (added - whole).max() > 1e-3


@pytest.mark.interpreted
@each_number_of_labels
@each_weighting
def test_entropy_and_bald_exceed_those_of_the_vector_by_the_total_correlation(
    labels: int, weights: np.ndarray | None
) -> None:
    probs, own = tags(labels), shares(weights)
    vectors = label_vectors(probs)
    of_vector = entropies((vectors @ own).T)
    of_labels = sum(entropies((marginal(vectors, label) @ own).T) for label in range(labels))
    given_draw = np.stack([entropies(row) for row in vectors]) @ own
    options: dict[str, Any] = {"kind": "multilabel", "weights": weights}
    np.testing.assert_allclose(alcore.entropy(probs, **options) - of_vector, of_labels - of_vector, atol=1e-6)
    np.testing.assert_allclose(
        alcore.bald(probs, **options) - (of_vector - given_draw), of_labels - of_vector, atol=1e-6
    )
    for row in range(N):
        assert alcore.joint_entropy(probs[row : row + 1], **options).value == pytest.approx(of_vector[row], abs=1e-6)
        information = alcore.batch_information(probs, [row], **options).value
        assert information == pytest.approx(of_vector[row] - given_draw[row], abs=1e-6)
    single = probs[..., :1]  # given the draw, entropy adds up
    np.testing.assert_allclose(
        alcore.entropy(single, kind="multilabel"), entropies(label_vectors(single)[..., 0].T), atol=1e-6
    )


def information_of(rows: list[np.ndarray], own: np.ndarray) -> float:
    """I(y_S; θ) of rows (2^L, T), over every combination of their label vectors."""
    joint = np.ones((1, len(own)))
    for vectors in rows:
        joint = (joint[:, None] * vectors[None]).reshape(-1, len(own))
    return float(entropies(joint @ own) - sum(entropies(vectors) @ own for vectors in rows))


@each_number_of_labels
@pytest.mark.parametrize("weighted", [False, True], ids=["equal", "weighted"])
def test_batchbald_is_greedy_over_all_label_vectors(labels: int, weighted: bool) -> None:
    probs = tags(labels, rows=7, draws=24)
    weights = np.arange(24.0) % 5 if weighted else None
    own, vectors = shares(weights, 24), label_vectors(probs)
    chosen: list[int] = []
    gains: list[float] = []
    for _ in range(3):
        found = {
            row: information_of([vectors[one] for one in (*chosen, row)], own) for row in range(7) if row not in chosen
        }
        best = max(found, key=lambda row: found[row])
        gains.append(found[best] - sum(gains))
        chosen.append(best)
    batch = alcore.batchbald(probs, 3, kind="multilabel", weights=weights, exact=16**3, fill="stop", rng=0)
    assert batch.indices.tolist() == chosen
    np.testing.assert_allclose(batch.scores, gains, atol=1e-6)
    together = alcore.batch_information(probs, chosen, kind="multilabel", weights=weights).value
    assert together == pytest.approx(sum(gains), abs=1e-6)


@each_number_of_labels
@each_weighting
def test_epig_is_the_information_of_two_label_vectors(labels: int, weights: np.ndarray | None) -> None:
    probs, own = tags(labels, rows=7), shares(weights)
    pool, targets = label_vectors(probs[:4]), label_vectors(probs[4:])
    expected = np.zeros(4)
    for row, target in itertools.product(range(4), range(3)):
        joint = np.einsum("at,bt,t->ab", pool[row], targets[target], own)
        apart = np.outer(pool[row] @ own, targets[target] @ own)
        expected[row] += (joint * np.log(joint / apart)).sum() / 3
    found = alcore.epig(probs[:4], probs[4:], kind="multilabel", weights=weights)
    np.testing.assert_allclose(found, expected, atol=1e-6)
