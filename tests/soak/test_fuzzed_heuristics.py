"""Whatever a heuristic is made of and given, it refuses it, or scores and picks as the definitions of its parts say."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import mask, scores, weights
from tests.soak.hostile_numbers import NO_NUMBERS, Given, all_right, count, pick, real, seed, word
from tests.soak.hostile_predictions import predictions
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers
from tests.soak.test_fuzzed_selections import BETAS, check_draws, log_weights

NAMES = (
    "entropy",
    "expected-entropy",
    "bald",
    "margin",
    "least-confidence",
    "variation-ratio",
    "mean-std",
    "vote-entropy",
)
NO_HEURISTICS: list[Any] = [
    None,
    "bald",
    3,
    alcore.BALD,
    alcore.bald,
    alcore.BatchBALD(),
    alcore.Random(),
    alcore.PowerBALD(),
    [alcore.BALD()],
]
RULES = ("mean", "sum", "max", "top-mean")
Definition = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Made:
    """How an object is made, the score that its definition gives, and whether what it is made of is right."""

    make: Callable[[], Any]
    define: Definition | None
    right: bool | None
    reduces: bool = False
    draws: str = ""  # how its batches are drawn
    beta: float = 0.0


def measure(rng: np.random.Generator) -> Made:
    name = word(rng, NAMES)
    define = None if name.meaning is None else definitions.MEASURES[name.meaning.replace("-", "_")]
    return Made(lambda: alcore.heuristic(name.value), define, name.right)


def weighted_sum(rng: np.random.Generator) -> Made:
    first, second = measure(rng), measure(rng)
    factors = real(rng, (0.0, 0.5, 2.0, -1.0), (np.inf, -np.inf)), real(rng, (0.3, 1e-3), (np.inf,))
    right = all_right(*factors, *(Given(None, None, one.right) for one in (first, second)))

    def define(p: np.ndarray, w: np.ndarray) -> np.ndarray:
        return factors[0].meaning * first.define(p, w) + factors[1].meaning * second.define(p, w)

    # A number on the left of NumPy's own kind would make an array of heuristics.
    return Made(lambda: first.make() * factors[0].value + second.make() * factors[1].value, define, right)


def row_wise(rng: np.random.Generator) -> Made:
    return pick(rng, (measure, measure, weighted_sum))(rng)


def reduced(rng: np.random.Generator) -> Made:
    inner, how, share = row_wise(rng), word(rng, RULES), real(rng, (0.1, 0.5, 1.0), (0.0, 1.1, -1.0))
    right = all_right(how, share, Given(None, None, inner.right))
    if rng.random() < 0.05:
        wrong = pick(rng, NO_HEURISTICS)
        return Made(lambda: alcore.Reduce(wrong, how.value, share.value), None, False, reduces=True)

    def define(p: np.ndarray, w: np.ndarray, keep: np.ndarray | None = None) -> np.ndarray:
        cells = inner.define(p, w)
        kept = np.ones(cells.shape, bool) if keep is None else keep
        rows = [definitions.reduced(row[own], how.meaning, share.meaning) for row, own in zip(cells, kept, strict=True)]
        return np.array(rows, np.float64)

    return Made(lambda: alcore.Reduce(inner.make(), how.value, share.value), define, right, reduces=True)


def drawing(rng: np.random.Generator) -> Made:
    inner, beta = reduced(rng) if rng.random() < 0.5 else row_wise(rng), real(rng, BETAS, (-1.0, np.inf))
    name = pick(rng, ("Power", "Softmax", "SoftRank"))
    if rng.random() < 0.05:
        wrong = pick(rng, [*NO_HEURISTICS, *NO_NUMBERS])
        return Made(lambda: getattr(alcore, name)(wrong, beta.value), None, False)
    right = all_right(beta, Given(None, None, inner.right))
    draws = name.lower()
    return Made(
        lambda: getattr(alcore, name)(inner.make(), beta.value),
        inner.define,
        right,
        inner.reduces,
        draws,
        beta.meaning or 0.0,
    )


def heuristic_trial(rng: np.random.Generator) -> Trial:
    made = pick(rng, (row_wise, reduced, drawing))(rng)
    kind = word(rng, ("probs", "probs", "logits"))
    probs = predictions(rng, kind.meaning, wrong=0.2)
    cells = (2, 3) if probs.meaning is None else (len(probs.meaning), *probs.meaning.shape[2:-1])
    shares = weights(rng, 3 if probs.meaning is None else probs.meaning.shape[-1])
    padding = mask(rng, cells) if made.reduces or rng.random() < 0.1 else Given(None, None, True)
    start, k, selects = seed(rng), count(rng, 6), bool(rng.random() < 0.5)
    given = {"predictions": probs.value, "kind": kind.value, "weights": shares.value, "mask": padding.value}
    arguments = [kind, probs, shares, padding, Given(None, None, made.right)]
    if selects:
        given |= {"k": k.value, "rng": start.value}
        arguments += [start, k]

    def call() -> Any:
        heuristic = made.make()
        return heuristic.select(**given) if selects else heuristic.score(**given)

    def compare(answer: Any) -> None:
        p = probs.meaning
        w = definitions.shares(shares.meaning, p.shape[-1])
        keep = None if padding.meaning is None else ~padding.meaning
        assert keep is None or made.reduces
        expected = made.define(p, w) if keep is None else made.define(p, w, keep)
        near = 1e-3 if probs.narrow and kind.meaning == "logits" else 1e-4 if probs.narrow else 1e-11
        near *= 1 + np.prod(cells[1:])
        if selects:
            check_batch(answer, expected, k.meaning, near, made)
        else:
            assert_close(answer, expected, near, near)

    right = all_right(*arguments)
    may_be_empty = made.reduces and not np.prod(cells[1:])  # rows without cells are refused where there are rows
    too_many_axes = selects and len(cells) > 1 and not made.reduces
    unreducible = padding.value is not None and not made.reduces
    if right and (may_be_empty or too_many_axes or unreducible):
        right = None
    return Trial(
        call, given, compare, right, ("heuristic", "factor", "beta", "how", "q", "scores", "probs", "batchbald", *NAMES)
    )


def check_batch(batch: Any, expected: np.ndarray, k: int, near: float, made: Made) -> None:
    assert expected.ndim == 1
    if not made.draws:
        chosen = expected[batch.indices]
        assert len(set(batch.indices.tolist())) == len(batch) == min(k, len(expected))
        assert_close(batch.scores, chosen, near, near)
        assert (np.diff(chosen) <= 2 * near).all()
        rest = np.delete(expected, batch.indices)
        assert not chosen.size or not rest.size or rest.max() <= chosen.min() + 2 * near
        return
    own = np.array(expected)
    own[batch.indices] = batch.scores  # q is that of the scores found, which `near` is wide of where they decide
    assert_close(own, expected, near, near)
    if made.draws == "softmax" and made.beta <= 3:
        weights_n = log_weights("softmax", own, made.beta)
        np.testing.assert_allclose(batch.q, definitions.chances(weights_n, batch.indices), rtol=100 * near)
    assert len(set(batch.indices.tolist())) == len(batch) == min(k, len(expected))
    assert ((batch.q > 0) & (batch.q <= 1)).all()


def precomputed_trial(rng: np.random.Generator) -> Trial:
    """Scores made elsewhere: predictions may be None, or have as many rows."""
    values, k, start = scores(rng, finite=True), count(rng, 10), seed(rng)
    beta = real(rng, BETAS, (-1.0, np.inf))
    rows = 2 if values.meaning is None else len(values.meaning)
    probs: Any = None
    fits = True
    if rng.random() < 0.4:
        many = pick(rng, (rows, rows, rows + 1))
        probs, fits = np.full((many, 2, 1), 0.5), many == rows

    def compare(batch: Any) -> None:
        check_draws(batch, log_weights("softrank", values.meaning, beta.meaning), values.meaning, k.meaning)

    right = all_right(values, k, start, beta) if fits else False
    given = {"scores": values.value, "beta": beta.value, "predictions": probs, "k": k.value, "rng": start.value}

    def call() -> Any:
        heuristic = alcore.SoftRank(alcore.Precomputed(given["scores"]), given["beta"])
        return heuristic.select(probs, given["k"], rng=given["rng"])

    return Trial(call, given, compare, right)


@each_part
def test_heuristics_refuse_or_score_and_pick_as_defined(part: int, counts: Counts) -> None:
    hold("heuristics", heuristic_trial, numbers(part), counts)


@each_part
def test_precomputed_scores_are_refused_or_drawn_from(part: int, counts: Counts) -> None:
    hold("Precomputed", precomputed_trial, numbers(part), counts)
