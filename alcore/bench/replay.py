"""Which heuristic learns fastest? Replay from saved draws, without training.

Two posteriors of the same draws. "gaussian" takes them as the directions of a Gaussian process, which learns hundreds of labels.
"reweighted" takes them as samples, is exact, and ends after a few labels.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from alcore import door
from alcore.batches.filling import SaturationWarning
from alcore.bench.gaussian import EFFECTIVE_DIMENSION, Fit, GaussianRun, fit
from alcore.bench.labels import Ints, LabelledPredictions, refuse_one_class
from alcore.bench.reweighted import (
    EFFECTIVE_DRAWS,
    FEWEST_DRAWS,
    Labelled,
    Points,
    ReweightedRun,
    effective_draws,
    is_exhausted,
)
from alcore.door import Float64s
from alcore.heuristics import BALD, BatchBALD, Heuristic, RowWise, TwoBALD
from alcore.loop.curves import Curves
from alcore.sources.progress import track
from alcore.sources.threads import map_in_order, one_blas_thread

POSTERIORS = ("gaussian", "reweighted")
RESAMPLES = 2_000
HIGHER_IS_BETTER = ("log-likelihood", "accuracy")
METRICS = ("log-likelihood", "accuracy", "Brier score", "calibration error")


class Share(NamedTuple):
    """The share of another heuristic's ``labels`` that this one needs to reach the same metric, with its interval."""

    labels: int
    share: float
    low: float
    high: float


class Gain(NamedTuple):
    """How much better the metric is than that of another heuristic with the same number of ``labels``, with its interval."""

    labels: int
    gain: float
    low: float
    high: float


