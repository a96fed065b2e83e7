"""What fills a joint batch: each rule is what it says, in BatchBALD and in 2-BALD, as functions and as objects."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import alcore
from alcore.batches.filling import EXHAUSTED
from tests.batches.oracle import one_hot
from tests.cases import dirichlet
from tests.warned import the_one

POOL = dirichlet(60, 3, 4, seed=3, alpha=0.1)
JOINT = {"batchbald": alcore.batchbald, "two-bald": alcore.two_bald}
RULES = ("power-bald", "random", "bald", "stop")
ignored = pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")


@ignored
@pytest.mark.parametrize("choose", JOINT.values(), ids=JOINT)
@pytest.mark.parametrize("rule", RULES)
def test_a_rule_fills_after_the_rows_chosen_jointly(choose: Callable[..., alcore.Batch], rule: str) -> None:
    alone = choose(POOL, 40, fill="stop", rng=0)
    batch = choose(POOL, 40, fill=rule, rng=0)
    joint = len(alone)
    assert 2 <= joint < 20
    assert batch.fill == rule
    assert batch.saturated_at == joint
    np.testing.assert_array_equal(batch.indices[:joint], alone.indices)
    np.testing.assert_array_equal(batch.scores[:joint], alone.scores)
    assert batch.effective_draws is not None
    assert batch.effective_draws[joint - 1] < EXHAUSTED
    rest, left = batch.indices[joint:], np.delete(np.arange(60), alone.indices)
    assert len(rest) == (0 if rule == "stop" else 40 - joint)
    assert len(np.intersect1d(rest, left)) == len(rest)
    if rule == "bald":
        assert rest.tolist() == left[alcore.top(alcore.bald(POOL)[left], len(rest)).indices].tolist()
        assert batch.q[joint:].tolist() == [1.0] * len(rest)
    if rule == "random":
        np.testing.assert_allclose(batch.q[joint:], 1 / (60 - joint - np.arange(len(rest))))
        assert batch.support[joint:].tolist() == (60 - joint - np.arange(len(rest))).tolist()


@ignored
@pytest.mark.parametrize("choose", JOINT.values(), ids=JOINT)
def test_power_sampling_draws_rows_in_proportion_to_their_bald(choose: Callable[..., alcore.Batch]) -> None:
    pool = np.concatenate([one_hot(8, 3, 4, seed=5), dirichlet(4, 3, 4, seed=1)])
    alone = choose(pool, 12, fill="stop", rng=0)
    left = np.delete(np.arange(12), alone.indices)
    expected = alcore.bald(pool)[left] / alcore.bald(pool)[left].sum()
    first = [choose(pool, len(alone) + 1, rng=seed).indices[-1] for seed in range(400)]
    found = np.array([np.count_nonzero(np.array(first) == row) for row in left]) / 400
    np.testing.assert_allclose(found, expected, atol=4 * np.sqrt(0.25 / 400))


@ignored
@pytest.mark.parametrize("choose", JOINT.values(), ids=JOINT)
def test_the_seed_gives_the_rows_that_fill(choose: Callable[..., alcore.Batch]) -> None:
    one, again, other = (choose(POOL, 40, rng=seed).indices.tolist() for seed in (1, 1, 2))
    assert one == again != other
    assert (
        choose([POOL[:25], POOL[25:]], 40, rng=1).indices.tolist() == one
    )  # from a source that is read block by block


@ignored
@pytest.mark.parametrize("name", JOINT)
@pytest.mark.parametrize("rule", RULES)
def test_objects_and_names_take_the_rule(name: str, rule: str) -> None:
    found = alcore.heuristic(name, fill=rule).select(POOL, 20, rng=3)
    expected = JOINT[name](POOL, 20, fill=rule, rng=3)
    assert found.indices.tolist() == expected.indices.tolist()
    assert found.fill == expected.fill == rule


@pytest.mark.parametrize("name", JOINT)
def test_another_rule_is_refused(name: str) -> None:
    for call in (lambda: JOINT[name](POOL, 2, fill="best"), lambda: alcore.heuristic(name, fill="best")):
        with pytest.raises(
            ValueError, match="fill: expected one of 'power-bald', 'random', 'bald', 'stop', got 'best'"
        ):
            call()


WORDS = {
    "power-bald": "So the rest of the batch, {} of {}, was drawn by power sampling of BALD (fill='power-bald').",
    "random": "So the rest of the batch, {} of {}, was drawn at random (fill='random').",
    "bald": "So the rest of the batch, {} of {}, was taken in BALD order (fill='bald').",
    "stop": "So the batch ends there (fill='stop').",
}


@pytest.mark.parametrize("choose", JOINT.values(), ids=JOINT)
@pytest.mark.parametrize("rule", RULES)
def test_the_warning_says_what_was_done(choose: Callable[..., alcore.Batch], rule: str) -> None:
    with pytest.warns(alcore.SaturationWarning) as caught:
        batch = choose(POOL, 40, fill=rule, rng=0)
    assert batch.saturated_at is not None
    warning = the_one(caught, alcore.SaturationWarning)
    assert WORDS[rule].format(40 - batch.saturated_at, 40) in str(warning.message)
    assert warning.filename == __file__


@pytest.mark.parametrize("choose", JOINT.values(), ids=JOINT)
def test_a_remedy_of_the_warning_works(choose: Callable[..., alcore.Batch]) -> None:
    """A smaller batch is chosen jointly to its end, more draws tell more rows apart, and PowerBALD() needs no draws apart."""
    with pytest.warns(alcore.SaturationWarning):
        batch = choose(POOL, 40, rng=0)
    assert batch.saturated_at is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert choose(POOL, batch.saturated_at, rng=0).fill is None
        assert len(alcore.PowerBALD().select(POOL, 40, rng=0)) == 40
    more: dict[str, Any] = {"fill": "stop", "rng": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert len(choose(dirichlet(60, 3, 64, seed=3, alpha=0.1), 60, **more)) > batch.saturated_at


@ignored
def test_a_pool_smaller_than_the_batch_is_returned_whole() -> None:
    for choose in JOINT.values():
        for rule in ("power-bald", "random", "bald"):
            assert sorted(choose(POOL, 99, fill=rule, rng=0).indices.tolist()) == list(range(60))
