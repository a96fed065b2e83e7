"""Whatever a joint heuristic is given, it refuses it, or each pick gains most of the rows left, as its definition says."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

import alcore
from tests.batches import oracle
from tests.soak import definitions
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_numbers import Given, all_right, count, pick, seed, word
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, Trial, each_part, hold, numbers
from tests.soak.test_fuzzed_epig import targets_for

FILLS = ("power-bald", "random", "bald", "stop")
NOISE = 1e-6  # nats, under which a batch is filled
ALL = 10_000  # configurations that are kept: all of these pools
SEPARATED = 1.25  # effective draws, from which 2-BALD goes on for certain
Gains = Callable[[list[int]], np.ndarray]


def small_shape(rng: np.random.Generator) -> tuple[int, int, int]:
    return int(rng.integers(1, 6)), int(rng.integers(2, 4)), int(rng.integers(1, 6))


def is_whole(array: np.ndarray | None, shape: tuple[int, ...]) -> bool:
    """Whether predictions mean something and have the axes that were meant."""
    return array is not None and array.shape == shape


def tolerance(probs: Given, kind: Any) -> float:
    """Nats: posteriors are kept in float32, and draws that do not quite sum to 1 are taken as they are."""
    off = np.abs(probs.meaning.sum(axis=1) - 1).max(initial=0.0)
    return (1e-4 if probs.narrow and kind == "logits" else 3e-6) + 4 * off


def check_greedy(batch: alcore.Batch, gains: Gains, joint: int, near: float) -> None:
    """No row left gained more than the one picked, of those that were chosen jointly."""
    chosen = batch.indices.tolist()
    for place in range(joint):
        each = gains(chosen[:place])
        own = each[chosen[place]]
        assert abs(batch.scores[place] - own) <= near, f"pick {place} gains {own}, not {batch.scores[place]}"
        each[chosen[:place]] = -np.inf
        assert own >= each.max() - near, f"pick {place} gains {own}, another row {each.max()}"


def check_rows(batch: alcore.Batch, rows: int, size: int) -> None:
    assert len(set(batch.indices.tolist())) == len(batch) == size
    assert ((batch.indices >= 0) & (batch.indices < rows)).all()
    assert ((batch.q > 0) & (batch.q <= 1)).all()
    assert (batch.support >= 1).all()
    assert np.isfinite(batch.scores).all()


def check_filled(
    batch: alcore.Batch, gains: Gains, k: int, fill: str, near: float, may_end: Callable[[list[int]], bool]
) -> None:
    """The rows chosen jointly gain most, and those that fill the batch gain nothing that would count, or the batch may end."""
    rows = len(gains([]))
    size, joint = min(k, rows), int((batch.scores > 0).sum())
    joint = joint if batch.fill else len(batch)
    assert (batch.scores[joint:] == 0).all()
    check_rows(batch, rows, joint if batch.fill == "stop" else size)
    assert batch.fill in (None, fill)
    check_greedy(batch, gains, joint, near)
    chosen = batch.indices[:joint].tolist()
    if joint < size and not may_end(chosen):
        each = gains(chosen)
        each[chosen] = -np.inf
        assert each.max() <= NOISE + near, f"after {joint} picks a row gains {each.max()}"


def are_separated(probs: np.ndarray, weights: np.ndarray, chosen: list[int]) -> bool:
    return bool(oracle.effective_draws(probs[chosen], weights) < SEPARATED)


def joint_gains(probs: np.ndarray, weights: np.ndarray, chosen: list[int]) -> np.ndarray:
    return oracle.gains(probs, chosen, weights)


def joint_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, ("batchbald", "two_bald"))
    kind, shape = word(rng, ("probs", "probs", "logits")), small_shape(rng)
    probs, shares = predictions(rng, kind.meaning, shape=shape, events=False, wrong=0.25), weights(rng, shape[-1])
    k, start, fill = count(rng, 6), seed(rng), word(rng, FILLS)
    options = {"kind": kind.value, "weights": shares.value, "rng": start.value, "fill": fill.value}
    arguments = [kind, probs, shares, k, start, fill]
    exact = Given(ALL, ALL, True)
    if name == "batchbald" and rng.random() < 0.3:
        exact, samples = count(rng, 30), count(rng, 200)
        options |= {"exact": exact.value, "samples": samples.value}
        arguments += [exact, samples]

    def compare(batch: Any) -> None:
        p = probs.meaning
        w = definitions.settled(shares.meaning, p.shape[-1])
        near = tolerance(probs, kind.meaning)
        if name == "two_bald":
            check_filled(batch, pairwise_gains(p, w), k.meaning, fill.meaning, 6 * near, partial(are_separated, p, w))
        elif exact.meaning == ALL:
            check_filled(batch, partial(joint_gains, p, w), k.meaning, fill.meaning, near, lambda chosen: False)
        else:
            check_rows(batch, len(p), len(batch) if fill.meaning == "stop" else min(k.meaning, len(p)))

    given = {"probs": probs.value, "k": k.value, **options}
    right = all_right(*arguments)
    whole = is_whole(probs.meaning, shape)
    right = right if whole or right is False else None
    return Trial(lambda: getattr(alcore, name)(**given), given, compare, right, ("memory",))


def pairwise_gains(p: np.ndarray, w: np.ndarray) -> Gains:
    own = oracle.bald(p, w)
    return lambda chosen: own - sum((oracle.pair_information(p[i], p, w) for i in chosen), np.zeros(len(p)))


def batch_epig_trial(rng: np.random.Generator) -> Trial:
    kind, shape = word(rng, ("probs", "probs", "logits")), small_shape(rng)
    probs = predictions(rng, kind.meaning, shape=shape, events=False, wrong=0.2, once=False)
    targets, shares = targets_for(rng, shape, kind.meaning), weights(rng, shape[-1])
    shares_j = weights(rng, 3 if targets.meaning is None else len(targets.meaning))
    k, start = count(rng, 3), seed(rng)
    given = {"probs": probs.value, "targets": targets.value, "k": k.value, "kind": kind.value, "exact": ALL}
    given |= {"weights": shares.value, "target_weights": shares_j.value, "rng": start.value}

    def compare(batch: Any) -> None:
        p, q = probs.meaning, targets.meaning
        if not k.meaning:  # no row is read
            assert len(batch) == 0
            return
        w, v = definitions.settled(shares.meaning, p.shape[-1]), definitions.settled(shares_j.meaning, len(q))
        rows = len(p)
        check_rows(batch, rows, min(k.meaning, rows))

        def gains(chosen: list[int]) -> np.ndarray:
            if not chosen:
                return definitions.epig(p, q, w, v)
            before = oracle.target_information(p[chosen], q, v, w)
            return np.array([oracle.target_information(p[[*chosen, b]], q, v, w) for b in range(rows)]) - before

        near = 1e-5 + tolerance(probs, kind.meaning) + tolerance(targets, kind.meaning)
        check_greedy(batch, gains, len(batch), near)

    right = all_right(kind, probs, targets, shares, shares_j, k, start)
    if right is False and k.meaning == 0:
        right = None
    whole = is_whole(probs.meaning, shape) and targets.meaning is not None and targets.meaning.shape[1:] == shape[1:]
    return Trial(lambda: alcore.batch_epig(**given), given, compare, right if whole or right is False else None)


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@each_part
def test_batchbald_and_two_bald_refuse_or_pick_as_defined(part: int, counts: Counts) -> None:
    hold("batchbald, two_bald", joint_trial, numbers(part, 60_000), counts)


@each_part
def test_batch_epig_refuses_or_picks_as_defined(part: int, counts: Counts) -> None:
    hold("batch_epig", batch_epig_trial, numbers(part, 40_000), counts)
