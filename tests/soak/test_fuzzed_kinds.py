"""Whatever predictions of yes or no, of labels and of means a measure is given, it refuses them or scores as defined."""

from __future__ import annotations

from typing import Any

import numpy as np

import alcore
from tests import gaussians
from tests.soak import definitions
from tests.soak.hostile_arrays import laid_out, no_array, weights
from tests.soak.hostile_kinds import YES_KINDS, factors, means, numbers_of, shape_of, variances, yes_of, yes_or_no
from tests.soak.hostile_numbers import Given, all_right, pick, word
from tests.soak.hostile_predictions import FLOATS
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


def expected_loss_trial(rng: np.random.Generator) -> Trial:
    kind, loss = word(rng, YES_KINDS), word(rng, ("log", "zero-one", "brier"))
    shape = shape_of(rng, kind.meaning, events=False)
    draws, shares = yes_or_no(rng, kind.meaning, shape, axes=False), weights(rng, shape[-1])
    said = said_for(rng, kind.meaning, shape)
    over = word(rng, tuple(OVER)) if shape[1] > 1 and rng.random() < 0.3 else Given("sum", "sum", True)
    given = {"predictions": draws.given.value, "predicted": said.value, "loss": loss.value, "floor": 0.0}
    given |= {"kind": kind.value, "weights": shares.value, "over_labels": over.value}
    right = all_right(kind, loss, draws.given, shares, said, over)
    p = draws.given.meaning
    if p is None or p.shape != shape:  # what is said may fit, or not, the axes that there are
        right = False if p is None and draws.given.right is False and shape[0] else None
    certain = said.meaning is not None and bool(((said.meaning < 1e-9) | (said.meaning > 1 - 1e-7)).any())
    if right and loss.meaning == "log" and certain:
        right = (
            False if ((said.meaning == 0) | (said.meaning == 1)).any() and not kind.meaning.endswith("logits") else None
        )

    def compare(answer: Any) -> None:
        assert p is not None
        w = definitions.shares(shares.meaning, p.shape[-1])
        assert said.value is None or said.meaning.shape == p.shape[:2]
        each = []
        for i in range(p.shape[1]):
            own = None if said.meaning is None else np.stack([1 - said.meaning[:, i], said.meaning[:, i]], axis=1)
            two = np.stack([1 - p[:, i], p[:, i]], axis=1)
            if loss.meaning == "zero-one" and (np.abs((p[:, i] @ w if own is None else own[:, 1]) - 0.5) < 1e-6).any():
                return  # rounding says which of the two is predicted
            each.append(definitions.expected_loss(two, w, own, loss.meaning, 0.0))
        # 1 - p of a float32 near 1 has few digits left, and the log loss takes its logarithm
        near = 1e-2 if draws.given.narrow or said.narrow else 1e-9
        assert_close(answer, OVER[over.meaning](each, axis=0), near, near)

    return Trial(lambda: alcore.expected_loss(**given), given, compare, right)


def said_for(rng: np.random.Generator, kind: Any, shape: tuple[int, ...]) -> Given:
    """Predictions of the model under test, (N, L), of the kind of the draws."""
    chance = rng.random()
    if chance < 0.3:
        return Given(None, None, True)
    if chance < 0.4:
        return Given(no_array(rng).value, None, None if shape[:2] in ((2, 1), (2, 0)) else False)
    with np.errstate(over="ignore"):
        stored = numbers_of(rng, kind, shape[:2]).astype(pick(rng, FLOATS))
        if chance > 0.85 and stored.size:
            stored[0, -1] = pick(rng, (np.nan, np.inf, -np.inf, -0.25, 1.5, 1e5))
    if chance > 0.93 and len(stored):
        return Given(pick(rng, (stored[..., None], stored[:-1], np.append(stored, stored, axis=1))), None, False)
    meaning, right = yes_of(stored[..., None], kind)
    value = stored[:, 0] if str(kind).startswith("binary") and rng.random() < 0.5 else stored
    return Given(laid_out(rng, value), None if meaning is None else meaning[..., 0], right, stored.dtype != np.float64)


@each_part
def test_measures_of_yes_or_no_refuse_or_score_as_defined(part: int, counts: Counts) -> None:
    hold("measures of yes or no", yes_trial, numbers(part), counts)


@each_part
def test_measures_of_means_refuse_or_score_as_defined(part: int, counts: Counts) -> None:
    hold("measures of means", means_trial, numbers(part, 30_000), counts)


@each_part
def test_expected_losses_of_yes_or_no_are_refused_or_as_defined(part: int, counts: Counts) -> None:
    hold("expected losses of yes or no", expected_loss_trial, numbers(part, 30_000), counts)
