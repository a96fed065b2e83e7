"""Whatever picks, losses and predictions the estimators of risk are given, they refuse them or answer as defined."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

import alcore
from tests.soak import definitions
from tests.soak.hostile_arrays import NARROW, listed, no_array, weights
from tests.soak.hostile_numbers import Given, all_right, count, pick, real, word
from tests.soak.hostile_predictions import distributions, logits, meaning_of, predictions, right_shape
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers

LOSSES = ("log", "zero-one", "brier")
TINY = np.finfo(np.float64).tiny


# --- estimators -------------------------------------------------------------------------------------------------------


def chances(rng: np.random.Generator, rows: int) -> Given:
    """The probability of each of some picks from so many rows."""
    if rng.random() < 0.08:
        return no_array(rng)
    picks = int(rng.integers(1, rows + 1))
    array = alcore.softmax(rng.normal(size=rows) * 2, picks, rng=rng).q.copy()
    if rng.random() < 0.3:
        array = 1.0 / (rows - np.arange(picks))
    if rng.random() < 0.2:
        array[rng.integers(picks)] = pick(rng, (0.0, -0.1, 1.1, np.nan, np.inf, 1e-310, 5e-324, 1 + 1e-7, 1e-200, 1.0))
    if rng.random() < 0.05:
        return Given(pick(rng, (array[None], array[:0], np.array(0.5))), None, False)
    if rng.random() < 0.2:
        array = array.astype(pick(rng, NARROW))
    wide = array.astype(np.float64)
    right = bool((wide >= TINY).all() and (wide <= 1).all())
    return Given(
        listed(rng, array),
        wide,
        None if right else False if not (wide <= 1 + 2e-6).all() or (wide <= 0).any() else None,
    )


def supports(rng: np.random.Generator, rows: int, picks: int) -> Given:
    """How many rows had a chance at each pick."""
    left = rows - np.arange(picks)
    chance = rng.random()
    if chance < 0.5:
        return Given(None, left, True)
    if chance < 0.85:
        return Given(listed(rng, left.astype(pick(rng, (np.int64, np.uint8, np.int16)))), left, True)
    wrong: list[Any] = [
        left.astype(float),
        left[None],
        np.append(left, 1),
        left.astype(str),
        left > 0,
    ]
    wrong += [
        np.ma.masked_array(left),
        2**63 + left.astype(np.uint64),
        left.astype(object),
        [[1], [1, 2]],
        iter(left.tolist()),
    ]
    if chance < 0.9:  # right for another pool size
        other = left + pick(rng, (-1, 1))
        return Given(other, other, None)
    return Given(pick(rng, [*wrong, no_array(rng).value]), None, False)


def losses_of(rng: np.random.Generator, picks: int) -> Given:
    if rng.random() < 0.08:
        given = no_array(rng)
        zero_one = isinstance(given.value, np.ndarray) and given.value.dtype == np.bool_
        return Given(object(), None, False) if zero_one else given
    array = pick(rng, (rng.gamma(0.5, size=picks), rng.normal(size=picks), (rng.random(picks) < 0.3), np.zeros(picks)))
    if rng.random() < 0.2:
        array = (
            array.astype(pick(rng, (*NARROW, np.int16, np.uint64)), casting="unsafe") if (array >= 0).all() else array
        )
    wide = array.astype(np.float64)
    if rng.random() < 0.15 and picks:
        wide[rng.integers(picks)] = pick(rng, (np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324))
        array = wide
    if rng.random() < 0.05:
        return Given(pick(rng, (array[None], np.append(array, 1), array[:-1], np.array(0.5))), None, False)
    large = np.abs(wide).max(initial=0) > 1e200
    return Given(listed(rng, array), wide, False if not np.isfinite(wide).all() else None if large else True)


def estimate_trial(rng: np.random.Generator) -> Trial:
    name = pick(rng, ("lure", "pure", "lure_weights", "pure_weights"))
    rows = int(rng.integers(1, 8))
    q = chances(rng, rows)
    picks = 2 if q.meaning is None else len(q.meaning)
    size, support = count(rng, rows), supports(rng, rows, picks)
    if size.right and rng.random() < 0.9:
        size = Given(rows, rows, True)
    given = {"q": q.value, "pool_size": size.value, "support": support.value}
    arguments, losses = [q, size, support], Given(None, None, True)
    if "weights" not in name:
        losses = losses_of(rng, picks)
        given = {"losses": losses.value, **given}
        arguments.append(losses)

    def compare(answer: Any) -> None:
        q_m, n = np.minimum(q.meaning, 1.0), size.meaning
        left_m = n - np.arange(picks)
        assert (left_m >= 1).all()
        assert not ((q_m == 1) & (left_m > 1)).any()
        assert support.value is None or (support.meaning == left_m).all()
        if "weights" in name:
            assert_close(answer, weights_of(name, q_m, n), 1e-9, 1e-300)
            return
        with np.errstate(over="ignore"):
            value, error = estimate_of(name, losses.meaning, q_m, n)
            scale = float(np.abs(losses.meaning / q_m).max()) + 1e-300
        if np.isinf(error) and picks > 1:
            return  # the definition's squares overflow, hypot does not
        assert abs(answer.value - value) <= 1e-9 * scale
        assert answer.standard_error == error or abs(answer.standard_error - error) <= 1e-7 * scale

    right, others = all_right(*arguments), all_right(size, support, losses)
    return Trial(
        lambda: getattr(alcore, name)(**given), given, compare, fitting(right, others, q, size, support, picks)
    )


def fitting(right: bool | None, others: bool | None, q: Given, size: Given, support: Given, picks: int) -> bool | None:
    """Whether picks, of which each may be right by itself, fit each other for certain."""
    if right is False or others is not True:
        return right
    left = size.meaning - np.arange(picks)
    fits = (left >= 1).all() and ((q.meaning < 1) | (left == 1)).all() and (q.meaning >= TINY).all()
    fits = (
        fits
        and (q.meaning <= 1).all()
        and (support.meaning == left).all()
        and (left[-1] > 1 or q.meaning[-1] > 1 - 1e-7)
    )
    return True if fits else None


def weights_of(name: str, q_m: np.ndarray, n: int) -> np.ndarray:
    m, picks = np.arange(1, len(q_m) + 1), len(q_m)
    if name.startswith("pure"):
        return 1 / (n * q_m) + (picks - m) / n
    if picks == n:
        return np.ones(n)
    return 1 + (n - picks) / (n - m) * (1 / ((n - m + 1) * q_m) - 1)


def estimate_of(name: str, losses_m: np.ndarray, q_m: np.ndarray, n: int) -> tuple[float, float]:
    """The value and the standard error of the docstrings, term by term."""
    m, picks = np.arange(1, len(q_m) + 1), len(q_m)
    value = float((weights_of(name, q_m, n) * losses_m).mean())
    before = np.array([losses_m[:i].sum() for i in range(picks)])
    a_m = losses_m / (n * q_m) + before / n
    if name == "pure":
        value = float(a_m.mean())
        spread = math.sqrt(((a_m - value) ** 2).sum() / (picks * (picks - 1))) if picks > 1 else math.inf
        return value, spread if n > 1 else 0.0
    if picks == n:
        return value, 0.0
    c_m = n * (n - picks) / ((n - m) * (n - m + 1))
    return value, math.sqrt((c_m**2 * (a_m - value) ** 2).sum()) / picks if picks > 1 else math.inf


# --- expected losses --------------------------------------------------------------------------------------------------


def predicted_for(rng: np.random.Generator, shape: tuple[int, ...], kind: Any) -> Given:
    """What a model under test says of rows: (N, C), or nothing."""
    chance = rng.random()
    if chance < 0.3:
        return Given(None, None, True)
    if chance < 0.36:
        given = no_array(rng)
        return given if given.value is not None else Given("none", None, False)
    array = (logits if kind == "logits" else distributions)(rng, (*shape[:2], 1))[..., 0]
    if chance < 0.45 and array.size:
        other = pick(
            rng,
            (
                array[:-1],
                array[:, :-1],
                array[..., None],
                array.T,
                array[0] if len(array) else array[:, :1],
                array * 1.5,
            ),
        )
        meaning, right = meaning_of(other[..., None], kind) if other.shape == array.shape else (None, False)
        return Given(other, None if meaning is None else meaning[..., 0], right)
    array = array.astype(pick(rng, (np.float64, *NARROW)))
    if chance < 0.5 and array.size:
        array[0, 0] = pick(rng, (np.nan, np.inf, -0.25, 0.0))
    meaning, right = meaning_of(array[..., None], kind)
    if not array.size:
        meaning, right = array[..., None].astype(float), None
    return Given(
        listed(rng, array, 0.15 if array.size else 0.0),
        None if meaning is None else meaning[..., 0],
        right,
        array.dtype != np.float64,
    )


def expected_loss_trial(rng: np.random.Generator) -> Trial:
    kind, shape = word(rng, ("probs", "probs", "logits")), right_shape(rng, events=False)
    draws, shares = predictions(rng, kind.meaning, shape=shape, events=False, wrong=0.25), weights(rng, shape[-1])
    said = predicted_for(rng, shape, kind.meaning)
    loss, floor = word(rng, LOSSES), real(rng, (0.0, 0.1, 1.0), (-0.1, 1.1, np.inf))
    given = {"predictions": draws.value, "predicted": said.value, "loss": loss.value, "floor": floor.value}
    given |= {"kind": kind.value, "weights": shares.value}

    def compare(answer: Any) -> None:
        p = draws.meaning
        off = np.abs(p.sum(axis=1) - 1).max(initial=0.0)
        predicted = said.meaning
        if said.value is None:
            predicted = None
        elif predicted is None:  # it fits predictions whose axes were swapped
            assert np.isfinite(answer).all()
            return
        assert said.value is None or predicted.shape == p.shape[:2]
        expected = definitions.expected_loss(
            p, definitions.shares(shares.meaning, p.shape[-1]), predicted, loss.meaning, floor.meaning
        )
        near = (
            3e-4
            if kind.meaning == "logits" and (draws.narrow or said.narrow)
            else 1e-6
            if draws.narrow or said.narrow
            else 1e-12
        )
        assert_close(answer, expected, 1e-5 if near > 1e-9 else 1e-9, 4 * near + 4 * off)

    right = all_right(kind, draws, shares, said, loss, floor)
    fits = draws.meaning is not None and draws.meaning.shape == shape
    zeros = said.meaning is not None and loss.meaning == "log" and (said.meaning < 1e-30).any()
    right = None if (right and zeros) or (draws.meaning is not None and not fits) else right
    return Trial(lambda: alcore.expected_loss(**given), given, compare, right)


@each_part
def test_estimators_refuse_or_weigh_as_defined(part: int, counts: Counts) -> None:
    hold("lure, pure and their weights", estimate_trial, numbers(part), counts)


@each_part
def test_expected_loss_refuses_or_scores_as_defined(part: int, counts: Counts) -> None:
    hold("expected_loss", expected_loss_trial, numbers(part), counts)
