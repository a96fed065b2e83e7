"""Whatever heads of different kinds `Combine` is given, it refuses them or adds the scores of each on one scale."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_kinds import YES_KINDS, made_of, variances
from tests.soak.hostile_numbers import NO_NUMBERS, Given, all_right, pick, real, word
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers

HEURISTICS: dict[str, alcore.RowWise] = {
    "bald": alcore.BALD(),
    "entropy": alcore.Entropy(),
    "mean-std": alcore.MeanStd(),
    "sum": alcore.BALD() + alcore.Entropy(),
}
NO_HEADS: list[Any] = [
    *NO_NUMBERS,
    alcore.BALD(),
    [alcore.BALD()],
    {"a": None},
    {3: alcore.BALD()},
    {"a": alcore.BatchBALD()},
    {},
]
NO_HEADS += [
    {"a": alcore.BALD()},
    {"a": alcore.BALD(), "b": alcore.BALD(), "c": alcore.BALD()},
    {"a": alcore.PowerBALD(), "b": 1},
]


def head(rng: np.random.Generator, rows: int) -> tuple[Given, dict[str, Any], alcore.RowWise]:
    """The predictions of a head, its options of reading, and its heuristic."""
    kind = word(rng, (*YES_KINDS, "mean"))
    labels = 1 if str(kind.meaning).startswith("binary") else 2
    made = made_of(rng, kind.meaning, (rows, labels, 3), wrong=0.05)
    noise, shares = Given(None, None, True), weights(rng, 3) if rng.random() < 0.2 else Given(None, None, True)
    if kind.meaning == "mean":
        noise = variances(rng, made)
    value = list(made.given.value) if hasattr(made.given.value, "__next__") else made.given.value
    options = {"kind": kind.value, "axes": made.axes.value, "variance": noise.value, "weights": shares.value}
    right = all_right(kind, made.given, noise, shares)
    meaning = made.given.meaning
    if meaning is None or meaning.shape != (rows, labels, 3):
        right = None if right is not False else False
    return Given(value, meaning, right), options, HEURISTICS[pick(rng, list(HEURISTICS))]


def ranks(scores: np.ndarray) -> np.ndarray:
    """The share of the other rows with a lower score, an equal one by half."""
    if len(scores) == 1:
        return np.array([0.5])
    below = (scores[:, None] > scores).sum(axis=1) + ((scores[:, None] == scores).sum(axis=1) - 1) / 2
    return np.asarray(below / (len(scores) - 1))


def standard(scores: np.ndarray) -> np.ndarray:
    """The square of a score of 1e-300 is none, so all are divided by the largest before."""
    largest = np.abs(scores).max(initial=0.0)
    each = scores / largest if largest else scores
    return np.zeros(len(each)) if each.std() <= 1e-12 else (each - each.mean()) / each.std()


def combine_trial(rng: np.random.Generator) -> Trial:
    rows = int(rng.integers(1, 6))
    heads = {name: head(rng, rows) for name in ("a", "b")}
    heuristics: Any = {name: one[2] for name, one in heads.items()}
    predictions: Any = {name: one[0].value for name, one in heads.items()}
    options: Any = {name: one[1] for name, one in heads.items()}
    scale, shares = (
        word(rng, ("rank", "standard")),
        {name: real(rng, (1.0, 0.5, 3.0, -1.0), (np.inf,)) for name in heads},
    )
    factors: Any = {name: one.value for name, one in shares.items()}
    right = all_right(scale, *shares.values(), *(one[0] for one in heads.values()))
    chance = rng.random()
    if chance < 0.06:
        heuristics, right = pick(rng, NO_HEADS), False
    elif chance < 0.12:
        others = (*NO_NUMBERS, predictions["a"], {}, {"a": predictions["a"]}, {**predictions, "c": predictions["a"]})
        predictions, right = pick(rng, others), False
    elif chance < 0.16:
        factors, right = pick(rng, ({}, {"a": 1.0}, {"a": 1.0, "b": "1"}, 3, [1.0, 1.0], {"a": 1.0, "c": 1.0})), False

    def compare(answer: Any) -> None:
        scores = [one[2].score(one[0].value, **one[1]) for one in heads.values()]
        by = ranks if scale.meaning == "rank" else standard
        each = [shares[name].meaning * by(one) for name, one in zip(heads, scores, strict=True)]
        assert len(scores[0]) == len(scores[1])
        assert_close(answer, each[0] + each[1], 1e-9, 1e-6)

    def call() -> Any:
        return alcore.Combine(heuristics, factors, scale.value, options).score(predictions)

    given = {
        "heuristics": heuristics,
        "weights": factors,
        "scale": scale.value,
        "options": options,
        "predictions": predictions,
    }
    return Trial(call, given, compare, right, ("kind", "axes", "batchbald", "power-bald"))


@each_part
def test_combine_refuses_or_adds_as_defined(part: int, counts: Counts) -> None:
    hold("Combine", combine_trial, numbers(part, 20_000), counts)
