"""Whatever predictions, rows and weights the measures of batches are given, they refuse them or answer as defined."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests.batches import oracle as oracle
from tests.soak import definitions
from tests.soak.hostile_arrays import row_numbers, weights
from tests.soak.hostile_numbers import Given, all_right, count, pick, seed, word
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, Trial, each_part, hold, numbers
from tests.soak.test_fuzzed_batches import ALL, is_whole, small_shape


def information_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, ("joint_entropy", "batch_information"))
    kind, shape = word(rng, ("probs", "probs", "logits")), small_shape(rng)
    probs, shares = predictions(rng, kind.meaning, shape=shape, events=False, wrong=0.25), weights(rng, shape[-1])
    start = seed(rng)
    given = {"probs": probs.value, "kind": kind.value, "weights": shares.value, "rng": start.value}
    arguments = [probs, kind, shares, start]
    rows: Given | None = None
    if name == "batch_information":
        rows = row_numbers(rng, shape[0])
        given["indices"] = rows.value
        arguments.append(rows)
    exact = Given(ALL, ALL, True)
    if rng.random() < 0.15:
        exact, samples = count(rng, 9), count(rng, 400)
        given |= {"exact": exact.value, "samples": samples.value}
        arguments += [exact, samples]

    def compare(answer: Any) -> None:
        assert np.isfinite(answer.value)
        assert answer.standard_error >= 0
        if probs.meaning is None:  # of rows that are not named
            return
        p = probs.meaning if rows is None else probs.meaning[rows.meaning]
        p = p / p.sum(axis=1, keepdims=True)
        w = definitions.settled(shares.meaning, p.shape[-1])
        if exact.meaning == ALL:
            definition = oracle.joint_entropy if rows is None else oracle.joint_information
            near = 1e-4 if probs.narrow and kind.meaning == "logits" else 1e-9 if not probs.narrow else 1e-6
            assert abs(answer.value - (definition(p, w) if len(p) else 0.0)) <= near * max(1, len(p))
            assert answer.standard_error == 0

    right = all_right(*arguments)
    if rows is not None and right is False and all_right(kind, shares, start, rows) is not False:
        right = None  # of an array in memory only the rows that are named are looked at
    whole = is_whole(probs.meaning, shape)
    return Trial(lambda: getattr(alcore, name)(**given), given, compare, right if whole or right is False else None)


@each_part
def test_information_is_refused_or_as_defined(part: int, counts: Counts) -> None:
    hold("joint_entropy, batch_information", information_trial, numbers(part, 60_000), counts)
