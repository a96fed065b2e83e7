"""Laws that every row-wise measure of every kind obeys, over the table of kinds. Those of classes are in test_measures.py."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore import door
from alcore.scores import gaussian
from tests.cases_of_kinds import (
    CHOSEN,
    FLOATS,
    KINDS,
    LAYOUTS,
    ORDERS,
    SCORED,
    KindCase,
    Pool,
    Scored,
    each_kind,
    each_scored,
    epig_of,
    in_order,
    read_only,
)

COUNTS = np.array([3, 1, 0, 2, 1, 5])
ROWS = 11
WRAPPERS: list[tuple[Any, Any]] = [
    (alcore.Power, alcore.power),
    (alcore.Softmax, alcore.softmax),
    (alcore.SoftRank, alcore.softrank),
]
CERTAIN_OF_YES = {"bald", "variation-ratio", "mean-std", "pairwise-kl", "vote-entropy", "epig"}
CERTAIN_OF_MEANS = {"mean-std", "epistemic", "epig"}


def test_every_kind_and_measure_is_in_the_table() -> None:
    assert {kind.name for kind in KINDS} == set(door.KINDS) - {"probs", "logits"}
    assert {case.name for case in SCORED if case.kind.name == "mean"} == {
        *(name.replace("_", "-") for name in gaussian.OF_MEANS),
        *gaussian.OF_PARTS,
        "epig",
    }
    assert {case.name for case in CHOSEN} == {
        one.name
        for one in (alcore.BatchBALD(), alcore.TwoBALD(), alcore.ICAL(), alcore.BatchEPIG(None), alcore.LogDet())
    }


def pool_of(case: Scored, dtype: type = np.float64, rows: int = ROWS) -> Pool:
    """Random rows, one of which has draws that agree, and of probabilities one that is certain and one that is opposed."""
    pool = case.kind.pool(rows, seed=1)
    array = pool.array.copy()
    array[0] = array[0, :, :1]
    if case.kind.name in ("binary", "multilabel"):
        array[1], array[2] = 1.0, np.arange(array.shape[-1]) % 2
    return Pool(case.kind.name, array, pool.targets, pool.variance, pool.target_variance).changed(
        lambda one: one.astype(dtype)
    )


def tolerance(case: Scored, dtype: type) -> dict[str, float]:
    """Means are read in float64. 1 - p of a float32 near 1 has few digits left, and pairwise-kl takes its logarithm."""
    if case.kind.name == "mean" and case.name != "epig":
        return {"rtol": 1e-12}
    if dtype is np.float64:
        return {"rtol": 1e-11, "atol": 1e-12}
    if case.kind.name == "mean":  # the kernel multiplies deviations in float32
        return {"rtol": 1e-4, "atol": 1e-5}
    return {"rtol": 1e-4, "atol": 6e-6} if case.kind.name.endswith("logits") else {"rtol": 1e-5, "atol": 3e-6}


@pytest.mark.interpreted
@each_scored
@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("weights", [None, COUNTS], ids=["equal", "weighted"])
def test_equals_its_definition(case: Scored, dtype: type, weights: Any) -> None:
    pool = pool_of(case, dtype)
    np.testing.assert_allclose(case.score(pool, weights=weights), case.oracle(pool, weights), **tolerance(case, dtype))


@each_scored
@pytest.mark.parametrize("dtype", FLOATS)
def test_within_its_bounds(case: Scored, dtype: type) -> None:
    for draws in (1, 2, 5):
        pool = case.kind.pool(40, draws=draws, seed=2).changed(lambda one: one.astype(dtype))
        scores = case.score(pool)
        assert (scores >= case.lower).all()
        assert (scores <= case.upper(draws) * (1 + 1e-6)).all()


@each_scored
def test_the_function_and_the_object_agree(case: Scored) -> None:
    pool = pool_of(case)
    for options in ({}, {"weights": COUNTS}):
        if case.name == "epig":
            options |= {"target_variance": pool.target_variance} if pool.variance is not None else {}
            found = case.function(pool.array, pool.targets, **options, **pool.options)
            options.pop("target_variance", None)
        else:
            found = case.function(pool.array, **options, **pool.options)
        np.testing.assert_array_equal(found, case.score(pool, **options))
        assert found.dtype == np.float64
        assert found.flags.writeable


@pytest.mark.interpreted
@each_scored
def test_weights_equal_repeated_draws(case: Scored) -> None:
    for dtype, near in ((np.float64, 1e-10), (np.float32, 2e-5)):
        pool = pool_of(case, dtype)
        repeated = pool.changed(lambda one: np.repeat(one, COUNTS, axis=-1))
        np.testing.assert_allclose(case.score(pool, weights=COUNTS), case.score(repeated), rtol=near, atol=near / 10)


@each_scored
def test_equal_weights_are_the_default_bit_for_bit(case: Scored) -> None:
    pool = pool_of(case, np.float32)
    np.testing.assert_array_equal(case.score(pool, weights=np.full(6, 7.5)), case.score(pool))


@each_scored
@pytest.mark.parametrize("dtype", FLOATS)
def test_rows_permute_with_their_scores_and_draws_do_not_matter(case: Scored, dtype: type) -> None:
    pool, rng = pool_of(case, dtype), np.random.default_rng(0)
    rows, draws = rng.permutation(ROWS), rng.permutation(6)
    scores = case.score(pool)
    np.testing.assert_array_equal(case.score(pool.rows_changed(lambda one: one[rows])), scores[rows])
    near = 1e-11 if dtype is np.float64 else 1e-4
    shuffled = case.score(pool.changed(lambda one: one[..., draws]))
    np.testing.assert_allclose(shuffled, scores, rtol=near, atol=near / 10)


@each_scored
@pytest.mark.parametrize("dtype", FLOATS)
def test_same_bits_for_any_layout_and_no_input_is_written_to(case: Scored, dtype: type) -> None:
    pool = pool_of(case, dtype)
    scores = case.score(pool)
    for name, change in LAYOUTS.items():
        other = pool.changed(change)
        before = [one.tobytes() for one in other.arrays]
        np.testing.assert_array_equal(case.score(other), scores, err_msg=name)
        assert [one.tobytes() for one in other.arrays] == before, name


@each_scored
@pytest.mark.parametrize("axes", ORDERS)
def test_same_bits_for_any_order_of_axes(case: Scored, axes: str) -> None:
    for dtype in (np.float32, np.float64):
        pool = pool_of(case, dtype)
        other = pool.changed(in_order(axes))
        np.testing.assert_array_equal(case.score(other, axes=axes), case.score(pool))


@each_scored
def test_chains_and_draws_are_draws(case: Scored) -> None:
    pool = pool_of(case)
    sampled = pool.changed(lambda one: np.ascontiguousarray(one.reshape(*one.shape[:-1], 2, 3).transpose(3, 2, 0, 1)))
    np.testing.assert_array_equal(case.score(sampled, axes="DSNC"), case.score(pool))


@each_scored
def test_event_axes_are_scored_cell_by_cell(case: Scored) -> None:
    cells = case.kind.pool(12, seed=3)

    def as_maps(one: np.ndarray) -> np.ndarray:
        return np.ascontiguousarray(one.reshape(2, 3, 2, *one.shape[1:]).transpose(0, 3, 1, 2, 4))

    for dtype in FLOATS:
        flat = cells.changed(lambda one, dtype=dtype: one.astype(dtype))  # type: ignore[misc]
        maps, expected = flat.rows_changed(as_maps), case.score(flat).reshape(2, 3, 2)
        np.testing.assert_array_equal(case.score(maps), expected)
        if case.name != "epig":  # its targets have no event axes to move
            moved = maps.rows_changed(in_order("TNHWC", "NCHWT"))
            np.testing.assert_array_equal(case.score(moved, axes="TNHWC"), expected)


@each_scored
def test_a_row_scores_the_same_wherever_it_stands(case: Scored) -> None:
    pool = pool_of(case, np.float32, rows=30)
    scores = case.score(pool)
    for place in (0, 1, 7, 29):
        alone = pool.rows_changed(lambda one, place=place: one[place : place + 1])  # type: ignore[misc]
        assert case.score(alone)[0] == scores[place]


@pytest.mark.interpreted
@each_scored
def test_float16_scores_as_its_values_in_float32(case: Scored) -> None:
    pool = pool_of(case, np.float16)
    np.testing.assert_array_equal(case.score(pool), case.score(pool.changed(lambda one: one.astype(np.float32))))


@each_scored
@given(cuts=st.lists(st.integers(0, 30), max_size=5), threads=st.integers(1, 4))
def test_same_bits_for_any_cutting_and_threads(case: Scored, cuts: list[int], threads: int) -> None:
    pool = pool_of(case, np.float32, rows=30)
    alcore.set_threads(1)
    expected = case.score(pool)
    alcore.set_threads(threads)
    blocks, options = pool.blocks([0, *sorted(cuts), 30])
    heuristic = case.make(pool)
    np.testing.assert_array_equal(heuristic.score(blocks, **options), expected)
    np.testing.assert_array_equal(heuristic.score(iter(blocks), **options), expected)


@each_scored
def test_empty_pools_and_one_draw(case: Scored) -> None:
    pool = pool_of(case)
    assert case.score(pool.rows_changed(lambda one: one[:0])).shape == (0,)
    assert case.score(case.kind.pool(0, (5,))).shape == (0, 5)
    assert case.score(case.kind.pool(2, (0,))).shape == (2, 0)
    assert len(case.make(pool).select(pool.array[:0], 3, rng=0, **_without_rows(pool))) == 0
    single = case.kind.pool(3, draws=1)
    scores = case.score(single)
    assert scores.shape == (3,)
    if case.name in (CERTAIN_OF_MEANS if case.kind.name == "mean" else CERTAIN_OF_YES):
        np.testing.assert_array_equal(scores, np.zeros(3))


def _without_rows(pool: Pool) -> dict[str, Any]:
    return pool.rows_changed(lambda one: one[:0]).options


@each_scored
def test_the_object_selects_the_top_and_wrappers_draw_from_its_scores(case: Scored) -> None:
    pool = case.kind.pool(ROWS, seed=4)
    scores, heuristic = case.score(pool), case.make(pool)
    found = heuristic.select(pool.array, 4, **pool.options)
    np.testing.assert_array_equal(found.indices, alcore.top(scores, 4).indices)
    for wrap, draw in WRAPPERS:
        drawn, expected = wrap(heuristic).select(pool.array, 4, rng=5, **pool.options), draw(scores, 4, rng=5)
        np.testing.assert_array_equal(drawn.indices, expected.indices)
        np.testing.assert_array_equal(drawn.q, expected.q)
        np.testing.assert_array_equal(drawn.support, expected.support)
    both = 0.5 * heuristic + heuristic
    np.testing.assert_allclose(both.score(pool.array, **pool.options), 1.5 * scores, rtol=1e-12)


@each_scored
def test_padding_may_hold_anything_and_every_row_needs_a_cell(case: Scored) -> None:
    maps, mask = case.kind.pool(4, (3,), seed=5), np.zeros((4, 3), bool)
    mask[:, 2], mask[1, 0] = True, True
    broken = maps.array.copy()
    broken.transpose(0, 2, 1, 3)[mask] = np.nan
    heuristic = alcore.Reduce(case.make(maps), "mean")  # type: ignore[arg-type]
    cells = case.score(maps)
    found = heuristic.score(broken, mask=mask, **maps.options)
    np.testing.assert_allclose(found, [row[~own].mean() for row, own in zip(cells, mask, strict=True)], rtol=1e-12)
    with pytest.raises(ValueError, match=r"^probs: .*probs\[0, 0, 2, 0\] is nan"):
        heuristic.score(broken, **maps.options)
    mask[3] = True
    blocks, options = maps.blocks([0, 2, 4])
    for source, said in ((maps.array, maps.options), (iter(blocks), options)):
        with pytest.raises(ValueError, match="^scores: row 3 has no cell outside the padding.*empty=0.0"):
            heuristic.score(source, mask=mask, **said)
    kept = alcore.Reduce(case.make(maps), "mean", empty=-99.0)  # type: ignore[arg-type]
    assert kept.score(maps.array, mask=mask, **maps.options)[3] == -99.0


# --- what is invalid is named and never ranked ------------------------------------------------------------------------


def spoiled(array: np.ndarray, value: float) -> np.ndarray:
    changed = array.copy()
    changed[9, -1, 3] = value
    return changed


def assert_named(case: Scored, pool: Pool, match: str) -> None:
    """By scores, and by every way to choose, of an array and of blocks, whose numbers are those of all rows."""
    heuristic = case.make(pool)
    blocks, options = pool.blocks([0, 4, 8, ROWS])
    with pytest.raises(ValueError, match=match):
        heuristic.score(pool.array, **pool.options)
    for chooser in (heuristic, *(wrap(heuristic) for wrap, _ in WRAPPERS)):
        with pytest.raises(ValueError, match=match):
            chooser.select(iter(blocks), 2, rng=0, **options)


@each_scored
@pytest.mark.parametrize("dtype", FLOATS)
def test_what_is_invalid_is_named(case: Scored, dtype: type) -> None:
    pool = case.kind.pool(ROWS, seed=6).changed(lambda one: one.astype(dtype))
    for value, said in case.kind.invalid.items():
        wrong = Pool(pool.kind, spoiled(pool.array, value), pool.targets, pool.variance, pool.target_variance)
        assert_named(case, wrong, rf"^probs: .*probs\[9, {case.kind.labels - 1}, 3\] {said}\b")


@pytest.mark.parametrize("case", [one for one in SCORED if one.kind.name == "mean"], ids=lambda case: case.name)
@pytest.mark.parametrize(("value", "said"), [(np.nan, "nan"), (np.inf, "inf"), (0.0, "0"), (-1.0, "-1")])
def test_a_variance_that_is_none_is_named(case: Scored, value: float, said: str) -> None:
    pool = case.kind.pool(ROWS, seed=6)
    assert pool.variance is not None
    wrong = Pool(pool.kind, pool.array, pool.targets, spoiled(pool.variance, value), pool.target_variance)
    assert_named(case, wrong, rf"^variance: .*the variance at row 9, output 2, draw 3 is {said}\b")


@each_kind
def test_targets_that_are_invalid_are_named(kind: KindCase) -> None:
    pool = kind.pool(ROWS)
    for value, said in kind.invalid.items():
        targets = pool.targets.copy()
        targets[2, -1, 1] = value
        wrong = Pool(pool.kind, pool.array, read_only(targets), pool.variance, pool.target_variance)
        with pytest.raises(ValueError, match=rf"^targets: .*targets\[2, {kind.labels - 1}, 1\] {said}\b"):
            epig_of(wrong).score(pool.array, **pool.options)


@pytest.mark.parametrize(
    "case", [one for one in SCORED if one.kind.labels > 1 and one.kind.yes and one.name != "epig"],
    ids=lambda case: f"{case.kind.name}-{case.name}",
)  # fmt: skip
def test_scores_of_labels_are_added_averaged_or_their_largest_is_taken(case: Scored) -> None:
    pool = case.kind.pool(ROWS, seed=7)
    single = case.kind.name.replace("multilabel", "binary")
    each = np.stack([case.function(pool.array[:, i], kind=single) for i in range(case.kind.labels)], axis=1)
    np.testing.assert_allclose(case.score(pool), each.sum(axis=1), rtol=1e-12)
    np.testing.assert_allclose(case.score(pool, over_labels="mean"), each.mean(axis=1), rtol=1e-12)
    np.testing.assert_array_equal(case.score(pool, over_labels="max"), each.max(axis=1))