@dataclass(frozen=True, eq=False)
class Replay:
    """Learning curves of heuristics on saved draws, with the same pools for all. `replay` returns it.

    Attributes:
        size: how many labels are bought at a time.
        steps: how many labels are bought at most.
        curves: name -> `Curves` against the number of labels, one run for each seed. The metrics are "log-likelihood" (nats),
            "accuracy", "Brier score" and "calibration error" of the test set, and "effective dimension" or "effective draws". For
            means of numbers they are "log-likelihood" (the mean log density of the labels, nats) and "RMSE". With posterior
            "gaussian" there is a point for each query, with "reweighted" one for each label. A curve ends before the first run
            with exhausted draws.
        ended: name -> (S,) how many labels each run had bought when it ended.
        exhausted: True if a run ended because its draws were exhausted: the labels had decided over 90 % of their directions, or
            fewer than 2 effective draws were left.
        left_out: name -> why this heuristic cannot be replayed.
        posterior: "gaussian" or "reweighted".
        scale: the scale s of the Gaussian posterior. None for "reweighted".
        fitted: how many labels of the pool chose the scale. No run buys them. 0 where it was given.
    """

    size: int
    steps: int
    curves: dict[str, Curves]
    ended: dict[str, Ints]
    exhausted: bool = False
    left_out: dict[str, str] = field(default_factory=dict)
    posterior: str = "reweighted"
    scale: float | None = None
    fitted: int = 0

    @property
    def horizon(self) -> int:
        """The number of labels that every heuristic reached with every seed. Nothing is compared beyond it."""
        return min((int(curve.labels[-1]) for curve in self.curves.values()), default=0)

    @property
    def metrics(self) -> tuple[str, ...]:
        """The metrics of the test set that the curves have."""
        curve = next(iter(self.curves.values()))
        return tuple(name for name in curve.metrics if name != self.what_is_left)

    @property
    def what_is_left(self) -> str:
        """The curve of what the labels have used of the draws: "effective dimension" or "effective draws"."""
        return EFFECTIVE_DIMENSION if self.posterior == "gaussian" else EFFECTIVE_DRAWS

    def pair(self, name: str, other: str) -> tuple[Curves, Curves]:
        """The curves of two heuristics, up to the number of labels that both reached with every seed."""
        first, second = self.curves[name], self.curves[other]
        both = slice(min(len(first.labels), len(second.labels)))
        return first.at(both), second.at(both)

    def labels_like(
        self, other: str = "random", metric: str = "log-likelihood", level: float = 0.95
    ) -> dict[str, Share]:
        """How many labels each heuristic needs to reach what another one reaches with m labels, as a share of m.

        m is the largest number of labels that both reached with every seed. The mean curves are compared. Intervals are
        percentiles over resampled seeds, the same seeds for both.

        Args:
            other: the name of the heuristic to compare with.
            metric: "log-likelihood", "accuracy", "Brier score" or "calibration error".
            level: confidence of the intervals.

        Returns:
            name -> (labels, share, low, high), where labels is m. A share under 1 is better than the other heuristic. It is
                infinite if m labels are not enough, and NaN if the other curve is not better at m than at the start.
        """
        if other not in self.curves:
            return {}
        sign, runs = 1 if metric in HIGHER_IS_BETTER else -1, len(self.curves[other].seeds)
        resamples = np.random.default_rng(0).integers(runs, size=(RESAMPLES if runs > 1 else 0, runs))
        found = {}
        for name in self.curves:
            if name == other:
                continue
            curve, base = self.pair(name, other)
            values, base_values = sign * curve.metrics[metric], sign * base.metrics[metric]
            shares = [
                _share(curve.labels, values[seeds].mean(axis=0), base_values[seeds].mean(axis=0)) for seeds in resamples
            ]
            share = _share(curve.labels, values.mean(axis=0), base_values.mean(axis=0))
            found[name] = Share(int(curve.labels[-1]), share, *_interval(np.array(shares), level))
        return found

    def gains_over(self, other: str = "random", metric: str = "log-likelihood", level: float = 0.95) -> dict[str, Gain]:
        """How much better the metric of each heuristic is than that of another one with the same m labels.

        m is the largest number of labels that both reached with every seed. Pairs of runs with the same seed are compared. The
        interval of the mean difference is by Student's t.

        Args:
            other: the name of the heuristic to compare with.
            metric: "log-likelihood", "accuracy", "Brier score" or "calibration error".
            level: confidence of the intervals.

        Returns:
            name -> (labels, gain, low, high), where labels is m. The gain is in the metric's units, and above 0 means better.
        """
        if other not in self.curves:
            return {}
        sign, gains = 1 if metric in HIGHER_IS_BETTER else -1, {}
        for name in self.curves:
            curve, base = self.pair(name, other)
            if name != other and curve.labels[-1]:
                differences = sign * (curve.metrics[metric] - base.metrics[metric])[:, -1:]
                low, high = Curves(curve.labels[-1:], {"": differences}, curve.seeds).interval("", level)
                gains[name] = Gain(int(curve.labels[-1]), float(differences.mean()), float(low[0]), float(high[0]))
        return gains


