"""The lazy search and what is built on it, with an objective simple enough to write out."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import alcore
from alcore.batches.search.candidates import Candidates, Pool
from alcore.batches.search.greedy import ERRORS, ROUNDING, Objective, best_of, choose
from alcore.door import Reading
from tests.batches.oracle import small_buffer
from tests.cases import dirichlet

POOL = dirichlet(40, 3, 8, seed=91, alpha=0.5)


def group(row_ct: np.ndarray) -> int:
    return int(row_ct[:, 0].argmax())


class Toy(Objective):
    """BALD over one plus the rows of the same group so far."""

    def __init__(self, noise: float = -np.inf, error: float = 0.0) -> None:
        self._noise, self._error = noise, error
        self._groups: Counter[int] = Counter()
        self.evaluated = 0

    @property
    def noise(self) -> float:
        return self._noise

    def bounds(self, cells: Any, slots: Any, bound: Any, picks_seen: Any, least: float) -> Any:
        self.evaluated += len(slots)
        gains = alcore.bald(cells[slots]) / [1 + self._groups[group(cells[slot])] for slot in slots]
        assert (gains <= bound + ROUNDING).all()
        return gains

    def decide(self, cells_ct: Any, gain: float) -> tuple[float, float]:
        return gain, self._error

    def add(self, cells_ct: Any) -> None:
        self._groups[group(cells_ct)] += 1


def brute_force(pool: np.ndarray, k: int) -> tuple[list[int], list[float]]:
    left, groups = alcore.bald(pool), Counter[int]()
    rows, gains = [], []
    for _ in range(min(k, len(pool))):
        values = left / [1 + groups[group(row)] for row in pool]
        rows.append(int(values.argmax()))
        gains.append(float(values[rows[-1]]))
        groups[group(pool[rows[-1]])] += 1
        left[rows[-1]] = -np.inf
    return rows, gains


# --- the search -------------------------------------------------------------------------------------------------------


def test_the_search_finds_the_largest_gain_under_loose_bounds() -> None:
    for seed in range(5):
        pool = dirichlet(300, 3, 8, seed=seed, alpha=0.5)
        objective = Toy()
        for row in pool[:3]:
            objective.add(row)
        gains = alcore.bald(pool) / [1 + objective._groups[group(row)] for row in pool]
        own = Candidates(pool, np.arange(300), alcore.bald(pool) + np.random.default_rng(seed).random(300))
        pick = best_of(objective, own, 3)
        assert (pick.slot, pick.gain, pick.error) == (int(gains.argmax()), gains.max(), 0.0)
        seen = own.picks_seen == 3
        np.testing.assert_array_equal(own.bound[seen], gains[seen])
        assert (own.bound >= gains).all()


def test_the_search_leaves_rows_that_cannot_win_alone() -> None:
    pool = dirichlet(3000, 3, 8, seed=1, alpha=0.5)
    objective = Toy()
    objective.add(pool[0])
    own = Candidates(pool, np.arange(3000), alcore.bald(pool))
    best_of(objective, own, 1)
    assert objective.evaluated < 200


def test_equal_rows_are_evaluated_once_and_the_lowest_is_picked() -> None:
    pool = np.repeat(dirichlet(2, 3, 8, seed=4), 50, axis=0)
    index = np.random.default_rng(0).permutation(100)
    own, objective = Candidates(pool, index, alcore.bald(pool)), Toy()
    pick = best_of(objective, own, 0)
    best = alcore.bald(pool) == alcore.bald(pool).max()
    assert own.index[pick.slot] == index[best].min()
    assert objective.evaluated <= 2


def test_what_rounding_cannot_tell_apart_is_decided_anew() -> None:
    class Rounded(Toy):
        def bounds(self, cells: Any, slots: Any, bound: Any, picks_seen: Any, least: float) -> Any:
            return 0.5 + 0.4 * ROUNDING * np.cos(slots)

        def decide(self, cells_ct: Any, gain: float) -> tuple[float, float]:
            return float(np.floor(cells_ct[0, 0] * 10)), 0.125

    own = Candidates(POOL, np.arange(40), np.ones(40))
    pick = best_of(Rounded(), own, 0)
    decided = np.floor(POOL[:, 0, 0] * 10)
    assert (pick.slot, pick.gain, pick.error) == (int(decided.argmax()), decided.max(), 0.125)


def test_what_is_bounded_under_the_noise_is_not_looked_at() -> None:
    own = Candidates(POOL, np.arange(40), alcore.bald(POOL))
    objective = Toy(noise=2.0)
    assert best_of(objective, own, 0) is None
    assert objective.evaluated == 0
    assert best_of(Toy(), own, 0, floor=2.0) is None
    assert best_of(Toy(), own, 0) is not None


# --- batches ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", [0, 1, 7, 40, 50])
def test_a_batch_is_that_of_the_full_search(k: int) -> None:
    found = choose(Toy(), Pool(POOL, Reading(), 0), k)
    rows, gains = brute_force(POOL, k)
    assert found.indices.tolist() == rows
    np.testing.assert_allclose(found.gains, gains, rtol=0, atol=1e-12)
    assert (found.ended_early, found.certified_until) == (False, len(rows))


@given(
    seed=st.integers(0, 10_000),
    rows=st.integers(1, 45),
    cuts=st.lists(st.integers(0, 40), max_size=4),
)
def test_any_cutting_and_any_buffer_give_the_batch_of_the_full_search(seed: int, rows: int, cuts: list[int]) -> None:
    pool = dirichlet(40, 3, 5, seed=seed, alpha=0.5)
    if seed % 2:
        pool = pool[np.arange(40) % 9]  # ties
    blocks = [pool[a:b] for a, b in itertools.pairwise([0, *sorted(cuts), 40])]
    expected, gains = brute_force(pool, 12)
    with pytest.MonkeyPatch.context() as patched:
        small_buffer(patched, rows)
        again = choose(Toy(), Pool(blocks, Reading(), 0), 12)
        held = Pool(iter(blocks), Reading(), 0)
        dropped = held.candidates.largest_dropped
        once = choose(Toy(), held, 12)
    assert again.indices.tolist() == expected
    np.testing.assert_allclose(again.gains, gains, rtol=0, atol=1e-12)
    assert (len(again.indices), again.certified_until) == (12, 12)
    until = once.certified_until
    assert once.indices[:until].tolist() == expected[:until]
    assert all(gain > dropped for gain in once.gains[1:until])
    assert until == 12 or until == len(once.indices) or once.gains[until] <= dropped + ROUNDING
    assert len(set(once.indices.tolist())) == min(12, rows)


def test_a_search_ends_with_the_rows_that_a_buffer_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    small_buffer(monkeypatch, 5)
    found = choose(Toy(), Pool(iter([POOL]), Reading(), 0), 9)
    order = np.argsort(-alcore.bald(POOL), kind="stable").tolist()
    assert sorted(found.indices.tolist()) == sorted(order[:5])
    assert not found.ended_early  # no row was left to compare: nothing is said of gains


def test_a_batch_ends_where_no_gain_exceeds_the_noise() -> None:
    rows, gains = brute_force(POOL, 20)
    noise = (gains[6] + gains[7]) / 2
    found = choose(Toy(noise=noise), Pool(POOL, Reading(), 0), 20)
    assert found.indices.tolist() == rows[:7]
    assert found.ended_early
    assert len(choose(Toy(), Pool(POOL, Reading(), 0), 20).indices) == 20


def test_an_uncertain_gain_certifies_less(monkeypatch: pytest.MonkeyPatch) -> None:
    small_buffer(monkeypatch, 12)
    gains = np.array(brute_force(POOL, 3)[1]) - np.sort(alcore.bald(POOL))[-13]
    assert gains[1] > gains[2] > 0
    until = []
    for error in (0.0, (gains[1] + gains[2]) / 2 / ERRORS, 10.0):
        found = choose(Toy(error=error), Pool(iter([POOL]), Reading(), 0), 10)
        until.append(found.certified_until)
    assert until == [3, 2, 1]  # the first pick is the largest BALD, which is exact


def test_a_second_pass_that_finds_more_rows_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    small_buffer(monkeypatch, 3)
    blocks = [POOL[:20], POOL[20:]]
    pool = Pool(blocks, Reading(), 0)
    blocks.append(POOL[:5])
    with pytest.raises(ValueError, match="probs: expected 40 rows, as the first reading has"):
        choose(Toy(), pool, 10)
