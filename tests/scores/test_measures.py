"""Laws that every row-wise measure obeys, over the table of cases."""

from __future__ import annotations

import warnings

import hypothesis.extra.numpy as npst
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from tests.cases import CASES, Case, dirichlet, each_measure, oracle_scores, special

SAMPLE = np.concatenate([special(), dirichlet(10, 4, 6, seed=1), dirichlet(6, 4, 6, seed=2, alpha=0.05)])
TOLERANCE = {np.float64: 1e-13, np.float32: 4e-7, np.float16: 4e-7}


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_equals_its_definition_at_50_digits(case: Case, dtype: type) -> None:
    stored = SAMPLE.astype(dtype)
    np.testing.assert_allclose(
        case.function(stored), oracle_scores(case, stored), rtol=TOLERANCE[dtype], atol=TOLERANCE[dtype]
    )


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("shape", [(2, 2, 1), (3, 2, 3), (2, 7, 50), (2, 33, 9), (1, 130, 17), (2, 3, 700)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_its_definition_at_many_shapes(case: Case, shape: tuple[int, int, int], dtype: type) -> None:
    if case.name == "pairwise-kl" and shape[2] > 50:
        pytest.skip("the oracle takes every pair of draws")
    stored = dirichlet(*shape, seed=3).astype(dtype)
    tolerance = 10 * TOLERANCE[dtype]
    np.testing.assert_allclose(case.function(stored), oracle_scores(case, stored), rtol=tolerance, atol=tolerance)


@pytest.mark.interpreted
@each_measure
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_within_its_bounds(case: Case, dtype: type) -> None:
    for rows in (SAMPLE, dirichlet(50, 2, 3), dirichlet(50, 9, 2, alpha=0.01)):
        scores = case.function(rows.astype(dtype))
        assert (scores >= case.lower).all()
        assert (scores <= case.upper(*rows.shape[1:]) * (1 + 1e-12)).all()


@pytest.mark.interpreted
@each_measure
def test_weights_equal_repeated_draws(case: Case) -> None:
    counts = np.array([3, 1, 0, 2, 1, 5])
    for dtype in (np.float64, np.float32):
        stored = SAMPLE.astype(dtype)
        weighted = case.function(stored, weights=counts)
        repeated = case.function(np.repeat(stored, counts, axis=-1))
        tolerance = 1e-13 if dtype is np.float64 else 3e-7
        np.testing.assert_allclose(weighted, repeated, rtol=tolerance, atol=tolerance)


@pytest.mark.interpreted
@each_measure
def test_weights_enter_as_the_definition_says(case: Case) -> None:
    weights = np.array([0.05, 0.3, 0.25, 0.0, 0.1, 0.3])
    np.testing.assert_allclose(
        case.function(SAMPLE, weights=weights), oracle_scores(case, SAMPLE, weights), rtol=1e-13, atol=1e-13
    )


@each_measure
def test_equal_weights_are_the_default_bit_for_bit(case: Case) -> None:
    stored = SAMPLE.astype(np.float32)
    np.testing.assert_array_equal(case.function(stored, weights=np.full(6, 7.5)), case.function(stored))


@each_measure
def test_rows_permute_with_their_scores(case: Case) -> None:
    order = np.random.default_rng(0).permutation(len(SAMPLE))
    for dtype in (np.float64, np.float32):
        stored = SAMPLE.astype(dtype)
        np.testing.assert_array_equal(case.function(stored[order]), case.function(stored)[order])


@each_measure
def test_order_of_classes_and_draws_does_not_matter(case: Case) -> None:
    probs = dirichlet(20, 5, 8, seed=4)
    rng = np.random.default_rng(1)
    shuffled = probs[:, rng.permutation(5)][:, :, rng.permutation(8)]
    np.testing.assert_allclose(case.function(shuffled), case.function(probs), rtol=1e-12, atol=1e-14)


@each_measure
@pytest.mark.parametrize("dtype", TOLERANCE)
def test_same_bits_for_any_layout(case: Case, dtype: type) -> None:
    stored = SAMPLE.astype(dtype)
    scores = case.function(stored)
    swapped = stored.astype(stored.dtype.newbyteorder())
    wide = np.zeros((len(stored), 8, 12), dtype)
    wide[:, ::2, ::2] = stored
    backwards = stored[::-1, ::-1, ::-1].copy()[::-1, ::-1, ::-1]
    shifted = np.zeros(stored.nbytes + 1, np.uint8)[1:].view(dtype).reshape(stored.shape)
    shifted[...] = stored
    read_only = stored.copy()
    read_only.flags.writeable = False
    for other in (np.asfortranarray(stored), swapped, wide[:, ::2, ::2], backwards, shifted, read_only):
        before = other.tobytes()
        np.testing.assert_array_equal(case.function(other), scores)
        assert other.tobytes() == before


@each_measure
def test_a_row_scores_the_same_wherever_it_stands(case: Case) -> None:
    for dtype, classes, draws in ((np.float32, 10, 100), (np.float32, 3, 13), (np.float64, 4, 9)):
        row = dirichlet(1, classes, draws, seed=5).astype(dtype)
        alone = case.function(row)[0]
        others = dirichlet(40, classes, draws, seed=6).astype(dtype)
        for place in (0, 1, 7, 38):
            pool = others.copy()
            pool[place] = row[0]
            assert case.function(pool)[place] == alone


@pytest.mark.interpreted
@each_measure
def test_float16_scores_as_its_values_in_float32(case: Case) -> None:
    stored = SAMPLE.astype(np.float16)
    np.testing.assert_array_equal(case.function(stored), case.function(stored.astype(np.float32)))


@each_measure
def test_event_axes_are_scored_cell_by_cell(case: Case) -> None:
    cells = dirichlet(2 * 3 * 5, 4, 6, seed=9)
    maps = cells.reshape(2, 3, 5, 4, 6).transpose(0, 3, 1, 2, 4)
    for dtype in (np.float64, np.float32, np.float16):
        flat = case.function(cells.astype(dtype))
        np.testing.assert_array_equal(case.function(maps.astype(dtype)), flat.reshape(2, 3, 5))


@each_measure
def test_empty_inputs_have_empty_scores(case: Case) -> None:
    assert case.function(np.empty((0, 3, 4))).shape == (0,)
    assert case.function(np.empty((0, 3, 5, 4))).shape == (0, 5)
    assert case.function(np.empty((2, 3, 0, 4), np.float16)).shape == (2, 0)


@each_measure
def test_one_draw_of_one_row_carries_no_information(case: Case) -> None:
    single = dirichlet(1, 3, 1)
    score = case.function(single)
    assert score.shape == (1,)
    if case.name in ("bald", "variation-ratio", "mean-std", "pairwise-kl", "vote-entropy"):
        assert score[0] == 0


@pytest.mark.interpreted
@each_measure
def test_logits_equal_their_softmax(case: Case) -> None:
    logits = np.random.default_rng(0).normal(scale=3, size=(20, 5, 8))
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    probs = powers / powers.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(case.function(logits, kind="logits"), case.function(probs), rtol=1e-11, atol=1e-13)
    narrow = case.function(logits.astype(np.float32), kind="logits")
    np.testing.assert_allclose(narrow, case.function(probs), rtol=3e-5, atol=3e-6)


@pytest.mark.interpreted
@each_measure
def test_logits_may_rule_classes_out_and_be_huge(case: Case) -> None:
    logits = np.array([[[1e4, -3e4], [-np.inf, 1e4], [0.0, 1e4]]])
    probs = np.array([[[1.0, 0.0], [0.0, 0.5], [0.0, 0.5]]])
    np.testing.assert_allclose(case.function(logits, kind="logits"), case.function(probs), rtol=1e-15)


@each_measure
def test_log_probabilities_are_logits(case: Case) -> None:
    probs = dirichlet(10, 4, 5)
    np.testing.assert_allclose(
        case.function(np.log(probs), kind="logits"), case.function(probs), rtol=1e-10, atol=1e-13
    )


@each_measure
def test_scores_are_a_new_float64_array_each_time(case: Case) -> None:
    probs = dirichlet(3, 3, 3).astype(np.float32)
    first, second = case.function(probs), case.function(probs)
    assert first.dtype == np.float64
    assert not np.shares_memory(first, second)
    assert first.flags.writeable


probabilities = npst.arrays(
    np.float64, st.tuples(st.integers(1, 4), st.integers(2, 5), st.integers(1, 6)), elements=st.floats(0, 1, width=16)
).map(lambda raw: (raw + 1e-9) / (raw + 1e-9).sum(axis=1, keepdims=True))


@given(probabilities)
def test_bald_and_expected_entropy_add_up_to_entropy(probs: np.ndarray) -> None:
    total = alcore.expected_entropy(probs) + alcore.bald(probs)
    np.testing.assert_allclose(total, alcore.entropy(probs), rtol=1e-12, atol=1e-12)


@given(probabilities)
def test_pairwise_kl_is_at_least_bald(probs: np.ndarray) -> None:
    assert (alcore.pairwise_kl(probs) >= alcore.bald(probs) * (1 - 1e-12)).all()


@given(probabilities, st.integers(1, 3))
def test_repeating_all_draws_changes_nothing(probs: np.ndarray, times: int) -> None:
    for case in CASES:
        np.testing.assert_allclose(
            case.function(np.tile(probs, times)), case.function(probs), rtol=1e-12, atol=1e-13, err_msg=case.name
        )


@given(probabilities)
def test_narrow_agrees_with_wide(probs: np.ndarray) -> None:
    narrow = probs.astype(np.float32)
    for case in CASES:
        np.testing.assert_allclose(
            case.function(narrow), case.function(narrow.astype(float)), rtol=3e-6, atol=4e-7, err_msg=case.name
        )


# --- values that other people's programs gave -------------------------------------------------------------------------


def test_certain_draws_that_disagree_carry_log_two() -> None:
    opposed = special()[1:2]
    for dtype in (np.float16, np.float32, np.float64):
        np.testing.assert_allclose(alcore.bald(opposed.astype(dtype)), np.log(2), rtol=1e-7)


@pytest.mark.interpreted
def test_ties_between_classes_go_to_the_lowest() -> None:
    tied = np.array([[[0.5, 0.5, 0.1], [0.5, 0.5, 0.9]]])
    np.testing.assert_allclose(alcore.variation_ratio(tied), 1 / 3)


@each_measure
def test_scoring_does_not_warn(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        case.function(SAMPLE.astype(np.float32))
        case.function(SAMPLE)


def test_support_counts_rows_that_can_be_drawn() -> None:
    probs = np.zeros((5, 3, 6))
    probs[:, 0] = 1
    probs[0, 0, :3], probs[0, 1, :3] = 0, 1
    assert alcore.PowerBALD().select(probs, 5, rng=0).support.tolist() == [1, 4, 3, 2, 1]