def replay(
    heuristics: Mapping[str, Heuristic],
    pool: Labelled,
    test: Labelled,
    *,
    size: int = 10,
    steps: int = 100,
    seeds: int | Sequence[int] = 20,
    weights: npt.ArrayLike | None = None,
    posterior: str = "gaussian",
    scale: float | None = None,
) -> Replay:
    """Make learning curves of heuristics on saved predictions, without training.

    - ``posterior="gaussian"``: the T draws are the directions of a Gaussian process, and labels update the predictions of all rows,
      as in `alcore.Posterior`. At each step the heuristic ranks 100 new draws of the pool. Draws that lie too close together, as
      those of dropout, are spread by a scale s. It looks as many labels ahead as the directions can tell apart.
    - ``posterior="reweighted"``: the T draws are a posterior sample. When row i gets its known label y_i, Bayes' rule reweights
      them: w_t ∝ w_t · p(y_i | x_i, θ_t). The test set is predicted by Σ_t w_t p_t, and the heuristic chooses again with the new
      weights. This is exact, and ends after a few labels.

    The draws have to be consistent: draw t is the same network for all rows.

    Each seed has its own random numbers and its own pool, the same for all heuristics: nine of ten rows in random order, so that
    ties are broken at random. Intervals over seeds tell how sure the order is for this pool and this test set. They do not tell
    how the heuristics do on other data.

    Args:
        heuristics: name -> heuristic object. Heuristics with scores or weights of rows that were computed before are left out,
            because they cannot choose again.
        pool: predictions (N, C, T) with labels, from `alcore.bench.labelled`, or means from `alcore.bench.labelled_means`.
        test: predictions (M, C, T) with labels by the same draws, from the same function.
        size: how many labels are asked for at a time.
        steps: how many labels are bought at most.
        seeds: how many seeds, from 0 on, or a list of them.
        weights: (T,) weights of the draws before any label.
        posterior: "gaussian" or "reweighted".
        scale: of "gaussian", the scale s. By default the evidence of at most 100 labels of the pool, one of five rows, chooses it
            (`alcore.Posterior.fit_scale`). No run buys these rows.

    Returns:
        A `Replay`. A run of "gaussian" ends when its labels have decided 90 % of the T − 1 directions (the effective dimension
            says how many), one of "reweighted" when fewer than 2 effective draws, 1/Σ w², are left.

    Raises:
        TypeError: for what is not a heuristic object.
        ValueError: for a pool whose labels are all of one class (a test set may have one class), for weights with fewer than 2
            effective draws, for a scale of the reweighted posterior, and if no heuristic is left.

    Cost: for each heuristic and seed, steps / size selections, and with "gaussian" as many updates of the posterior and of the
    predictions, O(N·C·T·100) each. Memory of two pools.

    >>> import alcore, alcore.bench, numpy
    >>> rng = numpy.random.default_rng(0)
    >>> probs = rng.dirichlet(numpy.ones(3), size=(80, 50)).transpose(0, 2, 1)
    >>> labels = rng.integers(3, size=80)
    >>> pool, test = alcore.bench.labelled(probs[:60], labels[:60]), alcore.bench.labelled(probs[60:], labels[60:])
    >>> found = alcore.bench.replay({"bald": alcore.BALD(), "random": alcore.Random()}, pool, test, size=5, steps=15, seeds=2)
    >>> found.curves["random"].metrics["accuracy"].shape[0]
    2
    """
    asked, left_out = _split_heuristics(heuristics)
    if isinstance(pool, LabelledPredictions):
        refuse_one_class(pool.labels, "pool.labels")
    door.as_size(size, "size")
    door.as_size(steps, "steps")
    numbers = np.arange(door.as_size(seeds, "seeds")) if isinstance(seeds, int) else np.array(seeds, np.int64)
    prior = door.as_shares(door.as_weights(weights, pool.draws), pool.draws)
    if effective_draws(prior) < FEWEST_DRAWS:
        raise ValueError(
            f"weights: expected at least {FEWEST_DRAWS:.0f} effective draws before any label, got {effective_draws(prior):.3g}. "
            "Predict with more draws, or leave weights out."
        )
    if as_posterior(posterior) == "reweighted" and scale is not None:
        raise ValueError("scale: expected None, as the reweighted posterior has no scale, got one. Leave scale out.")
    given = None if scale is None else door.as_scale(scale)
    same_as = _same_first_pick(asked) if size == 1 else {}
    jobs = [(seed, name) for seed in numbers.tolist() for name in asked if name not in same_as]

    def run(job: tuple[int, str]) -> tuple[tuple[int, str], Points]:
        seed, name = job
        return job, _run_of(how, asked[name], name, pool, test, seed, prior).points(size, steps)

    # Threads of BLAS beside those of the replays: eight heuristics took 98 s, and 52 s with one BLAS thread each.
    with warnings.catch_warnings(), one_blas_thread():
        warnings.simplefilter("ignore", SaturationWarning)
        how = None if posterior == "reweighted" else fit(pool, prior, given)
        running = enumerate(map_in_order(run, iter(jobs)), 1)
        done = dict(finished for _, finished in track(running, len(jobs), f"replays, {size} at a time"))
    runs = {name: [done[seed, same_as.get(name, name)] for seed in numbers.tolist()] for name in asked}
    curves = {name: _curves(of_seeds, numbers) for name, of_seeds in runs.items()}
    ended = {name: np.array([max(points) for points in of_seeds], np.int64) for name, of_seeds in runs.items()}
    found = Replay(size, steps, curves, ended, any(map(is_exhausted, done.values())), left_out, posterior)
    return found if how is None else replace(found, scale=how.scale, fitted=how.rows)


