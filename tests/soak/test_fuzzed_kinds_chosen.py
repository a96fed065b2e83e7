"""Whatever targets, masks, sets and batches of yes or no, of labels and of means are asked for, they are refused or as defined."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np
import pytest

import alcore
from tests import gaussians
from tests.cases_of_kinds import label_vectors
from tests.soak import definitions
from tests.soak.hostile_arrays import no_array, weights
from tests.soak.hostile_kinds import YES_KINDS, Lying, made_of, means, shape_of, variances
from tests.soak.hostile_numbers import Given, all_right, count, pick, real, seed, word
from tests.soak.laws import Counts, Trial, assert_close, each_part, hold, numbers
from tests.soak.test_fuzzed_batches import (
    ALL,
    FILLS,
    are_separated,
    check_filled,
    check_rows,
    joint_gains,
    pairwise_gains,
)
from tests.soak.test_fuzzed_kinds import of_labels

KINDS = (*YES_KINDS, "mean")
RULES = ("mean", "sum", "max", "top-mean")
NARROW = {True: (3e-3, 1e-4), False: (1e-7, 1e-10)}


def fits(made: Lying, shape: tuple[int, ...]) -> bool:
    """Whether predictions mean something and have the axes that were meant."""
    return made.given.meaning is not None and made.given.meaning.shape == shape


# --- targets ----------------------------------------------------------------------------------------------------------


def epig_trial(rng: np.random.Generator) -> Trial:
    kind = word(rng, KINDS)
    shape = shape_of(rng, "binary" if kind.meaning == "mean" else kind.meaning, events=False)
    shape = (shape[0], 2, shape[2]) if kind.meaning == "mean" and rng.random() < 0.5 else shape
    probs, others = made_of(rng, kind.meaning, shape, axes=False), (3, shape[1], shape[2])
    if rng.random() < 0.1:
        others = pick(
            rng, ((0, *shape[1:]), (3, shape[1] + 1, shape[2]), (3, shape[1], shape[2] + 1), (3, shape[1], 2, shape[2]))
        )
    targets = made_of(rng, kind.meaning, others, wrong=0.1, axes=False)
    shares = weights(rng, shape[2])
    options = {"kind": kind.value, "weights": shares.value}
    arguments = [kind, probs.given, targets.given, shares]
    noise, of_targets = Given(None, None, True), Given(None, None, True)
    if kind.meaning == "mean" or rng.random() < 0.03:
        noise, of_targets = variances(rng, probs), variances(rng, targets)
        options |= {"variance": noise.value, "target_variance": of_targets.value}
        arguments += [noise, of_targets]
    if kind.meaning != "mean" and (noise.value is not None or of_targets.value is not None):
        arguments.append(Given(None, None, False))
    right = (
        all_right(*arguments)
        if fits(probs, shape) and fits(targets, others) and others[1:] == shape[1:] and others[0]
        else None
    )
    right = False if all_right(*arguments) is False and shape[0] else right

    def compare(answer: Any) -> None:
        p, q = probs.given.meaning, targets.given.meaning
        if not p.size:
            assert answer.shape == (0,)
            return
        relative, absolute = NARROW[probs.given.narrow or targets.given.narrow]
        if kind.meaning == "mean":
            v = of_targets.meaning
            if v is None and of_targets.value is None and np.size(noise.value) in (1, p.shape[1]):
                v = np.broadcast_to(noise.meaning[:1, :, :1], q.shape)
            assert_close(
                answer,
                gaussians.epig(p, noise.meaning, q, v, shares.meaning),
                relative,
                1e-3 if relative > 1e-4 else 1e-8,
            )
            return
        w = definitions.shares(shares.meaning, p.shape[-1])
        expected = definitions.epig(label_vectors(p), label_vectors(q), w, np.full(len(q), 1 / len(q)))
        assert_close(answer, expected, relative, absolute)

    given = {"probs": probs.given.value, "targets": targets.given.value, **options}
    return Trial(lambda: alcore.epig(**given), given, compare, right)


# --- masks that may hide whole rows, and sets -------------------------------------------------------------------------


def cells_of(kind: Any, made: Lying, noise: Given, shares: Given) -> np.ndarray:
    """BALD of every cell."""
    p = made.given.meaning
    if kind != "mean":
        return of_labels("bald", p, definitions.shares(shares.meaning, p.shape[-1])).sum(axis=1)
    n, outputs, *events, draws = p.shape
    flat, other = (np.moveaxis(one, 1, -2).reshape(-1, outputs, draws) for one in (p, noise.meaning))
    return gaussians.measure("bald", flat, other, shares.meaning).sum(axis=1).reshape(n, *events)


def reduced(rows: list[np.ndarray], how: str, share: float, empty: float | None) -> np.ndarray:
    found = [definitions.reduced(row, how, share) if row.size else empty for row in rows]
    assert None not in found, "a row without cells was scored"
    return np.array(found, np.float64)


def reduce_trial(rng: np.random.Generator) -> Trial:
    kind, sets = word(rng, KINDS), rng.random() < 0.4
    between: tuple[int, ...] = () if sets else pick(rng, ((2,), (3,), (2, 2), (1,)))
    labels = 1 if str(kind.meaning).startswith("binary") else 2
    shape = (int(rng.integers(1, 7)), labels, *between, 3)
    made = made_of(rng, kind.meaning, shape, axes=False)
    noise, shares = variances(rng, made) if kind.meaning == "mean" else Given(None, None, True), weights(rng, 3)
    how, share = word(rng, RULES), real(rng, (0.1, 0.5, 1.0), (0.0, 1.1))
    empty = Given(None, None, True) if rng.random() < 0.5 else real(rng, (0.0, -1.0, 2.5), ())
    if empty.value is None:
        empty = Given(None, None, True)
    options = {"kind": kind.value, "weights": shares.value, "variance": noise.value}
    hidden = offsets(rng, shape[0]) if sets else padding(rng, (shape[0], *between))
    right = all_right(kind, made.given, noise, shares, how, share, empty, hidden)
    right = right if fits(made, shape) or right is False else None
    if not sets and hidden.meaning is not None and False in (made.given.right, noise.right):
        right = None  # what is invalid may be padding
    if right and hidden.meaning is not None and empty.meaning is None and has_empty(hidden.meaning, sets):
        right = False

    def compare(answer: Any) -> None:
        if made.given.meaning is None or (kind.meaning == "mean" and noise.meaning is None):
            assert hidden.meaning.any()
            return
        cells = cells_of(kind.meaning, made, noise, shares)
        if sets:
            rows = np.split(cells, hidden.meaning[1:-1]) if len(hidden.meaning) > 1 else []
        else:
            keep = np.ones(cells.shape, bool) if hidden.meaning is None else ~hidden.meaning
            rows = [row[own] for row, own in zip(cells, keep, strict=True)]
        near = (1e-3 if kind.meaning != "mean" else 1e-9) if made.given.narrow else 1e-9
        assert_close(answer, reduced(rows, how.meaning, share.meaning, empty.meaning), near, near * (1 + cells[0].size))

    def call() -> Any:
        heuristic = alcore.Reduce(alcore.BALD(), how.value, share.value, empty.value)
        if sets:
            return heuristic.score(alcore.Ragged(made.given.value, hidden.value), **options)
        return heuristic.score(made.given.value, mask=hidden.value, **options)

    name = "offsets" if sets else "mask"
    given = {
        "probs": made.given.value,
        name: hidden.value,
        "how": how.value,
        "q": share.value,
        "empty": empty.value,
        **options,
    }
    return Trial(call, given, compare, right, ("scores", "rows", "flat"))


def has_empty(hidden: np.ndarray, sets: bool) -> bool:
    return bool((np.diff(hidden) == 0).any() if sets else hidden.reshape(len(hidden), -1).all(axis=1).any())


def padding(rng: np.random.Generator, shape: tuple[int, ...]) -> Given:
    """A mask that may hide all of a row."""
    chance = rng.random()
    if chance < 0.2:
        return Given(None, None, True)
    array = rng.random(shape) < 0.4
    if chance < 0.5:
        array[rng.integers(len(array))] = True
    if chance < 0.85:
        return Given(array, array, True)
    return Given(
        pick(rng, (array[:-1], array[..., None], array.astype(int), array.astype(float), array[..., :-1])), None, False
    )


def offsets(rng: np.random.Generator, cells: int) -> Given:
    """Offsets of rows in so many cells, of which some may be empty, or that do not add up."""
    inner = np.sort(rng.integers(0, cells + 1, int(rng.integers(0, 4))))
    right = np.concatenate([[0], inner, [cells]])
    chance = rng.random()
    if chance < 0.7:
        array = right.astype(pick(rng, (np.int64, np.int32, np.uint8)))
        return Given(array.tolist() if chance < 0.2 else array, right, True)
    wrong = (
        right[:-1], right[1:], right + 1, right[::-1], np.append(right, cells + 1), -right, right.astype(float), right[None],
        np.append(right, 0), right.astype(str), [], np.array([0]), np.append(right, -1), right * 2, no_array(rng).value,
        np.append(right, np.uint64(2**63)), np.ma.masked_array(right),
    )  # fmt: skip
    value = pick(rng, wrong)
    try:
        same = type(value) is np.ndarray and value.dtype.kind in "iu" and np.array_equal(value, right)
    except Exception:
        same = False
    starts = type(value) is np.ndarray and value.ndim == 1 and len(value) and value.dtype.kind in "iu" and value[0] == 0
    adds_up = bool(starts and value[-1] == cells and (np.diff(value.astype(np.int64)) >= 0).all())
    return Given(value, value if same or adds_up else None, bool(same or adds_up))


# --- batches ----------------------------------------------------------------------------------------------------------


def log_det_trial(rng: np.random.Generator) -> Trial:
    shape = (int(rng.integers(1, 6)), int(rng.integers(1, 3)), int(rng.integers(1, 6)))
    made = means(rng, shape)
    noise, shares = variances(rng, made), weights(rng, shape[-1])
    k, start, fill = count(rng, 6), seed(rng), word(rng, FILLS)
    options = {"axes": made.axes.value, "weights": shares.value, "variance": noise.value}
    options |= {"rng": start.value, "fill": fill.value}
    right = all_right(made.given, noise, shares, k, start, fill)
    right = right if fits(made, shape) or right is False else None

    def compare(batch: Any) -> None:
        mu, v = made.given.meaning, noise.meaning
        assert mu is not None
        assert v is not None
        rows = len(mu)
        if mu.ndim > 3 or not rows:
            assert len(batch) == 0
            return
        check_rows(batch, rows, len(batch) if fill.meaning == "stop" else min(k.meaning, rows))
        joint = int((batch.scores > 0).sum())
        chosen, before = batch.indices.tolist(), 0.0
        for place in range(joint):
            each = (
                np.array([gaussians.information([*chosen[:place], n], mu, v, shares.meaning) for n in range(rows)])
                - before
            )
            each[chosen[:place]] = -np.inf
            near = 1e-7 * (1 + abs(before))
            assert abs(batch.scores[place] - each[chosen[place]]) <= near
            assert each[chosen[place]] >= each.max() - near
            before += each[chosen[place]]

    given = {"means": made.given.value, "k": k.value, **options}
    return Trial(lambda: alcore.log_det(**given), given, compare, right, ("memory", "probs"))


def joint_trial(rng: np.random.Generator) -> Trial:
    name, kind = pick(rng, ("batchbald", "two_bald", "ical")), word(rng, KINDS)
    shape = (int(rng.integers(1, 6)), 1 if str(kind.meaning).startswith("binary") else 2, int(rng.integers(1, 5)))
    made, shares = made_of(rng, kind.meaning, shape, axes=kind.meaning != "mean"), weights(rng, shape[-1])
    k, start, fill = count(rng, 5), seed(rng), word(rng, FILLS)
    options = {"kind": kind.value, "axes": made.axes.value, "weights": shares.value, "rng": start.value}
    options |= {} if name == "ical" else {"fill": fill.value}
    arguments = [kind, made.given, shares, k, start, *([] if name == "ical" else [fill])]
    if name == "batchbald":
        options["exact"] = ALL
    right = all_right(*arguments)
    right = right if fits(made, shape) or right is False else None
    if kind.meaning == "mean":
        right = False

    def compare(batch: Any) -> None:
        p = made.given.meaning
        if p.ndim > 3:
            assert len(batch) == 0
            return
        p, w = label_vectors(p), definitions.settled(shares.meaning, p.shape[-1])
        near = 1e-4 if made.given.narrow and kind.meaning.endswith("logits") else 6e-6
        if name == "ical":
            check_rows(batch, len(p), min(k.meaning, len(p)))
        elif name == "two_bald":
            check_filled(batch, pairwise_gains(p, w), k.meaning, fill.meaning, 6 * near, partial(are_separated, p, w))
        else:
            check_filled(batch, partial(joint_gains, p, w), k.meaning, fill.meaning, near, lambda chosen: False)

    given = {"probs": made.given.value, "k": k.value, **options}
    return Trial(lambda: getattr(alcore, name)(**given), given, compare, right, ("memory",))


@each_part
def test_epig_refuses_or_scores_as_defined(part: int, counts: Counts) -> None:
    hold("epig of kinds", epig_trial, numbers(part, 30_000), counts)


@each_part
def test_masks_and_sets_are_refused_or_reduced_as_defined(part: int, counts: Counts) -> None:
    hold("masks and sets of kinds", reduce_trial, numbers(part, 30_000), counts)


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@each_part
def test_log_det_refuses_or_picks_as_defined(part: int, counts: Counts) -> None:
    hold("log_det", log_det_trial, numbers(part, 30_000), counts)


@pytest.mark.filterwarnings("ignore::alcore.SaturationWarning")
@each_part
def test_joint_batches_refuse_or_pick_as_defined(part: int, counts: Counts) -> None:
    hold("joint batches of kinds", joint_trial, numbers(part, 30_000), counts)
