"""Heuristics as objects: names, sums, wrappers, refusals."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import numpy as np
import pytest

import alcore
from alcore import heuristics
from tests.cases import CASES, Case, dirichlet, each_measure

POOL = dirichlet(40, 3, 7, seed=1)
SCORES = np.linspace(0, 1, 40)
NAMES = [*(case.name for case in CASES), "random"]
NAMES += [f"{prefix}-{case.name}" for prefix in ("power", "softmax", "softrank") for case in CASES]


@each_measure
def test_the_object_scores_as_the_function(case: Case) -> None:
    weights = [1, 0, 2, 1, 1, 1, 3]
    np.testing.assert_array_equal(case.object.score(POOL), case.function(POOL))
    np.testing.assert_array_equal(case.object.score(POOL, weights=weights), case.function(POOL, weights=weights))
    logits = np.log(POOL)
    np.testing.assert_array_equal(case.object.score(logits, kind="logits"), case.function(logits, kind="logits"))


@each_measure
def test_the_object_selects_the_top(case: Case) -> None:
    batch = case.object.select(POOL, 5)
    np.testing.assert_array_equal(batch.indices, alcore.top(case.function(POOL), 5).indices)
    assert alcore.heuristic(case.name) == case.object
    assert case.object.name == case.name


@pytest.mark.parametrize("name", NAMES)
def test_every_name_gives_a_heuristic_that_knows_it(name: str) -> None:
    found = alcore.heuristic(name)
    assert found.name == name
    assert found.score(POOL).shape == (40,)
    batch, again = found.select(POOL, 4, rng=0), found.select(POOL, 4, rng=0)
    assert batch.indices.tolist() == again.indices.tolist()
    assert len(found.select(iter([POOL[:11], POOL[11:]]), 99, rng=0)) == 40


def test_options_reach_the_heuristic() -> None:
    assert alcore.heuristic("power-bald", beta=3) == alcore.PowerBALD(3)
    assert alcore.heuristic("pairwise-kl", floor=0.01) == alcore.PairwiseKL(0.01)
    both = alcore.heuristic("softrank-pairwise-kl", floor=0.01, beta=2)
    assert both == alcore.SoftRank(alcore.PairwiseKL(0.01), 2)
    assert alcore.heuristic("precomputed", scores=SCORES).score(None)[3] == SCORES[3]
    reduced = alcore.heuristic("power-entropy", reduce="top-mean", q=0.5)
    assert reduced == alcore.Power(alcore.Reduce(alcore.Entropy(), "top-mean", 0.5))
    assert alcore.heuristic("random", reduce="mean") == alcore.Random()
    assert alcore.heuristic("bald", reduce="sum", empty=0) == alcore.Reduce(alcore.BALD(), "sum", empty=0)
    with pytest.raises(TypeError, match="empty: 'bald' has no cells without reduce. Pass reduce='sum' too"):
        alcore.heuristic("bald", empty=0)
    with pytest.raises(ValueError, match="how: expected"):
        alcore.heuristic("random", reduce="median")


@pytest.mark.parametrize("name", ["BALD", "bold", "", "power", "power-", "power-power-bald", "power-random", None, 3])
def test_names_that_are_none_are_refused_with_those_that_are(name: Any) -> None:
    with pytest.raises(ValueError, match="heuristic: expected one of bald, entropy"):
        alcore.heuristic(name)


@pytest.mark.parametrize(
    ("name", "options"), [("bald", {"beta": 2}), ("bald", {"floor": 0.1}), ("power-bald", {"floor": 0.1})]
)
def test_options_it_does_not_take_are_refused(name: str, options: dict[str, float]) -> None:
    with pytest.raises(TypeError, match=f"{name!r} does not take {next(iter(options))}"):
        alcore.heuristic(name, **options)


def test_heuristics_of_the_paper_are_compositions() -> None:
    assert alcore.PowerBALD(2) == alcore.Power(alcore.BALD(), 2)
    assert alcore.SoftmaxBALD(2) == alcore.Softmax(alcore.BALD(), 2)
    assert alcore.SoftRankBALD(2) == alcore.SoftRank(alcore.BALD(), 2)
    scores = alcore.bald(POOL)
    for wrapper, function in ((alcore.Power, alcore.power), (alcore.Softmax, alcore.softmax)):
        batch, expected = wrapper(alcore.BALD(), 3).select(POOL, 6, rng=4), function(scores, 6, beta=3, rng=4)
        np.testing.assert_array_equal(batch.indices, expected.indices)
        np.testing.assert_array_equal(batch.q, expected.q)


# --- sums -------------------------------------------------------------------------------------------------------------


def test_a_weighted_sum_is_the_sum_of_scores() -> None:
    mixed = 0.7 * alcore.BALD() + 0.3 * alcore.Entropy() + alcore.Margin() * 2
    expected = 0.7 * alcore.bald(POOL) + 0.3 * alcore.entropy(POOL) + 2 * alcore.margin(POOL)
    np.testing.assert_allclose(mixed.score(POOL), expected, rtol=1e-14)
    assert mixed.name == "0.7*bald + 0.3*entropy + 2*margin"


def test_a_sum_reads_a_stream_once() -> None:
    mixed = alcore.BALD() + alcore.Entropy()
    parts = (POOL[i : i + 7] for i in range(0, 40, 7))
    np.testing.assert_array_equal(mixed.score(parts), mixed.score(POOL))


def test_factors_multiply_through_and_sums_flatten() -> None:
    inner = 2 * (alcore.BALD() + 3 * alcore.Entropy())
    assert inner == alcore.Sum(((2.0, alcore.BALD()), (6.0, alcore.Entropy())))
    assert sum([alcore.BALD(), alcore.Entropy()]) == alcore.BALD() + alcore.Entropy()


def test_sums_wrap_and_reduce() -> None:
    mixed = 0.5 * alcore.BALD() + 0.5 * alcore.Margin()
    np.testing.assert_array_equal(alcore.Power(mixed).score(POOL), mixed.score(POOL))
    maps = dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3)
    np.testing.assert_allclose(alcore.Reduce(mixed).score(maps), mixed.score(maps).mean(axis=1))
    halves = alcore.Reduce(alcore.BALD()) + alcore.Reduce(alcore.Entropy(), "max")
    assert halves.score(maps, mask=np.zeros((4, 5), bool)).shape == (4,)
    with pytest.raises(ValueError, match="do not add up"):
        (alcore.Reduce(alcore.BALD()) + alcore.Entropy()).score(maps)


@pytest.mark.parametrize("other", [alcore.Random(), alcore.PowerBALD(), 3, "bald", None])
def test_what_has_no_score_of_each_row_does_not_add_up(other: Any) -> None:
    for left, right in ((alcore.BALD(), other), (other, alcore.BALD())):
        with pytest.raises(TypeError, match=r"expected a row-wise heuristic|unsupported operand|can only concatenate"):
            left + right


@pytest.mark.parametrize("other", [alcore.Random(), alcore.PowerBALD(), None, alcore.bald])
def test_wrappers_take_row_wise_heuristics(other: Any) -> None:
    for wrapper in (alcore.Power, alcore.Softmax, alcore.SoftRank, alcore.Reduce):
        with pytest.raises(TypeError, match="expected a row-wise heuristic"):
            wrapper(other)


@pytest.mark.parametrize("factor", [np.nan, np.inf])
def test_factors_are_finite(factor: float) -> None:
    with pytest.raises(ValueError, match="factor: expected a finite number"):
        factor * alcore.BALD()


@pytest.mark.parametrize("factor", ["2", None, [1], True])
def test_factors_are_numbers(factor: Any) -> None:
    with pytest.raises(TypeError, match="factor: expected a number|can't multiply"):
        alcore.BALD() * factor


def test_infinite_scores_do_not_add_up() -> None:
    opposed = np.array([[[1.0, 0.0], [0.0, 1.0]]])
    assert alcore.PairwiseKL().select(opposed, 1).scores[0] == np.inf
    for heuristic in (alcore.PairwiseKL() + alcore.BALD(), alcore.Power(alcore.PairwiseKL())):
        with pytest.raises(ValueError, match="infinite.*floor=1e-6"):
            heuristic.select(opposed, 1)
    assert np.isfinite((alcore.PairwiseKL(1e-6) + alcore.BALD()).score(opposed)).all()


# --- precomputed and random -------------------------------------------------------------------------------------------


def test_precomputed_scores_select_and_combine() -> None:
    given = alcore.Precomputed(SCORES)
    assert given.select(None, 2).indices.tolist() == [39, 38]
    assert given.select(POOL, 2).indices.tolist() == [39, 38]
    mixed = 0.5 * given + alcore.BALD()
    np.testing.assert_allclose(mixed.score(POOL), 0.5 * SCORES + alcore.bald(POOL))
    np.testing.assert_allclose(mixed.score(iter([POOL[:9], POOL[9:]])), mixed.score(POOL))
    assert alcore.Power(given).select(None, 3, rng=0).support.tolist() == [39, 38, 37]
    assert repr(given) == "Precomputed(40 scores)"


@pytest.mark.parametrize("rows", [39, 41, 0])
def test_precomputed_scores_of_another_length_are_refused(rows: int) -> None:
    given = alcore.Precomputed(np.ones(rows))
    for heuristic in (given, given + alcore.BALD()):
        for predictions in (POOL, iter([POOL[:20], POOL[20:]])):
            with pytest.raises(ValueError, match="rows, as the"):
                heuristic.score(predictions)
    with pytest.raises(ValueError, match="one length"):
        given + alcore.Precomputed(SCORES)


def test_precomputed_scores_are_copied_and_checked() -> None:
    scores = SCORES.copy()
    given = alcore.Precomputed(scores)
    scores[0] = 99
    assert given.score(None)[0] == 0
    given.score(None)[1] = 99
    assert given.score(None)[1] == SCORES[1]
    with pytest.raises(ValueError, match=r"scores\[1\] is nan"):
        alcore.Precomputed([0.1, np.nan])


def test_random_draws_uniformly_and_records_it() -> None:
    counts = np.zeros(40)
    rng = np.random.default_rng(0)
    for _ in range(2000):
        batch = alcore.Random().select(POOL, 4, rng=rng)
        counts[batch.indices] += 1
    np.testing.assert_allclose(batch.q, 1 / np.arange(40, 36, -1))
    assert batch.support.tolist() == [40, 39, 38, 37]
    assert abs(counts - 200).max() < 5 * np.sqrt(200)


def test_random_scores_are_fresh_or_seeded() -> None:
    first, second = alcore.Random().score(POOL), alcore.Random().score(POOL)
    assert (first != second).any()
    np.testing.assert_array_equal(alcore.Random().score(POOL, rng=3), alcore.Random().score(POOL, rng=3))


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
def test_arguments_are_refused_before_anything_is_read(name: str) -> None:
    def never() -> Any:
        raise AssertionError("the source was read")
        yield

    found = alcore.heuristic(name)
    if name != "random":
        with pytest.raises(ValueError, match="k: expected at least 0"):
            found.select(never(), -1)
        with pytest.raises(TypeError, match="rng"):
            found.select(never(), 1, rng="0")


@pytest.mark.parametrize("name", NAMES)
def test_empty_pools_and_queries_give_empty_batches(name: str) -> None:
    found = alcore.heuristic(name)
    assert len(found.select(np.empty((0, 3, 2)), 3, rng=0)) == 0
    assert len(found.select(POOL, 0, rng=0)) == 0
    assert len(found.select(POOL[:1], 1, rng=0)) == 1


@pytest.mark.parametrize("name", NAMES)
def test_event_axes_are_refused_by_selections_that_do_not_reduce_them(name: str) -> None:
    maps = dirichlet(20, 3, 4).reshape(4, 5, 3, 4).transpose(0, 2, 1, 3)
    found = alcore.heuristic(name)
    if name == "random":
        assert len(found.select(maps, 2, rng=0)) == 2
        return
    with pytest.raises(ValueError, match="one score a row, got .*Reduce"):
        found.select(maps, 1, rng=0)
    assert len(alcore.heuristic(name, reduce="mean").select(maps, 2, rng=0)) == 2


def concrete() -> list[type]:
    found = [c for _, c in inspect.getmembers(heuristics, inspect.isclass) if issubclass(c, alcore.Heuristic)]
    return [c for c in found if not inspect.isabstract(c) and not c.__name__.startswith("_")]


@pytest.mark.parametrize("cls", concrete(), ids=lambda cls: cls.__name__)
def test_concrete_heuristics_are_frozen_final_and_public(cls: type) -> None:
    assert dataclasses.is_dataclass(cls)
    assert cls.__dataclass_params__.frozen
    assert getattr(cls, "__final__", False)
    assert cls.__name__ in alcore.__all__


def test_a_sum_names_the_row_of_the_pool_whatever_the_block() -> None:
    probs = np.full((30, 2, 2), 0.5)
    probs[25] = [[1, 0], [0, 1]]
    for source in (probs, iter([probs[:20], probs[20:]])):
        with pytest.raises(ValueError, match=r"pairwise-kl\[25\] is infinite"):
            (alcore.PairwiseKL() + alcore.BALD()).score(source)


def test_a_sum_takes_infinity_in_padding() -> None:
    cells = np.full((2, 2, 2, 3), 0.5)
    cells[0, :, 1] = [[0, 1, 1], [1, 0, 0]]
    padding = np.array([[False, True], [False, False]])
    mixed = alcore.Reduce(0.5 * alcore.PairwiseKL() + alcore.Entropy())
    np.testing.assert_allclose(mixed.score(cells, mask=padding), np.log(2))
    with pytest.raises(ValueError, match=r"pairwise-kl\[0, 1\] is infinite"):
        mixed.score(cells)


class SquaredEntropy(alcore.Heuristic):
    """A heuristic that a user wrote, with the options it needs and no more."""

    name = "squared-entropy"

    def score(self, predictions: Any, *, rng: Any = None, **options: Any) -> Any:
        return alcore.entropy(predictions, **options) ** 2

    def select(self, predictions: Any, k: int, *, rng: Any = None, **options: Any) -> alcore.Batch:
        return alcore.top(self.score(predictions, **options), k)


def test_a_heuristic_of_ones_own_works_wherever_one_is_taken() -> None:
    """It defines name, score and select, and is asked by the ledger, compared and followed by the loop as others are."""
    expected = alcore.Entropy().select(POOL, 3).indices.tolist()
    assert SquaredEntropy().select(POOL, 3).indices.tolist() == expected
    assert list(alcore.Ledger(len(POOL)).ask(SquaredEntropy(), POOL, 3).ids) == expected
    overlaps = alcore.bench.compare(POOL, k=3, heuristics=[SquaredEntropy(), "entropy"], steps=2, seeds=2, rng=0)
    assert "squared-entropy" in str(overlaps)


@pytest.mark.parametrize("defined", ["score", "select"])
def test_what_a_heuristic_of_ones_own_does_not_define_is_refused(defined: str) -> None:
    members = {"name": "half", defined: getattr(SquaredEntropy, defined)}
    half = type("Half", (alcore.Heuristic,), members)()
    with pytest.raises(TypeError, match=r"^half: (has no score of a row on its own|its class defines no select\()"):
        half.select(POOL, 3) if defined == "score" else half.score(POOL)
