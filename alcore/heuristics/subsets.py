"""A heuristic for predictions without some rows or draws, or with other targets: what the heuristic holds is changed likewise."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import copy
from dataclasses import replace
from functools import singledispatch
from typing import Any, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from alcore.batches import select
from alcore.batches.batch import Batch
from alcore.door import Float64s, Reading
from alcore.heuristics.base import Heuristic, RowWise, Scored, Sum
from alcore.heuristics.combine import Combine
from alcore.heuristics.epig import EPIG, BatchEPIG
from alcore.heuristics.precomputed import Precomputed
from alcore.heuristics.reduce import Reduce
from alcore.heuristics.stochastic import Stochastic
from alcore.scores.gaussian import read_means
from alcore.sources.blocks import read_rows
from alcore.sources.reading import PLAIN
from alcore.sources.row_subset import RowSubset, drop_rows

Rows = npt.NDArray[np.int64]
Targeted: TypeAlias = EPIG | BatchEPIG
Change: TypeAlias = Callable[[Targeted], Targeted]


@singledispatch
def without_rows(heuristic: Heuristic, rows: Rows) -> Heuristic:
    """``rows``: different, ascending. Most heuristics hold nothing for a row, and stay as they are."""
    return heuristic


@without_rows.register
def _(heuristic: Precomputed, rows: Rows) -> Heuristic:
    scores = drop_rows(np.asarray(heuristic.scores), rows)
    scores.flags.writeable = False
    kept = copy(heuristic)  # not made anew: to check ten million scores again takes as long as to drop rows of them
    object.__setattr__(kept, "scores", scores)
    return kept


@without_rows.register
def _(heuristic: Sum, rows: Rows) -> Heuristic:
    return Sum(tuple((factor, cast(RowWise, without_rows(term, rows))) for factor, term in heuristic.terms))


@without_rows.register
def _(heuristic: Combine, rows: Rows) -> Heuristic:
    heads = {head: cast(Scored, without_rows(own, rows)) for head, own in heuristic.heuristics.items()}
    return replace(heuristic, heuristics=heads)


@without_rows.register(Reduce)
@without_rows.register(Stochastic)
def _(heuristic: Reduce | Stochastic, rows: Rows) -> Heuristic:
    return replace(heuristic, heuristic=cast(Any, without_rows(heuristic.heuristic, rows)))


@singledispatch
def subset_of(heuristic: Heuristic, subset: RowSubset, predictions: Any, reading: Reading) -> Any:
    """The subset's rows of predictions for a heuristic. Each head is read by its own options."""
    return subset.of(predictions, reading)


@subset_of.register
def _(heuristic: Combine, subset: RowSubset, predictions: Any, reading: Reading) -> Any:
    found = {}
    for head in heuristic._heads(predictions, reading):
        with head.named_in_errors():
            found[head.name] = subset_of(head.heuristic, subset, head.predictions, head.reading)
    return found


@subset_of.register
def _(heuristic: Stochastic, subset: RowSubset, predictions: Any, reading: Reading) -> Any:
    return subset_of(heuristic.heuristic, subset, predictions, reading)


@singledispatch
def with_targets(heuristic: Heuristic, change: Change) -> Heuristic:
    """Each part that asks about targets is changed. Most heuristics have none, and stay as they are."""
    return heuristic


@with_targets.register(EPIG)
@with_targets.register(BatchEPIG)
def _(heuristic: EPIG | BatchEPIG, change: Change) -> Heuristic:
    return change(heuristic)


@with_targets.register
def _(heuristic: Sum, change: Change) -> Heuristic:
    return Sum(tuple((factor, cast(RowWise, with_targets(term, change))) for factor, term in heuristic.terms))


@with_targets.register
def _(heuristic: Combine, change: Change) -> Heuristic:
    heads = {head: cast(Scored, with_targets(own, change)) for head, own in heuristic.heuristics.items()}
    return replace(heuristic, heuristics=heads)


@with_targets.register(Reduce)
@with_targets.register(Stochastic)
def _(heuristic: Reduce | Stochastic, change: Change) -> Heuristic:
    return replace(heuristic, heuristic=cast(Any, with_targets(heuristic.heuristic, change)))


def targets_of(heuristic: Heuristic) -> list[tuple[Any, Any]]:
    """The predictions of each part that asks about targets, and the variances of their noise. None where it has no variances."""
    found = list[tuple[Any, Any]]()

    def note(own: Targeted) -> Targeted:
        found.append((own.targets, None if isinstance(own, BatchEPIG) else own.target_variance))
        return own

    with_targets(heuristic, note)
    return found


def asking_about(heuristic: Heuristic, targets: Iterable[tuple[Any, Any]]) -> Heuristic:
    """The heuristic with other targets and variances, in the order of `targets_of`."""
    following = iter(targets)

    def change(own: Targeted) -> Targeted:
        predictions, variance = next(following)
        if isinstance(own, BatchEPIG):
            return replace(own, targets=predictions)
        return replace(own, targets=predictions, target_variance=variance)

    return with_targets(heuristic, change)


def with_draws(heuristic: Heuristic, draws: Rows | None, reading: Reading = PLAIN) -> Heuristic:
    """``draws``: those that stay, None for all. Predictions that the heuristic holds are read and made probabilities."""

    def change(own: Targeted) -> Targeted:
        if reading.kind == "mean" and isinstance(own, EPIG):
            return _with_draws_of_means(own, draws, reading)
        probs = read_rows(own.targets, reading.of_targets, name="targets")
        return replace(own, targets=probs if draws is None else np.ascontiguousarray(probs[..., draws]))

    return with_targets(heuristic, change)


def _with_draws_of_means(heuristic: EPIG, draws: Rows | None, reading: Reading) -> EPIG:
    given = reading.variance if heuristic.target_variance is None else heuristic.target_variance
    own = replace(reading.of_targets, variance=given)
    means, noise = read_means(heuristic.targets, own, "targets")
    if draws is not None:
        means = np.ascontiguousarray(means[..., draws])
        noise = np.ascontiguousarray(noise[..., draws]) if noise.shape[-1] > 1 else noise
    return replace(heuristic, targets=means, target_variance=noise)


def scores_of(heuristic: Heuristic, predictions: Any, reading: Reading, rng: np.random.Generator) -> Float64s | None:
    """The scores from which a heuristic takes its batch (`choose_from`). None where it chooses in another way."""
    if isinstance(heuristic, Scored | Stochastic):
        return heuristic._score(predictions, reading, rng)
    return None


def choose_from(heuristic: Heuristic, scores: Float64s, k: int, rng: np.random.Generator) -> Batch:
    """The batch that ``heuristic.select`` takes from these scores, which `scores_of` gave for some or all rows."""
    return heuristic._draw(scores, k, rng) if isinstance(heuristic, Stochastic) else select.top(scores, k)
