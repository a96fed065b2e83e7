"""Whatever predictions of yes or no, of labels and of means a measure is given, it refuses them or scores as defined."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests import gaussians
from tests.soak import definitions
from tests.soak.hostile_arrays import weights
from tests.soak.hostile_kinds import YES_KINDS, factors, means, shape_of, variances, yes_or_no
from tests.soak.hostile_numbers import Given, all_right, pick, word
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers

OVER = {"sum": np.sum, "mean": np.mean, "max": np.max}
BESIDE = ({"variance": 0.5}, {"output_weights": [1.0]}, {"variance": np.ones((2, 1, 3))})  # of means alone
OF_MEANS = {"bald", "entropy", "expected_entropy", "mean_std", "total", "epistemic", "aleatoric"}
LOGITS = 8.0  # beyond which 1 - p of a float32 has no digits left, and pairwise_kl takes its logarithm


def of_labels(name: str, p: np.ndarray, w: np.ndarray) -> np.ndarray:
    """(N, L, ...): the measure of each label as two classes."""
    each = [np.stack([1 - p[:, i], p[:, i]], axis=1) for i in range(p.shape[1])]
    return np.stack([definitions.MEASURES[name](one, w) for one in each], axis=1)


def yes_trial(rng: np.random.Generator) -> Trial:
    name, kind = pick(rng, list(definitions.MEASURES)), word(rng, YES_KINDS)
    made = yes_or_no(rng, kind.meaning, shape_of(rng, kind.meaning))
    p = made.given.meaning
    shares = weights(rng, 3 if p is None else p.shape[-1])
    over = word(rng, tuple(OVER)) if rng.random() < 0.3 else Given("sum", "sum", True)
    options = {"kind": kind.value, "axes": made.axes.value, "weights": shares.value, "over_labels": over.value}
    right = all_right(kind, made.given, shares, over)
    if over.meaning in ("mean", "max") and str(kind.meaning).startswith("binary"):
        right = False
    if rng.random() < 0.05:
        options, right = {**options, **pick(rng, BESIDE)}, False

    def compare(answer: Any) -> None:
        each = of_labels(name, p, definitions.shares(shares.meaning, p.shape[-1]))
        logits = kind.meaning.endswith("logits")
        if name == "pairwise_kl" and logits and (np.abs(p - 0.5) > 0.5 - np.exp(-LOGITS)).any():
            assert answer.shape == (len(p), *p.shape[2:-1])
            return
        relative, absolute = (
            (3e-4, 3e-5) if made.given.narrow and logits else (1e-5, 4e-6) if made.given.narrow else (1e-9, 1e-12)
        )
        assert_close(answer, OVER[over.meaning](each, axis=1), relative, absolute * p.shape[1])

    given = {"probs": made.given.value, **options}
    return Trial(lambda: getattr(alcore, name)(**given), given, compare, right)


def means_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, (*OF_MEANS, "margin", "pairwise_kl", "vote_entropy"))
    made = means(rng, shape_of(rng, pick(rng, ("binary", "multilabel"))))
    mu = made.given.meaning
    noise, shares = variances(rng, made), weights(rng, 3 if mu is None else mu.shape[-1])
    scale = factors(rng, 2 if mu is None else mu.shape[1])
    options = {"kind": "mean", "axes": made.axes.value, "weights": shares.value}
    options |= {"variance": noise.value, "output_weights": scale.value}
    right = all_right(made.given, noise, shares, scale)
    if noise.value is None and right is None:
        right = True if name in ("epistemic", "mean_std") and made.given.right and all_right(shares, scale) else None
        right = False if name not in ("epistemic", "mean_std") and made.given.right is not None else right
    if name not in OF_MEANS:
        right = False
    part = {"part": name} if name in ("total", "epistemic", "aleatoric") else {}

    def compare(answer: Any) -> None:
        assert_is_measure(answer, name.replace("_", "-"), mu, noise.meaning, shares.meaning, scale.meaning)

    first = "means" if part else "probs"
    given = {first: made.given.value, **part, **options}
    function = getattr(alcore, "variance" if part else name)
    return Trial(lambda: function(**given), given, compare, right, ("probs", "blocks"))


def assert_is_measure(answer: Any, name: str, mu: Any, noise: Any, w: Any, factors_d: Any) -> None:
    assert mu is not None
    assert noise is not None or name in ("epistemic", "mean-std")
    assert factors_d is not None
    n, outputs, *events, draws = mu.shape
    flat, other = (
        np.moveaxis(one, 1, -2).reshape(-1, outputs, draws)
        for one in (mu, np.ones(mu.shape) if noise is None else noise)
    )
    each = gaussians.measure(name, flat, other, w)
    with np.errstate(over="ignore"):
        expected = each @ factors_d / (outputs if name == "mean-std" else 1)
    scale = np.abs(mu).max(initial=0.0) ** (2 if name in ("total", "epistemic") else 1 if name == "mean-std" else 0)
    assert_close(answer, expected.reshape(n, *events), 1e-9, 1e-12 * (1 + scale) * outputs)


@each_part
def test_measures_of_yes_or_no_refuse_or_score_as_defined(part: int, counts: Counts) -> None:
    hold("measures of yes or no", yes_trial, numbers(part), counts)


@each_part
def test_measures_of_means_refuse_or_score_as_defined(part: int, counts: Counts) -> None:
    hold("measures of means", means_trial, numbers(part, 30_000), counts)