def as_posterior(posterior: str) -> str:
    """How labels update the predictions of a replay."""
    if posterior not in POSTERIORS:
        raise ValueError(f"posterior: expected 'gaussian' or 'reweighted', got {door.shown(posterior)}.")
    return posterior


def _run_of(
    how: Fit | None, heuristic: Heuristic, name: str, pool: Labelled, test: Labelled, seed: int, prior: Float64s
) -> GaussianRun | ReweightedRun:
    if how is None:
        return ReweightedRun(heuristic, name, pool, test, seed, prior)
    return GaussianRun(heuristic, name, how.pool, test, seed, prior, how.scale)


def _split_heuristics(heuristics: Mapping[str, Heuristic]) -> tuple[dict[str, Heuristic], dict[str, str]]:
    """The heuristics that are replayed, and the reasons why the others are not."""
    asked, left_out = dict[str, Heuristic](), dict[str, str]()
    for name, one in heuristics.items():
        if not isinstance(one, Heuristic):
            raise TypeError(f"heuristics[{name!r}]: expected an object such as BALD(), got {one!r}.")
        if _holds_scores(one):
            left_out[name] = "its scores were computed before, so they do not learn from labels"
        else:
            asked[name] = one
    if not asked:
        raise ValueError("heuristics: expected at least one that scores predictions, such as BALD(), got none.")
    return asked, left_out


def _holds_scores(heuristic: Heuristic) -> bool:
    """True if it holds scores for the rows of one pool, as `alcore.Precomputed` does."""
    inner = getattr(heuristic, "heuristic", heuristic)
    return isinstance(inner, RowWise) and inner.rows is not None


def _same_first_pick(asked: Mapping[str, Heuristic]) -> dict[str, str]:
    """Asked for one row, BatchBALD and 2-BALD choose as BALD does, so one run is enough: name -> the name that is run."""
    same = [name for name, one in asked.items() if isinstance(one, BALD | BatchBALD | TwoBALD)]
    return dict.fromkeys(same[1:], same[0]) if same else {}


def _curves(runs: Sequence[Points], seeds: Ints) -> Curves:
    """Curves up to the largest number of labels at which no run was exhausted."""
    usable = [set(points) - ({max(points)} if is_exhausted(points) else set()) for points in runs]
    labels = np.array(sorted(set.intersection(*usable)), np.int64)
    names = [*runs[0][0]]
    metrics = {name: np.array([[points[n][name] for n in labels.tolist()] for points in runs]) for name in names}
    return Curves(labels, metrics, seeds)


def _share(labels: Ints, values: Float64s, other: Float64s) -> float:
    """The number of labels at which a curve reaches the last value of another, as a share of the last number of labels."""
    if not other[-1] > other[0]:
        return float("nan")
    curve = Curves(labels, {"": values[None]}, np.zeros(1, np.int64))
    return float(curve.labels_to("", float(other[-1]))[0] / labels[-1])


def _interval(shares: Float64s, level: float) -> tuple[float, float]:
    """Percentiles of shares. A NaN, for a resample that has no share, widens the interval."""
    if not len(shares):
        return float("nan"), float("nan")
    low, high = (np.where(np.isnan(shares), end, shares) for end in (0.0, np.inf))
    outside = (1 - level) / 2
    return float(np.quantile(low, outside, method="nearest")), float(np.quantile(high, 1 - outside, method="nearest"))
