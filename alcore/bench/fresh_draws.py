"""Is T large enough? What a fresh set of as many draws would pick, from parts of the draws.

Two disjoint parts of the draws are two fresh sets of fewer draws, whatever the heuristic. So the overlap of their batches is
measured, and only the step from half of the draws to all of them is extrapolated.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from alcore.batches.batch import Batch
from alcore.batches.filling import SaturationWarning
from alcore.bench.labels import MOST_BYTES, Ints
from alcore.door import Array, Bools, Float64s, Reading
from alcore.heuristics import Heuristic
from alcore.heuristics.base import Joint
from alcore.heuristics.subsets import with_draws
from alcore.sources.progress import track
from alcore.sources.reading import open_source
from alcore.sources.variances import variances_of

PARTS = (2, 3, 6)  # equal parts of the draws
PARTS_OF_JOINT = (2, 3)  # joint heuristics take a hundred times as long
CUTS_OF_JOINT = 3
MOST_NUMBERS = 2e8  # that one heuristic reads for this: with larger predictions there are fewer cuts
FEWEST_DRAWS = 4  # two in each half
ENOUGH = 0.8  # the overlap for which the number of draws is extrapolated
FARTHEST = 10  # times T: farther nothing is extrapolated
CERTAIN = 0.95
# The logit of the overlap rises with log T nearly by a line. Measured on the sample predictions with six heuristics, T = 6 to 150,
# k = 10 and 50: slopes mostly from 0.5 to 1.1, around 0.75.
SLOPE, SLOPE_ERROR = 0.75, 0.2
SAMPLES = 2_000
ESTIMATES = ("overlap", "low", "high", "enough", "enough_low", "enough_high")


@dataclass(frozen=True, eq=False)
class FreshDraws:
    """What a fresh set of T draws would pick with the same heuristic. `alcore.bench.compare` makes one for each.

    The draws are cut at random into 2, 3 and 6 equal parts, many times. Two parts of m draws are two fresh sets of m draws, so the
    share of picks that their batches have in common is measured without any model. Its logit rises with log m nearly by a line, and
    this line gives the share for T draws. Heuristics that draw at random keep their random numbers, so that only the draws differ.

    Compared with the true overlap of disjoint sets of 20, 50 and 100 out of 1 000 bootstrapped regressions on digits (k = 10), it
    was within 10 points for most heuristics, BatchBALD, 2-BALD and PowerBALD among them. It said 5 to 16 points too much for
    BALD, the mean standard deviation and pairwise KL, and up to 11 for softrank sampling. For ICAL it said 13 points too little
    at 100 draws. So ``enough`` is a rough number: for BALD it said 320 where 500 were needed.
    `benchmarks/bench/fresh_draws_of_all.md` has all.

    Attributes:
        draws: T.
        shares: m -> the share of picks that the batches of two parts of m draws have in common, the mean over parts and cuts.
        overlap: the share of the picks that a fresh set of T draws is expected to pick too, 0 to 1.
        low: lower end of its 95 % interval.
        high: upper end of its 95 % interval.
        certain: (k,) for each pick whether it is among the picks of at least 95 % of all parts of T / 3 draws, as the batch of
            a fresh set of T draws differs about as much. None with fewer than 9 such parts, which cannot show it.
        enough: how many draws would bring the overlap to 80 %, extrapolated. Infinite where that is more than 10 T.
        enough_low: lower end of its 95 % interval.
        enough_high: upper end of its 95 % interval, infinite where that is more than 10 T.
    """

    draws: int
    shares: dict[int, float]
    overlap: float
    low: float
    high: float
    certain: Bools | None
    enough: float
    enough_low: float
    enough_high: float


def fresh_draws(
    heuristics: Mapping[str, tuple[Heuristic, Batch, np.random.Generator]],
    predictions: Any,
    cuts: int,
    seed: int,
    reading: Reading,
    shares: Float64s,
) -> dict[str, FreshDraws]:
    """For each name its heuristic, its batch, and the generator in the state in which it chose this batch."""
    part_of = _reader(predictions, reading, shares)
    kept = {name: with_draws(one, None, reading) for name, (one, _, _) in heuristics.items()}
    picks: dict[str, dict[int, list[list[Ints]]]] = {name: {n: [] for n in PARTS} for name in heuristics}
    order = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturationWarning)
        for cut, _ in track(enumerate(range(cuts), 1), cuts, "cuts of the draws"):
            shuffled = order.permutation(len(shares))
            for parts in PARTS:
                if (size := len(shares) // parts) < 2:
                    continue
                asked = [name for name in heuristics if _takes_part(heuristics[name][0], cut, parts)]
                found: dict[str, list[Ints]] = {name: [] for name in asked}
                for draws in shuffled[: size * parts].reshape(parts, size) if asked else ():
                    given, options = part_of(np.sort(draws))
                    for name in asked:
                        _, batch, generator = heuristics[name]
                        one, rng = with_draws(kept[name], np.sort(draws), Reading(reading.kind)), deepcopy(generator)
                        found[name].append(one.select(given, len(batch), rng=rng, **options).indices)
                for name in asked:
                    picks[name][parts].append(found[name])
    return {name: _summed_up(picks[name], batch.indices, len(shares)) for name, (_, batch, _) in heuristics.items()}


def why_no_parts(source: Any, shares: Float64s, k: int) -> str | None:
    """Why the draws are not cut into parts. None where they are."""
    if np.count_nonzero(shares) < len(shares):
        return "some draws have no weight. Leave these draws out"
    if len(shares) < FEWEST_DRAWS:
        return f"it needs at least {FEWEST_DRAWS} draws, two in each half"
    if not k or not source.rows:
        return "the batches are empty"
    if 4.0 * source.rows * np.prod(source.cell_shape, dtype=np.float64) > MOST_BYTES:
        return f"the predictions do not fit into {MOST_BYTES >> 20} MiB. Compare a part of the rows"
    return None


def cuts_of(source: Any, cuts: int) -> int:
    """How many cuts there are: fewer where the predictions are large."""
    numbers = source.rows * np.prod(source.cell_shape, dtype=np.float64)
    return int(np.clip(MOST_NUMBERS / (len(PARTS) * max(numbers, 1)), 1, cuts))


def _takes_part(heuristic: Heuristic, cut: int, parts: int) -> bool:
    return not isinstance(heuristic, Joint) or (cut <= CUTS_OF_JOINT and parts in PARTS_OF_JOINT)


def _reader(predictions: Any, reading: Reading, shares: Float64s) -> Callable[[Ints], tuple[Array, dict[str, Any]]]:
    """Gives predictions (N, C, ..., m) of some draws, and the options to read them with."""
    source = open_source(predictions, reading)
    variances = variances_of(reading, source)
    blocks, noises = [], []
    for block in source.blocks:
        blocks.append(np.asarray(block))
        if variances is not None:
            noises.append(variances.take(len(block)))
    probs = np.concatenate(blocks)
    noise = np.concatenate(noises) if noises else None
    if noise is not None:  # one for all pixels of a map becomes one for each
        noise = np.broadcast_to(noise, (*probs.shape[:-1], noise.shape[-1]))
    equal = bool((shares == shares[0]).all())

    def part_of(draws: Ints) -> tuple[Array, dict[str, Any]]:
        own = replace(reading.arranged, weights=None if equal else shares[draws])
        if noise is not None:
            own = replace(
                own, variance=noise[..., 0] if noise.shape[-1] == 1 else np.ascontiguousarray(noise[..., draws])
            )
        return np.ascontiguousarray(probs[..., draws]), dict(own.options)

    return part_of


def _summed_up(picks: dict[int, list[list[Ints]]], batch: Ints, draws: int) -> FreshDraws:
    shares = {
        draws // parts: float(np.mean([share for cut in cuts for share in _shares(cut)]))
        for parts, cuts in sorted(picks.items(), reverse=True)
        if cuts
    }
    thirds = [batch_of_part for cut in picks[3] for batch_of_part in cut]
    # Jeffreys' estimate of how often a pick is picked, which 9 parts of 9 bring to 95 %.
    hits = np.sum([np.isin(batch, one) for one in thirds], axis=0) if thirds else np.zeros(len(batch))
    sure = (hits + 0.5) / (len(thirds) + 1) >= CERTAIN
    known = (len(thirds) + 0.5) / (len(thirds) + 1) >= CERTAIN
    return FreshDraws(draws, shares, certain=sure if known else None, **extrapolated(shares, draws, len(batch)))


def extrapolated(shares: dict[int, float], draws: int, k: int) -> dict[str, float]:
    """The overlap of two sets of all draws from those of parts, and the number of draws for 80 %, with intervals.

    Least squares of logit(share) = a + b log(m / T), with b near the slope that was measured elsewhere. Parts are taken to show as
    much as the T / (2 m) pairs of them that have no draw in common, each with the spread of k independent picks.
    """
    sizes, measured = np.array(list(shares), np.float64), np.array(list(shares.values()))
    if (measured == 1).all():
        return dict(zip(ESTIMATES, (1.0, 1.0, 1.0, *[float(sizes.min())] * 3), strict=True))
    least = 0.5 / (k + 1)
    kept = np.clip(measured, least, 1 - least)
    precisions = draws / (2 * sizes) * k * kept * (1 - kept)
    design = np.stack([np.ones(len(sizes)), np.log(sizes / draws)], axis=1)
    prior = np.diag([0.0, SLOPE_ERROR**-2])
    covariance = np.linalg.inv(design.T * precisions @ design + prior)
    centre = covariance @ (design.T @ (precisions * _logit(kept)) + prior @ [0.0, SLOPE])
    lines = np.random.default_rng(0).multivariate_normal(centre, covariance, SAMPLES)
    low, high = 1 / (1 + np.exp(-np.quantile(lines[:, 0], [0.025, 0.975])))
    enough = [_enough(line, draws) for line in (centre, *lines)]
    ends = np.quantile(enough[1:], [0.025, 0.975], method="nearest")
    numbers = (1 / (1 + np.exp(-centre[0])), low, high, enough[0], *ends)
    return {name: float(number) for name, number in zip(ESTIMATES, numbers, strict=True)}


def _logit(share: Any) -> Any:
    return np.log(share / (1 - share))


def _enough(line: Float64s, draws: int) -> float:
    """How many draws bring the overlap to 80 % on this line. Infinite where they are too many to say."""
    times = (_logit(ENOUGH) - line[0]) / max(line[1], SLOPE - 2 * SLOPE_ERROR)
    return float("inf") if times > np.log(FARTHEST) else float(np.ceil(draws * np.exp(times)))


def _shares(batches: list[Ints]) -> Iterator[float]:
    """The share of picks that each two batches have in common."""
    for one, other in combinations(batches, 2):
        yield len(np.intersect1d(one, other)) / len(one)
