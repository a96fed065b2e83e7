"""Whatever ICAL is given, it refuses it, or picks the rows whose labels depend most on the pool's, as its definition says."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import numpy as np

import alcore
from alcore.batches.drawn_labels import draw_labels
from alcore.door import Reading
from tests.batches.ical_oracle import expected_kernels, greedy_pointwise, hsic, kernels
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_numbers import all_right, count, flag, seed, word
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, Trial, each_part, hold, numbers
from tests.soak.test_fuzzed_batches import check_rows, is_whole, small_shape


def mean_dependence(pairs: np.ndarray, with_itself: bool) -> Callable[[int, Any], float]:
    """Of a row on others, on average; expected labels leave out the row itself."""

    def mean(row: int, others: Any) -> float:
        rest = others if with_itself else [r for r in others if r != row]
        return float(np.mean([pairs[row, r] for r in rest])) if len(rest) else 0.0

    return mean


def greedy_plain(
    each: Callable[[int, Any], float], n: int, k: int, r: int, d: int, generator: np.random.Generator
) -> Any:
    """One pick after the other, each on average over references of its own."""
    left, indices, scores = list(range(n)), [], []
    for _ in range(k):
        reference = generator.integers(n, size=r)
        values = {row: each(row, reference) for row in left}
        indices.append(max(left, key=lambda row: (values[row], -row)))
        scores.append(values[indices[-1]])
        left.remove(indices[-1])
    return indices, scores


def ical_trial(rng: np.random.Generator) -> Trial:
    kind, shape = word(rng, ("probs", "probs", "logits")), small_shape(rng)
    labels, pointwise = word(rng, ("drawn", "expected")), flag(rng)
    once = labels.meaning == "drawn"
    probs = predictions(rng, kind.meaning, shape=shape, events=False, wrong=0.2, once=once)
    shares, k, start = weights(rng, shape[-1]), count(rng, 4), seed(rng)
    references, comparisons = count(rng, 6, least=1), count(rng, 4, least=1)
    given = {"probs": probs.value, "k": k.value, "kind": kind.value, "labels": labels.value, "rng": start.value}
    given |= {"pointwise": pointwise.value, "references": references.value, "comparisons": comparisons.value}
    given["weights"] = shares.value
    again = deepcopy(start.value) if isinstance(start.value, np.random.Generator) else start.value

    def compare(batch: Any) -> None:
        if probs.meaning is None:  # of no pick expected labels read no row
            assert len(batch) == 0
            return
        rows = len(probs.meaning)
        check_rows(batch, rows, min(k.meaning, rows))
        assert set(batch.q.tolist()) <= {1.0}
        if shares.meaning is None and not (probs.narrow and kind.meaning == "logits") and rows:
            check_picks(batch, probs.meaning, np.random.default_rng(again))

    def check_picks(batch: alcore.Batch, p: np.ndarray, generator: np.random.Generator) -> None:
        if once:
            read = p.astype(np.float32) if probs.narrow else p
            every = kernels(draw_labels(read, Reading(), generator).labels_nt.astype(int))
        else:
            generator.integers(2**64, dtype=np.uint64), generator.random()
            every = expected_kernels(p)
        pairs = np.stack([hsic(every, one) for one in every])
        mean, r, d = mean_dependence(pairs, once), references.meaning, comparisons.meaning
        picks = greedy_pointwise if pointwise.value else greedy_plain
        indices, scores = picks(mean, len(pairs), len(batch), r, d, generator)
        near = 1e-5 + 4 * np.abs(p.sum(axis=1) - 1).max()
        if batch.indices.tolist() == indices:
            np.testing.assert_allclose(batch.scores, scores, rtol=1e-4, atol=near)
        else:  # rows that depend equally, but for rounding
            place = next(i for i, (a, b) in enumerate(zip(batch.indices, indices, strict=True)) if a != b)
            assert abs(batch.scores[place] - scores[place]) <= near

    right = all_right(kind, labels, pointwise, probs, shares, k, start, references, comparisons)
    if right is False and labels.meaning == "expected" and k.meaning == 0:
        right = None  # rows are not read
    whole = is_whole(probs.meaning, shape)
    return Trial(lambda: alcore.ical(**given), given, compare, right if whole or right is False else None)


@each_part
def test_ical_refuses_or_picks_as_defined(part: int, counts: Counts) -> None:
    hold("ical", ical_trial, numbers(part, 60_000), counts)
