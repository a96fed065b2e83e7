"""Whatever predictions, targets and weights EPIG is given, it refuses them or gives the information of its definition."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_numbers import Given, all_right, pick, word
from tests.soak.hostile_predictions import predictions, right_shape
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers


def targets_for(rng: np.random.Generator, shape: tuple[int, ...], kind: Any) -> Given:
    """Targets of the classes and draws that predictions of this shape have, or others, or none."""
    fitting = (int(rng.integers(1, 5)), shape[1], shape[-1])
    if rng.random() < 0.85:
        return predictions(rng, kind, shape=fitting, wrong=0.15)
    others = (
        (2, shape[1] + 1, shape[-1]),
        (2, shape[1], shape[-1] + 1),
        (2, shape[1], 2, shape[-1]),
        (0, *fitting[1:]),
    )
    return Given(predictions(rng, kind, shape=pick(rng, others), wrong=0.0).value, None, False)


def epig_trial(rng: np.random.Generator) -> Trial:
    kind = word(rng, ("probs", "probs", "logits"))
    shape = right_shape(rng)
    probs, targets = predictions(rng, kind.meaning, shape=shape, wrong=0.25), targets_for(rng, shape, kind.meaning)
    shares_t = weights(rng, shape[-1])
    shares_j = weights(rng, 3 if targets.meaning is None else len(targets.meaning))
    options = {"kind": kind.value, "weights": shares_t.value, "target_weights": shares_j.value}
    right = all_right(kind, probs, targets, shares_t, shares_j)

    def compare(answer: Any) -> None:
        p, q = probs.meaning, targets.meaning
        if not p.size:  # targets are not compared with nothing
            assert answer.shape == (len(p), *p.shape[2:-1])
            return
        assert p.shape[1] == q.shape[1]
        assert p.shape[-1] == q.shape[-1]
        w, v = definitions.shares(shares_t.meaning, p.shape[-1]), definitions.shares(shares_j.meaning, len(q))
        narrow = (3e-3, 3e-5) if kind.meaning == "logits" else (1e-3, 4e-6)
        tolerance = narrow if probs.narrow or targets.narrow else (1e-9, 1e-13)
        assert_close(answer, definitions.epig(p, q, w, v), *tolerance)

    if probs.meaning is not None and not probs.meaning.size and probs.right:
        right = None
    # Spoiled predictions may have other axes than the targets fit.
    fits = probs.meaning is not None and probs.meaning.shape == shape
    fits &= targets.meaning is not None and targets.meaning.shape[1:] == (shape[1], shape[-1])
    return Trial(
        lambda: alcore.epig(probs.value, targets.value, **options),
        {"probs": probs.value, "targets": targets.value, **options},
        compare,
        right if fits or right is False else None,
    )


@each_part
def test_epig_refuses_or_scores_as_defined(part: int, counts: Counts) -> None:
    hold("epig", epig_trial, numbers(part), counts)
